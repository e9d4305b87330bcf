"""What one cluster's analysis reads, says and survives: the frozen usage, the bill's coverage, one broken lever among many."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import World, make_world, shrink
from tests.judgement import NOW as MERGED_ON
from tests.pool_cases import CLUSTER, NOW, POOL, SHELF, UID, steady
from trimtab.adapters.memory import MemoryPalette
from trimtab.analysis.case import LIST_ONLY
from trimtab.analysis.demand import Demand
from trimtab.analysis.savings import COVER_UNKNOWN
from trimtab.attribution.summary import Covered, PoolCover, PoolDay, Summary
from trimtab.errors import BadInput, Gone, Refused
from trimtab.flow.analyze import analysis_of
from trimtab.flow.codec import dump
from trimtab.flow.open_run import open_run
from trimtab.flow.past_cases import change_features, past_cases
from trimtab.flow.propose import analyze_cluster, plan
from trimtab.flow.runs import Analysis, latest_analyses, plan_of
from trimtab.lifecycle import State
from trimtab.records import Cluster, FieldChange, Finding, MeasuredUse, Quota, Refusal
from trimtab.units import Millicores, Money

RUN = "run-20260731t0300z"


@dataclass
class Lake:
    """All that a plan asks of it."""

    current: int | None = 7

    def version(self, _table: str) -> int | None:
        return self.current


@dataclass
class Told:
    """Usage that says what it was told, and remembers at which version it was asked."""

    demands: dict[str, Demand | Exception]
    others: Exception | None = None
    asked: list[int] = field(default_factory=list)

    def at(self, version: int) -> "Told":
        self.asked.append(version)
        return self

    def demand(self, _uid: str, pool: str, _start: datetime, _end: datetime) -> Demand | None:
        found = self.demands.get(pool)
        if isinstance(found, Exception):
            raise found
        return found

    def workloads(self, *_about: object) -> None:
        if self.others:
            raise self.others

    def volumes(self, *_about: object) -> tuple[()]:
        return ()

    def quota_demand(self, *_about: object) -> None:
        return None


def place(root: Path, *, usage: Told | None = None, clusters: tuple[Cluster, ...] = (CLUSTER,), **about: Any) -> World:
    world = make_world(root)
    told = usage or Told({"web": steady(), "system": steady(2, nodes=2)})
    palette = MemoryPalette(clusters, **about)
    world.ports = replace(world.ports, usage=told, lake=Lake(), catalog=SHELF, palette=palette)  # type: ignore[arg-type]
    world.palette = palette
    world.now = NOW
    return world


def analyzed(world: World) -> Analysis:
    plan(RUN, world.ports, NOW, notify=False)
    for uid in plan_of(RUN, world.ports).clusters:
        analyze_cluster(plan_of(RUN, world.ports), uid, world.ports, notify=False)
    return latest_analyses(RUN, world.ports)[0]


def web(analysis: Analysis) -> Finding:
    (finding,) = (finding for finding in analysis.findings if finding.subject.pool == "web")
    return finding


def rules(analysis: Analysis, pool: str) -> list[str]:
    return [refusal.rule for refusal in analysis.refusals if refusal.pool == pool]


def bill(world: World, *days: PoolDay, covers: tuple[PoolCover, ...] = ()) -> None:
    empty = Summary(
        scope="all", period="p-2026-07", made_at=NOW.isoformat(), governance_version="", versions={}, reconciliations=(), by_part=(),
        by_team=(), by_cluster=(), by_pool=(), by_namespace=(), by_export=(), idle=(), unallocated=(), not_kubernetes=(), daily=(),
        pool_rates=(), pool_costs=days, pool_teams=(), gpu_hours=(), pool_covers=covers,
    )  # fmt: skip
    world.ports.documents.publish("summaries/all/p-2026-07", empty.to_json())


def day(number: int = 30, *, currency: str = "USD", covered: str | None = "0") -> PoolDay:
    """Six nodes for a day at 0.40; a savings plan takes its part of it at 0.72 of the list price."""
    full = Decimal("57.6")
    part = None if covered is None else Decimal(covered) * full
    machine = (
        None
        if part is None
        else Covered(
            effective=full - part * Decimal("0.28"), list=full, covered_effective=part * Decimal("0.72"), covered_list=part,
        )
    )  # fmt: skip
    return PoolDay(
        cluster="one", pool="web", day=f"2026-07-{number}", currency=currency, node_hours=Decimal(144), effective=full, list=full,
        machine=machine,
    )  # fmt: skip


ZERO = Decimal(0)
FREE = Covered(effective=ZERO, list=ZERO, covered_effective=ZERO, covered_list=ZERO)
UNPRICED = PoolCover(cluster="one", pool="web", currency="USD", kind="Reservation", is_spend=False, effective=Decimal(9), list=ZERO)
PLAN = PoolCover(cluster="one", pool="web", currency="USD", kind="Savings Plan", is_spend=True, effective=Decimal(1), list=Decimal(1))


# ── what it reads ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_cluster_is_analyzed_on_the_usage_that_the_plan_froze(tmp_path: Path) -> None:
    """Hours that come in between the first cluster's analysis and the last one's must not make two truths of one run."""
    world = place(tmp_path)
    plan(RUN, world.ports, NOW, notify=False)
    world.ports.lake.current = 9  # type: ignore[attr-defined]

    analyze_cluster(plan_of(RUN, world.ports), UID, world.ports, notify=False)

    assert world.ports.usage.asked == [7]  # type: ignore[attr-defined]


def test_usage_that_comes_after_the_plan_is_the_next_runs(tmp_path: Path) -> None:
    world = place(tmp_path)
    world.ports.lake.current = None  # type: ignore[attr-defined]

    analysis = analyzed(world)

    assert (analysis.findings, rules(analysis, "web"), world.ports.usage.asked) == ((), ["metrics-missing"], [])  # type: ignore[attr-defined]


def test_a_version_that_is_no_longer_kept_is_refused_by_name_with_the_way_out(tmp_path: Path) -> None:
    gone = Gone("s3://store/lake/usage: files of version 7 were removed by a vacuum")

    analysis = analyzed(place(tmp_path, usage=Told({"web": gone, "system": gone}, others=gone)))

    assert analysis.findings == ()
    refusal = next(refusal for refusal in analysis.refusals if refusal.pool == "web")
    assert (refusal.rule, refusal.needs) == ("usage-gone", "A new run: it works with the usage that is there when it begins.")
    assert "version 7" in refusal.reason


def test_one_pool_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    broken = Told({"web": steady(), "system": BadInput("part-3.parquet: no Parquet file")}, others=Refused("no workloads today"))

    analysis = analyzed(place(tmp_path, usage=broken))

    assert web(analysis).rule == "node-count-down"
    assert rules(analysis, "system") == ["not-analyzed"]
    assert [(refusal.kind, refusal.reason) for refusal in analysis.refusals if refusal.pool == "*"] == [("workload", "no workloads today")]


def test_quotas_that_palette_does_not_tell_hide_no_pool(tmp_path: Path) -> None:
    class Silent(MemoryPalette):
        def quotas(self, uid: object) -> tuple[Quota, ...]:
            raise Refused(f"palette: 403 for the quotas of {uid}")

    world = place(tmp_path)
    world.ports = replace(world.ports, palette=Silent((CLUSTER,)))

    analysis = analyzed(world)

    assert web(analysis).rule == "node-count-down"
    assert [refusal.reason for refusal in analysis.refusals if refusal.kind == "namespace"] == ["palette: 403 for the quotas of uid-1"]


def test_a_quota_gets_its_own_answer(tmp_path: Path) -> None:
    quota = Quota(cluster_uid=UID, kind="namespace", name="shop", namespaces=("shop",), cpu=4000)  # type: ignore[arg-type]

    analysis = analyzed(place(tmp_path, limits=(quota,)))

    assert [(refusal.kind, refusal.rule) for refusal in analysis.refusals if refusal.pool == "shop"] == [("namespace", "metrics-missing")]


def test_what_is_left_alone_is_listed_with_its_reason(tmp_path: Path) -> None:
    def no(pool: str) -> Refusal:
        return Refusal(cluster_uid=UID, pool=pool, rule="edge-host", reason="Machines of an edge cluster are bought, not rented.")

    in_part = analyzed(place(tmp_path / "one", clusters=(replace(CLUSTER, left_out=(no("edge"),)),)))

    assert rules(in_part, "edge") == ["edge-host"]
    assert analyzed(place(tmp_path / "all", clusters=(), others=(no("*"),))).refusals == (no("*"),)


@pytest.mark.parametrize(("cores", "is_refused"), [(4, False), (40, True)])
def test_metrics_that_show_less_than_palette_measured_shrink_nothing(tmp_path: Path, cores: int, is_refused: bool) -> None:
    """Whoever can write into the metrics store can hide pods there, and not in Palette. It counts where the cluster has one pool."""
    alone = replace(CLUSTER, pools=(POOL,))
    hours = [NOW.replace(hour=0) - timedelta(hours=hour) for hour in range(1, 25)]
    uses = tuple(MeasuredUse(hour=hour, namespace="shop", pod="web-1", cpu=Millicores(cores * 1000), memory=None) for hour in hours)

    analysis = analyzed(place(tmp_path, clusters=(alone,), uses=uses))

    assert ("sources-disagree" in rules(analysis, "web")) is is_refused
    assert bool([finding for finding in analysis.findings if finding.subject.pool == "web"]) is not is_refused


def test_a_palette_that_does_not_say_what_is_used_is_one_witness_less(tmp_path: Path) -> None:
    class Silent(MemoryPalette):
        def measured(self, uid: object, start: object, end: object) -> tuple[MeasuredUse, ...]:
            raise BadInput(f"palette: use of {uid} from {start} to {end}: too large")

    world = place(tmp_path)
    world.ports = replace(world.ports, palette=Silent((replace(CLUSTER, pools=(POOL,)),)))

    assert web(analyzed(world)).rule == "node-count-down"


# ── what it really saves ─────────────────────────────────────────────────────────────────────────────────────────────
def test_without_any_bill_the_saving_is_at_list_price_and_that_is_said(tmp_path: Path) -> None:
    finding = web(analyzed(place(tmp_path)))

    assert (finding.saving_effective, finding.saving_freed) == (None, None)
    assert LIST_ONLY in finding.unknowns


def test_a_covered_part_is_freed_and_the_rest_is_saved(tmp_path: Path) -> None:
    world = place(tmp_path)
    bill(world, day(29, covered="0.5"), day(30, covered="0.5"), covers=(PLAN,))

    finding = web(analyzed(world))

    assert finding.saving_list == Money(Decimal("292.00"), "USD")
    assert finding.saving_effective == Money(Decimal("146.000000"), "USD")
    assert finding.saving_freed == Money(Decimal("146.000000"), "USD")
    assert "In 2026-07, 50% of what these machines cost at list price was covered (Savings Plan)." in finding.evidence.lines[-1]


def test_paid_hours_without_a_list_cost_make_the_covered_part_unknown(tmp_path: Path) -> None:
    """Beside a plan that has one: the part that a reservation covers would be taken for none."""
    world = place(tmp_path)
    bill(world, day(29, covered="0.5"), day(30, covered="0.5"), covers=(PLAN, UNPRICED))

    finding = web(analyzed(world))

    assert (finding.saving_effective, finding.saving_freed) == (None, None)
    assert COVER_UNKNOWN in finding.unknowns


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ((day(covered=None),), COVER_UNKNOWN),
        ((day(29), day(30, covered=None)), COVER_UNKNOWN),
        (
            (day(29), day(30, currency="EUR")),
            "The bill has this pool in EUR and USD, its prices are in USD: the saving is at list price only.",
        ),
        ((day(currency="EUR"),), "The bill has this pool in EUR, its prices are in USD: the saving is at list price only."),
        ((replace(day(), machine=FREE),), COVER_UNKNOWN),
    ],
    ids=["older-summary", "partly-older", "two-currencies", "another-currency", "zero-rates"],
)
def test_a_bill_that_cannot_say_what_is_covered_promises_nothing(tmp_path: Path, days: tuple[PoolDay, ...], sentence: str) -> None:
    world = place(tmp_path)
    bill(world, *days)

    finding = web(analyzed(world))

    assert (finding.saving_effective, finding.saving_freed) == (None, None)
    assert sentence in finding.unknowns
    assert LIST_ONLY not in finding.unknowns


def test_every_finding_is_scored_against_what_its_pool_costs(tmp_path: Path) -> None:
    world = place(tmp_path)
    bill(world, day())

    analysis = analyzed(world)

    assert {cost.pool: cost.monthly for cost in analysis.costs}["web"] == Money(Decimal("1752.00"), "USD")
    scores = web(analysis).scores
    assert scores is not None
    assert scores.cost == pytest.approx(1 / 6)
    assert web(analysis).workload_kinds == ("Deployment",)


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_analyses_at_once_say_the_same(tmp_path: Path) -> None:
    """The same message delivered to two functions: the second one finds the first one's answer, or writes its equal."""
    world = place(tmp_path)
    first = analyzed(world)

    second = analysis_of(plan_of(RUN, world.ports), UID, world.ports)

    assert dump(second) == dump(first)


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
@pytest.mark.parametrize("step", ["plan", "analyze"])
def test_a_run_that_dies_half_way_is_finished_by_its_next_delivery(tmp_path: Path, step: str, mode: Any) -> None:
    world = place(tmp_path)
    ways: dict[str, Callable[[], object]] = {
        "plan": lambda: plan(RUN, world.ports, NOW),
        "analyze": lambda: analyze_cluster(plan_of(RUN, world.ports), UID, world.ports),
    }
    if step == "analyze":
        plan(RUN, world.ports, NOW)

    world.dying("documents.publish", ways[step], mode)
    plan(RUN, world.ports, NOW)
    analyze_cluster(plan_of(RUN, world.ports), UID, world.ports)
    analyze_cluster(plan_of(RUN, world.ports), UID, world.ports)

    assert web(latest_analyses(RUN, world.ports)[0]).rule == "node-count-down"
    assert sum(key.endswith(".open") for key in world.ports.inbox.pending()) == 1


