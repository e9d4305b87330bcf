"""The forge port on GitLab: a Developer's token writes, a Maintainer's only merges, and every read says what GitLab itself vouches for."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gitlab import Gitlab

from trimtab.adapters.gitlab import files, hands, merging, people, protection
from trimtab.adapters.gitlab.api import Api, Limited, Rejected
from trimtab.adapters.gitlab.memory import Memory
from trimtab.adapters.gitlab.protocol import (
    ApprovalRule,
    ApprovalSettings,
    Branch,
    Car,
    MergeRequest,
    Note,
    Pipeline,
    Project,
    Protection,
    RawIssue,
    Status,
    User,
)
from trimtab.adapters.gitlab.repo import Repo, optional, quoted
from trimtab.adapters.gitlab.values import check_of_pipeline, check_of_status, comment_of, commit_of, issue_of, pull_request_of
from trimtab.adapters.gitlab.words import disarmed
from trimtab.adapters.gitlab.writing import Change, commit_files, delete_branch
from trimtab.adapters.guarded_requests import TIMEOUT, session_for
from trimtab.errors import BadInput, NotYet, Refused, Upstream
from trimtab.records import (
    Check,
    Comment,
    Commit,
    CommitSha,
    ForgeRules,
    Issue,
    Merged,
    MergeRefused,
    PullRequest,
    Queued,
    QueueEntry,
    Review,
)
from trimtab.settings import Repository, Settings

_STATES: Mapping[str, str] = {"success": "success", "failure": "failed", "pending": "pending"}
_SUMMARY = 255
"""Characters of a status's description."""


