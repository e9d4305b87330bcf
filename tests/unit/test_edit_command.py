"""`trimtab edit` on real files: what is shown, what is written, and how it ends."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from trimtab.changes.documents import MAX_BYTES
from trimtab.cli.edit import write_over
from trimtab.cli.main import app
from trimtab.errors import BadInput, Refused, TooLarge, TrimtabError

POOLS = b"name: training\nnode_groups:\n  - {name: gpu, count: 6}\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["edit", *map(str, arguments)])


def refused(*arguments: object) -> TrimtabError:
    error = run(*arguments).exception
    assert isinstance(error, TrimtabError)
    return error


def test_without_write_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(POOLS)

    assert run(file, "--pool", "gpu", "count=4").exit_code == 0
    assert file.read_bytes() == POOLS


def test_with_write_the_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(POOLS)
    file.chmod(0o640)

    assert run(file, "--pool", "gpu", "count=4", "--write").exit_code == 0

    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (POOLS.replace(b"6", b"4"), 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_a_folder_is_searched_for_the_one_file_that_declares_it(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "a.yaml").write_bytes(POOLS)
    (tmp_path / "dev" / "broken.yaml").write_bytes(b"{{ no yaml")
    (tmp_path / "other.yaml").write_bytes(POOLS.replace(b"gpu", b"cpu"))

    result = run(tmp_path, "--pool", "gpu", "count=4", "--write")

    assert "dev/a.yaml holds the value" in result.output
    assert (tmp_path / "dev" / "a.yaml").read_bytes() == POOLS.replace(b"6", b"4")


def test_two_files_of_a_folder_that_declare_it_are_both_named(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_bytes(POOLS)

    assert "more than one place: a.yaml line 3, b.yaml line 3" in str(refused(tmp_path, "--pool", "gpu", "count=4"))


@pytest.mark.security(3)
def test_links_and_dot_folders_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_bytes(POOLS)
    repo = tmp_path / "repo"
    (repo / ".github").mkdir(parents=True)
    (repo / ".github" / "a.yaml").write_bytes(POOLS)
    (repo / "link.yaml").symlink_to(outside)

    assert isinstance(refused(repo, "--pool", "gpu", "count=4", "--write"), Refused)
    assert "a symbolic link" in str(refused(repo / "link.yaml", "--pool", "gpu", "count=4", "--write"))
    assert outside.read_bytes() == POOLS


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        (["count=4"], BadInput, "say one of --pool, --namespace"),
        (["--pool", "gpu", "--namespace", "web", "count=4"], BadInput, "got 2"),
        (["--pool", "gpu", "size=4"], BadInput, "size=4: expected field=value"),
        (["--pool", "gpu", "count"], BadInput, "expected field=value"),
        (["--pool", "gpu", "count=four"], Refused, "'four' is not a value for it"),
        (["--pool", "tpu", "count=4"], Refused, "no pool 'tpu'"),
        (["--namespace", "gpu", "cpu_cores=4"], Refused, "no namespace 'gpu'"),
    ],
)
def test_what_is_asked_wrongly_is_said(tmp_path: Path, arguments: list[str], error: type[TrimtabError], reason: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(POOLS)

    found = refused(file, *arguments)

    assert isinstance(found, error)
    assert reason in str(found)


def test_a_file_that_is_no_cluster_file_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    with file.open("wb") as out:
        out.truncate(MAX_BYTES * 10)

    assert isinstance(refused(file, "--pool", "gpu", "count=4"), TooLarge)


def test_a_layout_that_is_none_is_bad_input(tmp_path: Path) -> None:
    file, layout = tmp_path / "a.yaml", tmp_path / "layout.yaml"
    file.write_bytes(POOLS)
    layout.write_text("name: x\nfiles: ['**']\ncluster: name\npools: a..b\npool_name: name\nfields: {count: count}\n")

    assert "key path 'a..b': character 3" in str(refused(file, "--pool", "gpu", "count=4", "--layout", layout))


@pytest.mark.security(3)
def test_writing_follows_no_link_that_a_repo_left_beside_the_file(tmp_path: Path) -> None:
    """Whoever can push a link could else have a person's own files overwritten."""
    (tmp_path / "repo").mkdir()
    file, secret = tmp_path / "repo" / "a.yaml", tmp_path / "profile"
    file.write_bytes(POOLS)
    secret.write_bytes(b"mine")
    (tmp_path / "repo" / "a.yaml.trimtab-partial").symlink_to(secret)

    assert run(file, "--pool", "gpu", "count=4", "--write").exit_code == 0

    assert (secret.read_bytes(), file.read_bytes()) == (b"mine", POOLS.replace(b"6", b"4"))


def test_what_somebody_saved_in_the_meantime_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(POOLS + b"# saved later\n")

    with pytest.raises(Refused, match="changed by somebody else"):
        write_over(file, POOLS, POOLS.replace(b"6", b"4"))

    assert (file.read_bytes(), [path.name for path in tmp_path.iterdir()]) == (POOLS + b"# saved later\n", ["a.yaml"])


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert "no regular file" in str(refused(tmp_path / "a.yaml", "--pool", "gpu", "count=4"))


def test_a_variables_file_beside_it_is_not_read_where_it_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_bytes(b'resource "spectrocloud_cluster_eks" "c" {}\n')
    with (tmp_path / "huge.tfvars").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    assert isinstance(refused(tmp_path / "main.tf", "--pool", "gpu", "count=4"), TooLarge)
