"""What a function never asks for is never loaded: its bundle does not hold it."""

from collections.abc import Callable

import pytest

from trimtab.adapters.late import late


def _counting() -> tuple[list[str], Callable[[], str]]:
    loaded: list[str] = []

    def load() -> str:
        loaded.append("once")
        return "an adapter"

    return loaded, load


def test_an_adapter_that_nobody_asks_is_never_loaded() -> None:
    loaded, load = _counting()

    late(load)

    assert loaded == []


def test_an_adapter_is_loaded_by_the_first_question_and_kept() -> None:
    loaded, load = _counting()
    adapter = late(load)

    assert [adapter.upper(), adapter.title()] == ["AN ADAPTER", "An Adapter"]
    assert loaded == ["once"]


def test_what_cannot_be_loaded_fails_where_it_is_asked_and_says_what_is_missing() -> None:
    def load() -> str:
        raise ModuleNotFoundError("No module named 'duckdb'")

    adapter = late(load)

    with pytest.raises(ModuleNotFoundError, match="duckdb"):
        adapter.upper()
