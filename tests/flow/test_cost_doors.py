"""Every command that shows cost has one door: it takes `--as`, and who asked is in the record before anything is shown.

The list below is of those that show none. A new command is in neither list, and these tests say so until somebody decides.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import Result

from tests.canaries import COSTS, entries, leaked, make_store, trimtab
from trimtab.cli.main import app
from trimtab.errors import Refused

pytestmark = pytest.mark.security(36)

SHOWS_NO_COST: Mapping[str, str] = {
    "demo": "its estate is made up, and it refuses any store but its own",
    "doctor": "whether things are connected and configured",
    "ingest": "what the files say that whoever runs it brings along; nothing is read from the lake",
    "usage": "hours and warnings of the drop that it reads",
    "collect": "what a cluster used, and no price",
    "approve": "what became of the decision",
    "reject": "what became of the decision",
    "snooze": "what became of the decision",
    "rollback": "what became of the decision",
    "freeze": "what is frozen, since when, and why",
    "edit": "the difference in one file",
    "backtest": "shares of a trace that whoever runs it brings along",
    "schema": "the form of the rules",
    "ledger verify": "whether hashes hold",
    "stop": "that it is stopped",
    "resume": "that it may write again",
    "replay": "the keys of what a function could not serve",
    "verify": "how many proposals were looked at",
    "work": "which wakes it served, as functions say it in their logs",
    "receive": "nothing to whoever starts it, and a status to whoever calls",
    "invoke": "what an entry point answers to its cloud",
    "init": "the files of a starter",
    "owners import": "teams and people",
    "suggestions accept": "the rule that a person would add",
    "suggestions reject": "that it is not suggested again",
    "audit-sample answer": "shares of a sample, and no amount",
    "people erase": "that somebody was forgotten",
}
ASKS: Mapping[str, tuple[str, ...]] = {
    "costs": (),
    "rates": (),
    "variance": (),
    "audit-sample": (),
    "explain": ("row-00000000000000000000",),
    "allocate": (),
    "export": ("--out", "{tmp}/focus"),
    "compare": ("{tmp}/answers.json",),
    "forecast": (),
    "anomalies": (),
    "history": ("--from", "aws", "--export", "local", "--start", "2026-01-01"),
    "rightsize": (),
    "propose": (),
    "proposals": (),
    "show": ("prop-1",),
    "audit": ("--from", "2026-07-01"),
    "status": (),
    "report": ("--out", "{tmp}/report"),
    "serve": ("--port", "70000"),
    "suggestions": (),
    "policy check": ("{rules}",),
}
"""How each of the others is asked, at its shortest."""
OF_ALL = frozenset({"rates", "variance", "audit-sample", "allocate", "compare", "history", "audit", "suggestions", "policy check"})
"""What is about everybody at once, and not for somebody who may see one team's cost."""


def commands() -> dict[str, Any]:
    """Every command that can be typed, by what is typed."""
    return dict(_walk("", typer.main.get_command(app)))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(command, TyperGroup):
        for word, inner in command.commands.items():
            yield from _walk(f"{name} {word}".strip(), inner)
        if name and not command.no_args_is_help:
            yield name, command
    else:
        yield name, command


def takes_viewer(command: Any) -> bool:
    """It has the option that says whose cost is shown; other commands use the same word for who decides."""
    return any("--as" in option.opts and "may see" in str(getattr(option, "help", "")) for option in command.params)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month's bill of three teams."""
    root = tmp_path_factory.mktemp("doors")
    make_store(root, "acme")
    return root


def ask(name: str, who: str, root: Path, tmp: Path) -> Result:
    """Type it as somebody."""
    (tmp / "answers.json").write_text("{}")
    words = [word.format(tmp=tmp, rules=root / "rules") for word in ASKS[name]]
    return trimtab(root, "acme", *name.split(), *words, "--as", who)


def test_every_command_shows_cost_by_its_door_or_says_why_it_shows_none() -> None:
    known = commands()

    assert set(known) == {*SHOWS_NO_COST, *ASKS}
    assert {name for name, command in known.items() if takes_viewer(command)} == set(ASKS)


@pytest.mark.parametrize("name", ASKS)
def test_who_may_see_no_cost_is_turned_away_before_anything_is_shown(name: str, store: Path, tmp_path: Path) -> None:
    done = ask(name, "eve", store, tmp_path)

    assert isinstance(done.exception, Refused)
    assert "may see no cost" in str(done.exception)
    assert done.stdout == ""


@pytest.mark.parametrize("name", ASKS)
def test_whoever_asks_is_in_the_record(name: str, store: Path, tmp_path: Path) -> None:
    """Whatever comes of it: the entry is there before the answer."""
    before = entries(store, "acme")

    ask(name, "ann", store, tmp_path)

    (told,) = [entry for entry in entries(store, "acme") if entry not in before]
    assert str(told["reason"]).endswith(": all cost")
    assert not [cost for cost in COSTS.values() if cost[:7] in json.dumps(told)]


@pytest.mark.parametrize("name", ASKS)
def test_nobody_reads_another_teams_cost_from_any_command(name: str, store: Path, tmp_path: Path) -> None:
    done = ask(name, "bob", store, tmp_path)

    assert leaked(done.output + str(done.exception or ""), "acme", "blue") == []
    assert ("everybody's cost" in str(done.exception or "")) == (name in OF_ALL)


@pytest.mark.parametrize("words", ["doctor", "freeze", "ledger verify", "verify"])
def test_what_shows_no_cost_shows_none(words: str, store: Path) -> None:
    done = trimtab(store, "acme", *words.split())

    assert leaked(done.output, "acme", "nobody") == []
