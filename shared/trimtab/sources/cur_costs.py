"""What a line item of a Cost and Usage Report costs: billed, amortized, at list price and at the contract's price.

AWS's amortized cost, by the type of a line item: usage under a savings plan or a reservation costs its share of the commitment, a
recurring fee what nothing used of it, an upfront fee and a plan's negation nothing, and everything else what it costs unblended.
"""

from dataclasses import dataclass

from trimtab.sources.cur_columns import Bill
from trimtab.tables import text_literal

USED = ("DiscountedUsage", "SavingsPlanCoveredUsage")
USAGE = ("Usage", *USED)
FEES = ("RIFee", "SavingsPlanRecurringFee")
PURCHASES = ("Fee", "SavingsPlanUpfrontFee", *FEES)
OFFSET = ("SavingsPlanCoveredUsage", "SavingsPlanNegation")
UNUSED_RESERVATION = ("reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee")
NET_UNUSED_RESERVATION = ("reservation_net_unused_amortized_upfront_fee_for_billing_period", "reservation_net_unused_recurring_fee")
COMMITMENT = ("savings_plan_total_commitment_to_date", "savings_plan_used_commitment")
FEES_OF_PERIOD = ("savings_plan_recurring_commitment_for_billing_period", "savings_plan_amortized_upfront_commitment_for_billing_period")
NET_FEES_OF_PERIOD = tuple(name.replace("savings_plan_", "savings_plan_net_", 1) for name in FEES_OF_PERIOD)
AMOUNTS = (
    "line_item_unblended_cost", "line_item_net_unblended_cost", "pricing_public_on_demand_cost", "reservation_effective_cost",
    "reservation_net_effective_cost", "savings_plan_savings_plan_effective_cost", "savings_plan_net_savings_plan_effective_cost",
    *UNUSED_RESERVATION, *NET_UNUSED_RESERVATION, *COMMITMENT, *FEES_OF_PERIOD, *NET_FEES_OF_PERIOD,
)  # fmt: skip

