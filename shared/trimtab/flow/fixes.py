"""Open proposals that lower the bill: what an alert names as the way out."""

from collections.abc import Collection

from trimtab.analysis.ranking import worth
from trimtab.flow.life import lives
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import Finding, Proposal, Team
from trimtab.render.alerts import Fix

MOST = 3
_OPEN = (State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED)


def fixes(ports: Ports, team: Team | None, clusters: Collection[str] = ()) -> tuple[Fix, ...]:
    """The largest, in words and where; for a team, those on pools that it has a share of, and of these clusters where any is named."""
    waiting = [
        (part, life.planned().id, life.pull_request)
        for life in lives(ports).values()
        if life.state in _OPEN and life.pull_request
        for part in life.planned().parts
    ]
    saving = [each for each in waiting if worth(each[0].finding).amount > 0 and _concerns(each[0], team, clusters)]
    saving.sort(key=lambda each: (worth(each[0].finding).currency, -worth(each[0].finding).amount, each[0].id))
    return tuple(
        Fix(text=f"{part.place.cluster}/{part.place.pool}: {_saved(part.finding)}", url=ref.url, proposal=proposal, head=ref.head)
        for part, proposal, ref in saving[:MOST]
    )


def _saved(finding: Finding) -> str:
    return f"{worth(finding)} a month{' at list price' if finding.saving_effective is None else ''}"


def _concerns(proposal: Proposal, team: Team | None, clusters: Collection[str]) -> bool:
    is_here = not clusters or proposal.place.cluster in clusters
    return is_here and (team is None or team.name in {name for name, _ in proposal.owners})
