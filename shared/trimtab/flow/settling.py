"""Bring one finding, or several that come together, to their wanted state: a planned entry, a pull request, a card; or say why not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from trimtab.analysis.rightsize import fingerprint
from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.adopt import adopt, remembered
from trimtab.flow.cards import NotTold
from trimtab.flow.drafts import Checkout, Found, drafted
from trimtab.flow.effects import carry_on, catch_up
from trimtab.flow.groups import BUSY, Admitted, Group, admit, memories_of, turned_down
from trimtab.flow.life import Journal, Life, until_settled
from trimtab.flow.run_parts import refused
from trimtab.flow.runs import evidence_end
from trimtab.ports import Ports
from trimtab.records import Proposal, ProposalId, Refusal


def open_alone(
    proposal: Proposal, found: Found, known: Mapping[str, Life], ports: Ports, now: datetime, untold: list[str]
) -> ProposalId | Refusal:
    """One finding by itself, or a refusal that says why not.

    A card that Slack does not take is added to `untold`, and keeps no other from being opened.
    """
    ground = found.checkout_of(proposal).ground

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, proposal.id, "propose", now)
        catch_up(journal, ports, now)
        refusal = _said_elsewhere(proposal, known, now) or adopt(journal, proposal, ports, now)
        carry_on(journal, ports, now, ground=ground)
        return refusal

    reason = _settled(step, untold)
    return refused(proposal.finding, "not-opened", reason) if reason else proposal.id


def _settled(step: Callable[[], str], untold: list[str]) -> str:
    """Why it did not open; "" = it did, or all but telling it is done."""
    try:
        return until_settled(step)
    except NotTold as error:
        untold.append(str(error))
        return ""
    except (BadInput, Refused) as error:
        if isinstance(error, Broken):
            raise
        return str(error)


def _said_elsewhere(proposal: Proposal, known: Mapping[str, Life], now: datetime) -> str:
    """What people said of the same change when it came together with others."""
    groups = {stream: life for stream, life in known.items() if life.planned().members}
    memories = memories_of((proposal,), Life(), groups)[proposal.finding.subject]
    told = next(
        (memory.fingerprint for memory in reversed(memories) if fingerprint(proposal.finding, memory.fingerprint) == memory.fingerprint), ""
    )
    return turned_down(replace(proposal, fingerprint=told), memories, now) if told else ""


def open_group(
    group: Group,
    unseen: tuple[Proposal, ...],
    found: Found,
    known: Mapping[str, Life],
    ports: Ports,
    now: datetime,
    untold: list[str],
) -> list[ProposalId | Refusal]:
    """Several findings as one pull request; what may not be in it is left out, and why is said."""
    again = [drafted(part.finding, found, ports) for part in unseen]
    turned_away: list[ProposalId | Refusal] = [answer for answer in again if isinstance(answer, Refusal)]
    parts = (*group.parts, *(part for part in again if isinstance(part, Proposal)))
    if not parts:
        return turned_away
    checkout = found.checkout_of(parts[0])
    # An older run that comes late found older evidence; where all that it found is gone, its own end says how old it is.
    measured_until = max((part.finding.evidence.end for part in group.parts), default=evidence_end(found.frozen))
    answers: list[Admitted] = []

    def step() -> str:
        ports.forge.forget()
        journal = Journal.open(ports, group.id, "propose", now)
        catch_up(journal, ports, now)
        admitted = _admitted(Group(id=group.id, parts=parts), journal.life, known, checkout, measured_until, ports, now)
        answers.append(admitted)
        refusal = adopt(journal, admitted.proposal, ports, now) if admitted.proposal else ""
        carry_on(journal, ports, now, ground=checkout.ground)
        return refusal

    reason = _settled(step, untold)
    # A step that another writer made start over may have answered before: the last answer is the one that was acted on.
    admitted = answers[-1] if answers else Admitted(proposal=None, left=tuple((part, reason) for part in parts))
    members = admitted.proposal.parts if admitted.proposal else ()
    turned_away += [refused(part.finding, "not-opened", why) for part, why in admitted.left]
    named = {part.finding.subject for part, _ in admitted.left}
    turned_away += [refused(part.finding, "not-opened", reason) for part in members if reason and part.finding.subject not in named]
    turned_away += [group.id] if members and not reason else []
    return [*turned_away, *(open_alone(part, found, known, ports, now, untold) for part in admitted.alone)]


def _admitted(
    group: Group, life: Life, known: Mapping[str, Life], checkout: Checkout, valid_at: datetime, ports: Ports, now: datetime
) -> Admitted:
    """Who may be in it; while what it made before is being merged or verified, or is a person's, nobody."""
    if life.state in BUSY:
        return Admitted(proposal=None, left=tuple((part, remembered(life, part, now) or f"it is {life.state}") for part in group.parts))
    return admit(group, life, known, checkout.files, checkout.ground, valid_at, ports, now)
