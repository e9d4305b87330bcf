"""GitHub's answers as our records; nothing is taken from them that GitHub does not vouch for. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

from trimtab.errors import Upstream
from trimtab.records import Check, Comment, Commit, CommitSha, Issue, PullRequest, QueueEntry, Review

WEB_FLOW = "web-flow"
"""The account under which GitHub itself commits, and signs, for whoever asked it to."""
_GHOST = "ghost"
Node = Mapping[str, Any]


P = ParamSpec("P")
R = TypeVar("R")


def told(read: Callable[P, R]) -> Callable[P, R]:
    """What GitHub answers in another shape than it says is its failure."""

    @wraps(read)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return read(*args, **kwargs)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise Upstream(f"GitHub: an answer that cannot be read ({read.__name__}: {type(error).__name__}: {error})") from None

    return guarded


@dataclass(frozen=True, kw_only=True, slots=True)
class Repo:
    """A repository, as far as it seldom changes."""

    node: str
    number: int
    name: str
    """owner/name as it is called now."""
    is_archived: bool
    is_public: bool
    """Not known to be private, or internal to the enterprise."""
    methods: tuple[Literal["merge", "squash", "rebase"], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """A pull request with everything that hangs on it."""

    node: str
    record: PullRequest
    has_queue: bool
    message: str
    """Of the merge commit; "" = not merged."""
    reviews: tuple[Review, ...] | None = None
    """None = not asked for."""
    comments: tuple[Comment, ...] = ()
    more_comments: str | None = None
    """Where to go on reading them; None = those are all."""
    checks: tuple[Check, ...] | None = None
    """Of the head; None = not asked for, or more than one page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What a head has that a base has not."""

    fork: CommitSha
    """The merge base."""
    commits: tuple[Commit, ...]
    files: Mapping[str, str | None]
    """Path → blob at the head, None = gone; what changed between fork and head."""
    is_complete: bool
    """False where GitHub lists only the first files."""


@told
def repo_of(node: Node) -> Repo:
    """A repository's own facts."""
    allowed = {"merge": node["mergeCommitAllowed"], "squash": node["squashMergeAllowed"], "rebase": node["rebaseMergeAllowed"]}
    methods: tuple[Literal["merge", "squash", "rebase"], ...] = ("merge", "squash", "rebase")
    return Repo(
        node=str(node["id"]),
        number=int(node["databaseId"] or 0),
        name=str(node["nameWithOwner"]),
        is_archived=node["isArchived"] is not False,
        is_public=node["visibility"] not in {"PRIVATE", "INTERNAL"},
        methods=tuple(method for method in methods if allowed[method]),
    )


def login_of(actor: Node | None) -> str:
    """REST's name of an actor: GraphQL leaves out a bot's `[bot]`."""
    if actor is None:
        return _GHOST
    login = str(actor["login"])
    return f"{login}[bot]" if actor.get("__typename") == "Bot" and not login.endswith("[bot]") else login


def is_bot(actor: Node | None) -> bool:
    """True for whatever is not a person's account."""
    return actor is None or actor.get("__typename") != "User"


def tip_of(ref: Node | None) -> CommitSha | None:
    """Where a ref points; None = there is none."""
    return CommitSha(str(ref["target"]["oid"])) if ref and ref.get("target") else None


_STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
_MERGEABLE = {"MERGEABLE": True, "CONFLICTING": False}


