"""Who is asked to look, how a pull request is labeled, and how many there may be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import ONE, PATH, REPO, YAML, World, make_world, shrink
from tests.flow.forge_doubles import Counting, on
from tests.judgement import CONFIG, POLICY
from trimtab.errors import Upstream
from trimtab.flow.code_owners import rules_for
from trimtab.flow.ground import ground_of
from trimtab.flow.merge import settle_one
from trimtab.lifecycle import State
from trimtab.records import FieldChange, Finding, MergeRefused

CODEOWNERS = {"CODEOWNERS": b"* @everybody\nclusters/ @acme/platform @ml-owner mail@example.com @trimtab[bot]\n"}


def asked(world: World) -> list[str]:
    reviewers = world.forge.desk(REPO).opened(1)["reviewers"]
    assert isinstance(reviewers, list)
    return reviewers


def other(pool: str = "system", old: str = "3", new: str = "2") -> Finding:
    subject = replace(shrink().subject, pool=pool)
    return shrink(int(new), subject=subject, changes=(FieldChange(field="count", old=old, new=new),), nodes_old=int(old))


def test_the_code_owners_of_the_base_are_asked(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.push_main(CODEOWNERS)

    world.propose(shrink())

    assert asked(world) == ["@acme/platform", "ml-owner"]


@pytest.mark.parametrize(
    ("content", "needs"),
    [
        (b"/docs/ @docs\n", False),
        (b"/clusters/ @ops\n", True),
        (b"# What is too large to be read may give any file an owner.\n" * 60_000, True),
    ],
)
def test_where_the_forge_asks_code_owners_a_file_that_may_have_one_waits(content: bytes, tmp_path: Path, *, needs: bool) -> None:
    world = make_world(tmp_path, POLICY)
    world.push_main({"CODEOWNERS": content})
    ground = ground_of(REPO, world.ports)
    asking = replace(ground, rules=replace(ground.rules, requires_review=False, asks_code_owners=True))

    assert rules_for(REPO, PATH, asking, world.ports).requires_review is needs


def test_without_code_owners_whoever_may_approve_is_asked(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    world.propose(shrink())

    assert set(asked(world)) == {"ml-owner", "platform-owner"}


def test_nobody_is_asked_to_look_at_what_merges_by_itself(tmp_path: Path) -> None:
    world = make_world(tmp_path, POLICY)
    world.push_main(CODEOWNERS)

    world.propose(shrink())

    assert asked(world) == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (b"", ("trimtab", "cost")),
        (b"labels: [finops, 'risk:{risk}', 'env:{environment}']\n", ("finops", "risk:low", "env:nonproduction")),
        (b"labels: []\n", ()),
    ],
)
def test_labels_are_as_the_config_says(tmp_path: Path, labels: bytes, expected: tuple[str, ...]) -> None:
    world = make_world(tmp_path, ONE, config=CONFIG + labels)

    world.propose(shrink())

    assert world.pull().labels == expected


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def limited(tmp_path: Path, **limits: object) -> World:
    roomy = {"share_of_pools_per_run": 1, "share_of_pools_per_day": 1} | limits
    told = ", ".join(f"{name}: {value}" for name, value in roomy.items())
    return make_world(tmp_path, ONE.replace(b"auto_merges_per_day: 2", told.encode()))


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ({"pull_requests_per_hour": 1}, "limits.pull_requests_per_hour: 1 were opened in this hour"),
        ({"commits_per_hour": 1}, "limits.commits_per_hour: 1 were pushed in this hour"),
        ({"open_at_once": 1}, "open-limit: 1 are open"),
        ({"share_of_pools_per_run": 0.3}, "breaker: this run touches 50% of all pools"),
        ({"share_of_pools_per_day": 0.3}, "breaker-of-the-day: the runs of this day touch 50% of all pools"),
    ],
)
def test_each_limit_holds_the_second_back_and_names_itself(tmp_path: Path, limit: dict[str, object], why: str) -> None:
    world = limited(tmp_path, **limit)

    world.propose(shrink(), other())

    assert world.forge.desk(REPO).numbers() == [1]
    assert why in world.refused()


def test_the_breaker_of_the_day_counts_over_runs_and_forgets_over_night(tmp_path: Path) -> None:
    world = limited(tmp_path, share_of_pools_per_day=0.3)
    world.propose(shrink())
    world.later(hours=2)
    world.measure()
    world.propose(shrink(), other())
    same_day = world.forge.desk(REPO).numbers()
    world.later(days=1)
    world.measure()

    world.propose(shrink(end=world.now.replace(hour=0)), replace(other(), evidence=shrink(end=world.now.replace(hour=0)).evidence))

    assert (same_day, world.forge.desk(REPO).numbers()) == ([1], [1, 2])


def test_a_base_that_moves_elsewhere_causes_no_push(tmp_path: Path) -> None:
    """Nine open pull requests and a merge would else be nine runs of every check."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    head = world.pull().head
    world.push_main({"README.md": b"hello\n"})

    world.webhook("again")

    assert world.pull().head == head


