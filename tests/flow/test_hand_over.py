"""A delivery or a period over the stated size is not begun here: it waits for the Spark job, or is refused with what to do."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flow.test_ingest_bills import row, write_csv
from trimtab import wiring
from trimtab.errors import BadInput, TooLarge
from trimtab.flow.finish_large import finish_large
from trimtab.flow.hand_over import SPARK
from trimtab.flow.landed import ALLOCATE, ask_for, bill_landed, land, versions
from trimtab.flow.wake import Wake, serve
from trimtab.ports import Ports
from trimtab.settings import Settings
from trimtab.tables import USAGE

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
DELIVERED = NOW - timedelta(hours=1)
OWNERS = "version: 1\npeople: []\nteams: []\nrules: []\napprovers: []\n"


def opened(root: Path, **changes: object) -> Ports:
    """A store with one export, whose deliveries land in `root`/exports."""
    config = root / "config"
    config.mkdir(exist_ok=True)
    for name, text in (
        ("owners.yaml", OWNERS),
        ("config.yaml", "version: 1\ncurrency: USD\nstage: observe\n"),
        ("policy.yaml", "version: 1\nrules: []\n"),
    ):
        (config / name).write_text(text)
    export = {"name": "aws", "form": "focus", "prefix": f"file://{root}/exports", "billing_account": "000123"}
    values = {"store": f"file://{root}/store", "exports": [export], "config_dir": str(config), "clock": NOW, **changes}
    return wiring.build(Settings.model_validate(values))


def deliver(root: Path, *, run: str = "r1", marked: bool = True) -> str:
    """A delivery of two files, with our marker, which states sizes, or with a manifest, which does not; the signal's URL."""
    folder = root / "exports" / "data" / "BILLING_PERIOD=2026-07"
    paths = [write_csv(folder / f"{name}.csv", *[row(ResourceId=f"{name}-{n}") for n in range(4000)]) for name in ("a", "b")]
    if marked:
        listed = [{"name": path.name, "bytes": path.stat().st_size} for path in paths]
        body = {"export": "aws", "period": "2026-07", "run_id": run, "submitted_at": "2026-08-03T11:00:00Z", "files": listed}
        (folder / "_trimtab_complete.json").write_text(json.dumps(body))
        return f"file://{folder}/_trimtab_complete.json"
    manifest = root / "exports" / "metadata" / "BILLING_PERIOD=2026-07" / "aws-Manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"executionId": run, "dataFiles": [f"file://{path}" for path in paths]}))
    for path in (*paths, manifest):
        os.utime(path, (DELIVERED.timestamp(), DELIVERED.timestamp()))
    return f"file://{manifest}"


def waiting(ports: Ports) -> list[object]:
    return [json.loads(ports.inbox.read(key) or b"") for key in ports.inbox.pending("spark")]


@pytest.mark.parametrize("marked", [True, False])
def test_a_larger_delivery_waits_for_spark_and_nothing_is_written(tmp_path: Path, *, marked: bool) -> None:
    """By the sizes that a marker states, and by the store's own where a manifest states none."""
    ports = opened(tmp_path, spark_above_mb=0, has_spark=True)
    url = deliver(tmp_path, marked=marked)

    outcome = bill_landed(url, ports, ports.scratch, NOW)
    again = bill_landed(url, ports, ports.scratch, NOW)

    assert outcome == again == "aws 2026-07: its files are together over settings.spark_above_mb = 0; left to the Spark job"
    assert waiting(ports) == [{"url": url, "run": "r1"}]
    assert ports.lake.version("cost") is None
    assert ports.inbox.pending("ingest") == []


@pytest.mark.parametrize("marked", [True, False])
def test_a_smaller_delivery_is_read_here(tmp_path: Path, *, marked: bool) -> None:
    ports = opened(tmp_path, spark_above_mb=1000, has_spark=True)

    outcome = bill_landed(deliver(tmp_path, marked=marked), ports, ports.scratch, NOW)

    assert outcome == "aws 2026-07: 8000 rows"
    assert waiting(ports) == []


def test_the_limit_is_the_sum_of_all_files(tmp_path: Path) -> None:
    """Each of the two files is below one megabyte; together they are above it."""
    ports = opened(tmp_path, spark_above_mb=1, has_spark=True)
    url = deliver(tmp_path)
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.csv")]

    assert max(sizes) < 1_000_000 < sum(sizes)
    assert "left to the Spark job" in bill_landed(url, ports, ports.scratch, NOW)


def test_without_a_spark_job_a_larger_delivery_is_refused_with_what_to_do(tmp_path: Path) -> None:
    ports = opened(tmp_path, spark_above_mb=0)

    with pytest.raises(TooLarge, match=r"aws 2026-07: .*spark_above_mb = 0; set up the Spark job and settings\.has_spark, or raise"):
        bill_landed(deliver(tmp_path), ports, ports.scratch, NOW)

    assert ports.lake.version("cost") is None


def test_a_listed_file_that_is_not_there_is_no_size_of_zero(tmp_path: Path) -> None:
    ports = opened(tmp_path, has_spark=True)
    url = deliver(tmp_path, marked=False)
    next(tmp_path.rglob("b.csv")).unlink()

    with pytest.raises(BadInput, match=r"b\.csv: its manifest lists it, and it is not there"):
        bill_landed(url, ports, ports.scratch, NOW)


