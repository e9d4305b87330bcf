"""What is not edited, and the sentence that says why."""

import pytest

from trimtab.changes import KNOWN, declared_pool, plan_edit
from trimtab.changes.documents import MAX_BYTES
from trimtab.errors import BadInput, Refused, TooLarge
from trimtab.records import ClusterUid, FieldChange, Layout, Place, PlannedEdit, PoolField

NODE_GROUPS, LIST_ROOT, CROSSPLANE, _, TERRAFORM = KNOWN[:5]
UID = ClusterUid("65f0c0ffee")


def place(path: str = "clusters/a.yaml", cluster: str = "training", pool: str = "gpu") -> Place:
    return Place(repo="gitops", path=path, cluster=cluster, pool=pool)


def plan(content: str | bytes, old: str = "6", new: str = "4", field: PoolField = "count", *, layout: Layout = NODE_GROUPS) -> PlannedEdit:
    raw = content.encode() if isinstance(content, str) else content
    where = place("main.tf" if layout is TERRAFORM else "clusters/a.yaml")
    return plan_edit({where.path: raw}, where, layout, (FieldChange(field=field, old=old, new=new),))


def cluster_file(pool: str, head: str = "cloudType: eks\n") -> str:
    return f"name: training\n{head}node_groups:\n{pool}"


POOL = "  - name: gpu\n    count: 6\n    instance_type: g5.xlarge\n"


def test_one_line_changes_and_the_plan_says_it_in_words() -> None:
    edit = plan(cluster_file(POOL))

    assert edit.changes == (("node_groups[gpu].count", "6", "4"),)
    assert edit.content == cluster_file(POOL).replace("count: 6", "count: 4").encode()
    assert edit.diff == (
        "--- a/clusters/a.yaml\n+++ b/clusters/a.yaml\n@@ -2,5 +2,5 @@\n cloudType: eks\n node_groups:\n   - name: gpu\n"
        "-    count: 6\n+    count: 4\n     instance_type: g5.xlarge\n"
    )


def test_a_file_without_a_last_newline_keeps_it_that_way() -> None:
    edit = plan("name: training\nnode_groups: [{name: gpu, count: 6}]")

    assert edit.content == b"name: training\nnode_groups: [{name: gpu, count: 4}]"
    assert edit.diff.endswith("+node_groups: [{name: gpu, count: 4}]\n\\ No newline at end of file\n")


