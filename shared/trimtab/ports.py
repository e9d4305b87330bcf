"""What the use cases ask of the world, in our words; every adapter and every fake fits one of these.

A port raises `Upstream` when the world fails and returns a value when the world says no. None of them retries a write.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from trimtab.records import (
    AuditEntry,
    Break,
    ChangeRequest,
    Check,
    Cloud,
    Cluster,
    ClusterUid,
    Comment,
    Commit,
    CommitSha,
    Entry,
    Estimate,
    ForgeRules,
    InstanceType,
    Issue,
    Json,
    MeasuredUse,
    Merged,
    MergeRefused,
    MetricSeries,
    PersonId,
    Pool,
    PrivateRate,
    PullRequest,
    Queued,
    QueueEntry,
    Quota,
    Refusal,
    Review,
)
from trimtab.render.wording import Wording

if TYPE_CHECKING:
    from trimtab.analysis.demand import Demand
    from trimtab.analysis.quota_demand import QuotaDemand
    from trimtab.analysis.volumes import VolumeUse
    from trimtab.analysis.workload_use import Workloads
    from trimtab.attribution.suggest import Example, OwnerModel
    from trimtab.settings import Settings
    from trimtab.sources.billing_history import HistoryDay
    from trimtab.sources.kube_objects import KubeObjects


# ── The store ────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class InboxItem:
    """A request or tick waiting for its last effect."""

    key: str
    """inbox/<source>/<sha256>, or inbox/clock/<function>/<time>."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """An inbox item without a done mark."""

    key: str
    since: datetime
    """When the store got it."""


class Inbox(Protocol):
    """Create-only requests: one put is the record and the enqueue."""

    def put(self, key: str, body: bytes) -> bool:
        """Keep `body` under `key`; False = it was there already, which is success too."""

    def read(self, key: str) -> bytes | None:
        """The body, or None where it is not there (expired)."""

    def waiting(self, source: str = "") -> list[Waiting]:
        """What has no done mark, oldest put first."""

    def pending(self, source: str = "") -> list[str]:
        """The same, their keys alone."""

    def finish(self, key: str, outcome: str) -> None:
        """Mark as done, after the last effect; finishing twice is harmless."""

    def is_done(self, key: str) -> bool:
        """True where nothing is left to do for it."""

    def kept(self, source: str) -> list[str]:
        """Keys of a source that are still there, done or not."""

    def forget(self, key: str) -> None:
        """Delete a request that is done; its mark stays, so that it is not taken for a new one."""


class Ledger(Protocol):
    """Append-only streams of hashed entries, slots, leases and seals, on create-only objects."""

    def head(self, stream: str) -> Entry | None:
        """The newest entry; None = the stream does not exist."""

    def entries(self, stream: str) -> list[Entry]:
        """All entries, oldest first. Raises Broken where a hash or the numbering does not hold."""

    def heads(self, prefix: str = "") -> dict[str, Entry]:
        """Head entry of every stream whose name starts with `prefix`, by one flat listing."""

    def append(
        self, stream: str, after: Entry | None, *, kind: str, at: datetime, actor: str, reason: str, body: Json, state: Json
    ) -> Entry | None:
        """Write entry n+1 after `after`; None = somebody else wrote it first: read the head and decide again."""

    def claim_slot(self, limit: str, window: str, capacity: int, holder: str) -> int | None:
        """A slot number of a rate limit's window, the same one on every retry of `holder`; None = the window is full."""

    def acquire_lease(self, name: str, holder: str, now: datetime, seconds: int) -> bool:
        """True where `holder` has the lease until now + seconds + 60 s. Saves work; safety never rests on it."""

    def release_lease(self, name: str, holder: str, now: datetime) -> None:
        """Give the lease back, if it is still ours."""

    def seal(self, day: str, at: datetime) -> str:
        """Write seals/<day> over all stream heads, chained to the one before; the root hash. Sealing a day twice is harmless."""

    def newest_seal(self) -> tuple[str, str] | None:
        """Key and root of the newest seal; None = nothing was sealed yet."""

    def roots(self) -> dict[str, str]:
        """Seal key → root, oldest first. Raises Broken where a seal does not hold."""

    def verify(self) -> list[Break]:
        """Every place where bytes, hashes, numbers, chains or seals do not hold; [] = consistent."""


class TokenKeys(Protocol):
    """The public keys that a directory signs its tokens with."""

    def published(self) -> bytes:
        """The JSON Web Key Set. Raises Upstream where it cannot be had."""


