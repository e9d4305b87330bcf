"""The local forge beyond the port: real git underneath, rules that hold, accidents that heal."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trimtab.adapters.localforge import LocalForge, Rules, human_branch, human_commit, human_merge, init_bare, protect, review
from trimtab.adapters.localforge.desk import Desk, create
from trimtab.errors import BadInput, Broken, Refused
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REPO = "gitops"
FILE = "clusters/a.yaml"
FILES = {FILE: b"count: 6\n", ".trimtab/policy.yaml": b"version: 1\n"}


@pytest.fixture
def forge(tmp_path: Path) -> LocalForge:
    init_bare(tmp_path / "gitops.git", FILES, "Start", NOW)
    return LocalForge({REPO: tmp_path / "gitops.git"})


def path_of(forge: LocalForge) -> Path:
    return forge.repositories[REPO]


def git(path: Path, *arguments: str, stdin: bytes = b"") -> str:
    done = subprocess.run(["git", "-C", str(path), *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout.decode().strip()


def opened(forge: LocalForge, files: dict[str, bytes] | None = None, branch: str = "trimtab/a/gpu/count") -> PullRequest:
    base = forge.base_head(REPO, "main")
    forge.commit_files(REPO, branch, base, None, files or {FILE: b"count: 4\n"}, "trimtab: set count\n", NOW)
    return forge.open_pull_request(REPO, head_ref=branch, base_ref="main", title="t", body="b", labels=(), at=NOW)


def merge(forge: LocalForge, pull: PullRequest) -> Merged | Queued | MergeRefused:
    return forge.merge(REPO, pull.number, head=pull.head, base=pull.base, message="trimtab: merge", at=NOW)


def test_the_same_start_gives_the_same_commit(tmp_path: Path) -> None:
    """The demo is the same on every machine."""
    one, two = (init_bare(tmp_path / name, FILES, "Start", NOW) for name in ("a.git", "b.git"))

    assert one == two == "73ed1a519f513813f0b21e15eaf9c694a7d04c35"


def test_git_itself_finds_nothing_wrong(forge: LocalForge) -> None:
    merge(forge, opened(forge))

    assert git(path_of(forge), "fsck", "--strict", "--no-dangling") == ""
    assert git(path_of(forge), "log", "-1", "--format=%an|%cn|%ct", "main") == f"trimtab[bot]|trimtab[bot]|{int(NOW.timestamp())}"
    assert git(path_of(forge), "log", "-1", "--format=%(trailers:key=Trimtab-Pull-Request,valueonly)", "main") == "1"


def test_a_folder_that_holds_something_is_not_made_a_repository(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(Refused, match="not empty"):
        init_bare(tmp_path, FILES, "Start", NOW)


def test_nothing_of_the_callers_git_gets_in(forge: LocalForge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks, identity, signing and GIT_DIR of whoever runs this decide nothing."""
    (tmp_path / "evil").write_text("[user]\n  name = evil\n[commit]\n  gpgSign = true\n[core]\n  hooksPath = /evil\n")
    for name, value in {"GIT_DIR": "/nowhere", "GIT_CONFIG_GLOBAL": str(tmp_path / "evil"), "GIT_AUTHOR_NAME": "evil"}.items():
        monkeypatch.setenv(name, value)
    hook = path_of(forge) / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)

    pull = opened(forge)

    (commit,) = forge.commits(REPO, pull.base, pull.head)
    assert (commit.author, commit.committer) == ("trimtab[bot]", "trimtab[bot]")
    assert not (tmp_path / "ran").exists()


def test_links_and_submodules_are_not_files(forge: LocalForge) -> None:
    """A link could make an edit land elsewhere."""
    path, base = path_of(forge), forge.base_head(REPO, "main")
    blob = git(path, "hash-object", "-w", "--stdin", stdin=b"../../etc/passwd")
    tree = git(
        path, "mktree", stdin=f"120000 blob {blob}\tlink.yaml\n160000 commit {base}\tmodule\n100755 blob {blob}\trun.yaml\n".encode()
    )
    commit = CommitSha(
        git(path, "-c", "user.name=x", "-c", "user.email=x@local.invalid", "commit-tree", tree, "-p", base, "-m", "links"),
    )

    assert forge.list_files(REPO, commit) == ("run.yaml",)
    assert forge.read_file(REPO, commit, "link.yaml") is None
    with pytest.raises(Refused, match="a link or a submodule"):
        forge.commit_files(REPO, "x", commit, None, {"link.yaml": b"a"}, "m", NOW)
    # What a merge of it would do is never taken for a plain edit.
    changes = forge.merge_changes(REPO, base, commit) or {}
    assert set(changes) == {
        f"{FILE} (deleted)",
        ".trimtab/policy.yaml (deleted)",
        "link.yaml (mode 120000)",
        "module (mode 160000)",
        "run.yaml (mode 100755)",
    }


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", ".git/config", "a/.GIT/hooks/x", "a\0b", "a\nb", "a\\b", ""])
def test_a_path_outside_the_tree_is_not_written(forge: LocalForge, path: str) -> None:
    with pytest.raises(BadInput, match="not a path inside a repository"):
        forge.commit_files(REPO, "x", forge.base_head(REPO, "main"), None, {path: b"a"}, "m", NOW)


