"""Where changes are proposed and merged."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from trimtab.records import (
    Check,
    Comment,
    Commit,
    CommitSha,
    ForgeRules,
    Issue,
    Merged,
    MergeRefused,
    PullRequest,
    Queued,
    QueueEntry,
    Review,
)


class Forge(Protocol):
    """GitHub, GitLab or bare repositories on disk; siblings of one shape."""

    @property
    def login(self) -> str:
        """Whom our commits and pull requests are by."""

    def forget(self) -> None:
        """Read what moves (branches, pull requests, rules) anew from here on: every step that decides begins with it.

        Between two calls the same read may be answered from memory, but never across a write of ours.
        """

    def base_head(self, repo: str, branch: str) -> CommitSha:
        """Tip of a branch now."""

    def list_files(self, repo: str, commit: CommitSha) -> tuple[str, ...]:
        """Paths of all regular files of a commit (no symlinks, no submodules), sorted."""

    def read_file(self, repo: str, commit: CommitSha, path: str) -> bytes | None:
        """A file's bytes at a commit, or None."""

    def read_files(self, repo: str, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The regular files among these paths, in as few calls as the forge allows; one that is too large to edit is left out."""

    def branch_head(self, repo: str, branch: str) -> CommitSha | None:
        """Tip of a branch, or None where there is none."""

    def commits(self, repo: str, base: CommitSha, head: CommitSha) -> tuple[Commit, ...]:
        """Commits reachable from head and not from base, oldest first."""

    def commit_files(
        self, repo: str, branch: str, parent: CommitSha, expected: CommitSha | None, files: Mapping[str, bytes], message: str, at: datetime
    ) -> CommitSha | None:
        """Make one commit of `files` on `parent` and point `branch` at it, if the branch is still at `expected` (None = absent).

        A branch that holds that very change already, by us and on `parent`, answers with its commit; one that was made at `parent` and
        has no commit of its own counts as absent. None = the branch was elsewhere; nothing changed.
        """

    def find_pull_request(self, repo: str, head_ref: str) -> PullRequest | None:
        """The newest pull request from that branch of the same repo, whatever its state."""

    def pull_request(self, repo: str, number: int) -> PullRequest:
        """One pull request read now."""

    def open_pull_requests(self, repo: str) -> tuple[PullRequest, ...]:
        """Every open one, whoever opened it."""

    def open_pull_request(
        self,
        repo: str,
        *,
        head_ref: str,
        base_ref: str,
        title: str,
        body: str,
        labels: Sequence[str],
        reviewers: Sequence[str] = (),
        at: datetime,
    ) -> PullRequest:
        """Open it. Where one is open already from that branch, that one is returned.

        `reviewers` are logins and "@org/team"; whom the forge does not take as one is left out.
        """

    def edit_pull_request(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace title and body."""

    def close_pull_request(self, repo: str, number: int) -> None:
        """Close without merging."""

    def comment(self, repo: str, number: int, text: str, at: datetime) -> None:
        """Add a comment; carry a nonce in the text if it must be found again."""

    def comments(self, repo: str, number: int) -> tuple[Comment, ...]:
        """All comments, oldest first."""

    def reviews(self, repo: str, number: int) -> tuple[Review, ...]:
        """The newest review of each person."""

    def set_check(
        self, repo: str, commit: CommitSha, *, name: str, conclusion: Literal["success", "failure", "pending"], summary: str
    ) -> None:
        """Publish the gate's answer on a commit; with the gate's own identity where the forge knows one."""

    def checks(self, repo: str, commit: CommitSha) -> tuple[Check, ...]:
        """What everybody's systems said of a commit, the newest of each name and author."""

    def issues(self, repo: str) -> tuple[Issue, ...]:
        """The issues that we opened, oldest first."""

    def open_issue(self, repo: str, *, title: str, body: str) -> Issue:
        """Open one; sent once. Carry a nonce in the body if it must be found again."""

    def edit_issue(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace title and body."""

    def merge(
        self, repo: str, number: int, *, head: CommitSha, base: CommitSha, message: str, at: datetime
    ) -> Merged | Queued | MergeRefused:
        """Merge, pinned to the reviewed head; sent once. A forge that can also pins the base; one with a merge queue enqueues."""

    def queue(self, repo: str, branch: str) -> tuple[QueueEntry, ...]:
        """What waits in the branch's merge queue, in its order; () where there is none."""

    def rules(self, repo: str, branch: str) -> ForgeRules:
        """What the repo's own rules demand and allow."""

    def merge_changes(self, repo: str, base: CommitSha, head: CommitSha) -> Mapping[str, bytes] | None:
        """What a three-way merge would change in base, path → bytes; None = it conflicts.

        What no plan can equal (a deletion, a mode, a file too large to edit) stands under a name that says so. Raises NotYet where the
        forge is still working it out.
        """

    def members(self, group: str) -> tuple[str, ...] | None:
        """Logins in a team ("org/team") or group of the forge, sorted, as the forge counts them; None = there is none of that name."""

    def account(self, repo: str, login: str) -> Literal["active", "bot", "gone"] | None:
        """How an account stands towards a repo; active = a person's whose review counts there. None = the forge does not say."""

    def touched_by(self, repo: str, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
        """Logins that wrote, committed or merged a change of these files or folders on a branch since then; None = not known."""

    def branches(self, repo: str, prefix: str) -> Mapping[str, CommitSha]:
        """Branches whose names begin so, and their tips."""

    def delete_branch(self, repo: str, branch: str, expected: CommitSha) -> bool:
        """Delete a branch below `trimtab/` if it is at that commit; False = it was elsewhere, or gone. Raises Refused for any other."""


class KeptRules(Protocol):
    """`.trimtab/` of each repo as whoever may read the forge left it in the store, for functions that hold no key of the forge."""

    def keep(self, repo: str, commit: CommitSha, files: Mapping[str, bytes]) -> None:
        """These files are at the tip of the default branch, which is this commit, now."""

    def read(self, repo: str) -> tuple[CommitSha, Mapping[str, bytes]]:
        """What was kept last. Raises Upstream where nothing was yet, or nothing since yesterday."""