@dataclass(frozen=True, slots=True)
class GitLabForge:
    """The projects of one GitLab."""

    repositories: Mapping[str, Repository]
    writer: Api
    merger: Api | None = None
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def of(cls, settings: Settings) -> "GitLabForge":
        """For the repos of the settings. Raises BadInput where a token or a project's path is missing."""
        url = settings.gitlab.url.rstrip("/") if settings.gitlab else "https://gitlab.com"
        if settings.gitlab_writer_token is None:
            raise BadInput("settings: no token for GitLab; set TRIMTAB_GITLAB_WRITER_TOKEN to a Developer's access token")
        for repository in settings.repositories:
            if repository.location.strip("/").count("/") < 1:
                raise BadInput(f"settings.repositories: {repository.id}: location {repository.location!r} is not group/project")
        merger = settings.gitlab_merger_token
        return cls(
            repositories={repository.id: repository for repository in settings.repositories if repository.forge == "gitlab"},
            writer=_api(url, settings, settings.gitlab_writer_token.get_secret_value(), "writer"),
            merger=_api(url, settings, merger.get_secret_value(), "merger") if merger else None,
        )

    # ── Who and where ────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def login(self) -> str:
        """The user of the writer's token."""
        return self._me.username

    def forget(self) -> None:
        """Ask anew for all that moves; what a commit id names stays known."""
        self.memory.forget()

    def repo(self, repo: str) -> Repo:
        """The project of that id. Refused where it is another one than the deployment's settings mean."""
        named = self.repositories.get(repo)
        if named is None:
            raise BadInput(f"settings.repositories: no GitLab project with id {repo!r}")
        project = self.memory.for_good(("project", repo), lambda: self._project(named, self.writer))
        return Repo(repo, project, self._me, self.writer, self.merger, self.memory)

    @property
    def _me(self) -> User:
        return self.memory.for_good(("me",), lambda: self.writer.get(User, "/user"))

    def _project(self, named: Repository, api: Api) -> Project:
        project = api.get(Project, f"/projects/{quoted(named.location.strip('/'))}")
        if named.forge_id is not None and project.id != named.forge_id:
            raise Refused(f"{named.location}: is project {project.id} now, settings.repositories says {named.forge_id}: it is another one")
        return project

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def base_head(self, repo: str, branch: str) -> CommitSha:
        """Tip of a branch now. Refused where there is no such branch."""
        head = self.branch_head(repo, branch)
        if head is None:
            raise Refused(f"repository {repo!r} has no branch {branch!r}")
        return head

    def branch_head(self, repo: str, branch: str) -> CommitSha | None:
        """Tip of a branch, or None."""
        return self.repo(repo).head(branch)

    def list_files(self, repo: str, commit: CommitSha) -> tuple[str, ...]:
        """Paths of all regular files, sorted."""
        return tuple(sorted(files.regular_files(self.repo(repo), commit)))

    def read_file(self, repo: str, commit: CommitSha, path: str) -> bytes | None:
        """A regular file's bytes, or None."""
        return self.read_files(repo, commit, [path]).get(path)

    def read_files(self, repo: str, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The regular files among these paths."""
        return files.read_files(self.repo(repo), commit, paths)

    def commits(self, repo: str, base: CommitSha, head: CommitSha) -> tuple[Commit, ...]:
        """Commits reachable from head and not from base, oldest first; ours are those that GitLab says we pushed."""
        project = self.repo(repo)
        return tuple(commit_of(commit, self.login, is_ours=project.is_ours(commit.id)) for commit in project.commits(base, head))

    def merge_changes(self, repo: str, base: CommitSha, head: CommitSha) -> Mapping[str, bytes] | None:
        """What a merge would change in base."""
        return merging.merge_changes(self.repo(repo), base, head)

    def find_pull_request(self, repo: str, head_ref: str) -> PullRequest | None:
        """The newest merge request from that branch of the same project, whatever its state."""
        project = self.repo(repo)
        found = project.requests(state="all", source_branch=head_ref, order_by="created_at", sort="desc")
        ours = [request for request in found if request.source_project_id == request.target_project_id]
        newest = max(ours, key=lambda request: request.iid, default=None)
        return self.pull_request(repo, newest.iid) if newest else None

    def pull_request(self, repo: str, number: int) -> PullRequest:
        """One merge request read now."""
        project = self.repo(repo)
        return self._pull_request(project, project.settled(number))

    def open_pull_requests(self, repo: str) -> tuple[PullRequest, ...]:
        """Every open one, oldest first; one that is being merged is open until it is."""
        project = self.repo(repo)
        found = [*project.requests(state="opened"), *project.requests(state="locked")]
        for request in found:
            if request.is_settled:
                project.note_request(request)
        return tuple(self._pull_request(project, request) for request in sorted(found, key=lambda request: request.iid))

    def _pull_request(self, project: Repo, request: MergeRequest) -> PullRequest:
        return pull_request_of(project.id, request, project.head(request.target_branch) or CommitSha(""), self._who_merged(request))

    def comments(self, repo: str, number: int) -> tuple[Comment, ...]:
        """All comments, oldest first, without GitLab's own remarks."""
        project = self.repo(repo)
        path = project.path(f"merge_requests/{number}/notes")
        notes = project.for_now("notes", number, read=lambda: self.writer.every(Note, path, sort="asc", order_by="created_at"))
        return tuple(comment_of(note) for note in notes if not note.system)

    def reviews(self, repo: str, number: int) -> tuple[Review, ...]:
        """Who approves; where the project lets an approval outlive a push, none is for any commit."""
        project = self.repo(repo)
        return people.reviews(project, number, lambda: self._approval_settings(project))

    def checks(self, repo: str, commit: CommitSha) -> tuple[Check, ...]:
        """Pipelines and statuses of a commit. None of them is evidence: every Developer can set a status."""
        project = self.repo(repo)
        statuses = project.for_now(
            "statuses", commit, read=lambda: self.writer.every(Status, project.path(f"repository/commits/{commit}/statuses"))
        )
        pipelines = project.pipelines(commit)
        # Oldest first, so that of one name and author the newest stays.
        found = [check_of_pipeline(pipeline) for pipeline in sorted(pipelines, key=lambda each: each.id) if pipeline.source != "external"]
        found += [check_of_status(status) for status in statuses]
        return tuple({(check.name, check.by): check for check in found}.values())

    def issues(self, repo: str) -> tuple[Issue, ...]:
        """The issues that we opened, oldest first."""
        project = self.repo(repo)
        query = {"author_username": self.login, "scope": "all", "order_by": "created_at", "sort": "asc"}
        found = project.for_now("issues", read=lambda: self.writer.every(RawIssue, project.path("issues"), **query))
        return tuple(issue_of(issue) for issue in sorted(found, key=lambda issue: issue.iid))

    def queue(self, repo: str, branch: str) -> tuple[QueueEntry, ...]:
        """The merge train; a car whose pipeline has not begun says not yet what it would be merged as."""
        project = self.repo(repo)
        if not project.project.merge_trains_enabled:
            return ()
        path = project.path(f"merge_trains/{quoted(branch)}")
        cars = project.for_now("train", branch, read=lambda: self.writer.every(Car, path, scope="active", sort="asc"))
        return tuple(self._queue_entry(project, car, car.pipeline) for car in cars if car.pipeline is not None)

    def _queue_entry(self, project: Repo, car: Car, pipeline: Pipeline) -> QueueEntry:
        commit = CommitSha(pipeline.sha)
        return QueueEntry(number=car.merge_request.iid, base=project.commit(commit).parent_ids[0], commit=commit)

    def members(self, group: str) -> tuple[str, ...] | None:
        """Logins of a group's own members; None = there is none of that path, or the token may not see it."""
        return people.members(self.writer, self.memory, group)

    def account(self, repo: str, login: str) -> Literal["active", "bot", "gone"] | None:
        """How an account stands towards a project: active = a person who may push there."""
        return people.account(self.repo(repo), login)

    def touched_by(self, repo: str, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
        """Usernames that pushed or merged a change of these files or folders to a branch since then, and whose request it was."""
        return hands.touched_by(self.repo(repo), branch, self.base_head(repo, branch), paths, since)

    def branches(self, repo: str, prefix: str) -> Mapping[str, CommitSha]:
        """Branches whose names begin so, and their tips."""
        found = self.writer.every(Branch, self.repo(repo).path("repository/branches"), search=f"^{prefix}")
        return {branch.name: branch.commit.id for branch in found if branch.name.startswith(prefix)}

    # ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def rules(self, repo: str, branch: str) -> ForgeRules:
        """What the project's own rules demand and allow, as far as our tokens are shown them."""
        project = self.repo(repo)
        return project.for_now("rules", branch, read=lambda: protection.forge_rules(self._seen(project, branch)))

    def _seen(self, project: Repo, branch: str) -> protection.Seen:
        # A Maintainer is shown the protections; a Developer is on newer GitLabs.
        best = self.merger or self.writer
        named = self.repositories[project.id]
        return protection.Seen(
            branch=branch,
            project=self._project(named, self.writer),
            writer=self._me,
            merger=self._merger(),
            merger_level=self._project(named, self.merger).access_level if self.merger else 0,
            protections=optional(lambda: best.every(Protection, project.path("protected_branches"))),
            settings=self._approval_settings(project),
            approval_rules=optional(lambda: best.every(ApprovalRule, project.path("approval_rules"))),
            code_owners=self._code_owners(project, branch),
        )

    def _merger(self) -> User | None:
        """The user of the merger's token; None = this deployment merges nothing."""
        merger = self.merger
        return self.memory.for_good(("merger",), functools.partial(merger.get, User, "/user")) if merger else None

    def _who_merged(self, request: MergeRequest) -> str:
        user = request.merge_user
        if user is None:
            return ""
        merger = self._merger()
        return self.login if user.id in {self._me.id, merger.id if merger else None} else user.username

    def _approval_settings(self, project: Repo) -> ApprovalSettings | None:
        best = self.merger or self.writer
        return project.for_now("approval settings", read=lambda: optional(lambda: best.get(ApprovalSettings, project.path("approvals"))))

    def _code_owners(self, project: Repo, branch: str) -> str | None:
        found = files.read_files(project, self.base_head(project.id, branch), protection.CODEOWNERS)
        first = next((found[path] for path in protection.CODEOWNERS if path in found), None)
        return first.decode(errors="replace") if first is not None else None

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def commit_files(
        self, repo: str, branch: str, parent: CommitSha, expected: CommitSha | None, files: Mapping[str, bytes], message: str, at: datetime
    ) -> CommitSha | None:
        """One commit of `files` on `parent`; GitLab dates it itself."""
        del at
        return commit_files(self.repo(repo), branch, expected, Change(parent, files, message))

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
        """Open it, or return the one that is open from that branch; GitLab dates it itself."""
        del at
        project = self.repo(repo)
        head = self.base_head(repo, head_ref)
        if not project.is_new(head) and not project.comparison(self.base_head(repo, base_ref), head).commits:
            raise Refused(f"branch {head_ref!r} has no commit that {base_ref!r} lacks: there is nothing to pull")
        text: dict[str, Any] = {"source_branch": head_ref, "target_branch": base_ref, "title": title, "description": disarmed(body)}
        text |= {"labels": list(labels), "remove_source_branch": True, "reviewer_ids": people.reviewer_ids(project, reviewers)}
        try:
            opened = project.send(MergeRequest, "post", "merge_requests", text)
        except Rejected as error:
            if error.status != 409:
                raise
            return self._open_already(project, head_ref, head, error)
        except Limited:
            raise
        except Upstream as error:
            return self._open_already(project, head_ref, head, error)
        project.note_opened(opened)
        return self.pull_request(repo, opened.iid)

    def _open_already(self, project: Repo, head_ref: str, head: CommitSha, error: Rejected | Upstream) -> PullRequest:
        """The open one, once it has the commit that the branch has. Raises `error` where there is none."""
        found = self.find_pull_request(project.id, head_ref)
        if found is None or found.state != "open":
            raise error
        for pause in (0.25, 0.5, 1.0, 2.0):
            if found.head == head:
                return found
            # GitLab takes a push into its merge requests a moment later.
            self.writer.sleep(pause)
            self.forget()
            found, head = self.pull_request(project.id, found.number), self.base_head(project.id, head_ref)
        if found.head != head:
            raise NotYet(f"merge request {found.number}: GitLab has not taken in {head[:10]} yet")
        return found

    def delete_branch(self, repo: str, branch: str, expected: CommitSha) -> bool:
        """Delete a branch of ours if it is at that commit."""
        return delete_branch(self.repo(repo), branch, expected)

    def edit_pull_request(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace title and body."""
        self.repo(repo).send(MergeRequest, "put", f"merge_requests/{number}", {"title": title, "description": disarmed(body)})

    def close_pull_request(self, repo: str, number: int) -> None:
        """Close without merging; what is closed or merged stays as it is."""
        if self.pull_request(repo, number).state == "open":
            self.repo(repo).send(MergeRequest, "put", f"merge_requests/{number}", {"state_event": "close"})

    def comment(self, repo: str, number: int, text: str, at: datetime) -> None:
        """Add a comment; GitLab dates it itself."""
        del at
        self.repo(repo).send(Note, "post", f"merge_requests/{number}/notes", {"body": disarmed(text)})

    def open_issue(self, repo: str, *, title: str, body: str) -> Issue:
        """Open an issue."""
        return issue_of(self.repo(repo).send(RawIssue, "post", "issues", {"title": title, "description": disarmed(body)}))

    def edit_issue(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace an issue's title and body."""
        self.repo(repo).send(RawIssue, "put", f"issues/{number}", {"title": title, "description": disarmed(body)})

    def set_check(
        self, repo: str, commit: CommitSha, *, name: str, conclusion: Literal["success", "failure", "pending"], summary: str
    ) -> None:
        """Show the gate's answer on a commit; for people, since every Developer could set it."""
        project = self.repo(repo)
        body: dict[str, Any] = {"state": _STATES[conclusion], "name": name, "description": summary[:_SUMMARY]}
        made = [each.id for each in project.pipelines(commit) if each.source != "external"]
        # Else GitLab makes a pipeline of its own for the status, and shows that one in place of CI's.
        body |= {"pipeline_id": max(made)} if made else {}
        try:
            project.send(Status, "post", f"statuses/{commit}", body, by=self.merger)
        except Rejected as error:
            # A status that is waiting already cannot be made to wait again, which is no failure.
            if error.status != 400 or "transition" not in error.text:
                raise

    def merge(
        self, repo: str, number: int, *, head: CommitSha, base: CommitSha, message: str, at: datetime
    ) -> Merged | Queued | MergeRefused:
        """Merge the reviewed head; sent once."""
        del at
        # Its settings decide how it merges, so they are read anew.
        project = replace(self.repo(repo), project=self._project(self.repositories[repo], self.writer))
        return merging.merge(project, number, head=head, base=base, message=message)


def _api(url: str, settings: Settings, token: str, who: Literal["writer", "merger"]) -> Api:
    """python-gitlab over our own guarded session: one host, no redirects, no retries, no proxies."""
    return Api(Gitlab(url, private_token=token, session=session_for(url, settings), timeout=TIMEOUT[1], keep_base_url=True), who)
