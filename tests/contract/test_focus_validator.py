"""Our files before FOCUS's official validator, and before the rules of splitting that it does not check.

Nothing here is skipped in silence: without a Python 3.12 the reason is in the list of skipped tests.
"""

from pathlib import Path

import duckdb
import pytest

from tests.bills import HOUR, bill, estate, node, pod
from tests.focus import environment
from tests.focus.estate import export_months
from tests.focus.split_rules import broken_rules
from tests.focus.validate import CONTRADICTION, Verdict, read_report, validate
from trimtab.flow.export import export_focus
from trimtab.units import GIB

pytestmark = pytest.mark.slow


SOME = """
SELECT * FROM '{file}' QUALIFY 60 >= row_number() OVER (
    PARTITION BY "ServiceName", "ChargeCategory", "x_Part", "x_SharedRule", "x_Cluster" ORDER BY "x_AllocatedRowId")
"""
"""Some rows of every kind: `make focus` takes all."""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed month of the demo estate as a file."""
    return export_months(tmp_path_factory.mktemp("estate"), ["2026-06"])[0].path


@pytest.fixture(scope="module")
def validator() -> Path:
    """A Python with the validator in it."""
    python = environment.suitable_python()
    if environment.ready() is None and python is None:
        pytest.skip(environment.NONE_HERE)
    return environment.ready() or environment.make(str(python))


def test_a_month_of_the_estate_is_conformant_focus_1_2(month: Path, validator: Path, tmp_path: Path) -> None:
    some = tmp_path / "some.parquet"
    duckdb.sql(f"COPY ({SOME.format(file=month)}) TO '{some}' (FORMAT parquet)")

    verdict = validate(validator, some)

    assert verdict.unexpected == {}
    assert list(verdict.failures) == ["InvoiceId-C-004-C"]


def test_a_month_of_the_estate_obeys_the_rules_of_splitting(month: Path) -> None:
    assert broken_rules(month) == {}


def test_the_validator_sees_what_is_wrong(month: Path, validator: Path, tmp_path: Path) -> None:
    """A check that cannot fail is none: a currency that is no currency, a category that FOCUS does not have."""
    wrong = tmp_path / "wrong.parquet"
    columns = "* REPLACE ('Dollars' AS \"BillingCurrency\", 'Cheap' AS \"ServiceCategory\")"
    duckdb.sql(f"COPY (SELECT {columns} FROM '{month}' LIMIT 50) TO '{wrong}' (FORMAT parquet)")

    found = validate(validator, wrong).unexpected

    assert any(rule.startswith("BillingCurrency-") for rule in found)
    assert any(rule.startswith("ServiceCategory-") for rule in found)


def test_a_report_is_read_rule_by_rule() -> None:
    cases = (
        '<testcase name="A-C-001-M :: Presence"/>'
        '<testcase name="B-C-002-M :: Type"><failure message="must be text">3 rows</failure></testcase>'
        '<testcase name="C-C-003-M :: None"><error message="column missing"/></testcase>'
        '<testcase name="D-C-004-C :: Format"><skipped/></testcase>'
        '<testcase name="InvoiceId-C-004-C :: Nullability"><failure message="null"/></testcase>'
    )

    verdict = read_report(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")

    assert (verdict.passed, verdict.skipped) == (1, 1)
    assert verdict.unexpected == {"B-C-002-M": "must be text 3 rows", "C-C-003-M": "column missing"}


def test_of_the_contradiction_one_rule_may_fail_and_not_both() -> None:
    """Both fail where some rows have an InvoiceId and others have none: that is not what the model's authors meant, nor do we."""
    one, both = (Verdict(passed=300, skipped=0, failures=dict.fromkeys(rules, "")) for rules in (CONTRADICTION[:1], CONTRADICTION))

    assert one.unexpected == {}
    assert set(both.unexpected) == set(CONTRADICTION)


# ── The rules of splitting ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's hour cut over two pods and idle, and a volume that stays whole."""
    root = tmp_path_factory.mktemp("split")
    tags = '{"a": "1"}'
    cost = [bill("1", Tags=tags), bill("3", ResourceId="vol-1", ServiceName="EBS", hour=HOUR)]
    usage = [node(), pod("a", cpu=2000, memory=8 * GIB), pod("b", cpu=1000, memory=4 * GIB, namespace="ns2")]
    place = estate(cost, usage, root=root)
    place.allocate()
    return export_focus(None, None, place.ports, root / "focus")[0].path


def test_split_rows_obey_the_rules(split: Path) -> None:
    assert broken_rules(split) == {}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("replace(\"AllocatedMethodDetails\", '}]}', '}]') AS \"AllocatedMethodDetails\"", "is no JSON object"),
        ('replace("AllocatedMethodDetails", \'Ratio":0.\', \'Ratio":0.0\') AS "AllocatedMethodDetails"', "do not add up to 1"),
        ("replace(\"AllocatedMethodDetails\", 'UsageUnit', 'x_Unit') AS \"AllocatedMethodDetails\"", "UsageQuantity without a UsageUnit"),
        ("replace(\"AllocatedMethodDetails\", 'AllocatedRatio', 'Ratio') AS \"AllocatedMethodDetails\"", "no AllocatedRatio"),
        ("replace(\"AllocatedMethodDetails\", 'UsageUnit', 'Unit') AS \"AllocatedMethodDetails\"", "neither FOCUS's nor x_"),
        ('NULL AS "AllocatedMethodId"', "details without a method"),
        ('CASE WHEN "x_Part" <> \'idle\' THEN "AllocatedMethodId" END AS "AllocatedMethodId"', "partly split and partly whole"),
        ('coalesce("AllocatedResourceId", \'x\') AS "AllocatedResourceId"', "was not split names"),
        ("'p' AS \"AllocatedResourceId\"", "comes twice in one origin"),
        ("'{}' AS \"AllocatedTags\"", "missing in AllocatedTags"),
        ('"x_Part" AS "ResourceId"', "differs from its origin's"),
        ("'alloc-1' AS \"x_AllocatedRowId\"", "is not unique"),
    ],
)
def test_a_file_that_breaks_a_rule_of_splitting_is_told(split: Path, tmp_path: Path, change: str, rule: str) -> None:
    broken = tmp_path / "broken.parquet"
    duckdb.sql(f"COPY (SELECT * REPLACE ({change}) FROM '{split}') TO '{broken}' (FORMAT parquet)")

    assert any(rule in name for name in broken_rules(broken))
