"""GitLab's answers as our values; no I/O."""

from collections.abc import Mapping
from typing import Literal

from trimtab.adapters.gitlab.protocol import MergeRequest, Note, Pipeline, RawCommit, RawIssue, Status
from trimtab.adapters.gitlab.words import as_sent
from trimtab.errors import Upstream
from trimtab.records import Check, Comment, Commit, CommitSha, Issue, MergeRefused, PullRequest

_STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"opened": "open", "locked": "open", "closed": "closed", "merged": "merged"}
# "locked" is what it is while GitLab merges it.


def pull_request_of(repo: str, request: MergeRequest, base: CommitSha, merged_by: str = "") -> PullRequest:
    """A merge request in our words."""
    if request.state not in _STATES:
        raise Upstream(f"gitlab: merge request {request.iid}: state: {request.state!r} is not one that Trimtab knows")
    state = _STATES[request.state]
    is_known = request.state == "opened" and request.is_settled
    return PullRequest(
        repo=repo,
        number=request.iid,
        url=request.web_url,
        title=request.title,
        body=as_sent(request.description or ""),
        state=state,
        is_draft=request.draft,
        author=request.author.username,
        head_ref=request.source_branch,
        head=request.head,
        base_ref=request.target_branch,
        base=base,
        is_mergeable=not request.conflicts if is_known else None,
        merge_commit=request.result,
        merged_by=merged_by,
        is_queued=state == "open" and request.merge_when_pipeline_succeeds is True,
        is_from_fork=request.source_project_id != request.target_project_id,
        labels=request.labels,
    )


def commit_of(commit: RawCommit, login: str, *, is_ours: bool) -> Commit:
    """A commit; git's names are a claim, so ours stands there only where GitLab says that we pushed it."""
    author = login if is_ours else _claimed(commit.author_name, login)
    committer = login if is_ours else _claimed(commit.committer_name, login)
    # GitLab does not say which tree a commit has.
    return Commit(sha=commit.id, author=author, committer=committer, parents=commit.parent_ids, tree="")


def _claimed(name: str, login: str) -> str:
    return f"{name} (not proven)" if name.strip().lower() == login.lower() else name


def comment_of(note: Note) -> Comment:
    """A note in our words."""
    return Comment(
        login=note.author.username,
        is_bot=note.author.looks_like_bot,
        text=as_sent(note.body),
        at=note.created_at,
        edited_by="" if note.updated_at in (None, note.created_at) else None,
    )


def issue_of(issue: RawIssue) -> Issue:
    """An issue in our words."""
    body = as_sent(issue.description or "")
    return Issue(number=issue.iid, url=issue.web_url, title=issue.title, body=body, is_open=issue.state == "opened")


_CONCLUSIONS: Mapping[str, Literal["success", "failure", "neutral"]] = {
    "success": "success", "failed": "failure", "canceled": "failure", "canceling": "failure", "skipped": "neutral", "manual": "neutral",
}  # fmt: skip


def check_of_status(status: Status) -> Check:
    """A commit status or job; GitLab says who set it."""
    by = status.author.username if status.author else ""
    text = status.description or ""
    return Check(name=status.name, by=by, conclusion=_CONCLUSIONS.get(status.status, "pending"), url=status.target_url or "", summary=text)


def check_of_pipeline(pipeline: Pipeline) -> Check:
    """A pipeline: what it ran is in the branch's own files, so it is nobody's word but the branch's."""
    name = f"pipeline/{pipeline.source or 'unknown'}"
    return Check(name=name, by="", conclusion=_CONCLUSIONS.get(pipeline.status, "pending"), url=pipeline.web_url or "")


_Reason = Literal["head-moved", "base-moved", "conflict", "not-open", "not-allowed", "checks", "unknown"]
_UNMERGEABLE: Mapping[str, _Reason] = {
    "mergeable": "unknown",
    "conflict": "conflict",
    "need_rebase": "base-moved",
    "not_open": "not-open",
    "merged": "not-open",
    "ci_must_pass": "checks",
    "ci_still_running": "checks",
    "status_checks_must_pass": "checks",
    "external_status_checks": "checks",
    "security_policy_pipeline_check": "checks",
}
_STATUSES: Mapping[int, _Reason] = {
    401: "not-allowed", 403: "not-allowed", 404: "not-allowed", 405: "unknown", 406: "conflict", 409: "head-moved", 422: "unknown",
}  # fmt: skip


def refused_by(status: str) -> MergeRefused | None:
    """Why GitLab would not merge, by `detailed_merge_status`; None = it would."""
    if status == "mergeable":
        return None
    # Whatever it is else (an approval, a discussion, a draft, a policy), a person must do something first.
    return no(_UNMERGEABLE.get(status, "not-allowed"), f"GitLab says {status or 'nothing'}")


def refused_with(code: int, text: str) -> MergeRefused:
    """Why GitLab did not merge, by the answer to the request itself."""
    # 409 is also what it says while it works on the same thing itself.
    reason = "unknown" if "Resource lock" in text else _STATUSES.get(code, "unknown")
    return no(reason, f"GitLab answers {code}: {text}")


def no(reason: _Reason, detail: str) -> MergeRefused:
    """A refusal."""
    return MergeRefused(reason=reason, detail=detail)
