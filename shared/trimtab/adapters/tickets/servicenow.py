"""ServiceNow's Table API: incidents, and the change requests that rules may ask for; both are found by `correlation_id`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from trimtab.adapters.tickets.api import TicketApi, check_mark, text_of
from trimtab.errors import Upstream
from trimtab.ports import Ticket
from trimtab.records import ChangeRequest

INCIDENTS, CHANGES = "/api/now/table/incident", "/api/now/table/change_request"
LONGEST_TITLE = 160


@dataclass(frozen=True, slots=True)
class ServiceNowTickets:
    """Incidents of one assignment group."""

    system: ClassVar[str] = "servicenow"
    api: TicketApi

    def find(self, correlation: str) -> Ticket | None:
        """The oldest incident with our correlation id."""
        row = self._first(INCIDENTS, f"correlation_id={check_mark(correlation)}^ORDERBYsys_created_on", "sys_id,number,active")
        return None if row is None else self._ticket(row)

    def open(self, correlation: str, *, project: str, title: str, text: str) -> Ticket:
        """Create one incident for the group; sent once."""
        body = {
            "short_description": title[:LONGEST_TITLE],
            "description": text,
            "assignment_group": project,
            "correlation_id": check_mark(correlation),
            "correlation_display": "Trimtab",
        }
        row = self.api.ask("POST", INCIDENTS, body=body, params={"sysparm_fields": "sys_id,number,active"}).get("result")
        if not isinstance(row, dict):
            raise Upstream(f"ServiceNow: {INCIDENTS}: result: expected an object")
        return self._ticket(row)

    def change_request(self, correlation: str) -> ChangeRequest | None:
        """The newest change request with that correlation id, in the words that people see."""
        query = f"correlation_id={check_mark(correlation)}^ORDERBYDESCsys_created_on"
        row = self._first(CHANGES, query, "sys_id,number,state,approval")
        if row is None:
            return None
        place = f"ServiceNow: {CHANGES}"
        return ChangeRequest(
            number=text_of(row, "number", place),
            state=text_of(row, "state", place).lower(),
            approval=str(row.get("approval") or "").lower(),
            url=f"{self.api.url}/nav_to.do?uri=change_request.do?sys_id={text_of(row, 'sys_id', place)}",
        )

    def _first(self, table: str, query: str, fields: str) -> dict[str, Any] | None:
        params = {"sysparm_query": query, "sysparm_fields": fields, "sysparm_limit": "1", "sysparm_display_value": "true"}
        rows = self.api.ask("GET", table, params=params).get("result")
        if not isinstance(rows, list):
            raise Upstream(f"ServiceNow: {table}: result: expected a list")
        return rows[0] if rows and isinstance(rows[0], dict) else None

    def _ticket(self, row: dict[str, Any]) -> Ticket:
        place = f"ServiceNow: {INCIDENTS}"
        key = text_of(row, "number", place)
        url = f"{self.api.url}/nav_to.do?uri=incident.do?sys_id={text_of(row, 'sys_id', place)}"
        return Ticket(key=key, url=url, is_open=str(row.get("active")).lower() != "false")
