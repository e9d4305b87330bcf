"""Which paths a glob means."""

import pytest

from trimtab.changes import is_covered, is_editable
from trimtab.changes.layouts import KNOWN, guard_path
from trimtab.errors import Refused
from trimtab.records import Layout


@pytest.mark.parametrize(
    ("glob", "path", "covers"),
    [
        ("clusters/**/*.yaml", "clusters/a.yaml", True),
        ("clusters/**/*.yaml", "clusters/production/eu/a.yaml", True),
        ("clusters/**/*.yaml", "other/clusters/a.yaml", False),
        ("clusters/**/*.yaml", "clusters/a.yml", False),
        ("clusters/*.yaml", "clusters/b/a.yaml", False),
        ("clusters/**", "clusters/a/b.tf", True),
        ("**/*.tf", "main.tf", True),
        ("clusters/eks-?.yaml", "clusters/eks-1.yaml", True),
        ("clusters/[a].yaml", "clusters/a.yaml", False),
        ("clusters/a+.yaml", "clusters/aa.yaml", False),
    ],
)
def test_globs_read_as_people_read_them(glob: str, path: str, covers: bool) -> None:
    layout = Layout(name="x", files=(glob,), cluster="name", pools="p", pool_name="name", fields={})

    assert is_covered(layout, path) is covers


@pytest.mark.parametrize("path", ["clusters/a.yaml", "terraform/main.tf", "a.yml", "clusters/codeowners-team/a.yaml", "dev.sh/a.yaml"])
def test_cluster_files_are_editable(path: str) -> None:
    assert is_editable(path)


@pytest.mark.parametrize(
    "path",
    [".trimtab/policy.yaml", "a/.github/b.yaml", ".gitlab-ci.yml", "CODEOWNERS", "run.sh", "../a.yaml", "/a.yaml", "a//b.yaml", "a\\b.yaml",
     "a\n.yaml", "", "a.txt", "ci/build.gitlab-ci.yml", "Makefile", "a/.hidden.yaml", ".terraform/modules/m/main.tf"],
)  # fmt: skip
def test_other_files_are_not(path: str) -> None:
    with pytest.raises(Refused, match="never edited"):
        guard_path(path)


def test_known_layouts_have_names_of_their_own() -> None:
    assert len({layout.name for layout in KNOWN}) == len(KNOWN)
