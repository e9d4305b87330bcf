"""Where GitLab is not like the other forges: what it takes for evidence, what it merges all the same, and what it carries out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.forges.gitlab.records import NO_ONE, Protection
from tests.forges.gitlab.world import MERGER, WRITER, GitLabWorld
from tests.forges.world import OWNER, READER, REPO, Fault
from trimtab.errors import NotYet, Refused, Upstream
from trimtab.ports import Forge
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued
from trimtab.render.text import inline, prose, shown

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EKS, GKE = "clusters/eks.yaml", "clusters/gke.yaml"
BRANCH = "trimtab/training/workers/count"
START = b"name: training\nnode_groups:\n  - name: workers\n    count: 6\n# a\n# b\n# c\nowner: ml\n"
FOUR = START.replace(b"count: 6", b"count: 4")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitLabWorld]:
    made = GitLabWorld(tmp_path, {EKS: START, GKE: b"name: serving\n"})
    yield made
    made.end()
    assert made.violations == ()


def _commit(forge: Forge, content: bytes = FOUR, *, expected: CommitSha | None = None) -> CommitSha | None:
    forge.forget()
    return forge.commit_files(REPO, BRANCH, forge.base_head(REPO, "main"), expected, {EKS: content}, "trimtab: set count", NOW)


def _open(forge: Forge, body: str = "because") -> PullRequest:
    return forge.open_pull_request(REPO, head_ref=BRANCH, base_ref="main", title="6 to 4", body=body, labels=["trimtab"], at=NOW)


def _opened(world: GitLabWorld) -> PullRequest:
    _commit(world.forge)
    return _open(world.forge)


def _merge(forge: Forge, pull: PullRequest) -> Merged | Queued | MergeRefused:
    return forge.merge(REPO, pull.number, head=pull.head, base=pull.base, message="trimtab: merge\n\nTrimtab-Nonce: n1", at=NOW)


def _again(world: GitLabWorld, pull: PullRequest) -> PullRequest:
    world.forge.forget()
    found: PullRequest = world.forge.pull_request(REPO, pull.number)
    return found


# ── Pipelines are the only evidence, and only of their own commit ────────────────────────────────────────────────────
@pytest.mark.security(8)
def test_a_status_that_anybody_may_set_is_no_evidence(world: GitLabWorld) -> None:
    """GitLab itself would merge: it makes a pipeline that succeeded of the status."""
    world.project.ci = None
    pull = _opened(world)
    world.set_status(pull.head, "trimtab/gate", "success", "reviewer")

    answer = _merge(world.forge, pull)

    assert isinstance(answer, MergeRefused)
    assert answer.reason == "checks"
    assert world.head("main") == pull.base


@pytest.mark.security(8)
def test_a_forged_success_beside_a_pipeline_that_failed_does_not_help(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.run_pipeline(1, "failed")
    world.set_status(pull.head, "trimtab/gate", "success", "reviewer")

    answer = _merge(world.forge, pull)

    assert isinstance(answer, MergeRefused)
    assert answer.reason == "checks"


@pytest.mark.security(8)
def test_a_pipeline_of_an_older_commit_is_no_evidence(world: GitLabWorld) -> None:
    """Where pipelines need not succeed GitLab says "mergeable", and shows the pipeline from before the push."""
    world.project.needs_pipeline = False
    _opened(world)
    world.project.pipeline_lag = 99
    _commit(world.forge, START.replace(b"count: 6", b"count: 3"), expected=world.head(BRANCH))
    pull = _again(world, _open(world.forge))

    answer = _merge(world.forge, pull)

    assert isinstance(answer, MergeRefused)
    assert answer.reason == "checks"
    assert world.head("main") == pull.base


def test_a_merge_right_after_opening_waits_for_gitlab_and_then_merges(world: GitLabWorld) -> None:
    world.site.lag = (2, 2)
    _commit(world.forge)
    number = world.open(BRANCH, "6 to 4")

    answer = _merge(world.forge, world.forge.pull_request(REPO, number))

    assert isinstance(answer, Merged)
    assert not [request for request in world.requests if request.status == 405]


def test_a_merge_that_gitlab_is_not_ready_for_is_not_sent(world: GitLabWorld) -> None:
    world.site.lag = (99, 99)
    _commit(world.forge)
    pull = _open(world.forge)

    with pytest.raises(NotYet):
        _merge(world.forge, pull)
    assert not [request for request in world.requests if request.path.endswith("/merge")]


# ── Approvals name no commit ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(8)
@pytest.mark.parametrize(
    "loosen",
    [
        lambda project: setattr(project, "resets_approvals", False),
        lambda project: setattr(project, "author_may_approve", True),
        lambda project: setattr(project, "committers_may_not_approve", False),
        lambda project: setattr(project, "has_approval_settings", False),
    ],
    ids=["no reset on push", "authors approve", "committers approve", "no such settings"],
)
def test_an_approval_counts_for_no_commit_where_it_could_outlive_a_push(world: GitLabWorld, loosen: Callable[[object], None]) -> None:
    loosen(world.project)
    pull = _opened(world)
    world.approve(1)
    world.push(BRANCH, {GKE: b"name: smuggled\n"}, "reviewer")

    now = _again(world, pull)

    assert world.forge.rules(REPO, "main").voids_old_approvals is not True
    assert now.head not in [review.commit for review in world.forge.reviews(REPO, 1)]


@pytest.mark.security(8)
def test_an_approval_is_of_the_head_where_every_push_takes_it_away(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.approve(1)
    world.forge.forget()

    assert world.forge.rules(REPO, "main").voids_old_approvals is True
    assert [(review.login, review.commit) for review in world.forge.reviews(REPO, 1)] == [(OWNER, pull.head)]

    world.push(BRANCH, {GKE: b"name: smuggled\n"}, "reviewer")
    world.forge.forget()
    assert world.forge.reviews(REPO, 1) == ()


@pytest.mark.security(8)
def test_an_approval_that_gitlab_has_not_come_to_take_away_is_not_of_the_new_head(world: GitLabWorld) -> None:
    """It removes them a moment after the push, and shows them until then."""
    world.project.reset_lag = 99
    pull = _opened(world)
    world.approve(1)
    world.push(BRANCH, {GKE: b"name: smuggled\n"}, "reviewer")

    now = _again(world, pull)

    assert now.head != pull.head
    assert [review.commit == now.head for review in world.forge.reviews(REPO, 1)] == [False]
    with pytest.raises(NotYet):
        _merge(world.forge, now)


# ── The base ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(19)
def test_a_base_that_moves_between_the_last_read_and_the_merge_is_caught_by_a_fast_forward(world: GitLabWorld) -> None:
    world.project.merge_method = "ff"
    pull = _opened(world)
    moved: list[CommitSha] = []
    world.before_next("/merge_requests/1/merge", lambda: moved.append(world.push("main", {EKS: START.replace(b"owner: ml", b"owner: ai")})))

    answer = _merge(world.forge, pull)

    assert world.forge.rules(REPO, "main").catches_moved_base is True
    assert isinstance(answer, MergeRefused)
    assert answer.reason == "base-moved"
    assert moved == [world.head("main")]


@pytest.mark.security(19)
def test_a_project_that_merges_whatever_the_base_holds_by_then_says_so(world: GitLabWorld) -> None:
    """It is merged, with a line that nobody reviewed: so nothing merges there by itself."""
    pull = _opened(world)
    world.before_next("/merge_requests/1/merge", lambda: world.push("main", {EKS: START.replace(b"owner: ml", b"owner: ai")}))

    assert isinstance(_merge(world.forge, pull), Merged)
    assert world.forge.rules(REPO, "main").catches_moved_base is False


def test_a_merge_train_takes_it_and_merges_it_later(world: GitLabWorld) -> None:
    world.project.has_trains, world.project.merge_method = True, "ff"
    pull = _opened(world)

    assert isinstance(_merge(world.forge, pull), Queued)
    assert _again(world, pull).is_queued is True

    world.run_train()
    assert _again(world, pull).state == "merged"


# ── What the project's rules give ────────────────────────────────────────────────────────────────────────────────────
def _guarded(world: GitLabWorld) -> None:
    """As the starter asks for: nobody pushes to main, only the merger merges, and only the writer touches trimtab/."""
    writer, merger = world.user(WRITER).id, world.user(MERGER).id
    main = Protection(1, "main", push=NO_ONE, merge=NO_ONE, mergers=(merger,))
    world.project.protections[:] = [main, Protection(2, "trimtab/*", pushers=(writer,), mergers=(writer,))]


@pytest.mark.security(8)
def test_only_where_the_merger_alone_may_merge_does_the_gate_hold(world: GitLabWorld) -> None:
    assert world.forge.rules(REPO, "main").requires_our_check is False

    _guarded(world)
    rules = world.another().rules(REPO, "main")

    assert (rules.requires_our_check, rules.may_bypass, rules.guards_our_branches) == (True, False, True)


@pytest.mark.security(6, 8)
@pytest.mark.parametrize(
    "loosen",
    [
        lambda main: Protection(1, "main", push=40, mergers=main.mergers),
        lambda main: Protection(1, "main", push=NO_ONE, mergers=main.mergers, may_force=True),
        lambda _: Protection(1, "main", push=NO_ONE, merge=30),
        lambda _: Protection(1, "other"),
    ],
    ids=["maintainers push", "force push", "developers merge", "not protected"],
)
def test_whatever_lets_somebody_past_the_gate_is_a_bypass(world: GitLabWorld, loosen: Callable[[Protection], Protection]) -> None:
    _guarded(world)
    world.project.protections[0] = loosen(world.project.protections[0])

    assert world.forge.rules(REPO, "main").may_bypass is True


def test_a_token_that_may_not_see_the_rules_has_none(world: GitLabWorld) -> None:
    """The writer alone, a Developer: GitLab shows it neither protections nor what becomes of approvals."""
    _guarded(world)
    world.site.tokens["glpat-merger"] = world.user(READER)

    rules = world.forge.rules(REPO, "main")

    assert (rules.requires_our_check, rules.may_bypass, rules.guards_our_branches) == (False, True, None)
    assert rules.voids_old_approvals is not True


@pytest.mark.security(6, 8)
def test_the_writers_token_cannot_merge_and_the_mergers_only_merges_and_says_so(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="not ours")
    world.forge.comment(REPO, 1, "Waiting.", NOW)
    _merge(world.forge, pull)

    merger = {request.path.split("/")[3] for request in world.requests if request.is_write and request.credential == "merger"}
    writer = [request.path for request in world.requests if request.is_write and request.credential == "writer"]
    assert merger == {"statuses", "merge_requests"}
    assert not any(path.endswith("/merge") for path in writer)
    assert world.project.may_merge(world.user(WRITER), "main") is False


# ── Whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(9)
def test_a_commit_with_our_name_and_mail_is_not_ours(world: GitLabWorld) -> None:
    bot = world.user(WRITER)
    theirs = world.push(BRANCH, {EKS: FOUR}, OWNER, email=bot.email)
    world.user("trimtab")
    more = world.push(BRANCH, {GKE: b"name: more\n"}, "trimtab", email=bot.email)

    authors = {commit.author for commit in world.forge.commits(REPO, world.forge.base_head(REPO, "main"), more)}

    assert world.forge.login not in authors
    assert _commit(world.forge) is None
    assert world.head(BRANCH) == more != theirs


@pytest.mark.security(9)
def test_a_merge_request_with_our_words_and_marker_is_told_by_its_author(world: GitLabWorld) -> None:
    ours = _opened(world)
    world.push("trimtab/copied", {EKS: FOUR})
    number = world.open("trimtab/copied", ours.title, body=ours.body)
    world.forge.forget()

    assert {pull.number: pull.author for pull in world.forge.open_pull_requests(REPO)} == {1: WRITER, number: OWNER}


@pytest.mark.security(9)
def test_a_push_between_the_last_look_and_the_replacement_stays(world: GitLabWorld) -> None:
    """The commits API would put the branch elsewhere and lose it; git itself compares."""
    first = _commit(world.forge)
    theirs: list[CommitSha] = []
    world.before_next("git-receive-pack", lambda: theirs.append(world.push(BRANCH, {GKE: b"name: mine\n"})))

    answer = _commit(world.forge, START.replace(b"count: 6", b"count: 3"), expected=first)

    assert answer is None
    assert theirs == [world.head(BRANCH)]


def test_a_branch_that_only_others_may_push_to_is_refused_with_the_reason(world: GitLabWorld) -> None:
    world.project.protections.append(Protection(9, "trimtab/*", pushers=(world.user(OWNER).id,)))

    with pytest.raises(Refused, match="not allowed to push"):
        _commit(world.forge)
    assert world.head(BRANCH) is None


def test_two_regenerations_at_once_leave_one_commit(world: GitLabWorld) -> None:
    first = _commit(world.forge)
    contents = [START.replace(b"count: 6", b"count: %d" % count) for count in (2, 3)]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda content: _commit(world.another(), content, expected=first), contents))

    head = world.head(BRANCH)
    assert head in answers
    assert answers.count(None) == 1
    assert len(world.forge.commits(REPO, world.forge.base_head(REPO, "main"), head)) == 1
    assert [branch for branch in ("main", BRANCH) if world.head(branch)] == ["main", BRANCH]


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────
COMMANDS = [
    "/merge", "/approve\n", "fine\n/close", "fine\r/close", "fine\r\n\r\n/merge\r\n", "/MERGE now", "/label ~bug", "/target_branch main",
    "```\n/close", "```\nx\n```\n/merge", "<div>\n/close\n</div>", "> quoted\n/merge", "- a\n/rebase", "/title mine\n/merge", "\\\n/merge",
    "//\n/unapprove", "`\n/close\n`", "/draft", "/shrug", "\u2028/merge\n/close",
]  # fmt: skip


@pytest.mark.security(24)
@pytest.mark.parametrize("text", COMMANDS)
def test_no_text_of_ours_is_carried_out_by_gitlab(world: GitLabWorld, text: str) -> None:
    """Rights are no help: the merger's role is given to the writer here."""
    world.project.protections.clear()
    pull = _opened(world)

    world.forge.edit_pull_request(REPO, pull.number, title="6 to 4", body=text)
    world.forge.comment(REPO, pull.number, text, NOW)
    issue = world.forge.open_issue(REPO, title="Trimtab", body=text)
    world.forge.edit_issue(REPO, issue.number, title="Trimtab", body=f"{text}\n{text}")
    world.forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="failure", summary=text)
    world.forge.close_pull_request(REPO, pull.number)
    _open(world.forge, text)

    assert world.fired == ()
    assert [state for _, _, state in world.pull_requests()] == ["closed", "open"]


