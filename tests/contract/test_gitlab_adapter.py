"""What only GitLab does, and what only its adapter has to get right about it; the rest is the contract of every forge."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.forges.gitlab import plumbing
from tests.forges.gitlab.merging import train_commit
from tests.forges.gitlab.records import Pipeline, Protection
from tests.forges.gitlab.world import OWNER_TOKEN, WRITER, WRITER_TOKEN, GitLabWorld
from tests.forges.world import OWNER, READER, REPO, Fault, Request
from trimtab.adapters.gitlab import GitLabForge
from trimtab.adapters.gitlab.writing import STAGED
from trimtab.errors import BadInput, NotYet, Refused, Upstream
from trimtab.ports import Forge
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EKS, GKE, NEW = "clusters/eks.yaml", "clusters/gke.yaml", "clusters/more/new.yaml"
BRANCH = "trimtab/training/workers/count"
START = b"name: training\nnode_groups:\n  - name: workers\n    count: 6\n    size: 60\n# a\n# b\n# c\nowner: ml\n"
FILES = {EKS: START, GKE: b"name: serving\n", "README.md": b"# Clusters\n", "CODEOWNERS": b"/.trimtab/ @platform-owner\n"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GitLabWorld]:
    made = GitLabWorld(tmp_path, FILES)
    yield made
    made.end()
    assert list(made.violations) == []


def _set(count: int) -> bytes:
    return START.replace(b"count: 6", b"count: %d" % count)


def _commit(world: GitLabWorld, count: int, *, expected: CommitSha | None = None, forge: Forge | None = None) -> CommitSha | None:
    by: Forge = forge or world.forge
    by.forget()
    return by.commit_files(REPO, BRANCH, by.base_head(REPO, "main"), expected, {EKS: _set(count)}, "trimtab: set count\n", NOW)


def _open(world: GitLabWorld, *, body: str = "because", reviewers: tuple[str, ...] = ()) -> PullRequest:
    forge: Forge = world.forge
    return forge.open_pull_request(
        REPO, head_ref=BRANCH, base_ref="main", title="workers: 6 to 4", body=body, labels=["trimtab"], reviewers=reviewers, at=NOW
    )


def _opened(world: GitLabWorld) -> PullRequest:
    assert _commit(world, 4)
    return _open(world)


def _merge(world: GitLabWorld, pull: PullRequest) -> Merged | Queued | MergeRefused:
    forge: Forge = world.forge
    return forge.merge(REPO, pull.number, head=pull.head, base=pull.base, message="Merge\n\nTrimtab-Nonce: n1\n", at=NOW)


def _reason(answer: Merged | Queued | MergeRefused) -> str:
    assert isinstance(answer, MergeRefused), answer
    return answer.reason


def _since(world: GitLabWorld, start: int) -> list[Request]:
    return list(world.requests[start:])


def _left_over(world: GitLabWorld) -> list[str]:
    out = world.project.bare.run("for-each-ref", "--format=%(refname)", f"refs/heads/{STAGED}").decode()
    return out.split()


# ── Replacing our own commit ─────────────────────────────────────────────────────────────────────────────────────────
def test_our_commit_is_replaced_and_nothing_is_left_over(world: GitLabWorld) -> None:
    first = _commit(world, 4)

    second = _commit(world, 3, expected=first)

    assert second is not None
    assert world.head(BRANCH) == second
    assert world.bytes_of(second, EKS) == _set(3)
    assert _left_over(world) == []


@pytest.mark.security(9)
@pytest.mark.parametrize("moment", ["/repository/commits", "git-receive-pack"])
def test_a_commit_pushed_while_we_replace_ours_is_never_lost(world: GitLabWorld, moment: str) -> None:
    """GitLab's API cannot compare before it overwrites; git can."""
    first = _commit(world, 4)
    pushed: list[CommitSha] = []
    world.before_next(moment, lambda: pushed.append(world.push(BRANCH, {GKE: b"name: mine\n"})))

    answer = _commit(world, 3, expected=first)

    assert answer is None
    assert [world.head(BRANCH)] == pushed
    assert world.bytes_of(pushed[0], EKS) == _set(4)
    assert _left_over(world) == []


