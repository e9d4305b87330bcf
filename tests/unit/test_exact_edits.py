"""What the judge takes for exactly the change that was found: key by key, and in the unit that the file uses."""

from dataclasses import replace

import pytest

from tests.judgement import CONFIG, NOW, UID, edit, facts, finding, governance, line_of
from trimtab.policy.judge import judge
from trimtab.records import Facts, FieldChange, Place, PoolField, Subject

QUOTAS = b"""\
  - name: quotas
    files: ["{cluster}/quotas/*.yaml"]
    kind: namespace
    object: ResourceQuota
    pool_name: metadata.namespace
    fields: {cpu_cores: "spec.hard[requests.cpu]", memory_mib: "spec.hard[requests.memory]"}
    units: {cpu_cores: quantity, memory_mib: quantity}
"""
IN_GIB = b"""\
  - name: quotas-in-gib
    files: ["{cluster}/quotas/*.yaml"]
    kind: namespace
    object: ResourceQuota
    pool_name: metadata.namespace
    fields: {memory_mib: "spec.hard[requests.memory]"}
    units: {memory_mib: gib}
"""
PATH = "dev-east/quotas/etl.yaml"
MEMORY = "ResourceQuota[etl/compute].spec.hard[requests.memory]"


def quota(*edits: tuple[str, str, str], said: tuple[tuple[PoolField, str, str], ...] = (("memory_mib", "8192", "6144"),)) -> Facts:
    changes = tuple(FieldChange(field=name, old=old, new=new) for name, old, new in said)
    subject = Subject(cluster_uid=UID, pool="etl", field=said[0][0], kind="namespace")
    return facts(
        finding=replace(finding(), subject=subject, changes=changes),
        place=Place(repo="gitops", path=PATH, cluster="dev-east", pool="etl"),
        edit=edit(*edits, path=PATH),
    )


def is_exact(case: Facts, layouts: bytes = QUOTAS) -> bool:
    verdict = judge(case, governance(CONFIG + layouts), NOW)
    return bool(line_of(verdict, "edit-exact").held)


@pytest.mark.parametrize(
    ("old", "new", "exact"),
    [
        ("8Gi", "6Gi", True),
        ("8Gi", "6144Mi", True),
        ("8589934592", "6Gi", True),
        ("8Gi", "6G", False),
        ("8G", "6Gi", False),
        ("8192", "6144", False),
        ("8Gi", "6143Mi", False),
        ("8Gi", "lots", False),
        ("8Gi", "0", False),
    ],
)
def test_a_quota_in_gi_is_the_change_that_was_found_where_it_is_exact(old: str, new: str, exact: bool) -> None:
    assert is_exact(quota((MEMORY, old, new))) is exact


def test_the_path_of_a_layout_may_name_the_cluster() -> None:
    assert is_exact(quota((MEMORY, "8Gi", "6Gi")))
    assert not is_exact(quota((MEMORY, "8Gi", "6Gi")), QUOTAS.replace(b"{cluster}/quotas", b"{cluster}/limits"))


def test_two_layouts_that_differ_about_the_unit_prove_nothing() -> None:
    assert is_exact(quota((MEMORY, "8", "6")), IN_GIB)
    assert not is_exact(quota((MEMORY, "8", "6")), IN_GIB + QUOTAS)


def test_a_layout_of_another_kind_says_nothing_about_this_one() -> None:
    pools = QUOTAS.replace(b"kind: namespace\n    object: ResourceQuota", b"kind: workspace").replace(b"metadata.namespace", b"name")

    assert not is_exact(quota((MEMORY, "8Gi", "6Gi")), pools)


def test_each_field_has_an_edit_of_its_own() -> None:
    """Two changes and two edits, but one key twice: the second edit would be one that nobody found."""
    said: tuple[tuple[PoolField, str, str], ...] = (("memory_mib", "8192", "6144"), ("cpu_cores", "8", "6"))
    cores = "ResourceQuota[etl/compute].spec.hard[requests.cpu]"

    assert is_exact(quota((MEMORY, "8Gi", "6Gi"), (cores, "8", "6000m"), said=said))
    assert not is_exact(quota((MEMORY, "8Gi", "6Gi"), (MEMORY, "8Gi", "6Gi"), said=said))
