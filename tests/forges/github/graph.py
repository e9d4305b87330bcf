"""GraphQL: the published schema executed over the book. A field that is not simulated here fails the test that asked for it."""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLResolveInfo, OperationDefinitionNode, execute, parse, validate

from tests.forges.github import acts, commits, rules
from tests.forges.github.book import Account, Actor, Book, Pull, Rejected, Repo, Review
from tests.forges.github.description import graphql_schema
from tests.forges.github.views import when
from trimtab.adapters.localforge.git import NOTHING

TRUNCATED = 512_000
"""Bytes from which on a blob's text is cut."""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the schema: which type, in which repository, and what it stands for."""

    kind: str
    repo: Repo
    it: Any = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What every resolver knows of the request."""

    book: Book
    actor: Actor
    host: str
    missing: list[str] = field(default_factory=list)
    """Fields that this server does not simulate."""

    def node(self, id_: str) -> Thing:
        """The object of a global id."""
        kind, _, rest = id_.partition("_")
        repo = next((repo for repo in self.book.repos.values() if str(repo.id) == rest.partition("_")[0]), None)
        tail = rest.partition("_")[2]
        if repo is not None and kind == "R":
            return Thing("Repository", self.reachable(repo, id_))
        if repo is not None and kind in ("PR", "I") and tail.isdigit() and int(tail) in repo.issues:
            return _issue(self.reachable(repo, id_).issues[int(tail)])
        if repo is not None and kind == "L" and tail in repo.labels:
            return Thing("Label", repo, tail)
        if repo is not None and kind == "REF" and repo.git.head(tail):
            return Thing("Ref", repo, tail)
        account = next((account for account in self.book.accounts.values() if id_ == f"U_{account.id}"), None)
        if account is not None:
            return Thing(account.kind, next(iter(self.book.repos.values())), account)
        raise Rejected(404, f"Could not resolve to a node with the global id of '{id_}'")

    def reachable(self, repo: Repo, name: str) -> Repo:
        """404 for what the token's scope leaves out."""
        if self.actor.repositories is not None and repo.id not in self.actor.repositories and repo.is_private:
            raise Rejected(404, f"Could not resolve to a Repository with the name '{name}'.")
        return repo

    def pull(self, id_: str) -> Pull:
        found = self.node(id_)
        if found.kind != "PullRequest":
            raise Rejected(404, f"Could not resolve to PullRequest node with the global id of '{id_}'.")
        assert isinstance(found.it, Pull)
        return found.it


Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one object, as it was asked for."""

    thing: Thing
    asked: Asked
    arguments: Given

    @property
    def repo(self) -> Repo:
        return self.thing.repo

    @property
    def it(self) -> Any:
        return self.thing.it


Resolver = Callable[[Field], Any]


def document_of(body: Any) -> DocumentNode | None:
    """The document that was sent, or None where it is none."""
    return _read(body["query"])[0] if isinstance(body, dict) and isinstance(body.get("query"), str) else None


@lru_cache(maxsize=512)
def _read(text: str) -> tuple[DocumentNode | None, tuple[str, ...]]:
    """A document, and what the schema says against it; the same few are sent again and again."""
    try:
        document = parse(text)
    except GraphQLError:
        return None, ()
    return document, tuple(error.message for error in validate(graphql_schema(), document))


def names_of(document: DocumentNode | None) -> str:
    """ "query repository", "createRef createCommitOnBranch": how requests are recorded and matched."""
    operation = next((node for node in document.definitions if isinstance(node, OperationDefinitionNode)), None) if document else None
    if operation is None:
        return "nonsense"
    fields = " ".join(str(getattr(getattr(node, "name", None), "value", "?")) for node in operation.selection_set.selections)
    return f"query {fields}" if operation.operation.value == "query" else fields


def run(asked: Asked, body: Any) -> tuple[Any, list[str]]:
    """The JSON of an answer, and everything that GitHub's schema does not allow in the request."""
    document = document_of(body)
    if document is None:
        return {"errors": [{"message": "A query attribute must be specified and must be a string."}]}, ["graphql: not a document"]
    wrong = _read(body["query"])[1]
    if wrong:
        return {"errors": [{"message": text} for text in wrong]}, [f"graphql: {text}" for text in wrong]
    done = execute(
        graphql_schema(),
        document,
        context_value=asked,
        variable_values=body.get("variables"),
        field_resolver=_resolve,
        type_resolver=_type_of,
    )
    assert isinstance(done, ExecutionResult)
    refused = [f"graphql: {error.message}" for error in done.errors or () if not error.path]
    shown = [_shown(error) for error in done.errors or ()]
    return {"data": done.data} | ({"errors": shown} if shown else {}), refused + [
        f"graphql: {text} is not simulated" for text in asked.missing
    ]


