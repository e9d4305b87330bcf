"""Promise 4 at every call of every port, reads too: a service does not answer, or its answer is lost, or the process ends; one end.

The matrix of writes (test_crash_matrix.py) kills; this one also fails what only looks, in receive, propose, merge, verify and alert.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.accidents import Accident, Way, hooked
from tests.flow.flow_world import ONE, World, make_world, projection, shrink, unlike
from tests.judgement import POLICY
from trimtab.lifecycle import State

IS_NIGHTLY = bool(os.environ.get("TRIMTAB_NIGHTLY"))
NOTICE = {
    "source": "aws-sns",
    "subject": "AWS Budgets",
    "message": "AWS Account 123456789012\n\nBudget Name: batch-monthly\nBudget Type: Cost\nBudgeted Amount: $30.00\nAlert Type: ACTUAL\n"
    "Alert Threshold: > $24.00\nACTUAL Amount: $36.69",
}
WAYS: tuple[Way, ...] = ("down", "lost", "before", "after")
Step = Callable[[World], None]


def _propose(world: World) -> None:
    world.propose(shrink())


def _webhook(world: World) -> None:
    world.webhook()


def _approve(world: World) -> None:
    world.click("approve")


def _review(world: World) -> None:
    if not world.forge.reviews("gitops", 1):
        world.review()
    world.webhook("submitted")


def _reject(world: World) -> None:
    world.click("reject")


def _notice(world: World) -> None:
    world.serve("inbox/notice/batch-24", json.dumps(NOTICE, sort_keys=True).encode())
    world.deliver()


def _verify(world: World) -> None:
    world.now = world.now.replace(hour=11)
    world.apply()
    world.measure()
    world.tick_verify()


LOOPS: dict[str, tuple[bytes, tuple[Step, ...], State]] = {
    "approved": (ONE, (_propose, _webhook, _approve, _verify), State.APPLIED),
    "reviewed": (ONE, (_propose, _review, _verify), State.APPLIED),
    "by itself": (POLICY, (_propose, _webhook), State.MERGED),
    "rejected": (ONE, (_propose, _reject), State.REJECTED),
    "told": (ONE, (_propose, _notice), State.AWAITING),
}


def _run(world: World, steps: tuple[Step, ...], accident: Accident) -> None:
    """Step after step, and what they left in the queues."""
    world.survive(hooked(world.ports, accident), *steps)
    world.deliver()


def _settled(world: World) -> dict[str, object]:
    """What matters at the end, with what was said to the owners of budgets."""
    return projection(world) | {"alerts": sorted(stream for stream in world.ports.ledger.heads() if not stream.startswith("proposals/"))}


def _chosen(seen: list[str]) -> list[tuple[int, Way]]:
    """Every call in every way by night; by day the first and the last of each call, in one way after the other."""
    if IS_NIGHTLY:
        return [(k, way) for k in range(1, len(seen) + 1) for way in WAYS]
    ends = {name: (seen.index(name) + 1, len(seen) - seen[::-1].index(name)) for name in seen}
    return [(k, WAYS[n % len(WAYS)]) for n, k in enumerate(sorted({k for pair in ends.values() for k in pair}))]


@pytest.mark.slow
@pytest.mark.parametrize("loop", sorted(LOOPS))
def test_whichever_call_of_a_port_goes_wrong_the_end_is_the_same(loop: str, tmp_path: Path) -> None:
    policy, steps, end = LOOPS[loop]
    undisturbed, counted = make_world(tmp_path / "whole", policy), Accident(0)
    _run(undisturbed, steps, counted)
    wanted = _settled(undisturbed)
    assert undisturbed.life().state is end

    different = {}
    for k, way in _chosen(counted.seen):
        world = make_world(tmp_path / f"{k}-{way}", policy)
        _run(world, steps, Accident(k, way))
        if _settled(world) != wanted:
            different[f"{k}: {way}: {counted.seen[k - 1]}"] = unlike(_settled(world), wanted)

    assert different == {}


def test_every_port_that_a_decision_needs_is_in_the_matrix(tmp_path: Path) -> None:
    """The store, the permit, the forge, the chat and Palette: each is called, and so each went wrong above."""
    world, counted = make_world(tmp_path, ONE), Accident(0)

    _run(world, LOOPS["approved"][1], counted)

    assert {name.partition(".")[0] for name in counted.seen} >= {"inbox", "ledger", "permit", "documents", "forge", "chat", "palette"}
