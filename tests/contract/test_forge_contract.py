"""What every forge must do, whatever it is made of: the use cases rely on nothing else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest

from tests.forges.local import LocalWorld
from tests.forges.world import OWNER, READER, REPO, Fault, ForgeWorld, RemoteWorld, Request
from tests.forges.worlds import REMOTE, WORLDS, remote_of, world_of
from trimtab.errors import NotYet, Refused, Upstream
from trimtab.ports import Forge
from trimtab.records import CommitSha, Issue, Merged, MergeRefused, PullRequest, Queued

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
EKS = "clusters/eks.yaml"
GKE = "clusters/gke.yaml"
BRANCH = "trimtab/training/workers/count"
LINES = [b"name: training", b"cloudType: eks", b"node_groups:", b"  - name: workers", b"    count: 6", b"    disk_size_gb: 60"]
FILES = {EKS: b"\n".join([*LINES, b"# end", b"# of", b"# file", b"owner: ml", b""]), GKE: b"name: serving\n", "README.md": b"# Clusters\n"}
FOUR = FILES[EKS].replace(b"count: 6", b"count: 4")


@dataclass(frozen=True, slots=True)
class Case:
    """A world whose repo holds FILES, and what we do in it most often."""

    world: ForgeWorld

    @property
    def forge(self) -> Forge:
        return self.world.forge

    @property
    def base(self) -> CommitSha:
        self.forge.forget()
        return self.forge.base_head(REPO, "main")

    def push(self, branch: str, files: Mapping[str, bytes]) -> CommitSha:
        """A person pushes; what was read before is old from here on."""
        commit = self.world.push(branch, files)
        self.forge.forget()
        return commit

    def commit(self, content: bytes, *, expected: CommitSha | None = None, path: str = EKS, branch: str = BRANCH) -> CommitSha | None:
        return self.forge.commit_files(REPO, branch, self.base, expected, {path: content}, "trimtab: set count\n", NOW)

    def open(self, branch: str = BRANCH) -> PullRequest:
        return self.forge.open_pull_request(
            REPO, head_ref=branch, base_ref="main", title="workers: 6 to 4", body="because", labels=["trimtab"], at=NOW
        )

    def opened(self, old: bytes = b"count: 6", new: bytes = b"count: 4", branch: str = BRANCH) -> PullRequest:
        self.commit(FILES[EKS].replace(old, new), branch=branch)
        return self.settled(self.open(branch))

    def settled(self, pull: PullRequest) -> PullRequest:
        """The pull request once the forge knows whether it merges."""
        for _ in range(10):
            self.forge.forget()
            pull = self.forge.pull_request(REPO, pull.number)
            if pull.is_mergeable is not None or pull.state != "open":
                return pull
        raise AssertionError(f"never known whether it merges: {pull}")

    def merge(self, pull: PullRequest, *, base: CommitSha | None = None, at: datetime = LATER) -> Merged | Queued | MergeRefused:
        message = "trimtab: merge\n\nTrimtab-Nonce: n1"
        return self.forge.merge(REPO, pull.number, head=pull.head, base=base or pull.base, message=message, at=at)

    def reason(self, answer: Merged | Queued | MergeRefused) -> str:
        assert isinstance(answer, MergeRefused), answer
        return answer.reason

    def merge_changes(self, pull: PullRequest) -> Mapping[str, bytes] | None:
        """What a merge would change, once the forge has worked it out."""
        for _ in range(10):
            self.forge.forget()
            try:
                return self.forge.merge_changes(REPO, pull.base, pull.head)
            except NotYet:
                continue
        raise AssertionError("never worked out")


@pytest.fixture(params=list(WORLDS))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with world_of(request.param, tmp_path, FILES) as world:
        yield Case(world)


@pytest.fixture(params=list(REMOTE))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def remote(kind: str, tmp_path: Path) -> Iterator[RemoteWorld]:
    with remote_of(kind, tmp_path, FILES) as world:
        yield world


def test_a_pull_request_carries_one_commit_with_one_changed_line(case: Case) -> None:
    pull = case.opened()

    assert (pull.state, pull.base_ref, pull.base, pull.is_mergeable) == ("open", "main", case.base, True)
    assert pull.author == case.forge.login
    (commit,) = case.forge.commits(REPO, pull.base, pull.head)
    assert (commit.parents, commit.author, commit.committer) == ((pull.base,), case.forge.login, case.forge.login)
    assert case.merge_changes(pull) == {EKS: FOUR}


def test_opening_twice_gives_the_same_pull_request(case: Case) -> None:
    first, second = case.opened(), case.open()

    assert first.number == second.number


def test_eight_at_once_open_one_pull_request(case: Case) -> None:
    case.commit(FOUR)

    with ThreadPoolExecutor(8) as pool:
        pulls = list(pool.map(lambda _: case.open(), range(8)))

    assert {pull.number for pull in pulls} == {pulls[0].number}


def test_a_closed_pull_request_is_found_and_a_new_one_may_open(case: Case) -> None:
    first = case.opened()
    case.forge.close_pull_request(REPO, first.number)

    found = case.forge.find_pull_request(REPO, BRANCH)
    assert found is not None
    assert (found.number, found.state) == (first.number, "closed")
    assert case.reason(case.merge(first)) == "not-open"
    assert case.open().number > first.number


def test_a_branch_without_a_commit_of_its_own_opens_nothing(case: Case) -> None:
    pull = case.opened()
    case.merge(pull)

    with pytest.raises(Refused, match=r"nothing to pull|no branch"):  # GitLab deletes the branch with the merge
        case.open()


def test_the_same_commit_twice_is_one_commit(case: Case) -> None:
    """A retry after a crash must not fail, and must not add a commit."""
    content = FOUR

    first, again = case.commit(content), case.commit(content)

    assert first is not None
    assert again == first == case.forge.branch_head(REPO, BRANCH)


def test_a_branch_that_somebody_else_moved_is_left_alone(case: Case) -> None:
    ours = case.commit(FOUR)
    theirs = case.push(BRANCH, {GKE: b"name: serving\nmine: true\n"})

    answer = case.commit(FILES[EKS].replace(b"count: 6", b"count: 3"), expected=ours)

    assert answer is None
    assert case.forge.branch_head(REPO, BRANCH) == theirs


def test_a_branch_that_exists_is_not_created_over(case: Case) -> None:
    """Somebody may have made a branch of our name before us."""
    case.commit(b"name: theirs\n")

    assert case.commit(FOUR, expected=None) is None


def test_a_persons_commit_is_told_by_its_author(case: Case) -> None:
    pull = case.opened()
    case.push(BRANCH, {GKE: b"name: other\n"})

    authors = [commit.author for commit in case.forge.commits(REPO, pull.base, case.forge.pull_request(REPO, pull.number).head)]

    assert authors == [case.forge.login, OWNER]


def test_merging_makes_a_merge_commit_of_base_and_reviewed_head(case: Case) -> None:
    pull = case.opened()

    answer = case.merge(pull)

    assert isinstance(answer, Merged)
    assert case.base == answer.commit
    after = case.forge.pull_request(REPO, pull.number)
    assert (after.state, after.merge_commit, after.head) == ("merged", answer.commit, pull.head)
    assert after.merged_by in {case.forge.login, ""}, "a forge on disk does not say who it was"
    assert case.forge.read_file(REPO, answer.commit, EKS) == FOUR


def test_a_moved_head_is_not_merged(case: Case) -> None:
    pull = case.opened()
    case.push(BRANCH, {EKS: FILES[EKS].replace(b"count: 6", b"count: 1")})

    assert case.reason(case.merge(pull)) == "head-moved"
    assert case.base == pull.base


def test_another_line_of_the_same_file_moved_in_the_base_is_not_merged(case: Case) -> None:
    """It would merge cleanly, into a file that nobody reviewed."""
    pull = case.opened()
    moved = case.push("main", {EKS: FILES[EKS].replace(b"owner: ml", b"owner: platform")})

    assert case.settled(pull).is_mergeable is True
    assert case.reason(case.merge(pull)) == "base-moved"
    assert case.base == moved


def test_another_file_moved_in_the_base_does_not_matter(case: Case) -> None:
    pull = case.opened()
    case.push("main", {GKE: b"name: serving\nmore: yes\n"})

    assert isinstance(case.merge(pull), Merged)
    assert case.forge.read_file(REPO, case.base, GKE) == b"name: serving\nmore: yes\n"


def test_a_conflict_is_neither_mergeable_nor_merged(case: Case) -> None:
    pull = case.opened()
    case.push("main", {EKS: FILES[EKS].replace(b"count: 6", b"count: 9")})

    now = case.settled(pull)
    assert now.is_mergeable is False
    assert case.merge_changes(now) is None
    assert case.reason(case.merge(now)) == "conflict"


def test_two_merges_at_once_make_one_merge(case: Case) -> None:
    pull = case.opened()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda minute: case.merge(pull, at=LATER.replace(minute=minute)), (1, 2)))

    assert sorted(type(answer).__name__ for answer in answers) == ["MergeRefused", "Merged"]
    assert len(case.forge.commits(REPO, pull.base, case.base)) == 2  # ours and the one merge


def test_two_pull_requests_on_two_files_both_merge_at_once(case: Case) -> None:
    other = "trimtab/serving/workers/count"
    first = case.opened()
    case.commit(b"name: serving\ncount: 2\n", path=GKE, branch=other)
    second = case.open(other)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(case.merge, (first, second)))

    assert all(isinstance(answer, Merged) for answer in answers)


def test_a_merge_whose_maker_died_before_recording_it_is_healed_on_the_next_read(tmp_path: Path) -> None:
    """Only on disk does a merge leave two marks; elsewhere the answer is lost, which has tests of its own below."""
    world = LocalWorld(tmp_path, FILES)
    case = Case(world)
    pull = case.opened()
    answer = case.merge(pull)
    world.lose_merge_record(pull.number)

    healed = case.forge.pull_request(REPO, pull.number)

    assert isinstance(answer, Merged)
    assert (healed.state, healed.merge_commit, healed.head) == ("merged", answer.commit, pull.head)
    assert case.reason(case.merge(pull)) == "not-open"


def test_a_comment_is_found_by_its_nonce(case: Case) -> None:
    pull = case.opened()

    case.forge.comment(REPO, pull.number, "Waiting. <!-- trimtab:nonce=n7 -->", NOW)
    case.forge.comment(REPO, pull.number, "Approved. <!-- trimtab:nonce=n8 -->", LATER)

    assert [("n7" in comment.text, "n8" in comment.text) for comment in case.forge.comments(REPO, pull.number)] == [
        (True, False),
        (False, True),
    ]


def test_a_review_names_person_and_commit(case: Case) -> None:
    pull = case.opened()

    case.world.approve(pull.number)
    case.forge.forget()

    (review_,) = case.forge.reviews(REPO, pull.number)
    assert (review_.login, review_.state, review_.commit, review_.may_write, review_.is_bot) == (
        OWNER,
        "approved",
        pull.head,
        True,
        False,
    )


def test_title_and_body_are_replaced_in_place(case: Case) -> None:
    pull = case.opened()

    case.forge.edit_pull_request(REPO, pull.number, title="workers: 6 to 5", body="newer")

    after = case.forge.pull_request(REPO, pull.number)
    assert (after.number, after.title, after.body) == (pull.number, "workers: 6 to 5", "newer")


def test_files_of_a_commit_are_listed_and_read(case: Case) -> None:
    assert case.forge.list_files(REPO, case.base) == ("README.md", EKS, GKE)
    assert case.forge.read_file(REPO, case.base, GKE) == b"name: serving\n"
    assert case.forge.read_file(REPO, case.base, "clusters/none.yaml") is None


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────
ODD = {
    "odd/mark.yaml": b"\xef\xbb\xbfname: with a mark\n",
    "odd/lines.yaml": b"name: windows\r\ncount: 1\r\n",
    "odd/latin.yaml": "name: m\u00fcnchen\n".encode("latin-1"),
    "odd/utf8.yaml": "name: m\u00fcnchen \u2192 \U0001f409\n".encode(),
    "odd/nul.bin": b"name: a\0b\n",
    "odd/empty.yaml": b"",
    "odd/no final newline.yaml": b"name: x",
    "odd/blank": b" \t\n\n",
    "odd/large.yaml": b"# a line of a large file\n" * 199_990,
}


def test_files_are_read_byte_for_byte(case: Case) -> None:
    """An edit is a splice of bytes; a file that came back in another encoding would be written back so."""
    commit = case.push("main", ODD)

    assert case.forge.read_files(REPO, commit, [*ODD, "odd/none.yaml"]) == ODD
    assert case.world.another().read_file(REPO, commit, "odd/latin.yaml") == ODD["odd/latin.yaml"]


@pytest.mark.parametrize("path", [path for path in ODD if path != "odd/large.yaml"])
def test_files_are_written_byte_for_byte(case: Case, path: str) -> None:
    case.push("main", ODD)
    content = ODD[path] + b"\r\nmore: \xe9"

    commit = case.commit(content, path=path)

    assert commit is not None
    assert case.world.another().read_file(REPO, commit, path) == content
    assert case.settled(case.open()).is_mergeable is True


def test_several_files_are_one_commit(case: Case) -> None:
    files = {EKS: FOUR, GKE: b"name: serving\ncount: 2\n", "new/pool.yaml": b"name: new\n"}

    commit = case.forge.commit_files(REPO, BRANCH, case.base, None, files, "trimtab: set counts", NOW)

    assert commit is not None
    assert len(case.forge.commits(REPO, case.base, commit)) == 1
    assert case.forge.read_files(REPO, commit, list(files)) == files


# ── Branches ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(9)
def test_an_empty_branch_that_was_made_before_us_counts_as_absent(case: Case) -> None:
    case.world.make_branch(BRANCH, case.base)

    commit = case.commit(FOUR)

    assert commit is not None
    assert commit == case.world.head(BRANCH)


@pytest.mark.security(9)
def test_a_branch_of_our_name_with_a_persons_commit_is_left_alone(case: Case) -> None:
    theirs = case.push(BRANCH, {GKE: b"name: mine\n"})

    assert case.commit(FOUR) is None
    assert case.world.head(BRANCH) == theirs


@pytest.mark.security(9)
def test_a_persons_commit_of_the_very_same_change_is_not_taken_for_ours(case: Case) -> None:
    theirs = case.push(BRANCH, {EKS: FOUR})

    answer = case.commit(FOUR)

    assert answer != theirs
    assert case.world.head(BRANCH) == theirs


def test_a_branch_is_made_anew_on_a_base_that_moved(case: Case) -> None:
    first = case.commit(FOUR)
    moved = case.push("main", {GKE: b"name: serving\nmore: yes\n"})

    second = case.commit(FOUR, expected=first)

    assert second is not None
    assert second == case.world.head(BRANCH)
    assert [commit.parents for commit in case.forge.commits(REPO, moved, second)] == [(moved,)]
    assert case.forge.read_file(REPO, second, GKE) == b"name: serving\nmore: yes\n"


def test_another_process_finds_what_was_made(case: Case) -> None:
    pull = case.opened()
    other = case.world.another()

    assert other.branch_head(REPO, BRANCH) == pull.head
    found = other.find_pull_request(REPO, BRANCH)
    assert found is not None
    assert (found.number, found.author, found.labels) == (pull.number, case.forge.login, ("trimtab",))


def test_two_processes_at_once_make_one_branch_and_one_pull_request(case: Case) -> None:
    def run(forge: Forge) -> tuple[CommitSha | None, int]:
        base = forge.base_head(REPO, "main")
        commit = forge.commit_files(REPO, BRANCH, base, None, {EKS: FOUR}, "trimtab: set count", NOW)
        pull = forge.open_pull_request(REPO, head_ref=BRANCH, base_ref="main", title="t", body="b", labels=["trimtab"], at=NOW)
        return commit, pull.number

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(run, (case.world.another(), case.world.another())))

    assert len(set(answers)) == 1
    assert len(case.world.pull_requests()) == 1
    head = case.world.head(BRANCH)
    assert head is not None
    assert len(case.forge.commits(REPO, case.base, head)) == 1


# ── Pull requests and issues ─────────────────────────────────────────────────────────────────────────────────────────
def test_every_open_pull_request_is_listed_whoever_opened_it(case: Case) -> None:
    ours = case.opened()
    case.push("feature", {GKE: b"name: other\n"})
    theirs = case.world.open("feature", "By hand")
    case.push("done", {GKE: b"name: done\n"})
    closed = case.world.open("done", "Closed")
    case.world.close(closed)
    case.forge.forget()

    found = {pull.number: pull.author for pull in case.forge.open_pull_requests(REPO)}

    assert found == {ours.number: case.forge.login, theirs: OWNER}


@pytest.mark.security(9)
def test_a_persons_pull_request_from_our_branch_is_told_by_its_author(case: Case) -> None:
    case.commit(FOUR)
    number = case.world.open(BRANCH, "workers: 6 to 4")
    case.forge.forget()

    assert case.open().number == number
    found = case.forge.find_pull_request(REPO, BRANCH)
    assert found is not None
    assert found.author == OWNER


@pytest.mark.security(10)
def test_an_approval_keeps_naming_the_commit_that_was_approved(case: Case) -> None:
    pull = case.opened()
    case.world.approve(pull.number)
    pushed = case.push(BRANCH, {EKS: FILES[EKS].replace(b"count: 6", b"count: 1")})

    now = case.forge.pull_request(REPO, pull.number)
    approved = [review.commit for review in case.forge.reviews(REPO, pull.number)]

    assert now.head == pushed
    assert set(approved) <= {pull.head}  # GitLab, which keeps no commit with an approval, takes it away


def test_checks_say_whose_they_are(case: Case) -> None:
    pull = case.opened()
    case.forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="pending", summary="waits")
    case.forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="not ours")
    case.forge.forget()

    (check,) = [check for check in case.forge.checks(REPO, pull.head) if check.name == "trimtab/gate"]

    assert (check.conclusion, check.summary) == ("success", "not ours")
    assert check.by


def test_an_issue_is_found_again_and_edited_in_place(case: Case) -> None:
    first = case.forge.open_issue(REPO, title="Trimtab: pending", body="nothing <!-- n1 -->")
    case.forge.edit_issue(REPO, first.number, title="Trimtab: pending", body="one <!-- n1 -->")
    other = case.world.another()

    found = other.issues(REPO)

    assert [(issue.number, issue.body, issue.is_open) for issue in found] == [(first.number, "one <!-- n1 -->", True)]


def test_closing_twice_is_closing_once(case: Case) -> None:
    pull = case.opened()
    case.forge.close_pull_request(REPO, pull.number)
    case.forge.close_pull_request(REPO, pull.number)
    case.forge.forget()

    assert case.forge.pull_request(REPO, pull.number).state == "closed"


def test_what_a_person_merged_is_merged(case: Case) -> None:
    pull = case.opened()
    case.world.merge(pull.number)
    case.forge.forget()

    after = case.forge.pull_request(REPO, pull.number)

    assert (after.state, after.merge_commit) == ("merged", case.base)
    assert after.merged_by != case.forge.login
    assert case.reason(case.merge(pull)) == "not-open"


def test_whatever_else_is_on_our_branch_is_part_of_the_merge(case: Case) -> None:
    """Whoever adds to our branch must not get more merged than was planned."""
    pull = case.opened()
    case.push(BRANCH, {GKE: b"name: smuggled\n"})

    now = case.settled(pull)

    assert case.merge_changes(now) == {EKS: FOUR, GKE: b"name: smuggled\n"}


# ── Only over HTTP ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_draft_is_told_and_not_merged(remote: RemoteWorld) -> None:
    case = Case(remote)
    pull = case.opened()
    remote.set_draft(pull.number, is_draft=True)
    case.forge.forget()

    assert case.forge.pull_request(REPO, pull.number).is_draft is True
    assert case.reason(case.merge(pull)) == "not-allowed"


@pytest.mark.security(9)
def test_a_fork_with_our_branch_name_is_not_ours(remote: RemoteWorld) -> None:
    case = Case(remote)
    number = remote.open_from_fork(BRANCH, {EKS: FOUR}, "workers: 6 to 4")
    case.forge.forget()

    assert case.forge.find_pull_request(REPO, BRANCH) is None
    assert case.forge.branch_head(REPO, BRANCH) is None
    (fork,) = case.forge.open_pull_requests(REPO)
    assert (fork.number, fork.author, fork.is_from_fork) == (number, READER, True)
    ours = case.opened()
    assert ours.number != number
    assert case.forge.pull_request(REPO, ours.number).is_from_fork is False


@pytest.mark.security(36)
def test_who_can_read_a_repo_is_known(remote: RemoteWorld) -> None:
    """Amounts stand only where not everybody can read them, and a repo can be made public any day."""
    private = Case(remote).forge.rules(REPO, "main").is_public
    remote.make_public()

    assert (private, remote.another().rules(REPO, "main").is_public) == (False, True)


def test_an_archived_repo_is_refused_and_nothing_is_pushed(remote: RemoteWorld) -> None:
    case = Case(remote)
    pull = case.opened()
    remote.archive()
    other = remote.another()

    assert other.rules(REPO, "main").is_archived is True
    with pytest.raises(Refused, match="archived"):
        other.commit_files(REPO, "trimtab/other", pull.base, None, {GKE: b"name: x\n"}, "trimtab", NOW)
    with pytest.raises(Refused):
        other.comment(REPO, pull.number, "hello", NOW)
    refused = other.merge(REPO, pull.number, head=pull.head, base=pull.base, message="m", at=NOW)
    assert isinstance(refused, MergeRefused)
    assert remote.head("trimtab/other") is None


@pytest.mark.security(6)
def test_a_persons_status_is_not_taken_for_the_gates(remote: RemoteWorld) -> None:
    case = Case(remote)
    pull = case.opened()
    remote.set_status(pull.head, "trimtab/gate", "success")
    case.forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="failure", summary="no")
    case.forge.forget()

    said = {check.by: check.conclusion for check in case.forge.checks(REPO, pull.head) if check.name == "trimtab/gate"}

    assert said.pop(OWNER, "success") == "success"
    assert set(said.values()) == {"failure"}


def test_a_token_that_is_no_longer_taken_is_replaced(remote: RemoteWorld) -> None:
    case = Case(remote)
    pull = case.opened()
    remote.expire_tokens()
    case.forge.forget()

    assert case.forge.pull_request(REPO, pull.number).head == pull.head
    case.forge.comment(REPO, pull.number, "still here", NOW)
    assert [comment.text for comment in remote.another().comments(REPO, pull.number)] == ["still here"]


def test_an_unknown_number_and_branch_are_refused(remote: RemoteWorld) -> None:
    with pytest.raises(Refused):
        remote.forge.pull_request(REPO, 404)
    with pytest.raises(Refused):
        remote.forge.base_head(REPO, "nowhere")
    assert remote.forge.branch_head(REPO, "nowhere") is None
    assert remote.forge.find_pull_request(REPO, "nowhere") is None


@pytest.mark.security(24)
def test_our_own_words_set_nothing_off(remote: RemoteWorld) -> None:
    """The world does act on what it is told; this is what would be missed if it did not."""
    case = Case(remote)
    pull = case.opened()
    assert list(remote.fired) == []

    case.forge.comment(REPO, pull.number, "closes #1", NOW)

    assert len(list(remote.fired)) == 1


# ── Accidents ────────────────────────────────────────────────────────────────────────────────────────────────────────
Act = Callable[[Case], object]


def _commit(case: Case) -> object:
    return case.commit(FOUR)


def _regenerate(case: Case) -> object:
    return case.commit(FILES[EKS].replace(b"count: 6", b"count: 3"), expected=case.forge.branch_head(REPO, BRANCH))


def _open(case: Case) -> object:
    return case.open()


def _edit(case: Case) -> object:
    case.forge.edit_pull_request(REPO, 1, title="new", body="newer")
    return None


def _comment(case: Case) -> object:
    case.forge.comment(REPO, 1, "Waiting. n7", NOW)
    return None


def _close(case: Case) -> object:
    case.forge.close_pull_request(REPO, 1)
    return None


def _check(case: Case) -> object:
    head = case.world.head(BRANCH)
    assert head is not None
    case.forge.set_check(REPO, head, name="trimtab/gate", conclusion="success", summary="not ours")
    return None


def _issue(case: Case) -> Issue:
    return case.forge.open_issue(REPO, title="Trimtab: pending", body="nothing n7")


def _merge(case: Case) -> object:
    case.forge.forget()
    return case.merge(case.forge.pull_request(REPO, 1))


def _nothing(case: Case) -> object:
    return case.base


def _base_moves(case: Case) -> object:
    _commit(case)
    return case.push("main", {GKE: b"name: serving\nmore: yes\n"})


ACTS: Mapping[str, tuple[Act, Act]] = {
    "commit": (_nothing, _commit),
    "regenerate": (_base_moves, _regenerate),
    "open": (_commit, _open),
    "edit": (lambda case: case.opened(), _edit),
    "comment": (lambda case: case.opened(), _comment),
    "close": (lambda case: case.opened(), _close),
    "check": (lambda case: case.opened(), _check),
    "issue": (_nothing, _issue),
    "merge": (lambda case: case.opened(), _merge),
}
"""Name → what goes before, and the act itself."""


@dataclass(frozen=True, slots=True)
class Plain:
    """An act when all goes well: the writes that it sends, and what is there afterwards."""

    writes: tuple[str, ...]
    state: Mapping[str, object]


@cache
def _plain(kind: str, name: str) -> Plain:
    with TemporaryDirectory() as folder, remote_of(kind, Path(folder), FILES) as world:
        case = _before(world, name)
        start = len(world.requests)
        ACTS[name][1](case)
        return Plain(tuple(_places(world.requests[start:])), _state(world))


def _before(world: RemoteWorld, name: str) -> Case:
    """The world as the act finds it, and nothing of it remembered."""
    case = Case(world)
    ACTS[name][0](case)
    case.forge.forget()
    return case


def _places(requests: Iterable[Request]) -> list[str]:
    return [f"{request.method} {request.path}" for request in requests if request.is_write]


def _state(world: RemoteWorld) -> Mapping[str, object]:
    """What is there, as another process reads it."""
    other = world.another()
    pulls = [other.pull_request(REPO, number) for number, _, _ in world.pull_requests()]
    head = other.branch_head(REPO, BRANCH)
    return {
        "pulls": list(world.pull_requests()),
        "content": other.read_file(REPO, head, EKS) if head else None,
        "commits": len(other.commits(REPO, other.base_head(REPO, "main"), head)) if head else 0,
        "words": [(pull.title, pull.body, pull.labels) for pull in pulls],
        "comments": [comment.text for pull in pulls for comment in other.comments(REPO, pull.number)],
        "issues": [issue.body for issue in other.issues(REPO)],
        "checks": [(check.name, check.conclusion) for check in other.checks(REPO, head)] if head else [],
    }


def _every_write(kind: str, name: str) -> Iterator[tuple[RemoteWorld, Case, str, int]]:
    """A fresh world for each write that an act sends: (world, case, the write's place, how many of that place come before it)."""
    places = _plain(kind, name).writes
    assert places
    for n, place in enumerate(places):
        with TemporaryDirectory() as folder, remote_of(kind, Path(folder), FILES) as world:
            yield world, _before(world, name), place, places[:n].count(place)


BROKEN: Mapping[str, tuple[Literal["before", "after"], Literal["500", "drop"]]] = {
    "never happened": ("before", "500"),
    "happened and nobody said so": ("after", "drop"),
}
UNKEYED = ("comment", "issue")
"""What has no key of its own: whoever sends it looks for its nonce before sending again."""


@pytest.mark.parametrize("broken", list(BROKEN))
@pytest.mark.parametrize("name", [name for name in ACTS if name != "merge" and name not in UNKEYED])
def test_a_write_whose_answer_is_lost_is_sent_once_and_the_next_delivery_ends_as_if_nothing_had_been(
    kind: str, name: str, broken: str
) -> None:
    when, how = BROKEN[broken]
    for world, case, place, skip in _every_write(kind, name):
        start = len(world.requests)
        world.break_next(Fault(match=place, when=when, how=how, skip=skip))

        with suppress(Upstream):
            ACTS[name][1](case)

        assert _places(world.requests[start:]).count(place) <= skip + 1
        ACTS[name][1](Case(world))
        assert _state(world) == _plain(kind, name).state


@pytest.mark.parametrize("broken", list(BROKEN))
@pytest.mark.parametrize("name", UNKEYED)
def test_what_has_no_key_of_its_own_is_never_sent_twice(kind: str, name: str, broken: str) -> None:
    when, how = BROKEN[broken]
    for world, case, place, skip in _every_write(kind, name):
        world.break_next(Fault(match=place, when=when, how=how, skip=skip))

        with pytest.raises(Upstream):
            ACTS[name][1](case)

        other = world.another()
        texts = [comment.text for comment in other.comments(REPO, 1)] if name == "comment" else [issue.body for issue in other.issues(REPO)]
        assert [("n7" in text) for text in texts] == ([True] if when == "after" else [])


@pytest.mark.parametrize("name", ["commit", "open", "comment", "merge"])
@pytest.mark.parametrize("how", ["403-secondary", "429-bare"])
def test_a_limit_on_writes_is_left_to_the_next_delivery(
    remote: RemoteWorld, kind: str, name: str, how: Literal["403-secondary", "429-bare"]
) -> None:
    """Whoever goes on sending is locked out for longer."""
    case = _before(remote, name)
    place = _plain(kind, name).writes[-1]
    start = len(remote.requests)
    remote.break_next(Fault(match=place, when="before", how=how, times=3))

    with pytest.raises(Upstream):
        ACTS[name][1](case)

    assert _places(remote.requests[start:]).count(place) == 1


@pytest.mark.security(19)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["500", "502", "drop"])
def test_a_merge_whose_answer_is_lost_is_sent_once_and_told_truthfully(
    remote: RemoteWorld, kind: str, when: Literal["before", "after"], how: Literal["500", "502", "drop"]
) -> None:
    case = Case(remote)
    pull = case.opened()
    place = _plain(kind, "merge").writes[-1]
    start = len(remote.requests)
    remote.break_next(Fault(match=place, when=when, how=how))

    answer = case.merge(pull)

    assert _places(remote.requests[start:]).count(place) == 1
    if when == "after":
        assert answer == Merged(commit=case.base)
    else:
        assert case.reason(answer) == "unknown"
        assert remote.pull_requests()[0][2] == "open"


@pytest.mark.security(9)
def test_a_commit_that_a_person_pushes_at_the_last_moment_is_never_lost(kind: str) -> None:
    """Between our last look at the branch and each write of a regeneration."""
    for world, case, place, _ in _every_write(kind, "regenerate"):
        world.before_next(place, partial(world.push, BRANCH, {GKE: b"name: mine\n"}))

        answer = _regenerate(case)

        assert answer is None
        head = world.head(BRANCH)
        assert head is not None
        assert world.another().read_file(REPO, head, GKE) == b"name: mine\n"
