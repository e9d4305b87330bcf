"""What a GitLab holds: people, projects, merge requests, pipelines; plain values that the server changes under one lock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import count
from typing import Literal

from trimtab.adapters.localforge.git import Bare

NO_ONE, REPORTER, DEVELOPER, MAINTAINER = 0, 20, 30, 40


@dataclass(frozen=True, slots=True)
class User:
    """A person or a project's bot."""

    id: int
    username: str
    name: str
    email: str
    is_bot: bool = False
    state: str = "active"


@dataclass(frozen=True, slots=True)
class Protection:
    """A protected branch, or a pattern of them."""

    id: int
    name: str
    push: int = MAINTAINER
    merge: int = MAINTAINER
    pushers: tuple[int, ...] = ()
    """Ids of the only users who may push where levels do not decide."""
    mergers: tuple[int, ...] = ()
    """The same for merging."""
    code_owners: bool = False
    may_force: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """A branch that moved, and who GitLab knows to have moved it."""

    id: int
    project_id: int
    user: User
    branch: str
    old: str | None
    new: str | None
    at: str


@dataclass(slots=True)
class Status:
    """A commit status, as anybody with a Developer's token may set it."""

    id: int
    sha: str
    ref: str
    name: str
    state: str
    author: User
    pipeline_id: int
    description: str = ""
    target_url: str | None = None


@dataclass(slots=True)
class Pipeline:
    """A run of CI on one commit; `external` ones are made by commit statuses alone."""

    id: int
    sha: str
    ref: str
    status: str
    source: str
    user: User
    lag: int = 0
    """How many reads of the merge request still show the one before."""


@dataclass(slots=True)
class Note:
    """A comment; system notes are GitLab's own."""

    id: int
    author: User
    body: str
    at: str
    is_system: bool = False
    edited_at: str = ""


@dataclass(slots=True)
class Issue:
    """An issue."""

    id: int
    iid: int
    author: User
    title: str
    description: str
    labels: list[str]
    at: str
    state: str = "opened"
    notes: list[Note] = field(default_factory=list)


@dataclass(slots=True)
class Version:
    """One push to a merge request."""

    id: int
    head: str
    base: str
    start: str
    at: str


@dataclass(slots=True)
class MergeRequest:
    """A merge request of `project`, from a branch of `source`."""

    id: int
    iid: int
    project: "Project"
    source: "Project"
    source_branch: str
    target_branch: str
    title: str
    description: str
    author: User
    at: str
    sha: str
    labels: list[str] = field(default_factory=list)
    reviewers: list[User] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    state: Literal["opened", "closed", "merged", "locked"] = "opened"
    updated_at: str = ""
    notes: list[Note] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    approvals: dict[int, str] = field(default_factory=dict)
    """User's id → when; GitLab keeps no commit with it."""
    preparing: int = 0
    """Requests of anybody until it is prepared."""
    checking: int = 0
    """Requests of anybody until its mergeability is known."""
    syncing: int = 0
    """Reads until approvals from before the last push are gone."""
    rebasing: int = 0
    """Reads until the rebase under way is done."""
    rebase_by: User | None = None
    merge_commit: str | None = None
    squash_commit: str | None = None
    merged_by: User | None = None
    merged_at: str | None = None
    closed_by: User | None = None
    closed_at: str | None = None
    merge_error: str | None = None
    squash: bool = False
    removes_source: bool = False
    auto_merge: bool = False
    base_at_end: str | None = None

    @property
    def is_draft(self) -> bool:
        """As its title says."""
        return self.title.lower().startswith(("draft:", "[draft]", "(draft)"))


@dataclass(slots=True)
class Car:
    """A merge request in a merge train."""

    id: int
    request: MergeRequest
    user: User
    status: Literal["idle", "fresh", "stale", "merging", "merged", "skip_merged"]
    at: str
    pipeline: Pipeline | None = None