def _shown(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    said = [item["message"] if isinstance(item, dict) and "message" in item else str(item) for item in getattr(cause, "errors", [])]
    message = ", ".join(said) or (cause.message if isinstance(cause, Rejected) else error.message)
    kind = cause.kind if isinstance(cause, Rejected) else "INTERNAL"
    return {"type": kind, "path": error.path, "locations": [{"line": 1, "column": 1}], "message": message}


def _type_of(thing: Any, *_: object) -> str:
    return str(thing["__typename"] if isinstance(thing, dict) else thing.kind)


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    asked: Asked = info.context
    kind, name = info.parent_type.name, info.field_name
    if isinstance(source, dict):
        if name in source:
            return source[name]
    elif kind == "Mutation" and name in MUTATIONS:
        return MUTATIONS[name](asked, arguments["input"])
    elif name in FIELDS.get(kind, {}):
        return FIELDS[kind][name](Field(source, asked, arguments))
    if name == "clientMutationId":
        return None
    asked.missing.append(f"{kind}.{name}")
    raise GraphQLError(f"{kind}.{name} is not simulated")


# ── Helpers ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _connection(items: Iterable[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    found = list(items)
    if arguments.get("first") is None and arguments.get("last") is None:
        raise Rejected(
            422, "You must provide a `first` or `last` value to properly paginate the connection.", kind="MISSING_PAGINATION_BOUNDARIES"
        )
    if max(arguments.get("first") or 0, arguments.get("last") or 0) > 100:
        raise Rejected(422, "Requesting more than 100 records on a connection exceeds the limit.", kind="EXCESSIVE_PAGINATION")
    start = int(arguments["after"]) if arguments.get("after") else 0
    end = int(arguments["before"]) if arguments.get("before") else len(found)
    if arguments.get("first") is not None:
        end = min(end, start + arguments["first"])
    else:
        start = max(start, end - arguments["last"])
    page = found[start:end]
    info = {
        "hasNextPage": end < len(found),
        "hasPreviousPage": start > 0,
        "startCursor": str(start) if page else None,
        "endCursor": str(end) if page else None,
    }
    return {
        "nodes": page,
        "edges": [{"node": item, "cursor": str(start + n + 1)} for n, item in enumerate(page)],
        "totalCount": len(found),
        "pageInfo": info,
    }


def _actor(repo: Repo, account: Account | None) -> Thing | None:
    return Thing(account.kind, repo, account) if account else None


def _login(account: Account) -> str:
    """GraphQL leaves the "[bot]" of an App's login away."""
    return account.login.removesuffix("[bot]")


def _commit(repo: Repo, sha: str | None) -> Thing | None:
    return Thing("Commit", repo, sha) if sha else None


def _issue(issue: Any) -> Thing:
    return Thing("PullRequest" if isinstance(issue, Pull) else "Issue", issue.repo, issue)


def _repository(asked: Asked, owner: str, name: str) -> Thing:
    full = f"{owner}/{name}"
    try:
        repo = asked.book.repo(owner, name)
    except Rejected:
        raise Rejected(404, f"Could not resolve to a Repository with the name '{full}'.") from None
    return Thing("Repository", asked.reachable(repo, full))


def _ref(repo: Repo, name: str | None) -> Thing | None:
    branch = (name or "").removeprefix("refs/heads/")
    return Thing("Ref", repo, branch) if branch and repo.git.head(branch) else None


def _object(f: Field) -> Thing | None:
    f.asked.actor.need(f.repo, "contents")
    name = f.arguments.get("oid") or f.arguments.get("expression") or ""
    done = f.repo.git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=f"{name}\n".encode()).decode().split()
    kinds = {"commit": "Commit", "tree": "Tree", "blob": "Blob", "tag": "Tag"}
    return Thing(kinds[done[1]], f.repo, done[0]) if len(done) == 2 and done[1] in kinds else None


def _text(thing: Thing) -> str | None:
    """A blob's text as GraphQL tells it: nothing of a binary one, without its mark, and another encoding turned into this one."""
    content = thing.repo.git.blob(thing.it)
    if b"\0" in content:
        return None
    content = content[:TRUNCATED]
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _state(pull: Pull) -> str:
    return "MERGED" if pull.merged_at else pull.state.upper()


