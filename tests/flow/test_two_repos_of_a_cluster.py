"""Two repos manage pools of one cluster: neither takes away what the other says there, and each waits for its own SLOs."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.flow.flow_world import ONE, REPO, TERRAFORM, World, make_world, shrink
from tests.flow.group_world import free
from tests.judgement import CONFIG, NOW, OWNERS, UID, files
from trimtab.adapters.localforge import LocalForge, Rules, init_bare, protect
from trimtab.flow.annotate import PROPOSALS, annotate_clusters
from trimtab.flow.effects import CHECK
from trimtab.flow.governance import read_governance
from trimtab.flow.slo_readings import burning, read_slos
from trimtab.lifecycle import State
from trimtab.records import MetricSeries, Subject
from trimtab.settings import MetricsEndpoint, Repository

OTHER = "second"
SPARE = b"""\
name: dev-east
node_groups:
  - name: spare
    count: 6
    instance_type: m6i.2xlarge
"""
ANNOTATED = CONFIG + b"annotations: true\n"
SLO = b"watch: {slos: [{name: slow, query: 'job_seconds', above: %d}]}\n"


def world_of_two(root: Path, mine: bytes, theirs: bytes) -> World:
    """The usual world, and a second repo that declares one more pool of the same cluster; each has a pull request open."""
    world = make_world(root, free(ONE), config=mine)
    place = root / "second.git"
    tree = {"clusters/dev/dev-east.yaml": SPARE, "main.tf": TERRAFORM, **files(theirs, free(ONE), OWNERS)}
    init_bare(place, tree, "The second repo", NOW - timedelta(days=60))
    forge = LocalForge({**world.forge.repositories, OTHER: place})
    protect(forge, OTHER, Rules(required_checks=(CHECK,), protects_config=True))
    both = (*world.ports.settings.repositories, Repository(id=OTHER, forge="local", location=str(place)))
    settings = world.ports.settings.model_copy(update={"repositories": both})
    world.forge, world.ports = forge, replace(world.ports, forge=forge, settings=settings)
    (known,) = world.palette.known
    world.palette.known = (replace(known, pools=tuple(replace(pool, count=6) if pool.name == "spare" else pool for pool in known.pools)),)
    document = world.ports.documents.find(f"demand/{UID}") or {}
    pools: Any = document["pools"]
    world.ports.documents.publish(f"demand/{UID}", document | {"pools": pools | {"spare": pools["batch"]}})
    spare = shrink(subject=Subject(cluster_uid=UID, pool="spare", field="count"))
    world.propose(shrink(), spare)
    assert [life.pull_request is not None for life in world.lives()] == [True, True], world.refused()
    return world


def annotate(world: World, *repos: str) -> int:
    return sum(annotate_clusters(repo, read_governance(world.ports, repo), world.ports) for repo in repos)


def said(world: World) -> str:
    return world.palette.annotations.get(UID, {}).get(PROPOSALS, "")


def reject(world: World, repo: str) -> None:
    """That repo's one pull request is closed by a person."""
    world.forge.close_pull_request(repo, 1)
    for _ in range(2):
        world.tick_verify()
        world.later(hours=1)


# ── annotations ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_cluster_says_what_is_open_for_it_in_both(tmp_path: Path) -> None:
    world = world_of_two(tmp_path, ANNOTATED, ANNOTATED)

    first = annotate(world, REPO, OTHER)
    again = annotate(world, OTHER, REPO)

    assert "batch: count 6 to 5" in said(world)
    assert "spare: count 6 to 5" in said(world)
    assert (first, again) == (1, 0)


def test_what_is_over_in_one_stays_said_for_the_other(tmp_path: Path) -> None:
    world = world_of_two(tmp_path, ANNOTATED, ANNOTATED)
    annotate(world, REPO, OTHER)
    world.later(hours=1)

    reject(world, REPO)

    assert said(world).startswith("spare: count 6 to 5")
    assert "batch" not in said(world)


def test_a_repo_that_does_not_ask_for_it_is_not_said(tmp_path: Path) -> None:
    world = world_of_two(tmp_path, ANNOTATED, CONFIG)

    annotate(world, OTHER, REPO)

    assert "spare" not in said(world)
    assert "batch" in said(world)


def test_rules_that_cannot_be_read_for_now_take_back_nothing_of_theirs(tmp_path: Path) -> None:
    world = world_of_two(tmp_path, ANNOTATED, ANNOTATED)
    annotate(world, REPO, OTHER)
    bare = world.forge.git(OTHER)
    head = world.forge.base_head(OTHER, "main")
    assert bare.point("main", bare.commit_files(head, {".trimtab/policy.yaml": b"version: 2\n"}, "Broken", author="x", at=NOW), head)

    annotate(world, REPO)

    assert "spare: count 6 to 5" in said(world)


# ── SLOs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
class Slow:
    """A store in which the job takes three seconds."""

    def range(self, _query: str, _start: object, _end: Any, _step: int) -> tuple[MetricSeries, ...]:
        return (MetricSeries(labels={}, points=((int(_end.timestamp()), 3.0),)),)


def test_each_waits_for_its_own_slo_even_where_both_call_it_the_same(tmp_path: Path) -> None:
    """Mine is broken above two seconds, theirs above five: three are too many for one of them."""
    world = world_of_two(tmp_path, CONFIG + SLO % 2, CONFIG + SLO % 5)
    settings = world.ports.settings.model_copy(update={"metrics": (MetricsEndpoint(cluster_uid=UID, url="http://127.0.0.1:9"),)})
    slow: Any = Slow()
    world.ports = replace(world.ports, settings=settings, metrics=lambda _: slow)

    read_slos(world.ports, world.now)

    cluster = world.ports.palette.cluster(UID)
    found = [burning(cluster, read_governance(world.ports, repo), world.ports, world.now) for repo in (REPO, OTHER)]
    assert found == [("slow",), ()]
    assert [life.state for life in world.lives()] == [State.AWAITING, State.AWAITING]
