"""Requests and limits of containers: in manifests, in overlays, in Helm values."""

import pytest

from trimtab.changes import declared_values, edit_by_hand, find_place, layout_of, plan_edit
from trimtab.errors import Refused
from trimtab.records import FieldChange, Layout, PlannedEdit, PoolField

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      initContainers:
        - name: app
          resources: {requests: {cpu: "9"}}
      containers:
        - name: app
          image: registry.example/app:1
          resources:
            requests: {cpu: "2", memory: 4Gi}
            limits: {memory: '8Gi'}
        - name: proxy
          resources:
            requests:
              memory: 64Mi
"""
APPS = Layout(
    name="apps",
    files=("**/*.yaml",),
    cluster_name="serving",
    kind="workload",
    object="workload",
    fields={
        "cpu_request": "resources.requests.cpu",
        "cpu_limit": "resources.limits.cpu",
        "memory_request": "resources.requests.memory",
        "memory_limit": "resources.limits.memory",
        "gpu_request": "resources.limits[nvidia.com/gpu]",
    },
)
APP = "shop/Deployment/web/app"


def plan(files: dict[str, str], name: str, field: PoolField, old: str, new: str, layout: Layout = APPS) -> PlannedEdit:
    """As a run does it."""
    content = {path: text.encode() for path, text in files.items()}
    place = find_place(content, "gitops", [layout], "serving", name, field, "workload")
    change = FieldChange(field=field, old=old, new=new)
    return plan_edit(content, place, layout_of(content, place, [layout], field, "workload"), (change,))


def test_a_containers_request_is_edited_and_nobody_elses() -> None:
    edit = plan({"web.yaml": DEPLOYMENT}, APP, "cpu_request", "2", "500m")

    assert edit.content.decode() == DEPLOYMENT.replace('"2"', '"500m"')
    assert edit.changes == (("Deployment[shop/web].containers[app].resources.requests.cpu", "2", "500m"),)


def test_a_finding_about_the_pod_is_about_the_one_container_that_says_something() -> None:
    assert plan({"web.yaml": DEPLOYMENT}, "shop/Deployment/web", "cpu_request", "2", "1").content.decode() == DEPLOYMENT.replace(
        '"2"', '"1"'
    )


def test_a_pod_whose_containers_share_a_request_is_refused() -> None:
    """What is measured is the pod: which container has too much is not known."""
    with pytest.raises(Refused, match="more than one place"):
        plan({"web.yaml": DEPLOYMENT}, "shop/Deployment/web", "memory_request", "4Gi", "2Gi")


@pytest.mark.parametrize(
    ("kind", "above"),
    [
        ("StatefulSet", "spec: {template: {spec: {containers: [%s]}}}"),
        ("DaemonSet", "spec: {template: {spec: {containers: [%s]}}}"),
        ("Job", "spec: {template: {spec: {containers: [%s]}}}"),
        ("CronJob", "spec: {jobTemplate: {spec: {template: {spec: {containers: [%s]}}}}}"),
        ("Pod", "spec: {containers: [%s]}"),
    ],
)
def test_every_kind_of_workload_is_read(kind: str, above: str) -> None:
    container = "{name: app, resources: {requests: {memory: 1Gi}}}"
    content = f"kind: {kind}\nmetadata: {{name: w, namespace: n}}\n{above % container}\n"

    assert plan({"a.yaml": content}, f"n/{kind}/w/app", "memory_request", "1Gi", "512Mi").content.decode() == content.replace(
        "1Gi", "512Mi"
    )


def test_a_request_never_passes_its_limit() -> None:
    with pytest.raises(Refused, match="memory_request would be over memory_limit"):
        plan({"web.yaml": DEPLOYMENT}, APP, "memory_request", "4Gi", "9Gi")


def test_gpus_that_stand_in_requests_and_limits_stay_equal() -> None:
    """Kubernetes refuses the pod otherwise."""
    content = DEPLOYMENT.replace("limits: {memory: '8Gi'}", "limits: {nvidia.com/gpu: 2}")
    twice = content.replace("memory: 4Gi}", "nvidia.com/gpu: 2}")

    assert plan({"web.yaml": content}, APP, "gpu_request", "2", "1").content.decode() == content.replace("gpu: 2", "gpu: 1")
    with pytest.raises(Refused, match="GPUs stand in requests and in limits"):
        plan({"web.yaml": twice}, APP, "gpu_request", "2", "1")


def test_what_the_file_says_is_told_as_a_finding_writes_it() -> None:
    files = {"web.yaml": DEPLOYMENT.replace("4Gi", "4096Mi").replace('"2"', "2000m").encode()}
    place = find_place(files, "gitops", [APPS], "serving", APP, "cpu_request")

    said = declared_values(files, place, APPS, ("cpu_request", "memory_request", "memory_limit", "cpu_limit"))

    assert said == {"cpu_request": "2", "memory_request": "4Gi", "memory_limit": "8Gi"}


def test_another_namespaces_workload_of_that_name_is_another() -> None:
    files = {"a.yaml": DEPLOYMENT, "b.yaml": DEPLOYMENT.replace("shop", "stage")}

    assert plan(files, APP, "cpu_request", "2", "1").path == "a.yaml"


def test_a_manifest_without_a_namespace_may_be_it() -> None:
    files = {"a.yaml": DEPLOYMENT, "b.yaml": DEPLOYMENT.replace(", namespace: shop", "")}

    with pytest.raises(Refused, match=r"second place cannot be ruled out: b\.yaml line 11: which namespace .* is in"):
        plan(files, APP, "cpu_request", "2", "1")


def test_a_chart_that_is_no_yaml_and_names_somebody_else_is_in_nobodys_way() -> None:
    files = {"web.yaml": DEPLOYMENT, "chart/templates/a.yaml": "{{- if .Values.on }}\nkind: Deployment\n{{ end }}\n"}

    assert plan(files, APP, "cpu_request", "2", "1").path == "web.yaml"


def test_by_hand_a_pod_with_two_such_containers_needs_the_container() -> None:
    change = (FieldChange(field="memory_request", old="", new="32Mi"),)

    with pytest.raises(Refused, match=r"may be Deployment\[shop/web\]\.containers\[app\] or .*\[proxy\]; name one"):
        edit_by_hand(DEPLOYMENT.encode(), "a.yaml", "shop/Deployment/web", "", change, (), "workload")


# ── Kustomize ────────────────────────────────────────────────────────────────────────────────────────────────────────
PATCH = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            requests: {cpu: "2"}
"""
REPO = {
    "base/kustomization.yaml": "resources: [web.yaml]\n",
    "base/web.yaml": DEPLOYMENT,
    "overlays/prod/kustomization.yaml": "resources: [../../base]\npatches:\n  - path: requests.yaml\n",
    "overlays/prod/requests.yaml": PATCH,
}


