"""Bare repositories on disk as a ForgeWorld: no requests, so no accidents between us and it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.forges.world import GROUP, OWNER, READER, REPO, Fault, Request
from trimtab.adapters.localforge import LocalForge, human_branch, human_commit, human_merge, init_bare, review, set_account, set_group
from trimtab.records import CommitSha, Merged

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class LocalWorld:
    """One bare repository for one test."""

    def __init__(self, folder: Path, files: Mapping[str, bytes]) -> None:
        self.path = folder / "gitops.git"
        self._now = START
        init_bare(self.path, files, "Start", self._now)
        self._forge = self.another()
        self.set_group(GROUP, ["platform-owner", OWNER])
        self.remove(READER)

    @property
    def forge(self) -> LocalForge:
        return self._forge

    def another(self) -> LocalForge:
        return LocalForge({REPO: self.path})

    @property
    def now(self) -> datetime:
        """A minute later than the last time that somebody did something."""
        self._now += timedelta(minutes=1)
        return self._now

    def push(self, branch: str, files: Mapping[str, bytes], login: str = OWNER) -> CommitSha:
        if self.head(branch) is None:
            human_branch(self._forge, REPO, branch, self._forge.base_head(REPO, "main"))
        return human_commit(self._forge, REPO, branch, files, message="By hand", login=login, at=self.now)

    def make_branch(self, branch: str, commit: CommitSha, login: str = OWNER) -> None:
        del login
        human_branch(self._forge, REPO, branch, commit)

    def open(self, branch: str, title: str, login: str = OWNER) -> int:
        person = LocalForge({REPO: self.path}, login)
        pull = person.open_pull_request(REPO, head_ref=branch, base_ref="main", title=title, body="By hand", labels=(), at=self.now)
        return pull.number

    def approve(self, number: int, login: str = OWNER) -> None:
        review(self._forge, REPO, number, login, "approved", self.now)

    def close(self, number: int, login: str = OWNER) -> None:
        LocalForge({REPO: self.path}, login).close_pull_request(REPO, number)

    def merge(self, number: int, login: str = OWNER) -> None:
        answer = human_merge(self._forge, REPO, number, login=login, at=self.now)
        assert isinstance(answer, Merged), answer

    def set_group(self, group: str, logins: Sequence[str]) -> None:
        set_group(self._forge, REPO, group, logins)

    def remove(self, login: str) -> None:
        set_account(self._forge, REPO, login, "gone")

    def pass_days(self, days: int) -> None:
        self._now += timedelta(days=days)

    def head(self, branch: str) -> CommitSha | None:
        return self._forge.git(REPO).head(branch)

    def pull_requests(self) -> Sequence[tuple[int, str, str]]:
        return [(pull.number, pull.head_ref, pull.state) for pull in self._forge.pull_requests(REPO)]

    def lose_merge_record(self, number: int) -> None:
        """What the disk holds when a merger died right after the branch moved."""
        (self.path / "trimtab-forge" / "pulls" / f"{number:06d}.merged.json").unlink()

    def break_next(self, fault: Fault) -> None:
        raise NotImplementedError(f"a local forge sends no requests, so {fault} cannot happen")

    @property
    def requests(self) -> Sequence[Request]:
        return ()

    @property
    def violations(self) -> Sequence[str]:
        return ()

    def end(self) -> None:
        """Nothing runs."""
