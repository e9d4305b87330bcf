"""GitLab's answers as typed values; no I/O. Docs: https://docs.gitlab.com/api/rest/."""

import re
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from trimtab.errors import Upstream
from trimtab.records import CommitSha

T = TypeVar("T")
REGULAR = ("100644", "100755")
DEVELOPER, MAINTAINER = 30, 40
NO_COMMIT = CommitSha("0" * 40)
"""What an approval names that proves nothing: it is nobody's head."""
WAITING = ("unchecked", "checking", "preparing", "approvals_syncing", "cannot_be_merged_recheck")
"""`detailed_merge_status` while GitLab is still working it out."""
_BOT = re.compile(r"(?:project|group)_\d+_bot|service_account_")


class _Answer(BaseModel):
    """Keys that we do not know are GitLab's business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class User(_Answer):
    """Somebody, as every answer names them."""

    id: int
    username: str
    state: str = "active"
    bot: bool | None = None

    @property
    def looks_like_bot(self) -> bool:
        """As GitLab names the bots of its access tokens, and its service accounts where nobody chose another name."""
        return self.bot is True or _BOT.match(self.username) is not None


class Member(User):
    """Somebody with access to the project."""

    access_level: int


class _Access(_Answer):
    access_level: int


class _Permissions(_Answer):
    project_access: _Access | None = None
    group_access: _Access | None = None


class Project(_Answer):
    """A project as one token sees it."""

    id: int
    path_with_namespace: str
    archived: bool = False
    visibility: str = ""
    merge_method: str = ""
    only_allow_merge_if_pipeline_succeeds: bool | None = None
    allow_merge_on_skipped_pipeline: bool | None = None
    merge_trains_enabled: bool | None = None
    permissions: _Permissions | None = None

    @property
    def access_level(self) -> int:
        """What the token may do here, as the larger of its project's and its group's role; 0 = GitLab does not say."""
        given = (self.permissions.project_access, self.permissions.group_access) if self.permissions else ()
        return max((access.access_level for access in given if access), default=0)


class RawCommit(_Answer):
    """A commit as git has it: whoever made it chose its names."""

    id: CommitSha
    parent_ids: tuple[CommitSha, ...]
    author_name: str = ""
    committer_name: str = ""
    committed_date: str | None = None

    @property
    def day(self) -> date | None:
        """When it says it was made; None = it says nothing that is a day."""
        try:
            said = date.fromisoformat((self.committed_date or "")[:10])
        except ValueError:
            return None
        return said if 2000 < said.year < 3000 else None


class Branch(_Answer):
    """A branch."""

    name: str
    commit: RawCommit


class Entry(_Answer):
    """A line of a tree; `id` is the git blob's."""

    id: str
    path: str
    mode: str
    type: str


class Diff(_Answer):
    """One file of a comparison."""

    old_path: str
    new_path: str
    a_mode: str | None = None
    b_mode: str | None = None
    new_file: bool = False
    renamed_file: bool = False
    deleted_file: bool = False

    @property
    def paths(self) -> frozenset[str]:
        """Every path that it is about."""
        return frozenset((self.old_path, self.new_path))

    @property
    def name(self) -> str:
        """The path; a deletion or a change of mode has a name that says so."""
        if self.deleted_file:
            return f"{self.old_path} (deleted)"
        before = "100644" if self.new_file else self.a_mode
        return self.new_path if self.b_mode == before else f"{self.new_path} (mode {self.b_mode})"


class Comparison(_Answer):
    """What is reachable from one commit and not from another, and what changed since they parted."""

    commits: tuple[RawCommit, ...]
    diffs: tuple[Diff, ...]
    compare_timeout: bool | None = False

    @property
    def is_whole(self) -> bool:
        """GitLab stops at a thousand files, and says nothing."""
        return not self.compare_timeout and len(self.diffs) < MOST_FILES

    @property
    def paths(self) -> frozenset[str]:
        """Every path that changed."""
        return frozenset().union(*(diff.paths for diff in self.diffs))


MOST_FILES = 1_000


class Pipeline(_Answer):
    """A pipeline; `sha` is what it ran on."""

    id: int
    sha: str
    status: str
    source: str | None = None
    web_url: str | None = ""


