"""Foreign JSON, read once into a model: what is wrong with it is said in one line that names the place."""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from trimtab.errors import BadInput

FIRST_YEAR = 2000
"""No cloud has billed before."""
Model = TypeVar("Model", bound=BaseModel)


def parsed(model: type[Model], body: bytes, place: str) -> Model:
    """The model of a JSON text. Raises BadInput that names the key."""
    try:
        value: Any = json.loads(body)
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{place}: {path}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place}: not JSON: {error}") from None


def utc(at: datetime, place: str) -> datetime:
    """A foreign moment in UTC. Raises BadInput for one at the edge of the calendar, which has none."""
    try:
        found = at.astimezone(UTC)
    except OverflowError:
        found = None
    if found is None or found.year < FIRST_YEAR:
        raise BadInput(f"{place}: {at.isoformat()}: no moment that a delivery can be of")
    return found
