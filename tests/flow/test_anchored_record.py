"""The day is sealed and anchored together, and `trimtab ledger verify --anchors` says how far the record is proven."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.flow.flow_world import ONE, REPO, World, make_world, shrink
from trimtab import wiring
from trimtab.adapters.localforge.marks import read_marks
from trimtab.adapters.memory import MemoryLog
from trimtab.cli.main import app
from trimtab.errors import BadInput, Broken
from trimtab.flow.prove import prove
from trimtab.flow.sealing import seal_day
from trimtab.ports import Ports
from trimtab.settings import Settings

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    settings = Settings(store=f"file://{tmp_path}/store", anchor=f"file://{tmp_path}/elsewhere")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/settings.json").write_text(json.dumps({"anchor": settings.anchor}))
    return wiring.build(settings, log=MemoryLog())


def said(ports: Ports, reason: str) -> None:
    after = ports.ledger.head("proposals/prop-1")
    ports.ledger.append("proposals/prop-1", after, kind="k", at=AT, actor="propose", reason=reason, body={}, state={})


def verify(ports: Ports, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["ledger", "verify", *options, "--format", "json", "--store", ports.settings.store])
    return done.exit_code, done.stdout if not isinstance(done.exception, Broken) else str(done.exception)


@pytest.mark.security(16)
def test_a_sealed_day_is_proven_by_its_anchor(ports: Ports) -> None:
    said(ports, "first")
    seal_day(ports, AT)
    said(ports, "second")
    seal_day(ports, AT + timedelta(days=1))

    assert (verify(ports)[0], json.loads(verify(ports)[1])["proven_until"]) == (0, None)
    assert json.loads(verify(ports, "--anchors")[1]) == {"consistent": True, "proven_until": "seals/2026-03-02", "breaks": []}


@pytest.mark.security(16)
def test_a_rebuilt_record_is_consistent_and_not_what_was_anchored(ports: Ports, tmp_path: Path) -> None:
    said(ports, "what happened")
    seal_day(ports, AT)
    for folder in ("streams", "seals"):
        for path in sorted((tmp_path / "store/default" / folder).rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    said(ports, "what somebody would like to have happened")
    ports.ledger.seal("2026-03-01", AT)

    assert json.loads(verify(ports)[1])["consistent"]
    code, problem = verify(ports, "--anchors")
    assert code == 1
    assert problem.startswith("seals/2026-03-01: is not the seal that was anchored")


@pytest.mark.security(16)
def test_a_rebuilt_record_is_not_anchored_again(ports: Ports, tmp_path: Path) -> None:
    said(ports, "what happened")
    seal_day(ports, AT)
    (tmp_path / "store/default/seals/2026-03-01").unlink()

    said(ports, "something else")
    with pytest.raises(Broken, match="seals/2026-03-01"):
        seal_day(ports, AT)


def test_a_seal_that_was_made_and_not_anchored_is_anchored_with_the_next_look(ports: Ports) -> None:
    said(ports, "first")
    ports.ledger.seal("2026-03-01", AT)

    seal_day(ports, AT + timedelta(hours=1))

    assert ports.anchors is not None
    assert list(ports.anchors.roots()) == ["seals/2026-03-01"]


def test_without_a_second_place_asking_for_anchors_is_a_mistake(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ledger", "verify", "--anchors", "--store", f"file://{tmp_path}"])

    assert "settings.anchor names no second place" in str(done.exception)


def merged(root: Path) -> World:
    world = make_world(root, ONE)
    world.propose(shrink())
    world.click("approve")
    assert world.merges() == 1
    return world


@pytest.mark.security(16)
def test_what_a_merge_in_git_says_of_the_record_is_there(tmp_path: Path) -> None:
    world = merged(tmp_path)

    (mark,) = read_marks(world.forge.git(REPO).path)

    assert mark.stream == f"proposals/{world.life().planned().id}"
    assert prove(world.ports, with_anchors=False, marks=[mark]).breaks == ()


@pytest.mark.security(16)
@pytest.mark.parametrize(("change", "problem"), [({"hash": "0" * 64}, "has another hash"), ({"n": 99}, "is not in the record")])
def test_an_entry_that_git_names_and_the_record_has_otherwise_is_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    """A record rebuilt within the day, before its seal: nothing but Git still knows what it said."""
    world = merged(tmp_path)
    (mark,) = read_marks(world.forge.git(REPO).path)

    (found,) = prove(world.ports, with_anchors=False, marks=[replace(mark, **change)]).breaks

    assert found.problem == f"{problem}; commit {mark.commit[:10]} names it"


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no Git repository with a commit"):
        read_marks(tmp_path)
