"""The starter repo works: its files agree with each other, and give away nothing."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main
from kubernetes import client as kubernetes_client
from ruamel.yaml import YAML

from trimtab.adapters.kubernetes.protocol import LISTS
from trimtab.changes import declared_pool, find_place, hcl_edit, is_editable, layout_of, plan_edit
from trimtab.changes.consumers import reads
from trimtab.changes.guards import IGNORED
from trimtab.cli.main import app
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


def test_the_example_of_watching_parses_and_is_about_a_cluster_of_the_starter() -> None:
    """Nobody should have to guess what `watch` takes: what stands there as a comment works when the marks are taken away."""
    text = (STARTER / ".trimtab" / "config.yaml").read_text()
    (example,) = re.findall(r"(?m)((?:^#   .*\n)+)watch: \{\}$", text)
    lines = [line.removeprefix("# ") for line in example.splitlines()]
    files = {f".trimtab/{path.name}": path.read_bytes() for path in (STARTER / ".trimtab").iterdir()}
    files[".trimtab/config.yaml"] = text.replace("watch: {}", "\n".join(["watch:", *lines])).encode()

    watch = parse_governance(files, CommitSha("0" * 40)).watch

    names = {YAML(typ="safe", pure=True).load(content)["name"] for content in CLUSTERS.values()}
    assert (watch.hours, watch.failures, [slo.bad for slo in watch.slos]) == (24, 2, ["above"])
    assert {slo.cluster for slo in watch.slos} <= names


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


@pytest.mark.parametrize(("path", "cloud"), [("clusters/production/eks-serving.yaml", "eks"), ("clusters/production/gke-data.yaml", "gke")])
def test_every_editable_key_is_read_by_terraform(path: str, cloud: str) -> None:
    """A key that nothing reads would be a merged change that saves nothing. Palette's provider has no bounds and no spot for GKE pools."""
    files = CLUSTERS | {f"terraform/{name}": text.encode() for name, text in TERRAFORM.items()}

    for layout in governance().layouts:
        for field, key in layout.fields.items():
            reading = reads(files, path, layout.pools, key, cloud)
            assert reading.answer == ("ignored" if field in IGNORED.get(cloud, ()) else "read"), reading.why


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


def evaluated(tmp_path: Path, wanted: str) -> Any:
    """What Terraform itself makes of the root's locals; only resources and data need a provider, and that is not here."""
    shutil.copytree(STARTER / "clusters", tmp_path / "clusters")
    shutil.copytree(STARTER / "profiles", tmp_path / "profiles")
    root = tmp_path / "terraform"
    root.mkdir()
    for name in ("clusters.tf", "profiles.tf"):
        locals_only = re.split(r"(?m)^(?:data|resource) ", TERRAFORM[name])[0]
        (root / name).write_text(re.sub(r"(?s)  profile_ids = merge\(.*?\n  \)\n", "", locals_only))
    done = terraform(f"-chdir={root}", "console", stdin=f"jsonencode({wanted})\n")
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout))


@needs_terraform
def test_terraform_itself_reads_the_examples(tmp_path: Path) -> None:
    wanted = (
        "{eks = {for n, c in local.eks : n => c.node_groups[*].count}, gke = keys(local.gke), profiles = keys(local.profiles), "
        "addons = {for n, a in local.addons : n => a.version}, quotas = local.quotas}"
    )

    found = evaluated(tmp_path, wanted)

    assert found["eks"] == {"serving-production": [3, 4, 4], "serving-staging": [2, 1]}
    assert found["gke"] == ["data-production", "sandbox"]
    assert found["profiles"] == ["eks-infra-gpu:1.4.2", "eks-infra-gpu:1.5.0", "gke-infra:1.2.0", "nvidia-gpu-operator-ai:25.10.0"]
    assert found["addons"] == {"owner-labels": "1.0.0", "trimtab-collector": "1.0.0"}
    assert found["quotas"]["serving-production"] == [
        {
            "name": "inference",
            "resource_allocation": {"cpu_cores": "32", "memory_MiB": "131072", "gpu_limit": "4", "gpu_provider": "nvidia"},
        }
    ]
    assert found["quotas"]["sandbox"] == [{"name": "experiments", "resource_allocation": {"cpu_cores": "4", "memory_MiB": "8192"}}]