class MergeRequest(_Answer):
    """A merge request as GitLab reports it now."""

    iid: int
    web_url: str
    title: str
    description: str | None = None
    state: str
    draft: bool = False
    author: User
    merge_user: User | None = None
    source_branch: str
    target_branch: str
    sha: str | None = None
    source_project_id: int | None = None
    target_project_id: int
    detailed_merge_status: str = ""
    has_conflicts: bool | None = False
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    merge_when_pipeline_succeeds: bool | None = False
    labels: tuple[str, ...] = ()
    updated_at: datetime
    head_pipeline: Pipeline | None = None

    @property
    def head(self) -> CommitSha:
        """Its newest commit that GitLab knows of; "" = it has none."""
        return CommitSha(self.sha or "")

    @property
    def is_settled(self) -> bool:
        """True where GitLab has worked out whether it can be merged, or does not have to."""
        return self.state != "opened" or self.detailed_merge_status not in WAITING

    @property
    def conflicts(self) -> bool:
        """True where it cannot be merged at all."""
        return bool(self.has_conflicts) or self.detailed_merge_status in ("conflict", "commits_status", "broken_status")

    @property
    def result(self) -> CommitSha | None:
        """The commit that it became; a fast-forward makes none of its own."""
        return CommitSha(self.merge_commit_sha or self.squash_commit_sha or self.head) if self.state == "merged" else None


class Version(_Answer):
    """One push to a merge request's branch, as GitLab took it in."""

    head_commit_sha: CommitSha
    created_at: datetime


class _Approval(_Answer):
    user: User
    approved_at: datetime | None = None


class Approvals(_Answer):
    """Who approves a merge request."""

    approved_by: tuple[_Approval, ...] = ()


class ApprovalSettings(_Answer):
    """What the project does with approvals; GitLab's paid tiers have it."""

    reset_approvals_on_push: bool | None = None
    merge_requests_author_approval: bool | None = None
    merge_requests_disable_committers_approval: bool | None = None
    approvals_before_merge: int | None = None

    @property
    def voids_old_approvals(self) -> bool:
        """A push takes approvals away, and neither author nor committers can give one."""
        is_closed_to_authors = self.merge_requests_author_approval is False and self.merge_requests_disable_committers_approval is True
        return self.reset_approvals_on_push is True and is_closed_to_authors


class Level(_Answer):
    """Who may push or merge: a role, or one user, group or deploy key."""

    access_level: int | None = None
    user_id: int | None = None
    group_id: int | None = None
    deploy_key_id: int | None = None

    @property
    def is_nobody(self) -> bool:
        """True for "no one"."""
        return self.access_level == 0 and self.user_id is None and self.group_id is None and self.deploy_key_id is None


class Protection(_Answer):
    """A protected branch, or a pattern of them."""

    name: str
    push_access_levels: tuple[Level, ...] = ()
    merge_access_levels: tuple[Level, ...] = ()
    allow_force_push: bool = False
    code_owner_approval_required: bool | None = None


class ApprovalRule(_Answer):
    """How many approvals the project asks for."""

    approvals_required: int = 0
    protected_branches: tuple[Protection, ...] = ()
    """Those that it is for; none = all."""
    applies_to_all_protected_branches: bool = False


class Note(_Answer):
    """A comment; `system` ones are GitLab's own."""

    body: str
    author: User
    system: bool = False
    created_at: datetime
    updated_at: datetime | None = None


class RawIssue(_Answer):
    """An issue."""

    iid: int
    web_url: str
    title: str
    description: str | None = None
    state: str


class Status(_Answer):
    """What somebody, or a job, said of a commit."""

    name: str
    status: str
    author: User | None = None
    target_url: str | None = None
    description: str | None = None


class Push(_Answer):
    """A push event; GitLab itself writes who it was."""

    class Data(_Answer):
        """What moved."""

        commit_from: str | None = None
        commit_to: str | None = None
        ref: str | None = None
        ref_type: str | None = None

    project_id: int | None = None
    push_data: Data | None = None
    author_username: str = ""
    created_at: datetime | None = None


class Car(_Answer):
    """What waits in a merge train."""

    class Request(_Answer):
        """Whose it is."""

        iid: int

    merge_request: Request
    pipeline: Pipeline | None = None
    status: str = ""


class Ref(_Answer):
    """What GitLab's own trial merge made."""

    commit_id: CommitSha


def parsed(form: type[T], value: Any, what: str) -> T:
    """An answer in its form. Raises Upstream that names the first place which is not as documented."""
    try:
        return TypeAdapter(form).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise Upstream(f"gitlab: {what}: {path or 'answer'}: {first['msg']}") from None
