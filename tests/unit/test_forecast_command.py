"""`trimtab forecast` and `trimtab anomalies` on a file and on a store: exit codes, and JSON alone on stdout."""

import json
from datetime import date, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.outlook import ROOT, cells, days, store
from trimtab.cli import forecasts
from trimtab.errors import BadInput, Refused
from trimtab.sources.daily_series import parse_daily_series

SERIES = str(ROOT / "data" / "series" / "msft_purchase02_daily.csv")


def trimtab(*arguments: str) -> Result:
    app = typer.Typer()
    forecasts.register(app)
    return CliRunner().invoke(app, arguments)


def test_a_file_is_forecast_as_of_a_day() -> None:
    made = json.loads(trimtab("forecast", "--series", SERIES, "--as-of", "2018-04-20", "--format", "json").stdout)

    assert (made["month"], made["as_of"], made["estimated_days"]) == ("2018-04", "2018-04-20", 10)
    assert float(made["spent"]) < float(made["low"]) <= float(made["total"]) <= float(made["high"])


def test_too_short_a_file_is_a_no_with_its_reason() -> None:
    refusal = trimtab("forecast", "--series", SERIES, "--as-of", "2018-03-20").exception

    assert isinstance(refusal, Refused)
    assert "no forecast for 2018-03: 6 known days" in str(refusal)


def test_unusual_days_of_a_file_are_listed() -> None:
    found = json.loads(trimtab("anomalies", "--series", SERIES, "--format", "json").stdout)

    assert "2018-05-01" in [item["day"] for item in found]


def test_the_backtest_shows_the_choice_beside_each_method() -> None:
    scores = json.loads(trimtab("forecast", "--series", SERIES, "--backtest", "--format", "json").stdout)

    assert {"chosen", "last seven days", "weekday profile"} <= {score["method"] for score in scores}


def test_a_stores_forecast_is_as_of_its_newest_bill(tmp_path: Path) -> None:
    """A demo's bill is of last summer: asked today, it still answers for its own month."""
    store(tmp_path, cells("web", days(date(2026, 6, 1), [10] * 50)))

    made = json.loads(trimtab("forecast", "--store", f"file://{tmp_path}", "--format", "json").stdout)

    assert [(item["scope"], item["month"], item["total"]) for item in made] == [
        ("all", "2026-07", "310.00"),
        ("team-web", "2026-07", "310.00"),
    ]
    assert datetime.fromisoformat(made[0]["as_of"]).date() == date(2026, 7, 20)


@pytest.mark.parametrize("command", ["forecast", "anomalies"])
def test_an_empty_store_says_what_to_do_first(command: str, tmp_path: Path) -> None:
    assert "ingest a bill and allocate first" in str(trimtab(command, "--store", f"file://{tmp_path}").exception)


def test_a_date_that_is_none_is_bad_input() -> None:
    assert isinstance(trimtab("forecast", "--series", SERIES, "--as-of", "yesterday").exception, BadInput)


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_empty_values_are_unknown_and_other_columns_are_ignored() -> None:
    text = b"\xef\xbb\xbfdate,note,value\r\n2026-07-01,a,1.50\r\n2026-07-02,b,\r\n2026-07-04,c,0\r\n"

    assert {f"{day}": f"{value}" for day, value in parse_daily_series(text, "x.csv").items()} == {"2026-07-01": "1.50", "2026-07-04": "0"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"day,value\n2026-07-01,1\n", "x.csv: no column date"),
        (b"date,value\n2026-07-32,1\n", "x.csv:2: date: expected YYYY-MM-DD"),
        (b"date,value\n2026-07-01,NaN\n", "x.csv:2: value: expected a number"),
        (b"date,value\n2026-07-01,1e999\n", "x.csv:2: value: expected a number"),
        (b"date,value\n2026-07-01,ten\n", "x.csv:2: value: expected a number"),
        (b"date,value\n2026-07-01,1\n2026-07-01,2\n", "x.csv:3: 2026-07-01 comes twice"),
        (b"date,value\n\xff\xfe,1\n", "x.csv: not a CSV in UTF-8"),
        (b"", "x.csv: no column date and value"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: bytes, place: str) -> None:
    with pytest.raises(BadInput, match=place):
        parse_daily_series(text, "x.csv")
