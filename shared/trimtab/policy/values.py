"""What values of `.trimtab/` may be: names, patterns, days, zones; and the model that all its files are read with."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from trimtab.errors import BadInput
from trimtab.patterns import LONGEST_PATTERN, checked


def _pattern(text: str) -> str:
    """A regular expression that compiles and cannot take for ever."""
    try:
        return checked(text)
    except BadInput as error:
        raise ValueError(str(error)) from None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no such time zone: {name!r}; write one like Europe/Berlin") from None
    return name


def _day(value: object) -> object:
    """A day as YAML or a quoted text gives it; a time of day would cut a day's bill in two."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"not a date: {value!r}; write 2026-12-20") from None
    if not isinstance(value, datetime):
        return value
    raise ValueError("expected a date without a time; write 2026-12-20")


Name = Annotated[str, Field(min_length=1, max_length=120)]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Pattern = Annotated[str, Field(min_length=1, max_length=LONGEST_PATTERN), AfterValidator(_pattern)]
Zone = Annotated[str, AfterValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]


class Strict(BaseModel):
    """Nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=False)