def _pulls(f: Field) -> Any:
    f.asked.actor.need(f.repo, "pull_requests")
    found = [
        pull
        for pull in f.repo.pulls
        if _state(pull) in (f.arguments.get("states") or ("OPEN", "CLOSED", "MERGED"))
        and f.arguments.get("headRefName") in (None, pull.head_ref)
        and f.arguments.get("baseRefName") in (None, pull.base_ref)
    ]
    return _connection(map(_issue, _ordered(found, f.arguments)), f.arguments)


def _issues(f: Field) -> Any:
    f.asked.actor.need(f.repo, "issues")
    by = (f.arguments.get("filterBy") or {}).get("createdBy")
    if (by or "").endswith("[bot]"):
        return _connection([], f.arguments)  # what GitHub Enterprise Cloud says of an App's
    states = [state.lower() for state in f.arguments.get("states") or ("OPEN", "CLOSED")]
    found = [i for i in f.repo.issues.values() if not isinstance(i, Pull) and i.state in states and by in (None, i.author.login)]
    return _connection(map(_issue, _ordered(found, f.arguments)), f.arguments)


def _ordered(found: list[Any], arguments: Mapping[str, Any]) -> list[Any]:
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    key = (lambda item: item.number) if order["field"] == "CREATED_AT" else (lambda item: item.updated or item.at)
    return sorted(found, key=key, reverse=order["direction"] == "DESC")


def _rollup(repo: Repo, sha: str, asked: Asked) -> Thing | None:
    asked.actor.need(repo, "checks")
    asked.actor.need(repo, "statuses")
    return Thing("StatusCheckRollup", repo, sha) if rules.latest_runs(repo, sha) or rules.latest_statuses(repo, sha) else None


def _contexts(f: Field) -> Any:
    runs = [Thing("CheckRun", f.repo, run) for run in rules.latest_runs(f.repo, f.it)]
    statuses = [Thing("StatusContext", f.repo, status) for status in rules.latest_statuses(f.repo, f.it)]
    return _connection([*runs, *statuses], f.arguments)


def _mergeable(asked: Asked, pull: Pull) -> str:
    return {None: "UNKNOWN", True: "MERGEABLE", False: "CONFLICTING"}[acts.mergeable(asked.book, pull)]


def _test_merge(asked: Asked, pull: Pull) -> Thing | None:
    """The test merge commit, once it was worked out; asking for it starts that work too."""
    return _commit(pull.repo, acts.trial_merge(asked.book, pull)) if acts.mergeable(asked.book, pull) else None


def _latest_reviews(thing: Thing, *, is_opinionated: bool = False, writers_only: bool = False) -> list[Thing]:
    """Of each person; a comment is no opinion."""
    newest: dict[str, Review] = {r.author.login: r for r in thing.it.reviews if not (is_opinionated and r.state == "COMMENTED")}
    if writers_only:
        newest = {login: review for login, review in newest.items() if thing.repo.collaborators.get(login) in ("write", "admin")}
    return [Thing("PullRequestReview", thing.repo, review) for review in newest.values()]


def _decision(asked: Asked, pull: Pull) -> str | None:
    if not rules.parameters(pull.repo, pull.base_ref, "pull_request"):
        return None
    said = " ".join(rules.unmet(asked.book, pull, pull.head))
    return "CHANGES_REQUESTED" if "Changes have been requested" in said else "REVIEW_REQUIRED" if "review" in said else "APPROVED"


def _is_of(sha: str, pull: Pull) -> bool:
    """True where a pull request brings, or brought, a commit."""
    return sha in (pull.head, pull.merge_commit) or any(commit.sha == sha for commit in pull.repo.git.commits(pull.seen_base, pull.head))


def _history(f: Field) -> Any:
    """As `git log` lists it; a path is a file or a folder."""
    path = f.arguments.get("path")
    shas = f.repo.git.run("rev-list", f.it, *(["--", path] if path else [])).decode().split()
    return _connection((Thing("Commit", f.repo, sha) for sha in shas), f.arguments)


# ── Mutations ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _create_ref(asked: Asked, given: Given) -> Any:
    repo = asked.node(given["repositoryId"]).repo
    asked.actor.need(repo, "contents", level="write")
    branch = given["name"].removeprefix("refs/heads/")
    if not given["name"].startswith("refs/heads/"):
        raise Rejected(422, "Name must be a fully qualified ref")
    if not repo.has(given["oid"]):
        raise Rejected(422, f"No object found for OID {given['oid']}")
    if repo.git.head(branch) is not None:
        raise Rejected(422, f'A ref named "{given["name"]}" already exists in the repository.')
    acts.move_branch(asked.book, repo, branch, given["oid"], asked.actor)
    return {"ref": _ref(repo, branch)}


