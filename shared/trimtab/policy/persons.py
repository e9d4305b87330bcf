"""What asks for a person instead of an automatic merge. Any line that does not hold makes it at least one approval.

Auto-merge is the exception that must prove itself on every line; names, labels and paths can only take it away.
"""

from collections.abc import Callable

from trimtab.policy.case import CODE, CONFIG, FORGE, METRICS, POLICY, RECORD, SETTINGS, Case, line
from trimtab.policy.environment import LISTED_FOR, is_listed, production_marks
from trimtab.policy.rollback import agreed_by
from trimtab.records import Facts, ForgeRules, Stage, VerdictLine

_FORGIVEN = {"snoozed"}
Ask = Callable[[Case], VerdictLine]


def low_risk(case: Case) -> VerdictLine:
    """Low means that every dimension is known and at most 1."""
    worst = [
        f"{name} {'unknown' if value is None else value}" for name, value in case.risk.dimensions().items() if value is None or value > 1
    ]
    saw = f"{case.risk.word}: {', '.join(worst)}" if worst else case.risk.word
    return line("low-risk", "needs-person", held=case.risk.level <= 1, saw=saw, wanted="low risk in every dimension", source=CODE)


def guarded_stage(case: Case) -> VerdictLine:
    """Both the repo and the deployment let Trimtab merge by itself."""
    wanted = "guarded, in the repo and in the deployment"
    held = case.stage is Stage.GUARDED
    return line("guarded-stage", "needs-person", held=held, saw=case.stage, wanted=wanted, source=f"{CONFIG}, {SETTINGS}")


def nonproduction(case: Case) -> VerdictLine:
    """Only the deployment's own list proves non-production, and only after a while."""
    since = case.facts.nonproduction_since
    saw = "not on the deployment's list" if since is None else f"on the list since {since:%Y-%m-%d}"
    wanted = f"on the deployment's list of non-production for {LISTED_FOR.days} days"
    return line("nonproduction", "needs-person", held=is_listed(case.facts, case.now), saw=saw, wanted=wanted, source=SETTINGS)


def no_production_marks(case: Case) -> VerdictLine:
    """Anything that says production makes it production, whatever the list says."""
    marks = production_marks(case.facts)
    saw = ", ".join(marks) or "none"
    return line("production-marks", "needs-person", held=not marks, saw=saw, wanted="nothing that calls itself production", source=CODE)


def no_repave(case: Case) -> VerdictLine:
    """Replacing nodes restarts everything on them."""
    is_repave = case.facts.finding.is_repave
    saw = "nodes are replaced" if is_repave else "nodes are only added or removed"
    return line("repave", "needs-person", held=not is_repave, saw=saw, wanted="no node replaced", source=CODE)


def no_violations(case: Case) -> VerdictLine:
    """The days kept for judging all fit."""
    evidence = case.facts.finding.evidence
    saw = f"{evidence.violations_new} of {evidence.judged_steps} steps would not have fit"
    held = evidence.judged_steps > 0 and evidence.violations_new == 0
    return line("backtest", "needs-person", held=held, saw=saw, wanted="every judged step fits", source=METRICS)


def no_disruption(case: Case) -> VerdictLine:
    """Disruption budgets, single replicas and local volumes are for a person to weigh."""
    disruption = case.facts.finding.disruption
    saw = f"{len(disruption)}: {disruption[0]}" if disruption else "nothing found"
    return line("disruption", "needs-person", held=not disruption, saw=saw, wanted="nothing that a drain could hurt", source=METRICS)


def nothing_earlier(case: Case) -> VerdictLine:
    """Proposed again after a no, a revert or a rollback: merging it by itself would start a loop."""
    earlier = sorted(set(case.facts.earlier) - _FORGIVEN)
    if case.facts.finding.rule == "rollback":
        earlier = [kind for kind in earlier if kind != "merged"]
    saw = ", ".join(earlier) or "nothing"
    return line("earlier", "needs-person", held=not earlier, saw=saw, wanted="never turned down or undone before", source=RECORD)


