"""Whether the repo's Terraform reads a key: what nothing reads is ignored without a word, and is not edited."""

from pathlib import Path

import pytest

from tests.edit_samples import files_below
from trimtab.changes.consumers import reads
from trimtab.changes.turns import Answer

SAMPLES = Path(__file__).parents[1] / "data" / "edits"
STARTER = Path(__file__).parents[2] / "gitops_templates" / "starter"
PATH = "clusters/a.yaml"
DECODE = """locals {
  clusters = {
    for f in fileset("${path.module}/../clusters", "*.yaml") : f => yamldecode(file("${path.module}/../clusters/${f}"))
  }
}
"""


def block(body: str, kind: str = "spectrocloud_cluster_eks", pools: str = "each.value.node_groups") -> str:
    return (
        f'resource "{kind}" "this" {{\n  for_each = local.clusters\n  dynamic "machine_pool" {{\n    for_each = {pools}\n'
        f"    content {{\n      {body}\n    }}\n  }}\n}}\n"
    )


def answer(*texts: str, key: str = "min", cloud: str = "eks", path: str = PATH, pools: str = "node_groups") -> Answer:
    files = {f"tf/{number}.tf": text.encode() for number, text in enumerate(texts)}
    return reads({**files, path: b""}, path, pools, key, cloud).answer


@pytest.mark.parametrize(
    "body",
    [
        "min = machine_pool.value.min",
        'min = machine_pool.value["min"]',
        "min = try(machine_pool.value.min, null)",
        'min = lookup(machine_pool.value, "min", 0)',
        "min = can(machine_pool.value.min) ? machine_pool.value.min : 0",
        'min = "${machine_pool.value.min}"',
    ],
)
def test_a_key_that_a_block_takes_is_read(body: str) -> None:
    assert answer(DECODE, block(body)) == "read"


@pytest.mark.parametrize(
    "body", ["count = machine_pool.value.count", 'count = lookup(machine_pool.value, "count", 0)', "min = 3 # machine_pool.value.min"]
)
def test_a_key_that_every_block_leaves_out_is_ignored(body: str) -> None:
    found = reads({"tf/a.tf": (DECODE + block(body)).encode(), PATH: b""}, PATH, "node_groups", "min", "eks")

    assert found.answer == "ignored"
    assert found.why == (
        "node_groups[].min of clusters/a.yaml is read by nothing: "
        "the blocks at tf/a.tf line 8 leave it out, and the edit would change nothing"
    )


@pytest.mark.parametrize(
    "body",
    [
        "min = f(machine_pool.value)",
        "min = merge(local.defaults, machine_pool.value).min",
        "min = machine_pool.value[local.key]",
        "min = lookup(machine_pool.value, local.key, 0)",
        "all = machine_pool",
    ],
)
def test_a_pool_that_is_handed_on_whole_is_unknown(body: str) -> None:
    assert answer(DECODE, block(body)) == "unknown"


def test_the_clouds_own_block_decides() -> None:
    """GKE has no min: a file that says cloudType gke changes nothing by it."""
    blocks = (DECODE, block("min = machine_pool.value.min"), block("count = machine_pool.value.count", "spectrocloud_cluster_gke"))

    assert [answer(*blocks, cloud=cloud) for cloud in ("eks", "gke", "", "aks")] == ["read", "ignored", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("decode", "path", "expected"),
    [
        (DECODE, "clusters/deep/a.yaml", "unknown"),
        (DECODE, "other/a.yaml", "unknown"),
        (DECODE.replace('"*.yaml"', '"**/*.yaml"'), "clusters/deep/a.yaml", "read"),
        ('locals {\n  clusters = { a = yamldecode(file("../clusters/a.yaml")) }\n}\n', PATH, "read"),
        ('locals {\n  clusters = { a = yamldecode(file("../clusters/b.yaml")) }\n}\n', PATH, "unknown"),
        ('locals {\n  clusters = { a = yamldecode(templatefile("../clusters/a.yaml", {})) }\n}\n', PATH, "read"),
        ('locals {\n  clusters = { a = yamldecode(templatefile("${path.module}/../clusters/${var.name}.yaml", {})) }\n}\n', PATH, "read"),
        ('locals {\n  dir = "${path.module}/../clusters"\n  clusters = { a = yamldecode(file("${local.dir}/a.yaml")) }\n}\n', PATH, "read"),
        ('locals {\n  text = file("../clusters/a.yaml")\n}\n', PATH, "unknown"),
    ],
)
def test_only_a_module_that_decodes_the_file_counts(decode: str, path: str, expected: Answer) -> None:
    assert answer(decode, block("min = machine_pool.value.min"), path=path) == expected


def test_a_local_module_that_is_handed_the_pools_is_followed() -> None:
    root = (
        DECODE
        + 'module "eks" {\n  source = "./eks"\n  for_each = local.clusters\n  node_groups = each.value.node_groups\n  it = each.value\n}\n'
    )
    inner = block("min = machine_pool.value.min", pools="var.it.node_groups")

    files = {"tf/a.tf": root.encode(), "tf/eks/main.tf": inner.encode(), PATH: b""}

    assert reads(files, PATH, "node_groups", "min", "eks").answer == "read"
    assert reads(files, PATH, "node_groups", "max", "eks").answer == "ignored"


