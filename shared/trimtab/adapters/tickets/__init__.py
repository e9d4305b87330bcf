"""Tickets of the tenant's own system: Jira or ServiceNow; a write is sent once."""

import httpx

from trimtab.adapters.http import client_for
from trimtab.adapters.tickets.api import TicketApi
from trimtab.adapters.tickets.jira import JiraTickets
from trimtab.adapters.tickets.servicenow import ServiceNowTickets
from trimtab.ports import Tickets
from trimtab.settings import Settings


def tickets_of(settings: Settings, transport: httpx.BaseTransport | None = None) -> Tickets | None:
    """The deployment's ticket system; None = it names none, or has no token for it here."""
    system = settings.ticket_system
    if system is None or settings.ticket_token is None:
        return None
    api = TicketApi.of(system, settings.ticket_token.get_secret_value(), client_for(system.url, settings, transport))
    return JiraTickets(api, is_cloud=bool(system.user)) if system.kind == "jira" else ServiceNowTickets(api)


__all__ = ["JiraTickets", "ServiceNowTickets", "tickets_of"]
