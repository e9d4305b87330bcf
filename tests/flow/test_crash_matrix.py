"""Promise 4: the process dies at every single write, before it, after it, or without hearing the answer; the end is always the same."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, Fault, Mode, World, faulty, fits, make_world, projection, shrink, unlike
from tests.flow.group_world import apply, each, group_world, measure
from tests.judgement import NOW, POLICY
from trimtab.lifecycle import State


def _propose(world: World) -> None:
    world.propose(shrink())


def _webhook(world: World) -> None:
    world.webhook()


def _approve(world: World) -> None:
    world.click("approve")


def _reject(world: World) -> None:
    world.click("reject")


def _verify(world: World) -> None:
    world.now = NOW + timedelta(hours=1)
    world.apply()
    world.measure()
    world.tick_verify()


def _vanish(world: World) -> None:
    """The next day's run finds the pool right."""
    world.now = NOW + timedelta(days=1)
    world.measure()
    world.propose(refusals=(fits(),))


def _replan(world: World) -> None:
    """The next day's run wants one node less still."""
    world.now = NOW + timedelta(days=1)
    world.measure()
    world.propose(shrink(4, end=world.now.replace(hour=0)))


def _propose_together(world: World) -> None:
    world.propose(*each(world))


def _propose_fewer(world: World) -> None:
    """The next day's run finds one of three pools right."""
    world.now = NOW + timedelta(days=1)
    measure(world)
    world.propose(*each(world, "batch", "web"), refusals=(fits(name="ml"),))


def _verify_together(world: World) -> None:
    world.now = NOW + timedelta(days=1, hours=1)
    apply(world, "batch", "web")
    measure(world)
    world.tick_verify()


Step = Callable[[World], None]
LOOPS: dict[str, tuple[bytes, tuple[Step, ...], State]] = {
    "approved": (ONE, (_propose, _webhook, _approve, _verify), State.APPLIED),
    "by itself": (POLICY, (_propose, _webhook), State.MERGED),
    "rejected": (ONE, (_propose, _reject), State.REJECTED),
    "superseded": (ONE, (_propose, _vanish), State.SUPERSEDED),
    "replanned": (ONE, (_propose, _replan), State.AWAITING),
}


def _run(world: World, steps: tuple[Step, ...], fault: Fault) -> None:
    world.survive(faulty(world.ports, fault), *steps)


TOGETHER: tuple[Step, ...] = (_propose_together, _propose_fewer, _approve, _verify_together)
"""Three changes of one file, one of which leaves before the others are approved and merged."""
MODES: tuple[Mode, Mode] = ("after", "lost")
CASES = [
    ("approved", "after", "after"),
    ("approved", "lost", "lost"),
    *((loop, *MODES) for loop in ("rejected", "superseded", "replanned")),
]
"""(loop, how it ends at odd writes, and at even ones). Dying before the write n + 1 is dying after the write n."""


@pytest.mark.parametrize(("loop", "odd", "even"), CASES)
def test_whichever_write_the_process_dies_at_the_end_is_the_same(loop: str, odd: Mode, even: Mode, tmp_path: Path) -> None:
    policy, steps, end = LOOPS[loop]
    undisturbed, fault = make_world(tmp_path / "whole", policy), Fault(0)
    _run(undisturbed, steps, fault)
    wanted = projection(undisturbed)
    assert undisturbed.life().state is end

    different = {}
    for k in range(1, len(fault.seen) + 1):
        world = make_world(tmp_path / f"{k}", policy)
        _run(world, steps, Fault(k, odd if k % 2 else even))
        if projection(world) != wanted:
            different[f"{k}: {fault.seen[k - 1]}"] = unlike(projection(world), wanted)

    assert different == {}


@pytest.mark.parametrize(("odd", "even"), [("after", "lost"), ("lost", "after")])
def test_whichever_write_a_group_dies_at_its_end_is_the_same(odd: Mode, even: Mode, tmp_path: Path) -> None:
    """Members that leave, an approval, one merge, and a memory of each: all of it survives a process that ends anywhere."""
    undisturbed, fault = group_world(tmp_path / "whole"), Fault(0)
    _run(undisturbed, TOGETHER, fault)
    wanted = projection(undisturbed)
    assert undisturbed.life().state is State.APPLIED

    different = {}
    for k in range(1, len(fault.seen) + 1):
        world = group_world(tmp_path / f"{k}")
        _run(world, TOGETHER, Fault(k, odd if k % 2 else even))
        if projection(world) != wanted:
            different[f"{k}: {fault.seen[k - 1]}"] = unlike(projection(world), wanted)

    assert different == {}


def test_dying_before_the_very_first_write_changes_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    _run(world, (_propose,), Fault(1, "before"))

    assert (world.life().state, len(world.cards())) == (State.AWAITING, 1)
