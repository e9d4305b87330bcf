"""What an auditor asks of a time: every change with who, on what evidence, by which rules, and what came of it; and what else was done.

It reads the record and computes nothing: each answer names the entry that it is from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from trimtab.flow.life import STREAMS, Life, fold
from trimtab.flow.verdicts import verdict_id
from trimtab.policy.comparing import fate
from trimtab.ports import Ports
from trimtab.records import Approval, Entry, PersonId, Proposal
from trimtab.units import Money

RULES = "rules/"
ACCESS = "access/"
PEOPLE = "people/"
FREEZES = "freezes/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Yes:
    """One approval that stood, and how anybody can check it."""

    person: PersonId
    via: str
    at: datetime
    commit: str
    """Head commit that it was given for."""
    proof: str
    """One sentence."""
    entry: str
    """Which first has it, `<stream>/<n>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One proposal, from its plan to what came of it, as far as the record had it when the time was over."""

    proposal: str
    generation: int
    what: str
    rule: str
    """What found it."""
    repo: str
    path: str
    proposed_at: datetime
    requested_by: tuple[PersonId, ...]
    """() = the clock."""
    pull_request: str
    state: str
    tier: str
    needed: str
    """merges by itself, asks one, asks two, held; "" = nobody judged it."""
    decided_by: str
    """The rule that decides."""
    policy: str
    inputs: str
    """Hash of the facts that it was judged on."""
    verdict: str
    """Its id, for `trimtab explain`."""
    head: str
    approvals: tuple[Yes, ...]
    turned_down: str
    """By whom and why; "" = it was not."""
    merged_at: datetime | None
    merged_by: str
    merge_commit: str
    outcome: str
    promised: Money | None
    measured: Money | None
    rolled_back: str
    """Why and by which proposal; "" = it was not."""
    undoes: str
    """Proposal whose merge it undoes; "" = it is no rollback."""
    entries: str
    """`<stream>/<first>-<last> <hash of the last>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """Anything else that somebody did: stopped, resumed, froze a rule, changed the rules, looked at cost, was forgotten."""

    at: datetime
    kind: str
    who: str
    what: str
    entry: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditReport:
    """Everything of a time."""

    start: datetime
    end: datetime
    """Exclusive."""
    changes: tuple[Change, ...]
    happenings: tuple[Happening, ...]


def audit_report(ports: Ports, start: datetime, end: datetime) -> AuditReport:
    """Everything that the record says of a time. Raises Broken where a stream does not hold together."""
    streams = sorted(ports.ledger.heads())
    changes = [change for stream in streams if stream.startswith(STREAMS) for change in _changes(stream, ports, start, end)]
    return AuditReport(
        start=start,
        end=end,
        changes=tuple(sorted(changes, key=lambda change: (change.proposed_at, change.proposal))),
        happenings=tuple(sorted(_happenings(streams, ports, start, end), key=lambda each: (each.at, each.entry))),
    )


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _changes(stream: str, ports: Ports, start: datetime, end: datetime) -> Iterator[Change]:
    """Each of its generations that something happened to in that time, as it stood at the end of it."""
    known = [(entry, fold(entry)) for entry in ports.ledger.entries(stream) if entry.at < end]
    for _, group in groupby(known, key=lambda each: each[1].generation):
        whole = list(group)
        if whole[-1][0].at >= start and whole[-1][1].proposal is not None:
            yield _change(whole, ports)