def test_a_file_does_not_take_a_folders_name(forge: LocalForge) -> None:
    with pytest.raises(Refused, match="one name"):
        forge.commit_files(REPO, "x", forge.base_head(REPO, "main"), None, {"clusters": b"a"}, "m", NOW)


@pytest.mark.parametrize("branch", ["-f", "a..b", "a/.b", "a.lock", "a b", "a~1", "@{u}", "", "a//b", "refs\n"])
def test_a_branch_name_that_git_would_read_otherwise_is_refused(forge: LocalForge, branch: str) -> None:
    with pytest.raises(BadInput, match="not a branch name"):
        forge.branch_head(REPO, branch)


@pytest.mark.parametrize("commit", ["main", "HEAD", "--help", "abc123", "z" * 40])
def test_only_full_commit_ids_reach_git(forge: LocalForge, commit: str) -> None:
    with pytest.raises(BadInput, match="full commit id"):
        forge.list_files(REPO, CommitSha(commit))


def test_an_unknown_repository_is_named() -> None:
    with pytest.raises(BadInput, match="repository 'other'"):
        LocalForge({}).base_head("other", "main")


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_required_check_holds_a_merge_back_until_it_is_green_on_that_commit(forge: LocalForge) -> None:
    protect(forge, REPO, Rules(required_checks=("trimtab/gate",)))
    pull = opened(forge)

    forge.set_check(REPO, pull.base, name="trimtab/gate", conclusion="success", summary="another commit")
    forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="pending", summary="waiting")
    assert merge(forge, pull) == MergeRefused(reason="checks", detail=f"not green on {pull.head}: trimtab/gate")

    forge.set_check(REPO, pull.head, name="trimtab/gate", conclusion="success", summary="approved")
    assert isinstance(merge(forge, pull), Merged)
    assert forge.rules(REPO, "main").requires_our_check


def test_a_required_review_counts_for_its_commit_only_and_never_from_bots_or_readers(forge: LocalForge) -> None:
    protect(forge, REPO, Rules(required_reviews=1))
    pull = opened(forge)
    review(forge, REPO, pull.number, "ml-owner", "approved", NOW)
    head = human_commit(forge, REPO, pull.head_ref, {FILE: b"count: 5\n"}, message="By hand", login="ml-owner", at=NOW)
    review(forge, REPO, pull.number, "reader", "approved", NOW, may_write=False)
    review(forge, REPO, pull.number, "other[bot]", "approved", NOW, is_bot=True)

    answer = forge.merge(REPO, pull.number, head=head, base=pull.base, message="m", at=NOW)
    assert answer == MergeRefused(reason="not-allowed", detail=f"0 of 1 approving reviews of {head}")

    review(forge, REPO, pull.number, "platform-owner", "approved", NOW)
    assert isinstance(forge.merge(REPO, pull.number, head=head, base=pull.base, message="m", at=NOW), Merged)


def test_the_newest_review_of_a_person_is_the_one_that_counts(forge: LocalForge) -> None:
    pull = opened(forge)
    review(forge, REPO, pull.number, "ml-owner", "approved", NOW)
    review(forge, REPO, pull.number, "ml-owner", "changes-requested", NOW)

    assert [(one.login, one.state) for one in forge.reviews(REPO, pull.number)] == [("ml-owner", "changes-requested")]


def test_nobody_approves_their_own_pull_request(forge: LocalForge) -> None:
    pull = opened(forge)

    with pytest.raises(Refused, match="somebody else must approve"):
        review(forge, REPO, pull.number, forge.login, "approved", NOW)