def agreed_in_advance(case: Case) -> VerdictLine:
    """A rollback merges by itself only as people agreed to it, together with the change that it undoes."""
    undoes = case.facts.undoes
    agreed = f"approved in advance by {agreed_by(undoes.approvals)}" if undoes else ""
    saw = case.undoing or ("not a rollback" if case.undoing is None else agreed)
    wanted = "what was agreed on with the change that it undoes"
    return line("rollback-agreed", "needs-person", held=not case.undoing, saw=saw, wanted=wanted, source=RECORD)


def forge_holds(case: Case) -> VerdictLine:
    """The forge itself must be able to stop a wrong merge, and must not demand a review."""
    missing = missing_rules(case.facts.forge_rules)
    saw = "; ".join(missing) or "the forge checks every merge"
    wanted = "our required check, no bypass, moved bases caught, .trimtab and trimtab/ protected, no review demanded"
    return line("forge-rules", "needs-person", held=not missing, saw=saw, wanted=wanted, source=FORGE)


def missing_rules(rules: ForgeRules | None) -> list[str]:
    """What the forge's own rules lack for merging without a person, a phrase each."""
    if rules is None:
        return ["its rules could not be read"]
    problems = {
        "our check is not required": not rules.requires_our_check,
        "Trimtab could bypass the rules": rules.may_bypass,
        "a moved base would not be caught": not rules.catches_moved_base,
        ".trimtab is not protected by its owners": not rules.protects_config,
        "others may push below trimtab/": not rules.guards_our_branches,
        "it demands a review": rules.requires_review,
    }
    return [problem for problem, is_true in problems.items() if is_true]


def edit_understood(case: Case) -> VerdictLine:
    """What nobody was seen to read may change nothing, or something else."""
    unsure = case.facts.edit.unsure if case.facts.edit else ()
    saw = "; ".join(unsure) or "what reads the file was found"
    return line("edit-understood", "needs-person", held=not unsure, saw=saw, wanted="nothing unknown about the edit", source=FORGE)


def plan_changes_only(case: Case) -> VerdictLine:
    """A plan that deletes or replaces something, or does nothing at all, is not what was proposed; a lost cluster is the worst of it."""
    problem = _plan_problem(case.facts)
    wanted = "a plan that only changes what is there"
    return line(
        "plan-outcome", "needs-person", held=not problem, saw=problem or "only changes, or no plan yet", wanted=wanted, source=FORGE
    )


def _plan_problem(facts: Facts) -> str:
    plan = facts.plan
    if facts.is_plan_expected and not facts.is_plan_author_known:
        return "the layout expects a plan and names nobody whose plan counts (plan_author)"
    if plan is None or plan.is_failed:
        return ""
    if plan.clusters_lost:
        return f"it deletes or replaces whole clusters: {', '.join(plan.clusters_lost[:3])}"
    if plan.destroys:
        named = ", ".join((*plan.deleted, *plan.replaced)[:3]) or "it does not say which"
        return f"it deletes or replaces {plan.destroys} resources: {named}"
    if plan.adds:
        return f"it adds {plan.adds} resources"
    return "" if plan.changes else "it changes nothing: what applies this does not read the edited file"


def has_window(case: Case) -> VerdictLine:
    """Without a window nobody said when merging by itself is all right."""
    windows = case.governance.windows
    saw = f"{len(windows)} given" if windows else "none given"
    return line("has-window", "needs-person", held=bool(windows), saw=saw, wanted="a change window", source=POLICY)


ASKS: tuple[Ask, ...] = (
    low_risk, guarded_stage, nonproduction, no_production_marks, no_repave, no_violations, no_disruption, nothing_earlier,
    agreed_in_advance, forge_holds, edit_understood, has_window, plan_changes_only,
)  # fmt: skip
