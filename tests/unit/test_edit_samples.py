"""Written samples of every shape that clusters, quotas and packs have in Git: what can be edited is one line, and goes back to the byte."""

import os
from pathlib import Path

import pytest

from tests.edit_samples import Sweep, files_below, sweep
from trimtab.changes import KNOWN
from trimtab.records import Layout

SAMPLES = Path(__file__).parents[1] / "data" / "edits"
PACKS = Layout(
    name="packs",
    files=("**/*.tf",),
    cluster="name",
    pools="spectrocloud_cluster_profile.pack",
    pool_name="name",
    kind="workload",
    fields={
        "cpu_request": "values.charts.inference.resources.requests.cpu",
        "memory_request": "values.charts.inference.resources.requests.memory",
    },
)
LAYOUTS = (*KNOWN, PACKS)

EDITED = {
    "crossplane": 5,
    "edge-list": 0,
    "json": 5,
    "kubernetes": 7,
    "maas-list": 2,
    "module-yaml": 18,
    "pulumi": 0,
    "terraform-literal": 29,
    "terraform-module": 2,
    "terraform-packs": 4,
    "terraform-quotas": 12,
    "terraform-repeated": 6,
    "terraform-variables": 4,
    "unindented-eks": 4,
    "vmware-yaml": 1,
}
"""How many scalars of each sample can be edited: whoever adds a line to one counts it here."""
REFUSED = {
    "crossplane": ["controlPlane is true"],
    "module-yaml": ["control_plane is true", "template expression"],
    "terraform-literal": ["control_plane is true"],
    "terraform-module": ["has ignore_changes over machine_pool"],
    "terraform-packs": ["and no heredoc; edit them where they come from"],
    "terraform-quotas": ["expected an amount"],
    "terraform-repeated": ["one block stands for"],
    "terraform-variables": ["var.kind is also read by", "it is a condition", "control_plane is true"],
}


def swept(name: str) -> Sweep:
    return sweep(files_below(SAMPLES / name), LAYOUTS)


def test_every_sample_is_counted() -> None:
    assert sorted(path.name for path in SAMPLES.iterdir()) == sorted(EDITED)


@pytest.mark.parametrize("name", EDITED)
def test_each_editable_scalar_changes_exactly_its_line_and_goes_back_to_the_byte(name: str) -> None:
    found = swept(name)

    assert found.wrong == []
    assert found.unreadable == {}
    assert len(found.edited) == EDITED[name], found.summary()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_in_a_sample_is_refused_for_the_reason_it_was_written_for(name: str) -> None:
    reasons = swept(name).refused.values()

    assert [part for part in REFUSED[name] if not any(part in reason for reason in reasons)] == []


def test_any_folder_of_clusters_can_be_swept(capsys: pytest.CaptureFixture[str]) -> None:
    """TRIMTAB_SAMPLES=/path/to/a/checkout: nothing crashes, every edit is one line, and the summary says what was refused and why."""
    folder = os.environ.get("TRIMTAB_SAMPLES")
    if not folder:
        pytest.skip("TRIMTAB_SAMPLES names no folder")

    found = sweep(files_below(Path(folder)), LAYOUTS)

    with capsys.disabled():
        print(f"\n{folder}: {found.summary()}")
    assert found.wrong == []
    assert found.files > 0
