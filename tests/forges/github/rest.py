"""REST: one small function for each operation that the bot may ask for, by the operation's published name."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.forges.github import acts, commits, rules
from tests.forges.github.book import LEVELS, Actor, App, Book, CheckRun, Issue, Pull, Rejected, Repo, Status, Token
from tests.forges.github.views import MANY, Views, when


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood."""

    book: Book
    views: Views
    actor: Actor
    app: App | None
    """Only where an App speaks as itself."""
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    accept: str = ""

    @property
    def repo(self) -> Repo:
        """The repository of the path; one that the token does not reach is not there."""
        repo = self.book.repo(self.path["owner"], self.path["repo"])
        scope = self.actor.repositories
        if scope is not None and repo.id not in scope and repo.is_private:
            raise Rejected(404, "Not Found")
        return repo

    @property
    def pull(self) -> Pull:
        return self.repo.pull(int(self.path["pull_number"]))

    @property
    def issue(self) -> Issue:
        found = self.repo.issues.get(int(self.path["issue_number"]))
        if found is None:
            raise Rejected(404, "Not Found")
        return found

    def need(self, *permissions: str, level: Any = "read") -> Repo:
        """The repository, if the token may do this there; 403 otherwise."""
        return self.actor.need(self.repo, *permissions, level=level)

    def page(self, items: list[Any]) -> list[Any]:
        """The page that was asked for."""
        size, number = min(int(self.query.get("per_page", 30)), 100), int(self.query.get("page", 1))
        return items[size * (number - 1) : size * number]

    def has_next(self, count: int) -> bool:
        return int(self.query.get("per_page", 30)) * int(self.query.get("page", 1)) < count


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what goes with it."""

    status: int
    body: Any = None
    raw: bytes | None = None
    has_next: bool = False
    cursor: str = ""
    """Where the next page begins, for lists that name it so."""


Route = Callable[[Call], Answer]


# ── Apps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _app(call: Call) -> App:
    if call.app is None:
        raise Rejected(401, "A JSON web token could not be decoded")
    return call.app


def _create_token(call: Call) -> Answer:
    app = _app(call)
    if int(call.path["installation_id"]) != app.installation:
        raise Rejected(404, "Not Found")
    asked = (call.body or {}).get("permissions") or app.permissions
    too_much = [name for name, level in asked.items() if name != "metadata" and _rank(level) > _rank(app.permissions.get(name, "none"))]
    if too_much:
        raise Rejected(422, "The permissions requested are not granted to this installation.")
    installed = {repo.id: repo for repo in call.book.repos.values() if repo.owner.login == "acme"}
    ids = {*(call.body or {}).get("repository_ids", ())}
    ids |= {repo.id for repo in installed.values() if repo.name in (call.body or {}).get("repositories", ())}
    if ids - set(installed):
        raise Rejected(422, "There is at least one repository that does not exist or is not accessible to the parent installation.")
    actor = Actor(app.bot, app, dict(asked), frozenset(ids or installed))
    # No length may be relied on: the newer form carries a signed part with dots in it.
    text = f"ghs_{app.id}_{base64.urlsafe_b64encode(str(call.book.new_id()).encode()).decode().rstrip('=')}.{'e' * 80}.{call.book.new_id()}"
    expires = call.book.now + timedelta(hours=1)
    call.book.tokens[text] = Token(actor, expires)
    shown = {"token": text, "expires_at": when(expires), "permissions": {"metadata": "read", **asked}, "repository_selection": "selected"}
    return Answer(201, shown | ({"repositories": [call.views.repo(installed[i]) for i in sorted(ids)]} if ids else {}))


def _rank(level: str) -> int:
    return next((n for n, name in enumerate(LEVELS) if name == level), 0)


def _repositories(call: Call) -> Answer:
    repos = [call.views.repo(repo) for repo in call.book.repos.values() if repo.id in (call.actor.repositories or ())]
    return Answer(200, {"total_count": len(repos), "repositories": call.page(repos)})


# ── Git ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _get_ref(call: Call) -> Answer:
    repo = call.need("contents")
    ref = f"refs/{call.path['ref']}"
    found = repo.git.run("for-each-ref", "--format=%(objectname) %(refname)", ref).decode().splitlines()
    sha = next((line.split(" ")[0] for line in found if line.split(" ")[1] == ref), None)
    if sha is None:
        raise Rejected(404, "Not Found")
    return Answer(200, call.views.ref(repo, ref, sha))


def _matching_refs(call: Call) -> Answer:
    repo = call.need("contents")
    lines = repo.git.run("for-each-ref", "--format=%(objectname) %(refname)").decode().splitlines()
    found = [line.split(" ") for line in lines]
    return Answer(200, [call.views.ref(repo, ref, sha) for sha, ref in found if ref.startswith(f"refs/{call.path['ref']}")])


def _create_ref(call: Call) -> Answer:
    repo = call.need("contents", level="write")
    acts.check_fields(call.body, "ref", "sha")
    ref, sha = call.body["ref"], call.body["sha"]
    if not ref.startswith("refs/heads/"):
        raise Rejected(422, "Reference name must start with 'refs/' and contain at least two slashes.")
    if not commits.is_sha(sha) or not repo.has(sha):
        raise Rejected(422, "Object does not exist")
    branch = ref.removeprefix("refs/heads/")
    if repo.git.head(branch) is not None:
        raise Rejected(422, "Reference already exists")
    acts.move_branch(call.book, repo, branch, sha, call.actor)
    return Answer(201, call.views.ref(repo, ref, sha))


def _update_ref(call: Call) -> Answer:
    repo = call.need("contents", level="write")
    branch, sha = call.path["ref"].removeprefix("heads/"), call.body["sha"]
    old = repo.git.head(branch)
    if old is None:
        raise Rejected(422, "Reference does not exist")
    if not repo.has(sha):
        raise Rejected(422, "Object does not exist")
    if not call.body.get("force") and not repo.git.is_ancestor(old, sha):
        raise Rejected(422, "Update is not a fast forward")
    acts.move_branch(call.book, repo, branch, sha, call.actor)
    return Answer(200, call.views.ref(repo, f"refs/heads/{branch}", sha))


def _delete_ref(call: Call) -> Answer:
    repo = call.need("contents", level="write")
    branch = call.path["ref"].removeprefix("heads/")
    if repo.git.head(branch) is None:
        raise Rejected(422, "Reference does not exist")
    acts.move_branch(call.book, repo, branch, None, call.actor)
    return Answer(204)


def _get_tree(call: Call) -> Answer:
    repo = call.need("contents")
    if not repo.has(call.path["tree_sha"]):
        return Answer(200, call.views.tree(repo, repo.resolve(call.path["tree_sha"]), is_recursive="recursive" in call.query))
    return Answer(200, call.views.tree(repo, call.path["tree_sha"], is_recursive="recursive" in call.query))


def _create_tree(call: Call) -> Answer:
    repo = call.need("contents", level="write")
    acts.check_writable(repo)
    changes: dict[str, tuple[str, str] | None] = {}
    for entry in call.body["tree"]:
        if "content" in entry:
            changes[entry["path"]] = (entry.get("mode", "100644"), commits.blob_of(repo.git, entry["content"].encode()))
        elif entry.get("sha"):
            if not repo.has(entry["sha"]):
                raise Rejected(422, f"tree.sha {entry['sha']} is not a valid blob")
            changes[entry["path"]] = (entry.get("mode", "100644"), entry["sha"])
        else:
            changes[entry["path"]] = None
    base = call.body.get("base_tree")
    if base and not repo.has(base):
        raise Rejected(422, f"base_tree {base} is not a valid tree")
    return Answer(201, call.views.tree(repo, commits.tree_of(repo.git, base, changes), is_recursive=False))


def _create_commit(call: Call) -> Answer:
    repo = call.need("contents", level="write")
    acts.check_writable(repo)
    tree, parents, message = call.body["tree"], call.body.get("parents", []), call.body["message"]
    if not repo.has(tree):
        raise Rejected(422, "Tree SHA does not exist")
    if not all(repo.has(parent) for parent in parents):
        raise Rejected(422, "Parent SHA does not exist or is not a commit object")
    call.book.read_as_message("commit", message)
    own = call.body.get("author") or call.body.get("committer")
    if own:
        # Who names an author gets no signature.
        person = (own["name"], own["email"])
        sha = commits.make(repo.git, tree, parents, message, author=person, committer=person, at=call.book.now)
    else:
        sha = commits.signed(repo, tree, parents, message, author=call.actor.account, at=call.book.now)
    return Answer(201, call.views.git_commit(repo, sha))


def _create_blob(call: Call) -> Answer:
    repo = call.need("contents", level="write")
    acts.check_writable(repo)
    content = call.body["content"]
    try:
        plain = base64.b64decode(content, validate=False) if call.body.get("encoding") == "base64" else content.encode()
    except binascii.Error:
        raise Rejected(422, "content is not valid Base64") from None
    sha = commits.blob_of(repo.git, plain)
    return Answer(201, {"sha": sha, "url": f"{call.views.url(repo)}/git/blobs/{sha}"})


def _object(call: Call, name: str) -> tuple[Repo, str]:
    repo, sha = call.need("contents"), call.path[name]
    if not repo.has(sha):
        raise Rejected(404, "Not Found")
    return repo, sha


def _contents(call: Call) -> Answer:
    repo = call.need("contents")
    ref = call.query.get("ref") or repo.git.default_branch()
    tree, path = repo.git.tree(repo.resolve(ref)), call.path.get("path", "").strip("/")
    if path in tree:
        entry = tree[path]
        if "raw" in call.accept and entry.mode != "160000":
            return Answer(200, raw=repo.git.run("cat-file", "blob", entry.blob))
        return Answer(200, call.views.content(repo, path, entry, ref))
    inside = sorted(item for item in tree if item.startswith(f"{path}/" if path else "") and "/" not in item[len(path) + bool(path) :])
    if not inside:
        raise Rejected(404, "Not Found")
    return Answer(
        200,
        [{k: v for k, v in call.views.content(repo, item, tree[item], ref).items() if k not in ("content", "encoding")} for item in inside],
    )


def _compare(call: Call) -> Answer:
    repo = call.need("contents")
    base_name, _, head_name = call.path["basehead"].partition("...")
    base, head = repo.resolve(base_name), repo.resolve(head_name)
    fork = repo.git.merge_base(base, head)
    if fork is None:
        raise Rejected(404, f"No common ancestor between {base_name} and {head_name}.")
    ahead, behind = [c.sha for c in repo.git.commits(base, head)], [c.sha for c in repo.git.commits(head, base)]
    states = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    is_first = call.query.get("page", "1") == "1"
    return Answer(
        200,
        {
            "status": states[bool(ahead), bool(behind)],
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "url": f"{call.views.url(repo)}/compare/{call.path['basehead']}",
            "base_commit": call.views.commit(repo, base),
            "merge_base_commit": call.views.commit(repo, fork),
            "commits": [call.views.commit(repo, sha) for sha in call.page(ahead)],
            "files": call.views.changed_files(repo, fork, head)[:MANY] if is_first else [],
        },
        has_next=call.has_next(len(ahead)),
    )


def _list_commits(call: Call) -> Answer:
    repo = call.need("contents")
    start = repo.resolve(call.query.get("sha") or repo.git.default_branch())
    shas = repo.git.run("rev-list", start, *(["--", call.query["path"]] if "path" in call.query else [])).decode().split()
    return Answer(200, [call.views.commit(repo, sha) for sha in call.page(shas)], has_next=call.has_next(len(shas)))


def _get_commit(call: Call) -> Answer:
    repo = call.need("contents")
    sha = repo.resolve(call.path["ref"])
    parents = commits.facts(repo.git, sha).parents
    files = call.views.changed_files(repo, parents[0], sha)[:MANY] if parents else []
    return Answer(200, call.views.commit(repo, sha) | {"stats": {"additions": 0, "deletions": 0, "total": 0}, "files": files})


def _branch(call: Call) -> Answer:
    repo, name = call.need("contents"), call.path["branch"]
    tip = repo.git.head(name)
    if tip is None:
        raise Rejected(404, "Branch not found")
    is_protected = bool(rules.active(repo, name)) or repo.has_protection
    return Answer(
        200,
        {
            "name": name,
            "commit": call.views.commit(repo, tip),
            "protected": is_protected,
            "protection_url": f"{call.views.url(repo)}/branches/{name}/protection",
        },
    )


# ── Pull requests and issues ─────────────────────────────────────────────────────────────────────────────────────────
def _list_pulls(call: Call) -> Answer:
    repo = call.need("pull_requests")
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = [pull for pull in repo.pulls if state in ("all", pull.state)]
    # GitHub ignores a head that does not name its owner.
    if head and ":" in head:
        found = [pull for pull in found if f"{pull.head_repo.owner.login}:{pull.head_ref}" == head]
    found = [pull for pull in found if base in (None, pull.base_ref)]
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    return Answer(200, [call.views.pull(pull, is_whole=False) for pull in call.page(found)], has_next=call.has_next(len(found)))


def _create_pull(call: Call) -> Answer:
    repo = call.need("pull_requests", level="write")
    acts.check_fields(call.body, "title", "head", "base")
    owner, _, head = call.body["head"].rpartition(":")
    others = [
        other for other in call.book.repos.values() if other.owner.login == (owner or repo.owner.login) and repo in (other, other.parent)
    ]
    if not others:
        raise Rejected(422, "Validation Failed", [{"resource": "PullRequest", "field": "head", "code": "invalid"}])
    pull = acts.open_pull(
        call.book,
        repo,
        call.actor,
        head_repo=others[0],
        head_ref=head,
        base_ref=call.body["base"],
        title=call.body["title"],
        body=call.body.get("body") or "",
        is_draft=bool(call.body.get("draft")),
    )
    return Answer(201, call.views.pull(pull))


def _get_pull(call: Call) -> Answer:
    call.need("pull_requests")
    return Answer(200, call.views.pull(call.pull))


def _get_issue(call: Call) -> Answer:
    call.need("issues")
    return Answer(200, call.views.issue(call.issue))


def _update_pull(call: Call) -> Answer:
    call.need("pull_requests", level="write")
    if "base" in call.body:
        call.pull.base_ref = call.body["base"]
    acts.edit(call.book, call.pull, call.actor, **{key: call.body[key] for key in ("title", "body", "state") if key in call.body})
    return Answer(200, call.views.pull(call.pull))


def _merge(call: Call) -> Answer:
    call.need("contents", level="write")
    body = call.body or {}
    made = acts.merge(
        call.book,
        call.pull,
        call.actor,
        sha=body.get("sha"),
        method=body.get("merge_method", "merge"),
        title=body.get("commit_title", ""),
        message=body.get("commit_message"),
    )
    call.book.read_as_message(f"merge of #{call.pull.number}", f"{body.get('commit_title', '')}\n\n{body.get('commit_message', '')}")
    return Answer(200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"})


def _is_merged(call: Call) -> Answer:
    call.need("pull_requests")
    return Answer(204 if call.pull.merged_at else 404)


def _create_review(call: Call) -> Answer:
    call.need("pull_requests", level="write")
    body = call.body or {}
    made = acts.review(call.book, call.pull, call.actor, body.get("event", "COMMENT"), body.get("body", ""), body.get("commit_id", ""))
    return Answer(200, call.views.review(call.pull, made))


def _list_reviews(call: Call) -> Answer:
    call.need("pull_requests")
    reviews = call.pull.reviews
    return Answer(200, [call.views.review(call.pull, review) for review in call.page(reviews)], has_next=call.has_next(len(reviews)))


def _request_reviewers(call: Call) -> Answer:
    call.need("pull_requests", level="write")
    acts.request_reviewers(call.book, call.pull, call.body.get("reviewers", []), call.body.get("team_reviewers", []))
    return Answer(201, call.views.pull(call.pull, is_whole=False))


def _pull_files(call: Call) -> Answer:
    repo = call.need("pull_requests")
    fork = repo.git.merge_base(call.pull.base, call.pull.head)
    files = call.views.changed_files(repo, fork, call.pull.head) if fork else []
    return Answer(200, call.page(files), has_next=call.has_next(len(files)))


def _pull_commits(call: Call) -> Answer:
    repo = call.need("pull_requests")
    shas = [commit.sha for commit in repo.git.commits(call.pull.base, call.pull.head)]
    return Answer(200, [call.views.commit(repo, sha) for sha in call.page(shas)], has_next=call.has_next(len(shas)))


def _list_issues(call: Call) -> Answer:
    repo = call.need("issues")
    state, creator = call.query.get("state", "open"), call.query.get("creator")
    wanted = set(filter(None, call.query.get("labels", "").split(",")))
    found = [i for i in repo.issues.values() if state in ("all", i.state) and creator in (None, i.author.login) and wanted <= set(i.labels)]
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    return Answer(200, [call.views.issue(issue) for issue in call.page(found)], has_next=call.has_next(len(found)))


def _create_issue(call: Call) -> Answer:
    repo = call.need("issues", level="write")
    acts.check_fields(call.body, "title")
    issue = acts.open_issue(call.book, repo, call.actor, call.body["title"], call.body.get("body") or "")
    acts.add_labels(call.book, issue, [name if isinstance(name, str) else name["name"] for name in call.body.get("labels", [])])
    return Answer(201, call.views.issue(issue))


def _update_issue(call: Call) -> Answer:
    call.need("issues", "pull_requests", level="write")
    acts.edit(call.book, call.issue, call.actor, **{key: call.body[key] for key in ("title", "body", "state") if key in call.body})
    return Answer(200, call.views.issue(call.issue))


def _list_comments(call: Call) -> Answer:
    call.need("issues", "pull_requests")
    found = call.issue.comments
    return Answer(200, [call.views.comment(call.issue, comment) for comment in call.page(found)], has_next=call.has_next(len(found)))


def _create_comment(call: Call) -> Answer:
    call.need("issues", "pull_requests", level="write")
    return Answer(201, call.views.comment(call.issue, acts.comment(call.book, call.issue, call.actor, call.body["body"])))


def _add_labels(call: Call) -> Answer:
    call.need("issues", "pull_requests", level="write")
    names = call.body["labels"] if isinstance(call.body, dict) else call.body
    acts.add_labels(call.book, call.issue, [name if isinstance(name, str) else name["name"] for name in names])
    return Answer(200, [call.views.label(call.issue.repo, name) for name in call.issue.labels])


# ── Checks and rules ─────────────────────────────────────────────────────────────────────────────────────────────────
def _create_check_run(call: Call) -> Answer:
    repo = call.need("checks", level="write")
    if call.actor.app is None:
        raise Rejected(403, "You must authenticate via a GitHub App.")
    acts.check_fields(call.body, "name", "head_sha")
    conclusion, output = call.body.get("conclusion"), call.body.get("output") or {}
    run = CheckRun(
        call.book.new_id(),
        call.actor.app,
        call.body["name"],
        call.body["head_sha"],
        call.book.now,
        status="completed" if conclusion else call.body.get("status", "queued"),
        conclusion=conclusion,
        title=output.get("title"),
        summary=output.get("summary"),
        url=call.body.get("details_url"),
        external_id=call.body.get("external_id", ""),
    )
    acts.add_check_run(call.book, repo, run)
    return Answer(201, call.views.check_run(repo, run))


def _update_check_run(call: Call) -> Answer:
    repo = call.need("checks", level="write")
    run = next((run for run in repo.check_runs if run.id == int(call.path["check_run_id"]) and run.app is call.actor.app), None)
    if run is None:
        raise Rejected(404, "Not Found")
    run.conclusion = call.body.get("conclusion", run.conclusion)
    run.status = "completed" if run.conclusion else call.body.get("status", run.status)
    output = call.body.get("output") or {}
    run.title, run.summary = output.get("title", run.title), output.get("summary", run.summary)
    acts.advance_queue(call.book, repo)
    return Answer(200, call.views.check_run(repo, run))


def _list_check_runs(call: Call) -> Answer:
    repo = call.need("checks")
    sha = repo.resolve(call.path["ref"])
    runs = [run for run in repo.check_runs if run.sha == sha] if call.query.get("filter") == "all" else rules.latest_runs(repo, sha)
    runs = [r for r in runs if call.query.get("check_name") in (None, r.name) and call.query.get("app_id") in (None, str(r.app.id))]
    shown = [call.views.check_run(repo, run) for run in call.page(runs)]
    return Answer(200, {"total_count": len(runs), "check_runs": shown}, has_next=call.has_next(len(runs)))


def _create_status(call: Call) -> Answer:
    repo = call.need("statuses", level="write")
    status = Status(
        call.book.new_id(),
        call.actor.account,
        call.actor.app,
        call.path["sha"],
        call.body["state"],
        call.body.get("context", "default"),
        call.body.get("description"),
        call.body.get("target_url"),
        call.book.now,
    )
    acts.add_status(call.book, repo, status)
    return Answer(201, call.views.status(repo, status))


def _list_statuses(call: Call) -> Answer:
    repo = call.need("statuses")
    sha = repo.resolve(call.path["ref"])
    found = [status for status in reversed(repo.statuses) if status.sha == sha]
    return Answer(200, [call.views.status(repo, status) for status in call.page(found)], has_next=call.has_next(len(found)))


def _combined_status(call: Call) -> Answer:
    repo = call.need("statuses")
    sha = repo.resolve(call.path["ref"])
    found = rules.latest_statuses(repo, sha)
    states = {status.state for status in found}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    shown = [call.views.status(repo, status) for status in call.page(found)]
    return Answer(200, {"state": state, "statuses": shown, "sha": sha, "total_count": len(found), "repository": call.views.repo(repo)})


def _branch_rules(call: Call) -> Answer:
    repo = call.need("metadata")
    shown = [call.views.rule(ruleset, rule) for ruleset, rule in rules.active(repo, call.path["branch"])]
    return Answer(200, call.page(shown), has_next=call.has_next(len(shown)))


def _rulesets(call: Call) -> Answer:
    repo = call.need("metadata")
    found = [r for r in repo.rulesets if not r.is_inherited or call.query.get("includes_parents", "true") == "true"]
    return Answer(200, [call.views.ruleset(repo, ruleset, call.actor, is_whole=False) for ruleset in call.page(found)])


def _ruleset(call: Call) -> Answer:
    repo = call.need("metadata")
    found = [r for r in repo.rulesets if r.id == int(call.path["ruleset_id"])]
    if not found or (found[0].is_inherited and call.query.get("includes_parents", "true") != "true"):
        raise Rejected(404, "Not Found")
    return Answer(200, call.views.ruleset(repo, found[0], call.actor, is_whole=True))


def _codeowners_errors(call: Call) -> Answer:
    repo = call.need("contents")
    path, lines = rules.codeowners(repo)
    if not path:
        raise Rejected(404, "Not Found")
    known = {*repo.collaborators, *(f"acme/{team}" for team in repo.teams)}
    errors = [
        {"line": n, "column": 1, "kind": "Unknown owner", "source": line, "message": f"Unknown owner on line {n}: {line}", "path": path}
        for n, line in enumerate(lines, 1)
        if any(owner.removeprefix("@") not in known for owner in line.split("#")[0].split()[1:])
    ]
    return Answer(200, {"errors": errors})


def _protection(call: Call) -> Answer:
    repo = call.need("administration")
    if not repo.has_protection:
        raise Rejected(404, "Branch not protected")
    return Answer(200, {"enabled": True})


def _permission(call: Call) -> Answer:
    repo = call.need("metadata")
    login = call.path["username"]
    if login.lower() not in call.book.accounts:
        raise Rejected(404, "Not Found")
    level = repo.collaborators.get(login, "none" if repo.is_private else "read")
    return Answer(200, {"permission": level, "role_name": level, "user": call.views.account(call.book.accounts[login.lower()])})


def _activity(call: Call) -> Answer:
    """What moved the branches, newest first; the next page is named by a cursor."""
    repo = call.need("contents")
    newest = [row for row in repo.activities[::-1] if call.query.get("ref") in (None, f"refs/heads/{row.branch}")]
    period = timedelta(days=_PERIODS[call.query["time_period"]]) if "time_period" in call.query else None
    rows = [row for row in newest if period is None or call.book.now - row.at <= period]
    start = next((n + 1 for n, row in enumerate(rows) if str(row.id) == call.query.get("after")), 0)
    shown = rows[start : start + min(int(call.query.get("per_page", 30)), 100)]
    more = str(shown[-1].id) if shown and len(rows) > start + len(shown) else ""
    return Answer(200, [call.views.activity(row) for row in shown], cursor=more)


_PERIODS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


def _team_members(call: Call) -> Answer:
    """For whoever may read the organization's members; a team that is not shown is not there."""
    if call.actor.app is not None and call.actor.permissions.get("members") not in ("read", "write"):
        raise Rejected(403, "Resource not accessible by integration")
    team = call.book.teams.get(f"{call.path['org']}/{call.path['team_slug']}".lower())
    if team is None:
        raise Rejected(404, "Not Found")
    return Answer(200, [call.views.account(account) for account in call.page(team)], has_next=call.has_next(len(team)))


