"""Changes that come together: which findings share a pull request, which of them may, and the one proposal that they make.

A group is a proposal like any other, with one stream for each cluster and file; but every change in it is judged, remembered and
limited by itself. A change goes where it is open already, whatever the config says by now; only what is open nowhere is put anywhere new.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.analysis.fingerprint import fingerprint
from trimtab.analysis.ranking import worth
from trimtab.changes import Files, group_branch_name, plan_edits
from trimtab.errors import BadInput, Refused
from trimtab.flow.facts import load_facts
from trimtab.flow.ground import Ground
from trimtab.flow.life import Life, Memory, group_id, stream_of, subject_of
from trimtab.flow.neighbors import pool_of
from trimtab.flow.replan import step_of
from trimtab.lifecycle import State, is_over
from trimtab.policy.approvals import NEEDED
from trimtab.policy.judge import judge
from trimtab.ports import Ports
from trimtab.records import Facts, Governance, Member, Proposal, ProposalId, Refusal, Subject, Verdict

BUSY = (State.HUMAN_OWNED, State.MERGING, State.MERGED, State.APPLIED)
"""States in which nothing can join: what is found meanwhile goes by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """What a run puts together: changes of one cluster in one file, the one that matters most first."""

    id: ProposalId
    parts: tuple[Proposal, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """Who is in a group, and who is not."""

    proposal: Proposal | None
    left: tuple[tuple[Proposal, str], ...] = ()
    """Each with the reason why it stays away for now."""
    alone: tuple[Proposal, ...] = ()
    """May be proposed, but not together with the others."""


# ── who belongs together ─────────────────────────────────────────────────────────────────────────────────────────────
def standing_in(known: Mapping[str, Life]) -> dict[Subject, ProposalId]:
    """Where each change stands that may be open, alone or with others."""
    return {part.finding.subject: life.planned().id for life in known.values() if may_be_open(life) for part in life.planned().parts}


def grouped(
    drafts: Sequence[Proposal | Refusal],
    known: Mapping[str, Life],
    standing: Mapping[Subject, ProposalId],
    grouping: Mapping[str, str],
) -> list[Proposal | Refusal | Group | None]:
    """The drafts of one cluster in their order, those that belong together as one group where the first of them stood, None where others.

    `grouping` is by repo. Changes of two clusters never come together.
    """
    homes = [None if isinstance(draft, Refusal) else _home(draft, known, standing, grouping) for draft in drafts]
    groups: dict[ProposalId, list[Proposal]] = {}
    for draft, home in zip(drafts, homes, strict=True):
        if home is not None and not isinstance(draft, Refusal):
            groups.setdefault(home, []).append(draft)
    made = {home: Group(id=home, parts=tuple(parts)) for home, parts in groups.items()}
    return [draft if home is None else made.pop(home, None) for draft, home in zip(drafts, homes, strict=True)]


def may_be_open(life: Life) -> bool:
    """True where it is not over, and more than a plan: what never opened holds nobody."""
    return not is_over(life.state) and not (life.state is State.PLANNED and life.pull_request is None)


def _home(
    draft: Proposal, known: Mapping[str, Life], standing: Mapping[Subject, ProposalId], grouping: Mapping[str, str]
) -> ProposalId | None:
    """The group that a change belongs to; None = it goes by itself."""
    where = standing.get(draft.finding.subject)
    if where is not None and known[stream_of(where)].planned().place.repo == draft.place.repo:
        return where if known[stream_of(where)].planned().members else None
    if grouping.get(draft.place.repo) != "file":
        return None
    home = group_id(draft.place.repo, draft.finding.subject.cluster_uid, draft.edit.path)
    life = known.get(stream_of(home))
    return None if life is not None and life.state in BUSY else home


def unlooked(life: Life, found: Collection[Subject], judged: Collection[tuple[str, str, str]]) -> tuple[Proposal, ...]:
    """Changes of an open group that nobody could look at this time: for want of data nothing that was proposed is taken back."""
    subjects = ((part, part.finding.subject) for part in life.planned().parts)
    return tuple(part for part, it in subjects if it not in found and (it.cluster_uid, it.kind, it.pool) not in judged)


# ── who may be in it ─────────────────────────────────────────────────────────────────────────────────────────────────
def admit(
    group: Group, life: Life, known: Mapping[str, Life], files: Files, ground: Ground, valid_at: datetime, ports: Ports, now: datetime
) -> Admitted:
    """One change after the other, each judged as if it came alone, with everything before it counted against the limits."""
    taken: tuple[Proposal, ...] = ()
    left: list[tuple[Proposal, str]] = []
    alone: list[Proposal] = []
    made: Proposal | None = None
    held: list[Proposal] = []
    memories = memories_of(group.parts, life, known)
    currency = _currency(group.parts, life)
    for draft in group.parts:
        if worth(draft.finding).currency != currency:
            alone.append(draft)
            continue
        part = replace(draft, fingerprint=_familiar(draft, life, memories[draft.finding.subject]))
        reason = turned_down(part, memories[part.finding.subject], now) or _twice(part, taken)
        try:
            candidate = None if reason else together((*taken, part), group.id, life, files, ground.governance, valid_at)
        except (BadInput, Refused) as error:
            candidate, reason = None, str(error)
        if candidate is None:
            left.append((part, reason))
            continue
        judged = _judged(candidate, part, life, ground, ports, now)
        if judged.reason:
            left.append((part, judged.reason))
            held.append(part)
        elif judged.lacks_people:
            alone.append(draft)
        else:
            made, taken = candidate, (*taken, part)
    waiting = _waiting(group, held, life) if made is None else ()
    if waiting:
        made = together(waiting, group.id, life, files, ground.governance, valid_at)
    return Admitted(proposal=made, left=tuple(left), alone=tuple(alone))


def _waiting(group: Group, held: Sequence[Proposal], life: Life) -> tuple[Proposal, ...]:
    """Where something left what is open and all the rest is stopped just now: the rest, which waits on; or what left might merge."""
    current = {each.finding.subject for each in life.planned().parts} if life.proposal and not is_over(life.state) else set()
    is_same = current <= {part.finding.subject for part in group.parts}
    return () if is_same else tuple(part for part in held if part.finding.subject in current)


def _twice(part: Proposal, taken: Sequence[Proposal]) -> str:
    other = next((each for each in taken if pool_of(each) == pool_of(part)), None)
    return f"one-at-a-time: {other.finding.subject.field} of it is proposed together with others" if other else ""


def _currency(parts: Sequence[Proposal], life: Life) -> str:
    """In which the savings of all are added up: that of what is open, else that of most; what is priced in another goes alone."""
    if life.proposal is not None and not is_over(life.state):
        return worth(life.proposal.finding).currency
    return Counter(worth(part.finding).currency for part in parts).most_common(1)[0][0]


_OF_ALL = ("edit-whole", "report-only")
"""What only all of them together can be stopped by."""


@dataclass(frozen=True, slots=True)
class _Judged:
    reason: str
    lacks_people: bool = False


def _judged(candidate: Proposal, part: Proposal, life: Life, ground: Ground, ports: Ports, now: datetime) -> _Judged:
    """What stops this change; and whether too few people may approve all of them, where enough may approve it alone."""
    facts = load_facts(replace(life, proposal=candidate), ports, ground, now, is_thorough=False, seen=None)
    own = next(each for each in facts.members if each.finding.subject == part.finding.subject)
    if ground.governance is None:
        return _Judged("governance: missing or unreadable")
    rules, earlier = ground.governance, ground.earlier
    verdict, whole = judge(_as_new(own) if _joins(part, life) else own, rules, now, earlier), judge(facts, rules, now, earlier)
    stops = [line for line in verdict.reasons if line.effect == "blocks"]
    stops = stops or [line for line in whole.reasons if line.rule in _OF_ALL]
    return _Judged("; ".join(f"{line.rule}: {line.saw}" for line in stops), lacks_people=not stops and _lacks_people(verdict, whole))


def _joins(part: Proposal, life: Life) -> bool:
    """True where it is not in the open pull request yet."""
    current = life.proposal.parts if life.proposal and not is_over(life.state) else ()
    return part.finding.subject not in {each.finding.subject for each in current}


def _as_new(own: Facts) -> Facts:
    """A change that joins what is open is judged as one that opens: what is open already shields it from no limit."""
    return replace(own, pull_request=None, commits=())


def _lacks_people(alone: Verdict, whole: Verdict) -> bool:
    return len(alone.approvers) >= NEEDED[alone.tier] and len(whole.approvers) < NEEDED[whole.tier]


# ── what is remembered of each ───────────────────────────────────────────────────────────────────────────────────────
def memories_of(parts: Sequence[Proposal], life: Life, known: Mapping[str, Life]) -> dict[Subject, tuple[Memory, ...]]:
    """What any stream remembers of each change, the newest last: it may have come alone before, or with others."""
    this = life.proposal.stream if life.proposal else ""
    lives = [life] if life.proposal else []
    lives += [other for stream, other in known.items() if stream != this]
    found: dict[str, list[Memory]] = {str(part.finding.subject): [] for part in parts}
    for each in lives:
        for memory in each.memory:
            found.get(subject_of(memory, each), []).append(memory)
    return {part.finding.subject: tuple(sorted(found[str(part.finding.subject)], key=lambda memory: memory.at)) for part in parts}


def _familiar(part: Proposal, life: Life, memories: Sequence[Memory]) -> str:
    """The fingerprint under which this wish is known already, the newest first; else its own."""
    current = [each.fingerprint for each in (life.proposal.parts if life.proposal else ()) if each.finding.subject == part.finding.subject]
    known = (*current, *(memory.fingerprint for memory in reversed(memories)))
    return next((old for old in known if fingerprint(part.finding, old) == old), part.fingerprint)


def turned_down(part: Proposal, memories: Sequence[Memory], now: datetime) -> str:
    """Why this change is left alone, from what people said of it; "" = it is not."""
    for memory in memories:
        if memory.fingerprint != part.fingerprint:
            continue
        if memory.kind == "snoozed" and memory.until and now < memory.until:
            return f"snoozed until {memory.until:%Y-%m-%d} by {memory.by}"
        if memory.kind == "rejected":
            return f"rejected on {memory.at:%Y-%m-%d} by {memory.by}: {memory.reason}"
        if memory.kind == "closed":
            return f"its pull request was closed unmerged on {memory.at:%Y-%m-%d}; it stays closed until the evidence changes"
    return ""


def turned_down_elsewhere(proposal: Proposal, known: Mapping[str, Life], now: datetime) -> str:
    """What people said of one of its changes while it waited, where that came alone or with others; "" = nothing."""
    others = {stream: life for stream, life in known.items() if stream != proposal.stream}
    heard = memories_of(proposal.parts, Life(), others)
    said = (
        turned_down(replace(part, fingerprint=memory.fingerprint), (memory,), now)
        for part in proposal.parts
        for memory in heard[part.finding.subject]
        if fingerprint(part.finding, memory.fingerprint) == memory.fingerprint
    )
    return next((why for why in said if why), "")


# ── the one proposal ─────────────────────────────────────────────────────────────────────────────────────────────────
def together(
    parts: Sequence[Proposal], identity: ProposalId, life: Life, files: Files, governance: Governance | None, valid_at: datetime
) -> Proposal:
    """Several changes as one proposal of one edit. Raises Refused or BadInput where they cannot be made in one file."""
    if governance is None:
        raise Refused("governance: missing or unreadable")
    ordered = sorted(parts, key=lambda part: str(part.finding.subject))
    lead = max(ordered, key=lambda part: worth(part.finding).amount)
    edit = plan_edits(files, [step_of(files, part, governance) for part in ordered])
    is_open = life.proposal is not None and not is_over(life.state)
    branch = life.planned().branch if is_open else group_branch_name(lead.place.cluster, edit.path)
    members = tuple(
        Member(finding=part.finding, fingerprint=part.fingerprint, place=part.place, team=part.team, owners=part.owners) for part in ordered
    )
    return replace(
        lead,
        id=identity,
        stream=stream_of(identity),
        fingerprint=hashlib.sha256("\n".join(sorted(part.fingerprint for part in ordered)).encode()).hexdigest(),
        edit=edit,
        branch=branch,
        valid_at=valid_at,
        owners=_owners(ordered),
        members=members,
    )


def _owners(parts: Sequence[Proposal]) -> tuple[tuple[str, float], ...]:
    """Every team with the largest share that it has of any of them, largest first."""
    shares: dict[str, float] = {}
    for team, share in (row for part in parts for row in part.owners):
        shares[team] = max(share, shares.get(team, 0.0))
    return tuple(sorted(shares.items(), key=lambda row: (-row[1], row[0])))
