"""A port whose adapter is loaded when it is first asked: what a function never asks for, its bundle need not carry."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Late:
    """Stands for an adapter and hands every question on to it."""

    def __init__(self, load: Callable[[], object]) -> None:
        self._adapter = cache(load)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter(), name)


def late(load: Callable[[], T]) -> T:
    """What `load` makes, made when it is first used; an import error comes then too."""
    return cast("T", _Late(load))