def _update_refs(asked: Asked, given: Given) -> Any:
    """All of them or none."""
    repo = asked.node(given["repositoryId"]).repo
    asked.actor.need(repo, "contents", level="write")
    for update in given["refUpdates"]:
        tip = repo.git.head(update["name"].removeprefix("refs/heads/")) or NOTHING
        after = update["afterOid"]
        if update.get("beforeOid") not in (None, tip):
            raise Rejected(422, f"Ref cannot be updated: expected {update['name']} to be at {update['beforeOid']}")
        if after != NOTHING and not repo.has(after):
            raise Rejected(422, f"No object found for OID {after}")
        is_forward = NOTHING in (tip, after) or repo.git.is_ancestor(tip, after)
        if not update.get("force") and not is_forward:
            raise Rejected(422, "Ref cannot be updated: not a fast forward")
        rules.check_push(
            repo,
            update["name"].removeprefix("refs/heads/"),
            None if tip == NOTHING else tip,
            None if after == NOTHING else after,
            asked.actor,
        )
    for update in given["refUpdates"]:
        after = None if update["afterOid"] == NOTHING else update["afterOid"]
        acts.move_branch(asked.book, repo, update["name"].removeprefix("refs/heads/"), after, asked.actor)
    return {}


def _delete_ref(asked: Asked, given: Given) -> Any:
    thing = asked.node(given["refId"])
    asked.actor.need(thing.repo, "contents", level="write")
    acts.move_branch(asked.book, thing.repo, thing.it, None, asked.actor)
    return {}


def _create_commit(asked: Asked, given: Given) -> Any:
    place = given["branch"]
    if "id" in place:
        thing = asked.node(place["id"])
        repo, branch = thing.repo, thing.it
    else:
        owner, _, name = place["repositoryNameWithOwner"].partition("/")
        repo = _repository(asked, owner, name).repo
        branch = place["branchName"].removeprefix("refs/heads/")
    asked.actor.need(repo, "contents", level="write")
    changes = given.get("fileChanges") or {}
    files: dict[str, bytes | None] = {item["path"]: None for item in changes.get("deletions") or ()}
    for item in changes.get("additions") or ():
        try:
            files[item["path"]] = base64.b64decode(item["contents"], validate=True)
        except ValueError:
            raise Rejected(422, f"The file contents of {item['path']} are not valid Base64") from None
    message = "\n\n".join(filter(None, (given["message"]["headline"], given["message"].get("body"))))
    sha = acts.commit_on_branch(asked.book, repo, branch, given["expectedHeadOid"], files, message, asked.actor)
    return {"commit": _commit(repo, sha), "ref": _ref(repo, branch)}


def _create_pull(asked: Asked, given: Given) -> Any:
    repo = asked.node(given["repositoryId"]).repo
    head_repo = asked.node(given["headRepositoryId"]).repo if given.get("headRepositoryId") else repo
    asked.actor.need(repo, "pull_requests", level="write")
    pull = acts.open_pull(
        asked.book,
        repo,
        asked.actor,
        head_repo=head_repo,
        head_ref=given["headRefName"].removeprefix("refs/heads/"),
        base_ref=given["baseRefName"].removeprefix("refs/heads/"),
        title=given["title"],
        body=given.get("body") or "",
        is_draft=bool(given.get("draft")),
    )
    return {"pullRequest": _issue(pull)}


def _pull_to_write(asked: Asked, id_: str) -> Pull:
    pull = asked.pull(id_)
    asked.actor.need(pull.repo, "pull_requests", level="write")
    return pull


def _update_pull(asked: Asked, given: Given) -> Any:
    pull = _pull_to_write(asked, given["pullRequestId"])
    state = given.get("state")
    acts.edit(asked.book, pull, asked.actor, title=given.get("title"), body=given.get("body"), state=state.lower() if state else None)
    return {"pullRequest": _issue(pull)}


def _close_pull(asked: Asked, given: Given) -> Any:
    pull = _pull_to_write(asked, given["pullRequestId"])
    acts.edit(asked.book, pull, asked.actor, state="closed")
    return {"pullRequest": _issue(pull)}


