"""Who somebody is on a forge, who had a hand in a file, and which branches are ours: the same of every forge."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from tests.forges.github import acts, commits
from tests.forges.github.book import Token
from tests.forges.github.world import GitHubWorld
from tests.forges.gitlab import plumbing
from tests.forges.gitlab.records import Push
from tests.forges.gitlab.world import GitLabWorld
from tests.forges.world import GROUP, OWNER, READER, REPO, Fault, ForgeWorld
from tests.forges.worlds import REMOTE, WORLDS, world_of
from trimtab.adapters.histories import Move, movers
from trimtab.errors import Refused, Upstream
from trimtab.records import CommitSha

EKS, RULES = "clusters/eks.yaml", ".trimtab/policy.yaml"
FILES = {EKS: b"count: 6\n", RULES: b"version: 1\n", "README.md": b"# Clusters\n"}
BRANCH = "trimtab/training/workers/count"
ADMIN = "platform-owner"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgeWorld]:
    with world_of(request.param, tmp_path, FILES) as made:
        # Long ago, so that how the repo began is nobody's recent change.
        made.push("main", {"README.md": b"# Clusters, since long\n"}, ADMIN)
        made.pass_days(30)
        yield made


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgeWorld]:
    with world_of(request.param, tmp_path, FILES) as made:
        yield made


def touched(world: ForgeWorld, *paths: str) -> set[str]:
    """Who had a hand in these within the week, without whoever does nothing but work for the repo's forge itself."""
    world.forge.forget()
    found = world.forge.touched_by(REPO, "main", paths or (".trimtab", EKS), world.now - timedelta(days=7))
    assert found is not None
    return set(found - {"web-flow"})


def merged(world: ForgeWorld, path: str, *, author: str, merger: str) -> None:
    """A person's pull request that another person merges."""
    world.push("by-hand", {path: b"changed: true\n"}, author)
    number = world.open("by-hand", "By hand", author)
    if isinstance(world, GitLabWorld):
        world.project.needs_pipeline = False
    world.merge(number, merger)


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_somebody_who_may_write_is_active_however_the_login_is_spelled(world: ForgeWorld) -> None:
    assert world.forge.account(REPO, OWNER) == "active"
    assert world.forge.account(REPO, OWNER.upper()) == "active"


@pytest.mark.security(22)
def test_somebody_who_lost_access_is_gone_at_the_next_look(world: ForgeWorld) -> None:
    before = world.forge.account(REPO, OWNER)
    world.remove(OWNER)
    world.forge.forget()

    assert (before, world.forge.account(REPO, OWNER)) == ("active", "gone")


def test_a_bot_is_no_person(world: ForgeWorld) -> None:
    assert world.forge.account(REPO, world.forge.login) == "bot"


def test_a_login_that_nobody_has_is_gone(remote: ForgeWorld) -> None:
    assert remote.forge.account(REPO, "nobody-at-all") == "gone"


def test_somebody_who_may_only_read_is_not_active(remote: ForgeWorld) -> None:
    """Their review would not count there, so neither does their click."""
    assert remote.forge.account(REPO, READER) == "gone"


def test_a_login_made_of_path_signs_asks_about_nobody(remote: ForgeWorld) -> None:
    assert remote.forge.account(REPO, "../../user") == "gone"
    assert remote.forge.account(REPO, f"{OWNER}?x=/") == "gone"


def test_a_blocked_account_is_gone_on_gitlab(tmp_path: Path) -> None:
    with world_of("gitlab", tmp_path, FILES) as made:
        world = cast("GitLabWorld", made)
        object.__setattr__(world.user(OWNER), "state", "blocked")

        assert world.forge.account(REPO, OWNER) == "gone"


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_group_is_who_is_in_it_now(world: ForgeWorld) -> None:
    before = world.forge.members(GROUP)
    world.set_group(GROUP, [ADMIN])
    world.forge.forget()

    assert (before, world.forge.members(GROUP)) == ((OWNER, ADMIN), (ADMIN,))


def test_a_group_that_is_not_there_is_none(world: ForgeWorld) -> None:
    assert world.forge.members("acme/nobody") is None


def test_an_empty_group_has_nobody(world: ForgeWorld) -> None:
    world.set_group("acme/empty", [])

    assert world.forge.members("acme/empty") == ()


def test_every_page_of_a_large_group_is_read(remote: ForgeWorld) -> None:
    logins = sorted(f"person-{n:03d}" for n in range(230))
    remote.set_group("acme/everybody", logins)

    assert remote.forge.members("acme/everybody") == tuple(logins)


def test_a_team_is_refused_by_name_where_the_app_may_not_read_teams(tmp_path: Path) -> None:
    """The right is asked for only where a team is named, so nothing else needs it."""
    with world_of("github", tmp_path, FILES) as made:
        world = cast("GitHubWorld", made)
        del world.writer.permissions["members"]

        assert world.forge.base_head(REPO, "main")
        with pytest.raises(Refused, match="members read"):
            world.forge.members(GROUP)