@dataclass(slots=True)
class Project:
    """A project over one bare repository."""

    id: int
    path: str
    bare: Bare
    members: dict[int, int]
    """User's id → access level."""
    merge_method: Literal["merge", "rebase_merge", "ff"] = "merge"
    needs_pipeline: bool = True
    """only_allow_merge_if_pipeline_succeeds."""
    skipped_is_success: bool = False
    needs_discussions: bool = False
    has_trains: bool = False
    is_archived: bool = False
    is_private: bool = True
    resets_approvals: bool = True
    reset_lag: int = 0
    """How many reads of the merge request still show the approvals that a push takes away."""
    author_may_approve: bool = False
    committers_may_not_approve: bool = True
    approvals_required: int = 0
    has_approval_settings: bool = True
    """False = a free tier: no such page."""
    ci: str | None = "success"
    """Status of the pipeline that every push to a merge request gets; None = there is no CI."""
    pipeline_lag: int = 0
    protections: list[Protection] = field(default_factory=list)
    requests: list[MergeRequest] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    pipelines: list[Pipeline] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    train: list[Car] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    fork_of: "Project | None" = None

    def access(self, user: User) -> int:
        """A user's access level; 0 = none."""
        return self.members.get(user.id, NO_ONE)

    def protection(self, branch: str) -> list[Protection]:
        """Every protection that a branch falls under; a push needs one of them to allow it."""
        return [each for each in self.protections if fnmatchcase(branch, each.name)]

    def may_push(self, user: User, branch: str) -> bool:
        """As GitLab decides: any matching protection that allows it is enough."""
        found = self.protection(branch)
        level = self.access(user)
        if self.is_archived or level < DEVELOPER:
            return False
        return not found or any(user.id in each.pushers or (not each.pushers and NO_ONE < each.push <= level) for each in found)

    def may_merge(self, user: User, branch: str) -> bool:
        """Who may press the button."""
        found = self.protection(branch)
        level = self.access(user)
        if self.is_archived or level < DEVELOPER:
            return False
        return not found or any(user.id in each.mergers or (not each.mergers and NO_ONE < each.merge <= level) for each in found)

    def request(self, iid: int) -> MergeRequest | None:
        """A merge request by its number."""
        return next((each for each in self.requests if each.iid == iid), None)


@dataclass(slots=True)
class Site:
    """One GitLab."""

    url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, User] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    projects: list[Project] = field(default_factory=list)
    groups: dict[str, list[User]] = field(default_factory=dict)
    """Path → its own members."""
    shift: timedelta = timedelta(0)
    lag: tuple[int, int] = (1, 1)
    """Requests of anybody until a new merge request is prepared, and until the mergeability of a changed one is known."""
    late_events: int = 0
    """So many reads of events do not show the newest push yet: GitLab writes it down in a job of its own."""
    fired: list[str] = field(default_factory=list)
    """Commands, mentions and closing words that acted: "/merge by trimtab in !1"."""
    told: list[Callable[[str, Project, User, dict[str, object]], None]] = field(default_factory=list)
    """Who hears of events: (object_kind, project, user, rest of the payload)."""
    ids: Iterator[int] = field(default_factory=lambda: count(1001))
    ticks: Iterator[int] = field(default_factory=count)
    clock: Callable[[], datetime] | None = None
    """Everybody's, where others have to agree with it; None = a morning of its own, on which each second something happens."""
    newest: datetime = datetime.fromtimestamp(0, UTC)

    def next_id(self) -> int:
        """A number that nothing else has."""
        return next(self.ids)

    def now(self) -> str:
        """Later at each call, so that orders are certain."""
        at = datetime.fromtimestamp(1_772_440_000 + next(self.ticks), UTC) + self.shift
        if self.clock is not None:
            at = self.newest = max(self.clock() + self.shift, self.newest + timedelta(milliseconds=1))
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def project(self, ref: str) -> Project | None:
        """By number or by path."""
        return next((each for each in self.projects if ref in (str(each.id), each.path)), None)

    def by_email(self, email: str) -> User | None:
        """Whose a commit is shown to be; whoever makes it chooses that."""
        return next((user for user in self.users.values() if user.email == email), None)

    def by_id(self, number: int) -> User:
        """A user."""
        return next(user for user in self.users.values() if user.id == number)

    def tell(self, kind: str, project: Project, user: User, rest: dict[str, object]) -> None:
        """Tell everybody who listens."""
        for hear in self.told:
            hear(kind, project, user, rest)