def test_the_overlays_patch_holds_where_the_kustomization_proves_it() -> None:
    edit = plan(REPO, APP, "cpu_request", "2", "1")

    assert (edit.path, edit.content.decode()) == ("overlays/prod/requests.yaml", PATCH.replace('"2"', '"1"'))
    assert [path for path, _ in edit.reads] == ["base/kustomization.yaml", "base/web.yaml", "overlays/prod/kustomization.yaml"]


def test_the_base_holds_for_what_no_patch_says() -> None:
    assert plan(REPO, APP, "memory_request", "4Gi", "2Gi").path == "base/web.yaml"


def test_the_base_is_not_planned_where_an_overlay_decides() -> None:
    content = {path: text.encode() for path, text in REPO.items()}
    place = find_place(content, "gitops", [APPS], "serving", APP, "memory_request")

    with pytest.raises(Refused, match=r"overlays/prod/requests\.yaml decides what this place declares too"):
        plan_edit(content, place, APPS, (FieldChange(field="cpu_request", old="2", new="1"),))


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("overlays/prod/kustomization.yaml", "resources: [../../base]\n", "no kustomization.yaml proves"),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\npatches:\n  - path: requests.yaml\n  - patch: 'x'\n",
            "patches of its own",
        ),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\npatchesStrategicMerge: [requests.yaml]\nnamePrefix: x-\n",
            "namePrefix",
        ),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\ncomponents: [../c]\npatches: [{path: requests.yaml}]\n",
            "components",
        ),
        (
            "overlays/prod/kustomization.yaml",
            "resources:\n- ../../base\n- https://example.org/x\npatches: [{path: requests.yaml}]\n",
            "builds on https",
        ),
        ("overlays/prod/kustomization.yaml", "resources: [../../base\n", "no kustomization.yaml proves"),
        ("overlays/test/kustomization.yaml", "resources: [../prod]\n", ""),
    ],
)
def test_what_kustomize_does_beyond_that_leaves_the_outcome_unknown(path: str, text: str, reason: str) -> None:
    if not reason:
        assert plan({**REPO, path: text}, APP, "cpu_request", "2", "1").path == "overlays/prod/requests.yaml"
        return
    with pytest.raises(Refused) as refusal:
        plan({**REPO, path: text}, APP, "cpu_request", "2", "1")
    assert reason in str(refusal.value)
    assert "base/web.yaml line 11, overlays/prod/requests.yaml line 8" in str(refusal.value)