# ── hands ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(13)
def test_who_pushed_a_change_of_the_rules_had_a_hand_in_it(world: ForgeWorld) -> None:
    world.push("main", {RULES: b"version: 1\nrules: []\n"}, "reviewer")

    assert touched(world) == {"reviewer"}


@pytest.mark.security(13)
def test_author_and_merger_of_a_pull_request_both_had_a_hand_in_it(world: ForgeWorld) -> None:
    merged(world, EKS, author="reviewer", merger=OWNER)

    assert touched(world) == {"reviewer", OWNER}


def test_a_change_of_another_file_is_nobodys_hand(world: ForgeWorld) -> None:
    world.push("main", {"README.md": b"# More\n", ".trimtabs/other.yaml": b"x: 1\n"}, "reviewer")

    assert touched(world) == set()


def test_a_week_later_it_is_nobodys_any_more(world: ForgeWorld) -> None:
    world.push("main", {EKS: b"count: 7\n"}, "reviewer")
    world.pass_days(8)

    assert touched(world) == set()


def test_nothing_moved_for_months_is_nobodys_hand(world: ForgeWorld) -> None:
    world.pass_days(90)

    assert touched(world) == set()


def test_two_files_are_told_apart(world: ForgeWorld) -> None:
    world.push("main", {EKS: b"count: 7\n"}, "reviewer")
    world.push("main", {RULES: b"version: 1\nrules: []\n"}, OWNER)

    assert (touched(world, EKS), touched(world, ".trimtab")) == ({"reviewer"}, {OWNER})


def test_what_was_changed_and_changed_back_still_has_its_hands(world: ForgeWorld) -> None:
    """The difference of the week is nothing, and yet somebody ruled meanwhile."""
    world.push("main", {RULES: b"version: 1\nrules: []\n"}, "reviewer")
    world.push("main", {RULES: FILES[RULES]}, OWNER)

    assert touched(world) == {"reviewer", OWNER}


@pytest.mark.security(13)
def test_a_commit_that_claims_to_be_old_is_as_young_as_its_push(remote: ForgeWorld) -> None:
    """Whoever makes a commit chooses its date; the forge writes down when it came."""
    remote.push("main", {"README.md": b"# Old\n"}, ADMIN)
    remote.pass_days(30)
    remote.make_branch("old-news", forged(remote, NOW - timedelta(days=400)), "reviewer")
    number = remote.open("old-news", "Old news", "reviewer")
    if isinstance(remote, GitLabWorld):
        remote.project.needs_pipeline = False
    remote.merge(number, OWNER)

    assert {"reviewer", OWNER} <= touched(remote)


@pytest.mark.security(13)
def test_a_push_under_somebody_elses_name_is_the_pushers(remote: ForgeWorld) -> None:
    remote.push("main", {"README.md": b"# Old\n"}, ADMIN)
    remote.pass_days(30)
    if isinstance(remote, GitHubWorld):
        remote.push("main", {RULES: b"version: 1\nrules: []\n"}, "reviewer", email=remote.person(ADMIN).account.email)
    elif isinstance(remote, GitLabWorld):
        remote.push("main", {RULES: b"version: 1\nrules: []\n"}, "reviewer", email=remote.user(ADMIN).email)

    assert "reviewer" in touched(remote)


def forged(world: ForgeWorld, at: datetime) -> CommitSha:
    """A commit on main that changes the rules and says that it is the administrator's, of that day."""
    changed = {RULES: b"version: 1\nrules: []\n"}
    if isinstance(world, GitHubWorld):
        git, who = world.repo.git, commits.identity(world.person(ADMIN).account)
        base = git.head("main")
        return commits.make(git, commits.with_files(git, base, changed), (str(base),), "old", author=who, committer=who, at=at)
    assert isinstance(world, GitLabWorld)
    git, user = world.project.bare, world.user(ADMIN)
    who_said = plumbing.Person(user.name, user.email)
    files = {path: ("100644", content) for path, content in changed.items()}
    return plumbing.commit(git, git.head("main"), files, "old", who_said, at.isoformat())


def test_a_push_that_hides_among_many_branches_is_told_as_possible(tmp_path: Path) -> None:
    """GitLab keeps no names of branches that are pushed by the dozen."""
    with world_of("gitlab", tmp_path, FILES) as made:
        world = cast("GitLabWorld", made)
        world.push("main", {"README.md": b"# Old\n"}, ADMIN)
        world.pass_days(30)
        site = world.site
        world.project.pushes.append(Push(site.next_id(), world.project.id, world.user("reviewer"), "", None, None, site.now()))

        assert touched(world) == {"reviewer"}


def test_many_moves_are_read_page_by_page(tmp_path: Path) -> None:
    with world_of("github", tmp_path, FILES) as made:
        world = cast("GitHubWorld", made)
        world.push("main", {"README.md": b"# Old\n"}, ADMIN)
        world.pass_days(30)
        world.push("main", {EKS: b"count: 7\n"}, "reviewer")
        for n in range(104):
            world.push("main", {"README.md": f"# {n}\n".encode()}, OWNER)

        assert touched(world, EKS) == {"reviewer"}