@pytest.mark.parametrize("match", ["POST /projects", "git-receive-pack"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["502", "drop"])
def test_whoever_dies_while_replacing_is_followed_by_one_who_ends_at_one_commit(
    world: GitLabWorld, match: str, when: str, how: str
) -> None:
    first = _commit(world, 4)
    world.break_next(Fault(match=match, when=when, how=how))  # type: ignore[arg-type]

    with suppress(Upstream):
        _commit(world, 3, expected=first)
    forge = world.another()
    there = forge.branch_head(REPO, BRANCH)
    second = _commit(world, 3, expected=there, forge=forge)

    assert second == world.head(BRANCH)
    assert [commit.author for commit in forge.commits(REPO, forge.base_head(REPO, "main"), second)] == [WRITER]
    assert _left_over(world) == []


def test_a_protected_pattern_that_forbids_force_push_is_named(world: GitLabWorld) -> None:
    writer = world.site.users[WRITER].id
    world.project.protections.append(Protection(world.site.next_id(), "trimtab/*", push=0, merge=0, pushers=(writer,)))
    first = _commit(world, 4)

    with pytest.raises(Refused, match="allow it to force push"):
        _commit(world, 3, expected=first)

    assert world.head(BRANCH) == first


def test_a_token_without_the_right_to_push_is_named_with_what_it_needs(world: GitLabWorld) -> None:
    first = _commit(world, 4)
    world.break_next(Fault(match="git-receive-pack", when="before", how="401-expired"))

    with pytest.raises(Refused, match="write_repository") as caught:
        _commit(world, 3, expected=first)

    assert WRITER_TOKEN not in str(caught.value)
    assert world.head(BRANCH) == first


@pytest.mark.security(9)
def test_a_staged_branch_that_somebody_else_made_is_not_used(world: GitLabWorld) -> None:
    first = _commit(world, 4)
    world.break_next(Fault(match="git-receive-pack", when="before"))
    with pytest.raises(Upstream):
        _commit(world, 3, expected=first)
    (staged,) = _left_over(world)
    name = staged.removeprefix("refs/heads/")
    world.delete_branch(name)
    world.push(name, {EKS: _set(3)})

    with pytest.raises(Refused, match="does not say that Trimtab made"):
        _commit(world, 3, expected=first)

    assert world.head(BRANCH) == first


# ── Whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(9)
def test_a_commit_with_our_bots_name_and_mail_is_not_ours(world: GitLabWorld) -> None:
    """Who pushed it is GitLab's word; what stands in it is anybody's."""
    bot = world.site.users[WRITER]
    forged = world.push(BRANCH, {EKS: _set(4)}, email=bot.email)
    forge: Forge = world.another()

    (commit,) = forge.commits(REPO, forge.base_head(REPO, "main"), forged)

    assert commit.author != forge.login
    assert _commit(world, 4, forge=forge) is None
    assert world.head(BRANCH) == forged


def test_what_another_process_of_ours_pushed_is_ours(world: GitLabWorld) -> None:
    made = _commit(world, 4)

    assert _commit(world, 4, forge=world.another()) == made


def test_what_we_pushed_stays_ours_however_much_we_push_after_it(world: GitLabWorld) -> None:
    made = _commit(world, 4)
    assert made
    writer, last = world.site.users[WRITER], world.project.pushes[-1]
    at = (datetime.fromisoformat(last.at) + timedelta(days=30)).isoformat()
    world.project.pushes += [replace(last, id=last.id + n, user=writer, branch="trimtab/other", new="f" * 40, at=at) for n in range(400)]
    forge: Forge = world.another()

    (commit,) = forge.commits(REPO, forge.base_head(REPO, "main"), made)

    assert commit.author == forge.login


@pytest.mark.parametrize("is_first", [True, False])
def test_a_push_that_gitlab_has_not_written_down_yet_is_waited_for(world: GitLabWorld, *, is_first: bool) -> None:
    """Its answer is lost, and who pushed is known a moment later: it is neither somebody else's nor made twice."""
    first = None if is_first else _commit(world, 4)
    world.break_next(Fault(match="/repository/commits", when="after", how="502"))
    world.site.late_events = 2

    second = _commit(world, 3, expected=first)

    assert second is not None
    assert second == world.head(BRANCH)
    assert world.bytes_of(second, EKS) == _set(3)
    assert _left_over(world) == []


def test_a_project_that_a_token_may_not_see_for_a_while_is_not_an_empty_one(world: GitLabWorld) -> None:
    forge: Forge = world.forge
    base = forge.base_head(REPO, "main")
    rights = world.project.members.pop(world.site.users[WRITER].id)

    forge.forget()
    for read in (lambda: forge.branch_head(REPO, "main"), lambda: forge.read_files(REPO, base, [EKS])):
        with pytest.raises(Refused, match="Project Not Found"):
            read()
    world.project.members[world.site.users[WRITER].id] = rights

    forge.forget()
    assert forge.read_files(REPO, base, [EKS]) == {EKS: START}


@pytest.mark.security(2)
def test_another_project_of_the_same_name_is_refused(world: GitLabWorld) -> None:
    settings = world.settings
    world.project.id += 1

    with pytest.raises(Refused, match="another one"):
        GitLabForge.of(settings).base_head(REPO, "main")


@pytest.mark.security(9)
def test_a_branch_of_that_name_in_a_fork_is_not_ours(world: GitLabWorld) -> None:
    fork = world.fork()
    world.push(BRANCH, {EKS: _set(1)}, READER, project=fork)
    number = world.open(BRANCH, "workers", READER, fork=fork)

    assert world.forge.find_pull_request(REPO, BRANCH) is None
    assert world.forge.pull_request(REPO, number).is_from_fork
    assert _reason(_merge(world, world.forge.pull_request(REPO, number))) in ("not-allowed", "checks")


# ── Approvals ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(8)
def test_an_approval_counts_where_every_push_takes_it_away(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.approve(pull.number)

    (review,) = world.forge.reviews(REPO, pull.number)

    assert (review.login, review.commit, review.may_write, review.is_bot) == (OWNER, pull.head, True, False)


@pytest.mark.security(8)
@pytest.mark.parametrize("setting", ["resets_approvals", "author_may_approve", "committers_may_not_approve", "has_approval_settings"])
def test_an_approval_counts_for_no_commit_where_one_setting_is_amiss(world: GitLabWorld, setting: str) -> None:
    setattr(world.project, setting, not getattr(world.project, setting))
    pull = _opened(world)
    world.approve(pull.number)

    (review,) = world.forge.reviews(REPO, pull.number)

    assert review.commit != pull.head


@pytest.mark.security(8)
def test_approve_then_push_without_reset_is_no_approval(world: GitLabWorld) -> None:
    world.project.resets_approvals = False
    pull = _opened(world)
    world.approve(pull.number)
    head = world.push(BRANCH, {EKS: _set(1)})
    world.project.resets_approvals = True

    world.forge.forget()

    assert [review.commit == head for review in world.forge.reviews(REPO, pull.number)] == [False]


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(24)
def test_no_text_of_ours_is_a_command(world: GitLabWorld) -> None:
    assert _commit(world, 4)
    text = "Because.\n/merge\n  /approve\n\u200b/close\r\n/label ~prod"
    pull = _open(world, body=text)
    world.forge.comment(REPO, pull.number, text, NOW)
    world.forge.edit_pull_request(REPO, pull.number, title="/merge", body=text)
    issue = world.forge.open_issue(REPO, title="Waiting", body=text)
    world.forge.edit_issue(REPO, issue.number, title="Waiting", body=f"/close\n{text}")

    kept = text.replace("\r", "")
    assert list(world.fired) == []
    assert world.forge.pull_request(REPO, pull.number).body == kept
    assert [comment.text for comment in world.forge.comments(REPO, pull.number)] == [kept]


# ── Merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(8)
def test_a_head_that_no_pipeline_ran_on_is_not_merged(world: GitLabWorld) -> None:
    world.project.ci = None
    pull = _opened(world)

    assert _reason(_merge(world, pull)) == "checks"
    assert world.head("main") == pull.base


@pytest.mark.security(8)
def test_a_status_that_anybody_sets_is_no_pipeline(world: GitLabWorld) -> None:
    world.project.ci = None
    pull = _opened(world)
    world.set_status(pull.head, "trimtab/gate", "success")

    assert _reason(_merge(world, pull)) == "checks"
    assert world.head("main") == pull.base


@pytest.mark.security(8)
def test_a_pipeline_of_the_commit_before_does_not_count(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.project.ci, world.project.needs_pipeline = None, False
    second = _commit(world, 3, expected=pull.head)
    assert second
    world.project.needs_pipeline = True
    world.forge.forget()

    answer = _merge(world, world.forge.pull_request(REPO, pull.number))

    assert _reason(answer) == "checks"


@pytest.mark.parametrize("status", ["failed", "running", "canceled"])
def test_a_pipeline_that_did_not_succeed_is_named(world: GitLabWorld, status: str) -> None:
    world.project.ci = status
    pull = _opened(world)

    assert _reason(_merge(world, pull)) == "checks"


def test_a_draft_is_not_merged(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.set_draft(pull.number, is_draft=True)

    assert _reason(_merge(world, pull)) == "not-allowed"


@pytest.mark.parametrize("how", ["500", "502", "drop"])
def test_a_merge_whose_answer_is_lost_is_read_back(world: GitLabWorld, how: str) -> None:
    pull = _opened(world)
    world.break_next(Fault(match="PUT ", when="after", how=how))  # type: ignore[arg-type]

    answer = _merge(world, pull)

    assert isinstance(answer, Merged)
    assert world.head("main") == answer.commit
    assert sum(request.method == "PUT" for request in world.requests) == 1


def test_a_merge_that_never_arrived_is_not_sent_again(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.break_next(Fault(match="PUT ", when="before"))
    start = len(world.requests)

    assert _reason(_merge(world, pull)) == "unknown"
    assert sum(request.is_write for request in _since(world, start)) == 1
    assert world.head("main") == pull.base


def test_only_the_merger_merges(world: GitLabWorld) -> None:
    pull = _opened(world)
    _merge(world, pull)

    assert [request.credential for request in world.requests if request.is_write] == ["writer", "writer", "merger"]


@pytest.mark.security(28)
def test_where_there_is_no_mergers_token_nothing_merges(world: GitLabWorld) -> None:
    pull = _opened(world)
    forge = GitLabForge.of(world.settings.model_copy(update={"gitlab_merger_token": None}))

    with pytest.raises(Refused, match="TRIMTAB_GITLAB_MERGER_TOKEN"):
        forge.merge(REPO, pull.number, head=pull.head, base=pull.base, message="m", at=NOW)


@pytest.mark.security(19)
def test_fast_forward_fails_where_the_base_moved_between_last_read_and_merge(world: GitLabWorld) -> None:
    world.project.merge_method = "ff"
    pull = _opened(world)
    world.before_next("PUT ", lambda: world.push("main", {EKS: START.replace(b"owner: ml", b"owner: them")}))

    answer = _merge(world, pull)

    assert _reason(answer) == "base-moved"
    assert world.bytes_of(world.head("main") or "", EKS) == START.replace(b"owner: ml", b"owner: them")


def test_a_train_takes_it_and_says_what_it_would_merge(world: GitLabWorld) -> None:
    world.project.has_trains = True
    pull = _opened(world)

    answer = _merge(world, pull)

    assert isinstance(answer, Queued)
    combined = train_commit(world.site, world.request(pull.number), pull.base)
    assert combined
    user = world.site.users[OWNER]
    world.project.train[0].pipeline = Pipeline(
        world.site.next_id(), combined, "refs/merge-requests/1/train", "running", "merge_request_event", user
    )
    world.forge.forget()
    (entry,) = world.forge.queue(REPO, "main")
    assert (entry.number, entry.base, entry.commit) == (pull.number, pull.base, combined)
    assert world.forge.pull_request(REPO, pull.number).is_queued
    world.run_train()
    world.forge.forget()
    assert world.forge.pull_request(REPO, pull.number).state == "merged"


# ── What a merge would change ────────────────────────────────────────────────────────────────────────────────────────
def test_a_merge_with_a_base_that_moved_in_the_same_file_is_gitlabs_own(world: GitLabWorld) -> None:
    pull = _opened(world)
    moved = world.push("main", {EKS: START.replace(b"owner: ml", b"owner: them")})
    world.forge.forget()
    world.forge.pull_request(REPO, pull.number)

    changes = world.forge.merge_changes(REPO, moved, pull.head)

    assert changes == {EKS: _set(4).replace(b"owner: ml", b"owner: them")}


def test_a_conflict_is_gitlabs_word_of_that_moment_and_asked_for_again(world: GitLabWorld) -> None:
    pull = _opened(world)
    beside = world.push("main", {EKS: START.replace(b"owner: ml", b"owner: them")})
    world.push("main", {EKS: _set(9)})
    world.settle()
    world.forge.forget()
    assert world.forge.merge_changes(REPO, beside, pull.head) is None

    plumbing.set_branch(world.project.bare, "main", beside)
    world.settle()
    world.forge.forget()

    assert world.forge.merge_changes(REPO, beside, pull.head) == {EKS: _set(4).replace(b"owner: ml", b"owner: them")}


def test_a_merge_that_gitlab_has_not_tried_is_not_yet(world: GitLabWorld) -> None:
    assert _commit(world, 4)
    moved = world.push("main", {EKS: START.replace(b"owner: ml", b"owner: them")})

    with pytest.raises(NotYet):
        world.forge.merge_changes(REPO, moved, world.head(BRANCH))


def test_a_new_file_in_a_new_folder_is_committed_and_read_back(world: GitLabWorld) -> None:
    forge: Forge = world.forge
    base = forge.base_head(REPO, "main")

    head = forge.commit_files(REPO, BRANCH, base, None, {NEW: b"\xff\x00 raw\r\n", EKS: _set(4)}, "m\n", NOW)

    assert head is not None
    assert forge.merge_changes(REPO, base, head) == {NEW: b"\xff\x00 raw\r\n", EKS: _set(4)}
    assert forge.commit_files(REPO, BRANCH, base, None, {NEW: b"\xff\x00 raw\r\n", EKS: _set(4)}, "m\n", NOW) == head


def test_many_files_come_in_one_archive(tmp_path: Path) -> None:
    files = {f"clusters/{n:03}.yaml": b"n: %d\n" % n for n in range(150)}
    world = GitLabWorld(tmp_path, files)
    base = world.forge.base_head(REPO, "main")
    paths = world.forge.list_files(REPO, base)
    start = len(world.requests)

    assert world.forge.read_files(REPO, base, paths) == files
    assert [request.path.rsplit("/", 1)[-1] for request in _since(world, start)] == ["archive"]
    world.end()
    assert list(world.violations) == []


# ── Limits, tokens, other people's trouble ───────────────────────────────────────────────────────────────────────────
def test_a_read_waits_as_long_as_it_is_told_to(world: GitLabWorld) -> None:
    world.break_next(Fault(match="branches", when="before", how="429"))

    assert world.forge.base_head(REPO, "main") == world.head("main")
    assert world.slept == [1.0]


@pytest.mark.parametrize("how", ["429", "502", "drop", "429-bare"])
def test_a_write_is_sent_once(world: GitLabWorld, how: str) -> None:
    pull = _opened(world)
    world.break_next(Fault(match="/notes", when="before", how=how, times=5))  # type: ignore[arg-type]
    start = len(world.requests)

    with pytest.raises(Upstream):
        world.forge.comment(REPO, pull.number, "hello", NOW)

    assert len(_since(world, start)) == 1


def test_an_expired_token_is_named_and_not_shown(world: GitLabWorld) -> None:
    world.revoke_tokens()

    with pytest.raises(Upstream, match="writer's token is not valid") as caught:
        world.forge.base_head(REPO, "main")

    assert WRITER_TOKEN not in str(caught.value)
    assert WRITER_TOKEN not in repr(caught.value.__cause__)


def test_an_archived_project_is_said_and_not_written_to(world: GitLabWorld) -> None:
    world.project.is_archived = True

    assert world.forge.rules(REPO, "main").is_archived
    with pytest.raises(Refused, match="archived"):
        _commit(world, 4)
    assert world.head(BRANCH) is None


@pytest.mark.parametrize("location", ["gitops", "", "/"])
def test_a_location_that_is_no_path_of_a_project_is_named(world: GitLabWorld, location: str) -> None:
    repository = world.settings.repositories[0].model_copy(update={"location": location})

    with pytest.raises(BadInput, match="group/project"):
        GitLabForge.of(world.settings.model_copy(update={"repositories": (repository,)}))


@pytest.mark.security(14)
def test_a_gitlab_that_is_not_listed_as_private_gets_no_token(world: GitLabWorld) -> None:
    settings = world.settings.model_copy(update={"private_hosts": (), "store": "s3://bucket/prefix"})

    with pytest.raises(BadInput):
        GitLabForge.of(settings).base_head(REPO, "main")

    assert list(world.requests) == []


@pytest.mark.security(8)
def test_a_writer_with_a_maintainers_rights_bypasses(world: GitLabWorld) -> None:
    world.site.tokens[WRITER_TOKEN] = world.site.tokens[OWNER_TOKEN]

    assert world.forge.rules(REPO, "main").may_bypass


def test_reviewers_are_people_that_gitlab_knows(world: GitLabWorld) -> None:
    assert _commit(world, 4)

    pull = _open(world, reviewers=(f"@{OWNER}", "@acme/platform", "nobody-there"))

    assert [user.username for user in world.request(pull.number).reviewers] == [OWNER]


# ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _look(forge: Forge, number: int) -> None:
    """What a run reads of one proposal, as `flow/facts.py` and `flow/approvals.py` do."""
    forge.forget()
    base = forge.base_head(REPO, "main")
    forge.read_files(REPO, base, [EKS])
    forge.rules(REPO, "main")
    pull = forge.pull_request(REPO, number)
    forge.commits(REPO, base, pull.head)
    forge.merge_changes(REPO, base, pull.head)
    forge.reviews(REPO, number)


def _about(world: GitLabWorld, start: int, *pieces: str) -> list[str]:
    """Requests that are about the one merge request, and not read once for the whole project or token."""
    once = (
        "/user",
        "/events",
        "protected_branches",
        "approval_rules",
        "/projects/1/approvals",
        "repository/tree",
        "/blobs/",
        "branches/main",
    )
    kept = [f"{each.method} {each.path}" for each in _since(world, start)]
    return [
        line for line in kept if not any(piece in line for piece in (*once, *pieces)) and line.count("/") > 2 and "%2F" + REPO not in line
    ]


def test_a_new_merge_request_takes_few_calls(world: GitLabWorld) -> None:
    world.site.lag = (0, 0)
    start = len(world.requests)

    _look(world.forge, _opened(world).number)

    assert len(_about(world, start)) <= 8


def test_an_unchanged_merge_request_takes_few_calls_and_no_write(world: GitLabWorld) -> None:
    pull = _opened(world)
    world.settle()
    forge = world.another()
    start = len(world.requests)

    _look(forge, pull.number)
    first, start = _about(world, start), len(world.requests)
    _look(forge, pull.number)

    assert len(first) <= 5
    assert len(_about(world, start)) <= 3
    assert not any(line.startswith(("POST", "PUT")) for line in first)
