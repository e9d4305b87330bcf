"""Who has said yes to exactly this, and whether that is enough."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from trimtab.policy.binding import binding_of, moved
from trimtab.policy.case import CODE, CONFIG, FORGE, OWNERS, POLICY, RECORD, Case, line
from trimtab.policy.earlier import known_throughout
from trimtab.policy.scope import electorate_of, gate_of, scopes_of
from trimtab.records import Approval, Binding, ChangeWindow, Facts, Governance, PersonId, Standing, Tier, VerdictLine

VALID_FOR = timedelta(days=7)
NEEDED = {Tier.AUTO: 0, Tier.ONE: 1, Tier.TWO: 2, Tier.REPORT: 0}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """What people are asked: a change, how many of them it needs, and all rules that have a say in who they are."""

    case: Case
    tier: Tier
    governances: tuple[Governance, ...]
    """The rules in force first, then earlier ones that still count."""
    named: frozenset[PersonId]
    """Who may approve each of the changes by the rules of now: whoever may not approve one may not approve them together."""
    people: tuple[PersonId, ...]
    """Of these, who may by all rules, and is the same person in all of them; sorted."""

    @property
    def facts(self) -> Facts:
        """Of the change."""
        return self.case.facts

    @property
    def path(self) -> str:
        """The file that is edited."""
        return self.facts.edit.path if self.facts.edit else ""

    @property
    def binding(self) -> Binding | None:
        """What a yes given now is bound to; None = there is nothing to say yes to yet."""
        if self.facts.pull_request is None or self.facts.edit is None:
            return None
        return binding_of(self.facts, self.case.governance, self.tier)


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def ballot_of(case: Case, tier: Tier, governances: tuple[Governance, ...]) -> Ballot:
    """What is asked of whom; `governances` are the rules in force first, then earlier ones that still count."""
    scopes = [_scope(case.facts, rules) for rules in governances]
    people = frozenset.intersection(*scopes) & known_throughout(governances)
    return Ballot(case=case, tier=tier, governances=governances, named=scopes[0], people=tuple(sorted(people)))


def _scope(facts: Facts, rules: Governance) -> frozenset[PersonId]:
    return frozenset.intersection(*(frozenset(electorate_of(each, rules).people) for each in _changes(facts)))


def _changes(facts: Facts) -> tuple[Facts, ...]:
    return facts.members or (facts,)


def allowed_approvers(ballot: Ballot) -> tuple[PersonId, ...]:
    """Who may approve, without those of whom it is known now that their yes would not count."""
    return tuple(person for person in ballot.people if not _person_problem(person, ballot, is_certain=False))


def _logins(person: PersonId, ballot: Ballot) -> set[str]:
    return {known.forge.lower() for known in ballot.case.governance.people if known.id == person}


# ── why somebody's yes does not count: each is one function, and one row of the table below ──────────────────────────
def _outside_scope(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:  # noqa: ARG001 (all of the table are called alike)
    """The narrowest scope of `owners.yaml` that fits the change does not name them, nor a group that they are in now."""
    return "" if person in ballot.named else "may not approve for this pool"


def _too_new(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:  # noqa: ARG001
    """Rules that were in force within the last day do not name them here, or with other accounts."""
    return "" if person in ballot.people else "was not named here, or not with these accounts, by the rules of the last 24 hours"


def _wrote_it(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:  # noqa: ARG001
    """They opened the pull request, or wrote or made one of its commits."""
    writers = {login.lower() for commit in ballot.facts.commits for login in (commit.author, commit.committer)}
    writers |= {ballot.facts.pull_request.author.lower()} if ballot.facts.pull_request else set()
    return "wrote or opened it, and nobody approves their own change" if writers & _logins(person, ballot) else ""


def _asked_for_it(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:  # noqa: ARG001
    """They asked for the run, or for the value."""
    return "asked for it, and nobody approves what they asked for" if person in ballot.facts.requested_by else ""


def _wrote_rules(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:
    """They wrote or merged a change of `.trimtab/` or of the file in the last 7 days, or nobody could read who did."""
    authors = ballot.facts.recent_authors
    if authors is None:
        return "who changed the rules and this file lately was not read" if is_certain else ""
    is_one = {author.lower() for author in authors} & _logins(person, ballot)
    return "wrote or merged a change of .trimtab/ or of this file in the last 7 days" if is_one else ""


def _not_in_slack(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:
    """In Slack they are a guest, of another workspace, a bot or gone, or Slack does not say."""
    standing = _standing(person, ballot)
    if standing is None or standing.slack is None:
        return "whether the Slack account may decide was not read" if is_certain else ""
    return _SLACK[standing.slack]


def _not_on_forge(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:
    """On the forge they are a bot or have no access to the repo any more, or the forge does not say."""
    standing = _standing(person, ballot)
    if standing is None or standing.forge is None:
        return "whether the account on the forge may decide was not read" if is_certain else ""
    return _FORGE[standing.forge]


def _unconfirmed(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:
    """Their two accounts have not said that they are one person."""
    standing = _standing(person, ballot)
    if standing is None:
        return "whether both accounts are theirs was not read" if is_certain else ""
    return "" if standing.is_confirmed else "has not confirmed yet that both accounts are theirs (`/trimtab confirm`)"


def _standing(person: PersonId, ballot: Ballot) -> Standing | None:
    return next((standing for standing in ballot.facts.standings or () if standing.person == person), None)


_SLACK = {
    "active": "",
    "guest": "is a guest in Slack",
    "external": "is of another Slack workspace",
    "bot": "is a bot in Slack",
    "gone": "has left Slack",
}
_FORGE = {"active": "", "bot": "is a bot on the forge", "gone": "has no access to this repo any more"}
VOID_PERSONS: Mapping[str, Callable[..., str]] = {
    "outside-scope": _outside_scope,
    "too-new": _too_new,
    "own-change": _wrote_it,
    "own-request": _asked_for_it,
    "recent-author": _wrote_rules,
    "slack-account": _not_in_slack,
    "forge-account": _not_on_forge,
    "unconfirmed": _unconfirmed,
}
"""Why a person's yes does not count, whatever they said and how; the first that holds is told."""


