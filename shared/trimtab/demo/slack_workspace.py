"""A small Slack on loopback: it takes what Slack takes, refuses what Slack refuses, and keeps every message in one directory.

A message is one file, written aside and renamed, so that a kill at any moment loses at most the answer, as with the real one.
`click` gives the signed request that Slack would send for a button; nobody but the demo and the tests has this signing secret.
"""

import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from trimtab.demo.slack_blocks import problems
from trimtab.demo.slack_people import BOT_USER, TEAM, People
from trimtab.errors import BadInput
from trimtab.sources.senders import Request, sign_slack

BOT = "B0TRIMTAB"
_CHANNEL_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
Message = dict[str, Any]
Answer = dict[str, Any]


class Card(Protocol):
    """Anything that says where a message stands."""

    @property
    def channel(self) -> str:
        """Channel id."""

    @property
    def ts(self) -> str:
        """Time stamp."""


class _Refused(Exception):
    """Slack's way to say no."""

    def __init__(self, code: str, *details: str) -> None:
        super().__init__(code)
        self.answer: Answer = {"ok": False, "error": code} | ({"response_metadata": {"messages": list(details)}} if details else {})


@dataclass(frozen=True, slots=True)
class SlackWorkspace:
    """One workspace in one directory."""

    root: Path
    token: str
    signing_secret: str
    scopes: frozenset[str] = frozenset({"users:read", "users:read.email", "usergroups:read", "im:write"})
    """What the app may read about people."""

    @property
    def people(self) -> People:
        """Who is in it."""
        return People(self.root / "people.json")

    @contextmanager
    def running(self, port: int = 0, *, is_busy: Callable[[str], bool] = lambda _method: False) -> Iterator[str]:
        """Serve the Web API on 127.0.0.1; the base URL. A call of a method that is busy is answered with 429, and does nothing."""
        server = ThreadingHTTPServer(("127.0.0.1", port), _served_by(self, is_busy))
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def messages(self, channel: str) -> list[Message]:
        """Every message of a channel, threads included, oldest first."""
        folder = self._folder(channel)
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]

    def message(self, channel: str, ts: str) -> Message | None:
        """One message, or None."""
        path = self._folder(channel) / f"{ts}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def click(self, card: Card, action: str, *, user: str, at: datetime, reason: str = "") -> Request:
        """The request that Slack sends when `user` presses `action` in a message, or chooses `reason` in its select.

        Raises BadInput where the message has no such element: what is not on the card cannot be pressed.
        """
        message = self.message(card.channel, card.ts)
        if message is None:
            raise BadInput(f"Slack demo: no message {card.ts} in {card.channel}")
        block, element = _element(message, action)
        pressed = {
            "action_id": action,
            "block_id": block.get("block_id", ""),
            "type": element["type"],
            "action_ts": f"{at.timestamp():.6f}",
        }
        if element["type"] == "button":
            pressed |= {"value": element.get("value", ""), "text": element["text"]}
        else:
            pressed |= {"selected_option": _option(element, reason)}
        payload = {
            "type": "block_actions",
            "team": {"id": TEAM, "domain": "demo"},
            "user": {"id": user, "team_id": TEAM},
            "api_app_id": "A0TRIMTAB",
            "container": {"type": "message", "message_ts": card.ts, "channel_id": card.channel, "is_ephemeral": False},
            "channel": {"id": card.channel, "name": "demo"},
            "message": message,
            "actions": [pressed],
        }
        return self.signed(urlencode({"payload": json.dumps(payload, sort_keys=True)}), at)

    def command(self, text: str, *, user: str, channel: str, at: datetime) -> Request:
        """The request that Slack sends for `/trimtab <text>`."""
        fields = {
            "team_id": TEAM,
            "channel_id": channel,
            "user_id": user,
            "command": "/trimtab",
            "text": text,
            "trigger_id": at.isoformat(),
        }
        return self.signed(urlencode(fields), at)

    def signed(self, form: str, at: datetime) -> Request:
        """A form as Slack posts it."""
        body, timestamp = form.encode(), str(int(at.timestamp()))
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": sign_slack(self.signing_secret, timestamp, body),
        }
        return Request("/slack", headers, body)

    def answer(self, method: str, token: str, arguments: Mapping[str, Any]) -> Answer:
        """Slack's answer to one call of its Web API."""
        if not self.token or not hmac.compare_digest(token.encode(), self.token.encode()):
            return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
        call = _METHODS.get(method)
        if call is None:
            return {"ok": False, "error": "unknown_method"}
        try:
            with _WRITES:
                return {"ok": True} | call(self, arguments)
        except _Refused as refused:
            return refused.answer

    def auth_test(self, arguments: Mapping[str, Any]) -> Answer:
        """auth.test."""
        del arguments
        return {"url": "http://127.0.0.1/", "team": "demo", "user": "trimtab", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT}

    def post_message(self, arguments: Mapping[str, Any]) -> Answer:
        """chat.postMessage."""
        channel = self._channel(arguments)
        message = self._kept(channel, arguments, "messages")
        return {"channel": channel, "ts": message["ts"], "message": message}

    def post_ephemeral(self, arguments: Mapping[str, Any]) -> Answer:
        """chat.postEphemeral: shown to one person, and not part of any history."""
        if not arguments.get("user"):
            raise _Refused("invalid_arguments", "user: required")
        message = self._kept(self._channel(arguments), arguments, "ephemeral")
        return {"message_ts": message["ts"]}

    def update(self, arguments: Mapping[str, Any]) -> Answer:
        """chat.update: what is not given stays, but for the blocks, which are replaced."""
        channel, ts = self._channel(arguments), str(arguments.get("ts", ""))
        before = self.message(channel, ts) if ts.replace(".", "").isdigit() else None
        if before is None:
            raise _Refused("message_not_found")
        content = _content(arguments)
        message = before | content | {"edited": {"user": BOT_USER, "ts": ts}}
        _write(self._folder(channel) / f"{ts}.json", message)
        return {"channel": channel, "ts": ts, "text": message["text"], "message": message}

    def delete(self, arguments: Mapping[str, Any]) -> Answer:
        """chat.delete: of one's own messages, and all here are."""
        channel, ts = self._channel(arguments), str(arguments.get("ts", ""))
        if not ts.replace(".", "").isdigit() or self.message(channel, ts) is None:
            raise _Refused("message_not_found")
        # Its number stays taken.
        (self._folder(channel) / f"{ts}.json").rename(self._folder(channel) / f"{ts}.deleted")
        return {"channel": channel, "ts": ts}

    def history(self, arguments: Mapping[str, Any]) -> Answer:
        """conversations.history: newest first, without what stands in threads."""
        messages = self.messages(self._channel(arguments))
        return _page([message for message in reversed(messages) if message.get("thread_ts", message["ts"]) == message["ts"]], arguments)

    def replies(self, arguments: Mapping[str, Any]) -> Answer:
        """conversations.replies: a thread, oldest first, its parent included."""
        ts = arguments.get("ts")
        thread = [message for message in self.messages(self._channel(arguments)) if ts in (message["ts"], message.get("thread_ts"))]
        if not thread:
            raise _Refused("thread_not_found")
        return _page(thread, arguments)

    def user_info(self, arguments: Mapping[str, Any]) -> Answer:
        """users.info."""
        self._need("users:read")
        user = self.people.find(str(arguments.get("user", "")))
        if user is None:
            raise _Refused("user_not_found")
        return {"user": self._shown(user)}

    def user_by_email(self, arguments: Mapping[str, Any]) -> Answer:
        """users.lookupByEmail."""
        self._need("users:read.email")
        user = self.people.of_email(str(arguments.get("email", "")))
        if user is None:
            raise _Refused("users_not_found")
        return {"user": self._shown(user)}

    def open_direct(self, arguments: Mapping[str, Any]) -> Answer:
        """conversations.open with one person."""
        self._need("im:write")
        user = self.people.find(str(arguments.get("users", "")))
        if user is None:
            raise _Refused("user_not_found")
        return {"channel": {"id": f"D{str(user['id'])[1:]}"}}

    def group_users(self, arguments: Mapping[str, Any]) -> Answer:
        """usergroups.users.list."""
        self._need("usergroups:read")
        users = self.people.in_group(str(arguments.get("usergroup", "")))
        if users is None:
            raise _Refused("no_such_subteam")
        return {"users": users}

    def _shown(self, user: Mapping[str, Any]) -> Mapping[str, Any]:
        """An address is shown to whoever may look people up by it."""
        return user if "users:read.email" in self.scopes else {**user, "profile": {}}

    def _need(self, scope: str) -> None:
        if scope not in self.scopes:
            raise _Refused("missing_scope")

    def _kept(self, channel: str, arguments: Mapping[str, Any], kind: str) -> Message:
        message: Message = {"type": "message", "user": BOT_USER, "bot_id": BOT} | _content(arguments)
        if arguments.get("thread_ts"):
            message["thread_ts"] = str(arguments["thread_ts"])
        folder = self._folder(channel, kind)
        folder.mkdir(parents=True, exist_ok=True)
        # Numbered, not timed: a demo that is run again gives the same ids.
        newest = max((int(path.stem.split(".")[0]) for path in folder.glob("[0-9]*")), default=1_700_000_000)
        message["ts"] = f"{newest + 1}.000100"
        _write(folder / f"{message['ts']}.json", message)
        return message

    def _channel(self, arguments: Mapping[str, Any]) -> str:
        channel = str(arguments.get("channel", ""))
        if not channel.startswith(("C", "G", "D", "U")) or not set(channel) <= _CHANNEL_LETTERS:
            raise _Refused("channel_not_found")
        return channel

    def _folder(self, channel: str, kind: str = "messages") -> Path:
        return self.root / kind / channel


