"""Who asks for cost, what they may see of it, and the entry that says they asked: written first, so that nothing is seen unrecorded."""

from collections.abc import Sequence
from datetime import datetime

from trimtab.attribution.owners import slugged
from trimtab.errors import Refused
from trimtab.flow.governance import home_governance
from trimtab.flow.life import Moved, until_settled
from trimtab.policy.access_rules import Audience, audience_of
from trimtab.ports import Ports
from trimtab.records import Entry

STREAMS = "access/"
OPERATOR = Audience(actor="operator", teams=None)
"""Whoever holds the store itself, its disk or the credentials of its bucket: no rule of ours keeps them from its files."""
CROWD = 3
"""Of fewer teams, what is left beside one's own part is some other team's."""


def audience(who: str | None, ports: Ports) -> Audience:
    """The audience of a command: the operator, or somebody by name (`--as`), who sees no more than the rules say. Raises Refused."""
    if who is None:
        return OPERATOR
    governance = home_governance(ports)
    person = next((person for person in governance.people if person.called == who), None)
    if person is None:
        raise Refused(f"--as {who}: owners.yaml lists {', '.join(person.called for person in governance.people) or 'nobody'}")
    found = audience_of(person, governance)
    if found.teams == ():
        raise Refused(f"--as {who}: may see no cost; owners.yaml can list them in a team's `people`, or in `access.see_all`")
    return found


def record_access(asker: Audience, what: str, ports: Ports, now: datetime, *, nonce: str = "") -> None:
    """Who asked for what, in the record of the day; never the numbers. With a nonce, saying it twice is saying it once."""
    until_settled(lambda: _record(asker, what, ports, now, nonce))


def _record(asker: Audience, what: str, ports: Ports, now: datetime, nonce: str) -> str:
    stream = f"{STREAMS}{now:%Y-%m-%d}"
    if nonce and any(entry.body.get("nonce") == nonce for entry in _entries(stream, ports)):
        return stream
    head = ports.ledger.head(stream)
    scope: list[str] = ["all"] if asker.teams is None else list(asker.teams)
    entry = ports.ledger.append(
        stream, head, kind="read", at=now, actor=asker.actor, reason=f"{what}: {asker.words}",
        body={"scope": scope} | ({"nonce": nonce} if nonce else {}), state={},
    )  # fmt: skip
    if entry is None:
        raise Moved(stream)
    return stream


def _entries(stream: str, ports: Ports) -> Sequence[Entry]:
    return ports.ledger.entries(stream) if ports.ledger.head(stream) else ()


def scopes_of(asker: Audience) -> frozenset[str] | None:
    """The audiences of summaries and reports that are theirs; None = every one."""
    return None if asker.teams is None else frozenset(f"team-{slugged(team)}" for team in asker.teams)
