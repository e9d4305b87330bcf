"""Which type of the whole catalog would have carried the same pods for less, what lost to it, and how far one step goes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.pool_cases import CLUSTER, NOW, POOL, SYSTEM, Shelf, ask, demand, findings, hours, kind, only, refusal, rules, steady, usage
from trimtab.adapters.catalog import BundledCatalog
from trimtab.analysis.case import Asked, Case, case_of
from trimtab.analysis.demand import Demand, Drain
from trimtab.analysis.options import Option, options
from trimtab.analysis.options import option as judged
from trimtab.analysis.rightsize import Answer
from trimtab.analysis.shapes import next_smaller
from trimtab.analysis.stock import stock_of
from trimtab.errors import BadInput
from trimtab.records import EvidenceFloor, Finding, InstanceType, Pool
from trimtab.units import Money

OWN = kind("m5.2xlarge", 8000)
"""0.40 an hour."""


def case(found: Demand, *types: InstanceType, pool: Pool = POOL, is_nonproduction: bool = True) -> Case:
    asked = Asked(
        pool=pool, cluster=CLUSTER, demand=found, catalog=Shelf((OWN, *types)), effective_rate=None, now=NOW,
        floor=EvidenceFloor(), is_nonproduction=is_nonproduction,
    )  # fmt: skip
    assert OWN.price is not None
    return case_of(asked, found, OWN, OWN.price)


def full(pods: int = 20, nodes: int = 6, **changes: float | None) -> Demand:
    """20 pods of two cores fill five nodes; the sixth is the margin, so that no count can come down."""
    return demand(*(usage(at, pods=pods, **changes) for at in hours()), nodes=nodes)


def typed(answers: tuple[Answer, ...]) -> Finding:
    return next(answer for answer in findings(answers) if answer.subject.field == "instance_type")


# ── Who wins ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_another_family_that_is_much_cheaper_is_for_a_person_with_the_numbers() -> None:
    shelf = Shelf((OWN, kind("m6a.2xlarge", 8000, price="0.25"), kind("m6i.2xlarge", 8000, price="0.30")))

    finding = only(ask(full(), shelf=shelf))

    assert (finding.rule, finding.subject.field, finding.is_repave) == ("instance-type-other", "instance_type", True)
    assert [(change.field, change.old, change.new) for change in finding.changes] == [("instance_type", "m5.2xlarge", "m6a.2xlarge")]
    assert str(finding.saving_list) == "657.00 USD"
    assert finding.needs_person == (
        "A move to another family is more than one step: a person adds a pool of 6 x m6a.2xlarge beside this one, with its labels and "
        "taints, moves the pods over, watches, and then removes the 6 x m5.2xlarge."
    )
    assert finding.runner_up == "6 x m6i.2xlarge would cost 1,314.00 USD a month, 219.00 USD more, and would have missed nothing either."
    assert finding.evidence.lines[0] == (
        "Of 2 types of aws us-east-1 that such a pool may become, 6 x m6a.2xlarge for 1,095.00 USD a month is the cheapest that would have "
        "carried every measured hour: 38% below the 6 x m5.2xlarge that its own type would need."
    )


def test_a_little_cheaper_is_not_worth_a_new_pool() -> None:
    assert findings(ask(full(), shelf=Shelf((OWN, kind("m6a.2xlarge", 8000, price="0.34"))))) == []


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (kind("t3.2xlarge", 8000, price="0.10"), "it is burstable: it does not offer all of its cores all of the time"),
        (kind("m7i-flex.2xlarge", 8000, price="0.10"), "it is burstable: it does not offer all of its cores all of the time"),
    ],
)
def test_a_cheaper_burstable_type_never_wins_and_is_named(other: InstanceType, why: str) -> None:
    finding = only(ask(steady(), shelf=Shelf((OWN, other))))

    assert finding.rule == "node-count-down"
    assert finding.runner_up == f"3 x {other.name} would cost 219.00 USD a month, but {why}."


def test_a_burstable_pool_may_stay_burstable() -> None:
    shelf = Shelf((replace(OWN, name="t3.2xlarge"), kind("t3.large", 2000, price="0.05")))

    assert findings(ask(full(), replace(POOL, instance_type="t3.2xlarge"), shelf=shelf))


@pytest.mark.parametrize(
    "other",
    [
        kind("m6g.2xlarge", 8000, price="0.10", arch="arm64"),
        kind("m4.2xlarge", 8000, price="0.10"),
        kind("m5.metal", 8000, price="0.10"),
        kind("inf1.2xlarge", 8000, price="0.10"),
        kind("g6.2xlarge", 8000, price="0.10", gpus=1),
        kind("m6a.large", 1999, price="0.01"),
    ],
    ids=lambda other: other.name,
)
def test_what_an_existing_pool_cannot_become_is_not_even_a_runner_up(other: InstanceType) -> None:
    """Another architecture, an older or special machine, a GPU, a node that holds not one pod."""
    finding = only(ask(steady(), shelf=Shelf((OWN, other))))

    assert (finding.rule, finding.runner_up) == ("node-count-down", "")


def test_a_type_that_would_have_missed_a_judged_step_never_wins() -> None:
    """In the judged days pods of seven GiB come that the cheap type has no room for."""
    small = kind("c5.2xlarge", 8000, price="0.20", memory=16)
    rows = [usage(at, pods=20, memory_request=(1 if index < 1000 else 6) << 30) for index, at in enumerate(hours())]

    answers = ask(demand(*rows), shelf=Shelf((OWN, small)))

    assert [finding.rule for finding in findings(answers)] == []
    found = options(case(demand(*rows), small))
    assert found.best == ()
    assert found.lost is not None
    assert (found.lost.instance.name, found.lost.missed) == ("c5.2xlarge", 80)


# ── How far one step goes ────────────────────────────────────────────────────────────────────────────────────────────
def test_one_size_down_in_the_family_is_an_edit() -> None:
    shelf = Shelf((OWN, kind("m5.xlarge", 4000, price="0.10")))

    finding = typed(ask(full(pods=10, nodes=3), replace(POOL, count=3), shelf=shelf))

    assert (finding.rule, finding.needs_person) == ("instance-type-down", "")
    changes = [(change.field, change.old, change.new) for change in finding.changes]
    assert changes == [("instance_type", "m5.2xlarge", "m5.xlarge"), ("count", "3", "6")]
    assert finding.evidence.violations_new == 0


def test_two_sizes_down_go_one_size_first_and_the_rest_is_named() -> None:
    shelf = Shelf((OWN, kind("m5.xlarge", 4000, price="0.19"), kind("m5.large", 2000, price="0.05")))

    finding = typed(ask(full(pods=2, nodes=1, cpu_request=1000), replace(POOL, count=1), shelf=shelf))

    assert [(change.field, change.new) for change in finding.changes] == [("instance_type", "m5.xlarge")]
    assert "The evidence asks for 2 x m5.large; one step goes one size down, to 1 x m5.xlarge." in finding.evidence.lines


def test_a_larger_size_is_for_a_person() -> None:
    shelf = Shelf((OWN, kind("m5.4xlarge", 16000, price="0.40")))

    finding = typed(ask(full(), shelf=shelf))

    assert finding.needs_person.startswith("A move to another size is more than one step: a person adds a pool of 3 x m5.4xlarge")


def test_fewer_nodes_of_the_same_type_come_before_another_type() -> None:
    shelf = Shelf((OWN, kind("m6a.2xlarge", 8000, price="0.10")))

    finding = only(ask(steady(), shelf=shelf))

    assert finding.rule == "node-count-down"
    sentence = "3 x m6a.2xlarge would cost 219.00 USD a month, 75% less, but it replaces every node: a step of its own."
    assert finding.runner_up == sentence


def test_a_growing_pool_is_offered_no_other_type() -> None:
    found = demand(*(usage(at, pods=60, pending=36) for at in hours()))

    assert [finding.rule for finding in findings(ask(found, shelf=Shelf((OWN, kind("m6a.2xlarge", 8000, price="0.10")))))] == [
        "node-count-up"
    ]


# ── What forbids it ──────────────────────────────────────────────────────────────────────────────────────────────────
CHEAP = Shelf((OWN, kind("m6a.2xlarge", 8000, price="0.10")))


@pytest.mark.parametrize("label", ["node.kubernetes.io/instance-type", "karpenter.k8s.aws/instance-family", "nvidia.com/gpu.product"])
def test_pods_that_name_their_machine_keep_it(label: str) -> None:
    answers = ask(replace(full(), drains={"shop/web": Drain(pinned={label: "x"})}), shelf=CHEAP)

    assert refusal(answers, "pinned-type").reason == f"shop/web asks for nodes by {label}: on another type its pods would find no place."
    assert not findings(answers)


def test_a_zone_or_a_disk_label_pins_no_type() -> None:
    pinned = {"topology.kubernetes.io/zone": "a", "disk": "ssd"}

    assert findings(ask(replace(full(), drains={"shop/web": Drain(pinned=pinned)}), shelf=CHEAP))


def test_without_measured_use_no_other_type_is_offered() -> None:
    answers = ask(full(cpu_used=None), shelf=CHEAP)

    no = refusal(answers, "use-missing")
    assert not findings(answers)
    assert no.reason == ("Another type or spot is not judged: CPU use in 0%, memory use in 100% of what ran is measured, 95% are needed.")


def test_a_spot_pool_is_priced_at_spot_prices() -> None:
    shelf = Shelf((kind("m5.2xlarge", 8000, spot="0.12", bucket=1), kind("m6a.2xlarge", 8000, price="0.10", spot="0.11", bucket=1)))

    finding = only(ask(steady(), replace(POOL, capacity_type="spot"), shelf=shelf))

    assert str(finding.saving_list) == "87.60 USD"


# ── An autoscaled pool ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_pool_that_scales_in_to_replace_its_nodes_says_so() -> None:
    finding = typed(ask(full(), replace(POOL, surge="RollingUpdateScaleIn"), shelf=CHEAP))

    assert "Its nodes are replaced by scaling in: while that lasts there is one fewer." in finding.disruption


def test_an_autoscaled_pool_is_compared_by_what_it_runs_on_average() -> None:
    """Three to six nodes: by day 20 pods, by night 8."""
    rows = [usage(at, pods=20 if index % 24 < 12 else 8) for index, at in enumerate(hours())]

    finding = only(ask(demand(*rows), replace(POOL, count=6, minimum=2, maximum=6), shelf=CHEAP))

    assert finding.rule == "instance-type-other"
    changes = [(change.field, change.old, change.new) for change in finding.changes]
    assert changes == [("instance_type", "m5.2xlarge", "m6a.2xlarge")]
    assert finding.needs_person.startswith("Type and bounds change together: a person adds a pool of 2 to 6 x m6a.2xlarge")
    assert str(finding.saving_list) == "766.50 USD", "3.5 nodes on average, each 0.30 cheaper"


# ── Pruning ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def packed_all(each: Case, types: tuple[InstanceType, ...]) -> list[Option]:
    """Every type packed on every step, none left out."""
    found = []
    for other in types:
        try:
            found.append(judged(each, other, other.price)) if other.price and other.name != OWN.name else None
        except BadInput:
            continue
    return sorted((one for one in found if one.passes), key=lambda one: (one.cost.amount, one.nodes, one.instance.name))


@pytest.mark.parametrize("is_nonproduction", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_leaving_types_out_changes_no_answer(seed: int, *, is_nonproduction: bool) -> None:
    rows = [
        usage(
            at, workload=f"w{number}", pods=1 + (seed + index * (number + 3)) % 5,
            cpu_request=300 + 700 * number, memory_request=(1 + (seed * number) % 6) << 30,
        )
        for index, at in enumerate(hours(15 * 24))
        for number in range(4)
    ]  # fmt: skip
    types = tuple(
        other
        for other in BundledCatalog().offered("aws", "us-east-1")
        if other.name.startswith(("m6i", "m6a", "c6i", "r6i", "m7a", "c7a")) and other.arch == "amd64" and "metal" not in other.name
    )
    each = case(demand(*rows), *types, pool=replace(POOL, count=6), is_nonproduction=is_nonproduction)

    assert [one.cost for one in options(each).best] == [one.cost for one in packed_all(each, types)[:2]]


def test_the_pools_beside_it_do_not_change_what_a_type_costs() -> None:
    first = ask(full(), cluster=replace(CLUSTER, pools=(POOL, SYSTEM)), shelf=CHEAP)

    assert first == ask(full(), cluster=replace(CLUSTER, pools=(SYSTEM, POOL)), shelf=CHEAP)
    assert "instance-type-other" in rules(first)


@pytest.mark.parametrize("name", ["g6f.xlarge", "p9.xlarge"])
def test_a_machine_with_a_device_that_is_no_whole_gpu_is_no_plain_machine(name: str) -> None:
    """The catalog counts no GPU in it, yet it is sold for one: neither a pool without GPUs nor one of its own moves by the CPU alone."""
    part = kind(name, 8000, price="0.01")

    assert findings(ask(full(), shelf=Shelf((OWN, part)))) == []
    pool = replace(POOL, instance_type=name)
    assert findings(ask(full(), pool, shelf=Shelf((part, kind("m6i.2xlarge", 8000, price="0.001"))))) == []


def test_azures_own_list_offers_no_gpu_machine_to_a_pool_without() -> None:
    """Its AMD cards and FPGAs are no GPU that pods ask for, and the list counts none."""
    types = BundledCatalog().offered("azure", "eastus")
    own = next(each for each in types if each.name == "Standard_D8s_v5")
    stock = stock_of(types)
    names = {types[index].name for index in stock.rivals(own, stock.on_demand, "USD")}

    assert any(each.name.startswith("Standard_NV") and not each.gpus for each in types)
    assert not any(name.startswith("Standard_N") for name in names)


@pytest.mark.parametrize(("zones", "is_advised"), [(("us-east-1a",), True), (("us-east-1a", "us-east-1c"), False), ((), False)])
def test_a_type_that_a_zone_of_the_pool_does_not_have_is_no_choice(*, zones: tuple[str, ...], is_advised: bool) -> None:
    """Its nodes would never come there; where the pool's zones are not known, it may be any of them."""
    other = replace(kind("m6i.2xlarge", 8000, price="0.10"), not_in=("us-east-1c",))

    answers = ask(full(), replace(POOL, zones=zones), shelf=Shelf((OWN, other)))

    assert bool(findings(answers)) is is_advised


@pytest.mark.parametrize(
    "middle",
    [replace(kind("m5.xlarge", 4000), not_in=("us-east-1a",)), kind("m5.xlarge", 4000, price=None), kind("m5.xlarge", 4000, price="0")],
    ids=["zone", "no-price", "zero-price"],
)
def test_two_sizes_down_are_no_one_step_because_the_size_between_cannot_be_had(middle: InstanceType) -> None:
    """8 cores to 2 in one edit, for want of a 4: that is for a person."""
    pool = replace(POOL, zones=("us-east-1a",))

    assert next_smaller(case(full(), middle, kind("m5.large", 2000, price="0.05"), pool=pool)) is None


def test_a_next_size_with_a_price_in_another_currency_is_no_edit() -> None:
    """Money of two currencies is not compared; the sizes below it are for a person."""
    smaller = replace(kind("m5.xlarge", 4000), price=Money(Decimal("0.10"), "EUR"))

    answers = ask(full(), shelf=Shelf((OWN, smaller, kind("m5.large", 2000, price="0.05"))))

    assert typed(answers).rule == "instance-type-other"
