"""Who had a hand in a file: by the pushes that GitLab wrote down and the merge requests that brought its commits, not by their dates."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from trimtab.adapters.gitlab.api import Rejected
from trimtab.adapters.gitlab.protocol import MergeRequest, Push, RawCommit
from trimtab.adapters.gitlab.repo import Repo
from trimtab.adapters.histories import Move, movers
from trimtab.adapters.localforge.git import NOTHING
from trimtab.records import CommitSha

_PAGES = 10
"""A thousand pushes; a project with more in a week is not looked through."""
_MOST = 30
"""So many commits of a file are asked about one by one."""


def touched_by(repo: Repo, branch: str, tip: CommitSha, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
    """As the port says; None = more pushes than are looked through, or a history that GitLab no longer compares."""
    pushes = repo.for_now("pushes since", since, read=lambda: _pushes(repo, since))
    if pushes is None:
        return None
    # Of many branches that were pushed at once GitLab keeps no names: it may have been this one.
    hidden = frozenset(push.author_username for push in pushes if push.push_data and push.push_data.ref is None)
    moves = [move for push in pushes if (move := _move(push, branch))]
    if not moves or moves[-1].before == tip:
        return hidden
    if moves[-1].before == NOTHING:
        return None
    try:
        young = {commit.id: commit for commit in repo.comparison(moves[-1].before, tip).commits}
    except Rejected:
        return None
    touching = [sha for path in paths for sha in _changed(repo, tip, path) if sha in young]
    pushers = movers(moves, touching, {sha: commit.parent_ids for sha, commit in young.items()})
    if len(touching) > _MOST:
        return hidden | {push.author_username for push in pushes}
    requests = {request.iid: request for sha in dict.fromkeys(touching) for request in _requests(repo, sha)}
    sources = {request.source_branch for request in requests.values()}
    helpers = {push.author_username for push in pushes if push.push_data and push.push_data.ref in sources}
    named = {user.username for request in requests.values() for user in (request.author, request.merge_user) if user}
    return hidden | pushers | helpers | named


def _pushes(repo: Repo, since: datetime) -> list[Push] | None:
    """Every push to the project since then, newest first; GitLab takes a day, and none of that day itself."""
    day = (since - timedelta(days=1)).date()
    found, is_whole = repo.writer.first(Push, repo.path("events"), _PAGES, action="pushed", after=str(day))
    return [push for push in found if push.created_at is None or push.created_at >= since] if is_whole else None


def _move(push: Push, branch: str) -> Move | None:
    said = push.push_data
    if said is None or said.ref_type != "branch" or said.ref != branch or said.commit_to is None:
        return None
    return Move(before=CommitSha(said.commit_from or NOTHING), after=CommitSha(said.commit_to), by=push.author_username)


def _changed(repo: Repo, tip: CommitSha, path: str) -> list[CommitSha]:
    """The newest commits that changed a file or folder."""
    found = repo.for_good(
        "changed", tip, path, read=lambda: repo.writer.first(RawCommit, repo.path("repository/commits"), 1, ref_name=tip, path=path)[0]
    )
    return [commit.id for commit in found]


def _requests(repo: Repo, sha: CommitSha) -> list[MergeRequest]:
    return repo.for_now(
        "requests of", sha, read=lambda: repo.writer.every(MergeRequest, repo.path(f"repository/commits/{sha}/merge_requests"))
    )
