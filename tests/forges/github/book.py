"""What GitHub knows besides git: accounts, Apps and their tokens, pull requests, reviews, checks, rules; one book under one lock."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from trimtab.adapters.localforge.git import Bare
from trimtab.records import CommitSha

Level = Literal["none", "read", "write", "admin"]
LEVELS: tuple[Level, ...] = ("none", "read", "write", "admin")
WEB_FLOW = "web-flow"
"""Whom GitHub names as the committer of what it committed and signed itself."""
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"


class Rejected(Exception):
    """GitHub's no: a status, its sentence and the errors beside it."""

    def __init__(self, status: int, message: str, errors: Iterable[Any] = (), kind: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, list(errors)
        self.kind = kind or {403: "FORBIDDEN", 404: "NOT_FOUND"}.get(status, "UNPROCESSABLE")
        """The same no in GraphQL."""


@dataclass(eq=False)
class Account:
    """A person, an organization or an App's bot."""

    id: int
    login: str
    kind: Literal["User", "Bot", "Organization"] = "User"

    @property
    def email(self) -> str:
        """What stands in the commits it makes on GitHub."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(eq=False)
class App:
    """A GitHub App, installed once."""

    id: int
    slug: str
    installation: int
    public_key: str
    permissions: dict[str, str]
    bot: Account


@dataclass(eq=False)
class Actor:
    """Who does something: a person with their rights, or an App with a token's."""

    account: Account
    app: App | None = None
    permissions: Mapping[str, str] = field(default_factory=dict)
    repositories: frozenset[int] | None = None

    def may(self, repo: "Repo", permission: str, level: Level = "read") -> bool:
        """True where this right reaches that far in a repository."""
        if self.app is None:
            return LEVELS.index(repo.collaborators.get(self.account.login, "none")) >= LEVELS.index(level)
        granted = self.permissions.get(permission, "read" if permission == "metadata" else "none")
        return granted in LEVELS and LEVELS.index(granted) >= LEVELS.index(level)

    def need(self, repo: "Repo", *permissions: str, level: Level = "read") -> "Repo":
        """The repository, where the actor has any one of these rights; 403 without."""
        if not any(self.may(repo, permission, level) for permission in permissions):
            raise Rejected(403, "Resource not accessible by integration" if self.app else "Must have write access to the repository.")
        return repo


@dataclass(eq=False)
class Token:
    """An installation token."""

    actor: Actor
    expires: datetime


@dataclass(eq=False)
class Review:
    """One review of one head."""

    id: int
    author: Account
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    commit: str
    body: str
    at: datetime


@dataclass(eq=False)
class Comment:
    """A comment of an issue or pull request."""

    id: int
    author: Account
    body: str
    at: datetime
    editor: Account | None = None
    """Who changed it last; whoever may write to a repo may change what others said there."""


@dataclass(eq=False)
class Issue:
    """What issues and pull requests share: a number, words, a state, comments, labels."""

    repo: "Repo"
    id: int
    number: int
    author: Account
    title: str
    body: str
    at: datetime
    state: Literal["open", "closed"] = "open"
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    updated: datetime | None = None
    closed_at: datetime | None = None


@dataclass(eq=False)
class Pull(Issue):
    """A pull request. `last_head` is its head as long as there is no branch to ask."""

    head_repo: "Repo" = field(kw_only=True)
    head_ref: str = field(kw_only=True)
    base_ref: str = field(kw_only=True)
    last_head: str = field(kw_only=True)
    is_draft: bool = False
    reviews: list[Review] = field(default_factory=list)
    reviewers: list[Account] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None
    seen_base: str = ""
    """Tip of the base when the pull request was opened or last pushed to: what GitHub calls its base's sha."""
    computed: tuple[str, str, str | None] | None = None
    """(base, head, test merge commit) that mergeability was worked out for; the commit is None where it conflicts."""
    asked: tuple[str, str, int] = ("", "", 0)
    """(base, head, times) that somebody asked for it so far."""
    queued: "Queued | None" = None

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def head(self) -> str:
        """Tip of its branch while it is open, what was merged or closed afterwards."""
        tip = self.head_repo.git.head(self.head_ref) if self.is_open else None
        return tip or self.last_head

    @property
    def base(self) -> str:
        """Tip of the base branch now."""
        return self.repo.git.head(self.base_ref) or ""


@dataclass(eq=False)
class Queued:
    """A place in a merge queue, with the commit that would be merged."""

    pull: Pull
    by: Account
    base: str
    commit: str
    head: str
    at: datetime

    @property
    def branch(self) -> str:
        return f"gh-readonly-queue/{self.pull.base_ref}/pr-{self.pull.number}-{self.base}"


@dataclass(eq=False)
class CheckRun:
    """What an App says of a commit."""

    id: int
    app: App
    name: str
    sha: str
    at: datetime
    status: str = "queued"
    conclusion: str | None = None
    title: str | None = None
    summary: str | None = None
    url: str | None = None
    external_id: str = ""


@dataclass(eq=False)
class Status:
    """What anybody with write access says of a commit."""

    id: int
    creator: Account
    app: App | None
    sha: str
    state: str
    context: str
    description: str | None
    url: str | None
    at: datetime


@dataclass(eq=False)
class Ruleset:
    """Rules for branches; `owner` is the repository, or the organization for one that the repository inherits."""

    id: int
    name: str
    rules: list[dict[str, Any]]
    owner: str
    include: list[str] = field(default_factory=lambda: ["~DEFAULT_BRANCH"])
    exclude: list[str] = field(default_factory=list)
    bypass: list[dict[str, Any]] = field(default_factory=list)
    enforcement: Literal["active", "evaluate", "disabled"] = "active"

    @property
    def is_inherited(self) -> bool:
        return "/" not in self.owner

    def covers(self, branch: str, default: str) -> bool:
        """True where it holds for a branch."""

        def is_in(patterns: list[str]) -> bool:
            return any(
                pattern == "~ALL" or (pattern == "~DEFAULT_BRANCH" and branch == default) or _fits(pattern, branch) for pattern in patterns
            )

        return is_in(self.include) and not is_in(self.exclude)


def _fits(pattern: str, branch: str) -> bool:
    """A star stays within one part of the name, two stars do not."""
    parts = re.split(r"(\*\*/?|\*|\?)", pattern.removeprefix("refs/heads/"))
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.fullmatch("".join(words.get(part, re.escape(part)) for part in parts), branch) is not None


@dataclass(frozen=True, slots=True)
class Activity:
    """A branch that moved, as GitHub wrote it down: whoever moved it cannot choose what stands here."""

    id: int
    branch: str
    before: str
    after: str
    by: Account
    at: datetime
    kind: Literal["push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge"]


@dataclass(eq=False)
class Repo:
    """A repository: real git, and what stands beside it."""

    id: int
    owner: Account
    name: str
    git: Bare
    collaborators: dict[str, Level] = field(default_factory=dict)
    parent: "Repo | None" = None
    is_archived: bool = False
    is_private: bool = True
    methods: tuple[str, ...] = ("merge", "squash", "rebase")
    issues: dict[int, Issue] = field(default_factory=dict)
    """Pull requests too: they share their numbers."""
    check_runs: list[CheckRun] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    rulesets: list[Ruleset] = field(default_factory=list)
    queue: list[Queued] = field(default_factory=list)
    signed: set[str] = field(default_factory=set)
    """Commits that GitHub made and signed."""
    labels: set[str] = field(default_factory=set)
    teams: set[str] = field(default_factory=set)
    """Slugs of teams that have access."""
    activities: list[Activity] = field(default_factory=list)
    has_protection: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[Pull]:
        return [issue for issue in self.issues.values() if isinstance(issue, Pull)]

    def pull(self, number: int) -> Pull:
        """One of that number; 404 where there is none."""
        found = self.issues.get(number)
        if not isinstance(found, Pull):
            raise Rejected(404, "Not Found")
        return found

    def has(self, sha: str) -> bool:
        """True where git holds an object of that id."""
        if not re.fullmatch(r"[0-9a-f]{40}", sha):
            return False
        return self.git.run("cat-file", "-t", sha, answers=(0, 1, 128)).strip() != b""

    def resolve(self, name: str) -> str:
        """The commit of an id, a branch or a ref; 404 where there is none."""
        name = name.removeprefix("refs/").removeprefix("heads/")
        tip = self.git.head(name) if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*", name) else None
        if tip is None and self.has(name):
            tip = CommitSha(name)
        if tip is None and (found := self.git.run("for-each-ref", "--format=%(objectname)", f"refs/{name}").split()):
            tip = CommitSha(found[0].decode())
        if tip is None:
            raise Rejected(404, "Not Found")
        return tip


@dataclass(eq=False)
class Fired:
    """Something that GitHub or a reader's mailbox would have acted on."""

    where: str
    what: str


class Book:
    """Everything, with the clock and the numbers that it hands out."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.apps: dict[int, App] = {}
        self.repos: dict[str, Repo] = {}
        self.teams: dict[str, list[Account]] = {}
        """"org/slug" in lower case → its members, those of teams below it too."""
        self.tokens: dict[str, Token] = {}
        self.fired: list[Fired] = []
        self.events: list[tuple[str, Repo, dict[str, Any]]] = []
        """(event, repository, payload) of webhooks that are due."""
        self.lag = 1
        """How often somebody must ask whether a pull request is mergeable before GitHub knows."""
        self.shift = timedelta(0)
        self._ids = itertools.count(1001)
        self._numbers = itertools.count(1)
        self.account("GitHub", identity=WEB_FLOW)

    @property
    def now(self) -> datetime:
        """The server's clock, to the second."""
        return (datetime.now(UTC) + self.shift).replace(microsecond=0)

    def new_id(self) -> int:
        return next(self._ids)

    def account(self, login: str, kind: Literal["User", "Bot", "Organization"] = "User", identity: str = "") -> Account:
        """The account of that login, made on first use."""
        key = (identity or login).lower()
        if key not in self.accounts:
            self.accounts[key] = Account(self.new_id(), identity or login, kind)
        return self.accounts[key]

    def of_email(self, email: str) -> Account | None:
        """Whose commits an address makes, as GitHub tells it: by the address alone."""
        if email == "noreply@github.com":
            return self.accounts[WEB_FLOW]
        return next((account for account in self.accounts.values() if account.email == email), None)

    def repo(self, owner: str, name: str) -> Repo:
        """404 where there is none."""
        found = self.repos.get(f"{owner}/{name}".lower())
        if found is None:
            raise Rejected(404, "Not Found")
        return found

    def emit(self, event: str, repo: Repo, **payload: Any) -> None:
        """A webhook is due."""
        self.events.append((event, repo, payload))

    def read_as_markdown(self, where: str, text: str) -> None:
        """Note whatever GitHub would act on in a text: closing words, mentions, commands."""
        self.fired += [Fired(where, what) for what in acted_on(text)]

    def read_as_message(self, where: str, text: str) -> None:
        """The same for a commit's message, which has no code spans."""
        self.fired += [Fired(where, found) for found in _in_message(text)]


_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:[\w.-]+/[\w.-]+)?#\d+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w/`.@-])@[a-z\d](?:[a-z\d-]*)(?:/[\w.-]+)?", re.IGNORECASE)
_COMMAND = re.compile(r"^\s{0,3}/[a-z]+\b.*$", re.IGNORECASE | re.MULTILINE)
_SKIP = re.compile(
    r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks: *true|^co-authored-by:.*$", re.IGNORECASE | re.MULTILINE
)
_CODE = re.compile(
    r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*\s*$|\Z)|(?<!`)(`+)(?!`)(?:.*?[^`])?\2(?!`)|<!--.*?(?:-->|\Z)", re.DOTALL | re.MULTILINE
)


def acted_on(text: str) -> Iterator[str]:
    """What stands outside code spans, code blocks and comments, and is more than words."""
    plain = _CODE.sub(" ", text)
    for pattern in (_CLOSING, _MENTION, _COMMAND):
        yield from pattern.findall(plain)


def _in_message(text: str) -> Iterator[str]:
    for pattern in (_CLOSING, _MENTION, _SKIP):
        yield from pattern.findall(text)
