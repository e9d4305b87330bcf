"""What only GitHub has, over real HTTP and real git: rulesets, check runs, merge queues, forks, forged commits, and its accidents."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.forges.github import commits
from tests.forges.github.world import GitHubWorld, checks_rule, queue_rule, reviews_rule
from tests.forges.world import OWNER, READER, REPO, Fault
from tests.forges.worlds import remote_of
from trimtab.adapters.github import GitHubForge
from trimtab.errors import NotYet, Overloaded, Refused, Upstream
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BRANCH = "trimtab/training/workers/count"
EKS = "clusters/eks.yaml"
FILES = {
    EKS: b"name: training\ncount: 6\n# a\n# b\n# c\n# d\nowner: ml\n",
    "clusters/gke.yaml": b"name: serving\n",
    "CODEOWNERS": b"/.trimtab/ @acme/platform\n/.github/ @acme/platform\n/CODEOWNERS @acme/platform\n",
    ".trimtab/policy.yaml": b"rules: []\n",
}
FOUR = FILES[EKS].replace(b"6", b"4")
MESSAGE = "Merge it (#1)\n\nTrimtab-Nonce: n1\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitHubWorld]:
    with remote_of("github", tmp_path, FILES) as found:
        assert isinstance(found, GitHubWorld)
        found.server.book.lag = 0
        yield found


def ours(world: GitHubWorld) -> GitHubForge:
    """The adapter, which remembers nothing that moves."""
    assert isinstance(world.forge, GitHubForge)
    world.forge.forget()
    return world.forge


def committed(world: GitHubWorld, content: bytes = FOUR, path: str = EKS, branch: str = BRANCH) -> CommitSha | None:
    base = ours(world).base_head(REPO, "main")
    return ours(world).commit_files(REPO, branch, base, None, {path: content}, "trimtab: count\n\nwhy", NOW)


def opened(world: GitHubWorld) -> PullRequest:
    committed(world)
    return ours(world).open_pull_request(REPO, head_ref=BRANCH, base_ref="main", title="t", body="b", labels=["trimtab"], at=NOW)


def merged(world: GitHubWorld, pull: PullRequest) -> Merged | Queued | MergeRefused:
    return ours(world).merge(REPO, pull.number, head=pull.head, base=pull.base, message=MESSAGE, at=NOW)


def protected(world: GitHubWorld) -> None:
    """As the documentation asks for it."""
    world.demand(checks_rule(("trimtab/gate", world.gate.id)), reviews_rule(0, code_owners=True))


def changes(world: GitHubWorld, head: CommitSha) -> dict[str, bytes] | None:
    found = ours(world).merge_changes(REPO, ours(world).base_head(REPO, "main"), head)
    return dict(found) if found is not None else None


# ── Rules and the gate ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(6, 19)
def test_a_repo_that_is_set_up_as_documented_may_be_merged_by_ourselves(world: GitHubWorld) -> None:
    protected(world)

    rules = ours(world).rules(REPO, "main")

    assert (rules.requires_our_check, rules.catches_moved_base, rules.protects_config) == (True, True, True)
    assert (rules.may_bypass, rules.requires_review, rules.has_merge_queue, rules.is_archived) == (False, False, False, False)


@pytest.mark.security(6)
@pytest.mark.parametrize("is_inherited", [False, True])
def test_an_app_on_a_bypass_list_is_told_even_of_the_organizations_ruleset(world: GitHubWorld, *, is_inherited: bool) -> None:
    protected(world)
    bypass = [{"actor_type": "Integration", "actor_id": world.writer.id, "bypass_mode": "always"}]
    world.demand(reviews_rule(0), bypass=bypass, is_inherited=is_inherited)

    rules = ours(world).rules(REPO, "main")

    assert rules.may_bypass
    assert any("may bypass it (always)" in sentence for sentence in rules.details)


@pytest.mark.security(6)
def test_a_required_check_of_anybody_is_not_the_gates(world: GitHubWorld) -> None:
    world.demand(checks_rule(("trimtab/gate", None)))

    assert not ours(world).rules(REPO, "main").requires_our_check


@pytest.mark.security(9)
def test_who_may_push_our_branches_is_not_guessed(world: GitHubWorld) -> None:
    """GitHub names those who may bypass a ruleset only to its administrators."""
    assert ours(world).rules(REPO, "main").guards_our_branches is False
    bypass = [{"actor_type": "Integration", "actor_id": world.writer.id, "bypass_mode": "always"}]

    world.demand({"type": "creation"}, {"type": "update"}, include=["refs/heads/trimtab/**"], bypass=bypass)

    assert ours(world).rules(REPO, "main").guards_our_branches is None
    assert committed(world) is not None
    with pytest.raises(Refused):
        world.push("trimtab/other", {EKS: b"x"}, OWNER)


def test_the_gates_answer_is_one_check_that_is_written_over(world: GitHubWorld) -> None:
    protected(world)
    pull = opened(world)

    for conclusion in ("pending", "failure", "success", "success"):
        ours(world).set_check(REPO, pull.head, name="trimtab/gate", conclusion=conclusion, summary=conclusion)

    (check,) = ours(world).checks(REPO, pull.head)
    assert (check.name, check.by, check.conclusion, check.summary) == ("trimtab/gate", "trimtab-gate[bot]", "success", "success")
    writes = [request for request in world.requests if "check-runs" in request.path and request.is_write]
    assert [(request.method, request.credential) for request in writes] == [("POST", "gate"), ("PATCH", "gate"), ("PATCH", "gate")]


def test_checks_beyond_the_first_hundred_count_too(world: GitHubWorld) -> None:
    """A repo with a large matrix of jobs could otherwise never be merged, or merged beside a red one."""
    pull = opened(world)
    for n in range(230):
        world.set_status(pull.head, f"matrix/{n}", "failure" if n == 229 else "success")

    found = ours(world).checks(REPO, pull.head)

    assert len(found) == 230
    assert [check.name for check in found if check.conclusion == "failure"] == ["matrix/229"]


def test_an_issue_of_ours_is_found_where_githubs_own_filter_finds_none_of_an_apps(world: GitHubWorld) -> None:
    """Enterprise Cloud does not know an App's login there; an issue that is not found is opened a second time."""
    made = ours(world).open_issue(REPO, title="Pending", body="nonce n1")

    assert [issue.number for issue in ours(world).issues(REPO)] == [made.number]


