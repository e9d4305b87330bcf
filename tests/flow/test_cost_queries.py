"""Idle capacity, shared tenants, overhead and filters: what each line gets, and that nothing is ever lost or invented."""

from decimal import Decimal
from functools import cache

import pytest

from tests.allocated_rows import allocated, estate_of, idle_row, pod_row
from tests.bills import Estate
from trimtab.attribution.query import Condition, CostQuery, Overhead, parse_condition, parse_overhead
from trimtab.errors import BadInput
from trimtab.flow.costs import CostTable, costs


@cache
def place() -> Estate:
    """Cluster prod: shop (CPU 3, memory 1), ml (CPU 1, memory 3), kube-system (CPU 1); idle CPU 5, memory 4, GPU 2; a database outside."""
    return estate_of(
        pod_row("shop", "3", "1", x_Team="Shop", x_CostCenter="cc-1", x_WorkloadKind="Deployment", x_Workload="web"),
        pod_row("ml", "1", "3", rest="2", x_Team="ML", x_WorkloadKind="StatefulSet", x_Workload="db"),
        pod_row("kube-system", "1", "0"),
        idle_row("5", "4", gpu="2"),
        allocated("10", x_Part="not-kubernetes", x_Cluster=None, ServiceName="RDS"),
    )


def asked(estate: Estate, *by: str, **options: object) -> CostTable:
    return costs(by or ("namespace",), None, estate.ports, CostQuery(**options))  # type: ignore[arg-type]


def effective(table: CostTable) -> dict[str, Decimal]:
    return {"/".join(key or "-" for key in row.keys) if row.kind == "cost" else row.kind: row.amounts.effective for row in table.rows}


def apart(table: CostTable) -> dict[str, Decimal]:
    return {line.name: line.amounts.effective for line in table.apart}


def test_idle_capacity_stands_apart_and_every_line_is_its_own() -> None:
    assert effective(asked(place())) == {"idle": 11, "-": 10, "ml": 6, "shop": 4, "kube-system": 1}


def test_shared_idle_goes_by_resource_to_who_holds_the_rest_of_it() -> None:
    """CPU idle 5 over 3, 1 and 1; memory idle 4 over 1 and 3. Nobody holds a GPU, so its idle 2 stays idle: no coefficient is made up."""
    table = asked(place(), idle="share")

    assert effective(table) == {"idle": 2, "-": 10, "ml": 10, "shop": 8, "kube-system": 2}
    assert {row.keys[0]: row.idle for row in table.rows if row.kind == "cost" and row.keys[0]} == {"shop": 4, "ml": 4, "kube-system": 1}


def test_hidden_idle_is_told_by_name() -> None:
    table = asked(place(), idle="hide")

    assert "idle" not in effective(table)
    assert apart(table) == {"allocated": 32, "hidden idle": 11}


def test_billed_and_list_cost_are_spread_as_effective_cost_is() -> None:
    table = asked(place(), idle="share")
    (shop,) = (row for row in table.rows if row.keys == ("shop",))

    assert (shop.amounts.billed, shop.amounts.list) == (Decimal(4), Decimal(16))


def test_a_filter_leaves_the_others_share_where_it_is() -> None:
    """Shop's idle capacity is 4 with or without the rest on paper."""
    alone = asked(place(), filters=(Condition(key="namespace", pattern="shop"),))
    shared = asked(place(), idle="share", filters=(Condition(key="namespace", pattern="shop"),))

    assert effective(alone) == {"shop": 4, "idle": 4}
    assert effective(shared) == {"shop": 8}
    assert apart(shared) == {"allocated": 32, "filtered out": 24}


def test_idle_that_nobody_holds_follows_the_filter_by_its_own_place() -> None:
    table = asked(place(), filters=(Condition(key="cluster", pattern="prod"),))

    assert effective(table)["idle"] == 11