_WRITES = Lock()
_METHODS: Mapping[str, Callable[[SlackWorkspace, Mapping[str, Any]], Answer]] = {
    "auth.test": SlackWorkspace.auth_test,
    "chat.delete": SlackWorkspace.delete,
    "chat.postMessage": SlackWorkspace.post_message,
    "chat.postEphemeral": SlackWorkspace.post_ephemeral,
    "chat.update": SlackWorkspace.update,
    "conversations.history": SlackWorkspace.history,
    "conversations.open": SlackWorkspace.open_direct,
    "conversations.replies": SlackWorkspace.replies,
    "usergroups.users.list": SlackWorkspace.group_users,
    "users.info": SlackWorkspace.user_info,
    "users.lookupByEmail": SlackWorkspace.user_by_email,
}


def _content(arguments: Mapping[str, Any]) -> Message:
    blocks, text = arguments.get("blocks", []), arguments.get("text", "")
    wrong = problems(blocks, text)
    if wrong:
        raise _Refused("no_text" if wrong[0].startswith("text: required") else "invalid_blocks", *wrong[:10])
    metadata = arguments.get("metadata")
    return {"text": text, "blocks": blocks} | ({"metadata": metadata} if metadata else {})


def _page(messages: list[Message], arguments: Mapping[str, Any]) -> Answer:
    limit, start = min(int(arguments.get("limit", 100)), 999), int(str(arguments.get("cursor") or 0))
    shown = messages[start : start + limit]
    if str(arguments.get("include_all_metadata", "")).lower() not in ("1", "true"):
        shown = [{name: value for name, value in message.items() if name != "metadata"} for message in shown]
    end = start + limit
    return {
        "messages": shown,
        "has_more": end < len(messages),
        "response_metadata": {"next_cursor": str(end) if end < len(messages) else ""},
    }


