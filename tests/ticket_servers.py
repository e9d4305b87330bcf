"""A Jira and a ServiceNow on loopback: what their published interfaces take and answer, as far as we speak to them, and no more."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

TOKEN = "ticket-token-of-the-tests"
USER = "bot@example.com"
Answer = tuple[int, dict[str, Any]]


class System(Protocol):
    """What answers."""

    requests: list[tuple[str, str, dict[str, Any]]]
    authorization: str
    fail: list[int]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer: ...


@dataclass
class Jira:
    """Issues of one site."""

    is_cloud: bool = True
    authorization: str = "Basic " + b64encode(f"{USER}:{TOKEN}".encode()).decode()
    issues: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    fail: list[int] = field(default_factory=list)
    lags: bool = False
    """The search does not show yet what was opened."""

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        del query
        if (method, path) == ("POST", "/rest/api/2/issue"):
            return self._create(body)
        if (method, path) == ("POST", "/rest/api/2/search") and self.is_cloud:
            return 410, {"errorMessages": ["The requested API has been removed."]}
        if (method, path) == ("POST", "/rest/api/2/search/jql" if self.is_cloud else "/rest/api/2/search"):
            return self._search(body)
        return 404, {"errorMessages": ["not found"]}

    def _create(self, body: dict[str, Any]) -> Answer:
        fields = body.get("fields", {})
        missing = {name for name in ("project", "issuetype", "summary") if name not in fields}
        bad_labels = [label for label in fields.get("labels", []) if " " in label]
        if missing or bad_labels or len(fields["summary"]) > 255 or "\n" in fields["summary"] or not isinstance(fields["description"], str):
            return 400, {"errorMessages": [], "errors": {"fields": f"wrong: {sorted(missing)} {bad_labels}"}}
        if fields["project"] != {"key": "COST"}:
            return 400, {"errors": {"project": "project is required"}}
        status = {"name": "To Do", "statusCategory": {"key": "new"}}
        self.issues.append(
            {"id": str(10000 + len(self.issues)), "key": f"COST-{len(self.issues) + 1}", "fields": {**fields, "status": status}}
        )
        return 201, {name: self.issues[-1][name] for name in ("id", "key")}

    def _search(self, body: dict[str, Any]) -> Answer:
        asked = re.fullmatch(r'labels = "([^"]+)" ORDER BY created ASC', body["jql"])
        assert asked, body["jql"]
        found = [issue for issue in self.issues if asked[1] in issue["fields"]["labels"] and not self.lags]
        named = body.get("fields") or []
        shown = [{"id": issue["id"], "key": issue["key"], "fields": {name: issue["fields"][name] for name in named}} for issue in found]
        return 200, {"issues": shown[: body.get("maxResults", 50)], "isLast": True}


@dataclass
class ServiceNow:
    """Two tables of one instance."""

    authorization: str = f"Bearer {TOKEN}"
    incidents: list[dict[str, str]] = field(default_factory=list)
    changes: list[dict[str, str]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    fail: list[int] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        tables = {"/api/now/table/incident": self.incidents, "/api/now/table/change_request": self.changes}
        rows = tables.get(path)
        if rows is None:
            return 400, {"error": {"message": "Invalid table"}, "status": "failure"}
        fields = query["sysparm_fields"].split(",")
        if method == "POST":
            rows.append({**body, "sys_id": f"{len(rows):032x}", "number": f"INC{len(rows):07}", "active": "true"})
            return 201, {"result": {name: rows[-1][name] for name in fields}}
        asked = re.fullmatch(r"correlation_id=([^^]+)\^ORDERBY(DESC)?sys_created_on", query["sysparm_query"])
        assert asked, query
        found = [row for row in rows if row["correlation_id"] == asked[1]]
        ordered = found[::-1] if asked[2] else found
        return 200, {"result": [{name: row.get(name, "") for name in fields} for row in ordered[: int(query["sysparm_limit"])]]}


@contextmanager
def serving(system: System) -> Iterator[str]:
    """Its URL, while it answers; a status in `fail` is answered once instead, before anything happens."""

    class Handler(BaseHTTPRequestHandler):
        def _answered(self) -> None:
            url, size = urlsplit(self.path), int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            system.requests.append((self.command, url.path, body))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if self.headers.get("authorization") != system.authorization:
                status, answer = 401, {"error": "who are you"}
            elif system.fail:
                status, answer = system.fail.pop(0), {"error": "as the test wants"}
            else:
                status, answer = system.answer(self.command, url.path, query, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def do_GET(self) -> None:
            self._answered()

        def do_POST(self) -> None:
            self._answered()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
