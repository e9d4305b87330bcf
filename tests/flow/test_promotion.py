"""From observe to approve: what would have been proposed, held against what was measured and billed afterwards."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests import usage_lake
from tests.flow.flow_world import ONE, World, _owned, make_world, shrink
from tests.judgement import CONFIG, UID, finding, pool
from trimtab.attribution.summary import Covered, PoolDay
from trimtab.flow.promotion import CEILING, EVERYTHING_ELSE, Prospect, Trial, nodes_after, prospects, sentence
from trimtab.flow.simulate import past
from trimtab.records import FieldChange, Stage
from trimtab.units import Money

OBSERVING = CONFIG.replace(b"guarded", b"observe")
DAYS = 4


def observing(tmp_path: Path, config: bytes = OBSERVING, stage: Stage = Stage.GUARDED) -> World:
    """A run found that batch could do with 5 nodes of 6, and nothing was opened."""
    world = make_world(tmp_path, ONE, config=config, stage=stage)
    world.propose(shrink())
    assert world.life().pull_request is None
    return world


def found(world: World) -> tuple[Prospect, ...]:
    since = world.now - timedelta(days=30)
    return prospects(past(world.ports, since), world.ports, since, world.now)


def only(world: World) -> Trial:
    ((trial,),) = (prospect.trials for prospect in found(world))
    return trial


def measured(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, burst: str = "") -> None:
    """Days in which ten pods of half a node each ran; in the hour of a burst, twelve."""
    monkeypatch.setattr(usage_lake, "START", world.now.replace(hour=0))
    folder = tmp_path / "measured"
    folder.mkdir()
    bench = usage_lake.usage_bench(folder)
    steady = usage_lake.pods(DAYS, "etl", count=10, pool="batch", uid=UID, cpu_request=3500)
    more = usage_lake.pods(DAYS, "etl-more", count=2, pool="batch", uid=UID, cpu_request=3500)
    bursts = (f"SELECT * FROM ({more}) WHERE hour = TIMESTAMP '{burst}'",) if burst else ()
    bench.load(steady, *bursts, usage_lake.nodes(DAYS, pool="batch", count=6, uid=UID), days=DAYS)
    world.ports = replace(world.ports, usage=bench.usage)
    world.later(days=DAYS - 1)


def billed(world: World, *days: str, covered: str = "0") -> None:
    """A bill with six nodes of batch at 50 a day together; `covered` of it by a commitment."""
    cover = Covered(effective=Decimal(50), list=Decimal(60), covered_effective=Decimal(covered), covered_list=Decimal(covered))
    costs = tuple(
        PoolDay(
            cluster="dev-east",
            pool="batch",
            day=day,
            currency="USD",
            node_hours=Decimal(144),
            effective=Decimal(50),
            list=Decimal(60),
            machine=cover,
        )
        for day in days
    )
    world.ports.documents.publish("summaries/all/p-2026-11", replace(_owned({}), period="p-2026-11", pool_costs=costs).to_json())


def test_a_change_that_would_have_fitted_every_hour_since_says_so_with_dates_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = observing(tmp_path)
    measured(world, tmp_path, monkeypatch)

    (prospect,) = found(world)

    assert prospect.scope == "cluster dev-east"
    assert [trial.what for trial in prospect.fitted] == ["dev-east/batch: count 6 → 5"]
    assert prospect.trials[0].fit is not None
    assert prospect.trials[0].fit.steps == 72
    assert sentence(prospect) == (
        "1 change would have been proposed since 2026-10-22; 1 would have fitted every hour since (3 days in the middle); "
        "what they would have saved, no bill says yet"
    )


def test_one_hour_that_would_not_have_fitted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = observing(tmp_path)
    measured(world, tmp_path, monkeypatch, burst="2026-11-20 03:00:00")

    (prospect,) = found(world)

    assert not prospect.fitted
    assert "1 would not: dev-east/batch: count 6 → 5 in 1 of 72 hours, first on 2026-11-20 03:00 UTC" in sentence(prospect)


def test_what_the_hours_before_it_were_like_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence was judged when it was proposed; here only what came afterwards is asked."""
    world = observing(tmp_path)
    measured(world, tmp_path, monkeypatch, burst="2026-11-18 09:00:00")

    fit = only(world).fit

    assert fit is not None
    assert fit.missed == 0