FOREIGN = [
    "closes #1", "fixes acme/gitops#1", "Resolves: #1", "implements #1 and #2", "@all", "@acme/platform", "[skip ci]", "[ci skip]",
    "x\nCo-authored-by: A <a@b.test>", "x\nSigned-off-by: A", "/merge", "\n/merge\n", "`\n/merge", "```\n/merge\n```", "--> @all",
    "<!-- @all",     "!1 &1 %1 ~bug", "\u202e@all", "a`b`@all", "``@all",
]  # fmt: skip


@pytest.mark.security(24)
@pytest.mark.parametrize("text", FOREIGN)
def test_outside_text_in_our_words_sets_nothing_off(world: GitLabWorld, text: str) -> None:
    """GitLab reads closing words also inside a code span."""
    world.push("by-hand", {"x.txt": b"x\n"})
    words = f"The pool {inline(text)} is idle.\n\n{prose(text)}\n\nAt the end: {shown(text)}"
    base = world.forge.base_head(REPO, "main")
    world.forge.commit_files(REPO, BRANCH, base, None, {EKS: FOUR}, f"trimtab: set count\n\nPool: {shown(text)}", NOW)

    _open(world.forge, words)
    world.forge.comment(REPO, 1, words, NOW)
    world.forge.open_issue(REPO, title=f"Pending: {shown(text)}", body=words)

    assert world.fired == ()