def _person_problem(person: PersonId, ballot: Ballot, *, is_certain: bool) -> str:
    """Why this person may not decide; "" = they may. Where it need not be certain, only what is known speaks against them."""
    return _first_problem(person, ballot, VOID_PERSONS, is_certain=is_certain)


def _first_problem(person: PersonId, ballot: Ballot, names: Iterable[str], *, is_certain: bool) -> str:
    found = ((name, VOID_PERSONS[name](person, ballot, is_certain=is_certain)) for name in names)
    return next((f"{name}: {problem}" for name, problem in found if problem), "")


_OF_ASKERS = ("outside-scope", "too-new", "slack-account", "forge-account", "unconfirmed")


def asker_problem(person: PersonId, ballot: Ballot) -> str:
    """Why this person may not ask for the change to be taken back, nor for its rule to be let go; "" = they may.

    They are checked as approvers are. Only how near they are to the change does not count: to ask is no yes.
    """
    return _first_problem(person, ballot, _OF_ASKERS, is_certain=True)


# ── what was said ────────────────────────────────────────────────────────────────────────────────────────────────────
def approval_lines(ballot: Ballot) -> list[VerdictLine]:
    """What the tier asks of people, what is there, and each yes that does not count with its reason."""
    problems = {approval: _problem(approval, ballot) for approval in ballot.facts.approvals}
    void = [_void_line(approval, problem) for approval, problem in problems.items() if problem]
    return [*_unread_groups(ballot), *void, *_needs(ballot, list(counted_of(ballot)))]


