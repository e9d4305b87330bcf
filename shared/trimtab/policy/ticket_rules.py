"""`tickets` in config.yaml: which findings become a ticket, and where."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from trimtab.policy.budget_rules import AmountText
from trimtab.policy.values import Strict
from trimtab.records import TicketRules


class TicketsModel(Strict):
    """When a finding becomes a ticket in the tenant's own system."""

    system: Literal["jira", "servicenow"]
    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$")]
    """Jira project key, or ServiceNow assignment group."""
    saving_at_least: AmountText | Annotated[int, Field(ge=0, le=10**12)]
    """A month, in the config's currency; with decimals as a text."""
    without_owner: bool = True


def ticket_rules(model: TicketsModel | None) -> TicketRules | None:
    """The model as the record that flows read; None = no tickets."""
    return TicketRules(**{**model.model_dump(), "saving_at_least": Decimal(model.saving_at_least)}) if model else None
