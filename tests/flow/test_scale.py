"""Many clusters: what one more costs stays the same, nobody is waited for without end, and whoever is missing is named.

Counts and not times: a request that is made for each cluster is made once for it, whatever else there is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, REPO, YAML, World, make_world, shrink
from tests.flow.group_world import TOGETHER
from tests.judgement import CONFIG, UID
from trimtab.adapters.memory import MemoryPalette, Message
from trimtab.adapters.store.objects import Listed, Objects
from trimtab.adapters.store.state import state_over
from trimtab.errors import BadInput, Upstream
from trimtab.flow.codec import dump
from trimtab.flow.groups import Group
from trimtab.flow.propose import PART_SECONDS
from trimtab.flow.run_parts import FULL, Opening, refused
from trimtab.flow.runs import ANSWERED_WITHIN, Analysis, analysis_key, analyzed, live_pools
from trimtab.flow.wake import tick_key
from trimtab.lifecycle import State
from trimtab.records import Cluster, ClusterUid, Finding, ProposalId, Refusal, Subject

FREELY = ONE.replace(b"auto_merges_per_day: 2", b"share_of_pools_per_run: 1.0, share_of_pools_per_day: 1.0, open_at_once: 100")


# ── an estate, counted ───────────────────────────────────────────────────────────────────────────────────────────────
def counted(objects: Objects, asked: list[str]) -> Objects:
    """The same objects; each request is told. Threads ask too, and a list loses none of them."""

    class Counted(Objects):
        __slots__ = ()

        def create(self, key: str, body: bytes) -> bool:
            asked.append("put")
            return Objects.create(self, key, body)

        def keep(self, key: str, body: bytes) -> bool:
            asked.append("put")
            return Objects.keep(self, key, body)

        def publish(self, key: str, body: bytes) -> None:
            asked.append("put")
            Objects.publish(self, key, body)

        def read(self, key: str) -> bytes | None:
            asked.append("get")
            return Objects.read(self, key)

        def has(self, key: str) -> bool:
            asked.append("head")
            return Objects.has(self, key)

        def listed(self, folder: str) -> list[Listed]:
            asked.append("list")
            return Objects.listed(self, folder)

        def children(self, folder: str) -> list[str]:
            asked.append("list")
            return Objects.children(self, folder)

    return Counted(*objects)


@dataclass
class Tenant(MemoryPalette):
    """A Palette that remembers what it was asked, and may fail for some clusters."""

    asked: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)

    def listed(self) -> dict[ClusterUid, str]:
        self.asked.append("list")
        return MemoryPalette.listed(self)

    def clusters(self) -> tuple[Cluster, ...]:
        self.asked += ["cluster"] * len(self.known)
        return MemoryPalette.clusters(self)

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        self.asked.append("cluster")
        if uid in self.failing:
            raise self.failing[uid]
        return MemoryPalette.cluster(self, uid)


@dataclass
class Estate(World):
    """A world of several clusters, whose store and Palette are counted."""

    asked: list[str] = field(default_factory=list)
    tenant: Tenant = field(default_factory=lambda: Tenant(()))

    @property
    def run(self) -> str:
        """The run of the clock's tick."""
        return f"run-{self.now:%Y%m%dt%H%Mz}"

    def tick(self) -> str:
        return self.serve(tick_key("propose", self.now), b"{}")

    def message(self, uid: str) -> str:
        return f"inbox/propose/{self.run}.analyze.{uid}"

    def store_requests(self, step: Callable[[], object]) -> int:
        before = len(self.asked)
        step()
        return len(self.asked) - before

    def asking(self) -> list[Message]:
        """Cards of one change each; not the digest of them all."""
        return [card for card in self.cards() if "new proposals" not in card.text]

    def waiting_for(self, step: str) -> list[str]:
        """Messages of a step that nobody served yet."""
        return [key for key in self.ports.inbox.pending("propose") if f".{step}" in key]

    def deliver_openings(self) -> None:
        """Until none waits."""
        while waiting := self.waiting_for("open"):
            for key in waiting:
                self.serve(key)

    def named(self, run: str) -> dict[str, str]:
        """The clusters that a run's end says were not analyzed, each with why."""
        rows = (self.ports.documents.find(f"runs/{run}/refused") or {})["refusals"]
        assert isinstance(rows, list)
        return {row["cluster_uid"]: row["reason"] for row in rows if row["rule"] == "not-analyzed"}


def uid_of(n: int) -> ClusterUid:
    return ClusterUid(f"{int(UID, 16) + n:x}")


