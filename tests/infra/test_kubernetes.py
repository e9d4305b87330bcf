"""The chart as Helm renders it, the image as its Dockerfile puts it together, and the pack: against Kubernetes' own types and our code."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import click
import jsonschema
import pytest
import typer
from ruamel.yaml import YAML

from functions.worker import DUTIES
from infra.kubernetes.pack import chart_archive, version, write_pack
from tests.infra.helm_chart import CHART, ChartError, Manifest, has_helm, render
from tests.infra.kube_schema import faults
from tests.kube_world import ApiServer, serving
from trimtab.adapters.kubernetes.client import KubernetesApi
from trimtab.cli.main import app
from trimtab.flow.timetable import TIMETABLE
from trimtab.settings import SECRETS

ROOT = Path(__file__).parents[2]
HERE = ROOT / "infra" / "kubernetes"
DIGEST = "sha256:" + "a" * 64
NOW = datetime(2026, 8, 2, 11, 5, tzinfo=UTC)
COLLECTOR: dict[str, Any] = {
    "image": {"repository": "images.example/trimtab", "digest": DIGEST},
    "store": {"url": "s3://usage-drops/acme", "secret": "bucket", "endpoint": "https://minio.storage.svc:9000", "caConfigMap": "authority"},
    "collect": {
        "cluster": {"name": "prod-ml", "uid": "5f2c"},
        "pools": ["gpu"],
        "prometheus": {"url": "http://prometheus.monitoring.svc:9090", "jobs": ["kubelet"], "tokenSecret": "prometheus"},
    },
    "networkPolicy": {
        "store": {"to": [{"ipBlock": {"cidr": "10.1.0.5/32"}}], "ports": [9000]},
        "prometheus": {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}], "ports": [9090]},
        "kubernetesApi": {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [6443]},
    },
}
needs_helm = pytest.mark.skipif(not has_helm(), reason="neither helm nor the package helm-python-sdk is here: nothing is rendered")


def collector(**changed: Any) -> dict[str, Any]:
    return copy.deepcopy(COLLECTOR) | changed


def everything(**changed: Any) -> dict[str, Any]:
    """All of it on a bucket, without a collector, with every secret that there is."""
    values = collector(collect={"enabled": False})
    names = {secret for secrets in secrets_table().values() for secret in secrets}
    values["networkPolicy"] |= {"from": [{"podSelector": {"matchLabels": {"app": "ingress"}}}]}
    secrets = {name: {"name": "trimtab", "key": name} for name in sorted(names)}
    return values | {
        "everything": {"enabled": True, "settings": {"tenant": "acme", "highest_stage": "approve"}, "secrets": secrets} | changed
    }


def on_a_volume(**changed: Any) -> dict[str, Any]:
    """All of it in one Pod; nothing outside is named."""
    values = everything(**changed) | {"store": {"url": "file:///var/lib/trimtab/store"}}
    return values | {"networkPolicy": {"from": values["networkPolicy"]["from"]}}


def secrets_table() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads((CHART / "files" / "secrets.json").read_text())
    return table


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """Every Pod spec."""
    jobs = [each["spec"]["jobTemplate"]["spec"]["template"]["spec"] for each in of_kind(manifests, "CronJob")]
    return jobs + [each["spec"]["template"]["spec"] for each in of_kind(manifests, "Deployment")]


def containers(manifests: list[Manifest]) -> list[Manifest]:
    return [container for pod in pods(manifests) for container in pod["containers"]]


ALL = pytest.mark.parametrize("values", [collector(), everything(), on_a_volume()], ids=["collector", "everything", "on-a-volume"])


# ── what is rendered ─────────────────────────────────────────────────────────────────────────────────────────────────
@needs_helm
@ALL
def test_every_manifest_is_what_kubernetes_describes(values: dict[str, Any]) -> None:
    """A key that Kubernetes does not know is dropped in silence, and with it the limit that it should have set."""
    manifests = render(values)

    assert manifests
    assert [fault for manifest in manifests for fault in faults(manifest)] == []


def test_the_check_against_kubernetes_types_finds_what_is_wrong() -> None:
    """A check that finds nothing proves nothing."""
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": 1}, "spec": {"ports": [{"prot": 80}], "selektor": {}}}

    found = " ".join(faults(broken))

    assert all(said in found for said in ("metadata.name", "prot", "selektor", "port"))


@needs_helm
def test_the_collector_alone_is_what_a_chart_installs_by_default() -> None:
    """A private cluster gets a reader and nothing that listens or writes."""
    kinds = sorted(each["kind"] for each in render(collector()))

    assert kinds == ["ClusterRole", "ClusterRoleBinding", "CronJob", "NetworkPolicy", "PersistentVolumeClaim", "ServiceAccount"]


@needs_helm
def test_the_role_allows_what_the_collector_asks_for_and_nothing_else(tmp_path: Path) -> None:
    """Each right that nobody uses is a right that a taken-over collector has."""
    with serving(ApiServer({})) as api:
        KubernetesApi.of(api.kubeconfig(tmp_path), None, lambda _: None).read(NOW)
        asked = {resource_of(path) for path, _, _ in api.requests}

    role = of_kind(render(collector()), "ClusterRole")[0]
    granted = {(group, resource) for rule in role["rules"] for group in rule["apiGroups"] for resource in rule["resources"]}
    assert granted == asked
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}


def resource_of(path: str) -> tuple[str, str]:
    """/api/v1/pods → ("", "pods"); /apis/apps/v1/replicasets → ("apps", "replicasets")."""
    parts = path.strip("/").split("/")
    return ("", parts[2]) if parts[0] == "api" else (parts[1], parts[3])


@needs_helm
@ALL
def test_every_pod_is_restricted(values: dict[str, Any]) -> None:
    """What Pod Security calls restricted, a root file system that nobody writes, memory that ends somewhere, and one image by digest."""
    manifests = render(values)

    for pod in pods(manifests):
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert not any("hostPath" in volume for volume in pod["volumes"])
    for container in containers(manifests):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()
        assert container["image"] == f"images.example/trimtab@{DIGEST}"


@needs_helm
@ALL
def test_only_a_collector_that_reads_the_kubernetes_api_has_its_token(values: dict[str, Any]) -> None:
    """A token in a Pod that strangers can reach is a way into the cluster."""
    manifests = render(values)

    holders = [pod["containers"][0]["name"] for pod in pods(manifests) if pod["automountServiceAccountToken"]]
    bound = [subject["name"] for each in of_kind(manifests, "ClusterRoleBinding") for subject in each["subjects"]]
    assert holders == (["collect"] if of_kind(manifests, "CronJob") else [])
    assert bound == (["trimtab-collect"] if holders else [])


@needs_helm
def test_a_collector_without_the_kubernetes_api_has_neither_role_nor_token() -> None:
    values = collector()
    values["collect"]["kubernetesApi"] = False

    manifests = render(values)

    assert not of_kind(manifests, "ClusterRole")
    assert not pods(manifests)[0]["automountServiceAccountToken"]
    assert "--kube" not in containers(manifests)[0]["args"]


@needs_helm
@ALL
def test_every_container_starts_a_command_that_there_is(values: dict[str, Any]) -> None:
    """An option that was renamed would be found by whoever upgrades."""
    commands = cast("click.Group", typer.main.get_command(app)).commands

    for container in containers(render(values)):
        command, *options = container["args"]
        commands[command].make_context(command, list(options))


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────────
def reached(policy: Manifest) -> list[tuple[str, list[int]]]:
    """Where a policy lets out, beside name lookups."""
    rules = [rule for rule in policy["spec"]["egress"] if {port["port"] for port in rule["ports"]} != {53}]
    return [(json.dumps(rule.get("to")), [port["port"] for port in rule["ports"]]) for rule in rules]


@needs_helm
def test_the_collector_reaches_store_prometheus_and_kubernetes_and_nothing_else() -> None:
    """Whoever takes it over finds no way out with what it has read."""
    policy = of_kind(render(collector()), "NetworkPolicy")[0]

    named = [COLLECTOR["networkPolicy"][name] for name in ("store", "prometheus", "kubernetesApi")]
    assert reached(policy) == [(json.dumps(each["to"]), each["ports"]) for each in named]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["ingress"] == []


@needs_helm
def test_everything_on_a_volume_in_an_air_gapped_place_reaches_nothing() -> None:
    """What is not named is not reached: no price list, no version check, no telemetry."""
    assert [where for policy in of_kind(render(on_a_volume()), "NetworkPolicy") for where in reached(policy)] == []


@needs_helm
def test_every_pod_is_under_a_policy() -> None:
    """A Pod that no policy selects may go anywhere."""
    for values in (collector(), everything(), on_a_volume()):
        manifests = render(values)
        policies = [each["spec"]["podSelector"] for each in of_kind(manifests, "NetworkPolicy")]
        templates = [each["spec"]["template"] for each in of_kind(manifests, "Deployment")]
        templates += [each["spec"]["jobTemplate"]["spec"]["template"] for each in of_kind(manifests, "CronJob")]
        for template in templates:
            assert any(selects(policy, template["metadata"]["labels"]) for policy in policies), template


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "NotIn"
        if labels.get(each["key"]) in each["values"]:
            return False
    return bool(selector["matchLabels"].items() <= labels.items())


@needs_helm
def test_webhooks_come_from_the_ingress_alone_and_to_receive_alone() -> None:
    manifests = render(everything())
    open_to = [each for each in of_kind(manifests, "NetworkPolicy") if each["spec"]["ingress"]]
    service = of_kind(manifests, "Service")[0]["spec"]

    assert [each["metadata"]["name"] for each in open_to] == ["trimtab-receive"]
    assert open_to[0]["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 8080}]
    chosen = [
        each
        for each in of_kind(manifests, "Deployment")
        if service["selector"].items() <= each["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert [each["metadata"]["name"] for each in chosen] == ["trimtab-receive"]


# ── secrets and settings ─────────────────────────────────────────────────────────────────────────────────────────────
def test_the_chart_gives_each_function_the_secrets_that_terraform_gives_it() -> None:
    """One table of rights, wherever it runs."""
    rights = json.loads((ROOT / "infra" / "terraform" / "aws" / "rights.json").read_text())

    assert secrets_table() == {name: each["secrets"] for name, each in rights.items()}
    assert {secret for secrets in secrets_table().values() for secret in secrets} <= set(SECRETS)


@needs_helm
@pytest.mark.security(28)
@pytest.mark.parametrize("values", [everything(), on_a_volume()], ids=["bucket", "volume"])
def test_each_process_is_given_the_secrets_of_its_functions_and_no_other(values: dict[str, Any]) -> None:
    """Only what merges holds what gates; what strangers reach holds nothing that writes."""
    for container in containers(render(values)):
        functions = container["args"][2].split(",") if container["args"][0] == "work" else ["receive"]
        given = {
            each["name"] for each in container["env"] if "secretKeyRef" in each.get("valueFrom", {}) and each["name"].startswith("TRIMTAB_")
        }
        assert given == {f"TRIMTAB_{secret.upper()}" for function in functions for secret in secrets_table()[function]}


@needs_helm
@pytest.mark.security(28)
def test_a_worker_without_a_key_of_the_forge_reads_the_rules_from_the_store() -> None:
    """One that holds a key reads the forge, which is never older than this minute."""
    apart = {name: {"functions": functions, "replicas": 1, "resources": {}} for name, functions in WORKERS.items()}

    found = {
        container["args"][2]: [each.get("value") for each in container["env"] if each["name"] == "TRIMTAB_RULES_FROM"]
        for container in containers(render(everything(workers=apart)))
        if container["args"][0] == "work"
    }

    assert found == {"merge,propose": [], "verify": [], "ingest,learn": ["store"], "alert,report": ["store"], "collect": ["store"]}


WORKERS = {
    "decide": ["merge", "propose"], "watch": ["verify"], "batch": ["ingest", "learn"], "tell": ["alert", "report"], "ask": ["collect"],
}  # fmt: skip


@needs_helm
def test_receive_may_have_an_identity_of_its_own_at_the_store() -> None:
    """The one process that strangers reach needs to create objects in the inbox, and nothing else."""
    values = everything(receive={"storeSecret": "inbox-only"})

    keys = {container["name"]: keys_from(container) for container in containers(render(values))}

    assert keys.pop("receive") == {"inbox-only"}
    assert set().union(*keys.values()) == {"bucket"}


def keys_from(container: Manifest) -> set[str]:
    """Secrets that a container's keys to the store are in."""
    named = [each for each in container["env"] if each["name"].startswith("AWS_") and "valueFrom" in each]
    return {each["valueFrom"]["secretKeyRef"]["name"] for each in named}


