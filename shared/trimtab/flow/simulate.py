"""What other rules would have said: every judgement on record made again by them, beside what was said then. Nothing is written."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.errors import BadInput
from trimtab.flow.life import STREAMS, fold
from trimtab.flow.runs import Analysis, latest_analyses
from trimtab.flow.verdicts import Lost, Retold, judgements
from trimtab.policy.comparing import Fate, fate, looser
from trimtab.policy.deciding import deciding
from trimtab.policy.facts import View, applies
from trimtab.policy.judge import judge
from trimtab.policy.keyed import keyed
from trimtab.policy.lint import Known
from trimtab.policy.risk import Scales
from trimtab.ports import Ports
from trimtab.records import Entry, Facts, Governance, PeopleGroup, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """One judgement of the past, and what the other rules would have said."""

    verdict: str
    """Its id."""
    proposal: str
    change: str
    judged_at: datetime
    was: Fate
    was_decided_by: str
    would_be: Fate
    decided_by: str
    looser: tuple[str, ...]
    """In what the other rules ask for less, a sentence each."""
    is_newest: bool
    """The last word on that proposal."""
    is_as_recorded: bool
    """The rules of then still give what was recorded; if not, Trimtab judges otherwise now, whatever the rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """What the other rules would have done with all of them."""

    since: datetime
    replays: tuple[Replay, ...]
    matched: frozenset[str]
    """Names of the rules that matched at least once."""
    lost: tuple[str, ...]
    """What could not be judged again, each with why."""

    @property
    def newest(self) -> tuple[Replay, ...]:
        """One for each proposal."""
        return tuple(replay for replay in self.replays if replay.is_newest)

    def counts(self) -> dict[Fate, tuple[int, int]]:
        """Fate → (how many proposals had it, how many would have)."""
        was, would = Counter(replay.was for replay in self.newest), Counter(replay.would_be for replay in self.newest)
        return {each: (was[each], would[each]) for each in Fate}

    @property
    def is_looser(self) -> bool:
        """True where any judgement would have asked for less."""
        return any(replay.looser for replay in self.replays)


def past(ports: Ports, since: datetime, repo: str | None = None) -> Iterator[Retold | Lost]:
    """Every judgement on record since then, made again, stream after stream, oldest first; of one repo, or of all."""
    heads = ports.ledger.heads(STREAMS)
    for stream in sorted(stream for stream, head in heads.items() if head.at >= since and _is_of(head, repo)):
        for told in judgements(stream, ports, since):
            if isinstance(told, Lost) or told.basis.verdict.judged_at >= since:
                yield told


def _is_of(head: Entry, repo: str | None) -> bool:
    """A stream is of one repo for good; one that does not say so is of every one."""
    proposal = fold(head).proposal if repo else None
    return proposal is None or proposal.place.repo == repo


def simulate(governance: Governance, told: Iterable[Retold | Lost], ports: Ports, since: datetime) -> Simulation:
    """Judge them by these rules instead, as if those had been in force long enough, and had been agreed to as the others were."""
    found = list(told)
    kept = [each for each in found if isinstance(each, Retold)]
    newest = {(each.proposal.id, each.proposal.generation): each.id for each in kept}
    rules = keyed(governance, ports.people.key_of) if ports.people else governance
    judged = [(each, _by(rules, each)) for each in kept]
    return Simulation(
        since=since,
        replays=tuple(_replay(each, verdict, by, is_newest=each.id in newest.values()) for each, (by, verdict) in judged),
        matched=frozenset(name for each, (by, _) in judged for name in _matched(each, by)),
        lost=tuple(each.reason for each in found if isinstance(each, Lost)),
    )