def test_filters_of_one_key_are_any_and_of_two_keys_all() -> None:
    both = asked(place(), idle="hide", filters=(parse_condition("namespace=shop", ""), parse_condition("namespace=m.", "")))
    neither = asked(place(), idle="hide", filters=(parse_condition("namespace=shop", ""), parse_condition("team=ML", "")))
    without = asked(place(), idle="hide", filters=(parse_condition("namespace!=kube-.*", ""), parse_condition("part!=not-kubernetes", "")))

    assert set(effective(both)) == {"shop", "ml"}
    assert effective(neither) == {}
    assert set(effective(without)) == {"shop", "ml"}


def test_the_rows_without_a_value_have_a_name_in_a_filter() -> None:
    table = asked(place(), idle="hide", filters=(Condition(key="team", pattern="__unallocated__"),))

    assert effective(table) == {"kube-system": 1, "-": 10}


def test_shared_tenants_go_evenly_or_by_cost_to_the_rest() -> None:
    """kube-system costs 1; shop 4 and ml 6 share it. The database is in no cluster and takes no part."""
    system = (Condition(key="namespace", pattern="kube-.*"),)

    assert effective(asked(place(), shared=system, split="even")) == {"idle": 11, "-": 10, "ml": Decimal("6.5"), "shop": Decimal("4.5")}
    assert effective(asked(place(), shared=system)) == {"idle": 11, "-": 10, "ml": Decimal("6.6"), "shop": Decimal("4.4")}


def test_idle_of_a_shared_tenant_is_shared_on() -> None:
    """kube-system's CPU draws 1 of the idle 5: it goes with its cost."""
    table = asked(place(), idle="share", shared=(Condition(key="namespace", pattern="kube-system"),))
    (shop,) = (row for row in table.rows if row.keys == ("shop",))

    assert (shop.idle, shop.shared) == (Decimal(4), Decimal("0.8"))


def test_an_even_split_counts_the_lines_that_the_filter_leaves_out() -> None:
    table = asked(
        place(),
        idle="hide",
        split="even",
        shared=(Condition(key="namespace", pattern="kube-system"),),
        filters=(Condition(key="namespace", pattern="shop"),),
    )

    assert effective(table) == {"shop": Decimal("4.5")}


def test_where_all_is_shared_it_stays_in_sight() -> None:
    """There is nobody to spread it over; it does not vanish."""
    table = asked(estate_of(pod_row("a", "1", "1")), shared=(Condition(key="namespace", pattern="a"),))

    assert effective(table) == {"shared": 2}


@pytest.mark.parametrize(("text", "total"), [("5", "5"), ("31/month", "31"), ("1/day", "31"), ("0.5/hour USD", "372")])
def test_overhead_is_spread_by_cost_and_told_apart(text: str, total: str) -> None:
    table = asked(place(), overhead=parse_overhead(text))

    spread = {row.keys[0]: row.overhead for row in table.rows if row.overhead}
    assert sum(spread.values()) == apart(table)["overhead"] == Decimal(total)
    assert abs(spread["ml"] - Decimal(total) * 6 / 11) < Decimal("1e-11")
    assert sum(row.amounts.effective for row in table.totals) == 32 + Decimal(total)


def test_overhead_over_two_currencies_asks_which() -> None:
    two = estate_of(pod_row("a", "1", "1"), pod_row("b", "1", "1", BillingCurrency="EUR"))

    with pytest.raises(BadInput, match="the cost is in EUR, USD; name one of them"):
        asked(two, overhead=Overhead(amount=Decimal(1)))
    table = asked(two, overhead=Overhead(amount=Decimal(1), currency="EUR"))
    assert {row.currency: row.overhead for row in table.rows} == {"EUR": 1, "USD": 0}


def test_two_currencies_share_nothing() -> None:
    two = estate_of(pod_row("a", "1", "1"), pod_row("b", "1", "1", BillingCurrency="EUR"), idle_row("4", "0", BillingCurrency="EUR"))

    table = asked(two, idle="share")

    assert {(row.keys[0], row.currency): row.amounts.effective for row in table.rows} == {("a", "USD"): 2, ("b", "EUR"): 6}


