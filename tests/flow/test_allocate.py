"""The use case: a period attributed, written once, and summarized for each audience."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.bills import HOUR, NOW, PERIOD, Estate, bill, estate, governance, node, pod, write_parquet
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.store.lake import DeltaLake
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput, Broken
from trimtab.flow.allocate import allocate
from trimtab.ports import Engine, Ports, Session, Superseded
from trimtab.render.alerts import largest
from trimtab.units import GIB


def usual(root: Path | None = None) -> Estate:
    """One node for two hours, half ML's and a quarter Shop's in the first, unmeasured in the second; a volume and a tax."""
    cost = [
        bill("1", billed="0.5"),
        bill("2", hour=HOUR + timedelta(hours=1)),
        bill("3", ResourceId="vol-1", Tags='{"eks:cluster-name": "prod"}', ServiceName="EBS", ServiceCategory="Storage"),
        bill("4", ResourceId=None, ChargeCategory="Tax", BillingCurrency="EUR"),
    ]
    usage = [node(), pod("a", cpu=2000, memory=8 * GIB), pod("b", cpu=1000, memory=4 * GIB, namespace="ns2")]
    return estate(cost, usage, root=root)


def test_every_part_is_named_and_they_add_up_per_currency() -> None:
    summary = usual().allocate().summary

    found = {(record.currency, record.measure): record for record in summary.reconciliations}
    effective = found["USD", "EffectiveCost"]
    assert [effective.allocated, effective.idle, effective.unallocated, effective.billed] == [Decimal("0.75"), Decimal("0.25"), 5, 6]
    assert found["EUR", "EffectiveCost"].not_kubernetes == 4
    assert [record.difference for record in summary.reconciliations] == [0, 0, 0, 0]


def test_the_commit_says_what_it_was_made_from() -> None:
    place = usual()

    place.allocate()

    assert place.lake.abouts[-1] == {"cost": 0, "usage": 0, "governance": "v1"}


def test_doing_it_twice_is_doing_it_once() -> None:
    place = usual()
    first = place.allocate()
    rows = place.rows("SELECT * FROM allocated ORDER BY ALL")

    second = place.allocate()

    assert place.rows("SELECT * FROM allocated ORDER BY ALL") == rows
    assert second.summary.by_part == first.summary.by_part


def test_an_older_run_leaves_a_newer_ones_rows_alone() -> None:
    place = usual()
    place.allocate()

    older = place.allocate(now=NOW - timedelta(hours=1))

    assert older.exports[0].version == Superseded(NOW)


@dataclass(frozen=True, slots=True)
class Forgetful:
    """An engine that loses the idle rows while writing."""

    real: Engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.real.session() as session:
            yield cast(Session, ForgetfulSession(session))


@dataclass(frozen=True, slots=True)
class ForgetfulSession:
    real: Session

    def run(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self.real.run(sql, parameters)

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        return self.real.rows(sql, parameters)

    def write(self, sql: str, path: str) -> int:
        return self.real.write(f"SELECT * FROM ({sql}) WHERE \"x_Part\" <> 'idle'", path)


def test_promise_1_broken_by_one_row_writes_nothing() -> None:
    place = usual()
    cast(SimpleNamespace, place.ports).engine = Forgetful(place.ports.engine)

    with pytest.raises(Broken, match=r"aws/p-2026-07: BilledCost in USD does not add up: the parts are -0\.125"):
        place.allocate()

    assert place.lake.version("allocated") is None
    assert place.documents.kept == {}


def test_a_period_that_no_export_has_is_named() -> None:
    with pytest.raises(BadInput, match="p-2026-07: no export has a bill for this period"):
        estate([bill("1", x_Period="p-2026-06")]).allocate()


def test_without_any_usage_the_bill_is_still_whole() -> None:
    place = estate([bill("1"), bill("2", ResourceId="x")])

    place.allocate()

    assert place.parts() == {"not-kubernetes": Decimal(3)}


def test_each_export_is_attributed_and_the_summary_holds_all() -> None:
    place = estate([bill("1"), bill("5", x_Export="gcp", ResourceId="bucket")], [node(), pod("a", cpu=4000, memory=16 * GIB)])

    result = place.allocate()

    assert [export.export for export in result.exports] == ["aws", "gcp"]
    assert {line.name: line.amounts.effective for line in result.summary.by_export} == {"aws": 1, "gcp": 5}


def test_an_export_whose_rows_are_gone_loses_its_allocated_rows_too() -> None:
    place = usual()
    place.allocate()
    write_parquet("cost", [], place.root / "none.parquet")
    partition = {"x_Export": "aws", "x_Period": PERIOD}
    place.lake.replace("cost", partition, [str(place.root / "none.parquet")], application="c", submitted_at=NOW, about={})

    result = place.allocate()

    assert (place.rows(), result.summary.reconciliations) == ([], ())


def test_a_teams_summary_holds_its_own_lines_and_nothing_else() -> None:
    """One prefix per audience: who may read team-shop must not learn what ML, the pools or the whole bill cost."""
    place = usual()
    place.allocate()

    own = Summary.from_json(place.documents.kept[f"summaries/team-shop/{PERIOD}"])

    assert [(line.name, line.amounts.effective) for line in own.by_team] == [("Shop", Decimal("0.25"))]
    assert (own.reconciliations, own.pool_rates, own.idle, own.unallocated) == ((), (), (), ())
    assert "ML" not in json.dumps(own.to_json())


def test_a_team_that_lost_its_last_cost_gets_an_empty_summary() -> None:
    place = usual()
    place.allocate()

    place.allocate(governance(teams=("ML", "Shop", "Other")))
    place.documents.kept[f"summaries/team-gone/{PERIOD}"] = place.documents.kept[f"summaries/team-ml/{PERIOD}"]
    place.allocate()

    assert Summary.from_json(place.documents.kept[f"summaries/team-gone/{PERIOD}"]).by_team == ()
    assert Summary.from_json(place.documents.kept[f"summaries/team-other/{PERIOD}"]).by_team == ()


def test_a_summary_survives_the_way_to_disk_and_back() -> None:
    place = usual()

    summary = place.allocate().summary

    assert Summary.from_json(place.documents.kept[f"summaries/all/{PERIOD}"]) == summary


def test_a_document_that_is_no_summary_is_broken() -> None:
    with pytest.raises(Broken, match="summary: scope"):
        Summary.from_json({"period": PERIOD})


def test_rightsizing_finds_what_a_node_hour_really_costs_and_who_pays() -> None:
    summary = usual().allocate().summary

    assert [(rate.pool, rate.currency, rate.effective_per_hour) for rate in summary.pool_rates] == [("workers", "USD", Decimal("1.5"))]
    assert summary.machines("prod", "workers", "EUR") is None
    assert summary.owner_shares("prod", "workers") == (("ML", 2 / 3), ("Shop", 1 / 3))
    assert summary.pool_days("prod", "workers") == (("2026-07-01", Decimal(2), Decimal(9)),)


def test_the_largest_costs_are_words_with_their_currency() -> None:
    summary = usual().allocate().summary

    assert largest(dict(summary.parts("USD")), "USD", 2) == ("namespace prod/ns1: 0.50 USD", "idle capacity of prod/workers: 0.25 USD")


def test_the_days_of_the_series_cover_the_whole_bill_and_each_team() -> None:
    summary = usual().allocate().summary

    found = {(line.day, line.team, line.currency): line.amounts.effective for line in summary.daily}
    assert found["2026-07-01", None, "USD"] == 6
    assert found["2026-07-01", "ML", "USD"] == Decimal("0.5")


def test_on_the_real_lake_the_parts_add_up_and_a_second_run_is_superseded(tmp_path: Path) -> None:
    """Delta keeps partition values in paths and times with a zone; attribution must not notice."""
    place = usual(tmp_path)
    lake = DeltaLake(f"file://{tmp_path}/delta", tmp_path / "scratch")
    for table in ("cost", "usage"):
        for partition in place.lake.partitions(table):
            lake.replace(table, partition, place.lake.files(table, partition), application="a", submitted_at=NOW, about={})
    touched = SimpleNamespace(**vars(place.ports))
    touched.lake = lake
    touched.engine = DuckDb(directories=(tmp_path,), scratch=tmp_path / "spill")

    first = allocate(PERIOD, cast(Ports, touched), governance(), tmp_path / "scratch", NOW)
    second = allocate(PERIOD, cast(Ports, touched), governance(), tmp_path / "scratch", NOW)

    assert [record.difference for record in first.summary.reconciliations] == [0, 0, 0, 0]
    assert first.summary.by_part == place.allocate().summary.by_part
    assert second.exports[0].version == Superseded(NOW)