def estate(root: Path, clusters: int, policy: bytes = ONE, config: bytes = CONFIG) -> Estate:
    """So many clusters like dev-east, a file each."""
    world = make_world(root, policy, config=config)
    (first,) = world.palette.known
    known = tuple(
        replace(first, uid=uid_of(n), name=f"dev-{n}", pools=tuple(replace(pool, cluster_uid=uid_of(n)) for pool in first.pools))
        for n in range(clusters)
    )
    world.push_main({f"clusters/dev/dev-{n}.yaml": YAML.replace(b"dev-east", b"dev-%d" % n) for n in range(clusters)})
    asked: list[str] = []
    objects = counted(world.objects, asked)
    nonces = iter(range(1 << 40, 1 << 41))
    state = state_over(objects, objects, nonce=lambda: f"{next(nonces):016x}")
    tenant = Tenant(known)
    ports = replace(world.ports, inbox=state.inbox, ledger=state.ledger, permit=state.permit, documents=state.documents, palette=tenant)
    return Estate(
        ports=ports, forge=world.forge, chat=world.chat, palette=tenant, log=world.log, objects=world.objects, asked=asked, tenant=tenant
    )


def found_on(n: int) -> Finding:
    """Each cluster's batch is a node too large."""
    return shrink(subject=Subject(cluster_uid=uid_of(n), pool="batch", field="count"))


def all_analyzed(world: Estate, *, but: tuple[str, ...] = ()) -> None:
    """Every cluster's analysis is there, each with one finding."""
    for n, known in enumerate(world.tenant.known):
        if known.uid not in but:
            said = Analysis(run=world.run, cluster_uid=known.uid, findings=(found_on(n),), refusals=(), cluster=known)
            world.ports.documents.publish(analysis_key(world.run, known.uid), dump(said))


def opened(world: Estate) -> str:
    """Analyses by hand, then the run's own opening."""
    world.tick()
    all_analyzed(world)
    world.ports.inbox.put(f"inbox/propose/{world.run}.open", b"{}")
    return world.serve(f"inbox/propose/{world.run}.open")


# ── plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_plan_lists_the_clusters_and_looks_into_none(tmp_path: Path) -> None:
    """A thousand clusters are several thousand requests, and twenty of a list."""
    world = estate(tmp_path, 12)

    world.tick()

    assert world.tenant.asked == ["list"]
    assert len(world.waiting_for("analyze")) == 12


@pytest.mark.parametrize("clusters", [3, 12])
def test_a_plan_asks_the_store_once_for_each_cluster(tmp_path: Path, clusters: int) -> None:
    """That one is its message."""
    world = estate(tmp_path, clusters)

    assert world.store_requests(world.tick) == 7 + clusters


# ── analyze ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_a_cluster_costs_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    """Neither one that is early nor one that is late, in a small estate or a large one; the first one reads the bill for all."""
    costs = set()
    for clusters in (3, 12):
        world = estate(tmp_path / str(clusters), clusters)
        world.tick()
        for known in world.tenant.known:
            before = len(world.tenant.asked)
            requests = world.store_requests(partial(world.serve, world.message(known.uid)))
            reads_bill, wakes_open = known is world.tenant.known[0], known is world.tenant.known[-1]
            costs.add((requests - 2 * reads_bill - wakes_open, len(world.tenant.asked) - before))

    assert costs == {(7, 1)}


def test_the_last_cluster_of_a_run_wakes_its_opening_once(tmp_path: Path) -> None:
    world = estate(tmp_path, 3)
    world.tick()

    waiting = []
    for known in reversed(world.tenant.known):
        world.serve(world.message(known.uid))
        waiting.append(len(world.waiting_for("open")))

    assert waiting == [0, 0, 1]
    assert analyzed(world.run, world.ports) >= {known.uid for known in world.tenant.known}


# ── open ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
GROUPINGS = pytest.mark.parametrize("config", [CONFIG, TOGETHER], ids=["one by one", "by file"])


@GROUPINGS
def test_where_an_hour_is_full_nothing_more_is_judged_and_each_is_told_why(tmp_path: Path, config: bytes) -> None:
    """Of a thousand findings four are opened in an hour; judging and recording the others would take hours, every day."""
    world = estate(tmp_path, 12, FREELY, config)

    outcome = opened(world)

    assert "4 proposals stand, 8 findings were not opened" in outcome
    assert world.refused().count("limits.pull_requests_per_hour: 4 were opened in this hour; the next run goes on") == 8
    assert len(world.ports.ledger.heads("proposals/")) == 5  # the fifth is the one that found it full
    assert len(world.forge.desk(REPO).numbers()) == 4


