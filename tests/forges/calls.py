"""How many requests one pull request costs, over the real flow and the real adapters: what one more costs than none.

What is read once per repo or run (token, files, rules) is in both, so the difference has none of it.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tests.flow.flow_world import ONE, shrink
from tests.flow.forge_loop import Loop, loop_over, tree
from tests.forges.gitlab.world import GitLabWorld
from tests.forges.world import Request
from tests.forges.worlds import world_of
from tests.judgement import UID
from trimtab.lifecycle import State
from trimtab.records import FieldChange, Finding, Subject

POLICY = ONE.replace(b"auto_merges_per_day: 2", b"auto_merges_per_day: 2, share_of_pools_per_run: 1.0, share_of_pools_per_day: 1.0")


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests of one pull request."""

    new: tuple[Request, ...]
    """Those of the run that opened two of them, without what a run that opens one sends too."""
    unchanged: tuple[Request, ...]
    """Those of a later run with the same evidence for both."""


def calls_of(kind: str, folder: Path) -> Calls:
    """Measured in two worlds that differ by one finding."""
    new: list[list[Request]] = []
    same: list[list[Request]] = []
    for findings in ((shrink(),), (shrink(), fewer_system())):
        place = folder / f"{kind}-{len(findings)}"
        place.mkdir(parents=True)
        with world_of(kind, place, tree(POLICY)) as outside:
            loop = loop_over(outside, kind, place / "flow", POLICY)
            new.append(_requests(loop, findings))
            loop.later(minutes=5)
            if isinstance(outside, GitLabWorld):
                # By then GitLab has long worked out what it works on.
                outside.settle()
            loop.ports = replace(loop.ports, forge=outside.another())
            same.append(_requests(loop, findings))
            assert all(life.state is State.AWAITING for life in loop.lives()), [life.state for life in loop.lives()]
            assert len(loop.lives()) == len(findings)
    return Calls(_beyond(new[0], new[1]), _beyond(same[0], same[1]))


def fewer_system() -> Finding:
    """A second finding, about another pool."""
    whole = shrink()
    return replace(
        whole,
        subject=Subject(cluster_uid=UID, pool="system", field="count"),
        changes=(FieldChange(field="count", old="3", new="2"),),
        nodes_old=3,
        nodes_new=2,
    )


def _requests(loop: Loop, findings: tuple[Finding, ...]) -> list[Request]:
    before = len(loop.there.requests)
    loop.propose(*findings)
    return list(loop.there.requests)[before:]


def _beyond(fewer: list[Request], more: list[Request]) -> tuple[Request, ...]:
    """What the longer list has and the shorter one has not, apart from numbers and commit ids in paths."""
    spare = Counter(_shape(request) for request in fewer)
    beyond = []
    for request in more:
        if spare[_shape(request)] > 0:
            spare[_shape(request)] -= 1
        else:
            beyond.append(request)
    assert not +spare, f"one pull request less asks for something that one more does not: {+spare}"
    return tuple(beyond)


def _shape(request: Request) -> str:
    return f"{request.method} {re.sub(r'[0-9a-f]{40}|[0-9]+', '#', request.path)}"
