"""What a forge tells: pull requests, commits, reviews, checks, and its own rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.records.names import CommitSha


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """A pull or merge request as the forge reports it now."""

    repo: str
    number: int
    url: str
    title: str
    body: str
    state: Literal["open", "closed", "merged"]
    is_draft: bool
    author: str
    head_ref: str
    head: CommitSha
    base_ref: str
    base: CommitSha
    """Tip of the base branch now, not when the pull request was opened."""
    is_mergeable: bool | None
    """None = the forge has not computed it yet."""
    merge_commit: CommitSha | None = None
    merged_by: str = ""
    """Login of who merged it, our own where any of our identities did; "" = it is not merged, or the forge does not say."""
    is_queued: bool = False
    """It waits in the forge's merge queue."""
    is_from_fork: bool = False
    """Its head is in another repository: never ours, whatever the branch is called."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit on a proposal's branch."""

    sha: CommitSha
    author: str
    committer: str
    parents: tuple[CommitSha, ...]
    tree: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """The newest review of one person."""

    login: str
    state: Literal["approved", "changes-requested", "commented", "dismissed"]
    commit: CommitSha
    at: datetime
    may_write: bool
    is_bot: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """A comment of a pull request."""

    login: str
    is_bot: bool
    text: str
    at: datetime
    edited_by: str | None = ""
    """Login of who last changed it, for whoever may write to a repo may often change what others said there; "" = nobody did, None = the
    forge does not say who."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one system said of a commit: a check run, a commit status, a pipeline."""

    name: str
    by: str
    """Whose it is as the forge vouches for it: an App's login or id, who set a status; "" = the forge cannot say."""
    conclusion: Literal["success", "failure", "pending", "neutral"]
    url: str = ""
    summary: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """An issue that we opened: the page on which everything pending stands."""

    number: int
    url: str
    title: str
    body: str
    is_open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOutcome:
    """What the repo's own plan says that merging `head` would do."""

    head: CommitSha
    by: str
    at: datetime | None
    """When it was said; None = the forge does not say."""
    adds: int
    changes: int
    destroys: int
    """Resources deleted or replaced."""
    deleted: tuple[str, ...] = ()
    """Addresses, where the plan names any."""
    replaced: tuple[str, ...] = ()
    clusters_lost: tuple[str, ...] = ()
    """Addresses of whole clusters among them."""
    is_failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """It is merged, as `commit`."""

    commit: CommitSha


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRefused:
    """The forge said no; `reason` is a machine word, `detail` its own sentence."""

    reason: Literal["head-moved", "base-moved", "conflict", "not-open", "not-allowed", "checks", "unknown"]
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """The forge's merge queue took it; it merges there, or falls out again, once its own commit was checked."""

    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueEntry:
    """One pull request as the forge's merge queue would merge it."""

    number: int
    base: CommitSha
    """What comes before it in the queue."""
    commit: CommitSha
    """Base and this pull request together: required checks are asked for this commit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgeRules:
    """What the repo's own rules do, as far as it matters for merging by ourselves."""

    requires_review: bool
    requires_our_check: bool
    """A required check that only our gate identity can set."""
    catches_moved_base: bool
    """Strict checks, a merge queue, or a forge that compares the base itself."""
    may_bypass: bool
    protects_config: bool
    """`.trimtab/` needs a code owner's review."""
    details: tuple[str, ...] = ()
    has_merge_queue: bool = False
    guards_our_branches: bool | None = None
    """Nobody but us may push to `trimtab/`; None = the forge does not say, which is no."""
    voids_old_approvals: bool | None = None
    """A push takes earlier approvals away and who committed cannot approve; a forge whose approvals name no commit needs it."""
    asks_code_owners: bool = False
    """A file that CODEOWNERS gives an owner to changes only with that owner's review."""
    is_archived: bool = False
    is_public: bool | None = None
    """Anybody can read the repo; None = the forge does not say, which counts as yes."""
