"""`trimtab usage` and `trimtab compare` on saved answers: what is loaded, what is said on stderr, and what is refused."""

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.opencost_answers import START, allocation, answer, node
from trimtab.cli import usage
from trimtab.errors import BadInput


def trimtab(*arguments: str) -> Result:
    app = typer.Typer()
    usage.register(app)
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def store(tmp_path: Path) -> str:
    (tmp_path / "store").mkdir()
    return f"file://{tmp_path}/store"


def test_saved_answers_and_assets_are_read_into_the_lake(tmp_path: Path, store: str) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "a.json").write_bytes(answer(allocation()))
    (folder / "b.json.gz").write_bytes(gzip.compress(answer(allocation(at=START + timedelta(hours=1)))))
    (tmp_path / "assets.json").write_bytes(answer(node(hours=1)))

    done = trimtab(
        "usage", str(folder), "--assets", str(tmp_path / "assets.json"), "--cluster", "prod=uid-1", "--store", store, "--format", "json"
    )

    assert done.exit_code == 0, done.exception
    (loaded,) = json.loads(done.stdout)
    assert (loaded["cluster_uid"], loaded["hours"], loaded["rows"]) == ("uid-1", 2, 3)
    assert "1 of 2 hours have no node's capacity: unmeasured, never idle" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cluster", "prod"), "--cluster 'prod': expected NAME=UID"),
        (("--cluster", "prod=1", "--cluster", "prod=2"), "--cluster 'prod=2': expected NAME=UID, each name once"),
    ],
)
def test_a_uid_must_be_a_name_and_a_uid(tmp_path: Path, store: str, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "a.json").write_bytes(answer(allocation()))

    refusal = trimtab("usage", str(tmp_path / "a.json"), *arguments, "--store", store).exception

    assert isinstance(refusal, BadInput)
    assert message in str(refusal)


def test_a_folder_with_neither_drop_nor_answers_is_refused(tmp_path: Path, store: str) -> None:
    (tmp_path / "empty").mkdir()

    refusal = trimtab("usage", str(tmp_path / "empty"), "--store", store).exception

    assert isinstance(refusal, BadInput)
    assert "neither a drop (_complete.json) nor saved answers (.json, .json.gz)" in str(refusal)


def test_what_only_answers_take_is_refused_for_a_drop(tmp_path: Path, store: str) -> None:
    """A drop says its cluster and its time itself; an option that changed nothing would be a lie."""
    (tmp_path / "_complete.json").write_text("{}")

    refusal = trimtab("usage", str(tmp_path), "--spread", "--store", store).exception

    assert isinstance(refusal, BadInput)
    assert "a drop says all of it itself" in str(refusal)


def test_nothing_is_compared_before_a_bill_is_attributed(tmp_path: Path, store: str) -> None:
    (tmp_path / "a.json").write_bytes(answer(allocation()))

    refusal = trimtab("compare", str(tmp_path / "a.json"), "--store", store).exception

    assert isinstance(refusal, BadInput)
    assert "nothing is allocated yet" in str(refusal)
