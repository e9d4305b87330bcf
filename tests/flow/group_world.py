"""A world in which a repo asks for its changes by file: three pools of one cluster that are each a node too large, in one file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.flow.flow_world import ONE, World, make_world, shrink
from tests.judgement import CONFIG, OWNERS, UID, cluster, pool
from trimtab.attribution.summary import Summary
from trimtab.records import Finding, Subject

TOGETHER = CONFIG + b"grouping: file\n"
FREELY = b"limits: {auto_merges_per_day: 3, share_of_pools_per_run: 1.0, share_of_pools_per_day: 1.0}"
POOLS = ("batch", "ml", "web")
FILE = "clusters/dev/dev-east.yaml"
SECOND = "clusters/dev/dev-east-more.yaml"


def free(policy: bytes = ONE) -> bytes:
    """The same policy, under which a run may touch every pool."""
    return policy.replace(b"limits: {auto_merges_per_day: 2}", FREELY)


def declared(counts: Mapping[str, int]) -> bytes:
    """A cluster's file with these pools."""
    rows = "".join(f"  - name: {name}\n    count: {count}\n    instance_type: m6i.2xlarge\n" for name, count in counts.items())
    return f"name: dev-east   # a comment that stays\nnode_groups:\n{rows}".encode()


def group_world(root: Path, policy: bytes = ONE, *, config: bytes = TOGETHER, owners: bytes = OWNERS) -> World:
    """Three pools of six in one file, two more in a second; everybody may do what they may."""
    world = make_world(root, free(policy), config=config, owners=owners)
    world.push_main({FILE: declared({"system": 3, **dict.fromkeys(POOLS, 6)}), SECOND: declared({"edge": 6, "spare": 6})})
    names = (*POOLS, "edge", "spare")
    world.palette.known = (cluster(*(pool(name=name) for name in names), pool(name="system", count=3)),)
    measure(world)
    summary = Summary.from_json(world.ports.documents.find("summaries/all/p-2026-10") or {})
    shares = tuple(replace(row, pool=name) for name in names for row in summary.pool_teams)
    world.ports.documents.publish("summaries/all/p-2026-10", replace(summary, pool_teams=shares).to_json())
    return world


def measure(world: World, **wanted: float) -> None:
    """The newest hour's demand of every pool."""
    found = {name: {"pending_pods": 0, "CPU cores": wanted.get(name, 17.5)} for name in (*POOLS, "edge", "spare")}
    world.ports.documents.publish(f"demand/{UID}", {"cluster": "dev-east", "hour": world.now.isoformat(), "pools": found})


def apply(world: World, *names: str, count: int = 5) -> None:
    """The pipeline applied what is on main."""
    (known,) = world.palette.known
    pools = tuple(replace(each, count=count) if each.name in names else each for each in known.pools)
    world.palette.known = (replace(known, pools=pools),)


def smaller(name: str, world: World, to: int = 5) -> Finding:
    """One pool's finding, on evidence until last midnight."""
    whole = shrink(to, end=world.now.replace(hour=0, minute=0))
    return replace(whole, subject=Subject(cluster_uid=UID, pool=name, field="count"))


def each(world: World, *names: str, to: int = 5) -> tuple[Finding, ...]:
    """The findings of these pools, or of all three."""
    return tuple(smaller(name, world, to) for name in names or POOLS)
