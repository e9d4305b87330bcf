"""Approvals as reviews, and logins as the numbers that GitLab wants."""

from collections.abc import Callable, Iterator, Sequence

from trimtab.adapters.gitlab.protocol import (
    DEVELOPER,
    NO_COMMIT,
    Approvals,
    ApprovalSettings,
    Member,
    MergeRequest,
    User,
    Version,
)
from trimtab.adapters.gitlab.repo import Repo, optional, quoted
from trimtab.records import CommitSha, Review


def reviews(repo: Repo, number: int, settings: Callable[[], ApprovalSettings | None]) -> tuple[Review, ...]:
    """The approvals there are now, each with the commit that it is known to be for.

    GitLab keeps no commit with an approval. It is the head's only where a push takes approvals away, and even then not for approvals
    that are older than GitLab's taking in of that head: they are removed a moment later, and stay if the push came while it was closed.
    """
    given = repo.for_now("approvals", number, read=lambda: repo.writer.get(Approvals, repo.path(f"merge_requests/{number}/approvals")))
    if not given.approved_by:
        return ()
    request = repo.request(number)
    held_to = settings()
    newest = _newest_version(repo, request) if held_to and held_to.voids_old_approvals else None
    members = {member.id: member for member in _members(repo, [approval.user for approval in given.approved_by])}
    return tuple(
        Review(
            login=approval.user.username,
            state="approved",
            commit=request.head if newest and approval.approved_at and approval.approved_at >= newest.created_at else NO_COMMIT,
            at=approval.approved_at or request.updated_at,
            may_write=_may_write(members.get(approval.user.id)),
            is_bot=_is_bot(repo, approval.user),
        )
        for approval in given.approved_by
    )


def _newest_version(repo: Repo, request: MergeRequest) -> Version | None:
    """The taking in of the head; None = GitLab has not come to it, or still works on its approvals."""
    if request.detailed_merge_status == "approvals_syncing":
        return None
    path = repo.path(f"merge_requests/{request.iid}/versions")
    versions = repo.for_now("versions", request.iid, read=lambda: repo.writer.every(Version, path))
    newest = max(versions, key=lambda version: version.created_at, default=None)
    return newest if newest and newest.head_commit_sha == request.head != CommitSha("") else None


def _members(repo: Repo, users: Sequence[User]) -> list[Member]:
    query = {"user_ids[]": [user.id for user in users]}
    ids = tuple(sorted(user.id for user in users))
    return repo.for_now("members", ids, read=lambda: repo.writer.every(Member, repo.path("members/all"), **query))


def _may_write(member: Member | None) -> bool:
    return member is not None and member.access_level >= DEVELOPER and member.state == "active"


def _is_bot(repo: Repo, user: User) -> bool:
    """Only the user's own page says it for sure; where it says nothing, it is taken for one."""
    if user.looks_like_bot:
        return True
    found = repo.memory.for_good(("user", user.id), lambda: optional(lambda: repo.writer.get(User, f"/users/{user.id}")))
    return found is None or found.bot is not False


def reviewer_ids(repo: Repo, logins: Sequence[str]) -> list[int]:
    """Numbers of those whom GitLab knows; a group cannot be asked to review there."""
    return sorted(set(_ids(repo, logins)))


def _ids(repo: Repo, logins: Sequence[str]) -> Iterator[int]:
    for login in dict.fromkeys(login.removeprefix("@") for login in logins if "/" not in login):
        found = repo.memory.for_good(("login", login.lower()), lambda login=login: _user(repo, login))  # type: ignore[misc]
        if found is not None:
            yield found.id


def _user(repo: Repo, login: str) -> User | None:
    users = repo.writer.get(list[User], f"/users?username={quoted(login)}")
    return next((user for user in users if user.username.lower() == login.lower() and user.state == "active"), None)
