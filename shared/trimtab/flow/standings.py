"""Who the people are whose yes is weighed: read now, from the forge, from Slack and from the groups that the scopes name.

What cannot be read is said as not known, and whoever is not known decides nothing. A person's two accounts are asked about only where
somebody decides: where nobody has said yes yet, there is nothing to weigh.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from trimtab.errors import BadInput, Broken, Refused, Upstream
from trimtab.flow.approvals import LOCAL
from trimtab.flow.confirm import is_confirmed
from trimtab.flow.life import stream_of
from trimtab.policy.scope import scopes_of
from trimtab.ports import Ports
from trimtab.records import Facts, Governance, Json, PeopleGroup, Person, PersonId, Standing

SlackAccount = Literal["active", "guest", "external", "bot", "gone"]
RECENT = timedelta(days=7)
"""So long whoever changed the rules, or the file, approves no change there."""
RULES = ".trimtab"
_REMEMBERED = timedelta(minutes=15)
"""So old an answer about a group may be where nobody decides anything by it."""
_GROUPS = "groups/"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at who people are."""

    governance: Governance
    ports: Ports
    now: datetime
    is_needed: bool
    """Something happens by it: nothing is taken from memory, and whoever fails to answer is asked again later by the queue."""

    def told(self, ask: Callable[[], T | None]) -> T | None:
        """What was answered; None = whoever was asked does not say."""
        try:
            return ask()
        except (Refused, BadInput) as error:
            self.ports.log.warning("account.unknown", input=str(error))
        except Upstream as error:
            if self.is_needed:
                raise
            self.ports.log.warning("account.unanswered", input=str(error))
        return None


def with_people(
    facts: Facts, governance: Governance, ports: Ports, now: datetime, *, deciders: Sequence[PersonId] = (), is_merging: bool = False
) -> Facts:
    """The facts with who may decide: groups always, standings and recent authors where somebody said yes or is about to.

    `deciders` are about to; with `is_merging` it may be merged on what is said here. What has a pull request rests on its record, so that
    is proven each time.
    """
    reading = Reading(governance, ports, now, is_merging or bool(deciders))
    said_yes = {*deciders, *(approval.person for approval in facts.approvals)}
    read = replace(facts, groups=_groups(facts, reading), is_record_sound=_is_sound(facts, ports) if facts.pull_request else None)
    if not said_yes:
        return _of_all(read)
    people = [person for person in governance.people if person.id in said_yes]
    standings = tuple(_standing(person, facts, reading) for person in people)
    return _of_all(replace(read, standings=standings, recent_authors=_recent_authors(facts, reading)))


def _of_all(facts: Facts) -> Facts:
    """What is said of a whole edit is said of each of its changes."""
    shared = {"groups": facts.groups, "standings": facts.standings, "recent_authors": facts.recent_authors}
    members = tuple(replace(member, **shared, is_record_sound=facts.is_record_sound) for member in facts.members)  # type: ignore[arg-type]
    return replace(facts, members=members)


def _is_sound(facts: Facts, ports: Ports) -> bool:
    """True where the proposal's own stream holds, from its first entry on."""
    try:
        return bool(ports.ledger.entries(stream_of(facts.proposal)))
    except Broken as error:
        ports.log.warning("record.broken", proposal=facts.proposal, input=str(error))
        return False


# ── one person ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _standing(person: Person, facts: Facts, reading: Reading) -> Standing:
    repo, ports = _repo(facts), reading.ports
    return Standing(
        person=person.id,
        slack=_in_slack(person, facts, reading),
        forge=reading.told(lambda: ports.forge.account(repo, person.forge)),
        is_confirmed=is_confirmed(person, repo, ports),
    )


def _in_slack(person: Person, facts: Facts, reading: Reading) -> SlackAccount | None:
    """Where there is no Slack, nobody has an account that could be gone; and a click from there proves nothing then."""
    chat = reading.ports.chat
    if chat.is_configured:
        return reading.told(lambda: chat.account(person.slack))
    clicks = (yes for yes in facts.approvals if yes.person == person.id and yes.via == "slack" and not yes.key.startswith(LOCAL))
    return "active" if next(clicks, None) is None else None


def _recent_authors(facts: Facts, reading: Reading) -> tuple[str, ...] | None:
    """Logins that wrote or merged a change of the rules, or of a file that this change is made from, within the week."""
    ports, repository = reading.ports, reading.ports.settings.repository(_repo(facts))
    paths = sorted(
        {RULES, *([facts.edit.path] if facts.edit else []), *(each.place.path for each in (facts, *facts.members) if each.place)}
    )
    found = reading.told(lambda: ports.forge.touched_by(repository.id, repository.branch, paths, reading.now - RECENT))
    return None if found is None else tuple(sorted(found))


def _repo(facts: Facts) -> str:
    if facts.place is None:
        raise Refused(f"{facts.proposal}: it names no file, so nobody can approve it")
    return facts.place.repo


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _groups(facts: Facts, reading: Reading) -> tuple[PeopleGroup, ...]:
    """The groups that the scopes of its changes name."""
    scopes = (
        scopes_of(each.finding.subject, each.place.path if each.place else "", reading.governance) for each in (facts, *facts.members)
    )
    names = sorted({name for found in scopes for scope in found for name in scope.groups})
    return tuple(_group(name, reading) for name in names)


def _group(name: str, reading: Reading) -> PeopleGroup:
    """Who is in a group: asked now, or within the last minutes where nothing happens by it."""
    ports = reading.ports
    key = _GROUPS + hashlib.sha256(f"{reading.governance.version} {name}".encode()).hexdigest()[:32]
    known = None if reading.is_needed else _remembered(name, ports.documents.find(key), reading.now)
    if known is not None:
        return known
    try:
        group = resolve(name, reading.governance, ports)
    except Upstream as error:
        if reading.is_needed:
            raise
        return PeopleGroup(name=name, people=(), problem=str(error))
    ports.documents.publish(key, {"people": list(group.people), "problem": group.problem, "at": reading.now.isoformat()})
    return group


def _remembered(name: str, document: Json | None, now: datetime) -> PeopleGroup | None:
    match document:
        case {"people": list(people), "problem": str(problem), "at": str(at)} if abs(now - datetime.fromisoformat(at)) <= _REMEMBERED:
            return PeopleGroup(name=name, people=tuple(PersonId(str(person)) for person in people), problem=problem)
        case _:
            return None


def resolve(name: str, governance: Governance, ports: Ports) -> PeopleGroup:
    """Whom of a group's members owners.yaml knows, asked now. Raises Upstream where whoever has the group does not answer."""
    kind, _, place = name.partition(":")
    try:
        members = _members(kind, place, ports)
    except (Refused, BadInput) as error:
        return PeopleGroup(name=name, people=(), problem=str(error))
    if members is None:
        return PeopleGroup(name=name, people=(), problem="there is no such group, or it is not shown to Trimtab")
    names = {member.lower() for member in members}
    known = (person.id for person in governance.people if (person.slack if kind == "slack" else person.forge).lower() in names)
    return PeopleGroup(name=name, people=tuple(sorted(known)))


def _members(kind: str, place: str, ports: Ports) -> tuple[str, ...] | None:
    if kind == "slack":
        return ports.chat.members(place)
    forges = {repository.forge for repository in ports.settings.repositories}
    if kind not in forges:
        raise Refused(f"the repos of this deployment are on {', '.join(sorted(forges)) or 'no forge'}, not on {kind}")
    return ports.forge.members(place)
