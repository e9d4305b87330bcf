"""The starter repo works: its files agree with each other, and give away nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from trimtab.changes import declared_pool, find_place, hcl_edit, is_editable, layout_of, plan_edit
from trimtab.changes.plan import _IGNORED
from trimtab.policy.rules import parse_governance
from trimtab.records import ClusterUid, CommitSha, FieldChange, Governance, Stage

STARTER = Path(__file__).parents[2] / "gitops_templates" / "starter"
CLUSTERS = {path.relative_to(STARTER).as_posix(): path.read_bytes() for path in sorted((STARTER / "clusters").rglob("*.yaml"))}
TERRAFORM = {path.name: path.read_text() for path in sorted((STARTER / "terraform").glob("*.tf"))}
WORKFLOWS = {path.name: path.read_text() for path in sorted((STARTER / ".github" / "workflows").glob("*.yml"))}
UID = ClusterUid("65f0c0ffee")

needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="TERRAFORM IS NOT INSTALLED: the starter's root is not checked"
)


def governance() -> Governance:
    files = {f".trimtab/{path.name}": path.read_bytes() for path in (STARTER / ".trimtab").iterdir()}
    return parse_governance(files, CommitSha("0" * 40))


def terraform(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["terraform", *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=60)


def test_the_rules_parse_and_start_at_observe() -> None:
    """Whoever adopts the starter gets reports first, and no pull request by surprise."""
    rules = governance()

    assert (rules.default_stage, rules.stages, rules.windows) == (Stage.OBSERVE, (), ())


@pytest.mark.parametrize("path", CLUSTERS)
def test_every_pool_and_quota_of_every_example_can_be_found_read_and_edited(path: str) -> None:
    rules = governance()
    cluster = YAML(typ="safe", pure=True).load(CLUSTERS[path])

    for pool in cluster["node_groups"]:
        place = find_place(CLUSTERS, "gitops", rules.layouts, cluster["name"], pool["name"])
        layout = layout_of(CLUSTERS, place, rules.layouts)
        assert declared_pool(CLUSTERS, place, layout, UID).count == pool["count"]
        both = tuple(FieldChange(field=f, old=str(pool[f]), new=str(pool[f] + 1)) for f in ("count", "min") if f in pool)
        assert plan_edit(CLUSTERS, place, layout, both).diff
    for space in cluster.get("namespaces", ()):
        place = find_place(CLUSTERS, "gitops", rules.layouts, cluster["name"], space["name"], "cpu_cores")
        layout = layout_of(CLUSTERS, place, rules.layouts, "cpu_cores")
        old = space["resource_allocation"]["cpu_cores"]
        assert plan_edit(CLUSTERS, place, layout, (FieldChange(field="cpu_cores", old=old, new="1"),)).diff


@pytest.mark.parametrize("name", TERRAFORM)
def test_every_terraform_file_parses(name: str) -> None:
    hcl_edit.read({name: TERRAFORM[name].encode()}, name)


@pytest.mark.parametrize("cloud", ["eks", "gke"])
def test_every_editable_key_is_read_by_terraform(cloud: str) -> None:
    """A key that nothing reads would be a merged change that saves nothing."""
    text = TERRAFORM[f"{cloud}.tf"]
    iterators = {"node_groups": "machine_pool", "namespaces": "namespaces"}

    for layout in governance().layouts:
        for field, key in layout.fields.items():
            is_read = re.search(rf"\b{iterators[layout.pools]}\.value\.{re.escape(key)}\b", text) is not None
            assert is_read == (field not in _IGNORED.get(cloud, ())), f"{cloud}.tf: {key}"


@pytest.mark.parametrize("path", CLUSTERS)
def test_every_key_of_every_example_is_read_by_terraform(path: str) -> None:
    """Terraform ignores what it does not know, so an example with a dead key would teach one."""
    cluster = YAML(typ="safe", pure=True).load(CLUSTERS[path])
    text = "\n".join(TERRAFORM.values())
    keys = {*cluster, *cluster["cloud_config"], *cluster["profiles"], *(key for pool in cluster["node_groups"] for key in pool)}

    assert [key for key in sorted(keys) if re.search(rf"\.{key}\b", text) is None] == []


@needs_terraform
def test_terraform_finds_nothing_to_format() -> None:
    done = terraform("fmt", "-check", "-recursive", "-diff", str(STARTER / "terraform"))

    assert (done.returncode, done.stdout) == (0, "")


@needs_terraform
def test_terraform_itself_reads_the_examples(tmp_path: Path) -> None:
    """The locals are evaluated for real; only the resources need a provider that is not here."""
    root = tmp_path / "terraform"
    root.mkdir()
    shutil.copytree(STARTER / "clusters", tmp_path / "clusters")
    (root / "clusters.tf").write_text(TERRAFORM["clusters.tf"].split('data "spectrocloud')[0])
    wanted = (
        "jsonencode({eks = {for n, c in local.eks : n => c.node_groups[*].count}, gke = keys(local.gke), profiles = keys(local.profiles)})"
    )

    done = terraform(f"-chdir={root}", "console", stdin=wanted)

    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)) == {
        "eks": {"serving-production": [3, 4, 4], "serving-staging": [2, 1]},
        "gke": ["data-production", "sandbox"],
        "profiles": ["eks-infra-gpu:1.4.2", "eks-infra-gpu:1.5.0", "gke-infra:1.2.0", "nvidia-gpu-operator-ai:25.10.0"],
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_use_no_foreign_action_and_no_more_rights_than_they_need(name: str) -> None:
    """Security row 35."""
    flow = YAML(typ="safe", pure=True).load(WORKFLOWS[name])
    (job,) = flow["jobs"].values()

    assert flow["permissions"] == {}
    assert flow["defaults"] == {"run": {"shell": "bash"}}  # the only spelling with pipefail
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert "pull_request_target" not in WORKFLOWS[name]
    assert all("uses" not in step and "${{" not in step["run"] for step in job["steps"])


def test_only_the_protected_environment_applies() -> None:
    plan, apply = (YAML(typ="safe", pure=True).load(WORKFLOWS[name]) for name in ("plan.yml", "apply.yml"))

    assert apply["on"] == {"push": {"branches": ["main"], "paths": ["clusters/**", "terraform/**"]}}
    assert apply["jobs"]["apply"]["environment"] == "production"
    assert "head.repo.full_name == github.repository" in plan["jobs"]["plan"]["if"]
    assert "apply" not in WORKFLOWS["plan.yml"]
    assert re.findall(r"secrets\.(\w+)", WORKFLOWS["plan.yml"]) == ["PALETTE_READ_API_KEY"]


def test_gitlab_plans_and_applies_alike() -> None:
    jobs = YAML(typ="safe", pure=True).load((STARTER / ".gitlab-ci.yml").read_text())

    assert jobs["apply"]["environment"] == "production"
    assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in jobs["apply"]["rules"][0]["if"]
    assert not any("apply" in line for line in jobs["plan"]["script"])
    assert "APPLY" not in json.dumps(jobs["plan"])


def test_owners_review_all_that_gives_permissions() -> None:
    owned = [line.split()[0] for line in (STARTER / "CODEOWNERS").read_text().splitlines() if line.startswith("/")]

    assert {"/.trimtab/", "/.github/", "/.gitlab-ci.yml", "/CODEOWNERS", "/terraform/"} <= set(owned)
    assert all(not is_editable(path) for path in (".trimtab/config.yaml", ".github/workflows/plan.yml", ".gitlab-ci.yml", "CODEOWNERS"))


def test_the_readme_names_every_setting_that_ci_reads() -> None:
    readme, flows = (STARTER / "README.md").read_text(), "".join(WORKFLOWS.values())

    assert [name for name in sorted(set(re.findall(r"(?:vars|secrets)\.(\w+)", flows))) if f"`{name}`" not in readme] == []