def test_a_yes_can_be_taken_back_to_waiting(world: GitHubWorld) -> None:
    protected(world)
    pull = opened(world)

    ours(world).set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="yes")
    ours(world).set_check(REPO, pull.head, name="trimtab/gate", conclusion="pending", summary="wait")

    assert [check.conclusion for check in ours(world).checks(REPO, pull.head)] == ["pending"]
    answer = merged(world, pull)
    assert isinstance(answer, MergeRefused)
    assert answer.reason == "checks"


@pytest.mark.security(6)
def test_neither_app_can_do_the_others_part(world: GitHubWorld) -> None:
    pull = opened(world)
    forge = ours(world)
    gate = forge.gate.caller
    assert gate is not None

    with pytest.raises(Refused, match="403"):
        forge.reader.caller.send("POST", "/repos/acme/gitops/check-runs", {"name": "trimtab/gate", "head_sha": pull.head})
    with pytest.raises(Refused, match="403"):
        gate.send("POST", "/repos/acme/gitops/git/refs", {"ref": "refs/heads/x", "sha": pull.head})


# ── Commits ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(9)
def test_a_commit_with_our_address_is_a_strangers(world: GitHubWorld) -> None:
    pull = opened(world)
    forged = world.push(BRANCH, {EKS: FOUR + b"# more\n"}, email=world.writer.bot.email)

    (first, second) = ours(world).commits(REPO, pull.base, forged)

    assert (first.author, first.committer) == (ours(world).login, ours(world).login)
    assert second.author == second.committer == f"{ours(world).login} (not verified)"


def test_a_commit_that_is_refused_leaves_no_empty_branch_behind(world: GitHubWorld) -> None:
    with pytest.raises(Refused, match="workflows"):
        committed(world, b"on: push\n", ".github/workflows/x.yml")

    assert world.head(BRANCH) is None


