"""A namespace's quota goes the whole way of a change: planned, judged on what Palette and its pods say, approved, merged, applied."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, REPO, World, make_world, shrink
from tests.judgement import CONFIG, UID, chart, evidence
from trimtab.analysis.quotas import REPLICAS
from trimtab.lifecycle import State
from trimtab.records import FieldChange, Finding, Quota, Subject
from trimtab.settings import MetricsEndpoint
from trimtab.units import Bytes, Millicores

QUOTA_LAYOUT = b"""\
  - name: quotas
    files: ["clusters/**/*.yaml"]
    cluster: name
    pools: namespaces
    pool_name: name
    fields: {cpu_cores: resource_allocation.cpu_cores, memory_mib: resource_allocation.memory_MiB}
"""
NAMESPACES = b"""\
namespaces:
  - name: etl
    resource_allocation: {cpu_cores: "16", memory_MiB: "32768"}
"""
PATH = "clusters/dev/dev-east.yaml"
ETL = Quota(cluster_uid=UID, kind="namespace", name="etl", namespaces=("etl",), cpu=Millicores(16_000), memory=Bytes(32 << 30))


def fewer_cores(new: str = "12") -> Finding:
    """A finding as the quota analysis makes it: no nodes, no money."""
    whole = shrink()
    measured = evidence(
        start=whole.evidence.start, end=whole.evidence.end, peak=8.0, typical=5.0, chart=chart(peak=8.0, old=16.0, new=float(new))
    )
    return replace(
        whole,
        rule="quota-down",
        subject=Subject(cluster_uid=UID, pool="etl", field="cpu_cores", kind="namespace"),
        changes=(FieldChange(field="cpu_cores", old="16", new=new),),
        instance_type="",
        nodes_old=0,
        nodes_new=0,
        evidence=measured,
        unknowns=(REPLICAS,),
    )


def world_with_quota(root: Path, asked: float | None = 7.5, more: bytes = b"") -> World:
    world = make_world(root, ONE, config=CONFIG + QUOTA_LAYOUT + more)
    before = world.main_file()
    assert before is not None
    world.push_main({PATH: before + NAMESPACES})
    world.palette.limits = (ETL,)
    measure(world, asked)
    return world


def measure(world: World, asked: float | None) -> None:
    world.measure()
    document = world.ports.documents.find(f"demand/{UID}") or {}
    world.ports.documents.publish(f"demand/{UID}", document | {"namespaces": {"etl": {"pending_pods": 0, "CPU cores": asked}}})


def test_a_smaller_quota_is_opened_approved_merged_and_seen_in_palette(tmp_path: Path) -> None:
    world = world_with_quota(tmp_path)
    world.propose(fewer_cores())
    assert world.life().state is State.AWAITING, world.refused()

    world.click("approve")
    merged = world.main_file()
    assert world.life().state is State.MERGED
    assert merged is not None
    assert merged.endswith(NAMESPACES.replace(b'"16"', b'"12"'))

    world.later(hours=1)
    world.palette.limits = (replace(ETL, cpu=Millicores(12_000)),)
    measure(world, 7.5)
    world.tick_verify()
    assert world.life().state in {State.APPLIED, State.VERIFIED}


@pytest.mark.parametrize(
    ("asked", "live", "reason"),
    [
        (12.5, ETL, "demand-fits"),
        (7.5, replace(ETL, cpu=Millicores(20_000)), "live-equals-file"),
        (7.5, replace(ETL, name="other"), "quota-known"),
        (7.5, replace(ETL, problem="Two quotas hold on it."), "quota-known"),
    ],
)
def test_what_pods_ask_for_and_what_palette_shows_stop_it(asked: float, live: Quota, reason: str, tmp_path: Path) -> None:
    world = world_with_quota(tmp_path, asked)
    world.palette.limits = (live,)

    world.propose(fewer_cores())

    assert reason in world.refused()


def test_an_unmeasured_namespace_is_not_an_idle_one(tmp_path: Path) -> None:
    """It opens, because the evidence is whole, and waits until somebody knows what runs there now."""
    world = world_with_quota(tmp_path, None)
    world.propose(fewer_cores())

    world.click("approve")

    assert world.life().state is State.AWAITING
    assert [line.rule for line in world.life().verdict.reasons if line.rule == "demand-fits"] == ["demand-fits"]  # type: ignore[union-attr]


def test_a_file_that_says_something_else_by_now_is_not_edited(tmp_path: Path) -> None:
    world = world_with_quota(tmp_path)
    now = world.main_file()
    assert now is not None
    world.push_main({PATH: now.replace(b'"16"', b'"24"')})

    world.propose(fewer_cores())

    assert "the file says '24'" in world.refused()


def test_an_slo_of_pools_holds_no_quota_back(tmp_path: Path) -> None:
    """It has no answer where no pool is to change, and waiting for one would be waiting for ever."""
    world = world_with_quota(tmp_path, more=b"watch: {slos: [{name: slow, query: 'job_seconds{pool=$pool}', above: 2}]}\n")
    endpoint = MetricsEndpoint(cluster_uid=UID, url="http://127.0.0.1:9")
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"metrics": (endpoint,)}))
    world.propose(fewer_cores())
    world.tick_verify()

    world.click("approve")

    assert world.life().state is State.MERGED


def test_several_quotas_of_one_name_are_for_a_person(tmp_path: Path) -> None:
    """The workspace may set what the cluster seems to set; which of them holds is not guessed."""
    world = world_with_quota(tmp_path)
    world.palette.limits = (ETL, replace(ETL, cpu=Millicores(8_000)))

    world.propose(fewer_cores())

    assert world.forge.desk(REPO).numbers() == []
    assert "Palette shows 2 quotas of namespace etl." in world.refused()
