"""One project as our two tokens see it, with what was read of it."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from trimtab.adapters.gitlab.api import Api, Rejected
from trimtab.adapters.gitlab.memory import Memory
from trimtab.adapters.gitlab.protocol import Branch, Comparison, MergeRequest, Pipeline, Project, Push, RawCommit, User
from trimtab.adapters.localforge.git import checked_sha
from trimtab.errors import Refused
from trimtab.records import CommitSha

T = TypeVar("T")
_PAUSES = (0.25, 0.5, 1.0, 2.0)
_PUSHES = 3
"""Pages of our own pushes that are looked through at once; GitLab lists the newest first."""
_PUSHES_OF_A_DAY = 20
"""Pages of them around the day that a commit says it is of."""
_DAYS = 5
"""So many such days are looked up until all is forgotten; whoever writes commits chooses their days."""


@dataclass(frozen=True, slots=True)
class Repo:
    """A project, and everything that is known of it."""

    id: str
    """How Trimtab names it."""
    project: Project
    me: User
    """Whom the writer's token is."""
    writer: Api
    merger: Api | None
    memory: Memory

    def path(self, rest: str) -> str:
        """An API path below the project, by its number: names move."""
        return f"/projects/{self.project.id}/{rest}"

    def for_good(self, *key: Hashable, read: Callable[[], T]) -> T:
        """What never changes, as Memory."""
        return self.memory.for_good((self.project.id, *key), read)

    def for_now(self, *key: Hashable, read: Callable[[], T]) -> T:
        """What moves, as Memory."""
        return self.memory.for_now((self.project.id, *key), read)

    def send(self, form: type[T], method: Literal["post", "put"], rest: str, body: dict[str, Any], *, by: Api | None = None) -> T:
        """One write; whatever became of it, nothing that was read before is believed after. Refused where the project is archived."""
        if self.project.archived:
            raise Refused(f"{self.project.path_with_namespace}: the project is archived, so nothing is written there")
        try:
            return (by or self.writer).send(form, method, self.path(rest), body)
        finally:
            self.memory.forget()

    # ── Branches and commits ─────────────────────────────────────────────────────────────────────────────────────────
    def head(self, branch: str) -> CommitSha | None:
        """Tip of a branch, or None."""

        def read() -> CommitSha | None:
            found = self.writer.find(Branch, self.path(f"repository/branches/{quoted(branch)}"))
            if found:
                self.memory.keep((self.project.id, "commit", found.commit.id), found.commit)
            return found.commit.id if found else None

        return self.for_now("head", branch, read=read)

    def note_head(self, branch: str, head: CommitSha) -> None:
        """A branch is where a write of ours has just put it."""
        self.memory.note((self.project.id, "head", branch), head)
        self.memory.note((self.project.id, "new", head), value=True)

    def is_new(self, head: CommitSha) -> bool:
        """True where our last write made this commit, so that no other branch can hold it yet."""
        return self.for_now("new", head, read=lambda: False)

    def commit(self, sha: CommitSha) -> RawCommit:
        """A commit."""
        return self.for_good("commit", sha, read=lambda: self.writer.get(RawCommit, self.path(f"repository/commits/{checked_sha(sha)}")))

    def comparison(self, base: CommitSha, head: CommitSha, *, straight: bool = False) -> Comparison:
        """What `head` has and `base` lacks, and the files that changed since they parted; straight = between the two as they are."""
        query: dict[str, Any] = {"from": checked_sha(base), "to": checked_sha(head), "straight": str(straight).lower()}
        key = ("comparison", base, head, straight)
        return self.for_good(*key, read=lambda: self.writer.get(Comparison, self.path("repository/compare"), **query))

    def commits(self, base: CommitSha, head: CommitSha) -> tuple[RawCommit, ...]:
        """Commits reachable from head and not from base, parents before children."""
        waiting = {commit.id: commit for commit in self.comparison(base, head).commits}
        ordered: list[RawCommit] = []
        while waiting:
            ready = [commit for commit in waiting.values() if not waiting.keys() & set(commit.parent_ids)]
            ordered += ready
            for commit in ready or tuple(waiting.values()):
                del waiting[commit.id]
        return tuple(ordered)

    def holds(self, head: CommitSha, ancestor: CommitSha) -> bool:
        """True where `ancestor` is reachable from `head`."""
        return head == ancestor or any(ancestor in commit.parent_ids for commit in self.comparison(ancestor, head).commits)

    def is_ours(self, sha: CommitSha) -> bool:
        """True where GitLab says that our token pushed it. Names and mails of a commit are anybody's to choose."""
        key = (self.project.id, "ours", sha)
        if self.memory.knows(key) or self.for_now("pushes", read=lambda: self._learn(_PUSHES)):
            return self.memory.knows(key)
        # There are more pushes than were looked through, so those of its own day say it.
        day = self.commit(sha).day
        days = self.for_now("days", read=set[date])
        if not self.memory.knows(key) and day is not None and len(days | {day}) <= _DAYS:
            days.add(day)
            around = {"after": str(day - timedelta(days=2)), "before": str(day + timedelta(days=2))}
            self.for_now("pushes of", day, read=lambda: self._learn(_PUSHES_OF_A_DAY, **around))
        return self.memory.knows(key)

    def is_ours_by_now(self, sha: CommitSha) -> bool:
        """As `is_ours`, with a few seconds' patience: GitLab writes down who pushed a moment after the push."""
        for pause in _PAUSES:
            if self.is_ours(sha):
                return True
            self.writer.sleep(pause)
            self.memory.forget()
        return self.is_ours(sha)

    def made(self, sha: CommitSha) -> None:
        """Our token pushed this commit."""
        self.memory.keep((self.project.id, "ours", sha), value=True)

    def _learn(self, pages: int, **when: str) -> bool:
        """Remember what our token pushed as ours; True where that is all there is."""
        found, is_whole = self.writer.first(Push, "/events", pages, action="pushed", **when)
        here = (push.push_data for push in found if push.project_id == self.project.id and push.push_data)
        for pushed in (each.commit_to for each in here if each.ref_type == "branch"):
            if pushed:
                self.made(CommitSha(pushed))
        return is_whole

    def pipelines(self, commit: CommitSha) -> list[Pipeline]:
        """Pipelines on a commit."""
        return self.for_now("pipelines", commit, read=lambda: self.writer.every(Pipeline, self.path("pipelines"), sha=commit))

    # ── Merge requests ───────────────────────────────────────────────────────────────────────────────────────────────
    def request(self, number: int) -> MergeRequest:
        """A merge request now. Refused where there is none of that number."""
        return self.for_now("request", number, read=lambda: self.writer.get(MergeRequest, self.path(f"merge_requests/{number}")))

    def note_request(self, request: MergeRequest) -> None:
        """What a write or a listing has just said of one."""
        self.memory.note((self.project.id, "request", request.iid), request)

    def note_opened(self, request: MergeRequest) -> None:
        """One that we have just opened: GitLab cannot have looked at it yet, so nobody waits for that now."""
        self.note_request(request)
        self.memory.note((self.project.id, "settled", request.iid), request)

    def settled(self, number: int) -> MergeRequest:
        """A merge request once GitLab has worked out whether it can be merged, or as far as it got in a few seconds."""

        def read() -> MergeRequest:
            request = self.request(number)
            for pause in _PAUSES:
                if request.is_settled:
                    break
                self.writer.sleep(pause)
                request = self.writer.get(MergeRequest, self.path(f"merge_requests/{number}"))
            self.note_request(request)
            return request

        return self.for_now("settled", number, read=read)

    def requests(self, **query: str) -> list[MergeRequest]:
        """Merge requests into this project."""
        return self.for_now(
            "requests", *sorted(query.items()), read=lambda: self.writer.every(MergeRequest, self.path("merge_requests"), **query)
        )


def optional(read: Callable[[], T]) -> T | None:
    """What this GitLab, or this token, may not have; None = not known."""
    try:
        return read()
    except Rejected as error:
        if error.status in (403, 404):
            return None
        raise


def quoted(text: str) -> str:
    """One segment of a path."""
    return quote(text, safe="")