def test_a_file_that_moves_is_followed_within_the_limit_on_pushes(tmp_path: Path) -> None:
    world = limited(tmp_path, commits_per_hour=2)
    world.propose(shrink())
    heads = []
    for n in range(3):
        world.push_main({PATH: YAML.replace(b"# a comment that stays", b"# comment %d" % n)})
        world.later(minutes=1)
        world.webhook(f"again {n}")
        heads.append(world.pull().head)
    held = world.life().held
    world.later(hours=1)
    world.webhook("an hour later")

    assert heads[1] == heads[2] != world.pull().head
    assert held.startswith("limits.commits_per_hour: 2 were pushed")
    assert world.kinds().count("held") == 1
    assert world.life().held == ""


def test_a_forge_that_wants_the_newest_base_gets_the_change_on_top_of_it(tmp_path: Path) -> None:
    """Strict checks refuse what is behind; only then is it worth a push."""
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    moved = world.push_main({"README.md": b"hello\n"})

    class Strict(Counting):
        """Merges only what is on the newest base."""

        def merge(self, repo: str, number: int, **how: Any) -> Any:
            if self.forge.commits(repo, moved, how["head"])[0].parents != (moved,):
                return MergeRefused(reason="base-moved", detail="behind")
            return self.forge.merge(repo, number, **how)

    on(world, Strict(world.forge))
    world.webhook("first")
    between = (world.life().state, world.life().planned().base)
    world.webhook("pushed")

    assert between == (State.OPEN, moved)
    assert world.life().state is State.MERGED


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_merged_before_and_back_again_is_opened_and_never_merged_by_itself(tmp_path: Path) -> None:
    """Somebody took it back: merging it by itself again would go on for ever."""
    world = make_world(tmp_path, POLICY)
    world.propose(shrink())
    world.webhook()
    first = world.life().merged_by
    world.later(hours=1)
    world.apply()
    world.measure()
    world.tick_verify()
    world.later(days=40)
    world.tick_verify()
    over = world.life().state
    world.push_main({PATH: YAML})
    world.apply(6)
    world.now = world.now.replace(hour=10)
    world.measure()

    world.propose(shrink(end=world.now.replace(hour=0)))
    settle_one(world.life().planned().id, world.ports, world.now)

    assert (first, over) == ("trimtab", State.VERIFIED)
    assert world.forge.desk(REPO).numbers() == [1, 2]
    assert (world.life().state, world.merges()) == (State.AWAITING, 1)
    assert "was turned down or undone before" in world.forge.pull_request(REPO, 2).body


def test_what_took_the_place_of_a_superseded_one_is_linked_there(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.later(days=1)
    world.measure()
    smaller = FieldChange(field="instance_type", old="m6i.2xlarge", new="m6i.xlarge")
    end = world.now.replace(hour=0)
    instead = shrink(6, end=end, subject=replace(shrink().subject, field="instance_type"), changes=(smaller,), nodes_new=6)

    world.propose(instead)
    world.later(hours=1)
    world.propose(instead)

    comments = [comment.text for comment in world.forge.comments(REPO, 1)]
    assert world.forge.pull_request(REPO, 1).state == "closed"
    assert len([text for text in comments if text.startswith("Replaced by local://pulls/gitops/2")]) == 1


def test_a_merge_that_fails_without_a_reason_is_tried_again_with_the_next_delivery(tmp_path: Path) -> None:
    """The forge had an accident: the yes stands, and nobody has to press the button again."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())

    class Stumbling(Counting):
        """Does not merge the first time it is asked to, and does not say why."""

        def merge(self, repo: str, number: int, **how: Any) -> Any:
            self.calls.append("merge")
            if self.calls.count("merge") == 1:
                return MergeRefused(reason="unknown", detail="502")
            return self.forge.merge(repo, number, **how)

    on(world, Stumbling(world.forge))
    with pytest.raises(Upstream, match="did not merge it and gave no reason"):
        world.click("approve")

    world.deliver()

    assert (world.life().state, world.merges()) == (State.MERGED, 1)
    assert world.answers()[-1] == "Your approve is recorded; the proposal is merged."
