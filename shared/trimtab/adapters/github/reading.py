"""What GitHub says of a repository and its pull requests, in few requests; and the two ways in which anything is written."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.adapters.github import answers, queries
from trimtab.adapters.github.answers import Pull, Repo, told
from trimtab.adapters.github.client import Answer, Caller, Denied, Lost
from trimtab.adapters.github.memory import Memory
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import Check, Comment, CommitSha, Issue, PullRequest
from trimtab.settings import Repository

_PAGES = 10
OURS = "trimtab/"
"""What our branches begin with."""


@dataclass(slots=True)
class Reader:
    """The repositories of the settings, as the writer App sees them."""

    repositories: Mapping[str, Repository]
    caller: Caller
    whoami: Callable[[], str]
    """The writer's login, asked of GitHub."""
    memory: Memory = field(default_factory=Memory)
    _login: str = ""

    @property
    def login(self) -> str:
        """The writer App's own, asked once."""
        if not self._login:
            self._login = self.whoami()
        return self._login

    def forget(self) -> None:
        """Read what moves anew; what is named by a commit's id never does."""
        self.memory.forget()

    def repo(self, repo: str) -> Repo:
        """What seldom changes about a repo; read with the first thing that is asked of it."""
        known = self.memory.repo(repo)
        if known is None:
            self.tip(repo, self.settings_of(repo).branch)
            known = self.memory.repo(repo)
        if known is None:
            raise Refused(f"repository {repo!r}: GitHub does not show it")
        return known

    def settings_of(self, repo: str) -> Repository:
        """What the deployment says of a repo."""
        found = self.repositories.get(repo)
        if found is None:
            raise BadInput(f"settings.repositories: no GitHub repo with id {repo!r}")
        return found

    def repository(self, repo: str, document: str, variables: Mapping[str, Any], *, may_lack: bool = False) -> Mapping[str, Any]:
        """A query's repository, after making sure that it is the one of the settings."""
        place = self.settings_of(repo)
        try:
            node = self.caller.ask(document, {**owner_of(place.location), **variables}, may_lack=may_lack)["repository"]
        except Denied as error:
            raise Refused(f"repository {repo!r} ({place.location}): {error.detail}; is the App installed for it with its rights?") from None
        if not node:
            raise Refused(f"repository {repo!r} ({place.location}): not there, or the App is not installed for it")
        if "databaseId" in node:
            known = answers.repo_of(node)
            _check_identity(place, known)
            self.memory.keep_repo(repo, known)
        return dict(node)

    def base_head(self, repo: str, branch: str) -> CommitSha:
        """Tip of a branch that must be there. Refused where it is not."""
        head = self.tip(repo, branch)
        if head is None:
            raise Refused(f"repository {repo!r} has no branch {branch!r}")
        return head

    def tip(self, repo: str, branch: str) -> CommitSha | None:
        """Where a branch is; None = there is none."""
        return self.memory.moving(("tip", repo, branch), lambda: self._read_tip(repo, branch))

    @told
    def _read_tip(self, repo: str, branch: str) -> CommitSha | None:
        """A branch of ours is read with its pull requests and with the base: they are asked for next."""
        if not branch.startswith(OURS):
            return answers.tip_of(self.repository(repo, queries.BASE, {"ref": f"refs/heads/{branch}"})["ref"])
        return self._read_branch(repo, branch)[0]

    def of_branch(self, repo: str, branch: str) -> tuple[Pull, ...]:
        """Pull requests from a branch of the same repo, newest first."""
        return self.memory.moving(("branch", repo, branch), lambda: self._read_branch(repo, branch)[1])

    @told
    def _read_branch(self, repo: str, branch: str) -> tuple[CommitSha | None, tuple[Pull, ...]]:
        """Where a branch is, and its pull requests; those of forks have such names too, and may be many."""
        base, held = self.settings_of(repo).branch, self.memory.held()
        asked = {"branch": branch, "ref": f"refs/heads/{branch}", "base": f"refs/heads/{base}"}
        node = self.repository(repo, queries.BRANCH, asked)
        page, found = node["pullRequests"], []
        for _ in range(_PAGES):
            found += [pull for pull in page["nodes"] if pull and not pull["isCrossRepository"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            page = self.repository(repo, queries.BRANCH, {**asked, "after": page["pageInfo"]["endCursor"]})["pullRequests"]
        else:
            raise Refused(f"repository {repo!r}: over {100 * _PAGES} pull requests from branches named {branch}; a person must look")
        pulls = tuple(answers.pull_of(pull, repo) for pull in found)
        tip = answers.tip_of(node["ref"])
        self.memory.keep(("tip", repo, base), answers.tip_of(node["base"]), held)
        self.memory.keep(("tip", repo, branch), tip, held)
        self.memory.keep(("branch", repo, branch), pulls, held)
        if not any(pull.record.state == "open" for pull in pulls):
            self.memory.note_none_open(repo, branch)
        return tip, pulls

    def open_of(self, repo: str, head_ref: str) -> Pull | None:
        """The open pull request from a branch, or None."""
        if self.memory.has_none_open(repo, head_ref):
            return None
        return next((pull for pull in self.of_branch(repo, head_ref) if pull.record.state == "open"), None)

    def pull(self, repo: str, number: int) -> Pull:
        """A pull request with everything that hangs on it. Refused where there is none of that number."""
        return self.memory.moving(("pull", repo, number), lambda: self._read_pull(repo, number))

    @told
    def _read_pull(self, repo: str, number: int) -> Pull:
        held = self.memory.held()
        node = self.repository(repo, queries.PULL, {"number": number})["pullRequest"]
        if not node:
            raise Refused(f"no pull request {number} in {repo!r}")
        return self.know(repo, answers.pull_of(node, repo), held)

    def know(self, repo: str, pull: Pull, held: dict[Hashable, Any] | None = None) -> Pull:
        """Remember a pull request with what came along: the tip of its base and of its branch, and the checks of its head."""
        record, held = pull.record, self.memory.held() if held is None else held
        self.memory.keep(("pull", repo, record.number), pull, held)
        if record.state == "open":
            self.memory.keep(("tip", repo, record.base_ref), record.base, held)
            if pull.checks is not None:
                self.memory.keep(("checks", repo, record.head), pull.checks, held)
            if not record.is_from_fork:
                self.memory.keep(("tip", repo, record.head_ref), record.head, held)
        return pull

    @told
    def comments(self, repo: str, number: int) -> tuple[Comment, ...]:
        """All comments, oldest first."""
        pull = self.pull(repo, number)
        found, after = pull.comments, pull.more_comments
        while after is not None:
            page = self.caller.ask(queries.COMMENTS, {"id": pull.node, "after": after})["node"]["comments"]
            found += answers.comments_of(page)
            after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        return found

    def checks(self, repo: str, commit: CommitSha) -> tuple[Check, ...]:
        """Check runs and statuses of a commit, the newest of each name and author."""
        return self.memory.moving(("checks", repo, commit), lambda: self._checks(repo, commit))

    @told
    def _checks(self, repo: str, commit: CommitSha) -> tuple[Check, ...]:
        found: list[Mapping[str, Any]] = []
        after = None
        for _ in range(_PAGES):
            node = self.repository(repo, queries.CHECKS, {"oid": commit, "after": after})["object"]
            rollup = (node or {}).get("statusCheckRollup")
            if not rollup:
                return answers.newest_checks(found)
            page = rollup["contexts"]
            found += [check for check in page["nodes"] if check]
            if not page["pageInfo"]["hasNextPage"]:
                return answers.newest_checks(found)
            after = page["pageInfo"]["endCursor"]
        raise Upstream(f"GitHub: more than {100 * _PAGES} checks on {commit[:10]} of {repo!r}; a person must look")

    def open_pulls(self, repo: str) -> tuple[PullRequest, ...]:
        """Every open pull request, whoever opened it."""

        def read() -> tuple[PullRequest, ...]:
            return tuple(answers.pull_of(node, repo).record for node in self.pages(repo, queries.OPEN_PULLS, "pullRequests", {}))

        return self.memory.moving(("open", repo), read)

    def issues(self, repo: str) -> tuple[Issue, ...]:
        """The issues that we opened; found among all, for GitHub's own filter finds none of an App's everywhere (Enterprise Cloud)."""
        nodes = self.pages(repo, queries.ISSUES, "issues", {})
        return tuple(answers.issue_of(node) for node in nodes if answers.login_of(node["author"]) == self.login)

    @told
    def pages(self, repo: str, document: str, connection: str, variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """All nodes of a connection of the repository."""
        found: list[Mapping[str, Any]] = []
        after = None
        while True:
            page = self.repository(repo, document, {**variables, "after": after})[connection]
            found += [node for node in page["nodes"] if node]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    def optional(self, path: str, parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """None = GitHub does not show it to us."""
        try:
            return dict(self.caller.get(path, parameters))
        except Denied:
            return None

    def changed(self, act: Callable[[], Answer]) -> Answer | None:
        """Mutations, after which what moves is read anew; None = their answer was lost."""
        try:
            return act()
        except Lost:
            return None
        finally:
            self.memory.forget(keep_none_open=True)

    def write(self, repo: str, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """A REST write below the repository, after which what moves is read anew. Raises Denied for a no, Lost where nobody knows."""
        known = self.repo(repo)
        self.forget()
        try:
            return self.caller.send(method, f"/repos/{known.name}/{path}", body)
        finally:
            self.forget()


def _check_identity(place: Repository, known: Repo) -> None:
    """A name may have become another repo's; the number of a repo never does."""
    where = f"repository {place.id!r}: {place.location} is"
    if place.forge_id is not None and known.number != place.forge_id:
        raise Refused(f"{where} number {known.number} now, settings say {place.forge_id}: another repo took its name")
    if place.forge_id is None and known.name.lower() != place.location.lower():
        raise Refused(f"{where} called {known.name} now; put that into the settings, with its forge_id {known.number}")


def owner_of(location: str) -> dict[str, str]:
    """Owner and name, as queries want them."""
    owner, _, name = location.partition("/")
    return {"owner": owner, "name": name}
