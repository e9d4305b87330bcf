"""Who has said yes to exactly this, and whether that is enough."""

from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from trimtab.policy.binding import binding_of, moved
from trimtab.policy.case import CODE, CONFIG, FORGE, OWNERS, POLICY, RECORD, Case, line
from trimtab.policy.scope import approvers_of, gate_of
from trimtab.records import Approval, Binding, ChangeWindow, Facts, Governance, PersonId, Tier, VerdictLine

VALID_FOR = timedelta(days=7)
NEEDED = {Tier.AUTO: 0, Tier.ONE: 1, Tier.TWO: 2, Tier.REPORT: 0}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def allowed_approvers(facts: Facts, governance: Governance) -> tuple[PersonId, ...]:
    """The people of every change's scope, without whoever opened the pull request or wrote any of its commits."""
    logins = {login.lower() for commit in facts.commits for login in (commit.author, commit.committer)}
    logins |= {facts.pull_request.author.lower()} if facts.pull_request else set()
    writers = {person.id for person in governance.people if person.forge.lower() in logins}
    return tuple(person for person in _of_scope(facts, governance) if person not in writers)


def _of_scope(facts: Facts, governance: Governance) -> tuple[PersonId, ...]:
    """Who may approve each of the changes: whoever may not approve one may not approve them together."""
    scopes = [approvers_of(each.finding.subject, governance) for each in facts.members or (facts,)]
    return tuple(person for person in scopes[0] if all(person in scope for scope in scopes))


def approval_lines(case: Case, tier: Tier) -> list[VerdictLine]:
    """What the tier asks of people, what is there, and each yes that does not count with its reason."""
    binding = _binding(case, tier)
    problems = {approval: _problem(approval, case, tier, binding) for approval in case.facts.approvals}
    counted = [approval for approval, problem in problems.items() if not problem]
    void = [_void_line(approval, problem) for approval, problem in problems.items() if problem]
    return [*void, *_needs(case, tier, counted)]


def _binding(case: Case, tier: Tier) -> Binding | None:
    if case.facts.pull_request is None or case.facts.edit is None:
        return None
    return binding_of(case.facts, case.governance, tier)


def _problem(approval: Approval, case: Case, tier: Tier, binding: Binding | None) -> str:
    """Why a yes does not count; "" = it does."""
    if approval.person not in _of_scope(case.facts, case.governance):
        return "may not approve for this pool"
    if approval.person not in allowed_approvers(case.facts, case.governance):
        return "wrote or opened it, and nobody approves their own change"
    if approval.via not in _ways(case, tier):
        return "a click in Slack; this file wants a review on the forge" if approval.via == "slack" else "a review; this file wants Slack"
    if not case.now - VALID_FOR <= approval.at <= case.now:
        return f"approved on {approval.at:%Y-%m-%d}; an approval holds for {VALID_FOR.days} days"
    return "; ".join(moved(approval.binding, binding)) if binding else "there is no pull request to approve"


def gate_line(case: Case) -> VerdictLine:
    """Where this is approved, for whoever words it: forge, slack or both."""
    saw = gate_of(_path(case), case.governance, case.facts.forge_rules)
    return line("gate", "informs", held=True, saw=saw, wanted="where this file is approved", source=f"{CONFIG}, {FORGE}")


def _path(case: Case) -> str:
    return case.facts.edit.path if case.facts.edit else ""


def _ways(case: Case, tier: Tier) -> tuple[str, ...]:
    """How a yes may come. Where two are asked, one is always a review on the forge, so that way is open too."""
    match gate_of(_path(case), case.governance, case.facts.forge_rules):
        case "forge":
            return ("forge",)
        case "slack":
            return ("slack", "forge") if tier is Tier.TWO else ("slack",)
        case "both":
            return ("slack", "forge")
        case _ as never:
            assert_never(never)


def _void_line(approval: Approval, problem: str) -> VerdictLine:
    saw = f"{approval.person} ({approval.via}): {problem}"
    return line("approval-void", "informs", held=False, saw=saw, wanted="a yes to exactly this", source=RECORD)


def _needs(case: Case, tier: Tier, counted: list[Approval]) -> list[VerdictLine]:
    people = {approval.person for approval in counted}
    match tier:
        case Tier.REPORT:
            saw, wanted = "report only", "a tier that may merge"
            return [line("report-only", "blocks", held=False, saw=saw, wanted=wanted, source=CONFIG)]
        case Tier.AUTO:
            return [_in_window(case, is_approved=bool(people)), _under_cap(case, is_approved=bool(people))]
        case Tier.ONE:
            return [_enough(case, tier, counted)]
        case Tier.TWO:
            has_review = any(approval.via == "forge" for approval in counted)
            saw = "there is one" if has_review else "none"
            review = line("forge-review", "waits", held=has_review, saw=saw, wanted="one approval by a review on the forge", source=CODE)
            return [_enough(case, tier, counted), review]
        case _ as never:
            assert_never(never)


def _enough(case: Case, tier: Tier, counted: list[Approval]) -> VerdictLine:
    allowed = allowed_approvers(case.facts, case.governance)
    people = {approval.person for approval in counted}
    given = ", ".join(f"{approval.person} ({approval.via})" for approval in counted)
    saw = given or ("nobody yet" if len(allowed) >= NEEDED[tier] else f"only {len(allowed)} people may approve here")
    wanted = f"{NEEDED[tier]} of: {', '.join(allowed) or 'nobody is named'}"
    return line("approvals", "waits", held=len(people) >= NEEDED[tier], saw=saw, wanted=wanted, source=OWNERS)


def _in_window(case: Case, *, is_approved: bool) -> VerdictLine:
    """By itself only in a window; with a person's yes at any time but a freeze."""
    is_open = any(is_within(window, case.now) for window in case.governance.windows)
    saw = "approved by a person" if is_approved else "inside a change window" if is_open else "outside the change windows"
    wanted = "; ".join(window_words(window) for window in case.governance.windows) or "a change window"
    return line("window", "waits", held=is_open or is_approved, saw=saw, wanted=wanted, source=POLICY)


def is_within(window: ChangeWindow, now: datetime) -> bool:
    """Is it the window's day and hour where the window is?"""
    local = now.astimezone(ZoneInfo(window.time_zone))
    return local.weekday() in window.weekdays and window.from_hour <= local.hour < window.to_hour


def window_words(window: ChangeWindow) -> str:
    """mon, tue 09:00 to 16:00 Europe/Berlin."""
    days = ", ".join(_DAYS[day] for day in window.weekdays)
    return f"{days} {window.from_hour:02}:00 to {window.to_hour:02}:00 {window.time_zone}"


def _under_cap(case: Case, *, is_approved: bool) -> VerdictLine:
    done, cap = case.facts.auto_merges_today, case.governance.limits.auto_merges_per_day
    saw = "approved by a person" if is_approved else f"{done} today"
    return line("auto-merge-cap", "waits", held=is_approved or done < cap, saw=saw, wanted=f"fewer than {cap} a day", source=POLICY)
