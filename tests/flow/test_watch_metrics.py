"""After the apply, by a real Prometheus: every five minutes, against the day before, and what it cannot say is held for a person."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.flow.flow_world import ALERTS_SECRET, ONE, REPO, YAML, World, make_world, shrink
from tests.flow.rollback_world import forward, kinds, rollback
from tests.judgement import CONFIG, NOW, UID
from tests.prometheus_servers import prometheus
from trimtab.adapters import http
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.flow.facts import load_facts
from trimtab.flow.ground import ground_of
from trimtab.flow.wake import tick_key
from trimtab.lifecycle import State
from trimtab.settings import MetricsEndpoint
from trimtab.sources.senders import Request

APPLIED = NOW + timedelta(hours=1)
EVERY = timedelta(minutes=1)
SLOS = (
    CONFIG
    + b"""\
watch:
  slos:
    - {name: slow, query: 'job_seconds{pool=$pool}', above: 2}
"""
)


@dataclass(frozen=True)
class Metric:
    """One series: its value from a time on; before that it is not there, unless it says 0."""

    text: str
    value: float
    start: datetime
    end: datetime = APPLIED + timedelta(hours=4)

    def lines(self) -> Iterator[str]:
        at = self.start
        while at <= self.end:
            yield f"{self.text.replace(', ', ',')} {self.value} {at.timestamp():.0f}"
            at += EVERY


POD = 'namespace="batch", pod="{}", uid="{}"'
SCRAPED = Metric("kube_pod_info{" + POD.format("a", "1") + ', node="n"}', 1, APPLIED - timedelta(hours=3))
SCRAPED_A_DAY = replace(SCRAPED, start=APPLIED - timedelta(hours=26))


def waits(pod: str, start: datetime, *, end: datetime = SCRAPED.end) -> Metric:
    return Metric("kube_pod_status_unschedulable{" + POD.format(pod, pod) + "}", 1, start, end)


def open_metrics(metrics: Sequence[Metric]) -> str:
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines()) + "# EOF\n"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """A Prometheus with these metrics, and a world whose change was merged at NOW and seen applied an hour later."""
    with ExitStack() as stack:

        def started(*metrics: Metric, config: bytes = CONFIG) -> World:
            world = make_world(tmp_path / "world", ONE, config=config)
            url = stack.enter_context(prometheus(tmp_path / "prometheus", open_metrics(metrics))) if metrics else "http://127.0.0.1:9"
            client = stack.enter_context(http.client([], private=["127.0.0.1"]))
            settings = world.ports.settings.model_copy(update={"metrics": (MetricsEndpoint(cluster_uid=UID, url=url),)})
            world.ports = replace(world.ports, settings=settings, metrics=lambda _: PrometheusMetrics(url, client, sleep=lambda _: None))
            return world

        yield started


def applied(world: World) -> World:
    world.propose(shrink())
    world.tick_verify()
    world.click("approve")
    world.apply()
    world.later(hours=1)
    world.tick_verify()
    assert forward(world).state is State.APPLIED
    return world


def ticks(world: World, count: int) -> None:
    """The clock, every five minutes."""
    for _ in range(count):
        world.later(minutes=5)
        world.serve(tick_key("verify", world.now), b"{}")
        world.deliver()


def test_pods_that_find_no_place_after_the_apply_are_undone_within_the_hour(start: Callable[..., World]) -> None:
    world = applied(start(SCRAPED_A_DAY, waits("b", APPLIED + timedelta(minutes=12))))

    ticks(world, 6)

    back = rollback(world)
    assert "pods without a place for over two minutes: 1, on the day before at most 0" in forward(world).regression
    assert back is not None
    assert (back.state, world.main_file()) == (State.MERGED, YAML)


def test_a_pod_that_waits_while_nodes_drain_is_no_regression(start: Callable[..., World]) -> None:
    drained = APPLIED + timedelta(minutes=14)
    world = applied(start(SCRAPED_A_DAY, waits("b", APPLIED, end=drained)))

    ticks(world, 12)

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_what_was_as_bad_before_the_apply_is_not_this_changes_doing(start: Callable[..., World]) -> None:
    world = applied(start(SCRAPED_A_DAY, waits("b", APPLIED - timedelta(hours=5))))

    ticks(world, 12)

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_what_got_worse_before_anybody_saw_the_apply_is_not_how_it_was_before(start: Callable[..., World]) -> None:
    """The ticks between the merge and the apply were lost: what nobody looked at is no day before."""
    world = applied(start(SCRAPED_A_DAY, waits("b", APPLIED - timedelta(minutes=45))))

    ticks(world, 6)

    assert "1, on the day before at most 0" in forward(world).regression


def test_what_got_worse_while_ticks_were_lost_is_found_by_the_next_one(start: Callable[..., World]) -> None:
    hurt = waits("b", APPLIED + timedelta(minutes=30), end=APPLIED + timedelta(minutes=90))
    world = applied(start(replace(SCRAPED_A_DAY, end=APPLIED + timedelta(hours=7)), hurt))
    ticks(world, 4)
    before = forward(world).regression
    world.later(hours=6)

    ticks(world, 1)

    assert before == ""
    assert "1, on the day before at most 0" in forward(world).regression


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kube_pod_status_reason{namespace="a", pod="p", uid="u", reason="Evicted"}', "evicted pods: 1"),
        ('kube_deployment_status_condition{namespace="a", deployment="d", condition="ReplicaFailure", status="true"}', "not let in, as by"),
    ],
)
def test_each_signal_that_gets_worse_is_named(start: Callable[..., World], text: str, said: str) -> None:
    world = applied(start(SCRAPED_A_DAY, Metric(text, 1, APPLIED + timedelta(minutes=12))))

    ticks(world, 6)

    assert said in forward(world).regression


def test_an_autoscaler_that_comes_to_its_maximum_is_a_regression(start: Callable[..., World]) -> None:
    hpa = 'namespace="a", horizontalpodautoscaler="h"'
    most = Metric(f"kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}}", 5, SCRAPED_A_DAY.start)
    few = Metric(f"kube_horizontalpodautoscaler_status_current_replicas{{{hpa}}}", 3, SCRAPED_A_DAY.start, APPLIED + timedelta(minutes=12))
    many = replace(few, value=5, start=APPLIED + timedelta(minutes=13), end=few.end + timedelta(hours=3))
    world = applied(start(SCRAPED_A_DAY, most, few, many))

    ticks(world, 6)

    assert "autoscalers of workloads at their maximum: 1" in forward(world).regression


def killed(*minutes: float, pod: str = "p", since: timedelta = timedelta()) -> tuple[Metric, ...]:
    """A container whose restarts are counted from hours before the apply on, and that is killed for memory at these minutes after it."""
    container = f'namespace="a", pod="{pod}", uid="{pod}", container="c"'
    begin = APPLIED - since
    ends = [begin, *(APPLIED + timedelta(minutes=minute) for minute in minutes), SCRAPED.end]
    restarts = [
        Metric(f"kube_pod_container_status_restarts_total{{{container}}}", number, start, end - EVERY)
        for number, (start, end) in enumerate(pairwise(ends))
    ]
    why = Metric(f'kube_pod_container_status_last_terminated_reason{{{container}, reason="OOMKilled"}}', 1, ends[1])
    return (*restarts, why)


def test_containers_killed_for_memory_again_and_again_are_a_regression(start: Callable[..., World]) -> None:
    world = applied(start(SCRAPED_A_DAY, *killed(*range(12, 60, 5))))

    ticks(world, 8)

    assert "killed for memory within a quarter of an hour, in namespaces with more than one: " in forward(world).regression


def test_one_container_that_is_killed_once_is_no_regression(start: Callable[..., World]) -> None:
    """Every cluster has that on some day, and the day before says nothing of what is so rare."""
    world = applied(start(SCRAPED_A_DAY, *killed(27.0, since=timedelta(hours=3))))

    ticks(world, 20)

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_replicas_that_are_killed_one_after_the_other_are_a_regression(start: Callable[..., World]) -> None:
    """Each of them only once: what counts is the namespace."""
    world = applied(start(SCRAPED_A_DAY, *killed(27.0, pod="p"), *killed(28.0, pod="q"), *killed(29.0, pod="r")))

    ticks(world, 10)

    assert "killed for memory" in forward(world).regression


def test_what_is_killed_while_nodes_drain_does_not_count_later_either(start: Callable[..., World]) -> None:
    """A look at a quarter of an hour reaches back: the first ones would still see the ten minutes that do not count."""
    world = applied(start(SCRAPED_A_DAY, *killed(7.0, 8.0, 9.0)))

    ticks(world, 20)

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_what_was_killed_as_often_before_the_apply_is_not_this_changes_doing(start: Callable[..., World]) -> None:
    world = applied(start(SCRAPED_A_DAY, *killed(*range(-300, 100, 5), since=timedelta(hours=6))))

    ticks(world, 10)

    assert (forward(world).regression, rollback(world)) == ("", None)


def test_an_slo_of_the_config_that_breaks_is_a_regression(start: Callable[..., World]) -> None:
    good = Metric('job_seconds{pool="batch"}', 1, SCRAPED_A_DAY.start, APPLIED + timedelta(minutes=12))
    bad = replace(good, value=3, start=APPLIED + timedelta(minutes=13), end=APPLIED + timedelta(hours=4))
    world = applied(start(SCRAPED_A_DAY, good, bad, config=SLOS))

    ticks(world, 6)

    assert "SLO slow of batch is broken, and was not on the day before" in forward(world).regression


def test_metrics_that_stop_are_no_health_and_a_person_is_called_once(start: Callable[..., World]) -> None:
    """Missing metrics hold: neither well nor undone."""
    world = applied(start(replace(SCRAPED_A_DAY, end=APPLIED + timedelta(minutes=20))))

    ticks(world, 24)

    assert (forward(world).state, rollback(world)) == (State.APPLIED, None)
    assert kinds(world, forward(world)).count("inconclusive") == 1
    (said,) = [text for text in world.said() if "a person should look" in text]
    assert "not measured now" in said


def test_a_store_that_does_not_answer_is_no_health_and_no_failure_of_the_tick(start: Callable[..., World]) -> None:
    world = applied(start())

    ticks(world, 15)

    assert kinds(world, forward(world)).count("inconclusive") == 1
    assert world.outcomes[tick_key("verify", world.now)].endswith("is applied")


def test_an_alert_wakes_a_look_between_two_ticks_and_many_of_one_minute_are_one(start: Callable[..., World]) -> None:
    world = applied(start(SCRAPED_A_DAY, waits("b", APPLIED + timedelta(minutes=12))))
    world.later(minutes=31)

    told = [alerted(world, name) for name in ("Pending", "Slow")]

    assert told[1] == "looked at in this minute already"
    assert rollback(world) is not None


def test_an_open_proposal_waits_while_an_slo_is_broken_or_was_not_read(start: Callable[..., World]) -> None:
    world = start(SCRAPED_A_DAY, Metric('job_seconds{pool="batch"}', 3, SCRAPED_A_DAY.start), config=SLOS)
    world.propose(shrink())
    unread = load(world)
    world.tick_verify()
    broken = load(world)
    world.later(hours=1)
    stale = load(world)

    assert unread == ("slow (not read lately)",)
    assert broken == ("slow",)
    assert stale == ("slow (not read lately)",)


def alerted(world: World, name: str) -> str:
    """Alertmanager calls."""
    body = json.dumps({"version": "4", "status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": name}}]}).encode()
    key = world.receive(Request("/alertmanager", {"authorization": f"Bearer {ALERTS_SECRET}"}, body))
    world.deliver()
    return world.outcomes[key]


def load(world: World) -> tuple[str, ...]:
    ground = ground_of(REPO, world.ports)
    return load_facts(world.life(), world.ports, ground, world.now, is_thorough=False, seen=None).burning
