"""The tables of docs/policy.md: every fact, operator, veto, ask and reason, read from the code that decides by them.

python -m tests.policy_page     # writes them
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.judged_scenarios import quota
from tests.judgement import NOW, facts, governance
from trimtab.policy.approvals import VOID_ANSWERS, VOID_PERSONS
from trimtab.policy.case import Case
from trimtab.policy.facts import FACTS
from trimtab.policy.persons import ASKS
from trimtab.policy.risk import Scales, risk_of
from trimtab.policy.rollback import PASSES_BY, PASSES_BY_AGREED, PASSES_BY_COVERED
from trimtab.policy.schema import OPERATORS
from trimtab.policy.vetoes import VETOES
from trimtab.records import Facts, Governance, Stage, VerdictLine

PAGE = Path(__file__).parents[1] / "docs" / "policy.md"
BEGIN = "<!-- written by `python -m tests.policy_page`; change the code, not this -->\n"
_EFFECTS = {"blocks": "neither opens nor merges", "waits": "opens, and waits to merge", "needs-person": "asks for a person"}


def tables() -> str:
    """All of them, as the code is now."""
    return "\n".join([_facts(), _operators(), _checks("Vetoes", VETOES), _checks("What asks for a person", ASKS), _voids(), _rollbacks()])


def _facts() -> str:
    rows = ((f"`{name}`", fact.kind, fact.about) for name, fact in FACTS.items())
    return _table("Facts", ("fact", "kind", "what it is"), rows)


def _operators() -> str:
    rows = ((kind, ", ".join(f"`{name}`" for name in names)) for kind, names in OPERATORS.items())
    return _table("Operators", ("kind of fact", "what it may be asked"), rows)


def _checks(title: str, checks: Sequence[Callable[[Case], VerdictLine]]) -> str:
    """One row for each; a check that has another name for quotas has a row for that too."""
    rows = []
    for check in checks:
        lines = {entry.rule: entry for entry in (check(case) for case in (_case(facts(), governance()), _case(*quota())))}
        rows += [(f"`{rule}`", _EFFECTS[entry.effect], _sentence(check), entry.source) for rule, entry in lines.items()]
    return _table(title, ("name", "where it does not hold, a change", "why", "read from"), rows)


def _case(whole: Facts, rules: Governance) -> Case:
    risk = risk_of(whole, Scales(now=NOW, floor=rules.evidence))
    return Case(facts=whole, governance=rules, now=NOW, risk=risk, stage=Stage.GUARDED)


def _voids() -> str:
    rows = [(f"`{name}`", _sentence(check)) for table in (VOID_PERSONS, VOID_ANSWERS) for name, check in table.items()]
    return _table("Why a yes does not count", ("reason", "what it means"), rows)


def _rollbacks() -> str:
    rows = [(f"`{name}`", "any that only adds", why) for name, why in PASSES_BY.items()]
    rows += [(f"`{name}`", "one agreed on in advance", why) for name, why in PASSES_BY_AGREED.items()]
    rows += [(f"`{name}`", "one agreed on in advance", f"that of its change {why}") for name, why in PASSES_BY_COVERED.items()]
    return _table("What holds back no rollback", ("name", "which rollback", "why"), rows)


def _sentence(check: object) -> str:
    return (check.__doc__ or "").strip().split("\n")[0]


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join([f"### {title}", "", *lines, ""])


def page() -> str:
    """The page as it should be: what people wrote, and the tables behind it."""
    return PAGE.read_text().partition(BEGIN)[0] + BEGIN + "\n" + tables()


if __name__ == "__main__":
    PAGE.write_text(page())