class Anchors(Protocol):
    """A second place, outside the store, where roots of seals can only be added."""

    def keep(self, seal: str, root: str, at: datetime) -> None:
        """Anchor a seal; twice is once. Raises Broken where another root was anchored for it."""

    def roots(self) -> dict[str, str]:
        """Seal → root, as anchored, oldest first."""

    def compare(self, roots: Mapping[str, str]) -> list[Break]:
        """Anchored seals that the record lost or has otherwise."""


class People(Protocol):
    """Who is behind the random keys that the record uses for people; each can be forgotten."""

    def key_of(self, name: str) -> PersonId:
        """What the record calls the person whom owners.yaml calls so; made when first asked."""

    def find(self, name: str) -> PersonId | None:
        """The same where it was made already; None = the record knows nobody of that name."""

    def mark(self, name: str, text: str) -> str:
        """A digest of `text` that nobody can guess back without what is kept of that person."""

    def named(self, text: str) -> str:
        """The text with people's names for their keys; whoever was erased keeps the key."""

    def erase(self, name: str) -> PersonId | None:
        """Forget who that was; the key that stays behind, or None where nobody of that name was known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PermitChange:
    """Somebody stopped all writing, or allowed it again."""

    at: datetime
    by: str
    reason: str
    may_write: bool


class Permit(Protocol):
    """The run permit: an object that no function may write."""

    def stop_reason(self) -> str | None:
        """None = writing is allowed; else why not. Absent, unreadable and malformed are reasons."""

    def stop(self, by: str, reason: str, at: datetime) -> None:
        """Add a stop; whoever is listed may."""

    def resume(self, by: str, reason: str, at: datetime) -> None:
        """Allow writing again: an operator's act, which no function's role can do."""

    def history(self) -> tuple[PermitChange, ...]:
        """Every stop and every resume, oldest first. Raises Broken where one cannot be read."""


class Documents(Protocol):
    """Small JSON documents that may be replaced: summaries, run results, cached configuration."""

    def publish(self, key: str, value: Json) -> None:
        """Put `value` under `key`, replacing what was there."""

    def find(self, key: str) -> Json | None:
        """The document, or None."""

    def publish_text(self, key: str, text: str) -> None:
        """The same for a text, whose key ends as a file's name does: `metrics/all.txt`."""

    def find_text(self, key: str) -> str | None:
        """The text, or None."""

    def find_all(self, keys: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        """Each key with its document or None, in the order given, several read at a time."""

    def keys(self, prefix: str) -> list[str]:
        """All keys of documents below `prefix`, sorted; no texts."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer run already wrote this partition; nothing was changed."""

    newer: datetime


class Lake(Protocol):
    """The Delta tables cost, usage and allocated (columns in tables.py)."""

    def replace(
        self, table: str, partition: Mapping[str, str], parquet: Sequence[str], *, application: str, submitted_at: datetime, about: Json
    ) -> int | Superseded:
        """Atomically replace one partition by the rows of local Parquet files; the table's new version.

        `application` and `submitted_at` are the transaction guard: an older run never overwrites a newer one.
        """

    def amend(
        self, table: str, partitions: Sequence[Mapping[str, str]], parquet: Sequence[str], *, since: int | None, about: Json
    ) -> int | None:
        """Replace these partitions together by rows that were made from what version `since` held; the table's new version.

        None = somebody changed one of them after `since`: read again, make the rows again. For rows that merge, as late usage does.
        """

    def at(self, table: str, version: int) -> "Lake":
        """The lake as it was when that table had that version, for reading; which raises Gone where that is no longer kept."""

    def version(self, table: str) -> int | None:
        """Current version; None = no such table yet."""

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        """Local paths of the live Parquet files (copied to scratch where the store is remote), pruned by partition values."""

    def size(self, table: str, partition: Mapping[str, str] | None = None) -> int:
        """Bytes of the live files; nothing is read."""

    def release(self, table: str, partition: Mapping[str, str]) -> None:
        """What `files` copied of a partition is not needed any more; asked for again, it is copied again."""

    def state(self, table: str, partitions: Sequence[Mapping[str, str]]) -> str:
        """One word for what these partitions hold together; it changes with every write to one of them, and with no other."""

    def tidy(self, table: str, kept: timedelta) -> int:
        """Remove files that no version since `kept` ago needs; how many. The version stays."""

    def owner(self, table: str, partition: Mapping[str, str]) -> str | None:
        """Whose the rows of a partition are (`tables.OWNERS`), without a read; None = not one's, or nobody says: then it is read."""

    def partitions(self, table: str, partition: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        """Distinct partition values that have live files, sorted; only those that have the given ones."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file in a bucket or folder."""

    url: str
    size: int
    modified: datetime


class Buckets(Protocol):
    """Where exports and usage drops land: `file://`, `s3://`, `gs://`."""

    def read(self, url: str) -> bytes:
        """A small object's bytes. Raises BadInput where there is none, TooLarge over 16 MiB."""

    def fetch(self, url: str, directory: Path) -> Path:
        """Copy one object into `directory`, under a name of our own that keeps its extension. Raises BadInput where there is none."""

    def put(self, url: str, body: bytes) -> bool:
        """Create an object; True = these bytes lie there now, False = others did before and stay as they are."""

    def modified(self, url: str) -> datetime:
        """When the store got an object. Raises BadInput where there is none."""

    def list(self, prefix: str) -> list[StoredObject]:
        """Every object below a URL, sorted by URL."""


class CostHistory(Protocol):
    """A cloud's billing API: what days cost before the first export."""

    @property
    def name(self) -> str:
        """For people."""

    def days(self, start: date, end: date) -> "tuple[HistoryDay, ...]":
        """Daily amortized cost from `start` to before `end`."""


class Engine(Protocol):
    """A SQL engine over local Parquet: DuckDB here, Spark where one machine is too small."""

    def session(self) -> AbstractContextManager["Session"]:
        """A fresh, locked-down session with bounded memory."""


class Session(Protocol):
    """One SQL session."""

    def run(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run statements for their effect."""

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Run one query; all its rows."""

    def write(self, sql: str, path: str) -> int:
        """Write a query's rows as one Parquet file; how many."""


@runtime_checkable
class Columnar(Protocol):
    """A session that can hand over numbers column by column, for what is computed on them and not row by row."""

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """As Session."""

    def columns(self, sql: str) -> Mapping[str, Any]:
        """Column → its values as a numpy array of doubles, NaN where NULL."""


@runtime_checkable
class Watched(Protocol):
    """A session that can say how far a long statement is."""

    def watched(self, tell: Callable[[int], None]) -> AbstractContextManager[None]:
        """While it is open, `tell` hears now and then the percent done of the statement under way; from a thread of its own."""


@runtime_checkable
class Compacting(Protocol):
    """A session that can keep texts that repeat in a short form of its own."""

    def compact(self, table: str) -> None:
        """Rewrite a temporary table so; its values stay the same for every query."""


# ── What runs, and what it costs ─────────────────────────────────────────────────────────────────────────────────────
class Palette(Protocol):
    """Spectro Cloud Palette, read-only."""

    def listed(self) -> Mapping[ClusterUid, str]:
        """Uid → name of every cluster that Palette lists, looked into or not, as of at most a minute ago: a few requests for them all."""

    def clusters(self) -> tuple[Cluster, ...]:
        """Every cluster of the tenant with its live pools, as of at most a minute ago: several requests for each of them."""

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        """One cluster read now; None = gone, or of a kind that `left_alone` names."""

    def look(self, uid: ClusterUid) -> Cluster | Refusal | None:
        """The same, and of one that is left alone the reason why; None = gone."""

    def left_alone(self) -> tuple[Refusal, ...]:
        """The clusters that are recognized and never touched (edge, vSphere, MAAS, virtual, imported …), each with why; pool is "*"."""

    def quotas(self, uid: ClusterUid) -> tuple[Quota, ...]:
        """Quotas that hold on a cluster: of its namespaces, of workspaces it is in, of virtual clusters it hosts."""

    def estimate(self, uid: ClusterUid, pools: Sequence[Pool]) -> Estimate | None:
        """What a cluster would cost per hour with these pools in place of its own of the same names; None = Palette cannot say."""

    def private_rates(self, currency: str) -> tuple[PrivateRate, ...]:
        """What the tenant set as the price of private capacity, one rate per private cluster; Palette's rates have no currency."""

    def measured(self, uid: ClusterUid, start: datetime, end: datetime) -> tuple[MeasuredUse, ...]:
        """CPU and memory use by hour, of pods where Palette has them, else of namespaces."""

    def audits(self, since: datetime, until: datetime) -> tuple[AuditEntry, ...]:
        """The audit trail between two times, oldest first."""

    def annotate(self, uid: ClusterUid, values: Mapping[str, str | None]) -> bool:
        """Set these annotations of a cluster, None = take it away; every other one stays. True = something was written.

        It is a read, a change and a write of the whole map, with a key of its own. Raises Refused where there is none.
        """


class Catalog(Protocol):
    """Instance types with prices."""

    @property
    def source(self) -> str:
        """Where the prices come from and of when, for people."""

    def find(self, cloud: Cloud, region: str, name: str) -> InstanceType | None:
        """One type; None = unknown, which refuses what would need it."""

    def offered(self, cloud: Cloud, region: str) -> tuple[InstanceType, ...]:
        """All types of a region."""


class Usage(Protocol):
    """Measured demand of pools."""

    def at(self, version: int) -> "Usage":
        """The same, as the usage table was at that version; asking it raises Gone where that is no longer kept."""

    def demand(self, cluster_uid: ClusterUid, pool: str, start: datetime, end: datetime) -> "Demand | None":
        """What ran and waited on the pool; None = nothing was measured at all."""

    def quota_demand(self, quota: Quota, start: datetime, end: datetime) -> "QuotaDemand | None":
        """What the pods that count against a quota ask for, over all its clusters; None = one of them was not measured at all.

        Raises BadInput where a pattern of its namespaces cannot be used.
        """

    def workloads(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> "Workloads | None":
        """The workloads that ask for most that they do not use, and those in trouble; None = nothing was measured at all."""

    def volumes(self, cluster_uid: ClusterUid, start: datetime, end: datetime) -> "tuple[VolumeUse, ...]":
        """The largest volumes of a cluster, each over its hours; () = none was reported."""


class KeptRules(Protocol):
    """`.trimtab/` of each repo as whoever may read the forge left it in the store, for functions that hold no key of the forge."""

    def keep(self, repo: str, commit: CommitSha, files: Mapping[str, bytes]) -> None:
        """These files are at the tip of the default branch, which is this commit, now."""

    def read(self, repo: str) -> tuple[CommitSha, Mapping[str, bytes]]:
        """What was kept last. Raises Upstream where nothing was yet, or nothing since yesterday."""


# ── The hands ────────────────────────────────────────────────────────────────────────────────────────────────────────
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


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Where a message stands."""

    channel: str
    ts: str


class Chat(Protocol):
    """Slack, as far as we speak."""

    @property
    def is_configured(self) -> bool:
        """False = there is no Slack here, and whoever speaks is refused."""

    def post(self, channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None = None) -> MessageRef:
        """Post a message that carries `nonce` in its metadata. Sent once; a 429 is Upstream."""

    def find(self, channel: str, nonce: str, thread: MessageRef | None = None) -> MessageRef | None:
        """The message that carries `nonce`, after a crash between sending and recording."""

    def update(self, ref: MessageRef, blocks: Sequence[Json], text: str) -> None:
        """Replace a message's content; idempotent."""

    def account(self, user: str) -> Literal["active", "guest", "external", "bot", "gone"] | None:
        """How an account stands in the workspace; None = Slack does not say."""

    def members(self, group: str) -> tuple[str, ...] | None:
        """User ids of a user group ("S0123ABC"), sorted; None = there is none."""

    def user_of(self, email: str) -> str | None:
        """The user id behind an e-mail address, or None."""

    def direct(self, user: str) -> str:
        """The channel in which only that user reads us."""


class Mail(Protocol):
    """E-mail, for owners who are not in Slack."""

    @property
    def is_configured(self) -> bool:
        """False = whoever sends is refused."""

    def send(self, to: str, subject: str, text: str, nonce: str) -> None:
        """Send one plain-text message, once; `nonce` is its Message-ID, so that a mailbox shows a repeated one once."""


class Webhooks(Protocol):
    """Workflow webhooks of Microsoft Teams, by name; their URLs are secrets."""

    def names(self) -> tuple[str, ...]:
        """Those that the deployment has."""

    def post(self, name: str, card: Json) -> None:
        """Post one Adaptive Card. Sent once; nothing can be read back. Raises Refused for a name that is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A ticket as its own system knows it."""

    key: str
    url: str
    is_open: bool


class Tickets(Protocol):
    """Jira or ServiceNow, as far as we write there."""

    @property
    def system(self) -> str:
        """Which of the two: jira, servicenow."""

    def find(self, correlation: str) -> Ticket | None:
        """The ticket that carries our mark."""

    def open(self, correlation: str, *, project: str, title: str, text: str) -> Ticket:
        """Open one with our mark in it; sent once."""

    def change_request(self, correlation: str) -> ChangeRequest | None:
        """The change request that names this proposal; None = there is none, or the system has no such thing."""


class Metrics(Protocol):
    """A Prometheus, or anything that speaks its API."""

    def range(self, query: str, start: datetime, end: datetime, step: int) -> tuple[MetricSeries, ...]:
        """A PromQL query at start, start + step seconds, … end; NaN and infinities are left out, they measure nothing.

        Raises Overloaded or TooLarge where a smaller question may be answered.
        """

    def now(self) -> datetime:
        """What time the store has, so that an hour which is not over there is not taken for whole."""


class Kubernetes(Protocol):
    """One cluster's Kubernetes API, read only."""

    def read(self, now: datetime) -> "KubeObjects":
        """Everything there is to read, as of `now`; kinds that could not be read are named. Raises Upstream where none could."""


class Learner(Protocol):
    """Fits models; what it hands back is numbers and names."""

    def owners(self, examples: "Sequence[Example]") -> "OwnerModel":
        """A classifier of owned namespaces, with held-out trials of it."""


class Progress(Protocol):
    """Somebody to tell how far long work is."""

    def step(self, text: str, done: int, total: int | None) -> None:
        """`done` of `total` (None = unknown) of what `text` names."""


PartKind = Literal["function", "queue", "dead letters", "schedule", "logs"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """One thing that carries the tag of our deployment."""

    kind: PartKind
    name: str
    """As its cloud calls it."""
    function: str
    """What its name says it is of; nobody checked that there is such a function."""
    trouble: str = ""
    """Why it does not do what it is there for; "" = nothing is known to be wrong."""


class Deployment(Protocol):
    """What is deployed of one deployment, for a person who looks."""

    @property
    def place(self) -> str:
        """Where, for people."""

    @property
    def prefix(self) -> str:
        """What its names begin with, and its tag says."""

    @property
    def kinds(self) -> tuple[PartKind, ...]:
        """The kinds of things that it can see."""

    def parts(self) -> tuple[Deployed, ...]:
        """Everything of those kinds that carries its tag."""

    def remove(self, part: Deployed) -> None:
        """Remove one thing. Raises Refused where it does not carry the tag, which is read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One event that no delivery could serve."""

    function: str
    event: Mapping[str, Any]
    """As the function was handed it: AWS's event, or what a CloudEvent of Pub/Sub carries."""
    receipt: str
    """What takes it away, while it is ours to read."""


class DeadLetters(Protocol):
    """Where a cloud puts the events that its functions could not serve, for a person who looks after them."""

    def letters(self, function: str) -> Iterator[DeadLetter]:
        """Each that waits, once; nobody else sees it for a minute."""

    def hand_back(self, letter: DeadLetter) -> None:
        """To its function again, and only then away from here: whoever dies in between has it served twice, which is once."""

    def take_away(self, letter: DeadLetter) -> None:
        """Nobody needs it any more."""


class Log(Protocol):
    """Events with values beside them; foreign data only under `input`."""

    def info(self, event: str, **values: object) -> None:
        """One decision."""

    def warning(self, event: str, **values: object) -> None:
        """Something a person should look at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Everything a use case may touch; `wiring.py` fills it, tests fill it with fakes."""

    settings: "Settings"
    inbox: Inbox
    ledger: Ledger
    permit: Permit
    documents: Documents
    lake: Lake
    buckets: Buckets
    engine: Engine
    palette: Palette
    catalog: Catalog
    usage: Usage
    forge: Forge
    chat: Chat
    metrics: Callable[[ClusterUid], Metrics]
    """The one endpoint that may speak for a cluster."""
    log: Log
    progress: Progress
    wording: Wording
    """The sentences of pull requests and cards."""
    scratch: Path
    """A folder for files that live as long as one wake."""
    learner: Learner | None = None
    """Only `learn` needs one."""
    mail: Mail | None = None
    """None = this function sends none."""
    webhooks: Webhooks | None = None
    tickets: Tickets | None = None
    token_keys: TokenKeys | None = None
    """None = no tokens of Azure are asked for."""
    anchors: Anchors | None = None
    """None = the deployment has no second place, and its record can be called consistent, never proven."""
    people: People | None = None
    """None = people go by their names in owners.yaml everywhere, as for whoever only reads."""
    kept_rules: KeptRules | None = None
    """None = nobody here works without the forge's key."""
    correlation: str = ""
    """What the log lines and entries of one wake have in common with those of the event that began it all; "" = no wake."""
    stopwatch: Callable[[], float] = monotonic
    """Seconds since some moment, for how long a wake took."""

    def named(self, text: str) -> str:
        """What leaves for people's eyes: names for keys."""
        return self.people.named(text) if self.people else text


__all__ = [
    "Buckets", "Catalog", "Chat", "Compacting", "DeadLetter", "DeadLetters", "Deployed", "Deployment",
    "Documents", "Engine", "Forge", "Inbox", "InboxItem", "KeptRules", "Kubernetes", "Lake",
    "Learner", "Ledger", "Log",
    "MessageRef", "Metrics", "Palette", "Permit", "Ports", "Progress", "Session", "StoredObject", "Superseded",
    "Usage", "Waiting",
]  # fmt: skip
