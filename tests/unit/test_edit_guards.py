"""What no layout can reach, and what Palette would refuse or take for a new cluster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.changes import edit_by_hand
from trimtab.errors import Refused
from trimtab.records import FieldChange, Layout, PlannedEdit, PoolField


def edited(head: str, pool: str, field: PoolField, new: str) -> PlannedEdit:
    content = f"name: training\n{head}node_groups:\n  - {{name: gpu, {pool}}}\n"
    return edit_by_hand(content.encode(), "a.yaml", "gpu", "", (FieldChange(field=field, old="", new=new),))


@pytest.mark.security(3)
@pytest.mark.parametrize(
    "key",
    [
        "name", "cloud_config.region", "cloud_account_id", "ami_type", "amiType", "eks_launch_template.ami_id", "os_sku", "taints",
        "update.source", "provider", "backend", "image", "env.count", "x.secret", "additional_labels.count",
    ],
)  # fmt: skip
def test_no_layout_leads_to_what_a_change_would_replace_or_give_rights(key: str) -> None:
    layout = Layout(name="evil", files=("**",), cluster="name", pools="node_groups", pool_name="id", fields={"count": key})
    head, _, last = key.rpartition(".")
    inner = f"{{{last}: 6}}" if head else "6"
    content = f"name: training\nnode_groups:\n  - {{id: gpu, {head or last}: {inner}}}\n"

    with pytest.raises(Refused, match="is never edited"):
        edit_by_hand(content.encode(), "a.yaml", "gpu", "", (FieldChange(field="count", old="", new="4"),), (layout,))


@pytest.mark.parametrize(
    "arm", ["m6g.large", "m7gd.xlarge", "c7gn.2xlarge", "t4g.medium", "a1.large", "g5g.xlarge", "x2gd.large", "im4gn.large"]
)
@pytest.mark.parametrize("cloud", ["eks", "aws"])
def test_no_arm_type_on_a_pool_whose_image_is_not_arm(arm: str, cloud: str) -> None:
    with pytest.raises(Refused, match="is not a value for it"):
        edited(f"cloudType: {cloud}\n", "instance_type: m6i.large", "instance_type", arm)


@pytest.mark.parametrize(
    "other", ["g4dn.xlarge", "g5.xlarge", "g6e.xlarge", "gr6.4xlarge", "m6id.large", "p4de.24xlarge", "x2iedn.large", "m7i-flex.large"]
)
def test_other_types_are_not_taken_for_arm(other: str) -> None:
    assert edited("cloudType: eks\n", "instance_type: m6i.large", "instance_type", other).changes


def test_a_name_that_looks_like_arm_on_another_cloud_is_just_a_name() -> None:
    assert edited("cloudType: gke\n", "instance_type: n2-standard-4", "instance_type", "t2g.small").changes


@pytest.mark.parametrize("cloud", ["brownfield", "imported"])
def test_pools_of_imported_clusters_are_left_alone(cloud: str) -> None:
    with pytest.raises(Refused, match="an imported cluster has no pools that Trimtab edits"):
        edited(f"cloudType: {cloud}\n", "count: 6", "count", "4")


def test_pools_of_virtual_clusters_are_left_alone() -> None:
    with pytest.raises(Refused, match="change its resources instead"):
        edited("cloudType: virtual\n", "count: 6", "count", "4")


def test_an_aks_system_pool_keeps_its_type_but_may_shrink() -> None:
    pool = "is_system_node_pool: true, count: 3, instance_type: Standard_D4s_v5"

    with pytest.raises(Refused, match="a system pool keeps its instance type"):
        edited("cloudType: aks\n", pool, "instance_type", "Standard_D2s_v5")
    assert edited("cloudType: aks\n", pool, "count", "2").changes


@pytest.mark.parametrize("new", ["0", "-1"])
def test_a_pool_keeps_at_least_one_worker(new: str) -> None:
    with pytest.raises(Refused, match="is not a value for it"):
        edited("cloudType: eks\n", "count: 3", "count", new)


@given(st.text(max_size=30), st.text(max_size=60))
def test_whatever_a_layout_says_the_answer_is_an_edit_of_its_value_or_a_reason(pools: str, key: str) -> None:
    content = b"name: training\nnode_groups:\n  - {name: gpu, count: 6}\n"
    layout = Layout(name="any", files=("**",), cluster="name", pools=pools, pool_name="name", fields={"count": key})

    try:
        edit = edit_by_hand(content, "a.yaml", "gpu", "", (FieldChange(field="count", old="", new="4"),), (layout,))
    except Exception as error:  # noqa: BLE001  (its class is what is asserted)
        from trimtab.errors import TrimtabError

        assert isinstance(error, TrimtabError)  # noqa: PT017
    else:
        assert edit.content == content.replace(b"6", b"4")