@needs_helm
def test_no_secret_is_written_into_a_manifest() -> None:
    """A chart that takes values of secrets leaves them in the release, where whoever may read Secrets of Helm finds them."""
    assert all(not of_kind(render(values), "Secret") for values in (collector(), everything(), on_a_volume()))


@needs_helm
def test_receive_is_told_the_tenant_and_nothing_of_the_repos() -> None:
    manifests = render(everything(settings={"tenant": "acme", "repositories": [{"id": "gitops"}]}))
    said = of_kind(manifests, "ConfigMap")[0]["data"]

    assert json.loads(said["receive.json"]) == {"tenant": "acme"}
    assert json.loads(said["settings.json"])["repositories"] == [{"id": "gitops"}]


@needs_helm
def test_the_settings_of_the_chart_are_settings_that_the_functions_read() -> None:
    """The ConfigMap's text is TRIMTAB_SETTINGS, to the letter."""
    from trimtab.settings import load

    text = of_kind(render(everything()), "ConfigMap")[0]["data"]["settings.json"]

    assert load({"TRIMTAB_SETTINGS": text, "TRIMTAB_STORE": "s3://b/x"}).tenant == "acme"


@needs_helm
@pytest.mark.parametrize(("number", "kind"), [(0, "CronJob"), (1, "Deployment")], ids=["collector", "everything"])
def test_the_values_that_the_docs_show_can_be_installed(number: int, kind: str) -> None:
    """What people copy is what is tested."""
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "in-a-cluster.md").read_text(), re.DOTALL)
    text = shown[number].replace("sha256:…", DIGEST).replace("REPOSITORY", "images.example").replace("5f2c…", "5f2c")

    manifests = render(YAML(typ="safe").load(text))

    assert of_kind(manifests, kind)
    assert [fault for manifest in manifests for fault in faults(manifest)] == []


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────
def without_functions(*functions: str) -> dict[str, Any]:
    """Workers that leave some functions to nobody."""
    kept = sorted(set(DUTIES) - set(functions))
    worker = {"functions": kept, "replicas": 1, "resources": {}}
    return everything(workers={"decide": None, "watch": None, "batch": worker})


REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "no image": (lambda: collector(image={}), "repository"),
    "a tag that moves": (lambda: collector(image={"repository": "a/b", "tag": "latest"}), "image"),
    "no cluster": (lambda: collector(collect={"prometheus": {"url": "http://p:9090"}}), "cluster"),
    "plain http to the store": (lambda: collector(store={"url": "s3://b", "endpoint": "http://minio:9000"}), "endpoint"),
    "a key nobody knows": (lambda: collector(store={"url": "s3://b", "secretKey": "AKIA"}), "secretKey"),
    "egress that is not named": (lambda: collector(networkPolicy={}), "networkPolicy.store.to"),
    "a collector beside a volume": (lambda: on_a_volume() | {"collect": COLLECTOR["collect"]}, "collect.enabled"),
    "a secret that nobody takes": (lambda: everything(secrets={"slack_tokn": {"name": "a", "key": "b"}}), "slack_tokn"),
    "a function that nobody serves": (lambda: without_functions("verify"), "nobody serves verify"),
    "a secret in the settings": (lambda: everything(settings={"slack_token": "xoxb-1"}), "everything.settings.slack_token"),
    "a store in the settings": (lambda: everything(settings={"store": "s3://other"}), "settings"),
}


@needs_helm
@pytest.mark.parametrize("case", REFUSED)
def test_values_that_would_not_work_are_refused_by_name(case: str) -> None:
    """At the install, not in a Pod that restarts for ever."""
    values, named = REFUSED[case]

    with pytest.raises(ChartError, match=re.escape(named)):
        render(values())


