"""Jira Cloud (an account's e-mail and API token) and Jira Data Center (a personal access token), version 2 of its API.

Version 2 takes a description as plain text. Cloud removed the old search; its new one answers with ids alone unless fields are named,
and may not show yet what was opened a moment ago.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from trimtab.adapters.tickets.api import TicketApi, check_mark, text_of
from trimtab.ports import Ticket
from trimtab.records import ChangeRequest

LONGEST_SUMMARY = 250
FIELDS = ["status"]


@dataclass(frozen=True, slots=True)
class JiraTickets:
    """Issues, found again by a label."""

    system: ClassVar[str] = "jira"
    api: TicketApi
    is_cloud: bool

    def find(self, correlation: str) -> Ticket | None:
        """The oldest issue with our label."""
        jql = f'labels = "{check_mark(correlation)}" ORDER BY created ASC'
        path = "/rest/api/2/search/jql" if self.is_cloud else "/rest/api/2/search"
        answer = self.api.ask("POST", path, body={"jql": jql, "fields": FIELDS, "maxResults": 1})
        issues = answer.get("issues")
        return self._ticket(issues[0]) if isinstance(issues, list) and issues and isinstance(issues[0], dict) else None

    def open(self, correlation: str, *, project: str, title: str, text: str) -> Ticket:
        """Create one issue of type Task; sent once."""
        fields = {
            "project": {"key": project},
            "issuetype": {"name": "Task"},
            "summary": title[:LONGEST_SUMMARY],
            "description": text,
            "labels": ["trimtab", check_mark(correlation)],
        }
        answer = self.api.ask("POST", "/rest/api/2/issue", body={"fields": fields})
        key = text_of(answer, "key", "Jira: /rest/api/2/issue")
        return Ticket(key=key, url=self._url(key), is_open=True)

    def change_request(self, correlation: str) -> ChangeRequest | None:
        """Jira has no change requests that we read: None, which a rule that asks for one takes for unknown."""
        del correlation
        return None

    def _ticket(self, issue: dict[str, Any]) -> Ticket:
        key = text_of(issue, "key", "Jira: an issue")
        fields = issue.get("fields")
        status = fields.get("status") if isinstance(fields, dict) else None
        category = status.get("statusCategory") if isinstance(status, dict) else None
        is_done = isinstance(category, dict) and category.get("key") == "done"
        return Ticket(key=key, url=self._url(key), is_open=not is_done)

    def _url(self, key: str) -> str:
        return f"{self.api.url}/browse/{key}"
