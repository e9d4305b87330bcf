"""The days in Azure's files: ISO, dotted, or with slashes, where month and day may stand either way round. SQL text.

Nothing is guessed: a slash date is read in the order of the same row's billing period end, whose day is above 12; without one in
Microsoft's own order (month first) under an English header; and elsewhere only where both orders are the same day or one is no day.
"""

from trimtab.tables import text_literal

_US, _EU = "'%m/%d/%Y'", "'%d/%m/%Y'"


def day(text: str, period_end: str, *, is_localized: bool) -> str:
    """The day of a text as YYYY-MM-DD; NULL where it is none, or could be two."""
    return f"""CASE
      WHEN regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?') THEN left({text}, 10)
      WHEN contains({text}, '.') THEN strftime(try_strptime({text}, '%d.%m.%Y'), '%Y-%m-%d')
      ELSE strftime({_slashed(text, period_end, is_localized=is_localized)}, '%Y-%m-%d') END"""


def day_problem(text: str, on: str, name: str) -> tuple[str, str]:
    """(condition, words) for a text that is there and is no one day."""
    words = "' is not a day, or could be two; deliver it as YYYY-MM-DD'"
    return f"{text} IS NOT NULL AND ({on}) IS NULL", f"{text_literal(f'{name}: ')} || shown({text}) || {words}"


def starts(on: str) -> str:
    """The first day of a day's month."""
    return f"strftime(date_trunc('month', TRY_CAST({on} AS DATE)), '%Y-%m-%d')"


def ends(on: str) -> str:
    """The first day of the month after."""
    return f"strftime(date_trunc('month', TRY_CAST({on} AS DATE)) + INTERVAL 1 MONTH, '%Y-%m-%d')"


def _slashed(text: str, period_end: str, *, is_localized: bool) -> str:
    us, eu = (f"try_strptime({text}, {order})" for order in (_US, _EU))
    end_us, end_eu = (f"try_strptime({period_end}, {order}) IS NOT NULL" for order in (_US, _EU))
    otherwise = f"CASE WHEN {us} IS NULL OR {eu} IS NULL OR {us} = {eu} THEN coalesce({us}, {eu}) END" if is_localized else us
    return f"CASE WHEN {end_us} AND NOT {end_eu} THEN {us} WHEN {end_eu} AND NOT {end_us} THEN {eu} ELSE {otherwise} END"