def test_a_module_from_elsewhere_may_read_anything() -> None:
    call = 'module "x" {\n  source = "acme/palette/any"\n  clusters = local.clusters\n}\n'

    assert answer(DECODE, call) == "unknown"
    assert answer(DECODE, call, block("count = machine_pool.value.count")) == "unknown"


def test_what_a_for_expression_takes_counts_where_a_resource_reads_it() -> None:
    local = "locals {\n  pools = [for p in local.clusters.a.node_groups : { n = p.name, low = p.min }]\n}\n"
    use = block("min = machine_pool.value.low", pools="local.pools")

    assert answer(DECODE, local, use) == "read"
    assert answer(DECODE, local) == "unknown"
    assert answer(DECODE, local, use, key="max") == "ignored"


@pytest.mark.parametrize(
    "source", ["spectrocloud/modules/spectrocloud", "git::https://github.com/spectrocloud/terraform-spectrocloud-modules.git?ref=v1"]
)
@pytest.mark.parametrize(
    ("cloud", "pools", "key", "expected"),
    [
        ("eks", "node_groups", "min", "read"),
        ("eks", "node_groups", "max_price", "ignored"),
        ("maas", "node_groups", "max", "read"),
        ("maas", "node_groups", "instance_type", "ignored"),
        ("vsphere", "node_groups", "count", "read"),
        ("vsphere", "node_groups", "max", "ignored"),
        ("edge-native", "node_groups", "count", "ignored"),
        ("tke", "node_groups", "instance_type", "read"),
        ("aks", "node_groups", "count", "unknown"),
        ("", "node_groups", "count", "unknown"),
        ("eks", "namespaces", "resource_allocation.cpu_cores", "read"),
        ("eks", "namespaces", "resource_allocation.gpu_limit", "ignored"),
        ("eks", "node_pools", "count", "unknown"),
    ],
)
def test_palettes_public_module_is_known_by_cloud(source: str, cloud: str, pools: str, key: str, expected: Answer) -> None:
    assert answer(DECODE + f'module "p" {{\n  source = "{source}"\n}}\n', cloud=cloud, pools=pools, key=key) == expected


@pytest.mark.parametrize(
    "text", ["", "resource {{{", 'locals {\n  a = yamldecode("a: 1")\n}\n', "locals {\n  a = yamldecode(file(file(1)))\n}\n"]
)
def test_terraform_that_says_nothing_is_unknown(text: str) -> None:
    assert answer(text) == "unknown"


def test_the_starters_own_terraform_reads_what_its_layouts_name() -> None:
    files = files_below(STARTER)
    path = next(path for path in files if path.startswith("clusters/"))
    asked = [("eks", "min"), ("eks", "capacity_type"), ("gke", "count"), ("gke", "min"), ("eks", "max_price")]

    assert [reads(files, path, "node_groups", key, cloud).answer for cloud, key in asked] == ["read", "read", "read", "ignored", "ignored"]


def test_a_sample_that_reads_four_keys_reads_no_fifth() -> None:
    files = files_below(SAMPLES / "unindented-eks")
    path = "clusters/cluster-eks-tools.yaml"

    assert {key: reads(files, path, "node_groups", key).answer for key in ("count", "instance_type", "min", "capacity_type")} == {
        "count": "read", "instance_type": "read", "min": "ignored", "capacity_type": "ignored",
    }  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        'resource "spectrocloud_cluster_eks" "b" {\n  machine_pool {\n    min = local.clusters["a"].node_groups[0].min\n  }\n}\n',
        "locals {\n  all = flatten(values(local.clusters)[*].node_groups)\n}\n",
        'locals {\n  of_a = local.clusters["a"]["node_groups"]\n}\n',
    ],
)
def test_a_list_that_is_also_read_in_another_way_is_unknown_and_not_ignored(more: str) -> None:
    """A refusal would say that nothing reads the key, and that was not seen."""
    assert answer(DECODE, block("count = machine_pool.value.count"), more) == "unknown"


def test_terraform_in_json_beside_the_blocks_may_read_anything() -> None:
    files = {"tf/a.tf": (DECODE + block("count = machine_pool.value.count")).encode(), "tf/b.tf.json": b"{}", PATH: b""}

    assert reads(files, PATH, "node_groups", "min", "eks").answer == "unknown"


def test_a_list_of_that_name_out_of_another_file_is_no_reader_of_this_one() -> None:
    other = 'locals {\n  other = yamldecode(file("../other.yaml"))\n}\n'
    whole = block("min = machine_pool.value.min").replace("local.clusters", "local.other")

    assert answer(DECODE, other, block("min = machine_pool.value.min", pools="local.other.node_groups")) == "unknown"
    assert answer(DECODE, other, whole) == "unknown"
    assert answer(DECODE, other, whole, block("count = machine_pool.value.count")) == "ignored"


def test_a_key_that_a_local_keeps_and_nobody_takes_out_is_unknown() -> None:
    local = "locals {\n  pools = [for p in local.clusters.a.node_groups : { n = p.name, low = p.min }]\n}\n"
    use = block("name = machine_pool.value.n", pools="local.pools")

    assert [answer(DECODE, local, use, key=key) for key in ("name", "min")] == ["read", "unknown"]
