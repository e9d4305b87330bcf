"""Quick actions, carried out as whoever sent the text: `/merge` in a description that we send is our merge."""

from contextlib import suppress

from tests.forges.gitlab import merging
from tests.forges.gitlab.commands import commands_in
from tests.forges.gitlab.records import DEVELOPER, Issue, MergeRequest, Site, User
from tests.forges.gitlab.server import No


def obeyed(site: Site, target: MergeRequest | Issue, user: User, text: str) -> None:
    """Do what a text's quick actions say, as far as the user may; each is remembered, allowed or not."""
    sign = "!" if isinstance(target, MergeRequest) else "#"
    for command, rest in commands_in(text):
        site.fired.append(f"/{command} {rest}".strip() + f" by {user.username} in {sign}{target.iid}")
        if isinstance(target, MergeRequest):
            with suppress(No):
                _act(site, target, user, command, rest)
        elif command in ("close", "reopen"):
            target.state = "closed" if command == "close" else "opened"


def _act(site: Site, request: MergeRequest, user: User, command: str, rest: str) -> None:
    if request.project.access(user) < DEVELOPER:
        return
    match command:
        case "merge":
            merging.accept(site, request, user, sha=None)
        case "approve":
            request.approvals[user.id] = site.now()
        case "unapprove":
            request.approvals.pop(user.id, None)
        case "close":
            request.state, request.closed_by = "closed", user
        case "reopen":
            request.state = "opened"
        case "title":
            request.title = rest
        case "target_branch":
            request.target_branch = rest
        case "label" | "labels":
            request.labels += rest.replace("~", "").split()
        case "draft" | "wip":
            request.title = f"Draft: {request.title}"
        case "ready":
            request.title = request.title.removeprefix("Draft: ")
        case "rebase":
            request.rebasing, request.rebase_by = 1, user