def _user(call: Call) -> Answer:
    account = call.book.accounts.get(call.path["username"].lower())
    if account is None:
        raise Rejected(404, "Not Found")
    return Answer(200, call.views.account(account))


ROUTES: Mapping[str, Route] = {
    "meta/root": lambda _: Answer(200, {}),
    "apps/get-authenticated": lambda call: Answer(200, call.views.app(_app(call))),
    "apps/get-installation": lambda call: Answer(200, call.views.installation(_app(call))),
    "apps/create-installation-access-token": _create_token,
    "apps/list-repos-accessible-to-installation": _repositories,
    "repos/get": lambda call: Answer(200, call.views.repo(call.need("metadata"), call.actor)),
    "git/get-ref": _get_ref,
    "git/list-matching-refs": _matching_refs,
    "git/create-ref": _create_ref,
    "git/update-ref": _update_ref,
    "git/delete-ref": _delete_ref,
    "git/get-tree": _get_tree,
    "git/create-tree": _create_tree,
    "git/get-commit": lambda call: Answer(200, call.views.git_commit(*_object(call, "commit_sha"))),
    "git/create-commit": _create_commit,
    "git/get-blob": lambda call: Answer(200, call.views.blob(*_object(call, "file_sha"))),
    "git/create-blob": _create_blob,
    "repos/get-content": _contents,
    "repos/compare-commits-with-basehead": _compare,
    "repos/list-commits": _list_commits,
    "repos/get-commit": _get_commit,
    "repos/get-branch": _branch,
    "repos/get-branch-protection": _protection,
    "pulls/list": _list_pulls,
    "pulls/create": _create_pull,
    "pulls/get": _get_pull,
    "pulls/update": _update_pull,
    "pulls/merge": _merge,
    "pulls/check-if-merged": _is_merged,
    "pulls/create-review": _create_review,
    "pulls/list-reviews": _list_reviews,
    "pulls/request-reviewers": _request_reviewers,
    "pulls/list-files": _pull_files,
    "pulls/list-commits": _pull_commits,
    "issues/list-for-repo": _list_issues,
    "issues/get": _get_issue,
    "issues/create": _create_issue,
    "issues/update": _update_issue,
    "issues/list-comments": _list_comments,
    "issues/create-comment": _create_comment,
    "issues/add-labels": _add_labels,
    "checks/create": _create_check_run,
    "checks/update": _update_check_run,
    "checks/list-for-ref": _list_check_runs,
    "repos/create-commit-status": _create_status,
    "repos/list-commit-statuses-for-ref": _list_statuses,
    "repos/get-combined-status-for-ref": _combined_status,
    "repos/get-branch-rules": _branch_rules,
    "repos/get-repo-rulesets": _rulesets,
    "repos/get-repo-ruleset": _ruleset,
    "repos/codeowners-errors": _codeowners_errors,
    "repos/get-collaborator-permission-level": _permission,
    "repos/list-activities": _activity,
    "teams/list-members-in-org": _team_members,
    "users/get-by-username": _user,
}