def test_a_branch_that_was_rewritten_says_whom_it_can(tmp_path: Path) -> None:
    with world_of("github", tmp_path, FILES) as made:
        world = cast("GitHubWorld", made)
        world.push("main", {"README.md": b"# Old\n"}, ADMIN)
        world.pass_days(30)
        other = forged(world, NOW)
        world.push("main", {"README.md": b"# Lost\n"}, OWNER)
        with world.server.lock:
            acts.set_branch(world.server.book, world.repo, "main", other, world.person("reviewer").account)

        assert touched(world) == {"reviewer", ADMIN}


def test_no_answer_about_hands_is_no_answer(remote: ForgeWorld) -> None:
    """What cannot be read is never "nobody"."""
    remote.push("main", {EKS: b"count: 7\n"}, "reviewer")
    match = "/activity" if isinstance(remote, GitHubWorld) else "/events"
    remote.break_next(Fault(match=match, when="before", how="500", times=20))

    with pytest.raises(Upstream):
        touched(remote)


def test_a_forge_that_does_not_say_who_moved_a_branch_is_told_as_not_known(remote: ForgeWorld) -> None:
    """GitHub without the right to read it; GitLab with more pushes than are looked through."""
    if isinstance(remote, GitHubWorld):
        remote.forge.base_head(REPO, "main")
        remote.server.before.append(("/activity", lambda: remote.server.book.tokens.update(without_contents(remote))))
    elif isinstance(remote, GitLabWorld):
        site, project = remote.site, remote.project
        project.pushes += [Push(site.next_id(), project.id, remote.user("reviewer"), "x", None, None, site.now()) for _ in range(1001)]

    assert remote.forge.touched_by(REPO, "main", [EKS], remote.now - timedelta(days=7)) is None


def without_contents(world: GitHubWorld) -> dict[str, Token]:
    """Every token that was handed out, without the right to read contents."""
    return {
        text: replace(token, actor=replace(token.actor, permissions={**token.actor.permissions, "contents": "none"}))
        for text, token in world.server.book.tokens.items()
    }


# ── branches ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def ours(world: ForgeWorld, branch: str = BRANCH, content: bytes = b"count: 4\n") -> CommitSha:
    base = world.forge.base_head(REPO, "main")
    made = world.forge.commit_files(REPO, branch, base, None, {EKS: content}, "trimtab: set count\n", NOW)
    assert made is not None
    return made


def test_our_branches_are_listed_with_their_tips(world: ForgeWorld) -> None:
    one, other = ours(world), ours(world, "trimtab/serving/workers/count", b"count: 5\n")
    world.push("by-hand", {EKS: b"count: 9\n"})
    world.forge.forget()

    assert world.forge.branches(REPO, "trimtab/") == {BRANCH: one, "trimtab/serving/workers/count": other}


def test_a_branch_is_deleted_where_it_is_what_we_think(world: ForgeWorld) -> None:
    made = ours(world)

    assert world.forge.delete_branch(REPO, BRANCH, made)
    assert world.head(BRANCH) is None
    assert not world.forge.delete_branch(REPO, BRANCH, made)


def test_a_branch_that_somebody_pushed_to_stays(world: ForgeWorld) -> None:
    made = ours(world)
    theirs = world.push(BRANCH, {EKS: b"count: 3\n"})

    assert not world.forge.delete_branch(REPO, BRANCH, made)
    assert world.head(BRANCH) == theirs


@pytest.mark.parametrize("branch", ["main", "trimtab", "by-hand", "trimtabs/x", "Trimtab/x"])
def test_no_branch_but_ours_is_ever_deleted(world: ForgeWorld, branch: str) -> None:
    with pytest.raises(Refused, match="only branches below trimtab/"):
        world.forge.delete_branch(REPO, branch, world.forge.base_head(REPO, "main"))
    assert world.head("main") is not None


def test_a_lost_answer_to_a_deletion_is_looked_up(remote: ForgeWorld) -> None:
    made = ours(remote)
    match = "updateRefs" if isinstance(remote, GitHubWorld) else "git-receive-pack"
    remote.break_next(Fault(match=match, when="after", how="drop"))

    assert remote.forge.delete_branch(REPO, BRANCH, made)
    assert remote.head(BRANCH) is None


def test_a_deletion_that_never_arrived_is_said(remote: ForgeWorld) -> None:
    made = ours(remote)
    match = "updateRefs" if isinstance(remote, GitHubWorld) else "git-receive-pack"
    remote.break_next(Fault(match=match, when="before", how="502"))

    with pytest.raises(Upstream):
        remote.forge.delete_branch(REPO, BRANCH, made)
    assert remote.head(BRANCH) == made


# ── the reckoning alone ──────────────────────────────────────────────────────────────────────────────────────────────
def test_whoever_moved_the_branch_over_a_commit_moved_it_there() -> None:
    a, b, c = (CommitSha(letter * 40) for letter in "abc")
    moves = [Move(before=b, after=c, by="late"), Move(before=a, after=b, by="early")]

    assert movers(moves, [b], {b: [a], c: [b]}) == {"early"}
    assert movers(moves, [c], {b: [a], c: [b]}) == {"late"}
    assert movers(moves, [], {b: [a], c: [b]}) == frozenset()