@GROUPINGS
def test_a_finding_that_the_hour_has_no_room_for_costs_one_read_of_its_analysis(tmp_path: Path, config: bytes) -> None:
    few, many = estate(tmp_path / "few", 12, FREELY, config), estate(tmp_path / "many", 24, FREELY, config)

    requests = [world.store_requests(partial(opened, world)) for world in (few, many)]

    # Its message and its analysis are put, and the analysis is read.
    assert requests[1] - requests[0] == 12 * 3


@GROUPINGS
def test_where_only_so_many_may_be_open_nothing_more_is_judged(tmp_path: Path, config: bytes) -> None:
    """What holds the first change of a cluster back holds every other one back."""
    policy = FREELY.replace(b"open_at_once: 100", b"open_at_once: 2")
    few, many = estate(tmp_path / "few", 3, policy, config), estate(tmp_path / "many", 6, policy, config)

    opened(few)
    opened(many)

    assert [world.refused().count("open-limit: 2 are open") for world in (few, many)] == [1, 4]
    assert many.tenant.asked.count("cluster") == few.tenant.asked.count("cluster"), "judging reads the cluster"


def test_what_stops_only_a_later_change_of_several_stops_others_where_those_before_it_are_open(tmp_path: Path) -> None:
    """Judged beside changes that never opened, a limit may have seemed to be reached."""
    world = make_world(tmp_path, FREELY)
    world.propose(shrink())
    lead = world.life().planned()
    later = replace(lead, finding=replace(lead.finding, subject=replace(lead.finding.subject, pool="web")))
    group, why = Group(id=ProposalId("prop-group"), parts=(lead, later)), "open-limit: 2 are open of at most 2"

    def full(*answers: ProposalId | Refusal) -> dict[str, str]:
        opening = Opening()
        opening.note_full_of(group, answers)
        return opening.full

    assert full(refused(later.finding, "not-opened", why)) == {}
    assert full(refused(lead.finding, "not-opened", why)) == {REPO: why}
    assert full(refused(later.finding, "not-opened", why), group.id) == {REPO: why}
    assert full(refused(lead.finding, "not-opened", "cool-down: too early"), group.id) == {}


def test_a_cluster_with_something_open_is_looked_at_however_full_its_repo_is(tmp_path: Path) -> None:
    """A change of the same file joins what is open there, and no pull request more is opened for it."""
    world = estate(tmp_path, 6, FREELY, TOGETHER)
    opened(world)
    world.later(minutes=5)
    world.tick()
    for n, known in enumerate(world.tenant.known):
        second = replace(found_on(n), subject=replace(found_on(n).subject, pool="system"))
        said = Analysis(run=world.run, cluster_uid=known.uid, findings=(found_on(n), second), refusals=(), cluster=known)
        world.ports.documents.publish(analysis_key(world.run, known.uid), dump(said))
    world.ports.inbox.put(f"inbox/propose/{world.run}.open", b"{}")
    world.serve(f"inbox/propose/{world.run}.open")

    rows = json.loads(world.refused())
    by_limit = {is_it: [row["cluster_uid"] for row in rows if row["reason"].startswith(FULL[0]) is is_it] for is_it in (True, False)}
    assert by_limit[True] == [uid_of(4), uid_of(5), uid_of(5)], "the record knows the fifth, which found it full"
    assert by_limit[False] == [uid_of(n) for n in range(5)], "their files say another number of system"


@GROUPINGS
def test_what_is_open_is_renewed_however_full_the_hour_is(tmp_path: Path, config: bytes) -> None:
    world = estate(tmp_path, 8, FREELY, config)
    opened(world)
    world.later(minutes=5)

    again = opened(world)

    assert "4 proposals stand" in again
    assert [life.state for life in world.lives()].count(State.AWAITING) == 4


@GROUPINGS
def test_an_opening_that_has_no_time_left_goes_on_in_a_message_of_its_own(tmp_path: Path, config: bytes) -> None:
    """And ends where it would have ended at once."""
    world = estate(tmp_path, 6, FREELY, config)
    slow = iter(range(0, 10**9, int(PART_SECONDS)))
    world.ports = replace(world.ports, stopwatch=lambda: float(next(slow)))

    first = opened(world)
    parts = len(world.waiting_for("open"))
    world.deliver_openings()

    assert "part 1 goes on" in first
    assert parts == 1
    assert len(world.forge.desk(REPO).numbers()) == 4
    assert world.refused().count("limits.pull_requests_per_hour") == 2
    assert len(world.asking()) == 4


