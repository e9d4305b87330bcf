"""Two exports may hold the same money: an actual and an amortized one, a Cost and Usage Report and a FOCUS one, two nested scopes.

Whoever adds them counts it twice; so the second is refused, and told what to do.
"""

from trimtab.errors import BadInput
from trimtab.ports import Ports, Session
from trimtab.settings import Export
from trimtab.sources.staging import period_slug
from trimtab.tables import scan

USAGE = "\"ChargeCategory\" = 'Usage'"
WHOSE = '"BillingAccountId", coalesce("SubAccountId", \'\')'


def check_apart(export: str, period: str, staged: str, session: Session, ports: Ports) -> None:
    """Raise BadInput where usage of a sub-account that `staged` (a query) has is in the lake already by another configured export."""
    mine = f"SELECT DISTINCT {WHOSE} FROM ({staged}) WHERE period = '{period}' AND {USAGE}"
    for other in _others(export, period, ports):
        files = ports.lake.files("cost", {"x_Export": other, "x_Period": period_slug(period)})
        twice = session.rows(f"{mine} INTERSECT SELECT {WHOSE} FROM ({scan('cost', files)}) WHERE {USAGE} LIMIT 1")
        for account, subscription in twice:
            raise BadInput(
                f"{export} {period}: usage of account {subscription or account} (billed to {account}) is in export {other!a} already, and"
                " would count twice; keep one of the two in settings.exports. An ActualCost export of Azure beside an AmortizedCost one"
                " needs part: commitment-purchases"
            )


def _others(export: str, period: str, ports: Ports) -> list[str]:
    """Configured exports that could hold the same, and have something of the period."""
    if ports.lake.version("cost") is None:
        return []
    slug = period_slug(period)
    there = {part["x_Export"] for part in ports.lake.partitions("cost") if part["x_Period"] == slug} - {export}
    if not there:
        return []
    mine = next((each for each in ports.settings.exports if each.name == export), None)
    return sorted(each.name for each in ports.settings.exports if each.name in there and (mine is None or _may_overlap(mine, each)))


def _may_overlap(one: Export, other: Export) -> bool:
    """Bills of two clouds, or of two accounts that their exports are held to, have nothing in common, and need no look at their rows."""
    is_one_cloud = one.form == other.form or "focus" in {one.form, other.form}
    return is_one_cloud and (one.billing_account == other.billing_account or "*" in {one.billing_account, other.billing_account})
