"""What every forge must do, whatever it is made of: the use cases rely on nothing else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trimtab.adapters.localforge import LocalForge, human_commit, init_bare, review
from trimtab.errors import Refused
from trimtab.ports import Forge
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
REPO = "gitops"
EKS = "clusters/eks.yaml"
GKE = "clusters/gke.yaml"
BRANCH = "trimtab/training/workers/count"
LINES = [b"name: training", b"cloudType: eks", b"node_groups:", b"  - name: workers", b"    count: 6", b"    disk_size_gb: 60"]
FILES = {EKS: b"\n".join([*LINES, b"# end", b"# of", b"# file", b"owner: ml", b""]), GKE: b"name: serving\n", "README.md": b"# Clusters\n"}


@dataclass(frozen=True, slots=True)
class Case:
    """A forge with one repo that holds FILES, and what people and accidents do to it."""

    forge: Forge
    push: Callable[[str, dict[str, bytes]], CommitSha]
    """A person pushes to a branch."""
    approve: Callable[[int, str], None]
    lose_merge_record: Callable[[int], None]
    """What the world looks like when a merger dies right after the branch moved."""

    @property
    def base(self) -> CommitSha:
        return self.forge.base_head(REPO, "main")

    def commit(self, content: bytes, *, expected: CommitSha | None = None, path: str = EKS, branch: str = BRANCH) -> CommitSha | None:
        return self.forge.commit_files(REPO, branch, self.base, expected, {path: content}, "trimtab: set count\n", NOW)

    def open(self, branch: str = BRANCH) -> PullRequest:
        return self.forge.open_pull_request(
            REPO, head_ref=branch, base_ref="main", title="workers: 6 to 4", body="because", labels=["trimtab"], at=NOW
        )

    def opened(self, old: bytes = b"count: 6", new: bytes = b"count: 4", branch: str = BRANCH) -> PullRequest:
        self.commit(FILES[EKS].replace(old, new), branch=branch)
        return self.open(branch)

    def merge(self, pull: PullRequest, *, base: CommitSha | None = None, at: datetime = LATER) -> Merged | Queued | MergeRefused:
        message = "trimtab: merge\n\nTrimtab-Nonce: n1"
        return self.forge.merge(REPO, pull.number, head=pull.head, base=base or pull.base, message=message, at=at)

    def reason(self, answer: Merged | Queued | MergeRefused) -> str:
        assert isinstance(answer, MergeRefused), answer
        return answer.reason


def _local(folder: Path) -> Case:
    path = folder / "gitops.git"
    init_bare(path, FILES, "Start", NOW)
    forge = LocalForge({REPO: path})

    def lose(number: int) -> None:
        (path / "trimtab-forge" / "pulls" / f"{number:06d}.merged.json").unlink()

    return Case(
        forge=forge,
        push=lambda branch, files: human_commit(forge, REPO, branch, files, message="By hand", login="ml-owner", at=NOW),
        approve=lambda number, login: review(forge, REPO, number, login, "approved", NOW),
        lose_merge_record=lose,
    )


@pytest.fixture(params=[_local], ids=["local"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], Case] = request.param
    return make(tmp_path)


def test_a_pull_request_carries_one_commit_with_one_changed_line(case: Case) -> None:
    pull = case.opened()

    assert (pull.state, pull.base_ref, pull.base, pull.is_mergeable) == ("open", "main", case.base, True)
    assert pull.author == case.forge.login
    (commit,) = case.forge.commits(REPO, pull.base, pull.head)
    assert (commit.parents, commit.author, commit.committer) == ((pull.base,), case.forge.login, case.forge.login)
    assert case.forge.merge_changes(REPO, pull.base, pull.head) == {EKS: FILES[EKS].replace(b"count: 6", b"count: 4")}


def test_opening_twice_gives_the_same_pull_request(case: Case) -> None:
    first, second = case.opened(), case.open()

    assert first.number == second.number


def test_eight_at_once_open_one_pull_request(case: Case) -> None:
    case.commit(FILES[EKS].replace(b"count: 6", b"count: 4"))

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

    with pytest.raises(Refused, match="nothing to pull"):
        case.open()


def test_the_same_commit_twice_is_one_commit(case: Case) -> None:
    """A retry after a crash must not fail, and must not add a commit."""
    content = FILES[EKS].replace(b"count: 6", b"count: 4")

    first, again = case.commit(content), case.commit(content)

    assert first is not None
    assert again == first == case.forge.branch_head(REPO, BRANCH)


def test_a_branch_that_somebody_else_moved_is_left_alone(case: Case) -> None:
    ours = case.commit(FILES[EKS].replace(b"count: 6", b"count: 4"))
    theirs = case.push(BRANCH, {GKE: b"name: serving\nmine: true\n"})

    answer = case.commit(FILES[EKS].replace(b"count: 6", b"count: 3"), expected=ours)

    assert answer is None
    assert case.forge.branch_head(REPO, BRANCH) == theirs


def test_a_branch_that_exists_is_not_created_over(case: Case) -> None:
    """Somebody may have made a branch of our name before us."""
    case.commit(b"name: theirs\n")

    assert case.commit(FILES[EKS].replace(b"count: 6", b"count: 4"), expected=None) is None


def test_a_persons_commit_is_told_by_its_author(case: Case) -> None:
    pull = case.opened()
    case.push(BRANCH, {GKE: b"name: other\n"})

    authors = [commit.author for commit in case.forge.commits(REPO, pull.base, case.forge.pull_request(REPO, pull.number).head)]

    assert authors == [case.forge.login, "ml-owner"]


def test_merging_makes_a_merge_commit_of_base_and_reviewed_head(case: Case) -> None:
    pull = case.opened()

    answer = case.merge(pull)

    assert isinstance(answer, Merged)
    assert case.base == answer.commit
    after = case.forge.pull_request(REPO, pull.number)
    assert (after.state, after.merge_commit, after.head) == ("merged", answer.commit, pull.head)
    assert case.forge.read_file(REPO, answer.commit, EKS) == FILES[EKS].replace(b"count: 6", b"count: 4")


def test_a_moved_head_is_not_merged(case: Case) -> None:
    pull = case.opened()
    case.push(BRANCH, {EKS: FILES[EKS].replace(b"count: 6", b"count: 1")})

    assert case.reason(case.merge(pull)) == "head-moved"
    assert case.base == pull.base


def test_another_line_of_the_same_file_moved_in_the_base_is_not_merged(case: Case) -> None:
    """It would merge cleanly, into a file that nobody reviewed."""
    pull = case.opened()
    moved = case.push("main", {EKS: FILES[EKS].replace(b"owner: ml", b"owner: platform")})

    assert case.forge.pull_request(REPO, pull.number).is_mergeable is True
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

    now = case.forge.pull_request(REPO, pull.number)
    assert now.is_mergeable is False
    assert case.forge.merge_changes(REPO, now.base, now.head) is None
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


def test_a_merge_whose_maker_died_before_recording_it_is_healed_on_the_next_read(case: Case) -> None:
    pull = case.opened()
    answer = case.merge(pull)
    case.lose_merge_record(pull.number)

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

    case.approve(pull.number, "ml-owner")

    (review_,) = case.forge.reviews(REPO, pull.number)
    assert (review_.login, review_.state, review_.commit, review_.may_write, review_.is_bot) == (
        "ml-owner",
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