@told
def pull_of(node: Node, repo: str) -> Pull:
    """A pull request; `repo` is our id of its repository."""
    state = _STATES[node["state"]]
    merged = node["mergeCommit"] if state == "merged" else None
    record = PullRequest(
        repo=repo,
        number=int(node["number"]),
        url=str(node["url"]),
        title=str(node["title"]),
        body=str(node["body"]),
        state=state,
        is_draft=node["isDraft"] is not False,
        author=login_of(node["author"]),
        head_ref=str(node["headRefName"]),
        head=CommitSha(str(node["headRefOid"])),
        base_ref=str(node["baseRefName"]),
        base=tip_of(node["baseRef"]) or CommitSha(str(node["baseRefOid"])),
        is_mergeable=_MERGEABLE.get(node["mergeable"]) if state == "open" else None,
        merge_commit=CommitSha(str(merged["oid"])) if merged else None,
        merged_by=login_of(node["mergedBy"]) if state == "merged" else "",
        is_queued=node["isInMergeQueue"] is True,
        is_from_fork=node["isCrossRepository"] is not False,
        labels=tuple(str(label["name"]) for label in (node["labels"] or {}).get("nodes") or ()),
    )
    has_queue, message = node["isMergeQueueEnabled"] is True, str(merged["message"]) if merged else ""
    if "latestReviews" not in node:
        return Pull(node=str(node["id"]), record=record, has_queue=has_queue, message=message)
    page = node["comments"]["pageInfo"]
    return Pull(
        node=str(node["id"]),
        record=record,
        has_queue=has_queue,
        message=message,
        reviews=reviews_of(node["latestOpinionatedReviews"], node["latestReviews"]),
        comments=comments_of(node["comments"]),
        more_comments=str(page["endCursor"]) if page["hasNextPage"] else None,
        checks=checks_of(node["statusCheckRollup"]),
    )


_REVIEWS: Mapping[str, Literal["approved", "changes-requested", "commented", "dismissed"]] = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "changes-requested",
    "COMMENTED": "commented",
    "DISMISSED": "dismissed",
}


def reviews_of(opinions: Node, latest: Node) -> tuple[Review, ...]:
    """The newest review of each person; a comment takes no opinion back. Raises Upstream where there are too many to read."""
    if opinions["pageInfo"]["hasNextPage"] or latest["pageInfo"]["hasNextPage"]:
        raise Upstream("GitHub: more than 100 people reviewed; a person must look")
    found = {review.login: review for review in _reviews_in(latest)}
    for review in _reviews_in(opinions):
        if review.login not in found or found[review.login].state == "commented":
            found[review.login] = review
    return tuple(found.values())


def _reviews_in(connection: Node) -> tuple[Review, ...]:
    """One of a commit that is gone is of no commit."""
    return tuple(
        Review(
            login=login_of(node["author"]),
            state=_REVIEWS[node["state"]],
            commit=CommitSha(str((node["commit"] or {}).get("oid") or "")),
            at=datetime.fromisoformat(str(node["submittedAt"])),
            may_write=node["authorCanPushToRepository"] is True,
            is_bot=is_bot(node["author"]),
        )
        for node in _nodes(connection)
        if node["state"] in _REVIEWS and node["submittedAt"]
    )


@told
def comments_of(connection: Node | None) -> tuple[Comment, ...]:
    """Comments, oldest first."""
    return tuple(
        Comment(
            login=login_of(node["author"]),
            is_bot=is_bot(node["author"]),
            text=str(node["body"]),
            at=datetime.fromisoformat(str(node["createdAt"])),
            edited_by=login_of(node["editor"]) if node["lastEditedAt"] else "",
        )
        for node in _nodes(connection)
    )


_CONCLUSIONS: Mapping[str, Literal["success", "failure", "pending", "neutral"]] = {
    "SUCCESS": "success",
    "NEUTRAL": "neutral",
    "SKIPPED": "neutral",
    "PENDING": "pending",
    "EXPECTED": "pending",
}


@told
def checks_of(rollup: Node | None) -> tuple[Check, ...] | None:
    """The newest checks of a first page. None = there are more than it holds."""
    if rollup is None:
        return ()
    return None if rollup["contexts"]["pageInfo"]["hasNextPage"] else newest_checks(_nodes(rollup["contexts"]))


