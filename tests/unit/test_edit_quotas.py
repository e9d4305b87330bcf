"""Quotas of namespaces, workspaces and virtual clusters, and Kubernetes' own: the same amount, in the unit that stands there."""

import pytest

from trimtab.changes import KNOWN, declared_values, edit_by_hand, find_place, layout_of, plan_edit
from trimtab.errors import Refused
from trimtab.records import FieldChange, Layout, PlannedEdit, PoolField, SubjectKind

QUOTA = """apiVersion: v1
kind: ResourceQuota
metadata: {name: compute, namespace: team-a}
spec:
  hard:
    requests.cpu: "16"   # cores
    requests.memory: 64Gi
    requests.nvidia.com/gpu: 4
    pods: "100"
"""
KUBERNETES = Layout(
    name="quotas",
    files=("clusters/{cluster}/*.yaml",),
    kind="namespace",
    object="ResourceQuota",
    pool_name="metadata.namespace",
    fields={"cpu_cores": "spec.hard[requests.cpu]", "memory_mib": "spec.hard[requests.memory]"},
    units={"cpu_cores": "quantity", "memory_mib": "quantity"},
)
PATH = "clusters/training/quota.yaml"


def by_hand(content: str, name: str, kind: SubjectKind = "namespace", file: str = "a.yaml", **fields: str) -> PlannedEdit:
    changes = tuple(FieldChange(field=field, old="", new=new) for field, new in fields.items())  # type: ignore[arg-type]
    return edit_by_hand(content.encode(), file, name, "", changes, (), kind)


def plan(content: str, field: PoolField, old: str, new: str) -> PlannedEdit:
    """As a run does it: the place is found, then planned."""
    files = {PATH: content.encode()}
    place = find_place(files, "gitops", [KUBERNETES], "training", "team-a", field, "namespace")
    return plan_edit(files, place, layout_of(files, place, [KUBERNETES], field), (FieldChange(field=field, old=old, new=new),))


# ── Amounts ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("written", "old", "new", "becomes"),
    [
        ("64Gi", "65536", "32768", "32Gi"),
        ("64Gi", "65536", "33280", "33280Mi"),
        ("65536Mi", "65536", "32768", "32768Mi"),
        ("68719476736", "65536", "32768", "34359738368"),
        ("'64Gi'", "65536", "32768", "'32Gi'"),
        ('"64Gi"', "65536", "32768", '"32Gi"'),
        ("1.5Gi", "1536", "512", "0.5Gi"),
        ("1.5Gi", "1536", "1111", "1111Mi"),
        ("1048576k", "1000", "500", "524288k"),
    ],
)
def test_memory_is_compared_as_an_amount_and_written_in_the_unit_that_stands_there(written: str, old: str, new: str, becomes: str) -> None:
    content = QUOTA.replace("64Gi", written)

    edit = plan(content, "memory_mib", old, new)

    assert edit.content.decode() == content.replace(written, becomes)


@pytest.mark.parametrize(
    ("written", "new", "becomes"), [('"16"', "8", '"8"'), ("16000m", "8", "8000m"), ("16", "0.5", "500m"), ("16.0", "0.5", "0.5")]
)
def test_cores_are_too(written: str, new: str, becomes: str) -> None:
    content = QUOTA.replace('"16"', written)

    assert plan(content, "cpu_cores", "16", new).content.decode() == content.replace(f"cpu: {written}", f"cpu: {becomes}")


def test_an_amount_that_is_not_what_the_evidence_was_made_for_is_refused() -> None:
    with pytest.raises(Refused, match=r"quota\.yaml: line 7: .*the file says '64Gi', the evidence was made for '65535'"):
        plan(QUOTA, "memory_mib", "65535", "32768")


@pytest.mark.parametrize("written", ["0", "010", "+16", "-16", "1_6", "0x10", "~", "true", "16 cores", "1e40", "16m5"])
def test_what_readers_may_take_for_another_amount_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="is no amount above zero"):
        plan(QUOTA.replace('"16"', written), "cpu_cores", "16", "8")


def test_the_file_is_told_in_the_units_of_a_finding() -> None:
    files = {PATH: QUOTA.encode()}
    place = find_place(files, "gitops", [KUBERNETES], "training", "team-a", "cpu_cores")

    assert declared_values(files, place, KUBERNETES, ("cpu_cores", "memory_mib", "gpu_limit")) == {"cpu_cores": "16", "memory_mib": "65536"}


def test_an_amount_that_cannot_be_read_is_never_told() -> None:
    files = {PATH: QUOTA.replace("64Gi", "lots").encode()}
    place = find_place(files, "gitops", [KUBERNETES], "training", "team-a", "cpu_cores")

    with pytest.raises(Refused, match="expected an amount"):
        declared_values(files, place, KUBERNETES, ("memory_mib",))


# ── Palette's quotas ─────────────────────────────────────────────────────────────────────────────────────────────────
NAMESPACES = 'name: training\nnamespaces:\n  - name: web\n    resource_allocation: {cpu_cores: "8", memory_MiB: 16384, gpu_limit: "2"}\n'


def test_a_namespace_of_a_cluster_keeps_quotes_where_they_are_and_none_where_there_are_none() -> None:
    edit = by_hand(NAMESPACES, "web", cpu_cores="4", memory_mib="8192", gpu_limit="1")

    assert edit.content.decode() == NAMESPACES.replace('"8"', '"4"').replace("16384", "8192").replace('"2"', '"1"')


