"""What a month will have cost, from its days so far. Small estimators; the series' own past decides which one speaks.

No method wins everywhere, so each is tried on the past (rolling origins, the same length of future) and the best is taken; the same
trials give the interval. A day without a value is unknown: never zero, estimated like a day to come. Money is exact at the door and
in what is known; only the estimate is floating point. Days are dates: a day of 23 or 25 hours is one day.
"""

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from trimtab.records import Forecast, NoForecast

Floats = NDArray[np.float64]
Series = Mapping[date, Decimal]
"""Day → cost. A day that is not there is unknown."""

LEAST_DAYS = 14
"""Known days below which nothing is said: two of each weekday."""
LOOKBACK = 400
"""Days of past that are looked at."""
FIRST_TRIAL = 7
"""Known days before the first trial."""
STRIDE = 3
"""Days between two trials: neighbors say nearly the same."""
MARGIN = 0.1
"""How much better than the last seven days' mean a method must have been; best of several by chance is no better."""
LEVEL = 0.8
STALE_DAYS = 10
"""A series whose newest day is older than this says nothing about now."""
CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """Days in a row up to a cut, NaN where unknown, and the date of the first."""

    values: Floats
    first: date

    def until(self, count: int) -> "Past":
        """The first `count` days."""
        return Past(values=self.values[:count], first=self.first)

    def weekdays(self, start: int, count: int) -> NDArray[np.int64]:
        """Weekdays (0 = Monday) of `count` days from day number `start`, which may lie after the end."""
        return (np.arange(start, start + count) + self.first.weekday()) % 7

    def last_known(self, count: int) -> Floats:
        """The newest `count` known values, oldest first."""
        known = self.values[np.isfinite(self.values)]
        return known[-count:]

    def usual_day(self) -> float:
        """The mean size of a day in the last four weeks."""
        return float(np.abs(self.last_known(28)).mean())


Method = Callable[[Past, int], Floats]
"""A past and a number of days to come → a value for each of them."""


# ── The methods ──────────────────────────────────────────────────────────────────────────────────────────────────────
def last_week(past: Past, days: int) -> Floats:
    """The mean of the newest seven known days: 10 a day for a week → 10 for ever."""
    return np.full(days, past.last_known(7).mean())


def month_to_date(past: Past, days: int) -> Floats:
    """The month's own mean so far; in the first days of a month, the last week's."""
    following = past.first + timedelta(days=len(past.values))
    own = past.values[max(0, len(past.values) - following.day + 1) :] if following.day > 1 else past.values[:0]
    known = own[np.isfinite(own)]
    return np.full(days, known.mean()) if len(known) >= 3 else last_week(past, days)


def weekday_profile(past: Past, days: int) -> Floats:
    """Each weekday's usual share of a day, from eight weeks, times the last two weeks' level without their weekdays."""
    count = len(past.values)
    start = max(0, count - 56)
    recent = past.values[start:]
    then, ahead = past.weekdays(start, len(recent)), past.weekdays(count, days)
    usual = np.nanmedian(recent) if np.isfinite(recent).any() else np.nan
    medians = np.array([_median(recent[then == weekday]) for weekday in range(7)])
    if not np.isfinite(medians).all() or not usual > 0 or (medians <= 0).any():
        return last_week(past, days)
    shares = medians / medians.mean()
    level = _median((recent / shares[then])[-14:])
    return level * shares[ahead] if np.isfinite(level) else last_week(past, days)


def drift(past: Past, days: int) -> Floats:
    """The last week's level, going on to rise or fall as it did against the week four weeks before; never below nothing."""
    known = past.last_known(28)
    if len(known) < 28:
        return last_week(past, days)
    slope = (known[-7:].mean() - known[:7].mean()) / 21
    line = known[-7:].mean() + slope * np.arange(4, days + 4)
    floored: Floats = np.maximum(line, min(0.0, float(known.min())))
    return floored


def newest_day(past: Past, days: int) -> Floats:
    """Tomorrow as today: what a fancier method has to beat."""
    return np.full(days, past.last_known(1)[0])


METHODS: dict[str, Method] = {
    "last seven days": last_week,
    "month to date": month_to_date,
    "weekday profile": weekday_profile,
    "drift": drift,
    "newest day": newest_day,
}
FLOOR = "last seven days"
"""What speaks where nothing else is clearly better."""


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