def test_what_only_a_person_can_do_is_listed_and_never_opened(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    world.propose(shrink(needs_person="Two pools take its place: somebody adds them."))

    assert "Two pools take its place: somebody adds them." in world.refused()
    assert '"rule": "needs-person"' in world.refused()
    assert (world.ports.ledger.heads("proposals/"), world.forge.desk("gitops").numbers()) == ({}, [])


# ── what became of earlier ones ──────────────────────────────────────────────────────────────────────────────────────
def merged(root: Path) -> World:
    world = make_world(root)
    world.propose(shrink(workload_kinds=("Deployment",)))
    world.click("approve")
    world.apply()
    world.later(days=31)
    world.measure()
    return world


def test_a_verified_change_is_a_past_case_of_the_next_run(tmp_path: Path) -> None:
    world = merged(tmp_path)
    world.tick_verify()
    assert world.life().state is State.VERIFIED

    (past,) = past_cases(world.ports)

    assert (past.what, past.merged_on, past.was_undone) == ("dev-east/batch: count 6 to 5", f"{MERGED_ON:%Y-%m-%d}", False)
    assert (past.features.cloud, past.features.family, past.features.environment) == ("aws", "m6i", "non-production")
    assert past.features.workloads == ("Deployment",)


def test_an_outcome_outlives_the_generation_that_it_is_of(tmp_path: Path) -> None:
    """The next proposal for the same pool begins a new life; what became of the last one must not be forgotten with it."""
    world = merged(tmp_path)
    world.tick_verify()
    world.later(days=8)
    world.measure()
    again = (FieldChange(field="count", old="5", new="4"),)

    world.propose(shrink(4, end=world.now.replace(hour=0), changes=again, nodes_old=5))

    assert world.life().generation == 2
    assert [past.what for past in past_cases(world.ports)] == ["dev-east/batch: count 6 to 5"]


def worsen(world: World) -> None:
    """Pods wait in two measured hours, one after the other: one alone could be noise."""
    for _ in range(2):
        world.measure(pending=3)
        world.tick_verify()
        world.later(hours=1)


def test_a_change_after_which_pods_wait_is_a_bad_past_case(tmp_path: Path) -> None:
    world = merged(tmp_path)
    worsen(world)

    (past,) = past_cases(world.ports)

    assert past.outcome.is_healthy is False


def test_what_is_merged_and_not_measured_yet_is_no_case(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    world.click("approve")

    assert past_cases(world.ports) == ()


def test_a_past_case_is_shown_with_the_finding_it_is_like(tmp_path: Path) -> None:
    world = place(tmp_path)
    plan(RUN, world.ports, NOW, notify=False)
    frozen = plan_of(RUN, world.ports)
    first = replace(frozen, run="run-20260730t0300z")
    analyze_cluster(first, UID, world.ports, notify=False)
    world.ports.documents.publish("runs/run-20260730t0300z/plan", dump(first))
    like = web(latest_analyses(first.run, world.ports)[0])
    later = merged(tmp_path / "other")
    worsen(later)
    (past,) = past_cases(later.ports)
    known = replace(past, features=change_features(like, CLUSTER, world.ports))

    analyze_cluster(replace(frozen, past=(known,)), UID, world.ports, notify=False)
    finding = web(latest_analyses(RUN, world.ports)[0])

    assert [case.what for case in finding.similar] == ["dev-east/batch: count 6 to 5 on 2026-11-18: the pool did worse after it."]
    assert like.scores is not None
    assert finding.scores is not None
    assert finding.scores.risk > like.scores.risk


def test_a_finding_of_a_run_opens_as_it_was_ranked(tmp_path: Path) -> None:
    """The pool is in no file here, so opening refuses; and says so of this finding alone."""
    world = place(tmp_path)
    analyzed(world)

    outcome = open_run(plan_of(RUN, world.ports), world.ports, NOW + timedelta(minutes=1))

    assert outcome == f"{RUN}: 0 proposals stand, 2 findings were not opened"
    assert "declared in none of" in world.refused(NOW)
