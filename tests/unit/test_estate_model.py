"""The bundled estate is what the demo's story rests on: every case that the story tells must really be in it."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.deployment import settings
from trimtab.demo.estate.gitops import gitops_files
from trimtab.demo.estate.model import AS_OF, HOURS, START, EstatePool, nodes, pods
from trimtab.demo.estate.prices import instance_type
from trimtab.policy.rules import parse_governance
from trimtab.records import CommitSha, Stage
from trimtab.settings import load

POOLS = {(cluster.cluster.name, pool.pool.name): pool for cluster in CLUSTERS for pool in cluster.pools}


def test_six_clusters_in_three_projects_on_two_clouds_have_sixteen_pools() -> None:
    assert len(CLUSTERS) == 6
    assert {cluster.cluster.project for cluster in CLUSTERS} == {"production", "staging", "development"}
    assert {cluster.cloud_type for cluster in CLUSTERS} == {"eks", "gke"}
    assert len(POOLS) == 16


def test_the_clock_stands_on_a_monday_after_45_whole_days() -> None:
    assert AS_OF.weekday() == 0
    assert HOURS == 45 * 24
    assert START.hour == 0


def test_every_machine_is_in_the_catalog_with_a_price() -> None:
    for cluster in CLUSTERS:
        for pool in cluster.pools:
            price = instance_type(cluster, pool).price
            assert price is not None
            assert price.amount > 0


@pytest.mark.parametrize(
    ("pool", "model"),
    [
        (("prod-data", "train-a100"), "A100-40"),
        (("prod-ml", "train-h100"), "H100"),
        (("prod-ml", "serving"), "L4"),
        (("staging-ml", "gpu-l4"), "L4"),
        (("dev-sandbox", "gpu-t4"), "T4"),
    ],
)
def test_a_gpu_pool_has_the_model_its_name_says(pool: tuple[str, str], model: str) -> None:
    cluster = next(cluster for cluster in CLUSTERS if cluster.cluster.name == pool[0])

    assert instance_type(cluster, POOLS[pool]).gpu_model == model


def test_node_and_provider_ids_are_unique_and_end_the_resource_id() -> None:
    """Attribution joins a bill row to its node by the end of ResourceId."""
    machines = [node for cluster in CLUSTERS for node in nodes(cluster)]

    assert len(machines) == 74
    assert len({node.provider_id for node in machines}) == len({node.name for node in machines}) == 74
    assert all(node.resource_id.endswith(node.provider_id) for node in machines)


def test_every_pod_fits_the_node_it_is_on() -> None:
    """A pool whose pods could never have been scheduled would prove nothing about sizing."""
    for cluster in CLUSTERS:
        used: dict[str, list[int]] = {}
        for pod in pods(cluster):
            if pod.node is not None:
                kind = instance_type(cluster, pod.pool)
                room = used.setdefault(pod.node.name, [kind.allocatable_cpu, kind.allocatable_memory, 1000 * kind.gpus])
                room[0] -= pod.workload.cpu
                room[1] -= pod.workload.memory
                room[2] -= pod.workload.gpu_request
        assert all(left >= 0 for room in used.values() for left in room), cluster.cluster.name


def test_some_namespaces_have_no_owner_label() -> None:
    untagged = {work.namespace for pool in POOLS.values() for work in pool.workloads if work.team is None}

    assert {"scratch", "legacy-import"} <= untagged


def test_gke_pools_have_no_bounds() -> None:
    """Terraform knows only a count there."""
    for cluster in CLUSTERS:
        for pool in cluster.pools:
            assert cluster.cloud_type == "eks" or (pool.pool.minimum, pool.pool.maximum) == (None, None)


# ── The repo ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_repo_declares_each_pool_as_it_is_live_except_the_drifted_one() -> None:
    drifted = []

    for path, content in gitops_files().items():
        if path.startswith("clusters/"):
            file = YAML(typ="safe", pure=True).load(content)
            project = next(cluster.cluster.project for cluster in CLUSTERS if cluster.cluster.name == file["name"])
            assert path == f"clusters/{project}/{file['name']}.yaml"
            drifted += [
                (file["name"], group["name"])
                for group in file["node_groups"]
                if _declared(group) != _live(POOLS[file["name"], group["name"]])
            ]

    assert drifted == [("staging-web", "web")]


def _declared(group: dict[str, object]) -> tuple[object, ...]:
    return group["count"], group.get("min"), group.get("max"), group["instance_type"], group["disk_size_gb"], group["additional_labels"]


def _live(pool: EstatePool) -> tuple[object, ...]:
    live = pool.pool
    return live.count, live.minimum, live.maximum, live.instance_type, pool.disk_gib, dict(live.labels)


def test_every_declared_count_is_the_files() -> None:
    declared = {
        (file["name"], group["name"]): group["count"]
        for path, content in gitops_files().items()
        if path.startswith("clusters/")
        for file in [YAML(typ="safe", pure=True).load(content)]
        for group in file["node_groups"]
    }

    assert declared == {key: pool.declared for key, pool in POOLS.items()}


def test_the_governance_files_are_read_without_an_error() -> None:
    rules = parse_governance(gitops_files(), CommitSha("0" * 40))

    assert rules.default_stage is Stage.APPROVE
    assert {team.name for team in rules.teams} >= {work.team for pool in POOLS.values() for work in pool.workloads if work.team}
    assert {scope.cluster_uid for scope in rules.approvers if scope.cluster_uid} <= {cluster.cluster.uid for cluster in CLUSTERS}


def test_the_settings_are_ones_that_a_store_may_have(tmp_path: Path) -> None:
    import json

    (tmp_path / "settings.json").write_text(json.dumps(settings(tmp_path)))

    found = load({}, f"file://{tmp_path}")

    assert found.is_demo
    assert found.clock == AS_OF
    assert {entry.cluster_uid for entry in found.nonproduction} == {
        cluster.cluster.uid for cluster in CLUSTERS if cluster.cluster.project != "production"
    }
