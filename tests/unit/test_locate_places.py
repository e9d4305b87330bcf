"""Where a pool is declared: in one place, or the answer is no."""

import pytest

from trimtab.changes import KNOWN, find_place, layout_of
from trimtab.errors import Refused
from trimtab.records import Layout, Place, PoolField

POOLS = b"name: training\nnode_groups:\n  - name: gpu\n    count: 6\n  - name: cpu\n    count: 2\n"


def find(files: dict[str, bytes], cluster: str = "training", pool: str = "gpu") -> Place:
    return find_place(files, "gitops", KNOWN, cluster, pool)


def test_a_pool_is_found_by_cluster_and_name() -> None:
    files = {"clusters/a.yaml": POOLS, "clusters/b.yaml": POOLS.replace(b"training", b"serving"), "README.md": POOLS}

    place = find(files)

    assert place == Place(repo="gitops", path="clusters/a.yaml", cluster="training", pool="gpu")
    assert layout_of({place.path: POOLS}, place, KNOWN).name == "node-groups"


def test_a_pool_declared_twice_is_refused_with_both_places() -> None:
    with pytest.raises(Refused, match=r"more than one place: clusters/a\.yaml line 3, clusters/b\.yaml line 3"):
        find({"clusters/a.yaml": POOLS, "clusters/b.yaml": POOLS})


def test_a_pool_twice_in_one_file_is_refused() -> None:
    with pytest.raises(Refused, match=r"a\.yaml line 3, a\.yaml line 7"):
        find({"a.yaml": POOLS + b"  - name: gpu\n    count: 1\n"})


def test_a_pool_twice_on_one_line_is_refused() -> None:
    with pytest.raises(Refused, match=r"more than one place: a\.yaml line 2, a\.yaml line 2"):
        find({"a.yaml": b"name: training\nnode_groups: [{name: gpu, count: 1}, {name: gpu, count: 2}]\n"})


def test_a_manifest_whose_two_names_agree_is_one_place() -> None:
    content = b"metadata: {name: training}\nspec: {forProvider: {name: training, machinePool: [{name: gpu, count: 1}]}}\n"

    assert find({"a.yaml": content}).path == "a.yaml"


def test_a_pool_that_is_nowhere_is_refused_with_what_was_read() -> None:
    with pytest.raises(Refused, match="declared in none of 1 files"):
        find({"a.yaml": POOLS}, pool="tpu")


def test_commented_out_copies_do_not_count() -> None:
    copy = b"".join(b"# " + line for line in POOLS.splitlines(keepends=True))

    assert find({"a.yaml": copy + POOLS}).path == "a.yaml"


def test_a_name_that_only_ends_alike_is_another_pool() -> None:
    with pytest.raises(Refused, match="none of"):
        find({"a.yaml": POOLS.replace(b"gpu", b"my-gpu")})


def test_a_broken_file_that_may_hold_a_second_one_is_in_the_way() -> None:
    with pytest.raises(Refused, match=r"second place cannot be ruled out: b\.yaml: line \d+: not YAML"):
        find({"a.yaml": POOLS, "b.yaml": POOLS + b"  }\n"})


def test_a_broken_file_about_something_else_is_not() -> None:
    assert find({"a.yaml": POOLS, "chart/templates/b.yaml": b"{{- if .Values.x }}\n"}).path == "a.yaml"


def test_copies_below_dot_folders_do_not_count() -> None:
    assert find({"a.yaml": POOLS, ".github/a.yaml": POOLS, ".trimtab/config.yaml": POOLS}).path == "a.yaml"


def test_a_name_written_with_escapes_is_found_too() -> None:
    with pytest.raises(Refused, match="more than one place"):
        find({"a.yaml": POOLS, "b.yaml": POOLS.replace(b"name: gpu", b'"\\x6eame": "\\x67pu"')})


def test_a_dynamic_block_is_the_reason_why_a_pool_is_not_found() -> None:
    content = b"""
resource "spectrocloud_cluster_eks" "main" {
  name = "training"
  dynamic "machine_pool" {
    for_each = { for pool in var.pools : pool.name => pool }
    content {
      name = machine_pool.key
    }
  }
}
"""
    with pytest.raises(Refused, match=r"found nowhere, but a place cannot be ruled out: main\.tf: line 4: a dynamic machine_pool block"):
        find({"main.tf": content})


def test_terraform_that_reads_the_yaml_is_no_second_place() -> None:
    """The starter's own root has a dynamic block for every cluster; it names none of them."""
    root = b'resource "spectrocloud_cluster_eks" "this" {\n  name = each.value.name\n  dynamic "machine_pool" {\n    for_each = x\n  }\n}\n'

    assert find({"clusters/a.yaml": POOLS, "terraform/eks.tf": root}).path == "clusters/a.yaml"


def test_a_namespace_may_have_the_name_of_a_pool() -> None:
    quotas = Layout(
        name="quotas",
        files=("**/*.yaml",),
        cluster="name",
        pools="namespaces",
        pool_name="name",
        fields={"cpu_cores": "resource_allocation.cpu_cores"},
    )
    content = POOLS + b'namespaces:\n  - {name: gpu, resource_allocation: {cpu_cores: "8"}}\n'
    layouts = (KNOWN[0], quotas)

    wanted: tuple[tuple[PoolField, str], ...] = (("count", "node-groups"), ("cpu_cores", "quotas"))
    for field, layout in wanted:
        place = find_place({"a.yaml": content}, "gitops", layouts, "training", "gpu", field)
        assert layout_of({place.path: content}, place, layouts, field).name == layout