def _by(rules: Governance, told: Retold) -> tuple[Governance, Verdict]:
    """The rules as that judgement would have had them, and what they say."""
    then = told.basis.governance
    known = {person.id for person in then.people} if then else set()
    people = tuple(replace(person, slack=person.id, forge=person.id, name="") if person.id in known else person for person in rules.people)
    # A yes is bound to the rules that it was given under; what other rules ask for is the question here, and not that they are others.
    by = replace(rules, people=people, version=told.basis.verdict.policy_version)
    return by, judge(told.basis.facts, by, told.basis.verdict.judged_at)


def _replay(told: Retold, verdict: Verdict, by: Governance, *, is_newest: bool) -> Replay:
    facts, then = told.basis.facts, told.basis.verdict
    is_open = facts.pull_request is not None
    return Replay(
        verdict=told.id,
        proposal=told.proposal.id,
        change=in_words(told),
        judged_at=then.judged_at,
        was=fate(then),
        was_decided_by=deciding(then, told.basis.governance, is_open=is_open),
        would_be=fate(verdict),
        decided_by=deciding(verdict, by, is_open=is_open),
        looser=_looser(told, verdict),
        is_newest=is_newest,
        is_as_recorded=told.is_the_same,
    )


def _looser(told: Retold, verdict: Verdict) -> tuple[str, ...]:
    """Held against the rules of then alone: what older ones still had to say for a day, no rules keep for longer.

    Where there were none that could be read, there is nothing to be looser than.
    """
    basis = told.basis
    if basis.governance is None:
        return ()
    alone = judge(basis.facts, basis.governance, basis.verdict.judged_at) if basis.earlier else basis.verdict
    return looser(alone, verdict)


def in_words(told: Retold) -> str:
    """dev-east/batch: count 6 → 5."""
    return "; ".join(
        f"{part.place.cluster}/{part.finding.subject.thing}: "
        + ", ".join(f"{change.field} {change.old} → {change.new}" for change in part.finding.changes)
        for part in told.proposal.parts
    )


def _matched(told: Retold, by: Governance) -> Iterator[str]:
    scales = Scales(now=told.basis.verdict.judged_at, floor=by.evidence)
    for facts in told.basis.facts.members or (told.basis.facts,):
        for rule in by.rules:
            if applies(rule, View(facts=facts, scales=scales, layouts=by.layouts, time_zone=rule.time_zone)):
                yield rule.name


# ── what rules can be about ──────────────────────────────────────────────────────────────────────────────────────────
def known_to(ports: Ports, told: Iterable[Retold | Lost]) -> Known:
    """What the store has seen: clusters, pools and files that were judged or analyzed, groups as somebody last decided by them."""
    facts = [each.basis.facts for each in told if isinstance(each, Retold)]
    parts = [part for each in facts for part in each.members or (each,)]
    analyses = _newest_run(ports)
    clusters = {str(analysis.cluster_uid): "" for analysis in analyses}
    clusters |= {str(each.cluster.uid): each.cluster.name for each in facts if each.cluster}
    pools = {(str(part.finding.subject.cluster_uid), part.finding.subject.thing) for part in parts}
    pools |= {(str(each.cluster.uid), pool.name) for each in facts if each.cluster for pool in each.cluster.pools}
    pools |= {(analysis.cluster_uid, said) for analysis in analyses for said in _things(analysis)}
    groups: dict[str, PeopleGroup] = {group.name: group for each in facts for group in each.groups}
    return Known(clusters=clusters, pools=frozenset(pools), paths=frozenset(_paths(parts)), groups=groups)


def _paths(facts: Iterable[Facts]) -> Iterator[str]:
    return (each.place.path for each in facts if each.place)


def _things(analysis: Analysis) -> Iterator[str]:
    yield from (finding.subject.thing for finding in analysis.findings)
    yield from (no.pool if no.kind == "pool" else f"{no.kind}:{no.pool}" for no in analysis.refusals)


def _newest_run(ports: Ports) -> list[Analysis]:
    run = (ports.documents.find("runs/latest") or {}).get("run")
    try:
        return latest_analyses(str(run), ports) if run else []
    except BadInput:
        # A run that is no longer kept tells nothing.
        return []
