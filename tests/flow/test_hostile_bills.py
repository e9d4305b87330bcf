"""Bills that are right and odd, or wrong and look right: no money is lost, doubled or rounded without a word."""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import duckdb
import pytest

from tests.cloud_bills import AZURE, GCP, NOW, OCI, Row, export, ports_at, read_in, stored, the_one, write_csv
from tests.cur_bills import line
from tests.cur_bills import write_csv as write_cur
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.errors import BadInput
from trimtab.flow.ingest import ingest_export, ingest_files
from trimtab.records import ExportDrop
from trimtab.sources.focus import MANDATORY

DIGITS = "-123456789012345.123456789012"


def focus_row(**changes: str) -> Row:
    costs = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity"), "1.5")
    times = {
        "BillingPeriodStart": "2026-07-01T00:00:00Z", "BillingPeriodEnd": "2026-08-01T00:00:00Z",
        "ChargePeriodStart": "2026-07-01T00:00:00Z", "ChargePeriodEnd": "2026-07-01T01:00:00Z",
    }  # fmt: skip
    return dict.fromkeys(MANDATORY, "x") | costs | times | {"ChargeCategory": "Usage", "SubAccountId": "sub-1"} | changes


# ── names of columns ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["file_row_number", "File_Row_Number", "filename", "row", "charge kind", 'a"];--'])
def test_a_parquet_column_may_have_any_name(tmp_path: Path, name: str) -> None:
    """A name that the engine uses itself would end the run without a sentence, again at each delivery of the message."""
    columns = ", ".join(f"'{value}' AS \"{key}\"" for key, value in focus_row().items())
    doubled = name.replace('"', '""')
    path = tmp_path / "b.parquet"
    duckdb.sql(f'SELECT {columns}, 7 AS "{doubled}" FROM range(3)').write_parquet(str(path))
    ports = ports_at(tmp_path)

    read_in(ports, path)

    assert stored(ports, '"x_SourceRow", "BilledCost"') == [(number, Decimal("1.5")) for number in (1, 2, 3)]


def test_a_google_row_with_columns_of_our_names_is_read_by_its_own(tmp_path: Path) -> None:
    credit = '[{"name":"Trial","amount":-0.2,"type":"PROMOTION"}]'
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", GCP | {"credits": credit, "credit list": "[]", "charge kind": "charge"}))

    assert stored(ports, '"BilledCost"') == [(Decimal("1.5"),), (Decimal("-0.2"),)]


def test_tags_that_differ_by_case_alone_are_two_tags_of_aws(tmp_path: Path) -> None:
    """Keys of tags are case-sensitive: one team that writes `team` must not keep the whole account's bill out."""
    ports, path = ports_at(tmp_path), write_cur(tmp_path / "b.csv", [line("Usage", "1")], "legacy")
    with path.open(newline="") as written:
        header, cells = csv.reader(written)
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([[*header, "resourceTags/user:Crew", "resourceTags/user:crew"], [*cells, "ML", "shop"]])

    read_in(ports, path)

    ((tags,),) = stored(ports, '"Tags"')
    assert {'"Crew":"ML"', '"crew":"shop"'} <= set(str(tags).strip("{}").split(","))


def test_tags_that_differ_by_case_alone_are_two_tags_of_oracle(tmp_path: Path) -> None:
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", OCI | {"tags/Ops.team": "shop"}))

    assert stored(ports, '"Tags"') == [('{"Ops.Team":"ml","Ops.team":"shop"}',)]


@pytest.mark.parametrize("name", ["cost", "Date"])
def test_other_columns_that_differ_by_case_alone_are_refused(tmp_path: Path, name: str) -> None:
    """Which of two costs is meant is not ours to say."""
    with pytest.raises(BadInput, match="stands twice in its header"):
        read_in(ports_at(tmp_path), write_csv(tmp_path / "b.csv", AZURE | {name.upper(): "1", name.lower(): "2"}))


# ── amounts and lines ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("blank", ["", " ", "\n", "\t", "\r\n  "])
def test_a_credit_keeps_its_digits_however_the_json_is_laid_out(tmp_path: Path, blank: str) -> None:
    """Read as a JSON number, the last twelve of these digits would be gone."""
    given = f'[{{"name":"Trial","amount"{blank}:{blank}{DIGITS},"type":"PROMOTION"}}]'
    ports = ports_at(tmp_path)

    read_in(ports, write_csv(tmp_path / "b.csv", GCP | {"credits": given}))

    assert stored(ports, '"BilledCost"') == [(Decimal("1.5"),), (Decimal(DIGITS),)]


def test_a_credit_that_is_rounded_is_said(tmp_path: Path) -> None:
    given = '[{"name":"Trial","amount":-0.30000000000000004,"type":"PROMOTION"}]'

    loaded = the_one(read_in(ports_at(tmp_path), write_csv(tmp_path / "b.csv", GCP | {"credits": given})))

    assert "rows have costs that are binary doubles" in loaded.warnings[0]