def test_the_digest_does_not_depend_on_the_pools_place_in_its_list() -> None:
    """An approval survives a pool that somebody adds above."""
    above = "  - name: cpu\n    count: 2\n"

    assert plan(cluster_file(POOL)).semantic_digest == plan(cluster_file(above + POOL)).semantic_digest


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        (POOL + POOL, "declared more than once"),
        ("  - name: cpu\n    count: 6\n", "not declared here"),
        ("  - name: gpu\n", "has no key count"),
        ("  - name: gpu\n    count: 6\n    count: 6\n", "stands more than once"),
        ("  - name: gpu\n    count: &n 6\n", "has the anchor &n"),
        ("  - name: cpu\n    count: &n 6\n  - name: gpu\n    count: *n\n", "the alias *n"),
        ("  - &p\n    name: gpu\n    count: 6\n  - *p\n", "more than once"),
        ("  - <<: &d {name: gpu}\n    name: gpu\n    count: 6\n", "merges other keys by <<"),
        ("  - name: gpu\n    count: ${GPU_COUNT}\n", "template expression"),
        ("  - name: gpu\n    count: !!int 6\n", "has the tag"),
        ("  - name: gpu\n    count: [6]\n", "it is a list"),
        ("  - name: gpu\n    count: |\n      6\n", "several lines or with escapes"),
        ('  - name: gpu\n    count: "\\x36"\n', "several lines or with escapes"),
        ("  - name: gpu\n    count: 06\n", "the file says '06'"),
        ("  - name: gpu\n    count: 5\n", "the file says '5', the evidence was made for '6'"),
        ("  - name: gpu\n    count: ~\n", "the file says '~'"),
        ("  - name: gpu\n    control_plane: true\n    count: 6\n", "a control plane is never resized"),
        ("  - name: gpu\n    controlPlaneAsWorker: yes\n    count: 6\n", "a control plane is never resized"),
        ("  - name: gpu\n    control_plane: ${CP}\n    count: 6\n", "a control plane is never resized"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused_by_name(pool: str, reason: str) -> None:
    with pytest.raises(Refused, match=r"^clusters/a\.yaml: ") as refusal:
        plan(cluster_file(pool))
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_pool_that_an_alias_repeats_elsewhere_is_not_edited() -> None:
    content = "name: training\nnode_groups: &pools\n  - name: gpu\n    count: 6\nothers: *pools\n"

    with pytest.raises(Refused, match="anchor &pools, which other places refer to"):
        plan(content)


@pytest.mark.parametrize("new", ["0", "-1", "4.0", "04", "4 # four", "4\n", "", "1e1", "four", "4}", "9999999999"])
def test_a_count_is_a_whole_number_above_zero(new: str) -> None:
    with pytest.raises(Refused, match="is not a value for it"):
        plan(cluster_file(POOL), new=new)


@pytest.mark.parametrize("new", ["", "null", "True", "off", "m5.large\ncount: 1", "m5 large", "a: b", "${X}", "*x", "x" * 80])
def test_an_instance_type_is_a_plain_name(new: str) -> None:
    with pytest.raises(Refused, match="is not a value for it"):
        plan(cluster_file(POOL), "g5.xlarge", new, "instance_type")


def test_a_value_that_is_there_already_is_no_change() -> None:
    with pytest.raises(Refused, match="it is '6' already"):
        plan(cluster_file(POOL), new="6")


def test_a_field_the_layout_does_not_have_is_not_edited() -> None:
    """A key that the repo's Terraform ignores would be a pull request that does nothing."""
    with pytest.raises(Refused, match="has no field max"):
        plan("- name: training\n  node_pools:\n    - {name: gpu, count: 6, max: 8}\n", "8", "6", "max", layout=LIST_ROOT)


def test_bounds_have_no_effect_on_gke() -> None:
    with pytest.raises(Refused, match="max has no effect on a gke cluster"):
        plan(cluster_file(POOL + "    max: 8\n", "cloudType: gke\n"), "8", "6", "max")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name: \xff\n", "byte 6: not UTF-8"),
        (b"\xff\xfen\x00a\x00", "byte 0: not UTF-8"),
        (b"name: [\n", "line 2: not YAML"),
        (b"name: \x00\n", "not YAML"),
        (b"name: *nowhere\n", "not YAML|has no anchor"),
        (b"a: " + b"[" * 150 + b"]" * 150, "nested deeper than 100"),
        (
            b"".join([b"a0: &a0 [x,x]\n", *(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9))]),
            "aliases expand",
        ),
    ],
)
def test_a_file_that_is_no_cluster_file_is_bad_input(content: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as error:
        plan(content)
    assert str(error.value).startswith("clusters/a.yaml:")


def test_a_file_over_five_megabytes_is_not_read() -> None:
    with pytest.raises(TooLarge, match="5000001 bytes"):
        plan(b"#" * (MAX_BYTES + 1))


# ── Laws of autoscaled pools ─────────────────────────────────────────────────────────────────────────────────────────
SCALED = "  - name: gpu\n    min: 4\n    count: 4\n    max: 8\n"


def test_an_autoscaled_eks_pool_changes_count_and_min_together() -> None:
    """Palette's provider refuses the plan otherwise, after the merge."""
    with pytest.raises(Refused, match="needs count = min"):
        plan(cluster_file(SCALED), "4", "3", "min")

    both = (FieldChange(field="min", old="4", new="3"), FieldChange(field="count", old="4", new="3"))
    edit = plan_edit({place().path: cluster_file(SCALED).encode()}, place(), NODE_GROUPS, both)
    assert edit.content == cluster_file(SCALED).replace(" 4", " 3").encode()


def test_a_pool_that_never_kept_the_eks_law_on_another_cloud_may_change() -> None:
    pool = SCALED.replace("count: 4", "count: 5")

    assert plan(cluster_file(pool, "cloudType: aks\n"), "4", "3", "min").changes == (("node_groups[gpu].min", "4", "3"),)


@pytest.mark.parametrize(("field", "old", "new", "reason"), [("max", "8", "3", "over max 3"), ("min", "4", "9", "over max 8")])
def test_bounds_stay_in_order(field: PoolField, old: str, new: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        plan(cluster_file(SCALED), old, new, field)


def test_one_field_changes_once() -> None:
    twice = (FieldChange(field="count", old="6", new="4"), FieldChange(field="count", old="6", new="5"))

    with pytest.raises(Refused, match="each of another field"):
        plan_edit({place().path: cluster_file(POOL).encode()}, place(), NODE_GROUPS, twice)


# ── Other shapes ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_list_of_clusters_is_told_apart_by_cluster_name() -> None:
    content = "- name: store\n  node_pools:\n    - {name: gpu, count: 6}\n- name: training\n  node_pools:\n    - {name: gpu, count: 6}\n"

    edit = plan(content, layout=LIST_ROOT)

    assert edit.changes == (("[training].node_pools[gpu].count", "6", "4"),)
    assert edit.content.decode() == content[: content.rindex("6")] + "4" + content[content.rindex("6") + 1 :]


def test_a_crossplane_manifest_among_others_is_edited() -> None:
    other = "kind: ConfigMap\nmetadata: {name: training}\ndata: {count: '6'}\n---\n"
    content = (
        f"{other}kind: Aws\nmetadata:\n  name: training\nspec:\n  forProvider:\n    machinePool:\n      - name: gpu\n        count: 6\n"
    )

    assert plan(content, layout=CROSSPLANE).content.decode() == content.replace("count: 6", "count: 4")


def test_a_namespace_quota_is_edited_below_its_own_key() -> None:
    layout = Layout(
        name="quotas",
        files=("**/*.yaml",),
        cluster="name",
        pools="namespaces",
        pool_name="name",
        fields={"cpu_cores": "resource_allocation.cpu_cores"},
    )
    content = 'name: training\nnamespaces:\n  - name: gpu\n    resource_allocation: {cpu_cores: "16", memory_MiB: "2048"}\n'

    edit = plan(content, "16", "12", "cpu_cores", layout=layout)

    assert edit.changes == (("namespaces[gpu].resource_allocation.cpu_cores", "16", "12"),)
    assert edit.content.decode() == content.replace('"16"', '"12"')


# ── Terraform ────────────────────────────────────────────────────────────────────────────────────────────────────────
def terraform(pool: str, resource: str = "") -> str:
    return f'resource "spectrocloud_cluster_eks" "main" {{\n  name = "training"\n{resource}{pool}\n}}\n'


BLOCK = '  machine_pool {\n    name = "gpu"\n    count = 6 # six\n  }'


def test_a_literal_in_a_machine_pool_block_is_edited() -> None:
    edit = plan(terraform(BLOCK), layout=TERRAFORM)

    assert edit.changes == (("spectrocloud_cluster_eks.main.machine_pool[gpu].count", "6", "4"),)
    assert edit.content.decode() == terraform(BLOCK).replace("count = 6 # six", "count = 4 # six")


@pytest.mark.parametrize(
    ("block", "resource", "reason"),
    [
        (BLOCK.replace("= 6", "= var.gpus"), "", "it is the expression var.gpus, not a literal"),
        (BLOCK.replace("= 6", "= local.gpus + 1"), "", "it is the expression local.gpus + 1"),
        (BLOCK.replace("= 6", '= "${var.n}"'), "", "not a literal"),
        (BLOCK.replace("= 6", "= 6\n    count = 7"), "", "stands more than once"),
        (BLOCK.replace("count = 6", "control_plane = true\n    count = 6"), "", "a control plane is never resized"),
        (BLOCK, "  for_each = var.clusters\n", "one block stands for many clusters"),
        (BLOCK + "\n" + BLOCK, "", "declared more than once"),
        (BLOCK.replace('"gpu"', "var.pool"), "", "not declared here"),
    ],
)
def test_what_terraform_computes_is_refused_by_name(block: str, resource: str, reason: str) -> None:
    with pytest.raises(Refused, match=r"^main\.tf: ") as refusal:
        plan(terraform(block, resource), layout=TERRAFORM)
    assert reason in str(refusal.value)


def test_broken_terraform_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"^main\.tf: line \d+: not HCL"):
        plan("resource {{{", layout=TERRAFORM)


# ── Reading a pool ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_declared_pool_holds_what_the_file_says() -> None:
    pool = "  - name: gpu\n    count: '6'\n    min: 6\n    max: 8\n    instance_type: g5.xlarge\n    capacity_type: spot\n"
    extra = "    additional_labels: {team: ml}\n    taints: [{key: nvidia.com/gpu, value: 'true', effect: NoSchedule}]\n"

    read = declared_pool({place().path: cluster_file(pool + extra).encode()}, place(), NODE_GROUPS, UID)

    assert (read.count, read.minimum, read.maximum, read.instance_type, read.capacity_type) == (6, 6, 8, "g5.xlarge", "spot")
    assert (read.labels, read.taints, read.control_plane) == ({"team": "ml"}, ("nvidia.com/gpu=true:NoSchedule",), False)


@pytest.mark.parametrize("count", ["${N}", "six", "6.5", "-6", "[6]"])
def test_a_count_that_cannot_be_read_is_never_a_number(count: str) -> None:
    with pytest.raises(Refused, match=r"^clusters/a\.yaml: line \d"):
        declared_pool({place().path: cluster_file(f"  - name: gpu\n    count: {count}\n").encode()}, place(), NODE_GROUPS, UID)


def test_bounds_that_a_merge_brings_in_are_refused_not_taken_for_absent() -> None:
    content = "name: training\nbase: &b {min: 1, max: 9}\nnode_groups:\n  - name: gpu\n    <<: *b\n    count: 6\n"

    with pytest.raises(Refused, match="may come from a merge"):
        declared_pool({place().path: content.encode()}, place(), NODE_GROUPS, UID)


def test_a_control_plane_is_told() -> None:
    content = cluster_file("  - name: gpu\n    control_plane: true\n    count: 3\n")

    assert declared_pool({place().path: content.encode()}, place(), NODE_GROUPS, UID).control_plane