# ── Trials on the past ───────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Trials:
    """Every method's errors over the past: [method, trial], a day's mean error as a share of a usual day then."""

    errors: Floats
    cuts: tuple[int, ...]
    """How many days each trial knew."""
    ends: tuple[int, ...]
    """How many days had to pass until its outcome was known."""

    def ranking(self) -> list[tuple[str, float]]:
        """Methods by mean absolute error, best first."""
        means = np.abs(self.errors).mean(axis=1)
        return sorted(zip(METHODS, (float(mean) for mean in means), strict=True), key=lambda item: round(item[1], 9))

    def chosen(self) -> str:
        """The best method, where it is clearly better than the first; a few trials must say it louder."""
        best, error = self.ranking()[0]
        usual = dict(self.ranking())[FLOOR]
        return best if error < (1 - MARGIN - 1 / len(self.cuts)) * usual else FLOOR

    def of(self, method: str) -> Floats:
        """One method's errors, oldest first."""
        errors: Floats = self.errors[list(METHODS).index(method)]
        return errors


def trials(past: Past, days: int) -> Trials:
    """Stand at every third day of the past in turn and look as far ahead as there is to look now, or as the past allows."""
    count = len(past.values)
    cuts = range(count - min(days, STRIDE), FIRST_TRIAL - 1, -STRIDE)
    found = [(cut, errors) for cut in reversed(cuts) if (errors := _trial(past, cut, min(days, count - cut))) is not None]
    return Trials(
        errors=np.array([errors for _, errors in found]).reshape(len(found), len(METHODS)).T,
        cuts=tuple(cut for cut, _ in found),
        ends=tuple(cut + min(days, count - cut) for cut, _ in found),
    )


def _trial(past: Past, cut: int, days: int) -> Floats | None:
    """Each method's error at one cut; None where too little is known around it."""
    before, after = past.until(cut), past.values[cut : cut + days]
    known = np.isfinite(after)
    if np.isfinite(before.values).sum() < FIRST_TRIAL or not known.any():
        return None
    usual = before.usual_day()
    if usual <= 0:
        return None
    return np.array([(after[known] - method(before, days)[known]).mean() / usual for method in METHODS.values()])


def spread(errors: Floats) -> tuple[float, float]:
    """The errors between which `LEVEL` of them lie, wider where there are few; always around no error at all."""
    count = len(errors)
    ordered = np.sort(errors)
    tail = (1 - LEVEL) / 2
    low = max(0, int(np.floor((count + 1) * tail)) - 1)
    high = min(count - 1, int(np.ceil((count + 1) * (1 - tail))) - 1)
    # Trials overlap, so a few of them show less than there is to see.
    wider = 1 + 8 / count
    return min(0.0, float(ordered[low])) * wider, max(0.0, float(ordered[high])) * wider


def coverage(errors: Floats, made: Trials) -> float | None:
    """How often an interval made from the trials that were over by then would have held; None = too few trials to say."""
    held = []
    for error, cut in zip(errors, made.cuts, strict=True):
        earlier = errors[[index for index, end in enumerate(made.ends) if end <= cut]]
        if len(earlier) >= 5:
            low, high = spread(earlier)
            held.append(low <= error <= high)
    return round(float(np.mean(held)), 3) if len(held) >= 10 else None


# ── The forecast ─────────────────────────────────────────────────────────────────────────────────────────────────────
def forecast(series: Series, as_of: date, month: date | None = None) -> Forecast | NoForecast:
    """The total of a month (of `as_of`, unless another is given), from the days up to and including `as_of`."""
    first = (month or as_of).replace(day=1)
    known = {day: value for day, value in series.items() if as_of - timedelta(days=LOOKBACK) < day <= as_of}
    refusal = _too_little(known, as_of)
    if refusal:
        return NoForecast(month=f"{first:%Y-%m}", as_of=as_of, reason=refusal)
    past = past_of(known)
    asked = [day for day in days_of(first) if day >= past.first]
    spent = sum((known[day] for day in asked if day in known), Decimal(0))
    unknown = [day for day in asked if day not in known]
    made = trials(past, max(1, len(unknown)))
    if not made.cuts:
        return NoForecast(month=f"{first:%Y-%m}", as_of=as_of, reason="nothing was ever spent, so there is nothing to go by")
    method = made.chosen()
    estimate = sum(estimates(past, unknown, METHODS[method]))
    low, high = (estimate + side * past.usual_day() * len(unknown) for side in spread(made.of(method)))
    floor = Decimal(0) if min(known.values()) >= 0 else None
    return Forecast(
        month=f"{first:%Y-%m}", as_of=as_of, since=asked[0] if asked else first, spent=spent,
        total=_plus(spent, estimate, floor), low=_plus(spent, low, floor), high=_plus(spent, high, floor), level=LEVEL,
        method=method, estimated_days=len(unknown), missing_days=sum(day <= as_of for day in unknown),
        trials=len(made.cuts), errors=tuple((name, round(error, 4)) for name, error in made.ranking()),
        coverage=coverage(made.of(method), made),
    )  # fmt: skip


