"""What allocated cost can be asked for, and where one number comes from."""

from decimal import Decimal
from functools import cache

import pytest

from tests.bills import Estate, bill, estate, node, pod
from trimtab.errors import BadInput
from trimtab.flow.costs import KEYS, costs
from trimtab.flow.explain_cost import explain_row
from trimtab.units import GIB


@cache
def place() -> Estate:
    cost = [
        bill("1", Tags='{"team": "platform", "env": "live"}', x_SourceFile="cur.csv", x_SourceRow=7),
        bill("4", ResourceId="db-1", BillingCurrency="EUR", ServiceName="RDS"),
    ]
    usage = [
        node(),
        pod("a", cpu=2000, memory=8 * GIB, labels='{"team": "ml", "app": "web"}'),
        pod("b", cpu=1000, memory=4 * GIB, namespace="ns2", labels='{"app.kubernetes.io/name": "x~y"}'),
    ]
    made = estate(cost, usage)
    made.allocate()
    return made


def found(*by: str) -> dict[tuple[str | None, ...], Decimal]:
    table = costs(by, None, place().ports)
    return {(*row.keys, row.currency): row.amounts.effective for row in table.rows}


def test_cost_by_team_has_a_line_for_nobody_and_one_per_currency() -> None:
    assert found("team") == {
        ("ML", "USD"): Decimal("0.5"),
        ("Shop", "USD"): Decimal("0.25"),
        (None, "USD"): Decimal("0.25"),
        (None, "EUR"): Decimal(4),
    }


def test_two_keys_make_lines_of_two() -> None:
    assert found("cluster", "part")["prod", "idle", "USD"] == Decimal("0.25")


def test_a_label_of_the_pod_is_not_the_nodes_tag() -> None:
    """The node is tagged platform; the pod that says ml is ml's, and the one that says nothing has no such label."""
    assert found("label:team") == {("ml", "USD"): Decimal("0.5"), (None, "USD"): Decimal("0.5"), (None, "EUR"): Decimal(4)}
    assert found("tag:team") == {("platform", "USD"): Decimal(1), (None, "EUR"): Decimal(4)}


def test_a_label_key_with_dots_and_slashes_is_one_key() -> None:
    assert found("label:app.kubernetes.io/name")["x~y", "USD"] == Decimal("0.25")


@pytest.mark.parametrize("key", [key for key in KEYS if key != "team"])
def test_every_key_gives_the_whole_bill(key: str) -> None:
    totals = {row.currency: row.amounts.effective for row in costs((key,), "2026-07", place().ports).totals}

    assert totals == {"EUR": 4, "USD": 1}


def test_without_a_key_there_is_one_line_per_currency() -> None:
    assert found() == {("USD",): 1, ("EUR",): 4}


@pytest.mark.parametrize("key", ["owner", "label:", "", "x_Team"])
def test_an_unknown_key_is_refused_with_the_list(key: str) -> None:
    with pytest.raises(BadInput, match="no such key; there are team, namespace"):
        costs((key,), None, place().ports)


@pytest.mark.parametrize("period", ["july", "2026-13", "2026-7", "p-2026-07'"])
def test_a_period_is_a_month(period: str) -> None:
    with pytest.raises(BadInput, match="expected YYYY-MM"):
        costs(("team",), period, place().ports)


def test_a_period_without_allocated_cost_says_what_to_do() -> None:
    with pytest.raises(BadInput, match="p-2026-06: nothing is allocated; run `trimtab allocate` first"):
        costs(("team",), "2026-06", place().ports)


def test_an_allocated_row_tells_its_whole_story() -> None:
    row = next(row for row in place().rows() if row["x_Pod"] == "a")

    story = explain_row(str(row["x_AllocatedRowId"]), place().ports)

    assert (story.row_id, story.source_file, story.source_row, story.node) == (row["x_RowId"], "cur.csv", 7, "ip-10-0-0-1")
    assert story.asked is not None
    assert (story.asked.team, story.asked.owner_rule, story.asked.confidence) == ("ML", "ns1", "metered")
    assert sum(element.ratio for element in story.asked.elements) == Decimal("0.5")
    assert sum(line.amounts.effective for line in story.lines) == story.amounts.effective == 1
    assert "ML by rule ns1" in story.sentences()[-1]


def test_a_bill_row_that_was_not_split_says_so() -> None:
    row = next(row for row in place().rows() if row["ResourceId"] == "db-1")

    story = explain_row(str(row["x_RowId"]), place().ports)

    assert (story.method, story.asked, len(story.lines)) == (None, None, 1)
    assert "not split" in story.sentences()
    assert story.lines[0].reason == "neither its resource nor its tags name a cluster"


@pytest.mark.parametrize("row_id", ["row-00", "alloc-00"])
def test_an_unknown_row_is_bad_input(row_id: str) -> None:
    with pytest.raises(BadInput, match=f"{row_id}: no such row"):
        explain_row(row_id, place().ports)


def test_an_id_of_another_kind_is_refused_by_its_form() -> None:
    with pytest.raises(BadInput, match="is no row id"):
        explain_row("x' OR 1=1", place().ports)