@GROUPINGS
def test_a_part_that_is_delivered_twice_opens_nothing_twice(tmp_path: Path, config: bytes) -> None:
    world = estate(tmp_path, 6, FREELY, config)
    slow = iter(range(0, 10**9, int(PART_SECONDS)))
    world.ports = replace(world.ports, stopwatch=lambda: float(next(slow)))
    opened(world)

    world.forget(f"inbox/propose/{world.run}.open")
    world.serve(f"inbox/propose/{world.run}.open")
    world.deliver_openings()
    world.forget(f"inbox/propose/{world.run}.open.1")
    world.deliver_openings()

    assert (len(world.forge.desk(REPO).numbers()), len(world.asking())) == (4, 4)
    assert world.refused().count("limits.pull_requests_per_hour") == 2


def test_the_pools_of_the_tenant_are_counted_by_the_run_and_not_by_each_judgement(tmp_path: Path) -> None:
    """What a change may touch is a share of them: read from Palette, every merge would read all clusters."""
    world = estate(tmp_path, 5)
    opened(world)
    before = len(world.tenant.asked)

    assert live_pools(world.ports, world.now) == 5 * len(world.tenant.known[0].pools)
    assert len(world.tenant.asked) == before


def test_pools_that_were_counted_long_ago_are_counted_anew(tmp_path: Path) -> None:
    world = estate(tmp_path, 5)
    opened(world)
    world.tenant.known = world.tenant.known[:2]

    assert live_pools(world.ports, world.now + timedelta(hours=37)) == 2 * len(world.tenant.known[0].pools)


# ── who does not answer ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_cluster_whose_analysis_fails_for_hours_is_named_in_the_end_with_the_reason(tmp_path: Path) -> None:
    """It must neither be forgotten nor keep the others waiting for ever."""
    world = estate(tmp_path, 3)
    world.tenant.failing[uid_of(1)] = Upstream("Palette: /v1/spectroclusters: HTTP 500")
    run = world.run
    world.tick()
    for known in world.tenant.known:
        served(world, world.message(known.uid))
    held = world.waiting_for("open")

    message = world.message(uid_of(1))
    world.now += ANSWERED_WITHIN
    world.serve(message)
    outcome = world.serve(f"inbox/propose/{run}.open")

    assert held == []
    assert world.named(run) == {
        uid_of(1): "Within 4 hours of the run's beginning its analysis failed: Palette: /v1/spectroclusters: HTTP 500."
    }
    assert "1 clusters were not analyzed" in outcome
    assert ("finding.refused", uid_of(1)) in [(event, values.get("cluster")) for event, values in world.log.said]


def test_a_cluster_that_nobody_answers_for_is_named_in_the_end(tmp_path: Path) -> None:
    """Its message was lost, and the hourly sweep finds it waiting."""
    world = estate(tmp_path, 3)
    run = world.run
    world.tick()
    for n in (0, 2):
        world.serve(world.message(uid_of(n)))

    world.now += ANSWERED_WITHIN
    world.serve(f"inbox/again/propose/{world.now:%Y-%m-%dT%HZ}", b"{}")
    world.deliver_openings()

    assert world.named(run) == {uid_of(1): "Within 4 hours of the run's beginning nobody answered for it."}
    assert world.ports.inbox.pending("propose") == []


def test_the_others_are_opened_all_the_same(tmp_path: Path) -> None:
    world = estate(tmp_path, 3, FREELY)
    run = world.run
    world.tick()
    all_analyzed(world, but=(uid_of(1),))
    message = world.message(uid_of(1))

    world.now += ANSWERED_WITHIN
    world.measure()
    world.serve(message)
    outcome = world.serve(f"inbox/propose/{run}.open")

    assert outcome == f"{run}: 2 proposals stand, 0 findings were not opened, 1 clusters were not analyzed"


def test_a_cluster_that_fails_and_then_answers_in_time_is_not_named(tmp_path: Path) -> None:
    world = estate(tmp_path, 2)
    world.tenant.failing[uid_of(1)] = Upstream("Palette: HTTP 500")
    world.tick()
    served(world, world.message(uid_of(0)))
    served(world, world.message(uid_of(1)))
    world.tenant.failing.clear()

    world.deliver()

    assert world.named(world.run) == {}


def test_a_cluster_that_palette_refuses_to_show_is_named_at_once(tmp_path: Path) -> None:
    """No retry makes that better, so its message is done: a run that waited for it would never end."""
    world = estate(tmp_path, 2)
    world.tenant.failing[uid_of(1)] = BadInput("Palette: /v1/spectroclusters: HTTP 400")
    world.tick()

    world.deliver()

    assert world.ports.inbox.pending("propose") == []
    analysis = world.ports.documents.find(analysis_key(world.run, uid_of(1)))
    assert analysis is not None
    assert "HTTP 400" in str(analysis["refusals"])


def served(world: Estate, key: str) -> None:
    """Once; what fails stays in the queue."""
    try:
        world.serve(key)
    except Upstream:
        return
