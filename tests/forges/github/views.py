"""The book as GitHub's REST API shows it. What the description demands besides is filled in by the description itself."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.forges.github import acts, commits, rules
from tests.forges.github.book import Account, Activity, Actor, App, Book, CheckRun, Comment, Issue, Pull, Repo, Review, Ruleset, Status
from trimtab.adapters.localforge.git import Entry

MANY = 300
"""Files that a comparison tells at most."""
INLINE = 1_000_000
"""Bytes from which on the contents API keeps a file's content to itself."""


@dataclass(frozen=True, slots=True)
class Views:
    """JSON of everything, with URLs on this server."""

    book: Book
    host: str

    # ── People and repositories ──────────────────────────────────────────────────────────────────────────────────────
    def account(self, account: Account | None) -> Any:
        if account is None:
            return None
        return {
            "login": account.login,
            "id": account.id,
            "node_id": f"U_{account.id}",
            "type": account.kind,
            "site_admin": False,
            "url": f"{self.host}/users/{account.login}",
            "html_url": f"{self.host}/{account.login}",
        }

    def activity(self, row: Activity) -> Any:
        return {
            "id": row.id,
            "node_id": f"PSH_{row.id}",
            "before": row.before,
            "after": row.after,
            "ref": f"refs/heads/{row.branch}",
            "timestamp": when(row.at),
            "activity_type": row.kind,
            "actor": self.account(row.by),
        }

    def app(self, app: App) -> Any:
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": f"A_{app.id}",
            "name": app.slug,
            "owner": self.account(self.book.accounts["acme"]),
            "permissions": {"metadata": "read", **app.permissions},
            "events": [],
            "created_at": when(self.book.now),
            "updated_at": when(self.book.now),
        }

    def installation(self, app: App) -> Any:
        return {
            "id": app.installation,
            "app_id": app.id,
            "app_slug": app.slug,
            "target_type": "Organization",
            "target_id": self.book.accounts["acme"].id,
            "account": self.account(self.book.accounts["acme"]),
            "repository_selection": "selected",
            "permissions": {"metadata": "read", **app.permissions},
            "events": [],
            "single_file_name": None,
            "suspended_at": None,
            "suspended_by": None,
            "access_tokens_url": f"{self.host}/app/installations/{app.installation}/access_tokens",
            "repositories_url": f"{self.host}/installation/repositories",
        }

    def repo(self, repo: Repo, actor: Actor | None = None) -> Any:
        shown = {
            "id": repo.id,
            "node_id": f"R_{repo.id}",
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.account(repo.owner),
            "private": repo.is_private,
            "archived": repo.is_archived,
            "fork": repo.parent is not None,
            "default_branch": repo.git.default_branch(),
            "visibility": "private" if repo.is_private else "public",
            "disabled": False,
            "url": self.url(repo),
            "description": None,
            "allow_merge_commit": "merge" in repo.methods,
            "allow_squash_merge": "squash" in repo.methods,
            "allow_rebase_merge": "rebase" in repo.methods,
            "html_url": f"{self.host}/{repo.full_name}",
            "permissions": {"pull": True, "push": False, "admin": False},
        }
        if actor is not None and not actor.may(repo, "contents", "write"):
            # Merge settings are told to whoever may push.
            shown = {name: value for name, value in shown.items() if not name.startswith("allow_")}
        return shown

    def url(self, repo: Repo) -> str:
        return f"{self.host}/repos/{repo.full_name}"

    # ── Git ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def ref(self, repo: Repo, ref: str, sha: str) -> Any:
        kind = repo.git.run("cat-file", "-t", sha).decode().strip()
        thing = {"type": kind, "sha": sha, "url": f"{self.url(repo)}/git/{kind}s/{sha}"}
        return {"ref": ref, "node_id": f"REF_{repo.id}_{ref}", "url": f"{self.url(repo)}/git/{ref}", "object": thing}

    def git_commit(self, repo: Repo, sha: str) -> Any:
        found = commits.facts(repo.git, sha)
        return {
            "sha": sha,
            "node_id": f"C_{repo.id}_{sha}",
            "url": f"{self.url(repo)}/git/commits/{sha}",
            "message": found.message,
            "author": _person(found.author),
            "committer": _person(found.committer),
            "verification": self.verification(repo, sha),
            "tree": {"sha": found.tree, "url": f"{self.url(repo)}/git/trees/{found.tree}"},
            "parents": [
                {"sha": parent, "url": f"{self.url(repo)}/git/commits/{parent}", "html_url": self.host} for parent in found.parents
            ],
        }

    def commit(self, repo: Repo, sha: str) -> Any:
        found = commits.facts(repo.git, sha)
        inner = {key: value for key, value in self.git_commit(repo, sha).items() if key not in ("sha", "node_id", "parents")}
        return {
            "sha": sha,
            "node_id": f"C_{repo.id}_{sha}",
            "url": f"{self.url(repo)}/commits/{sha}",
            "commit": {**inner, "comment_count": 0},
            "author": self.account(commits.login_of(self.book, found.author)),
            "committer": self.account(commits.login_of(self.book, found.committer)),
            "parents": [{"sha": parent, "url": f"{self.url(repo)}/commits/{parent}", "html_url": self.host} for parent in found.parents],
        }

    def verification(self, repo: Repo, sha: str) -> Any:
        is_signed = sha in repo.signed
        return {
            "verified": is_signed,
            "reason": "valid" if is_signed else "unsigned",
            "signature": "PGP" if is_signed else None,
            "payload": None,
            "verified_at": when(self.book.now) if is_signed else None,
        }

    def tree(self, repo: Repo, sha: str, *, is_recursive: bool) -> Any:
        out = repo.git.run("ls-tree", *(["-r", "-t"] if is_recursive else []), "-l", "-z", "--full-tree", sha)
        entries = []
        for line in filter(None, out.split(b"\0")):
            meta, _, path = line.decode("utf-8", "replace").partition("\t")
            mode, kind, item, size = meta.split()
            entry = {"path": path, "mode": mode, "type": kind, "sha": item, "url": f"{self.url(repo)}/git/{kind}s/{item}"}
            entries.append(entry | ({"size": int(size)} if size != "-" else {}))
        own = repo.git.run("rev-parse", f"{sha}^{{tree}}").decode().strip()
        return {"sha": own, "url": f"{self.url(repo)}/git/trees/{own}", "truncated": False, "tree": entries}

    def blob(self, repo: Repo, sha: str) -> Any:
        content = repo.git.run("cat-file", "blob", sha)
        return {
            "sha": sha,
            "node_id": f"B_{sha}",
            "size": len(content),
            "url": f"{self.url(repo)}/git/blobs/{sha}",
            "encoding": "base64",
            "content": base64.encodebytes(content).decode(),
        }

    def content(self, repo: Repo, path: str, entry: Entry, ref: str) -> Any:
        """A file; from a megabyte on without its content."""
        content = b"" if entry.mode == "160000" else repo.git.run("cat-file", "blob", entry.blob)
        is_inline = len(content) <= INLINE
        url = f"{self.url(repo)}/contents/{path}?ref={ref}"
        shown = {
            "type": {"120000": "symlink", "160000": "submodule"}.get(entry.mode, "file"),
            "name": path.rsplit("/", 1)[-1],
            "path": path,
            "sha": entry.blob,
            "size": len(content),
            "url": url,
            "git_url": f"{self.url(repo)}/git/blobs/{entry.blob}",
            "html_url": url,
            "download_url": url,
            "_links": {"self": url, "git": url, "html": url},
        }
        match entry.mode:
            case "120000":
                return shown | {"target": content.decode(errors="replace")}
            case "160000":
                return shown | {"submodule_git_url": "", "size": 0}
            case _:
                return shown | {
                    "encoding": "base64" if is_inline else "none",
                    "content": base64.encodebytes(content).decode() if is_inline else "",
                }

    def changed_files(self, repo: Repo, old: str, new: str) -> list[Any]:
        """Files that differ, renames as such."""
        out = repo.git.run("diff", "--raw", "--numstat", "-z", "--find-renames", "--no-abbrev", old, new).split(b"\0")
        raw: list[tuple[str, str, str, str]] = []
        counts: dict[str, tuple[int, int]] = {}
        items = iter(out)
        for item in items:
            if item.startswith(b":"):
                _, _, before, after, status = item.decode().split(" ")
                first = next(items).decode("utf-8", "replace")
                second = next(items).decode("utf-8", "replace") if status[0] in "RC" else first
                raw.append((status[0], second, first, before if status == "D" else after))
            elif item:
                plus, minus, path = item.split(b"\t", 2)
                if not path:
                    next(items)
                    path = next(items)
                counts[path.decode("utf-8", "replace")] = (_count(plus), _count(minus))
        words = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
        return [
            {
                "sha": blob,
                "filename": path,
                "status": words[status],
                "additions": counts.get(path, (0, 0))[0],
                "deletions": counts.get(path, (0, 0))[1],
                "changes": sum(counts.get(path, (0, 0))),
                "blob_url": self.host,
                "raw_url": self.host,
                "contents_url": f"{self.url(repo)}/contents/{path}?ref={new}",
                **({"previous_filename": previous} if status == "R" else {}),
            }
            for status, path, previous, blob in raw
        ]

    # ── Pull requests and issues ─────────────────────────────────────────────────────────────────────────────────────
    def pull(self, pull: Pull, *, is_whole: bool = True) -> Any:
        """A pull request; only a whole one tells, and starts, whether it is mergeable."""
        shown = self.issue(pull) | {
            "url": f"{self.url(pull.repo)}/pulls/{pull.number}",
            "html_url": f"{self.host}/{pull.repo.full_name}/pull/{pull.number}",
            "issue_url": f"{self.url(pull.repo)}/issues/{pull.number}",
            "draft": pull.is_draft,
            "merged_at": when(pull.merged_at),
            "head": self._end(pull.head_repo, pull.head_ref, pull.head),
            "base": self._end(pull.repo, pull.base_ref, pull.seen_base),
            "merge_commit_sha": pull.merge_commit,
            "requested_reviewers": [self.account(login) for login in pull.reviewers],
            "requested_teams": [{"slug": team, "name": team, "id": 1, "url": f"{self.host}/teams/{team}"} for team in pull.teams],
            "auto_merge": None,
            "_links": {
                name: {"href": self.host}
                for name in ("self", "html", "issue", "comments", "review_comments", "review_comment", "commits", "statuses")
            },
        }
        shown.pop("pull_request", None)
        if not is_whole:
            return shown
        can = acts.mergeable(self.book, pull)
        if can:
            shown["merge_commit_sha"] = acts.trial_merge(self.book, pull)
        files = len(rules.changed_paths(pull)) if pull.is_open else 0
        return shown | {
            "merged": pull.merged_at is not None,
            "mergeable": can,
            "mergeable_state": {None: "unknown", True: self._state(pull), False: "dirty"}[can],
            "merged_by": self.account(pull.merged_by),
            "comments": len(pull.comments),
            "review_comments": 0,
            "maintainer_can_modify": False,
            "changed_files": files,
            "commits": len(pull.repo.git.commits(pull.base, pull.head)) if pull.is_open else 0,
            "rebaseable": can,
        }

    def _state(self, pull: Pull) -> str:
        if pull.is_draft:
            return "draft"
        wanted = list(rules.unmet(self.book, pull, pull.head)) if pull.is_open else []
        return "behind" if any("behind" in text for text in wanted) else "blocked" if wanted else "clean"

    def _end(self, repo: Repo, ref: str, sha: str) -> Any:
        return {"label": f"{repo.owner.login}:{ref}", "ref": ref, "sha": sha, "user": self.account(repo.owner), "repo": self.repo(repo)}

    def issue(self, issue: Issue) -> Any:
        url = f"{self.url(issue.repo)}/issues/{issue.number}"
        shown = {
            "id": issue.id,
            "node_id": f"{'PR' if isinstance(issue, Pull) else 'I'}_{issue.repo.id}_{issue.number}",
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "state": issue.state,
            "locked": False,
            "user": self.account(issue.author),
            "labels": [self.label(issue.repo, name) for name in issue.labels],
            "created_at": when(issue.at),
            "updated_at": when(issue.updated or issue.at),
            "closed_at": when(issue.closed_at),
            "url": url,
            "html_url": f"{self.host}/{issue.repo.full_name}/issues/{issue.number}",
            "comments_url": f"{url}/comments",
            "repository_url": self.url(issue.repo),
            "author_association": "NONE",
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "active_lock_reason": None,
            "comments": len(issue.comments),
        }
        return shown | ({"pull_request": {"url": f"{self.url(issue.repo)}/pulls/{issue.number}"}} if isinstance(issue, Pull) else {})

    def label(self, repo: Repo, name: str) -> Any:
        return {
            "id": 1,
            "node_id": f"L_{name}",
            "name": name,
            "color": "ededed",
            "default": False,
            "description": "",
            "url": f"{self.url(repo)}/labels/{name}",
        }

    def comment(self, issue: Issue, comment: Comment) -> Any:
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "body": comment.body,
            "user": self.account(comment.author),
            "created_at": when(comment.at),
            "updated_at": when(comment.at),
            "url": f"{self.url(issue.repo)}/issues/comments/{comment.id}",
            "html_url": self.host,
            "issue_url": f"{self.url(issue.repo)}/issues/{issue.number}",
            "author_association": "NONE",
        }

    def review(self, pull: Pull, review: Review) -> Any:
        return {
            "id": review.id,
            "node_id": f"PRR_{review.id}",
            "user": self.account(review.author),
            "body": review.body,
            "state": review.state,
            "commit_id": review.commit,
            "submitted_at": when(review.at),
            "html_url": self.host,
            "pull_request_url": f"{self.url(pull.repo)}/pulls/{pull.number}",
            "author_association": "NONE",
            "_links": {"html": {"href": self.host}, "pull_request": {"href": self.host}},
        }

    # ── Checks and rules ─────────────────────────────────────────────────────────────────────────────────────────────
    def check_run(self, repo: Repo, run: CheckRun) -> Any:
        return {
            "id": run.id,
            "node_id": f"CR_{run.id}",
            "name": run.name,
            "head_sha": run.sha,
            "status": run.status,
            "conclusion": run.conclusion,
            "external_id": run.external_id,
            "url": f"{self.url(repo)}/check-runs/{run.id}",
            "html_url": self.host,
            "details_url": run.url,
            "started_at": when(run.at),
            "completed_at": when(run.at) if run.status == "completed" else None,
            "app": self.app(run.app),
            "pull_requests": [],
            "check_suite": {"id": run.id},
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": None,
                "annotations_count": 0,
                "annotations_url": f"{self.url(repo)}/check-runs/{run.id}/annotations",
            },
        }

    def status(self, repo: Repo, status: Status) -> Any:
        return {
            "id": status.id,
            "node_id": f"SC_{status.id}",
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.url,
            "created_at": when(status.at),
            "updated_at": when(status.at),
            "creator": self.account(status.creator),
            "url": f"{self.url(repo)}/statuses/{status.sha}",
            "avatar_url": None,
        }

    def rule(self, ruleset: Ruleset, rule: dict[str, Any]) -> Any:
        kind = "Organization" if ruleset.is_inherited else "Repository"
        return rule | {"ruleset_source_type": kind, "ruleset_source": ruleset.owner, "ruleset_id": ruleset.id}

    def ruleset(self, repo: Repo, ruleset: Ruleset, actor: Actor, *, is_whole: bool) -> Any:
        shown = {
            "id": ruleset.id,
            "node_id": f"RRS_{ruleset.id}",
            "name": ruleset.name,
            "target": "branch",
            "enforcement": ruleset.enforcement,
            "source_type": "Organization" if ruleset.is_inherited else "Repository",
            "source": ruleset.owner,
            "created_at": when(self.book.now),
            "updated_at": when(self.book.now),
        }
        if not is_whole:
            return shown
        shown |= {"rules": ruleset.rules, "conditions": {"ref_name": {"include": ruleset.include, "exclude": ruleset.exclude}}}
        shown["current_user_can_bypass"] = rules.may_bypass(ruleset, actor, repo)
        # Who may bypass is told to whoever may change the rules.
        return shown | ({"bypass_actors": ruleset.bypass} if actor.may(repo, "administration", "write") else {})


def when(at: datetime | None) -> str | None:
    """GitHub's form of a time."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _person(person: tuple[str, str, datetime]) -> Any:
    return {"name": person[0], "email": person[1], "date": when(person[2])}


def _count(text: bytes) -> int:
    return 0 if text == b"-" else int(text)