def _change(whole: Sequence[tuple[Entry, Life]], ports: Ports) -> Change:
    (first, _), (last, life) = whole[0], whole[-1]
    judged, decisive = _decisive(whole)
    proposal, verdict = life.planned(), judged.verdict
    outcome = life.outcome
    return Change(
        proposal=proposal.id,
        generation=proposal.generation,
        what=in_words(proposal),
        rule=proposal.finding.rule,
        repo=proposal.place.repo,
        path=proposal.edit.path,
        proposed_at=first.at,
        requested_by=proposal.requested_by,
        pull_request=life.pull_request.url if life.pull_request else "",
        state=life.state,
        tier=verdict.tier if verdict else "",
        needed=fate(verdict) if verdict else "",
        decided_by=_text(decisive, "rule"),
        policy=_text(decisive, "policy"),
        inputs=_text(decisive, "inputs"),
        verdict=verdict_id(decisive),
        head=_text(decisive, "head"),
        approvals=tuple(_yes(approval, whole, ports) for approval in judged.approvals),
        turned_down=_turned_down(whole),
        merged_at=life.merged_at,
        merged_by=life.merged_by,
        merge_commit=life.merge_commit or "",
        outcome="; ".join(outcome.notes) if outcome else "",
        promised=outcome.promised if outcome else None,
        measured=outcome.measured if outcome else None,
        rolled_back=_last_reason(whole, "rolled-back"),
        undoes=proposal.undoes or "",
        entries=f"{last.stream}/{first.n}-{last.n} {last.hash}",
    )


def in_words(proposal: Proposal) -> str:
    """dev-east/batch: count 6 → 5; each change of several."""
    return "; ".join(
        f"{part.place.cluster}/{part.finding.subject.thing}: "
        + ", ".join(f"{change.field} {change.old} → {change.new}" for change in part.finding.changes)
        for part in proposal.parts
    )


def _decisive(whole: Sequence[tuple[Entry, Life]]) -> tuple[Life, Entry]:
    """The entry that says why it was merged, or else the newest that rests on a judgement: what came later was not decided on it."""
    merging = [(life, entry) for entry, life in whole if entry.kind == "merging"]
    judged = [(life, entry) for entry, life in whole if life.verdict is not None]
    return (merging or judged or [(life, entry) for entry, life in whole])[-1]


def _text(entry: Entry, name: str) -> str:
    return str(entry.body.get(name) or "")


def _yes(approval: Approval, whole: Sequence[tuple[Entry, Life]], ports: Ports) -> Yes:
    first = next(entry for entry, life in whole if any(_is_same(approval, other) for other in life.approvals))
    return Yes(
        person=approval.person,
        via=approval.via,
        at=approval.at,
        commit=approval.binding.head,
        proof=_proof(approval, ports),
        entry=f"{first.stream}/{first.n}",
    )


def _is_same(one: Approval, other: Approval) -> bool:
    return (one.person, one.via, one.at) == (other.person, other.via, other.at)


def _proof(approval: Approval, ports: Ports) -> str:
    if approval.via == "forge":
        return f"a review of commit {approval.binding.head[:10]} on the forge, read again before merging"
    if not approval.key.startswith("inbox/"):
        return "typed on the store's own disk"
    kept = "kept" if ports.inbox.read(approval.key) is not None else "no longer kept"
    return f"the signed request {approval.key} ({kept}), verified again before merging"


def _turned_down(whole: Sequence[tuple[Entry, Life]]) -> str:
    said = [entry for entry, _ in whole if entry.kind in {"rejected", "snoozed", "closed-by-human", "superseded", "expired"}]
    return f"{said[-1].kind} by {said[-1].actor}: {said[-1].reason}" if said else ""


def _last_reason(whole: Sequence[tuple[Entry, Life]], kind: str) -> str:
    return next((entry.reason for entry, _ in reversed(whole) if entry.kind == kind), "")


# ── what else was done ───────────────────────────────────────────────────────────────────────────────────────────────
def _happenings(streams: Sequence[str], ports: Ports, start: datetime, end: datetime) -> Iterator[Happening]:
    for number, change in enumerate(ports.permit.history()):
        if start <= change.at < end:
            kind = "resumed" if change.may_write else "stopped"
            yield Happening(at=change.at, kind=kind, who=change.by, what=change.reason, entry=f"permit/{number}")
    for stream in streams:
        if not stream.startswith((RULES, ACCESS, PEOPLE, FREEZES)):
            continue
        for entry in ports.ledger.entries(stream):
            if start <= entry.at < end:
                kind = f"{stream.partition('/')[0]}: {entry.kind}"
                yield Happening(at=entry.at, kind=kind, who=entry.actor, what=entry.reason, entry=f"{stream}/{entry.n}")