def test_the_schema_of_the_values_is_one() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    jsonschema.Draft7Validator.check_schema(schema)
    assert set(YAML(typ="safe").load((CHART / "values.yaml").read_text())) == set(schema["properties"]) - {"global"}


# ── the same as in a cloud ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_clock_of_the_worker_is_the_clouds(cloud: str) -> None:
    """A function that ticks otherwise here would be another product."""
    table = json.loads((ROOT / "infra" / "terraform" / cloud / "functions.json").read_text())
    schedules = {name: each["schedule"] for name, each in table.items() if "schedule" in each}

    assert {name: in_words(text) for name, text in schedules.items()} == {
        name: (int(each.every.total_seconds()) // 60, int(each.after.total_seconds()) // 60) for name, each in TIMETABLE.items()
    }


def in_words(schedule: str) -> tuple[int, int]:
    """(minutes between two, minutes after the hour, midnight or Monday) of the few forms that our schedules have."""
    minute, hour, *_, weekday = re.sub(r"cron\((.*) \*\)", r"\1", schedule).replace("?", "*").split()
    if "/" in minute:
        return int(minute.split("/")[1]), 0
    if hour == "*":
        return 60, int(minute)
    return (24 * 60 if weekday == "*" else 7 * 24 * 60), int(hour) * 60 + int(minute)


def test_a_worker_serves_every_function_and_gives_it_the_time_that_aws_does() -> None:
    table = json.loads((ROOT / "infra" / "terraform" / "aws" / "functions.json").read_text())

    assert {name: duty.seconds for name, duty in DUTIES.items()} == {
        name: each["timeout_s"] for name, each in table.items() if name != "receive"
    }


# ── the image ────────────────────────────────────────────────────────────────────────────────────────────────────────
def instructions() -> list[list[str]]:
    text = (HERE / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_image_names_no_registry_runs_as_nobody_and_takes_wheels_by_their_hash() -> None:
    """Where images and packages come from is the operator's to say, above all where there is no way out."""
    said = instructions()
    runs = [" ".join(line) for line in said if line[0] == "RUN"]

    assert {line[1] for line in said if line[0] == "FROM"} == {"${BASE}"}
    assert [line for line in said if line[0] == "ARG"] == [["ARG", "BASE"]]
    assert [line[1] for line in said if line[0] == "USER"] == ["65532:65532"]
    assert all(command.count("--require-hashes") == command.count("--only-binary :all:") == 2 for command in runs if "pip " in command)
    assert "://" not in (HERE / "Dockerfile").read_text()


def test_the_image_carries_the_locked_requirements_and_none_of_the_tests() -> None:
    """One lock: what was tested is what runs."""
    locked = pins(ROOT / "requirements.lock")
    carried = pins(HERE / "requirements.txt")

    assert {name: hashes for name, hashes in carried.items() if name in locked and not hashes <= locked[name]} == {}
    assert carried.keys() <= locked.keys()
    assert not {name.split("==")[0] for name in carried} & {"pytest", "moto", "mypy", "ruff", "selenium", "pyspark", "hypothesis"}


def pins(path: Path) -> dict[str, set[str]]:
    """name==version → its hashes."""
    found: dict[str, set[str]] = {}
    for line in path.read_text().splitlines():
        if pin := re.match(r"([a-z0-9._-]+(?:\[[a-z,]+\])?==[^ ;\\]+)", line):
            hashes = found.setdefault(pin[1], set())
        elif line.strip().startswith("--hash="):
            hashes.add(line.strip(" \\"))
    return found


def test_what_the_image_copies_is_there_and_runs(tmp_path: Path) -> None:
    """The copied tree alone, as the image has it: both commands start, and wording and starter are found."""
    for line in (line for line in instructions() if line[0] == "COPY" and "--from=build" not in line):
        *sources, target = line[1:]
        for source in sources:
            place = tmp_path / target.lstrip("/")
            place = place / Path(source).name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, dirs_exist_ok=True)
            else:
                shutil.copyfile(ROOT / source, place)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path / "app" / "trimtab"), "PYTHONSAFEPATH": "1"}
    script = (
        "import sys; sys.path = [place for place in sys.path if not place.startswith(sys.argv[1])];"
        "import trimtab, functions.worker, functions.receive.server; from trimtab.adapters.wording import load_wording;"
        "load_wording(); print(trimtab.__file__, functions.__file__)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "shared")],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert all(place.startswith(str(tmp_path)) for place in done.stdout.split())


# ── the pack ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_pack_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    image = f"images.example/trimtab@{DIGEST}"

    one, two = write_pack(tmp_path / "one", image), write_pack(tmp_path / "two", image)

    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_pack_wants_an_image_that_nobody_can_move(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="sha256"):
        write_pack(tmp_path, "images.example/trimtab:1.0")


@needs_helm
def test_the_pack_installs_the_collector_of_its_chart(tmp_path: Path) -> None:
    """What Palette hands to Helm: the archive, and what stands below charts.trimtab once its macros are filled in."""
    write_pack(tmp_path, f"images.example/trimtab@{DIGEST}")
    about = json.loads((tmp_path / "pack.json").read_text())
    text = (tmp_path / "values.yaml").read_text()
    filled = text.replace("{{ .spectro.system.cluster.name }}", "edge-7").replace("{{ .spectro.system.cluster.uid }}", "61bb")
    values = YAML(typ="safe").load(filled)
    mine = values["charts"]["trimtab"]
    mine["store"]["url"] = "s3://usage-drops/acme"
    mine["networkPolicy"] = COLLECTOR["networkPolicy"]

    manifests = render(mine, tmp_path / about["charts"][0])

    assert (about["version"], about["layer"]) == (version(), "addon")
    assert "edge-7=61bb" in containers(manifests)[0]["args"]
    assert {each["image"] for each in values["pack"]["content"]["images"]} == {containers(manifests)[0]["image"]}
    assert (tmp_path / about["charts"][0]).read_bytes() == chart_archive()
