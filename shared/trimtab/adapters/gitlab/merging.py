"""What a merge would change, and the merge itself: pinned to the reviewed head, sent once, then read back."""

from collections.abc import Mapping
from typing import Any

from trimtab.adapters.gitlab.api import Api, Limited, Rejected
from trimtab.adapters.gitlab.files import read_changed
from trimtab.adapters.gitlab.protocol import REGULAR, Car, Comparison, Diff, MergeRequest, Pipeline, RawCommit, Ref
from trimtab.adapters.gitlab.repo import Repo
from trimtab.adapters.gitlab.values import no, refused_by, refused_with
from trimtab.errors import NotYet, Refused, Upstream
from trimtab.records import CommitSha, Merged, MergeRefused, Queued

MORE = "(more files than GitLab lists)"
"""What a plan can never equal."""
_PAUSES = (0.5, 1.0, 2.0)


class _Conflict(Exception):
    """It does not merge, as GitLab says now."""


# ── What it would change ─────────────────────────────────────────────────────────────────────────────────────────────
def merge_changes(repo: Repo, base: CommitSha, head: CommitSha) -> Mapping[str, bytes] | None:
    """Path → bytes; None = it conflicts. Both ends are commits, so what is known once stays.

    Not so a conflict: that is GitLab's word on the branches as they were when it last looked.
    """

    def read() -> Mapping[str, bytes]:
        ahead = repo.comparison(base, head)
        if not ahead.commits:
            return {}
        if _is_on_top(base, ahead) or not _touch_each_other(repo, base, head, ahead):
            return _bytes(repo, ahead, head)
        return _of_trial_merge(repo, base, head)

    try:
        return repo.for_good("changes", base, head, read=read)
    except _Conflict:
        return None


def _is_on_top(base: CommitSha, ahead: Comparison) -> bool:
    """True where `base` is the one place from which these commits start."""
    ids = {commit.id for commit in ahead.commits}
    return {parent for commit in ahead.commits for parent in commit.parent_ids} - ids == {base}


def _touch_each_other(repo: Repo, base: CommitSha, head: CommitSha, ahead: Comparison) -> bool:
    """True where both sides changed a file, or one a file where the other has a folder; then only a real merge can say what comes out.

    With merges on the branch there may be more than one place where the two parted: then too.
    """
    behind = repo.comparison(head, base)
    has_merges = any(len(commit.parent_ids) != 1 for commit in (*ahead.commits, *behind.commits))
    if has_merges and not _parted_once(ahead, behind):
        return True
    return not (ahead.is_whole and behind.is_whole) or overlap(ahead.paths, behind.paths)


def _parted_once(ahead: Comparison, behind: Comparison) -> bool:
    """True where both sides start from one and the same commit."""
    sides = [{p for c in side.commits for p in c.parent_ids} - {c.id for c in side.commits} for side in (ahead, behind)]
    return sides[0] == sides[1] and len(sides[0]) == 1


