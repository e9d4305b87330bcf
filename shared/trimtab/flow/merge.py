"""One proposal: hear what somebody decided, judge again on fresh facts, merge, or say why not.

It believes no message and no ledger entry about who clicked: the stored raw request is verified again before it counts.
"""

from datetime import datetime

from trimtab.errors import BadInput, Refused
from trimtab.flow.clicking import clicked
from trimtab.flow.confirm import heard
from trimtab.flow.effects import settle
from trimtab.flow.gate import WAKE as GATE
from trimtab.flow.gate import answer
from trimtab.flow.hints import answer_hint, is_our_own_echo, proposals_of, repository_of
from trimtab.flow.life import Journal, until_settled
from trimtab.flow.queue import WAKE as QUEUE
from trimtab.flow.queue import judge_queue
from trimtab.flow.requests import forge_event_of
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import ProposalId
from trimtab.sources.forge_events import ForgeEvent


def merge(wake: Wake, ports: Ports, now: datetime) -> str:
    """A click, a forge event, or a wake of the sweeper."""
    ports.forge.forget()
    source = wake.key.split("/")[1]
    if source == "slack":
        return clicked(wake.key, ports, now)
    if source in ("github", "gitlab"):
        return hinted(forge_event_of(wake.key, ports), source, ports, now)
    if wake.key.startswith((GATE, QUEUE)):
        return _woken_for_the_gate(wake.key, ports, now)
    return settle_one(ProposalId(wake.key.rsplit("/", 1)[1].partition(".")[0]), ports, now)


def _woken_for_the_gate(key: str, ports: Ports, now: datetime) -> str:
    _check_permitted(ports)
    repo, _, rest = key.removeprefix(GATE).removeprefix(QUEUE).partition(".")
    if all(repository.id != repo for repository in ports.settings.repositories):
        raise BadInput(f"{key}: no managed repo of that name")
    if key.startswith(QUEUE):
        return judge_queue(repo, ports, now)
    number = rest.partition(".")[0]
    if not number.isdecimal():
        raise BadInput(f"{key}: no number of a pull request")
    return answer(repo, int(number), ports, now)


def hinted(event: ForgeEvent, source: str, ports: Ports, now: datetime) -> str:
    """Something happened at the forge: look again at what it may be about."""
    repository = repository_of(event, source, ports)
    if repository is None or is_our_own_echo(event):
        return f"nothing to do for {event.kind} {event.action}".rstrip()
    _check_permitted(ports)
    if event.kind == "queue":
        return judge_queue(repository.id, ports, now)
    # First who confirms their accounts: a review that they gave before may count by that.
    told = [heard(repository.id, event.number, ports, now)] if event.kind == "comment" and event.number else []
    told += [settle_one(proposal, ports, now) for proposal in proposals_of(event, repository, ports)]
    told.append(answer_hint(event, repository, ports, now))
    return "; ".join(filter(None, told)) or "not about a pull request of ours"


def _check_permitted(ports: Ports) -> None:
    stop = ports.permit.stop_reason()
    if stop:
        raise Refused(f"nothing merges: {stop}")


def settle_one(proposal: ProposalId, ports: Ports, now: datetime) -> str:
    """Judge one proposal again and merge it if everything is there."""
    _check_permitted(ports)

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, proposal, "merge", now)
        if journal.life.proposal is None:
            raise BadInput(f"{proposal}: no such proposal")
        settle(journal, ports, now, may_merge=True)
        return f"{proposal} is {journal.life.state}"

    return until_settled(step)