def _merge_pull(asked: Asked, given: Given) -> Any:
    pull = asked.pull(given["pullRequestId"])
    asked.actor.need(pull.repo, "contents", level="write")
    method = (given.get("mergeMethod") or "MERGE").lower()
    acts.merge(
        asked.book,
        pull,
        asked.actor,
        sha=given.get("expectedHeadOid"),
        method=method,
        title=given.get("commitHeadline") or "",
        message=given.get("commitBody"),
    )
    return {"pullRequest": _issue(pull)}


def _enqueue(asked: Asked, given: Given) -> Any:
    entry = acts.enqueue(asked.book, _pull_to_write(asked, given["pullRequestId"]), asked.actor, given.get("expectedHeadOid"))
    return {"mergeQueueEntry": Thing("MergeQueueEntry", entry.pull.repo, entry)}


def _dequeue(asked: Asked, given: Given) -> Any:
    entry = acts.dequeue(asked.book, _pull_to_write(asked, given["id"]))
    return {"mergeQueueEntry": Thing("MergeQueueEntry", entry.pull.repo, entry) if entry else None}


def _add_comment(asked: Asked, given: Given) -> Any:
    thing = asked.node(given["subjectId"])
    asked.actor.need(thing.repo, "issues", "pull_requests", level="write")
    made = acts.comment(asked.book, thing.it, asked.actor, given["body"])
    return {"subject": thing, "commentEdge": {"node": Thing("IssueComment", thing.repo, made), "cursor": "1"}}


def _add_labels(asked: Asked, given: Given) -> Any:
    thing = asked.node(given["labelableId"])
    asked.actor.need(thing.repo, "issues", "pull_requests", level="write")
    acts.add_labels(asked.book, thing.it, [asked.node(id_).it for id_ in given["labelIds"]])
    return {"labelable": thing}


def _create_label(asked: Asked, given: Given) -> Any:
    repo = asked.node(given["repositoryId"]).repo
    asked.actor.need(repo, "issues", level="write")
    acts.check_writable(repo)
    if given["name"].lower() in {name.lower() for name in repo.labels}:
        raise Rejected(422, "Name has already been taken")
    repo.labels.add(given["name"])
    return {"label": Thing("Label", repo, given["name"])}


def _request_reviews(asked: Asked, given: Given) -> Any:
    pull = _pull_to_write(asked, given["pullRequestId"])
    teams = [slug.rpartition("/")[2] for slug in given.get("teamSlugs") or ()]
    people = [asked.node(id_).it.login for id_ in given.get("userIds") or ()]
    acts.request_reviewers(asked.book, pull, [*people, *(given.get("userLogins") or ())], teams)
    return {"pullRequest": _issue(pull)}


def _create_issue(asked: Asked, given: Given) -> Any:
    repo = asked.node(given["repositoryId"]).repo
    asked.actor.need(repo, "issues", level="write")
    return {"issue": _issue(acts.open_issue(asked.book, repo, asked.actor, given["title"], given.get("body") or ""))}


def _update_issue(asked: Asked, given: Given) -> Any:
    thing = asked.node(given["id"])
    asked.actor.need(thing.repo, "issues", level="write")
    state = given.get("state")
    acts.edit(asked.book, thing.it, asked.actor, title=given.get("title"), body=given.get("body"), state=state.lower() if state else None)
    return {"issue": thing}


# ── Fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────
_ACCOUNT: dict[str, Resolver] = {
    "login": lambda f: _login(f.it),
    "id": lambda f: f"U_{f.it.id}",
    "databaseId": lambda f: f.it.id,
    "url": lambda f: f"{f.asked.host}/{f.it.login}",
}
_ISSUE: dict[str, Resolver] = {
    "id": lambda f: f"{'PR' if f.thing.kind == 'PullRequest' else 'I'}_{f.repo.id}_{f.it.number}",
    "databaseId": lambda f: f.it.id,
    "number": lambda f: f.it.number,
    "title": lambda f: f.it.title,
    "body": lambda f: f.it.body,
    "author": lambda f: _actor(f.repo, f.it.author),
    "createdAt": lambda f: when(f.it.at),
    "updatedAt": lambda f: when(f.it.updated or f.it.at),
    "closedAt": lambda f: when(f.it.closed_at),
    "closed": lambda f: f.it.state == "closed",
    "state": lambda f: f.it.state.upper(),
    "url": lambda f: f"{f.asked.host}/{f.repo.full_name}/issues/{f.it.number}",
    "repository": lambda f: Thing("Repository", f.repo),
    "labels": lambda f: _connection((Thing("Label", f.repo, name) for name in f.it.labels), f.arguments),
    "comments": lambda f: _connection((Thing("IssueComment", f.repo, comment) for comment in f.it.comments), f.arguments),
}
_GIT: dict[str, Resolver] = {
    "oid": lambda f: f.it,
    "id": lambda f: f"O_{f.repo.id}_{f.it}",
    "abbreviatedOid": lambda f: f.it[:7],
    "repository": lambda f: Thing("Repository", f.repo),
}
MUTATIONS: Mapping[str, Callable[[Asked, Given], Any]] = {
    "createRef": _create_ref,
    "updateRefs": _update_refs,
    "deleteRef": _delete_ref,
    "createCommitOnBranch": _create_commit,
    "createPullRequest": _create_pull,
    "updatePullRequest": _update_pull,
    "closePullRequest": _close_pull,
    "mergePullRequest": _merge_pull,
    "enqueuePullRequest": _enqueue,
    "dequeuePullRequest": _dequeue,
    "addComment": _add_comment,
    "addLabelsToLabelable": _add_labels,
    "createLabel": _create_label,
    "requestReviews": _request_reviews,
    "requestReviewsByLogin": _request_reviews,
    "createIssue": _create_issue,
    "updateIssue": _update_issue,
}
FIELDS: Mapping[str, Mapping[str, Resolver]] = {
    "Query": {
        "repository": lambda f: _repository(f.asked, f.arguments["owner"], f.arguments["name"]),
        "node": lambda f: f.asked.node(f.arguments["id"]),
        "viewer": lambda f: {
            "login": f.asked.actor.account.login,
            "id": f"U_{f.asked.actor.account.id}",
            "databaseId": f.asked.actor.account.id,
        },
        "rateLimit": lambda f: {"cost": 1, "limit": 5000, "remaining": 4999, "used": 1, "nodeCount": 1, "resetAt": when(f.asked.book.now)},
    },
    "Repository": {
        "id": lambda f: f"R_{f.repo.id}",
        "databaseId": lambda f: f.repo.id,
        "name": lambda f: f.repo.name,
        "nameWithOwner": lambda f: f.repo.full_name,
        "isArchived": lambda f: f.repo.is_archived,
        "visibility": lambda f: "PRIVATE" if f.repo.is_private else "PUBLIC",
        "isFork": lambda f: f.repo.parent is not None,
        "isPrivate": lambda f: f.repo.is_private,
        "url": lambda f: f"{f.asked.host}/{f.repo.full_name}",
        "mergeCommitAllowed": lambda f: "merge" in f.repo.methods,
        "squashMergeAllowed": lambda f: "squash" in f.repo.methods,
        "rebaseMergeAllowed": lambda f: "rebase" in f.repo.methods,
        "defaultBranchRef": lambda f: _ref(f.repo, f.repo.git.default_branch()),
        "ref": lambda f: _ref(f.asked.actor.need(f.repo, "contents"), f.arguments["qualifiedName"]),
        "object": _object,
        "pullRequest": lambda f: _issue(_pull_of(f.asked.actor.need(f.repo, "pull_requests"), f.arguments["number"])),
        "pullRequests": _pulls,
        "issues": _issues,
        "label": lambda f: Thing("Label", f.repo, f.arguments["name"]) if f.arguments["name"] in f.repo.labels else None,
        "mergeQueue": lambda f: _queue(f.repo, f.arguments.get("branch")),
    },
    "Ref": {
        "id": lambda f: f"REF_{f.repo.id}_{f.it}",
        "name": lambda f: f.it,
        "prefix": lambda _: "refs/heads/",
        "target": lambda f: _commit(f.repo, f.repo.git.head(f.it)),
        "refUpdateRule": lambda _: None,
        "branchProtectionRule": lambda _: None,
    },
    "Commit": {
        **_GIT,
        "message": lambda f: commits.facts(f.repo.git, f.it).message,
        "messageHeadline": lambda f: commits.facts(f.repo.git, f.it).message.partition("\n")[0],
        "committedDate": lambda f: when(commits.facts(f.repo.git, f.it).committer[2]),
        "tree": lambda f: Thing("Tree", f.repo, commits.facts(f.repo.git, f.it).tree),
        "parents": lambda f: _connection((Thing("Commit", f.repo, sha) for sha in commits.facts(f.repo.git, f.it).parents), f.arguments),
        "author": lambda f: Thing("GitActor", f.repo, commits.facts(f.repo.git, f.it).author),
        "committer": lambda f: Thing("GitActor", f.repo, commits.facts(f.repo.git, f.it).committer),
        "signature": lambda f: (
            {"isValid": True, "wasSignedByGitHub": True, "state": "VALID", "__typename": "GpgSignature"} if f.it in f.repo.signed else None
        ),
        "statusCheckRollup": lambda f: _rollup(f.repo, f.it, f.asked),
        "associatedPullRequests": lambda f: _connection((_issue(p) for p in f.repo.pulls if _is_of(f.it, p)), f.arguments),
        "authors": lambda f: _connection([Thing("GitActor", f.repo, commits.facts(f.repo.git, f.it).author)], f.arguments),
        "history": _history,
    },
    "GitActor": {
        "name": lambda f: f.it[0],
        "email": lambda f: f.it[1],
        "date": lambda f: when(f.it[2]),
        "user": lambda f: _person(f.thing, f.asked),
    },
    "Blob": {
        **_GIT,
        "text": lambda f: _text(f.thing),
        "byteSize": lambda f: len(f.repo.git.blob(f.it)),
        "isBinary": lambda f: b"\0" in f.repo.git.blob(f.it),
        "isTruncated": lambda f: len(f.repo.git.blob(f.it)) > TRUNCATED,
    },
    "Tree": {**_GIT, "entries": lambda f: _entries(f.thing)},
    "PullRequest": {
        **_ISSUE,
        "url": lambda f: f"{f.asked.host}/{f.repo.full_name}/pull/{f.it.number}",
        "state": lambda f: _state(f.it),
        "merged": lambda f: f.it.merged_at is not None,
        "mergedAt": lambda f: when(f.it.merged_at),
        "mergedBy": lambda f: _actor(f.repo, f.it.merged_by),
        "isDraft": lambda f: f.it.is_draft,
        "isCrossRepository": lambda f: f.it.head_repo is not f.repo,
        "headRefName": lambda f: f.it.head_ref,
        "headRefOid": lambda f: f.it.head,
        "headRef": lambda f: _ref(f.it.head_repo, f.it.head_ref),
        "headRepository": lambda f: Thing("Repository", f.it.head_repo),
        "baseRefName": lambda f: f.it.base_ref,
        "baseRefOid": lambda f: f.it.seen_base,
        "baseRef": lambda f: _ref(f.repo, f.it.base_ref),
        "mergeable": lambda f: _mergeable(f.asked, f.it),
        "mergeCommit": lambda f: _commit(f.repo, f.it.merge_commit),
        "potentialMergeCommit": lambda f: _test_merge(f.asked, f.it),
        "isInMergeQueue": lambda f: f.it.queued is not None,
        "isMergeQueueEnabled": lambda f: rules.has_queue(f.repo, f.it.base_ref),
        "mergeQueueEntry": lambda f: Thing("MergeQueueEntry", f.repo, f.it.queued) if f.it.queued else None,
        "reviewDecision": lambda f: _decision(f.asked, f.it),
        "latestReviews": lambda f: _connection(_latest_reviews(f.thing), f.arguments),
        "latestOpinionatedReviews": lambda f: _connection(
            _latest_reviews(f.thing, is_opinionated=True, writers_only=bool(f.arguments.get("writersOnly"))), f.arguments
        ),
        "reviews": lambda f: _connection((Thing("PullRequestReview", f.repo, review) for review in f.it.reviews), f.arguments),
        "statusCheckRollup": lambda f: _rollup(f.repo, f.it.head, f.asked),
        "commits": lambda f: _connection(
            ({"commit": _commit(f.repo, c.sha)} for c in f.repo.git.commits(f.it.base, f.it.head)), f.arguments
        ),
    },
    "Issue": _ISSUE,
    "IssueComment": {
        "id": lambda f: f"IC_{f.it.id}",
        "databaseId": lambda f: f.it.id,
        "author": lambda f: _actor(f.repo, f.it.author),
        "body": lambda f: f.it.body,
        "createdAt": lambda f: when(f.it.at),
        "editor": lambda f: _actor(f.repo, f.it.editor) if f.it.editor else None,
        "lastEditedAt": lambda f: when(f.it.at) if f.it.editor else None,
    },
    "PullRequestReview": {
        "id": lambda f: f"PRR_{f.it.id}",
        "author": lambda f: _actor(f.repo, f.it.author),
        "state": lambda f: f.it.state,
        "body": lambda f: f.it.body,
        "submittedAt": lambda f: when(f.it.at),
        "commit": lambda f: _commit(f.repo, f.it.commit),
        "authorCanPushToRepository": lambda f: f.repo.collaborators.get(f.it.author.login) in ("write", "admin"),
    },
    "StatusCheckRollup": {
        "contexts": _contexts,
        "state": lambda f: _rollup_state(f.thing),
    },
    "CheckRun": {
        "id": lambda f: f"CR_{f.it.id}",
        "databaseId": lambda f: f.it.id,
        "name": lambda f: f.it.name,
        "status": lambda f: f.it.status.upper(),
        "conclusion": lambda f: f.it.conclusion.upper() if f.it.conclusion else None,
        "title": lambda f: f.it.title,
        "summary": lambda f: f.it.summary,
        "url": lambda f: f"{f.asked.host}/{f.repo.full_name}/runs/{f.it.id}",
        "detailsUrl": lambda f: f.it.url,
        "checkSuite": lambda f: {"app": {"databaseId": f.it.app.id, "slug": f.it.app.slug, "name": f.it.app.slug}},
        "startedAt": lambda f: when(f.it.at),
    },
    "StatusContext": {
        "id": lambda f: f"SC_{f.it.id}",
        "context": lambda f: f.it.context,
        "state": lambda f: f.it.state.upper(),
        "description": lambda f: f.it.description,
        "targetUrl": lambda f: f.it.url,
        "creator": lambda f: _actor(f.repo, f.it.creator),
        "createdAt": lambda f: when(f.it.at),
    },
    "MergeQueue": {
        "id": lambda f: f"MQ_{f.repo.id}",
        "entries": lambda f: _connection(
            (Thing("MergeQueueEntry", f.repo, e) for e in f.repo.queue if e.pull.base_ref == f.it), f.arguments
        ),
    },
    "MergeQueueEntry": {
        "id": lambda f: f"MQE_{f.it.pull.id}",
        "position": lambda f: f.repo.queue.index(f.it) + 1 if f.it in f.repo.queue else 1,
        "state": lambda _: "AWAITING_CHECKS",
        "pullRequest": lambda f: _issue(f.it.pull),
        "baseCommit": lambda f: _commit(f.repo, f.it.base),
        "headCommit": lambda f: _commit(f.repo, f.it.commit),
        "enqueuedAt": lambda f: when(f.it.at),
        "enqueuer": lambda f: _actor(f.repo, f.it.by),
    },
    "Label": {"id": lambda f: f"L_{f.repo.id}_{f.it}", "name": lambda f: f.it},
    "User": _ACCOUNT,
    "Bot": _ACCOUNT,
    "Organization": _ACCOUNT,
}