def test_a_refund_takes_no_idle_capacity() -> None:
    """A line below zero would draw a negative share and make the others' larger than all of it."""
    estate = estate_of(pod_row("a", "2", "0"), pod_row("b", "-1", "0"), idle_row("3", "0"))

    assert effective(asked(estate, idle="share")) == {"a": 5, "b": -1}


def test_idle_by_node_stays_on_its_node() -> None:
    rows = (pod_row("a", "1", "0"), pod_row("b", "3", "0", x_Node="node-2"), idle_row("8", "0"), idle_row("2", "0", x_Node="node-2"))

    assert effective(asked(estate_of(*rows), idle="share", idle_by="node")) == {"a": 9, "b": 5}
    assert effective(asked(estate_of(*rows), idle="share", idle_by="cluster")) == {"a": Decimal("3.5"), "b": Decimal("10.5")}
    split = asked(estate_of(*rows), idle_by="node", split_idle=True)
    assert {(row.cluster, row.node): row.amounts.effective for row in split.rows if row.kind == "idle"} == {
        ("prod", "node-1"): 8,
        ("prod", "node-2"): 2,
    }


def test_large_money_is_as_exact_as_small() -> None:
    """Products of two amounts have more digits than a decimal holds; the engine must not need them."""
    rows = [pod_row(f"n{number}", f"{number + 1}12345678.123456789012", "0.000000000001") for number in range(3)]
    estate = estate_of(*rows, idle_row("987654321.987654321098", "0.000000000002"))

    table = asked(estate, idle="share")

    assert sum(row.amounts.effective for row in table.rows) == apart(table)["allocated"]


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ("cost-center", {"cc-1": 4, "-": 17}),
        ("controller", {"Deployment:web": 4, "StatefulSet:db": 6, "-": 11}),
        ("deployment", {"web": 4, "-": 17}),
        ("controller-kind", {"Deployment": 4, "StatefulSet": 6, "-": 11}),
    ],
)
def test_the_keys_of_organization_and_controllers(by: str, found: dict[str, int]) -> None:
    assert effective(asked(place(), by, idle="hide")) == found


def test_an_annotation_is_a_key() -> None:
    tags = '{"annotation/owner": "red", "owner": "blue"}'
    estate = estate_of(pod_row("a", "1", "0", AllocatedTags=tags))

    assert effective(asked(estate, "annotation:owner", "label:owner")) == {"red/blue": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("namespace", "expected KEY=VALUE"),
        ("namespace=", "expected KEY=VALUE"),
        ("=x", "expected KEY=VALUE"),
        ("owner=x", "no such key"),
        ("namespace=(", "not a regular expression"),
        ("namespace=(a+)+", "may take for ever"),
    ],
)
def test_a_condition_that_cannot_be_used_is_named(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse_condition(text, "--filter")


def test_conditions_are_read_as_people_write_them() -> None:
    assert parse_condition("namespace:kube-system", "--share") == Condition(key="namespace", pattern="kube-system")
    assert parse_condition("label:app:web", "--share") == Condition(key="label:app", pattern="web")
    assert parse_condition("label:app=a:b", "--share") == Condition(key="label:app", pattern="a:b")
    assert parse_condition("team!=ML", "--filter") == Condition(key="team", pattern="ML", is_negated=True)


@pytest.mark.parametrize("text", ["", "x", "-1", "1/year", "NaN", "1e400", "1 USD EUR", "0.0000000000001"])
def test_an_overhead_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--overhead"):
        parse_overhead(text)


def test_a_quote_in_a_value_is_text() -> None:
    """Values reach SQL as literals: none of them ends one."""
    name = "it's --"
    estate = estate_of(pod_row(name, "1", "0"), pod_row("b", "1", "0"))

    assert effective(asked(estate, idle="hide", filters=(Condition(key="namespace", pattern=name),))) == {name: 1}
    assert effective(asked(estate, "label:x' OR '1'='1", idle="hide")) == {"-": 2}