def _element(message: Message, action: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for block in message["blocks"]:
        for element in [*(block.get("elements") or []), block.get("accessory") or {}]:
            if element.get("action_id") == action:
                return block, element
    raise BadInput(f"Slack demo: message {message['ts']} has no element {action!r} to press")


def _option(element: Mapping[str, Any], reason: str) -> dict[str, Any]:
    for option in element["options"]:
        if not reason or str(option["value"]).split(" ")[-1] == reason:
            return dict(option)
    raise BadInput(f"Slack demo: no option {reason!r} to choose")


def _write(path: Path, message: Message) -> None:
    aside = path.with_suffix(".partial")
    with aside.open("w") as file:
        json.dump(message, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


RETRY_AFTER = 1
"""Seconds: about one message a second is what Slack takes in a channel."""


def _served_by(workspace: SlackWorkspace, is_busy: Callable[[str], bool]) -> type[BaseHTTPRequestHandler]:
    """The HTTP face of a workspace."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: with two, the second waits 40 ms for the first one's acknowledgment.
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            token = self.headers.get("authorization", "").removeprefix("Bearer ").strip()
            method = self.path.rsplit("/", 1)[-1]
            busy = is_busy(method)
            arguments = _arguments(self.headers.get("content-type", ""), body)
            answer = {"ok": False, "error": "ratelimited"} if busy else workspace.answer(method, token, arguments)
            content = json.dumps(answer).encode()
            self.send_response(429 if busy else 200)
            if busy:
                self.send_header("retry-after", str(RETRY_AFTER))
            self.send_header("content-type", "application/json; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Quiet."""

    return Handler


def _arguments(content_type: str, body: bytes) -> dict[str, Any]:
    try:
        if "json" in content_type:
            value = json.loads(body or b"{}")
            return value if isinstance(value, dict) else {}
        fields = dict(parse_qsl(body.decode()))
        return {name: json.loads(value) if name in ("blocks", "metadata") else value for name, value in fields.items()}
    except ValueError:
        return {}