def test_what_nobody_measured_is_not_held_to_have_fitted(tmp_path: Path) -> None:
    world = observing(tmp_path)
    world.later(days=3)

    (prospect,) = found(world)

    assert (prospect.fitted, prospect.missed, len(prospect.unknown)) == ((), (), 1)
    assert "nothing was measured of it since" in sentence(prospect)


def test_the_bill_says_what_it_would_have_saved_on_whole_days_alone(tmp_path: Path) -> None:
    """The day it was proposed and the bill's newest day are not whole."""
    world = observing(tmp_path)
    world.later(days=4)
    billed(world, "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21")

    trial = only(world)

    assert trial.billed_days == 2
    assert trial.saved is not None
    assert trial.saved.currency == "USD"
    assert round(trial.saved.amount, 6) == round(2 * Decimal(50) / 6, 6)


def test_what_a_commitment_pays_for_anyway_is_not_saved(tmp_path: Path) -> None:
    world = observing(tmp_path)
    world.later(days=4)
    billed(world, "2026-11-19", "2026-11-20", "2026-11-21", covered="50")

    assert only(world).saved == Money(Decimal(0), "USD")


def test_the_same_wish_of_several_runs_is_one_change(tmp_path: Path) -> None:
    world = observing(tmp_path)
    world.later(days=1)
    world.measure()
    world.propose(shrink(end=world.now.replace(hour=0)))

    (prospect,) = found(world)

    assert len(prospect.trials) == 1
    assert prospect.trials[0].since < world.now - timedelta(hours=12)


@pytest.mark.parametrize(
    ("config", "stage", "scope"),
    [
        (CONFIG.replace(b"{cluster: dev-east, stage: guarded}", b"{project: sandbox, stage: observe}"), Stage.GUARDED, "project sandbox"),
        (CONFIG.replace(b"{cluster: dev-east, stage: guarded}", b"{team: batch, stage: observe}"), Stage.GUARDED, "team batch"),
        (
            CONFIG.replace(b"stage: approve", b"stage: observe").replace(b"{cluster: dev-east,", b"{cluster: another,"),
            Stage.GUARDED,
            EVERYTHING_ELSE,
        ),
        (CONFIG, Stage.OBSERVE, CEILING),
    ],
)
def test_the_line_that_keeps_it_at_observe_is_named(tmp_path: Path, config: bytes, stage: Stage, scope: str) -> None:
    assert only(observing(tmp_path, config, stage)).scope == scope


def test_what_would_not_have_opened_at_approve_either_is_not_counted(tmp_path: Path) -> None:
    """Its stage is not what keeps it: showing it would promise what promotion does not give."""
    world = make_world(tmp_path, ONE, config=OBSERVING)
    world.propose(shrink(changes=(FieldChange(field="count", old="6", new="0"),), nodes_new=0))

    assert found(world) == ()


def test_a_scope_that_may_open_is_no_prospect(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())

    assert found(world) == ()


def test_an_autoscaled_pool_is_judged_by_how_far_it_may_grow() -> None:
    scaled = pool(minimum=2, maximum=9)
    lower = finding(changes=(FieldChange(field="min", old="2", new="1"),), nodes_new=1)
    narrower = finding(changes=(FieldChange(field="max", old="9", new="7"),), nodes_new=2)

    assert nodes_after(lower, scaled) == 9
    assert nodes_after(narrower, scaled) == 7
    assert nodes_after(finding(), pool()) == 5
