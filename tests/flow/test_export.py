"""Allocated cost as FOCUS files: every column, every row, every cent, for what was asked and nothing else."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.bills import Estate, bill, estate, node, pod
from trimtab.errors import BadInput
from trimtab.flow.export import FOCUS, export_focus
from trimtab.tables import ALLOCATED
from trimtab.units import GIB


def attributed(root: Path) -> Estate:
    place = estate(
        [bill("1.5"), bill("-0.25", ChargeCategory="Credit"), bill("4", ResourceId=None, BillingCurrency="EUR", x_Export="other")],
        [node(), pod("a", cpu=2000, memory=8 * GIB)],
        root=root,
    )
    place.allocate()
    return place


def test_a_file_for_each_export_with_every_row_and_cent(tmp_path: Path) -> None:
    place = attributed(tmp_path)

    files = export_focus("2026-07", None, place.ports, tmp_path / "out")

    assert [(file.export, file.period, file.path.name) for file in files] == [
        ("aws", "p-2026-07", "aws-2026-07.focus-1.2.parquet"),
        ("other", "p-2026-07", "other-2026-07.focus-1.2.parquet"),
    ]
    sums = [duckdb.sql(f"SELECT count(*), sum(\"EffectiveCost\") FROM '{file.path}'").fetchall()[0] for file in files]
    assert sums == [(files[0].rows, Decimal("1.25")), (files[1].rows, Decimal(4))]


def test_focus_columns_come_first_and_none_is_missing(tmp_path: Path) -> None:
    place = attributed(tmp_path)

    names = duckdb.sql(f"SELECT * FROM '{export_focus(None, 'aws', place.ports, tmp_path / 'out')[0].path}'").columns

    assert tuple(names[: len(FOCUS)]) == FOCUS
    assert len(FOCUS) == 57
    assert set(names) == {column.name for column in ALLOCATED}
    assert [name for name in names if name.startswith("x_")] == names[-sum(name.startswith("x_") for name in names) :]


def test_times_are_text_in_utc_with_seconds(tmp_path: Path) -> None:
    place = attributed(tmp_path)
    path = export_focus(None, "aws", place.ports, tmp_path / "out")[0].path

    found = duckdb.sql(f'SELECT DISTINCT "ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodEnd" FROM \'{path}\'').fetchall()

    assert found == [("2026-07-01T10:00:00Z", "2026-07-01T11:00:00Z", "2026-08-01T00:00:00Z")]


@pytest.mark.parametrize(("period", "export"), [("2025-01", None), (None, "nobody"), ("2026-07", "nobody")])
def test_what_is_not_allocated_is_said(tmp_path: Path, period: str | None, export: str | None) -> None:
    place = attributed(tmp_path)

    with pytest.raises(BadInput, match="nothing is allocated"):
        export_focus(period, export, place.ports, tmp_path / "out")


def test_a_period_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected YYYY-MM"):
        export_focus("July", None, attributed(tmp_path).ports, tmp_path / "out")


@pytest.mark.security(36)
def test_a_teams_files_hold_its_rows_and_nothing_from_which_the_others_follow(tmp_path: Path) -> None:
    """Of a node that two teams share, a part with its share, or with the whole's hours, says what the other one paid."""
    place = estate(
        [bill("1.5"), bill("4", ResourceId=None, BillingCurrency="EUR", x_Export="other")],
        [node(), pod("a", cpu=2000, memory=8 * GIB), pod("b", cpu=1000, memory=4 * GIB, namespace="ns2")],
        root=tmp_path,
    )
    place.allocate()

    whole = export_focus(None, None, place.ports, tmp_path / "all")
    own = export_focus(None, None, place.ports, tmp_path / "own", ("ML",))

    (file,) = own
    rows = duckdb.sql(
        f'SELECT "x_Team", "EffectiveCost", "AllocatedMethodDetails", "PricingQuantity", "ConsumedQuantity" FROM \'{file.path}\''
    ).fetchall()
    assert rows == [("ML", Decimal("0.75"), None, None, None)]
    details = [line for file in whole for line in duckdb.sql(f"SELECT \"AllocatedMethodDetails\" FROM '{file.path}'").fetchall()]
    assert any(line != (None,) for line in details)


@pytest.mark.security(36)
def test_a_team_without_a_row_gets_no_file(tmp_path: Path) -> None:
    place = attributed(tmp_path)

    with pytest.raises(BadInput, match="nothing in it is of Nobody"):
        export_focus("2026-07", None, place.ports, tmp_path / "out", ("Nobody",))
