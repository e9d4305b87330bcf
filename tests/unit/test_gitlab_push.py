"""The one git push, spoken to real git: a branch moves only from where we saw it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trimtab.adapters.gitlab import push
from trimtab.adapters.localforge.git import Bare, create
from trimtab.errors import Upstream
from trimtab.records import CommitSha

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BRANCH = "trimtab/training/workers/count"
STAGED = "trimtab-staged/1"


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    repository = create(tmp_path / "gitops.git")
    repository.point("main", _commit(repository, None, b"6"), None)
    return repository


def _commit(bare: Bare, parent: CommitSha | None, content: bytes, author: str = "trimtab") -> CommitSha:
    return bare.commit_files(parent, {"count": content}, "set", author=author, at=NOW)


def _received(bare: Bare, request: bytes) -> bytes:
    return subprocess.run(
        ["git", "receive-pack", "--stateless-rpc", str(bare.path)], input=request, capture_output=True, check=False
    ).stdout


def _ours(bare: Bare) -> tuple[CommitSha, CommitSha]:
    """Our last commit, on the branch, and the next one, staged."""
    base = bare.head("main")
    assert base is not None
    old, new = _commit(bare, base, b"4"), _commit(bare, base, b"3")
    bare.point(BRANCH, old, None)
    bare.point(STAGED, new, None)
    return old, new


def test_the_branch_moves_and_the_staged_one_is_gone(bare: Bare) -> None:
    old, new = _ours(bare)

    answer = _received(bare, push.move(BRANCH, old, new, staged=STAGED))

    assert push.outcome(answer, BRANCH) is None
    assert (bare.head(BRANCH), bare.head(STAGED)) == (new, None)


@pytest.mark.security(9)
def test_a_commit_that_somebody_pushed_meanwhile_stays(bare: Bare) -> None:
    old, new = _ours(bare)
    theirs = _commit(bare, old, b"5", author="ml-owner")
    bare.point(BRANCH, theirs, old)

    answer = _received(bare, push.move(BRANCH, old, new, staged=STAGED))

    assert push.outcome(answer, BRANCH)
    assert bare.head(BRANCH) == theirs


def test_a_hook_that_says_no_is_quoted(bare: Bare) -> None:
    old, new = _ours(bare)
    hook = bare.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GitLab: You are not allowed to force push.' >&2\nexit 1\n")
    hook.chmod(0o755)

    answer = _received(bare, push.move(BRANCH, old, new, staged=STAGED))

    assert push.outcome(answer, BRANCH) == "pre-receive hook declined: You are not allowed to force push."


_CUT_OFF = b"000eunpack ok\n0099ok refs/heads/" + BRANCH.encode()


@pytest.mark.parametrize("answer", [b"", b"<html>", b"0000", b"zzzz", b"000eunpack ok\n0000", b"0011\x01000eunpack", b"ffff", _CUT_OFF])
def test_an_answer_that_says_nothing_of_the_branch_is_no_success(answer: bytes) -> None:
    with pytest.raises(Upstream):
        push.outcome(answer, BRANCH)