@pytest.mark.parametrize(("field", "new"), [("cpu_cores", "500m"), ("cpu_cores", "1.5"), ("memory_mib", "0.5"), ("gpu_limit", "500m")])
def test_palette_takes_whole_numbers_only(field: str, new: str) -> None:
    """The provider drops the whole quota, silently, where it cannot read it as a number."""
    with pytest.raises(Refused, match=r"without rounding|is not a value for it"):
        by_hand(NAMESPACES, "web", "namespace", "a.yaml", **{field: new})


def test_a_quota_of_palette_that_is_a_quantity_already_is_not_touched() -> None:
    with pytest.raises(Refused, match="'500m' is no amount above zero"):
        by_hand(NAMESPACES.replace('"8"', '"500m"'), "web", cpu_cores="1")


def test_zero_means_no_limit_and_is_left_alone() -> None:
    with pytest.raises(Refused, match="'0' is no amount above zero"):
        by_hand("name: ml\nworkspace_quota: {cpu: 0, memory: 0}\n", "ml", "workspace", cpu_cores="16")


def test_a_workspace_is_found_whatever_the_cluster() -> None:
    content = b"name: ml\nworkspace_quota:\n  cpu: 64\n  memory: 262144\n  gpu: 8\n"
    workspace = next(layout for layout in KNOWN if layout.name == "workspace")

    place = find_place({"ml.yaml": content}, "gitops", [workspace], "training", "ml", "gpu_limit", "workspace")

    assert place.cluster == "training"
    edit = plan_edit({"ml.yaml": content}, place, workspace, (FieldChange(field="gpu_limit", old="8", new="4"),))
    assert edit.content == content.replace(b"8\n", b"4\n")


def test_a_virtual_cluster_has_resources() -> None:
    content = "name: preview\nresources:\n  max_cpu: 6\n  max_mem_in_mb: 8192 # MiB\n  min_cpu: 1\n"

    edit = by_hand(content, "preview", "virtual-cluster", cpu_cores="4", memory_mib="4096")

    assert edit.content.decode() == content.replace("6", "4").replace("8192", "4096")


# ── Kubernetes objects ───────────────────────────────────────────────────────────────────────────────────────────────
def test_several_objects_of_one_file_are_told_apart_by_namespace() -> None:
    content = QUOTA + "---\n" + QUOTA.replace("team-a", "team-b")

    edit = plan(content, "cpu_cores", "16", "8")

    assert edit.content.decode() == content.replace('"16"', '"8"', 1)
    assert edit.changes == (("ResourceQuota[team-a/compute].spec.hard[requests.cpu]", "16", "8"),)


def test_objects_in_a_list_are_found() -> None:
    content = 'kind: List\nitems:\n- kind: ResourceQuota\n  metadata: {namespace: team-a}\n  spec: {hard: {requests.cpu: "16"}}\n'

    assert plan(content, "cpu_cores", "16", "8").content.decode() == content.replace("16", "8")


def test_two_quotas_of_one_namespace_are_one_place_where_only_one_has_the_field() -> None:
    other = "---\nkind: ResourceQuota\nmetadata: {name: objects, namespace: team-a}\nspec: {hard: {pods: 5}}\n"

    assert plan(QUOTA + other, "cpu_cores", "16", "8").content.decode() == QUOTA.replace('"16"', '"8"') + other


def test_two_quotas_with_the_field_are_refused_with_both_lines() -> None:
    with pytest.raises(Refused, match=r"quota\.yaml line 1, clusters/training/quota\.yaml line 11; keep one"):
        plan(QUOTA + "---\n" + QUOTA, "cpu_cores", "16", "8")


def test_a_quota_without_a_namespace_may_be_anybodys() -> None:
    with pytest.raises(Refused, match=r"clusters/training/quota\.yaml line 1: which namespace ResourceQuota\[compute\] is in"):
        plan(QUOTA.replace(", namespace: team-a", ""), "cpu_cores", "16", "8")


def test_the_path_may_name_the_namespace() -> None:
    layout = Layout(
        name="quotas",
        files=("{cluster}/{namespace}/quota.yaml",),
        kind="namespace",
        object="ResourceQuota",
        pool_name="metadata.namespace",
        fields=KUBERNETES.fields,
        units=KUBERNETES.units,
    )
    files = {"training/team-a/quota.yaml": QUOTA.replace(", namespace: team-a", "").encode()}

    assert find_place(files, "gitops", [layout], "training", "team-a", "cpu_cores").path == "training/team-a/quota.yaml"


def test_the_path_names_the_cluster() -> None:
    files = {PATH: QUOTA.encode(), PATH.replace("training", "serving"): QUOTA.encode()}

    assert find_place(files, "gitops", [KUBERNETES], "serving", "team-a", "cpu_cores").path == "clusters/serving/quota.yaml"


def test_a_limit_range_keeps_its_default_request_below_its_default_limit() -> None:
    content = (
        "kind: LimitRange\nmetadata: {namespace: a}\nspec:\n  limits:\n  - type: Pod\n    max: {cpu: 8}\n  - type: Container\n"
        "    default: {cpu: 500m}\n    defaultRequest: {cpu: 250m}\n"
    )

    assert by_hand(content, "a", cpu_request="100m").content.decode() == content.replace("250m", "100m")
    with pytest.raises(Refused, match="cpu_request would be over cpu_limit"):
        by_hand(content, "a", cpu_request="1")
