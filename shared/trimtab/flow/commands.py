"""`/trimtab status|stop|rollback|lift|confirm|help`: how things stand, in sentences, and what somebody may ask for.

Anybody who is listed may stop; nobody starts again from Slack.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from trimtab.errors import BadInput, Broken
from trimtab.flow.answers import answer, is_answered
from trimtab.flow.confirm import asked, everybody
from trimtab.flow.freezes import every_freeze
from trimtab.flow.governance import home_governance, read_governance
from trimtab.flow.life import Life, lives
from trimtab.flow.take_back import Wish, taken_back
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Governance, Json, Person
from trimtab.render.news import message
from trimtab.render.slack import Standings, standings
from trimtab.render.view import titled
from trimtab.sources.clicks import Command

_WAITS = (State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED)
HELP = (
    "/trimtab status: what waits, what is frozen, and what was merged today. "
    "/trimtab stop <why>: nothing opens or merges any more, until an operator resumes it. "
    "/trimtab rollback PROPOSAL REASON: undo what was merged, by a pull request that gives back what was there before. "
    "/trimtab lift CLUSTER/RULE REASON: let a rule propose again that was frozen by a rollback. "
    "/trimtab confirm: a code with which you show that your account on the forge is yours. "
    "Approve, reject and snooze with the buttons of a card."
)
LONGEST_REASON = 300
"""Of a stop: it is read on one line, and again by everybody who is told why nothing merges."""
Said = tuple[list[Json], str]


def commanded(command: Command, at: datetime, key: str, ports: Ports, now: datetime) -> str:
    """One command from its inbox item, given at `at`; what its sender was told."""
    person = _person_of(command.user, ports) if command.name not in ("confirm", "help") else None
    if person and command.name == "stop":
        # Before anything is asked of Slack, which may be what does not work.
        _stop_once(person, command.reason, at, ports)
    if is_answered(key, command.user, (command.channel, None), ports):
        return "answered before"
    match command.name:
        case "confirm":
            said = _only(asked(command.user, key, ports, now))
        case "rollback" | "lift":
            wish = Wish(command=command, key=key, at=at)
            said = _only(taken_back(wish, ports, now) if person else f"{_unlisted(ports)}, so nothing was done.")
        case "status" | "stop" | "help" as name:
            said = _COMMANDS[name](command, person, ports, now)
    answer(key, command.user, (command.channel, None), said, ports)
    return said[1]


def _person_of(user: str, ports: Ports) -> Person | None:
    """Whom the rules know by that Slack id, those that own cost or those of any managed repo; rules that cannot be read know nobody."""
    try:
        home = home_governance(ports).people
    except BadInput as error:
        ports.log.warning("governance.unreadable", input=str(error))
        home = ()
    people = (*home, *(person for person, _ in everybody(ports)))
    return next((person for person in people if person.slack == user), None)


def _stop_once(person: Person, reason: str, at: datetime, ports: Ports) -> None:
    """A command that is delivered again stops nothing again: an operator may have resumed meanwhile."""
    try:
        is_done = any((change.by, change.at, change.may_write) == (person.id, at, False) for change in ports.permit.history())
    except Broken:
        is_done = False
    if not is_done:
        ports.permit.stop(by=person.id, reason=reason[:LONGEST_REASON] or "stopped in Slack", at=at)


def _help(command: Command, _person: Person | None, _ports: Ports, _now: datetime) -> Said:
    unknown = f"There is no command {command.reason[:40]!a}. " if command.reason else ""
    return _only(unknown + HELP)


def _stop(_command: Command, person: Person | None, ports: Ports, _now: datetime) -> Said:
    if person is None:
        return _only(f"{_unlisted(ports)}, so nothing was stopped. {_running(ports)}")
    return _only(f"{_running(ports)} Only an operator resumes it, with `trimtab resume`.")


def _status(_command: Command, person: Person | None, ports: Ports, now: datetime) -> Said:
    if person is None:
        return _only(f"{_running(ports)} {_unlisted(ports)}, so this is all that you are told.")
    names = ports.palette.listed()
    known = [life for life in lives(ports).values() if life.pull_request]
    return standings(
        Standings(
            running=_running(ports),
            waits=tuple(_line(life, names, _since(life)) for life in known if life.state in _WAITS),
            frozen=(*_frozen(ports, now), *_rolled_back(names, ports)),
            merged=tuple(_line(life, names, f"merged at {life.merged_at:%H:%M} UTC") for life in known if _is_of_today(life, now)),
        ),
        now,
    )


def _unlisted(ports: Ports) -> str:
    """Why nobody is known by that Slack id: they are not listed, or it cannot be told."""
    unreadable = [repository.id for repository in ports.settings.repositories if _rules_of(repository.id, ports) is None]
    return f"The rules of {', '.join(unreadable)} cannot be read" if unreadable else "You are not listed in owners.yaml"


def _rules_of(repo: str, ports: Ports) -> Governance | None:
    try:
        return read_governance(ports, repo)
    except BadInput:
        return None


def _running(ports: Ports) -> str:
    stopped = ports.permit.stop_reason()
    # The command itself is one of those that wait.
    waiting = len(ports.inbox.pending()) - 1
    running = "Running." if waiting < 1 else f"Running; {waiting} more messages wait to be worked on."
    return f"Stopped: {stopped.rstrip('.')}." if stopped else running


def _line(life: Life, names: Mapping[ClusterUid, str], how: str) -> tuple[str, str]:
    proposal = life.planned()
    url = life.pull_request.url if life.pull_request else ""
    return f"{titled(proposal, names.get(proposal.finding.subject.cluster_uid, ''))}: {how}", url


def _since(life: Life) -> str:
    since = f" since {life.asked_at:%Y-%m-%d}" if life.asked_at else ""
    return f"{life.state}{since}"


def _is_of_today(life: Life, now: datetime) -> bool:
    return life.merged_at is not None and life.merged_at.date() == now.date()


def _frozen(ports: Ports, now: datetime) -> tuple[str, ...]:
    """The freezes in force, by repo; rules that cannot be read stop everything in theirs, which is said too."""
    return tuple(line for repository in ports.settings.repositories for line in _frozen_in(repository.id, ports, now))


def _frozen_in(repo: str, ports: Ports, now: datetime) -> tuple[str, ...]:
    governance = _rules_of(repo, ports)
    if governance is None:
        return (f"{repo}: its rules cannot be read, so nothing opens or merges there",)
    active = (freeze for freeze in governance.freezes if freeze.start <= now < freeze.end)
    return tuple(f"{repo}: {freeze.name}, until {freeze.end:%Y-%m-%d %H:%M} UTC" for freeze in active)


def _rolled_back(names: Mapping[ClusterUid, str], ports: Ports) -> tuple[str, ...]:
    """The rules that propose nothing on a cluster until somebody lets them again, and how."""
    found = [(names.get(uid, uid), each) for uid, frozen in every_freeze(ports).items() for each in frozen]
    return tuple(
        f"{cluster}: {each.rule} proposes nothing since {each.since:%Y-%m-%d}, until somebody types "
        f"/trimtab lift {cluster}/{each.rule} REASON: {each.reason}"
        for cluster, each in sorted(found, key=lambda pair: (pair[0], pair[1].rule))
    )


def _only(text: str) -> Said:
    return message(text), text


_COMMANDS: Mapping[Literal["status", "stop", "help"], Callable[[Command, Person | None, Ports, datetime], Said]] = {
    "status": _status,
    "stop": _stop,
    "help": _help,
}