def test_a_cluster_names_an_add_on_of_this_repo_by_the_version_that_is_here() -> None:
    """Another version would be looked up in Palette, where nobody made it."""
    versions = dict(re.findall(r'(?s)    ([a-z-]+) = \{\n      version += "([0-9.]+)"', TERRAFORM["profiles.tf"]))
    clusters = [YAML(typ="safe", pure=True).load(content) for content in CLUSTERS.values()]
    named = {(addon["name"], addon["version"]) for cluster in clusters for addon in cluster["profiles"].get("addons", ())}

    assert {name for name, _ in named} >= set(versions)
    assert {(name, version) for name, version in named if name in versions} == set(versions.items())


# ── The add-ons ──────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_terraform
def test_the_collectors_manifest_is_what_kubernetes_takes(tmp_path: Path) -> None:
    """Filled in by Terraform's own templatefile, and held to the models of Kubernetes' own client: no key that it does not know."""
    documents = list(YAML(typ="safe", pure=True).load_all(evaluated(tmp_path, 'local.addons["trimtab-collector"].content')))

    assert [document["kind"] for document in documents] == [
        "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "PersistentVolumeClaim", "CronJob",
    ]  # fmt: skip
    for document in documents:
        assert unknown_keys(document, f"V1{document['kind']}") == []
    assert "${" not in str(documents)
    assert "{{ .spectro.system.cluster.name }}={{ .spectro.system.cluster.uid }}" in str(documents)


def unknown_keys(value: Any, model: str, path: str = "") -> list[str]:
    """Keys that the model has no field for, and lists or objects where it wants the other."""
    item = re.fullmatch(r"list\[(.+)\]", model)
    if item:
        return [key for index, one in enumerate(value) for key in unknown_keys(one, item[1], f"{path}[{index}]")]
    kind = getattr(kubernetes_client, model, None)
    if kind is None:
        return []
    names = {name: attribute for attribute, name in kind.attribute_map.items()}
    found = [f"{path}.{key}" for key in value if key not in names]
    inner = [unknown_keys(one, kind.openapi_types[names[key]], f"{path}.{key}") for key, one in value.items() if key in names]
    kind(**{names[key]: one for key, one in value.items() if key in names})  # raises where a required field is missing
    return [*found, *(key for keys in inner for key in keys)]


def test_the_collector_may_list_what_it_reads_and_nothing_else() -> None:
    (role,) = [one for one in collector() if one["kind"] == "ClusterRole"]
    granted = {(group, resource) for rule in role["rules"] for group in rule["apiGroups"] for resource in rule["resources"]}
    read = {(parts[2] if parts[1] == "apis" else "", parts[-1]) for parts in (path.split("/") for path in LISTS.values())}

    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}
    assert granted == read


def test_the_collector_is_called_as_the_command_takes_it() -> None:
    (job,) = [one for one in collector() if one["kind"] == "CronJob"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command = cast("Any", typer.main.get_command(app)).commands["collect"]
    known = {option for parameter in command.params for option in parameter.opts}

    assert container["args"][0] == "collect"
    assert {argument for argument in container["args"] if argument.startswith("--")} <= known
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def collector() -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all((STARTER / "profiles/collector/manifest.yaml").read_text()))


def test_the_label_policy_reports_and_blocks_nothing() -> None:
    policy = YAML(typ="safe", pure=True).load((STARTER / "profiles/owner-labels/manifest.yaml").read_text())

    assert (policy["apiVersion"], policy["kind"]) == ("kyverno.io/v1", "ClusterPolicy")
    assert {rule["validate"]["failureAction"] for rule in policy["spec"]["rules"]} == {"Audit"}
    assert all(set(rule) == {"name", "match", "exclude", "validate"} for rule in policy["spec"]["rules"])
    assert "Enforce" not in str(policy)


