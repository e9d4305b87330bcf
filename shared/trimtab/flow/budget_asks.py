"""Have our own budgets judged: what `ingest` and `learn` leave behind for `alert`, and where they keep what it reads.

Apart from the judging, so that neither of them carries what only telling needs.
"""

from trimtab.ports import Ports
from trimtab.records import Governance

ASK = "inbox/budgets/"
OUTLOOKS = "budget-forecasts/"


def ask_for_budgets(name: str, governance: Governance, ports: Ports) -> None:
    """Have all budgets judged on what is published now; `name` says of what: the same numbers are the same message."""
    if governance.budgets:
        ports.inbox.put(f"{ASK}{name}", b"{}")


def outlook_key(budget: str) -> str:
    """Where `learn` keeps what a budget's month will have cost."""
    return f"{OUTLOOKS}{budget}"
