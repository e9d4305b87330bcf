"""What outside users' CI runs is what ours runs, and nothing in it can be swapped under our feet."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra.bundles.needs import FUNCTIONS
from infra.bundles.release import TARGETS, pack, write_sums, write_tar
from trimtab import __version__
from trimtab.errors import BadInput

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
GH = """#!/bin/sh
# The release as GitHub would keep it, in a folder.
case "$1 $2" in
  "release view") cat "$KEPT/draft" 2>/dev/null || exit 1 ;;
  "release create") [ "$4" = --draft ] || exit 9; echo true > "$KEPT/draft"; echo "$3" >> "$KEPT/created" ;;
  "release upload") shift 3; for path; do [ "$path" = --clobber ] || cp "$path" "$KEPT/files/"; done ;;
  *) exit 9 ;;
esac
"""


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def test_the_continuous_integration_is_our_own_script_on_every_supported_python() -> None:
    (job,) = read(ROOT / ".github/workflows/ci.yml")["jobs"].values()
    oldest = re.search(r'requires-python = ">=(\S+)"', (ROOT / "pyproject.toml").read_text())

    assert job["steps"][-1] == {"run": "bash .ci/run"}
    assert oldest
    assert job["strategy"]["matrix"]["python"][0] == oldest[1]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    """A tag can be moved; a commit cannot. The version beside it is for whoever updates it."""
    used = re.findall(r"uses: (.*)", path.read_text())

    assert used
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_but_what_a_job_asks_for(path: Path) -> None:
    workflow = read(path)

    assert workflow["permissions"] == {}
    assert all("permissions" in job and job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


def test_an_auditor_of_workflows_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=pedantic", str(ROOT / ".github/workflows")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# ── releases ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def release_jobs() -> Any:
    return read(ROOT / ".github/workflows/release.yml")["jobs"]


def script(job: str, beginning: str) -> str:
    """The one step of a job whose shell begins so."""
    (found,) = [step["run"] for step in release_jobs()[job]["steps"] if step.get("run", "").startswith(beginning)]
    return str(found)


def shell(text: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """As a runner runs a step."""
    command = ["bash", "-e", "-o", "pipefail", "-c", text]
    return subprocess.run(command, cwd=folder, env={"PATH": "/usr/bin:/bin"} | environment, capture_output=True, text=True, check=False)


@pytest.mark.security(35)
def test_what_builds_a_release_can_write_nothing_and_what_writes_it_runs_nothing_of_ours() -> None:
    """A dependency that is bad while it is built holds no right, and the job with the rights fetches no code."""
    build, publish = release_jobs()["build"], release_jobs()["publish"]

    assert build["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"contents": "write", "id-token": "write", "attestations": "write"}
    assert publish["needs"] == ["build", "graviton"]
    assert [step["uses"].split("@")[0] for step in publish["steps"] if "uses" in step] == [
        "actions/download-artifact",
        "actions/attest-build-provenance",
    ]
    assert not any(word in step.get("run", "") for step in publish["steps"] for word in ("make", "pip", "python", "npm", "curl"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_takes_anything_out_of_a_cache(path: Path) -> None:
    """Whoever can fill a cache on another branch could else put something into a release."""
    assert "cache" not in path.read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_make_target_that_a_workflow_calls_is_there(path: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step.get("run", "") for job in read(path)["jobs"].values() for step in job["steps"]]
    called = {target for step in steps for target in re.findall(r"\bmake ([a-z0-9-]+)", step)}

    assert called <= targets
    assert called or path.name == "ci.yml"


@pytest.mark.parametrize("tag", ["v0.0.0", "", __version__, f"v{__version__}-rc1", "v$(shell id)`id`"])
def test_a_tag_of_another_version_is_refused_in_one_line_before_anything_is_built(tag: str) -> None:
    command = ["make", "-s", "-o", ".venv/.ready", f"BIN={Path(sys.executable).parent}", "release"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin", "TAG": tag}, capture_output=True, text=True, check=False)

    said = f"tag {tag!a}: shared/trimtab/__init__.py says {__version__}; tag v{__version__}, or raise the version first"
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == said


def test_a_release_unpacks_to_where_terraform_looks_and_is_the_same_bytes_twice(tmp_path: Path) -> None:
    zips = {name: name.encode() * 999 for name in FUNCTIONS}

    once, twice = (pack(zips, "aws", "arm64", tmp_path / folder) for folder in ("a", "b"))

    assert once.name == f"trimtab-{__version__}-aws-arm64.tar"
    assert once.read_bytes() == twice.read_bytes()
    with tarfile.open(once) as archive:
        assert archive.getnames() == [f"aws/{name}.zip" for name in FUNCTIONS]
        assert {(entry.uname, entry.mtime) for entry in archive} == {("", 0)}
    assert (ROOT / "infra/terraform/aws/variables.tf").read_text().count('"../../../dist/aws"') == 1


def test_a_release_that_lacks_a_function_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a release has those of alert, collect"):
        pack({"receive": b"zip"}, "gcp", "x86_64", tmp_path)


def test_a_release_waits_until_its_arm64_bundles_were_imported_on_such_a_machine() -> None:
    """Where the others are built there is no Python for them, and the build says that they were not tried."""
    graviton = release_jobs()["graviton"]

    assert graviton["runs-on"].endswith("-arm")
    assert graviton["permissions"] == {"contents": "read"}
    assert script("graviton", "make") == "make bundle ARCHITECTURE=arm64"


def test_a_release_is_for_both_clouds_and_for_all_that_terraform_can_be_told() -> None:
    told = re.search(r"contains\(\[(.*?)\], var.architecture", (ROOT / "infra/terraform/aws/variables.tf").read_text())

    assert told
    assert {architecture for cloud, architecture in TARGETS if cloud == "aws"} == set(re.findall(r'"(\w+)"', told[1]))
    assert ("gcp", "x86_64") in TARGETS


@pytest.mark.security(35)
def test_a_file_that_changed_on_its_way_to_the_release_stops_it(tmp_path: Path) -> None:
    """The step's own words, over a folder as the build leaves it."""
    files = [write_tar(tmp_path / f"{name}.tar", {name: b"content"}) for name in ("one", "two")]
    write_sums(tmp_path, files)
    check = script("publish", "sha256sum")

    whole = shell(check, tmp_path)
    files[1].write_bytes(files[1].read_bytes().replace(b"content", b"consent"))
    flipped = shell(check, tmp_path)

    assert (whole.returncode, flipped.returncode) == (0, 1)
    assert "two.tar: FAILED" in flipped.stdout


def test_a_release_that_is_run_again_is_one_draft_and_a_published_one_stays(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(GH)
    program.chmod(0o755)
    for folder in ("release", "kept/files"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "release" / "one.tar").write_bytes(b"one")
    draft = script("publish", "case")

    def publish() -> "subprocess.CompletedProcess[str]":
        return shell(draft, tmp_path, PATH=f"{program.parent}:/usr/bin:/bin", KEPT=str(tmp_path / "kept"), TAG="v1.2.3")

    assert [publish().returncode, publish().returncode] == [0, 0]
    assert (tmp_path / "kept/created").read_text() == "v1.2.3\n"
    assert (tmp_path / "kept/files/one.tar").read_bytes() == b"one"

    (tmp_path / "kept/draft").write_text("false\n")
    (tmp_path / "release" / "one.tar").write_bytes(b"two")

    assert publish().returncode == 1
    assert (tmp_path / "kept/files/one.tar").read_bytes() == b"one"
