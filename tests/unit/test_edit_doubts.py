"""What makes it unsure which thing a file declares, or whether its word is the last one: said, and never passed over."""

import pytest

from trimtab.changes import find_place, is_kustomization, plan_edit
from trimtab.errors import Refused
from trimtab.records import FieldChange, Layout, Place, PlannedEdit

CPU = (FieldChange(field="cpu_cores", old="8", new="6"),)
REQUEST = (FieldChange(field="cpu_request", old="2", new="1"),)
QUOTA = b"kind: ResourceQuota\nmetadata: {name: compute, namespace: web}\nspec: {hard: {requests.cpu: 8}}\n"
WEB = b"""\
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: app, resources: {requests: {cpu: 2}}}]}}}
"""
GIVEN = Layout(name="pools", files=("*.yaml",), cluster="name", pools="node_groups", pool_name="name", fields={"count": "count"})
APPS = Layout(
    name="apps",
    files=("**/*.yaml",),
    cluster_name="c",
    kind="workload",
    object="workload",
    fields={"cpu_request": "resources.requests.cpu"},
)


def quotas(glob: str) -> Layout:
    return Layout(
        name="quotas", files=(glob,), kind="namespace", object="ResourceQuota", pool_name="metadata.namespace",
        fields={"cpu_cores": "spec.hard[requests.cpu]"}, units={"cpu_cores": "quantity"},
    )  # fmt: skip


@pytest.mark.parametrize("cluster", ["prod", "prod-east"])
@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("{cluster}-*.yaml", "prod-east-quotas.yaml"),
        ("*-{cluster}.yaml", "eks-prod-prod-east.yaml"),
        ("**/{cluster}/**/*.yaml", "prod/prod-east/quotas.yaml"),
    ],
)
def test_a_path_that_may_name_two_clusters_names_neither(cluster: str, glob: str, path: str) -> None:
    """The shorter reading would make one cluster's finding change the other's quota."""
    with pytest.raises(Refused, match=r"leaves no choice|none of 1 files"):
        find_place({path: QUOTA}, "repo", (quotas(glob),), cluster, "web", "cpu_cores")


def test_a_path_that_may_name_two_clusters_does_not_stop_a_third() -> None:
    files = {"prod-east-quotas.yaml": QUOTA, "dev-quotas.yaml": QUOTA}

    assert find_place(files, "repo", (quotas("{cluster}-*.yaml"),), "dev", "web", "cpu_cores").path == "dev-quotas.yaml"


def test_a_pool_whose_name_comes_from_a_merge_is_declared_there_too() -> None:
    content = b"base: &base {name: gpu, count: 6}\nname: c\nnode_groups:\n- {name: gpu, count: 6}\n- {<<: [*base], count: 9}\n"

    with pytest.raises(Refused, match="more than one place"):
        find_place({"a.yaml": content}, "repo", (GIVEN,), "c", "gpu")


def test_a_second_file_in_utf_16_is_not_passed_over() -> None:
    content = "name: c\nnode_groups:\n- {name: gpu, count: 6}\n"

    with pytest.raises(Refused, match="not UTF-8"):
        find_place({"a.yaml": content.encode(), "b.yaml": content.encode("utf-16")}, "repo", (GIVEN,), "c", "gpu")


@pytest.mark.security(3)
@pytest.mark.parametrize("pools", ["cloud_config", "spec.cloudConfig", "metadata"])
def test_no_path_to_the_pools_leads_to_what_is_never_edited(pools: str) -> None:
    text = "name: c\ncloud_config: {region: m5.large}\nspec: {cloudConfig: {region: m5.large}}\nmetadata: {region: m5.large}\n"
    layout = Layout(name="x", files=("*.yaml",), cluster="name", pools=pools, pool="gpu", fields={"instance_type": "region"})
    place = Place(repo="repo", path="a.yaml", cluster="c", pool="gpu")

    with pytest.raises(Refused, match="never edited"):
        plan_edit({"a.yaml": text.encode()}, place, layout, (FieldChange(field="instance_type", old="m5.large", new="m6i.large"),))


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_a_file_of_a_hundred_thousand_values_is_not_read(name: str) -> None:
    """It would take minutes, once for every finding."""
    layout = Layout(name="x", files=("*",), cluster="name", pools="node_groups", pool_name="name", fields={"count": "count"})

    with pytest.raises(Refused, match="so large a file is not read"):
        find_place({name: b'["c", "gpu"' + b",1" * 100_000 + b"]"}, "repo", (layout,), "c", "gpu")


# ── Kustomize ────────────────────────────────────────────────────────────────────────────────────────────────────────
def planned(layout: Layout = APPS, **others: str) -> PlannedEdit:
    """The edit of base/web.yaml among these files: `base` and `prod` are kustomizations, `patch` is what prod lays over."""
    paths = {"base": "base/kustomization.yaml", "prod": "prod/kustomization.yaml", "patch": "prod/patch.yaml"}
    files = {"base/web.yaml": WEB, **{paths[name]: text.encode() for name, text in others.items()}}
    place = find_place(files, "repo", (layout,), "c", "shop/Deployment/web/app", "cpu_request")
    return plan_edit(files, place, layout, REQUEST)


LISTED = "resources: [web.yaml]\n"
OVER = "resources: [../base]\n"


def test_a_listed_manifest_leaves_nothing_unsure() -> None:
    assert planned(base=LISTED, prod=OVER).unsure == ()


@pytest.mark.parametrize(
    ("base", "prod"),
    [(f"namespace: beta\n{LISTED}", f"namespace: alpha\n{OVER}"), (f"namespace: ${{NS}}\n{LISTED}", OVER)],
)
def test_a_namespace_that_kustomizations_disagree_about_is_not_the_manifests_own(base: str, prod: str) -> None:
    with pytest.raises(Refused, match=r"which namespace Deployment.* is in is not known"):
        planned(base=base, prod=prod)


@pytest.mark.parametrize(
    ("prod", "patch", "says"),
    [
        ("patches: [{path: patch.yaml, target: {kind: Deployment}}]", "- {op: replace, path: /x, value: 4}", "whatever fits a target"),
        ("patches: [{path: other.yaml}]", "", "prod/other.yaml is laid over it"),
        ("patches: ['${PATCH}']", "", "has patches of its own"),
        ("resources: [../base, '${MORE}']", "", "holds a template"),
    ],
)
def test_what_a_kustomization_may_lay_over_it_is_said(prod: str, patch: str, says: str) -> None:
    """A patch that aims at a target names another object, or none: it must not pass for one about something else."""
    text = prod if prod.startswith("resources") else OVER + prod

    assert any(says in doubt for doubt in planned(base=LISTED, prod=text, patch=patch).unsure)


def test_a_patch_outside_the_layout_is_a_doubt() -> None:
    narrow = Layout(name="apps", files=("base/*.yaml",), cluster_name="c", kind="workload", object="workload", fields=APPS.fields)

    edit = planned(narrow, base=LISTED, prod=f"{OVER}patches: [{{path: patch.yaml}}]", patch=WEB.decode())

    assert edit.unsure == ("prod/patch.yaml is laid over it, and layout 'apps' does not cover that.",)


@pytest.mark.parametrize("path", ["a/kustomization.yaml", "kustomization.yml", "a/Kustomization"])
def test_every_name_that_kustomize_reads_is_a_kustomization(path: str) -> None:
    assert is_kustomization(path)
