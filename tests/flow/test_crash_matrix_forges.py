"""Promise 4 on every forge: killed at each write, an answer lost, all said twice, two at once: one branch, one pull request, one merge."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, Died, Fault, Mode, faulty, shrink, unlike
from tests.flow.forge_loop import Loop, loop_over, settled, tree
from tests.flow.test_crash_matrix import LOOPS, Step
from tests.forges.world import Fault as Accident
from tests.forges.worlds import WORLDS, world_of
from trimtab.errors import Upstream
from trimtab.lifecycle import State

KINDS = tuple(WORLDS)
HTTP = tuple(kind for kind in KINDS if kind != "local")
WAYS = ("approved", "rejected", "replanned")


@contextmanager
def loop(kind: str, root: Path, policy: bytes = ONE) -> Iterator[Loop]:
    root.mkdir(parents=True, exist_ok=True)
    (root / "forge").mkdir()
    with world_of(kind, root / "forge", tree(policy)) as outside:
        yield loop_over(outside, kind, root, policy)


def sweep(world: Loop) -> None:
    """An hour later the clock looks for what was left lying, and once more for what that did."""
    for _ in range(2):
        world.later(hours=1)
        world.measure()
        world.tick_verify()


def run(world: Loop, steps: tuple[Step, ...]) -> None:
    """Step after step; one that failed is delivered again, by a new process, until it does not. Then the sweep comes by."""
    for step in (*steps, sweep):
        for _ in range(6):
            try:
                step(world)
                break
            except (Died, Upstream):
                world.ports = replace(world.ports, forge=world.there.another())
        else:
            raise AssertionError(f"{step.__name__} never ended")


def writes(world: Loop) -> list[str]:
    """What was written to the forge, but for the page of everything that waits: it says what is so now, and may be told anew."""
    sent = (f"{request.method} {request.path}" for request in world.there.requests if request.is_write)
    return [request for request in sent if not re.search(r"/issues(/\d+)?$", request)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[dict[str, object], list[str], list[str]]]:
    """(how a loop ends, its writes to the forge's port, its writes over HTTP) when nothing goes wrong."""
    known: dict[tuple[str, str], tuple[dict[str, object], list[str], list[str]]] = {}

    def of(kind: str, way: str) -> tuple[dict[str, object], list[str], list[str]]:
        if (kind, way) not in known:
            policy, steps, end = LOOPS[way]
            with loop(kind, tmp_path_factory.mktemp(f"{kind}-{way}"), policy) as world:
                counted = Fault(0)
                world.ports = faulty(world.ports, counted)
                run(world, steps)
                assert world.life().state is end
                sent = writes(world)
                known[kind, way] = (settled(world), [name for name in counted.seen if name.startswith("forge.")], sent)
        return known[kind, way]

    return of


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_each_call_of_the_forge_the_end_is_the_same(
    kind: str, way: str, mode: Mode, tmp_path: Path, undisturbed: Callable[[str, str], tuple[dict[str, object], list[str], list[str]]]
) -> None:
    wanted, calls, _ = undisturbed(kind, way)
    policy, steps, _ = LOOPS[way]
    assert calls
    different = {}
    for k, name in enumerate(calls):
        with loop(kind, tmp_path / f"{k}", policy) as world:
            world.ports = faulty(world.ports, Fault(calls[: k + 1].count(name), mode, name))
            run(world, steps)
            if settled(world) != wanted:
                different[f"{k}: {name}"] = unlike(settled(world), wanted)

    assert different == {}


@pytest.mark.parametrize(("when", "how"), [("before", "502"), ("after", "drop")])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", HTTP)
def test_a_forge_that_fails_at_each_write_is_asked_again_and_told_nothing_twice(
    kind: str,
    way: str,
    when: str,
    how: str,
    tmp_path: Path,
    undisturbed: Callable[[str, str], tuple[dict[str, object], list[str], list[str]]],
) -> None:
    wanted, _, sent = undisturbed(kind, way)
    policy, steps, _ = LOOPS[way]
    assert sent
    different = {}
    for k, request in enumerate(sent):
        with loop(kind, tmp_path / f"{k}", policy) as world:
            world.there.break_next(Accident(match=request, when=when, how=how, skip=sent[:k].count(request)))  # type: ignore[arg-type]
            run(world, steps)
            if settled(world) != wanted:
                different[f"{k}: {request}"] = unlike(settled(world), wanted)

    assert different == {}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_said_twice_is_done_once(kind: str, tmp_path: Path) -> None:
    policy, steps, end = LOOPS["approved"]
    with loop(kind, tmp_path, policy) as world:
        run(world, steps)
        before, sent = settled(world), writes(world)

        for key in [*world.outcomes]:
            world.forget(key)
        world.deliver()

        assert settled(world) == before
        assert world.life().state is end
        assert writes(world) == sent


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_at_once_open_one_pull_request(kind: str, tmp_path: Path) -> None:
    with loop(kind, tmp_path) as world:
        other = replace(world, ports=replace(world.ports, forge=world.there.another()))

        def propose(which: Loop) -> None:
            for _ in range(6):
                try:
                    which.propose(shrink())
                except Upstream:
                    continue
                else:
                    return

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(propose, (world, other)))

        assert world.life().state is State.AWAITING
        assert len([branch for _, branch, _ in world.there.pull_requests() if branch.startswith("trimtab/")]) == 1
        assert len(world.cards()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_commit_that_a_person_pushes_at_any_moment_is_never_lost(kind: str, tmp_path: Path) -> None:
    """Also between what we read and what we write: the branch is theirs from then on."""
    with loop(kind, tmp_path) as world:
        world.propose(shrink())
        branch = world.life().planned().branch
        theirs = world.there.push(branch, {"notes.md": b"mine\n"})

        LOOPS["replanned"][1][-1](world)

        assert world.there.head(branch) == theirs
        assert world.life().state is State.HUMAN_OWNED