def overlap(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """True where a path is in both, or lies below one of the other's."""
    return bool(ours & theirs) or any(
        mine.startswith(f"{other}/") or other.startswith(f"{mine}/") for mine in ours for other in theirs if mine != other
    )


def _bytes(repo: Repo, comparison: Comparison, commit: CommitSha) -> Mapping[str, bytes]:
    """The changed files as they are at a commit, each under a name that says what happened to it."""
    contents = read_changed(repo, commit, [diff.new_path for diff in comparison.diffs if not diff.deleted_file and diff.b_mode in REGULAR])
    found = {_name(diff, contents): contents.get(diff.new_path, b"") for diff in comparison.diffs}
    gone = {f"{diff.old_path} (deleted)": b"" for diff in comparison.diffs if diff.renamed_file}
    return {**found, **gone, **({} if comparison.is_whole else {MORE: b""})}


def _name(diff: Diff, contents: Mapping[str, bytes]) -> str:
    """A link, a submodule and what is too large have no bytes that a plan could equal."""
    is_there = diff.deleted_file or diff.new_path in contents or diff.name != diff.new_path
    return diff.name if is_there else f"{diff.new_path} (not a file that can be edited)"


def _of_trial_merge(repo: Repo, base: CommitSha, head: CommitSha) -> Mapping[str, bytes]:
    """From the merge that GitLab itself tried for the merge request of that head."""
    request = _request_of(repo, base, head)
    if request.is_settled and request.conflicts:
        raise _Conflict
    try:
        trial = repo.writer.get(Ref, repo.path(f"merge_requests/{request.iid}/merge_ref")).commit_id
    except Rejected as error:
        raise NotYet(f"merge request {request.iid}: GitLab has no trial merge yet: {error.text}") from None
    if repo.commit(trial).parent_ids != (base, head):
        raise NotYet(f"merge request {request.iid}: GitLab's trial merge is not of {base[:10]} and {head[:10]} yet")
    return _bytes(repo, repo.comparison(base, trial, straight=True), trial)


def _request_of(repo: Repo, base: CommitSha, head: CommitSha) -> MergeRequest:
    listed = repo.for_now(
        "requests of", head, read=lambda: repo.writer.get(list[MergeRequest], repo.path(f"repository/commits/{head}/merge_requests"))
    )
    found = next((request for request in listed if request.state == "opened" and request.head == head), None)
    if found is None:
        raise NotYet(f"{head[:10]} and {base[:10]} change the same file, and GitLab knows no open merge request that would try them")
    return repo.settled(found.iid)


# ── The merge ────────────────────────────────────────────────────────────────────────────────────────────────────────
def merge(repo: Repo, number: int, *, head: CommitSha, base: CommitSha, message: str) -> Merged | Queued | MergeRefused:
    """Merge the reviewed head, if nothing that it touches moved in the base since `base`."""
    merger = repo.merger
    if merger is None:
        raise Refused("gitlab: no merger's token here: only `merge` has one (TRIMTAB_GITLAB_MERGER_TOKEN)")
    if repo.project.archived:
        return no("not-allowed", f"{repo.project.path_with_namespace} is archived")
    repo.memory.forget()
    request = repo.settled(number)
    refusal = _refusal(repo, request, head, base)
    if refusal is not None:
        return refusal
    if repo.project.merge_trains_enabled:
        return _board(repo, merger, number, head)
    # A squash would make another commit than the one that was reviewed.
    body = {"sha": head, "merge_commit_message": message, "squash": False, "should_remove_source_branch": True}
    try:
        answer = repo.send(MergeRequest, "put", f"merge_requests/{number}/merge", body, by=merger)
    except Rejected as error:
        return _after_refusal(repo, number, error)
    except Limited:
        raise
    except Upstream as error:
        answer = repo.request(number)
        if answer.state == "opened":
            return no("unknown", f"the answer was lost, and merge request {number} is still open: {error}")
    return _merged(repo, answer, head)


def _refusal(repo: Repo, request: MergeRequest, head: CommitSha, base: CommitSha) -> MergeRefused | None:
    if request.state != "opened":
        return no("not-open", f"merge request {request.iid} is {request.state}")
    if request.head != head:
        return no("head-moved", f"the head is {request.head}, reviewed was {head}")
    if request.source_project_id != request.target_project_id:
        return no("not-allowed", f"merge request {request.iid} comes from another project")
    if request.is_settled and request.conflicts:
        return no("conflict", f"merge request {request.iid} does not merge into {request.target_branch} without a conflict")
    moved = _moved(repo, request.target_branch, head, base)
    if moved is not None:
        return moved
    if not request.is_settled:
        raise NotYet(f"merge request {request.iid}: GitLab says {request.detailed_merge_status}; ask again")
    return refused_by(request.detailed_merge_status) or _pipeline_refusal(repo, request)


def _moved(repo: Repo, branch: str, head: CommitSha, base: CommitSha) -> MergeRefused | None:
    """What moved in the base since it was looked at. GitLab pins the head only, so this is read just before."""
    tip = repo.head(branch)
    if tip == base:
        return None
    if tip is None or not repo.holds(tip, base):
        return no("base-moved", f"{branch} was rewritten: it no longer holds {base}")
    since, ours = repo.comparison(base, tip), repo.comparison(base, head)
    if not (since.is_whole and ours.is_whole) or overlap(since.paths, ours.paths):
        return no("base-moved", f"{', '.join(sorted(since.paths & ours.paths)) or 'too much'} changed in {branch} since {base}")
    return None


def _pipeline_refusal(repo: Repo, request: MergeRequest) -> MergeRefused | None:
    """GitLab can say "mergeable" of a head that no pipeline ran on: right after a push it still looks at the one before."""
    pipeline = _pipeline_of(repo, request)
    if pipeline is None:
        missing = repo.project.only_allow_merge_if_pipeline_succeeds is True
        return no("checks", f"no pipeline ran on {request.head}, and the project asks for one") if missing else None
    if pipeline.status != "success":
        return no("checks", f"pipeline {pipeline.id} is {pipeline.status}")
    if pipeline.sha != request.head and not _is_of_merge(repo, pipeline, request.head):
        return no("checks", f"pipeline {pipeline.id} ran on {pipeline.sha}, not on {request.head}")
    return None


def _pipeline_of(repo: Repo, request: MergeRequest) -> Pipeline | None:
    """The newest that CI made: a status alone makes a pipeline too, "external", and everybody with write access can set one."""
    shown = request.head_pipeline
    if shown is None or shown.source != "external":
        return shown
    made = [each for each in repo.pipelines(request.head) if each.source != "external"]
    return max(made, key=lambda pipeline: pipeline.id, default=None)


def _is_of_merge(repo: Repo, pipeline: Pipeline, head: CommitSha) -> bool:
    """True where it ran on a merge of that very head into the base, as pipelines for merged results do."""
    commit = repo.for_good(
        "commit", pipeline.sha, read=lambda: repo.writer.find(RawCommit, repo.path(f"repository/commits/{pipeline.sha}"))
    )
    return commit is not None and commit.parent_ids[1:] == (head,)


def _board(repo: Repo, merger: Api, number: int, head: CommitSha) -> Queued | MergeRefused:
    """Into the merge train, which merges on its own pipeline."""
    body: dict[str, Any] = {"sha": head, "squash": False}
    try:
        repo.send(list[Car], "post", f"merge_trains/merge_requests/{number}", body, by=merger)
    except Rejected as error:
        return _after_refusal(repo, number, error)
    except Limited:
        raise
    except Upstream:
        waiting = repo.request(number)
        if not waiting.merge_when_pipeline_succeeds or waiting.head != head:
            raise
    return Queued(detail=f"merge request {number} is in the merge train")


def _after_refusal(repo: Repo, number: int, error: Rejected) -> MergeRefused:
    """GitLab answers 405 to a dozen things; what the merge request says now is clearer."""
    answer = refused_with(error.status, error.text)
    if answer.reason not in ("unknown", "conflict"):
        return answer
    request = repo.settled(number)
    if request.state != "opened":
        return no("not-open", f"merge request {number} is {request.state}")
    told = refused_by(request.detailed_merge_status) if request.is_settled else None
    return no(told.reason, f"{answer.detail}; {told.detail}") if told else answer


def _merged(repo: Repo, answer: MergeRequest, head: CommitSha) -> Merged:
    """The commit that it became. GitLab answers before it is done where it has much to do."""
    for pause in _PAUSES:
        if answer.state == "merged":
            break
        repo.writer.sleep(pause)
        answer = repo.writer.get(MergeRequest, repo.path(f"merge_requests/{answer.iid}"))
    commit = answer.result
    if commit is None or answer.head != head:
        raise NotYet(f"merge request {answer.iid}: GitLab took the merge of {head[:10]} and says {answer.state}; look again")
    return Merged(commit=commit)