def counted_of(ballot: Ballot) -> tuple[Approval, ...]:
    """Every yes that counts, each once."""
    return tuple(approval for approval in dict.fromkeys(ballot.facts.approvals) if not _problem(approval, ballot))


def _problem(approval: Approval, ballot: Ballot) -> str:
    """Why a yes does not count; "" = it does."""
    person = _person_problem(approval.person, ballot, is_certain=True)
    if person:
        return person
    found = ((name, check(approval, ballot)) for name, check in VOID_ANSWERS.items())
    return next((f"{name}: {problem}" for name, problem in found if problem), "")


def _other_way(approval: Approval, ballot: Ballot) -> str:
    """A click where the file wants a review on the forge, or the other way round."""
    if approval.via in _ways(ballot):
        return ""
    return "a click in Slack; this file wants a review on the forge" if approval.via == "slack" else "a review; this file wants Slack"


def _too_old(approval: Approval, ballot: Ballot) -> str:
    """It was given over 7 days ago, or in the future."""
    is_fresh = ballot.case.now - VALID_FOR <= approval.at <= ballot.case.now
    return "" if is_fresh else f"approved on {approval.at:%Y-%m-%d}; an approval holds for {VALID_FOR.days} days"


def _moved_since(approval: Approval, ballot: Ballot) -> str:
    """Something that it was given for is not as it was then; it says which."""
    binding = ballot.binding
    return "; ".join(moved(approval.binding, binding)) if binding else "there is no pull request to approve"


VOID_ANSWERS: Mapping[str, Callable[[Approval, Ballot], str]] = {"other-way": _other_way, "too-old": _too_old, "moved": _moved_since}
"""Why a yes does not count though its person may decide."""


def _void_line(approval: Approval, problem: str) -> VerdictLine:
    saw = f"{approval.person} ({approval.via}): {problem}"
    return line("approval-void", "informs", held=False, saw=saw, wanted="a yes to exactly this", source=RECORD)


def _unread_groups(ballot: Ballot) -> list[VerdictLine]:
    """Groups of which nobody can be named: their members may not know why they are not asked."""
    problems = {group.name: group.problem for group in ballot.facts.groups if group.problem}
    named = {name for each in _changes(ballot.facts) for name in _groups_of(each, ballot.case.governance)}
    saw = "; ".join(f"{name}: {problem}" for name, problem in sorted(problems.items()) if name in named)
    wanted = "every group that owners.yaml names, read now"
    return [line("approver-groups", "informs", held=False, saw=saw, wanted=wanted, source=OWNERS)] if saw else []


def _groups_of(facts: Facts, governance: Governance) -> set[str]:
    scopes = scopes_of(facts.finding.subject, facts.place.path if facts.place else "", governance)
    return {group for scope in scopes for group in scope.groups}


# ── where, when and how many ─────────────────────────────────────────────────────────────────────────────────────────
def gate_line(ballot: Ballot) -> VerdictLine:
    """Where this is approved, for whoever words it: forge, slack or both."""
    saw = gate_of(ballot.path, ballot.facts.forge_rules, *ballot.governances)
    return line("gate", "informs", held=True, saw=saw, wanted="where this file is approved", source=f"{CONFIG}, {FORGE}")


def _ways(ballot: Ballot) -> tuple[str, ...]:
    """How a yes may come. Where two are asked, one is always a review on the forge, so that way is open too."""
    match gate_of(ballot.path, ballot.facts.forge_rules, *ballot.governances):
        case "forge":
            return ("forge",)
        case "slack":
            return ("slack", "forge") if ballot.tier is Tier.TWO else ("slack",)
        case "both":
            return ("slack", "forge")
        case _ as never:
            assert_never(never)


