"""A change that was merged and did harm, and what takes it back."""

from pathlib import Path

from tests.flow.flow_world import ONE, REPO, World, make_world, shrink
from trimtab.flow.life import Life
from trimtab.lifecycle import State


def forward(world: World) -> Life:
    """The life of the change itself."""
    (found,) = [life for life in world.lives() if life.planned().undoes is None]
    return found


def rollback(world: World) -> Life | None:
    """The life of what undoes it."""
    return next((life for life in world.lives() if life.planned().undoes is not None), None)


def kinds(world: World, life: Life) -> list[str]:
    return [entry.kind for entry in world.ports.ledger.entries(life.planned().stream)]


def applied(root: Path, policy: bytes = ONE) -> World:
    """Approved by a click, merged, applied, seen."""
    world = make_world(root, policy)
    world.propose(shrink())
    world.click("approve")
    world.apply()
    world.later(hours=1)
    world.tick_verify()
    assert forward(world).state is State.APPLIED
    return world


def worsen(world: World, hours: int = 2, pending: int = 4) -> None:
    """Pods wait, hour after hour, and every hour is looked at."""
    for _ in range(hours):
        world.later(hours=1)
        world.measure(pending=pending)
        world.tick_verify()


def turned_down(root: Path) -> tuple[World, str]:
    """(a world in which a person was asked for the rollback and closed it, that pull request's URL)."""
    world = applied(root)
    (approval,) = forward(world).approvals
    world.objects.delete(approval.key)
    worsen(world)
    back = rollback(world)
    assert back is not None
    assert back.pull_request is not None
    world.forge.close_pull_request(REPO, back.pull_request.number)
    return world, back.pull_request.url