def _pull_of(repo: Repo, number: int) -> Pull:
    try:
        return repo.pull(number)
    except Rejected:
        raise Rejected(404, f"Could not resolve to a PullRequest with the number of {number}.") from None


def _queue(repo: Repo, branch: str | None) -> Thing | None:
    name = branch or repo.git.default_branch()
    return Thing("MergeQueue", repo, name) if rules.has_queue(repo, name) else None


def _person(thing: Thing, asked: Asked) -> Thing | None:
    """A bot is no user, so GraphQL names nobody."""
    account = asked.book.of_email(thing.it[1])
    return Thing("User", thing.repo, account) if account and account.kind == "User" else None


def _entries(thing: Thing) -> list[dict[str, Any]]:
    out = thing.repo.git.run("ls-tree", "-z", thing.it).split(b"\0")
    rows = [line.decode("utf-8", "replace").partition("\t") for line in out if line]
    kinds = {"commit": "Commit", "tree": "Tree", "blob": "Blob"}
    return [
        {
            "name": name,
            "path": name,
            "mode": int(mode, 8),
            "type": kind,
            "oid": oid,
            "object": Thing(kinds[kind], thing.repo, oid) if kind != "commit" else None,
        }
        for (mode, kind, oid), name in ((meta.split(), name) for meta, _, name in rows)
    ]


def _rollup_state(thing: Thing) -> str:
    answers = {run.conclusion or "pending" for run in rules.latest_runs(thing.repo, thing.it)} | {
        s.state for s in rules.latest_statuses(thing.repo, thing.it)
    }
    return "FAILURE" if answers - {*rules.PASSING, "pending"} else "PENDING" if "pending" in answers else "SUCCESS"
