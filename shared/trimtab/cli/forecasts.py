"""What is to come and what was strange: forecast, anomalies. From the store's summaries, or from a CSV of date,value."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import print_json, print_table
from trimtab.cli.session import asking
from trimtab.errors import BadInput, Refused
from trimtab.flow.access import scopes_of
from trimtab.records import Anomaly, Forecast, NoForecast
from trimtab.sources.daily_series import parse_daily_series

if TYPE_CHECKING:
    from trimtab.flow.learn import CostSeries

SeriesOption = Annotated[
    Path | None, typer.Option("--series", help="CSV with date,value; an empty value is unknown", exists=True, dir_okay=False)
]
FORECAST = ("scope", "currency", "month", "total", "low", "high", "known", "method", "interval held")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("forecast", help="The month's total as it will end, with its interval.")(forecast)
    app.command("anomalies", help="Days that cost what no such weekday did before.")(anomalies)


def forecast(
    series: SeriesOption = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="the last known day (default: the newest)", metavar="DATE")] = None,
    backtest: Annotated[bool, typer.Option("--backtest", help="how it would have done on every whole month of the past")] = False,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Forecast a series, or every audience of the store."""
    known_to = _date(as_of) if as_of else None
    asked = _Asked(who, store, config, "the backtest of its forecasts" if backtest else "forecasts")
    if backtest:
        _backtest(series, asked, output)
    elif series:
        _one(series, known_to, output)
    else:
        _stored(known_to, asked, output)


class _Asked(NamedTuple):
    """Who asks a store for what."""

    who: str | None
    store: str | None
    config: str | None
    what: str


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--as-of {text}: expected YYYY-MM-DD") from None


def _read(series: Path) -> dict[date, Decimal]:
    days = parse_daily_series(series.read_bytes(), str(series))
    if not days:
        raise BadInput(f"{series}: no day has a value")
    return days


def _one(series: Path, known_to: date | None, output: Format) -> None:
    """A file's forecast; exit 1 with the reason where none is made."""
    from trimtab.analysis.forecast import forecast as forecast_series

    days = _read(series)
    made = forecast_series(days, known_to or max(days))
    if isinstance(made, NoForecast):
        raise Refused(f"{series}: no forecast for {made.month}: {made.reason}")
    if output is Format.JSON:
        print_json(made)
    else:
        _print([(series.name, "", made)])


def _series(asked: _Asked) -> "tuple[list[CostSeries], date]":
    """The series of every audience that they may see, and the newest day that is over and has a bill."""
    from trimtab.flow.history import history_of
    from trimtab.flow.learn import every_series, read_summaries

    with asking(asked.store, asked.config, asked.who, asked.what) as (session, asker):
        known, scopes = every_series(read_summaries(session.ports), history_of(session.ports)), scopes_of(asker)
        every = [one for one in known if scopes is None or one.scope in scopes]
        over = [day for one in every for day in one.known if day < session.now.date()]
    if not over:
        raise BadInput("no summaries yet: ingest a bill and allocate first")
    return every, max(over)


def _stored(known_to: date | None, asked: _Asked, output: Format) -> None:
    """Every audience's forecast, made now from the summaries."""
    from trimtab.analysis.forecast import forecast as forecast_series

    every, newest = _series(asked)
    rows = [(series.scope, series.currency, forecast_series(series.known, known_to or newest)) for series in every]
    if output is Format.JSON:
        print_json([{"scope": scope, "currency": currency, **asdict(made)} for scope, currency, made in rows])
    else:
        _print(rows)


def _print(rows: list[tuple[str, str, Forecast | NoForecast]]) -> None:
    print_table("Month end", FORECAST, [_row(*row) for row in rows], numbers=("total", "low", "high", "known"))


def _row(scope: str, currency: str, made: Forecast | NoForecast) -> tuple[object, ...]:
    if isinstance(made, NoForecast):
        return scope, currency, made.month, None, None, None, None, f"none: {made.reason}", None
    held = None if made.coverage is None else f"{made.coverage:.0%} of past trials"
    return scope, currency, made.month, made.total, made.low, made.high, made.spent, made.method, held


def _backtest(series: Path | None, asked: _Asked, output: Format) -> None:
    """Median error of each method by day of the month, and how often the interval held."""
    from trimtab.analysis.forecast import backtest

    if series:
        days, place = _read(series), str(series)
    else:
        every = _series(asked)[0]
        longest = max([one for one in every if one.scope == "all"] or every, key=lambda one: len(one.days))
        days, place = longest.days, f"{longest.scope}, {longest.currency}"
    scores = backtest(days)
    if not scores:
        raise Refused(f"{place}: no whole month after two known weeks, so there is nothing to try on")
    if output is Format.JSON:
        print_json(scores)
        return
    rows = [
        (
            f"day {score.day}",
            score.method,
            score.months,
            f"{score.median_error:.1%}",
            None if score.coverage is None else f"{score.coverage:.0%}",
        )
        for score in scores
    ]
    columns = ("known to", "method", "months", "median error", "interval held")
    print_table(f"Backtest of {place}", columns, rows, numbers=columns[2:])


def anomalies(
    series: SeriesOption = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Unusual days of a series, or of every audience of the store."""
    rows = _of_file(series) if series else _of_store(_Asked(who, store, config, "unusual days"))
    if output is Format.JSON:
        print_json([{"scope": scope, "currency": currency, **asdict(item)} for scope, currency, item in rows])
        return
    columns = ("scope", "currency", "day", "actual", "expected", "times usual", "since", "made by")
    print_table("Unusual days", columns, [_unusual(*row) for row in rows], numbers=("actual", "expected", "times usual"))


def _of_file(series: Path) -> list[tuple[str, str, Anomaly]]:
    from trimtab.analysis.anomalies import anomalies as find

    return [(series.name, "", item) for item in find(_read(series))]


def _of_store(asked: _Asked) -> list[tuple[str, str, Anomaly]]:
    """Every audience's; exit 1 where no series is long enough to judge any day."""
    from trimtab.flow.learn import surprises

    every, newest = _series(asked)
    found = [(one, *surprises(one, newest)) for one in every]
    if all(refusal for _, _, refusal in found):
        raise Refused(f"{found[0][0].scope}: {found[0][2]}")
    return [(one.scope, one.currency, item) for one, items, _ in found for item in items]


def _unusual(scope: str, currency: str, item: Anomaly) -> tuple[object, ...]:
    parts = ", ".join(f"{part.name} {'too new' if part.change is None else f'{part.change:+,.2f}'}" for part in item.contributions)
    return scope, currency, item.day, item.actual, item.expected, f"{item.score:+.1f}", item.since, parts or None