def _needs(ballot: Ballot, counted: list[Approval]) -> list[VerdictLine]:
    match ballot.tier:
        case Tier.REPORT:
            saw, wanted = "report only", "a tier that may merge"
            return [line("report-only", "blocks", held=False, saw=saw, wanted=wanted, source=CONFIG)]
        case Tier.AUTO if ballot.case.undoing == "":
            return []
        case Tier.AUTO:
            return [_in_window(ballot, is_approved=bool(counted)), _under_cap(ballot, is_approved=bool(counted))]
        case Tier.ONE:
            return [_enough(ballot, counted)]
        case Tier.TWO:
            return [_enough(ballot, counted), _by_review(counted), _by_owner(ballot, counted)]
        case _ as never:
            assert_never(never)


def _by_review(counted: list[Approval]) -> VerdictLine:
    has_review = any(approval.via == "forge" for approval in counted)
    saw = "there is one" if has_review else "none"
    return line("forge-review", "waits", held=has_review, saw=saw, wanted="one approval by a review on the forge", source=CODE)


def _by_owner(ballot: Ballot, counted: list[Approval]) -> VerdictLine:
    """For each of the changes, under all rules, one of the people who answer for it."""
    people = {approval.person for approval in counted}
    owners = [set(electorate_of(each, rules).owners) for each in _changes(ballot.facts) for rules in ballot.governances]
    missing = [named for named in owners if not named & people]
    saw = "there is one" if not missing else "none"
    wanted = f"one approval by: {', '.join(sorted(missing[0] if missing else owners[0])) or 'nobody is named'}"
    return line("owner-approval", "waits", held=not missing, saw=saw, wanted=wanted, source=OWNERS)


def _enough(ballot: Ballot, counted: list[Approval]) -> VerdictLine:
    allowed, needed = allowed_approvers(ballot), NEEDED[ballot.tier]
    people = {approval.person for approval in counted}
    given = ", ".join(f"{approval.person} ({approval.via})" for approval in counted)
    groups = sorted({name for each in _changes(ballot.facts) for name in _groups_of(each, ballot.case.governance)})
    is_known = bool(ballot.facts.groups) or not groups
    saw = given or (f"only {len(allowed)} people may approve here" if is_known and len(allowed) < needed else "nobody yet")
    wanted = f"{needed} of: {', '.join((*allowed, *(f'the group {name}' for name in groups))) or 'nobody is named'}"
    return line("approvals", "waits", held=len(people) >= needed, saw=saw, wanted=wanted, source=OWNERS)


def _in_window(ballot: Ballot, *, is_approved: bool) -> VerdictLine:
    """By itself only in a window of all rules that count; with a person's yes at any time but a freeze."""
    now = ballot.case.now
    is_open = all(any(is_within(window, now) for window in rules.windows) for rules in ballot.governances)
    saw = "approved by a person" if is_approved else "inside a change window" if is_open else "outside the change windows"
    wanted = "; ".join(window_words(window) for window in ballot.case.governance.windows) or "a change window"
    return line("window", "waits", held=is_open or is_approved, saw=saw, wanted=wanted, source=POLICY)


def is_within(window: ChangeWindow, now: datetime) -> bool:
    """Is it the window's day and hour where the window is?"""
    local = now.astimezone(ZoneInfo(window.time_zone))
    return local.weekday() in window.weekdays and window.from_hour <= local.hour < window.to_hour


def window_words(window: ChangeWindow) -> str:
    """mon, tue 09:00 to 16:00 Europe/Berlin."""
    days = ", ".join(_DAYS[day] for day in window.weekdays)
    return f"{days} {window.from_hour:02}:00 to {window.to_hour:02}:00 {window.time_zone}"


def _under_cap(ballot: Ballot, *, is_approved: bool) -> VerdictLine:
    done, cap = ballot.facts.auto_merges_today, min(rules.limits.auto_merges_per_day for rules in ballot.governances)
    saw = "approved by a person" if is_approved else f"{done} today"
    return line("auto-merge-cap", "waits", held=is_approved or done < cap, saw=saw, wanted=f"fewer than {cap} a day", source=POLICY)