def _too_little(known: Series, as_of: date) -> str:
    """Why nothing can be said; "" = enough is known."""
    if len(known) < LEAST_DAYS:
        return f"{len(known)} known days up to {as_of}; {LEAST_DAYS} are the least to tell a week from chance"
    newest = max(known)
    if (as_of - newest).days > STALE_DAYS:
        return f"the newest known day is {newest}, {(as_of - newest).days} days before {as_of}"
    return ""


def past_of(known: Series) -> Past:
    """Days in a row from the first known to the newest."""
    first, newest = min(known), max(known)
    values = np.full((newest - first).days + 1, np.nan)
    for day, value in known.items():
        values[(day - first).days] = float(value)
    return Past(values=values, first=first)


def days_of(first: date) -> list[date]:
    """Every day of the month that begins at `first`."""
    return [first.replace(day=day) for day in range(1, calendar.monthrange(first.year, first.month)[1] + 1)]


def estimates(past: Past, unknown: list[date], method: Method) -> list[float]:
    """A value for each unknown day: of a gap from what came before it, of a day to come from everything."""
    newest = past.first + timedelta(days=len(past.values) - 1)
    ahead = (unknown[-1] - newest).days if unknown else 0
    coming = method(past, ahead) if ahead > 0 else np.empty(0)
    return [float(coming[(day - newest).days - 1]) if day > newest else _gap(past, (day - past.first).days, method) for day in unknown]


def _gap(past: Past, place: int, method: Method) -> float:
    before = past.until(place)
    is_enough = np.isfinite(before.values).sum() >= FIRST_TRIAL
    return float(method(before, 1)[0]) if is_enough else float(last_week(past, 1)[0])


def _plus(spent: Decimal, estimate: float, floor: Decimal | None) -> Decimal:
    """Spent and estimated together, to the cent; where nothing ever was negative the estimate is not either."""
    rest = Decimal(str(estimate))
    return (spent + (rest if floor is None else max(floor, rest))).quantize(CENT)


# ── Would it have been right? ────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How a method did at one day of the month, over every whole month of a series."""

    method: str
    day: int
    months: int
    median_error: float
    """Median absolute error of the month's total, as a share of it."""
    coverage: float | None
    """Share of months whose total lay between low and high; None = a method alone, without interval."""


CHECKED_DAYS = (5, 10, 15, 20, 25)


def backtest(series: Series) -> tuple[Score, ...]:
    """Every whole month of a series, forecast on five of its days with what was known then; the choice and each method alone."""
    months = [first for first in sorted({day.replace(day=1) for day in series}) if all(day in series for day in days_of(first))]
    return tuple(score for day in CHECKED_DAYS for score in _scores(series, months, day))


def _scores(series: Series, months: list[date], day: int) -> list[Score]:
    errors: dict[str, list[float]] = {name: [] for name in ("chosen", *METHODS)}
    held = []
    for first in months:
        as_of = first.replace(day=day)
        made = forecast(series, as_of)
        actual = sum((series[one] for one in days_of(first)), Decimal(0))
        if isinstance(made, NoForecast) or not actual:
            continue
        errors["chosen"].append(_share(made.total, actual))
        held.append(made.low <= actual <= made.high)
        for name, total in _alone(series, as_of).items():
            errors[name].append(_share(total, actual))
    return [
        Score(
            method=name, day=day, months=len(shares), median_error=round(float(np.median(shares)), 4),
            coverage=round(float(np.mean(held)), 3) if name == "chosen" else None,
        )
        for name, shares in errors.items() if shares
    ]  # fmt: skip


def _alone(series: Series, as_of: date) -> dict[str, Decimal]:
    """Each method's total of the month, whether or not it would have been chosen."""
    past = past_of({day: value for day, value in series.items() if as_of - timedelta(days=LOOKBACK) < day <= as_of})
    asked = [day for day in days_of(as_of.replace(day=1)) if day >= past.first]
    unknown = [day for day in asked if day > as_of]
    spent = sum((series[day] for day in asked if day <= as_of), Decimal(0))
    return {name: _plus(spent, sum(estimates(past, unknown, method)), None) for name, method in METHODS.items()}


def _share(total: Decimal, actual: Decimal) -> float:
    return float(abs(total - actual) / abs(actual))
