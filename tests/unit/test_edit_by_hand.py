"""`trimtab edit`: one edit of one file that a person names."""

import pytest

from trimtab.changes import edit_by_hand
from trimtab.errors import Refused
from trimtab.records import FieldChange, Layout, PoolField

EKS = b"name: training\nnode_groups:\n  - name: gpu\n    count: 6\n"
STORES = b"- name: berlin\n  node_pools: [{name: gpu, count: 6}]\n- name: paris\n  node_pools: [{name: gpu, count: 6}]\n"


def change(field: PoolField = "count", new: str = "4") -> tuple[FieldChange, ...]:
    return (FieldChange(field=field, old="", new=new),)


def test_the_known_shapes_are_tried() -> None:
    assert edit_by_hand(EKS, "a.yaml", "gpu", "", change()).changes == (("node_groups[gpu].count", "6", "4"),)


def test_a_name_that_two_clusters_use_needs_the_cluster() -> None:
    with pytest.raises(Refused, match="clusters berlin, paris have a pool 'gpu'; say which with --cluster"):
        edit_by_hand(STORES, "a.yaml", "gpu", "", change())

    assert edit_by_hand(STORES, "a.yaml", "gpu", "paris", change()).content == STORES[:-4] + b"4" + STORES[-3:]


def test_a_layout_of_ones_own_counts_for_any_file() -> None:
    layout = Layout(name="own", files=("x/*.yaml",), cluster="id", pools="groups", pool_name="id", fields={"count": "size"})

    edit = edit_by_hand(b"id: a\ngroups: [{id: gpu, size: 6}]\n", "a.yaml", "gpu", "", change(), (layout,))

    assert edit.changes == (("groups[gpu].size", "6", "4"),)


@pytest.mark.parametrize(
    ("file", "pool", "field", "reason"),
    [
        ("a.yaml", "tpu", "count", "no pool 'tpu'"),
        ("a.yaml", "gpu", "max", "has no key max"),
        ("a.yaml", "gpu", "cpu_cores", r"layouts that know these fields read it \(none\)"),
        ("CODEOWNERS", "gpu", "count", "never edited"),
    ],
)
def test_what_cannot_be_done_is_said(file: str, pool: str, field: PoolField, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        edit_by_hand(EKS, file, pool, "", change(field))