# ── Limits and tokens ────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_read_waits_as_long_as_gitlab_says_and_no_longer_than_a_function_lives(world: GitLabWorld) -> None:
    world.break_next(Fault(match="GET", when="before", how="429"))

    assert world.forge.base_head(REPO, "main") == world.head("main")
    assert 1.0 <= sum(world.slept) <= 20


def test_a_limit_that_does_not_end_is_given_back_to_the_queue(world: GitLabWorld) -> None:
    world.break_next(Fault(match="GET", when="before", how="429", times=99))

    with pytest.raises(Upstream):
        world.forge.base_head(REPO, "main")
    assert sum(world.slept) <= 60


def test_a_token_that_is_over_is_said_to_be(world: GitLabWorld) -> None:
    world.revoke_tokens()

    with pytest.raises(Upstream, match="token"):
        world.forge.base_head(REPO, "main")


def test_another_project_under_the_same_name_is_not_ours(world: GitLabWorld) -> None:
    """Its number is not the one in the settings."""
    forge = world.another()
    world.project.id += 1

    with pytest.raises(Refused, match="another one"):
        forge.base_head(REPO, "main")


def test_a_lock_that_gitlab_holds_itself_is_not_a_moved_head(world: GitLabWorld) -> None:
    """It answers 409 to both, and only its words tell them apart."""
    pull = _opened(world)
    world.break_next(Fault(match="s/1/merge", when="before", how="409-lock"))

    locked = _merge(world.forge, pull)

    assert isinstance(locked, MergeRefused)
    assert locked.reason == "unknown"
    assert isinstance(_merge(world.forge, pull), Merged)