def test_a_link_is_neither_listed_nor_read_nor_written_through(world: GitHubWorld) -> None:
    git = world.repo.git
    blob = git.run("hash-object", "-w", "--stdin", stdin=b"/etc/passwd").decode().strip()
    base = git.head("main")
    git.run("read-tree", str(base))
    git.run("update-index", "--add", "--cacheinfo", f"120000,{blob},clusters/link.yaml")
    tree = git.run("write-tree").decode().strip()
    commit = git.commit_tree(tree, (str(base),), "Link", author=OWNER, at=NOW)
    git.point("main", commit, base)

    assert "clusters/link.yaml" not in ours(world).list_files(REPO, commit)
    assert ours(world).read_file(REPO, commit, "clusters/link.yaml") is None
    with pytest.raises(Refused, match="link"):
        committed(world, b"x", "clusters/link.yaml")
    assert world.head(BRANCH) is None


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: 1\r\n", b"name: caf\xe9\n", b"\0\1\2", b"", b"a: 1\n" * 120_000])
def test_bytes_survive_both_ways(world: GitHubWorld, content: bytes) -> None:
    head = committed(world, content)

    assert head is not None
    assert world.bytes_of(head, EKS) == content
    again = world.another()
    assert again.read_file(REPO, head, EKS) == content
    assert dict(again.merge_changes(REPO, again.base_head(REPO, "main"), head) or {}) == {EKS: content}


def test_a_file_too_large_to_edit_is_left_out_and_named_in_a_merge(world: GitHubWorld) -> None:
    huge = b"x" * 5_000_001
    head = world.push(BRANCH, {EKS: huge})

    assert ours(world).read_files(REPO, head, [EKS, "CODEOWNERS"]).keys() == {"CODEOWNERS"}
    assert changes(world, head) == {f"{EKS} (too large)": b""}
    with pytest.raises(Refused, match="5000001 bytes"):
        committed(world, huge, branch="trimtab/x")


@pytest.mark.security(19)
def test_a_change_of_mode_beside_ours_is_part_of_the_merge(world: GitHubWorld) -> None:
    git = world.repo.git
    head = committed(world)
    blob = git.files(str(head))[EKS].blob
    git.run("read-tree", str(head))
    git.run("update-index", "--cacheinfo", f"100755,{blob},{EKS}")
    person = commits.identity(world.server.book.account(OWNER))
    commit = commits.make(git, git.run("write-tree").decode().strip(), (str(head),), "Mode", author=person, committer=person, at=NOW)
    git.point(BRANCH, commit, head)

    assert (changes(world, commit) or {}).keys() == {f"{EKS} (mode 100755)"}


@pytest.mark.security(19)
def test_what_a_merge_makes_of_a_file_that_moved_on_both_sides_is_githubs_own_answer(world: GitHubWorld) -> None:
    pull = opened(world)
    both = FILES[EKS].replace(b"owner: ml", b"owner: platform")
    world.push("main", {EKS: both})

    assert changes(world, pull.head) == {EKS: both.replace(b"6", b"4")}
    world.server.book.lag = 99
    world.push("main", {EKS: both + b"# later\n"})
    with pytest.raises(NotYet):
        changes(world, pull.head)


# ── Pull requests ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(9)
def test_a_crowd_of_forks_with_our_branch_name_does_not_hide_ours(world: GitHubWorld) -> None:
    pull = opened(world)
    for n in range(101):
        login = f"{READER}-{n}"
        fork = world.fork(login)
        with world.server.lock:
            world.server.book.account(login)
            fork.git.run("fetch", "--quiet", str(world.repo.git.path), f"refs/heads/{BRANCH}:refs/heads/{BRANCH}")
        world.open(BRANCH, "copy", login, fork=fork)

    found = ours(world).find_pull_request(REPO, BRANCH)

    assert found is not None
    assert (found.number, found.is_from_fork) == (pull.number, False)


def test_reviewers_that_github_does_not_take_are_left_out(world: GitHubWorld) -> None:
    committed(world)

    pull = ours(world).open_pull_request(
        REPO,
        head_ref=BRANCH,
        base_ref="main",
        title="t",
        body="b",
        labels=["trimtab"],
        reviewers=[OWNER, "@acme/platform", "nobody", "@acme/gone"],
        at=NOW,
    )

    there = world.repo.pull(pull.number)
    assert ([account.login for account in there.reviewers], there.teams, pull.labels) == ([OWNER], ["platform"], ("trimtab",))


# ── Merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(19)
def test_a_base_that_moves_between_the_last_look_and_the_merge_is_caught_by_strict_checks(world: GitHubWorld) -> None:
    protected(world)
    pull = opened(world)
    ours(world).set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="yes")
    moved = FILES[EKS].replace(b"owner: ml", b"owner: platform")
    world.before_next("PUT", lambda: world.push("main", {EKS: moved}, "platform-owner"))
    world.repo.rulesets[0].bypass.append({"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "always"})

    answer = merged(world, pull)

    assert isinstance(answer, MergeRefused), answer
    assert answer.reason == "checks"
    assert world.bytes_of(str(world.head("main")), EKS) == moved


@pytest.mark.security(19)
def test_a_pull_request_that_was_turned_to_another_branch_is_not_merged_into_it(world: GitHubWorld) -> None:
    """The head that was reviewed would land where nobody reviewed it: the base's history may hold all that was looked at."""
    pull = opened(world)
    git = world.repo.git
    git.run("update-ref", "refs/heads/release", str(git.head("main")))
    world.repo.pull(pull.number).base_ref = "release"

    answer = merged(world, pull)

    assert isinstance(answer, MergeRefused)
    assert (answer.reason, "into release now" in answer.detail) == ("not-allowed", True)
    assert git.head("release") == pull.base


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_the_repos_own_way_of_merging_is_taken(world: GitHubWorld, method: str, parents: int) -> None:
    world.repo.methods = (method,)
    pull = opened(world)

    answer = merged(world, pull)

    assert isinstance(answer, Merged)
    assert len(world.repo.git.run("rev-list", "--parents", "-1", answer.commit).split()) == parents + 1


@pytest.mark.parametrize("how", ["500", "drop"])
def test_a_merge_whose_answer_is_lost_is_found_by_its_message(world: GitHubWorld, how: str) -> None:
    pull = opened(world)
    world.break_next(Fault(match="PUT", when="after", how=how))  # type: ignore[arg-type]

    answer = merged(world, pull)

    assert answer == Merged(commit=CommitSha(str(world.head("main"))))
    assert [request.method for request in world.requests].count("PUT") == 1


def test_a_queue_takes_the_head_and_tells_what_it_would_merge(world: GitHubWorld) -> None:
    protected(world)
    world.demand(queue_rule())
    pull = opened(world)
    ours(world).set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="yes")

    first, again = merged(world, pull), merged(world, pull)

    assert isinstance(first, Queued)
    assert isinstance(again, Queued)
    assert ours(world).pull_request(REPO, pull.number).is_queued
    (entry,) = ours(world).queue(REPO, "main")
    assert (entry.number, entry.base) == (pull.number, pull.base)
    assert changes(world, entry.commit) == {EKS: FOUR}


def test_a_queue_that_took_it_and_did_not_say_so_is_asked(world: GitHubWorld) -> None:
    protected(world)
    world.demand(queue_rule())
    pull = opened(world)
    ours(world).set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="yes")
    world.break_next(Fault(match="enqueuePullRequest", when="after", how="drop"))

    assert isinstance(merged(world, pull), Queued)


# ── Accidents ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_limit_in_the_middle_is_left_to_the_next_delivery_and_nothing_is_done_twice(world: GitHubWorld) -> None:
    committed(world)
    world.break_next(Fault(match="createPullRequest", when="before", how="403-secondary"))

    with pytest.raises(Overloaded, match="next delivery"):
        opened(world)

    assert opened(world).number == 1
    assert len(world.pull_requests()) == 1


def test_a_short_outage_of_reading_is_not_noticed(world: GitHubWorld) -> None:
    for how in ("502", "429"):
        world.break_next(Fault(match="query repository", when="before", how=how))

    assert ours(world).base_head(REPO, "main") == world.head("main")


def test_an_outage_of_reading_after_a_lost_write_claims_nothing(world: GitHubWorld) -> None:
    pull = opened(world)
    world.break_next(Fault(match="PUT", when="after", how="drop"))
    world.break_next(Fault(match="query repository", when="before", how="502", times=9, skip=1))

    with pytest.raises(Upstream):
        merged(world, pull)

    assert world.pull_requests() == [(pull.number, BRANCH, "merged")]
