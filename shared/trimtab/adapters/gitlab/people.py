"""Approvals as reviews, who is who and who is in a group, and logins as the numbers that GitLab wants."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from trimtab.adapters.gitlab.api import Api, Rejected
from trimtab.adapters.gitlab.memory import Memory
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


def account(repo: Repo, login: str) -> Literal["active", "bot", "gone"] | None:
    """Active = a person who may push here, for only their approval counts; whoever has no such access any more is gone."""
    user = repo.memory.for_now(("user named", login.lower()), lambda: _named(repo, login))
    if user is None or user.state != "active":
        return "gone"
    if _is_bot(repo, user):
        return "bot"
    read = functools.partial(repo.writer.find, Member, repo.path(f"members/all/{user.id}"))
    member = repo.for_now("member", user.id, read=lambda: optional(read))
    return "active" if _may_write(member) else "gone"


def members(api: Api, memory: Memory, group: str) -> tuple[str, ...] | None:
    """Logins of a group's own members, without those of the groups around it and below it."""

    def read() -> tuple[str, ...] | None:
        try:
            found = api.every(User, f"/groups/{quoted(group)}/members")
        except Rejected as error:
            if error.status != 404:
                raise
            return None
        return tuple(sorted(user.username for user in found if user.state == "active" and not user.looks_like_bot))

    return memory.for_now(("group", group.lower()), read)


def reviewer_ids(repo: Repo, logins: Sequence[str]) -> list[int]:
    """Numbers of those whom GitLab knows; a group cannot be asked to review there."""
    return sorted(set(_ids(repo, logins)))


def _ids(repo: Repo, logins: Sequence[str]) -> Iterator[int]:
    for login in dict.fromkeys(login.removeprefix("@") for login in logins if "/" not in login):
        found = repo.memory.for_good(("login", login.lower()), lambda login=login: _user(repo, login))  # type: ignore[misc]
        if found is not None:
            yield found.id


def _user(repo: Repo, login: str) -> User | None:
    user = _named(repo, login)
    return user if user and user.state == "active" else None


def _named(repo: Repo, login: str) -> User | None:
    users = repo.writer.get(list[User], f"/users?username={quoted(login)}")
    return next((user for user in users if user.username.lower() == login.lower()), None)