def test_the_next_delivery_in_the_same_place_is_another_message(tmp_path: Path) -> None:
    ports = opened(tmp_path, spark_above_mb=0, has_spark=True)
    bill_landed(deliver(tmp_path, run="r1"), ports, ports.scratch, NOW)
    bill_landed(deliver(tmp_path, run="r2"), ports, ports.scratch, NOW)

    assert [message["run"] for message in waiting(ports) if isinstance(message, dict)] == ["r1", "r2"]


def test_news_of_one_month_asks_for_no_other(tmp_path: Path) -> None:
    """With a year of bills, every drop would have every month attributed anew, hour for hour."""
    ports = opened(tmp_path)
    bill_landed(deliver(tmp_path), ports, ports.scratch, NOW)
    own = versions("p-2026-07", ports)

    leave_usage(ports, "d-2026-09-20")
    other_month = versions("p-2026-07", ports)
    leave_usage(ports, "d-2026-08-02")

    assert other_month == own
    assert versions("p-2026-07", ports) != own, "a charge of another time zone may reach into the next month's first days"


def leave_usage(ports: Ports, day: str, **fields: object) -> None:
    """An hour of usage of that day, in the lake."""
    path = ports.scratch / f"{day}.parquet"
    values = {"cluster_slug": "prod", "day": day, "hour": f"{day.removeprefix('d-')} 00:00:00", **fields}
    columns = ", ".join(
        f'CAST({repr(values[column.name]) if column.name in values else "NULL"} AS {column.sql_type}) AS "{column.name}"'
        for column in USAGE
    )
    with ports.engine.session() as session:
        session.write(f"SELECT {columns}", str(path))
    ports.lake.amend("usage", [{"cluster_slug": "prod", "day": day}], [str(path)], since=ports.lake.version("usage"), about={})


def asked_for(ports: Ports, period: str = "p-2026-07") -> Wake:
    ask_for(period, ports)
    return Wake(key=f"{ALLOCATE}{period}.{versions(period, ports)}")


def test_a_period_whose_bill_is_larger_is_attributed_on_spark(tmp_path: Path) -> None:
    here = opened(tmp_path)
    bill_landed(deliver(tmp_path), here, here.scratch, NOW)
    ports = opened(tmp_path, spark_above_mb=0, has_spark=True)

    outcome = land(asked_for(ports), ports, NOW)

    assert outcome == "p-2026-07: too large to attribute here; left to the Spark job"
    assert waiting(ports) == [{"period": "p-2026-07", "versions": versions("p-2026-07", ports)}]
    assert ports.lake.version("allocated") is None


def test_a_period_that_memory_cannot_hold_is_left_to_spark_where_there_is_one(tmp_path: Path) -> None:
    """DuckDB's own word: TooLarge. Without a job it stays the answer."""
    here = opened(tmp_path)
    bill_landed(deliver(tmp_path), here, here.scratch, NOW)
    ports, alone = opened(tmp_path, has_spark=True, memory_mb=1), opened(tmp_path, memory_mb=1)

    assert "left to the Spark job" in land(asked_for(ports), ports, NOW)
    with pytest.raises(TooLarge, match="not enough memory"):
        land(asked_for(alone), alone, NOW)


def put(ports: Ports, body: bytes) -> str:
    ports.inbox.put(f"{SPARK}x", body)
    return f"{SPARK}x"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no", "not JSON"),
        (b"[]", "names neither"),
        (b"{}", "names neither"),
        (b'{"period": "p-2026-01"}', "no export has a bill for this period"),
    ],
)
def test_a_message_that_asks_for_nothing_is_finished_with_its_reason(tmp_path: Path, body: bytes, reason: str) -> None:
    ports = opened(tmp_path)

    outcome = serve(lambda wake, here, now: finish_large(wake, here, here, now), Wake(key=put(ports, body)), ports, NOW)

    assert reason in outcome
    assert ports.inbox.pending("spark") == []


def test_the_job_leaves_a_delivery_alone_that_a_newer_one_has_replaced(tmp_path: Path) -> None:
    ports = opened(tmp_path, spark_above_mb=0, has_spark=True)
    bill_landed(deliver(tmp_path, run="r1"), ports, ports.scratch, NOW)
    (old,) = ports.inbox.pending("spark")
    deliver(tmp_path, run="r2")

    outcome = finish_large(Wake(key=old), ports, ports, NOW)

    assert outcome == "aws 2026-07: a newer delivery lies there, and has a message of its own"
    assert ports.lake.version("cost") is None


def test_what_the_job_has_done_is_not_asked_of_ingest_again(tmp_path: Path) -> None:
    """The clock asks for every period whose versions changed; the job's own change is no reason."""
    ports = opened(tmp_path, spark_above_mb=0, has_spark=True)
    bill_landed(deliver(tmp_path), ports, ports.scratch, NOW)
    (message,) = ports.inbox.pending("spark")

    outcome = finish_large(Wake(key=message), ports, ports, NOW)

    assert "8000 rows" in outcome
    assert "allocated rows" in outcome
    ask_for("p-2026-07", ports)
    assert ports.inbox.pending("ingest") == []
