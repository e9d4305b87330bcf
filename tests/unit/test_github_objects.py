"""A listing is believed because git's own ids say so: the reckoned id of a folder must be git's."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.adapters.github.objects import LARGEST, Entry, difference, disjoint_merge, named, tree_id, with_files
from trimtab.adapters.localforge import git
from trimtab.changes import git_blob

NOW = datetime(2026, 3, 2, tzinfo=UTC)
A, B, C = (Entry("100644", letter * 40) for letter in "abc")
NAMES = st.sampled_from(["a", "a.b", "a-b", "a0", "ab", "b", "ä", "Z"])


@given(paths=st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_id_of_a_folder_is_gits_own(tmp_path: Path, paths: set[str]) -> None:
    """Git sorts `a.b` before the folder `a/`, and `a0` after it."""
    files = {path: path.encode() for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    bare = git.Bare(tmp_path / "repo.git") if (tmp_path / "repo.git").exists() else git.create(tmp_path / "repo.git")
    commit = bare.commit_files(None, files, "x", author="x", at=NOW)

    reckoned = tree_id({path: Entry("100644", git_blob(content)) for path, content in files.items()})

    assert reckoned == bare.run("rev-parse", f"{commit}^{{tree}}").decode().strip()


def test_a_changed_file_keeps_its_mode_and_a_new_one_is_plain() -> None:
    before = {"run.sh": Entry("100755", "a" * 40), "gone": A}

    after = with_files(before, {"run.sh": "b" * 40, "new": "c" * 40, "gone": None})

    assert after == {"run.sh": Entry("100755", "b" * 40), "new": Entry("100644", "c" * 40)}


def test_sizes_make_no_difference() -> None:
    assert difference({"x": Entry("100644", "a" * 40, 7)}, {"x": A}) == {}


@pytest.mark.parametrize(
    ("base", "head", "merged"),
    [
        ({"x": A, "y": B}, {"x": C, "y": A}, {"x": C, "y": B}),
        ({"x": B, "y": A}, {"x": C, "y": A}, None),
        ({"y": A}, {"x": C, "y": A}, None),
        ({"x": A, "y": B}, {"x": A, "y": A, "z": C}, None),
        ({"x": A, "y": B}, {"y": A}, None),
    ],
    ids=["other files", "the same file", "gone in base", "added in head", "removed in head"],
)
def test_a_merge_is_reckoned_only_where_nothing_could_have_moved(
    base: dict[str, Entry], head: dict[str, Entry], merged: dict[str, Entry] | None
) -> None:
    assert disjoint_merge({"x": A, "y": A}, base, head) == merged


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (A, B, "f"),
        (None, A, "f"),
        (A, None, "f (deleted)"),
        (A, Entry("100755", "a" * 40), "f (mode 100755)"),
        (None, Entry("120000", "a" * 40), "f (mode 120000)"),
        (Entry("120000", "a" * 40), Entry("120000", "b" * 40), "f (not a regular file)"),
        (Entry("160000", "a" * 40), Entry("160000", "b" * 40), "f (not a regular file)"),
        (A, Entry("100644", "b" * 40, LARGEST + 1), "f (too large)"),
    ],
)
def test_what_no_plan_can_equal_stands_under_a_name_that_says_so(before: Entry | None, after: Entry | None, name: str) -> None:
    assert named("f", before, after) == name
