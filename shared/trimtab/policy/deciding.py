"""Which one rule decides: of everything a verdict names, what a person would have to change first."""

from trimtab.records import Governance, PolicyRule, Risk, Tier, Verdict, VerdictLine

PEOPLE = frozenset({"approvals", "forge-review", "owner-approval"})
"""Lines that wait for somebody's yes: what asks for the yes decides, and not that it is missing."""
REPORT_ONLY = "report-only"
"""Only says what the tier is; what made it so decides."""
LOW_RISK = "low-risk"
_BY_RISK = {2: Tier.ONE, 3: Tier.TWO, 4: Tier.REPORT}


def deciding(verdict: Verdict, governance: Governance | None, *, is_open: bool) -> str:
    """The name of that rule: what keeps it from opening, else what keeps it from merging, else what made its tier.

    What has no pull request yet waits for that, and it says nothing; a freeze says something then too.
    """
    blocked = (line.rule for line in verdict.reasons if line.effect == "blocks" and line.rule != REPORT_ONLY)
    waiting = (line.rule for line in verdict.reasons if is_hold(line) or (is_open and _is_waiting(line)))
    return next(blocked, "") or next(waiting, "") or _of_tier(verdict, governance)


def is_hold(line: VerdictLine) -> bool:
    """True where a freeze or a rule of the policy keeps a change from merging."""
    return not line.held and line.effect == "waits" and (line.rule == "freeze" or line.rule.startswith("policy: "))


def _is_waiting(line: VerdictLine) -> bool:
    return line.effect == "waits" and line.rule not in PEOPLE


def _of_tier(verdict: Verdict, governance: Governance | None) -> str:
    if verdict.tier is Tier.AUTO:
        return LOW_RISK
    asked = [line for line in verdict.reasons if line.effect == "needs-person"]
    by_policy = _by_policy(verdict.tier, asked, governance.rules if governance else ())
    by_risk = f"risk: {worst(verdict.risk)}" if _BY_RISK.get(verdict.risk.level) is verdict.tier else ""
    by_asking = next((line.rule for line in asked), "") if verdict.tier is Tier.ONE else ""
    return by_policy or by_risk or by_asking or ("stage" if verdict.tier is Tier.REPORT else "earlier rules")


def _by_policy(tier: Tier, asked: list[VerdictLine], rules: tuple[PolicyRule, ...]) -> str:
    names = {f"policy: {rule.name}" for rule in rules if rule.tier is tier}
    return next((line.rule for line in asked if line.rule in names), "")


def worst(risk: Risk) -> str:
    """The dimension that makes the level, the first where several do."""
    return next(name for name, value in risk.dimensions().items() if (3 if value is None else value) == risk.level)
