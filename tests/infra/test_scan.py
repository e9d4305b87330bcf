"""Static rules are really asked, and what is let pass is explained where it stands."""

import re
from pathlib import Path

import pytest

from infra.scan.__main__ import ROOT, home, scan_terraform, scan_workflows

OPEN = """
resource "aws_s3_bucket" "drops" {
  bucket = "everybodys"
  acl    = "public-read-write"
}
"""
CARELESS = """
on: pull_request_target
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
"""


@pytest.mark.skipif(not home().exists(), reason="checkov is not installed here: make scan installs it")
@pytest.mark.slow
def test_an_open_bucket_would_not_pass(tmp_path: Path) -> None:
    (tmp_path / "infra" / "terraform").mkdir(parents=True)
    (tmp_path / "infra" / "terraform" / "main.tf").write_text(OPEN)

    assert scan_terraform(tmp_path) == 1


def test_a_careless_workflow_would_not_pass(tmp_path: Path) -> None:
    (tmp_path / "release.yml").write_text(CARELESS)

    assert scan_workflows(tmp_path) != 0
    assert scan_workflows() == 0


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_what_a_workflow_is_let_do_is_explained_beside_it(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if re.search(r"zizmor: ignore\[[\w,-]+\]\s*$", line)] == []
    assert not list(path.parent.parent.rglob("zizmor.y*ml"))
