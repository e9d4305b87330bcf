"""The way from list price times usage to the bill, step by step; the steps always add up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trimtab.accounting.variance import BillPart, NodeUse, variances

MONEY = st.decimals(-1000, 1000, places=12)
CAUSES = st.sampled_from(("tax", "credits and refunds", "disks and other charges of nodes"))


def hours(effective: str, *, listed: str, contracted: str | None = None, billed: str = "10", node: str = "n1") -> BillPart:
    return BillPart(
        cluster="prod", node=node, currency="USD", cause="node-hours", hours=Decimal(billed), list=Decimal(listed),
        contracted=Decimal(contracted or listed), effective=Decimal(effective),
    )  # fmt: skip


def ran(seconds: int, price: str | None = "0.2", node: str = "n1") -> NodeUse:
    return NodeUse(
        cluster="prod", node=node, seconds=seconds, currency="USD" if price else None, price=Decimal(price) if price else None
    )  # fmt: skip


def causes(parts: list[BillPart], uses: list[NodeUse]) -> dict[str, Decimal]:
    (report,) = variances(parts, uses, by_cluster=False)
    assert report.estimate + sum(amount for _, amount in report.causes) == report.bill
    return {"estimate": report.estimate, **dict(report.causes)}


def test_a_discount_is_told_from_a_commitment() -> None:
    """10 hours at 0.20 are 2.00; the contract says 1.80, the savings plan makes it 1.20."""
    assert causes([hours("1.2", listed="2", contracted="1.8")], [ran(36000)]) == {
        "estimate": Decimal(2), "negotiated discounts": Decimal("-0.2"), "commitments and spot": Decimal("-0.6"),
    }  # fmt: skip


def test_hours_that_were_billed_and_not_measured_are_a_cause() -> None:
    assert causes([hours("2", listed="2")], [ran(7 * 3600)]) == {"estimate": Decimal("1.4"), "hours billed without usage": Decimal("0.6")}


def test_hours_that_ran_and_are_not_billed_are_a_cause() -> None:
    """The bill is late: half of the node's hours are on it, and another node is not at all."""
    assert causes([hours("1", listed="1", billed="5")], [ran(36000), ran(3600, node="n2")]) == {
        "estimate": Decimal("2.2"), "usage that was not billed": Decimal("-1.2"),
    }  # fmt: skip


def test_another_list_price_than_the_catalogs_is_a_cause() -> None:
    assert causes([hours("2.5", listed="2.5")], [ran(36000)])["list price differs from the catalog"] == Decimal("0.5")


def test_a_type_without_a_price_is_in_no_estimate() -> None:
    """Its cost is a cause of its own, and never an estimate of zero hours times nothing."""
    assert causes([hours("2", listed="2")], [ran(36000, None)]) == {"estimate": 0, "nodes without a catalog price": Decimal(2)}


def test_a_node_that_usage_never_saw_is_a_cause() -> None:
    assert causes([hours("2", listed="2")], []) == {"estimate": 0, "nodes without usage": Decimal(2)}


def test_a_price_in_another_currency_is_no_price() -> None:
    part = hours("2", listed="2")
    euro = BillPart(**{name: getattr(part, name) for name in part.__slots__} | {"currency": "EUR"})

    assert causes([euro], [ran(36000)]) == {"estimate": 0, "nodes without a catalog price": Decimal(2)}


def test_what_is_no_node_hour_keeps_its_cause_and_its_cluster() -> None:
    tax = BillPart(
        cluster=None, node=None, currency="USD", cause="tax", hours=None, list=Decimal(1), contracted=Decimal(1), effective=Decimal(1)
    )

    outside, prod = sorted(variances([hours("2", listed="2"), tax], [ran(36000)], by_cluster=True), key=lambda row: row.cluster or "")

    assert (outside.cluster, outside.bill, outside.causes) == (None, Decimal(1), (("tax", Decimal(1)),))
    assert (prod.cluster, prod.bill, prod.difference) == ("prod", Decimal(2), Decimal(0))
    assert not prod.causes


def test_what_is_lost_below_the_last_digit_is_rounding() -> None:
    """A third of an hour at 0.10 has no end; the report has, and says so."""
    found = causes([hours("0.033333333333", listed="0.033333333333", billed="0.333333333333333")], [ran(1200, "0.1")])

    assert abs(found["estimate"] - Decimal("0.033333333333")) <= Decimal("1e-12")


@given(
    st.lists(st.builds(
        BillPart, cluster=st.sampled_from(("a", "b")), node=st.sampled_from(("n1", "n2", "n3")), currency=st.sampled_from(("USD", "EUR")),
        cause=st.one_of(st.just("node-hours"), CAUSES), hours=st.decimals(0, 1000, places=9), list=MONEY, contracted=MONEY, effective=MONEY,
    ), max_size=8, unique_by=lambda part: (part.cluster, part.node, part.cause, part.currency)),
    st.lists(st.builds(
        NodeUse, cluster=st.sampled_from(("a", "b")), node=st.sampled_from(("n1", "n2", "n4")), seconds=st.integers(1, 10**7),
        currency=st.just("USD"), price=st.one_of(st.none(), st.decimals("0.001", 100, places=6)),
    ), max_size=6, unique_by=lambda use: (use.cluster, use.node)),
    st.booleans(),
)  # fmt: skip
def test_estimate_and_causes_are_the_bill(parts: list[BillPart], uses: list[NodeUse], by_cluster: bool) -> None:
    reports = variances(parts, uses, by_cluster=by_cluster)

    for report in reports:
        assert report.estimate + sum((amount for _, amount in report.causes), Decimal(0)) == report.bill
        assert abs(dict(report.causes).get("rounding", Decimal(0))) < Decimal("1e-10")
    assert sum((report.bill for report in reports), Decimal(0)) == sum((part.effective for part in parts), Decimal(0))