CONTRADICTIONS = (
    (
        ("discounted", "discount beside net costs"), (),
        "a discount's own row has no net cost, while other rows' net costs have discounts taken off: it would count twice",
    ),
    (
        ("discounted", "commitment without net cost"), (),
        "net costs have discounts taken off, but usage under a commitment has none: add reservation_net_… and savings_plan_net_…",
    ),
    (
        ("zero net",), ("discounted", "net"),
        "line_item_net_unblended_cost is 0 in every row that costs something: it was not filled; export without it",
    ),
)  # fmt: skip
"""(all of these seen in a delivery, and none of these, what is wrong)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The four costs of a row. Where the bill has net costs (after negotiated discounts), they are meant; else the gross ones."""

    bill: Bill

    def cost(self) -> str:
        """What a line item itself costs."""
        return self.bill.money("line_item_net_unblended_cost", "line_item_unblended_cost")

    def columns(self) -> dict[str, str]:
        """FOCUS column → SQL."""
        bill, pays = self.bill, "CASE WHEN part = 2 THEN 0"
        is_offset = bill.is_type(*OFFSET)
        at_list, discount = bill.money("pricing_public_on_demand_cost"), f"ends_with({bill.text('line_item_line_item_type')}, 'Discount')"
        return {
            "BilledCost": f"{pays} WHEN {is_offset} THEN 0 ELSE {self.cost()} END",
            "EffectiveCost": self.effective(),
            # Usage without a public price has an unknown list cost; whatever is not usage has no other price than what it costs.
            "ListCost": f"CASE WHEN part = 2 THEN {self.unused()} WHEN {bill.is_type(*USAGE)} THEN {at_list}"
            f" WHEN {bill.is_type('SavingsPlanNegation')} OR {discount} THEN 0 ELSE {self.cost()} END",
            "ContractedCost": f"CASE WHEN part = 2 THEN {self.unused()} WHEN {bill.is_type('SavingsPlanNegation')} THEN 0"
            f" WHEN {bill.is_type('DiscountedUsage')} THEN {self.contracted_of_reservation()} ELSE {self.cost()} END",
        }

    def effective(self) -> str:
        """Amortized cost: fees become the usage they paid for, and what of them nothing used."""
        bill = self.bill
        paid_before = f"({bill.is_type('Fee')} AND {bill.text('reservation_reservation_a_r_n')} IS NOT NULL)"
        plan_refund = f"({bill.is_type('Refund')} AND coalesce(ends_with({bill.text('line_item_product_code')}, 'SavingsPlans'), false))"
        return (
            f"CASE WHEN part = 2 THEN {self.unused()}"
            f" WHEN {bill.is_type('SavingsPlanNegation', 'SavingsPlanUpfrontFee', *FEES)} OR {paid_before} OR {plan_refund} THEN 0"
            f" WHEN {bill.is_type('SavingsPlanCoveredUsage')} THEN {self.of_plan()}"
            f" WHEN {bill.is_type('DiscountedUsage')} THEN {self.of_reservation()} ELSE {self.cost()} END"
        )

    def of_plan(self) -> str:
        """What usage under a savings plan costs of it."""
        return self.bill.money("savings_plan_net_savings_plan_effective_cost", "savings_plan_savings_plan_effective_cost")

    def of_reservation(self) -> str:
        """What usage under a reservation costs of it."""
        return self.bill.money("reservation_net_effective_cost", "reservation_effective_cost")

    def unused(self) -> str:
        """What nothing used of a recurring fee; NULL on every other row."""
        bill = self.bill
        reservation = f"coalesce({bill.sum(*NET_UNUSED_RESERVATION)}, {bill.sum(*UNUSED_RESERVATION)})"
        committed, spent = (bill.money(name) for name in COMMITMENT)
        plan = f"less_discount({committed} - {spent}, {bill.sum(*NET_FEES_OF_PERIOD)}, {bill.sum(*FEES_OF_PERIOD)})"
        return f"CASE WHEN {bill.is_type('RIFee')} THEN {reservation} WHEN {bill.is_type('SavingsPlanRecurringFee')} THEN {plan} END"

    def is_partly_unused(self) -> str:
        """Such a fee is two charges in FOCUS: `part` 1 buys the commitment, `part` 2 is what nothing used of it."""
        return f"coalesce({self.unused()} <> 0, false)"

    def contracted_of_reservation(self) -> str:
        """Without negotiated discounts the contracted price is the list's; with them a bill does not say it."""
        at_list = self.bill.money("pricing_public_on_demand_cost")
        return f"CASE WHEN {self.bill.text('reservation_net_effective_cost')} IS NULL THEN {at_list} END"

    def basis(self) -> str:
        """One word on where a row's costs come from; together they show whether a delivery contradicts itself."""
        bill = self.bill
        gross, net = bill.money("line_item_unblended_cost"), bill.money("line_item_net_unblended_cost")
        discount = f"ends_with({bill.text('line_item_line_item_type')}, 'Discount')"
        gross_plan = f"{bill.is_type('SavingsPlanCoveredUsage')} AND {bill.text('savings_plan_net_savings_plan_effective_cost')} IS NULL"
        gross_reservation = f"{bill.is_type('DiscountedUsage')} AND {bill.text('reservation_net_effective_cost')} IS NULL"
        return (
            f"CASE WHEN {discount} THEN CASE WHEN {net} IS NULL AND {gross} <> 0 THEN 'discount beside net costs' END"
            f" WHEN {gross_plan} OR {gross_reservation} THEN 'commitment without net cost'"
            f" WHEN {gross} = 0 OR {net} IS NULL THEN NULL WHEN {net} = 0 THEN 'zero net'"
            f" WHEN {net} = {gross} THEN 'net' ELSE 'discounted' END"
        )

    def problems(self) -> tuple[tuple[str, str], ...]:
        """Amounts that a row's type needs, and that are unknown."""
        bill = self.bill
        needs = (
            ("SavingsPlanCoveredUsage", self.of_plan(), "savings_plan_savings_plan_effective_cost"),
            ("DiscountedUsage", self.of_reservation(), "reservation_effective_cost"),
            ("RIFee", self.unused(), " and ".join(UNUSED_RESERVATION)),
            ("SavingsPlanRecurringFee", self.unused(), " or ".join(COMMITMENT)),
        )
        return tuple(
            (f"{bill.is_type(kind)} AND {amount} IS NULL", text_literal(f"{names}: empty, so the amortized cost of this {kind} is unknown"))
            for kind, amount, names in needs
        )
