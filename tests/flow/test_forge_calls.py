"""How often the forge is asked: a run over a hundred pull requests must stay within what a forge allows in an hour."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, make_world, shrink
from tests.flow.forge_doubles import Counting, on
from tests.judgement import POLICY
from trimtab.flow.merge import settle_one
from trimtab.lifecycle import State
from trimtab.records import FieldChange


def test_a_new_pull_request_takes_few_calls(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    forge = Counting(world.forge)

    on(world, forge).propose(shrink())

    assert world.life().state is State.AWAITING
    assert [call for call in forge.moving if call != "open_issue"] == ["commit_files", "open_pull_request", "reviews"]


def test_the_next_days_run_reads_an_unchanged_pull_request_twice_and_writes_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.later(hours=2)
    forge = Counting(world.forge)

    on(world, forge).propose(shrink())

    assert (forge.moving, forge.writes) == (["pull_request", "reviews"], [])


def test_a_wake_about_an_unchanged_pull_request_reads_it_twice_and_writes_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.webhook()
    forge = Counting(world.forge)

    on(world, forge)
    settle_one(world.life().planned().id, world.ports, world.now)

    assert (forge.moving, forge.writes) == (["pull_request", "reviews"], [])


@pytest.mark.security(22)
def test_what_merges_is_judged_a_second_time_on_everything_read_anew(tmp_path: Path) -> None:
    """The first look is from few reads; nothing that it remembers may merge, and nothing is asked twice in either."""
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    forge = Counting(world.forge)

    on(world, forge)
    settle_one(world.life().planned().id, world.ports, world.now)

    before = forge.calls[: forge.calls.index("set_check")]
    assert world.life().state is State.MERGED
    assert [call for call in before if call != "read_files"] == [
        "pull_request", "base_head", "rules", "reviews",
        "base_head", "rules", "pull_request", "commits", "merge_changes", "reviews",
    ]  # fmt: skip
    assert forge.calls[len(before) :] == ["set_check", "merge", "commits", "merge_changes"]


def test_several_findings_read_the_repos_rules_and_files_once(tmp_path: Path) -> None:
    roomy = ONE.replace(b"auto_merges_per_day: 2", b"share_of_pools_per_run: 1, share_of_pools_per_day: 1")
    world = make_world(tmp_path, roomy)
    forge = Counting(world.forge)
    system = replace(shrink(2).subject, pool="system")

    on(world, forge).propose(shrink(), shrink(2, subject=system, changes=(FieldChange(field="count", old="3", new="2"),)))

    assert len(world.lives()) == 2
    assert (forge.calls.count("rules"), forge.calls.count("list_files")) == (1, 1)
    assert forge.calls.count("open_pull_request") == 2
