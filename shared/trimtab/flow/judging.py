"""Judge a proposal on facts read now, and record what that changes: a verdict, or a yes that fell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.flow.approvals import clicked_approvals, void, with_reviews
from trimtab.flow.basis import judged_on
from trimtab.flow.facts import load_facts
from trimtab.flow.ground import Ground, ground_of, noted, with_tightest_limits
from trimtab.flow.life import Journal
from trimtab.flow.standings import with_people
from trimtab.lifecycle import Event, State
from trimtab.policy.judge import counted_approvals, judge, why_not_ask
from trimtab.ports import Ports
from trimtab.records import Approval, Facts, Governance, PersonId, PullRequest, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A verdict with the facts and rules it was made from."""

    facts: Facts
    ground: Ground
    verdict: Verdict

    @property
    def governance(self) -> Governance | None:
        """The rules; None = unreadable."""
        return self.ground.governance

    @property
    def counted(self) -> tuple[Approval, ...]:
        """Every yes that counts; who said one that does not has approved nothing, whatever the record is asked later."""
        return counted_approvals(self.facts, self.governance, self.verdict.judged_at, self.ground.earlier)

    def why_not_ask(self, person: PersonId) -> str:
        """Why a person may not ask for it to be taken back; "" = they may. They must be among those whose standings were read."""
        return why_not_ask(person, self.facts, self.governance, self.verdict.judged_at, self.ground.earlier)


def rejudge(
    journal: Journal,
    ports: Ports,
    now: datetime,
    *,
    ground: Ground | None = None,
    may_merge: bool = False,
    seen: PullRequest | None = None,
) -> Judged:
    """Judge on fresh facts; record what fell since, and the verdict where anything in it that matters changed.

    What only says how a proposal stands is told from few reads. What would merge is judged a second time, on everything.
    """
    repo = journal.life.planned().place.repo
    ground = noted(repo, ground or ground_of(repo, ports), ports, now)
    judged = judge_now(journal, ports, now, ground=ground, seen=seen, is_merging=may_merge)
    if may_merge and judged.verdict.may_merge:
        ports.forge.forget()
        judged = judge_now(journal, ports, now, is_thorough=True)
    _record_void(journal, judged)
    if not _same(judged.verdict, journal.life.verdict):
        journal.note("judged", _headline(judged.verdict), verdict=judged.verdict)
    if journal.life.state is State.APPROVED and not judged.verdict.may_merge:
        journal.move(Event.VOIDED, f"approved, and then: {_headline(judged.verdict)}")
    return judged


def _record_void(journal: Journal, judged: Judged) -> None:
    if judged.governance is None or journal.life.state not in (State.OPEN, State.AWAITING, State.APPROVED):
        return
    if judged.facts.is_change_request_unread:
        # A rule that asks about it is met by what nobody read, and may ask for more people: an outage neither approves nor denies.
        return
    fallen = void(journal.life.approvals, judged.facts, judged.governance, judged.verdict.tier)
    if fallen:
        reasons = "; ".join(f"{approval.person}: {reason}" for approval, reason in fallen.items())
        kept = tuple(approval for approval in journal.life.approvals if approval not in fallen)
        journal.move(Event.VOIDED, reasons, approvals=kept, verdict=judged.verdict, asked_at=journal.now)


def judge_now(
    journal: Journal,
    ports: Ports,
    now: datetime,
    *,
    ground: Ground | None = None,
    is_thorough: bool = False,
    seen: PullRequest | None = None,
    deciders: Sequence[PersonId] = (),
    is_merging: bool = False,
) -> Judged:
    """Facts, rules and verdict; unreadable rules judge as no rules, which opens and merges nothing.

    `deciders` are about to say something of it, so who they are is read too; with `is_merging` it may be merged next.
    """
    life = journal.life
    ground = with_tightest_limits(ground or ground_of(life.planned().place.repo, ports), now)
    governance = ground.governance
    facts = load_facts(life, ports, ground, now, is_thorough=is_thorough, seen=seen)
    facts = replace(facts, approvals=clicked_approvals(life.approvals, life.planned().id, governance, ports))
    if governance and facts.pull_request and facts.pull_request.state == "open":
        facts = with_reviews(facts, governance, judge(facts, governance, now, ground.earlier).tier, ports, since=ground.since)
    if governance:
        facts = with_people(facts, governance, ports, now, deciders=deciders, is_merging=is_merging or is_thorough)
    journal.basis = judged_on(facts, governance, now, ground.earlier)
    return Judged(facts=facts, ground=ground, verdict=journal.basis.verdict)


def _same(new: Verdict, old: Verdict | None) -> bool:
    """True where nothing changed that anybody could act on; what a rule saw and was content with may move without an entry."""
    return old is not None and replace(new, judged_at=old.judged_at, lines=new.reasons) == replace(old, lines=old.reasons)


def _headline(verdict: Verdict) -> str:
    blocked = [line.rule for line in verdict.reasons if line.effect != "informs"]
    return f"{verdict.tier}, {verdict.risk.word} risk" + (f"; waits for: {', '.join(blocked)}" if blocked else "")