def test_focus_cost_has_the_decimals_of_usage_details(tmp_path: Path) -> None:
    """The same cost in the other dataset of Microsoft is rounded and said; to refuse it here would keep out every such bill."""
    row = focus_row(BilledCost="0.000241935483870968", x_SkuMeterCategory="Virtual Machines")
    ports = ports_at(tmp_path)

    loaded = the_one(read_in(ports, write_csv(tmp_path / "b.csv", row)))

    assert stored(ports, '"BilledCost"') == [(Decimal("0.000241935484"),)]
    assert any("1 rows have costs that are binary doubles" in warning for warning in loaded.warnings)


def test_lines_that_end_in_two_ways_are_refused_in_words(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "b.csv", focus_row(), focus_row())
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n", 1))

    with pytest.raises(BadInput, match=r"b\.csv: not a CSV: its lines end in two ways"):
        read_in(ports_at(tmp_path), path)


# ── months and exports ───────────────────────────────────────────────────────────────────────────────────────────────
def test_late_rows_of_the_month_before_do_not_take_its_place(tmp_path: Path) -> None:
    """Oracle's first file of July begins with the last hours of June."""
    june = {"lineItem/intervalUsageStart": "2026-06-30T10:00Z", "lineItem/intervalUsageEnd": "2026-06-30T11:00Z"}
    ports, first = ports_at(tmp_path), write_csv(tmp_path / "june.csv", *[OCI | june] * 9)
    read_in(ports, first)
    version = ports.lake.version("cost")
    spilled = write_csv(tmp_path / "july.csv", OCI | june, OCI)

    with pytest.raises(BadInput, match=r"bill 2026-06: 1 rows in these files would replace 9 in the lake; name all files of 2026-06"):
        ingest_files([spilled], export(), ports, ports.scratch, NOW + timedelta(days=1), NOW + timedelta(hours=1))

    assert ports.lake.version("cost") == version
    loaded = ingest_files([first, spilled], export(), ports, ports.scratch, NOW + timedelta(days=1), NOW + timedelta(hours=1))
    assert {period: getattr(each, "rows", None) for period, each in loaded.items()} == {"2026-06": 10, "2026-07": 1}


def test_a_bill_in_two_forms_is_read_once(tmp_path: Path) -> None:
    """A FOCUS export beside the report that was there before: every dollar would stand twice in the lake."""
    report, focus = export("report", form="cur"), export("focus", form="focus")
    ports = ports_at(tmp_path, report, focus)
    usage = line("Usage", "1")
    read_in(ports, write_cur(tmp_path / "b.csv", [usage], "legacy"), to=report)
    same = {"BillingAccountId": usage["bill_payer_account_id"], "SubAccountId": usage["line_item_usage_account_id"]}
    again = write_csv(tmp_path / "again.csv", focus_row(**same))

    with pytest.raises(BadInput, match=r"is in export 'report' already, and would count twice; keep one"):
        read_in(ports, again, to=focus)

    read_in(ports, write_csv(tmp_path / "other.csv", focus_row(**same | {"SubAccountId": "another"})), to=focus)
    assert stored(ports, '"SubAccountId"') == [("another",), (usage["line_item_usage_account_id"],)]


# ── two at once ──────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Overtaken:
    """Buckets in which the next run writes over a file while it is copied."""

    inner: StoreBuckets
    overtake: Callable[[str], None]

    def fetch(self, url: str, directory: Path) -> Path:
        copied = self.inner.fetch(url, directory)
        self.overtake(url)
        return copied

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_a_file_that_is_written_over_while_it_is_copied_is_not_taken_for_the_old_run(tmp_path: Path) -> None:
    """Half of one run and half of the next would be a month that nobody was ever billed."""
    path = write_csv(tmp_path / "b.csv", focus_row())
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))

    def overtake(_: str) -> None:
        later = (NOW + timedelta(hours=8)).timestamp()
        os.utime(path, (later, later))

    ports = ports_at(tmp_path)
    cast("dict[str, object]", vars(ports))["buckets"] = Overtaken(cast("StoreBuckets", ports.buckets), overtake)
    drop = ExportDrop(
        export="bill", period="2026-07", run_id="r1", submitted_at=NOW, files=(f"file://{path}",), form="focus", billing_account="*"
    )

    with pytest.raises(BadInput, match="a newer delivery is under way"):
        ingest_export(drop, ports, ports.scratch)

    assert ports.lake.version("cost") is None


def test_files_of_one_name_in_many_folders_are_told_apart(tmp_path: Path) -> None:
    """A row names its file: two files of one name would make the place of a charge ambiguous."""
    for folder in ("a/part", "b/part"):
        write_csv(tmp_path / "bills" / folder / "b.csv", focus_row(ResourceId=folder))
    ports = ports_at(tmp_path)

    read_in(ports, tmp_path / "bills")

    assert stored(ports, '"x_SourceFile"') == [("a/part/b.csv",), ("b/part/b.csv",)]