def newest_checks(nodes: Iterable[Node]) -> tuple[Check, ...]:
    """Check runs by their App, statuses by who set them; the newest of each name."""
    newest: dict[tuple[str, str], tuple[int, Check]] = {}
    for node in nodes:
        order, check = _check_of(node)
        key = (check.name, check.by)
        if key not in newest or newest[key][0] <= order:
            newest[key] = (order, check)
    return tuple(check for _, check in newest.values())


def _check_of(node: Node) -> tuple[int, Check]:
    if node["__typename"] == "StatusContext":
        conclusion = _CONCLUSIONS.get(node["state"], "failure")
        by = login_of(node["creator"]) if node["creator"] else ""
        return 0, Check(
            name=str(node["context"]),
            by=by,
            conclusion=conclusion,
            url=str(node["targetUrl"] or ""),
            summary=str(node["description"] or ""),
        )
    app = node["checkSuite"]["app"]
    return int(node["databaseId"] or 0), Check(
        name=str(node["name"]),
        by=f"{app['slug']}[bot]" if app else "",
        conclusion=_CONCLUSIONS.get(str(node["conclusion"]), "failure") if node["status"] == "COMPLETED" else "pending",
        url=str(node["url"] or ""),
        summary=str(node["summary"] or node["title"] or ""),
    )


@told
def issue_of(node: Node) -> Issue:
    """An issue of GraphQL or REST."""
    return Issue(
        number=int(node["number"]),
        url=str(node.get("html_url") or node["url"]),
        title=str(node["title"]),
        body=str(node["body"] or ""),
        is_open=str(node["state"]).upper() == "OPEN",
    )


@told
def entries_of(queue: Node | None) -> tuple[QueueEntry, ...]:
    """What waits in a merge queue and has its own commit by now."""
    rows = sorted(_nodes((queue or {}).get("entries")), key=lambda node: int(node["position"]))
    return tuple(
        QueueEntry(
            number=int(node["pullRequest"]["number"]),
            base=CommitSha(str(node["baseCommit"]["oid"])),
            commit=CommitSha(str(node["headCommit"]["oid"])),
        )
        for node in rows
        if node["pullRequest"] and node["baseCommit"] and node["headCommit"]
    )


def commit_of(node: Node, login: str) -> Commit:
    """A commit of REST, by us only where GitHub made and signed it for our App: an address in a commit proves nothing.

    Whoever else uses our name is called so.
    """
    author, committer = _person(node, "author"), _person(node, "committer")
    is_signed = ((node["commit"].get("verification") or {}).get("verified")) is True
    is_ours = is_signed and _account(node, "author") == login and _account(node, "committer") in (WEB_FLOW, login)
    stranger = f"{login} (not verified)"
    return Commit(
        sha=CommitSha(str(node["sha"])),
        author=login if is_ours else stranger if author == login else author,
        committer=login if is_ours else stranger if committer == login else committer,
        parents=tuple(CommitSha(str(parent["sha"])) for parent in node["parents"]),
        tree=str(node["commit"]["tree"]["sha"]),
    )


def _account(node: Node, role: str) -> str:
    return str((node.get(role) or {}).get("login") or "")


def _person(node: Node, role: str) -> str:
    return _account(node, role) or str((node["commit"].get(role) or {}).get("name") or _GHOST)


MOST_FILES = 300
"""GitHub lists no more changed files than that."""


@told
def comparison_of(pages: list[Node], login: str) -> Comparison:
    """What the compare pages say together; the files stand on the first."""
    first = pages[0]
    listed = first.get("files") or []
    files: dict[str, str | None] = {}
    for row in listed:
        if row["status"] == "renamed":
            files[str(row["previous_filename"])] = None
        files[str(row["filename"])] = None if row["status"] == "removed" else str(row["sha"])
    return Comparison(
        fork=CommitSha(str(first["merge_base_commit"]["sha"])),
        commits=tuple(commit_of(node, login) for page in pages for node in page["commits"]),
        files=files,
        is_complete=len(listed) < MOST_FILES,
    )


def _nodes(connection: Node | None) -> Iterable[Node]:
    return [node for node in (connection or {}).get("nodes") or () if node]
