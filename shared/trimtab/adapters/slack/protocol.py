"""Our messages → Slack's arguments, and Slack's answers → ours. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from trimtab.errors import BadInput, Gone, Refused, TrimtabError, Upstream
from trimtab.ports import MessageRef
from trimtab.records import Json

EVENT_TYPE = "trimtab"
PAGE = 200
MOST_PAGES = 10
"""Where a nonce is looked for: the newest 2,000 messages. An intent is resumed within hours."""

_OUR_FAULT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "no_text", "invalid_arguments", "metadata_too_large"})
_GONE = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
_ADVICE = {
    "channel_not_found": "give a channel id of this workspace, and invite the app",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived; name another",
    "restricted_action": "the workspace forbids posting there",
    "cant_update_message": "the card was not posted by this app",
    "cant_delete_message": "the message was not posted by this app",
    "edit_window_closed": "the workspace forbids editing; allow it for apps",
}


def check_url(url: str) -> str:
    """The API's base URL. Raises BadInput for one that would carry the token in the clear."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise BadInput(f"settings.slack_url: {url!a}: expected https")
    return url if url.endswith("/") else f"{url}/"


def post(channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None) -> dict[str, Any]:
    """Arguments of chat.postMessage. Links are not unfurled: a card shows what we wrote and nothing else."""
    arguments: dict[str, Any] = {
        "channel": channel,
        "blocks": list(blocks),
        "text": _escaped(text),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"nonce": nonce}},
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return arguments | ({"thread_ts": thread.ts} if thread else {})


def update(ref: MessageRef, blocks: Sequence[Json], text: str) -> dict[str, Any]:
    """Arguments of chat.update; metadata that is not mentioned stays."""
    return {"channel": ref.channel, "ts": ref.ts, "blocks": list(blocks), "text": _escaped(text)}


def _escaped(text: str) -> str:
    """Blocks are shown as they are, but this is mrkdwn, in which `<!channel>` calls everybody.

    "Replace the ampersand, less-than sign and greater-than sign" (https://docs.slack.dev/messaging/formatting-message-text).
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def page(channel: str, thread: MessageRef | None, cursor: str) -> tuple[str, dict[str, Any]]:
    """Method and arguments of one page of a channel, or of a thread."""
    arguments: dict[str, Any] = {"channel": channel, "limit": PAGE, "include_all_metadata": True}
    arguments |= {"cursor": cursor} if cursor else {}
    return ("conversations.replies", arguments | {"ts": thread.ts}) if thread else ("conversations.history", arguments)


def ref_of(answer: Mapping[str, Any]) -> MessageRef:
    """Where a message was posted."""
    channel, ts = answer.get("channel"), answer.get("ts")
    if not isinstance(channel, str) or not isinstance(ts, str):
        raise Upstream("Slack: chat.postMessage: the answer names no channel and ts")
    return MessageRef(channel, ts)


def found(answer: Mapping[str, Any], channel: str, nonce: str) -> MessageRef | None:
    """The message of one page that carries our nonce; of several the first that was posted, whichever way the page is sorted."""
    times = [str(message["ts"]) for message in answer.get("messages") or [] if _carries(message, nonce)]
    return MessageRef(channel, min(times)) if times else None


def _carries(message: Mapping[str, Any], nonce: str) -> bool:
    metadata = message.get("metadata") or {}
    return metadata.get("event_type") == EVENT_TYPE and (metadata.get("event_payload") or {}).get("nonce") == nonce


def next_cursor(answer: Mapping[str, Any]) -> str:
    """Where the next page begins; "" = there is none."""
    return str((answer.get("response_metadata") or {}).get("next_cursor") or "")


def refusal(method: str, status: int, answer: Mapping[str, Any], headers: Mapping[str, Any]) -> TrimtabError:
    """The error for an answer that is not ok."""
    code = str(answer.get("error") or f"HTTP {status}")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        after = next((value for name, value in headers.items() if name.lower() == "retry-after"), "unknown")
        return Upstream(f"Slack: {method}: too many calls; again after {after} s")
    if code in _OUR_FAULT:
        details = "; ".join(str(text) for text in (answer.get("response_metadata") or {}).get("messages") or [])
        return BadInput(f"Slack: {method}: {code}{': ' if details else ''}{details[:300]}")
    if code in _GONE:
        return Gone(f"Slack: {method}: {code}: the message was deleted")
    if code in _ADVICE:
        return Refused(f"Slack: {method}: {code}: {_ADVICE[code]}")
    # Wrong tokens and missing scopes too: an operator mends them, and then the same event must still be done.
    return Upstream(f"Slack: {method}: {code}")