def test_a_base_under_two_overlays_is_not_edited() -> None:
    files = {**REPO, "overlays/test/kustomization.yaml": "resources: [../../base]\n"}

    with pytest.raises(Refused, match=r"overlays/prod/kustomization\.yaml and overlays/test/kustomization\.yaml both build on it"):
        plan(files, APP, "memory_request", "4Gi", "2Gi")


def test_a_kustomization_says_which_namespace_its_manifests_are_in() -> None:
    files = {"a/kustomization.yaml": "namespace: shop\nresources: [web.yaml]\n", "a/web.yaml": DEPLOYMENT.replace(", namespace: shop", "")}

    assert plan(files, APP, "cpu_request", "2", "1").path == "a/web.yaml"


def test_a_patch_inside_a_kustomization_may_have_the_last_word() -> None:
    inline = "resources: [web.yaml]\npatches:\n  - target: {kind: Deployment}\n    patch: '[]'\n"

    edit = plan({"a/kustomization.yaml": inline, "a/web.yaml": DEPLOYMENT}, APP, "cpu_request", "2", "1")

    assert edit.unsure == ("a/kustomization.yaml has patches of its own in it: whether it changes this value too is not known.",)


def test_a_kustomization_moves_its_manifests_to_another_namespace() -> None:
    files = {"a/kustomization.yaml": "namespace: stage\nresources: [web.yaml]\n", "a/web.yaml": DEPLOYMENT}

    with pytest.raises(Refused, match="declared in none of 2 files"):
        plan(files, APP, "cpu_request", "2", "1")
    assert plan(files, APP.replace("shop", "stage"), "cpu_request", "2", "1").path == "a/web.yaml"


def test_kustomizations_that_go_in_circles_end() -> None:
    files = {**REPO, "base/kustomization.yaml": "resources: [web.yaml, ../overlays/prod]\n"}

    with pytest.raises(Refused, match="more than one place"):
        plan(files, APP, "cpu_request", "2", "1")


# ── Helm values and pack values ──────────────────────────────────────────────────────────────────────────────────────
def test_helm_values_are_found_by_the_path_that_names_the_cluster() -> None:
    layout = Layout(
        name="values",
        files=("values-{cluster}.yaml",),
        kind="workload",
        pool=APP,
        fields={"memory_request": "app.resources.requests.memory"},
    )
    values = "app:\n  resources:\n    requests: {memory: 2Gi} # measured in March\n"
    files = {"values-serving.yaml": values, "values-training.yaml": values}

    edit = plan(files, APP, "memory_request", "2Gi", "1Gi", layout)

    assert (edit.path, edit.content.decode()) == ("values-serving.yaml", values.replace("2Gi", "1Gi"))