def test_protected_configuration_is_neither_pushed_nor_merged_without_a_review(forge: LocalForge) -> None:
    protect(forge, REPO, Rules(protects_config=True))
    loosened = {".trimtab/policy.yaml": b"version: 1\nstage: guarded\n"}

    with pytest.raises(Refused, match="by pull request only"):
        human_commit(forge, REPO, "main", loosened, message="m", login="insider", at=NOW)
    answer = merge(forge, opened(forge, loosened))

    assert isinstance(answer, MergeRefused)
    assert answer.reason == "not-allowed"


def test_broken_rules_are_not_no_rules(forge: LocalForge) -> None:
    pull = opened(forge)
    (path_of(forge) / "trimtab-forge" / "rules.json").write_text('{"required_checks": "all"}')

    with pytest.raises(Broken, match="rules"):
        merge(forge, pull)


# ── Accidents ────────────────────────────────────────────────────────────────────────────────────────────────────────
KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from trimtab.adapters.localforge import LocalForge
from trimtab.adapters.localforge import desk
forge = LocalForge({"gitops": Path(sys.argv[1])})
pull = forge.pull_request("gitops", 1)
sys.addaudithook(lambda event, args: os._exit(9) if event == "os.link" and "merged" in str(args[1]) else None)
forge.merge("gitops", 1, head=pull.head, base=pull.base, message="trimtab: merge", at=datetime(2026, 3, 2, tzinfo=UTC))
"""


def test_a_merger_killed_between_the_branch_and_the_record_leaves_one_merge(forge: LocalForge) -> None:
    pull = opened(forge)
    shared = Path(__file__).parents[2] / "shared"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path_of(forge))], env={**os.environ, "PYTHONPATH": str(shared)}, check=False)

    after = forge.pull_request(REPO, pull.number)

    assert killed.returncode == 9
    assert (after.state, after.merge_commit) == ("merged", forge.base_head(REPO, "main"))
    assert isinstance(merge(forge, pull), MergeRefused)


def test_a_trailer_in_anything_but_a_merge_proves_nothing(forge: LocalForge) -> None:
    """Whoever may push a commit could otherwise close our pull requests for us."""
    pull = opened(forge)
    human_commit(forge, REPO, "main", {"x.txt": b"x"}, message="x\n\nTrimtab-Pull-Request: 1\n", login="insider", at=NOW)

    assert forge.pull_request(REPO, pull.number).state == "open"


def test_a_rewritten_base_is_a_moved_base(forge: LocalForge) -> None:
    pull = opened(forge)
    other = git(path_of(forge), "-c", "user.name=x", "-c", "user.email=x@local.invalid", "commit-tree", f"{pull.base}^{{tree}}", "-m", "x")
    git(path_of(forge), "update-ref", "refs/heads/main", other)

    answer = merge(forge, pull)

    assert isinstance(answer, MergeRefused)
    assert answer.reason == "base-moved"


def test_a_pull_request_without_its_branch_is_closed(forge: LocalForge) -> None:
    pull = opened(forge)
    git(path_of(forge), "update-ref", "-d", f"refs/heads/{pull.head_ref}")

    assert forge.pull_request(REPO, pull.number).state == "closed"


def test_a_person_may_merge_by_hand(forge: LocalForge) -> None:
    pull = opened(forge)

    answer = human_merge(forge, REPO, pull.number, login="platform-owner", at=NOW)

    assert isinstance(answer, Merged)
    (commit,) = forge.commits(REPO, pull.head, answer.commit)[-1:]
    assert commit.author == "platform-owner"


def test_a_branch_that_somebody_made_before_us_is_theirs(forge: LocalForge) -> None:
    base = forge.base_head(REPO, "main")
    human_branch(forge, REPO, "trimtab/a/gpu/count", base)
    human_commit(forge, REPO, "trimtab/a/gpu/count", {FILE: b"count: 9\n"}, message="By hand", login="ml-owner", at=NOW)

    assert forge.commit_files(REPO, "trimtab/a/gpu/count", base, None, {FILE: b"count: 4\n"}, "m", NOW) is None


def test_a_half_written_fact_is_never_seen(tmp_path: Path) -> None:
    """Sixteen writers of one name: one wins, and what is read is whole."""
    path = tmp_path / "pulls" / "000001.json"

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda n: create(path, {"writer": n, "text": "x" * 10_000}), range(16)))

    assert won.count(True) == 1
    assert Desk(tmp_path).opened(1)["writer"] == won.index(True)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_fact_that_is_no_json_is_broken_not_absent(forge: LocalForge) -> None:
    opened(forge)
    (path_of(forge) / "trimtab-forge" / "pulls" / "000001.merged.json").write_text("")

    with pytest.raises(Broken, match="not JSON"):
        forge.pull_request(REPO, 1)