# ── CI ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(35)
@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_use_no_foreign_action_and_no_more_rights_than_they_need(name: str) -> None:
    flow = YAML(typ="safe", pure=True).load(WORKFLOWS[name])
    jobs = flow["jobs"]

    assert flow["permissions"] == {}
    assert flow["defaults"] == {"run": {"shell": "bash"}}  # the only spelling with pipefail
    assert jobs.pop(name.removesuffix(".yml"))["permissions"] == {"contents": "read", "id-token": "write"}
    assert "pull_request_target" not in WORKFLOWS[name]
    steps = [step for job in YAML(typ="safe", pure=True).load(WORKFLOWS[name])["jobs"].values() for step in job["steps"]]
    assert all("uses" not in step and "${{" not in step["run"] for step in steps)


@pytest.mark.security(35)
def test_the_job_that_writes_the_comment_runs_nothing_of_the_change_and_holds_no_secret() -> None:
    job = YAML(typ="safe", pure=True).load(WORKFLOWS["plan.yml"])["jobs"]["comment"]
    (step,) = job["steps"]

    assert job["permissions"] == {"pull-requests": "write"}
    assert (job["needs"], job["if"]) == ("plan", "needs.plan.result == 'success'")
    assert "secrets." not in str(job)
    assert not re.search(r"terraform|git |checkout", step["run"].replace("<!-- terraform-plan -->", "").replace("Terraform plan of", ""))


@pytest.mark.security(35)
def test_an_auditor_of_workflows_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=pedantic", str(STARTER / ".github/workflows")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


@pytest.mark.security(35)
def test_only_the_protected_environment_applies() -> None:
    plan, apply = (YAML(typ="safe", pure=True).load(WORKFLOWS[name]) for name in ("plan.yml", "apply.yml"))

    assert apply["on"] == {"push": {"branches": ["main"], "paths": ["clusters/**", "profiles/**", "terraform/**"]}}
    assert apply["jobs"]["apply"]["environment"] == "production"
    assert plan["on"] == "pull_request"
    assert "apply" not in WORKFLOWS["plan.yml"]
    assert re.findall(r"secrets\.(\w+)", WORKFLOWS["plan.yml"]) == ["PALETTE_READ_API_KEY"]


@pytest.mark.security(35)
def test_a_fork_fails_before_anything_of_it_runs_and_is_not_skipped() -> None:
    """A skipped job counts as a check that passed: a fork's change would merge unplanned where `plan` is required."""
    plan = YAML(typ="safe", pure=True).load(WORKFLOWS["plan.yml"])["jobs"]["plan"]
    first = plan["steps"][0]

    assert "if" not in plan
    assert first["if"] == "github.event.pull_request.head.repo.full_name != github.repository"
    assert subprocess.run(["bash", "-e", "-c", first["run"]], capture_output=True, check=False).returncode == 1
    assert not any("continue-on-error" in step or "always()" in str(step.get("if", "")) for step in plan["steps"])


@pytest.mark.security(35)
def test_gitlab_plans_and_applies_alike() -> None:
    jobs = YAML(typ="safe", pure=True).load((STARTER / ".gitlab-ci.yml").read_text())

    assert jobs["apply"]["environment"] == "production"
    assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in jobs["apply"]["rules"][0]["if"]
    assert not any("apply" in line for line in jobs["plan"]["script"])
    assert "APPLY" not in json.dumps([jobs["plan"], jobs["comment"]])
    for name in ("plan", "comment"):
        assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_PATH == $CI_PROJECT_PATH" in jobs[name]["rules"][0]["if"]


@pytest.mark.security(3)
def test_owners_review_all_that_gives_permissions() -> None:
    owned = [line.split()[0] for line in (STARTER / "CODEOWNERS").read_text().splitlines() if line.startswith("/")]

    assert {"/.trimtab/", "/.github/", "/.gitlab-ci.yml", "/CODEOWNERS", "/terraform/"} <= set(owned)
    assert all(not is_editable(path) for path in (".trimtab/config.yaml", ".github/workflows/plan.yml", ".gitlab-ci.yml", "CODEOWNERS"))


def test_the_readme_names_every_setting_that_ci_reads() -> None:
    readme, flows = (STARTER / "README.md").read_text(), "".join(WORKFLOWS.values())

    assert [name for name in sorted(set(re.findall(r"(?:vars|secrets)\.(\w+)", flows))) if f"`{name}`" not in readme] == []
