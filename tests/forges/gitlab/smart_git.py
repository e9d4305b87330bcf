"""git push over HTTP: real `git receive-pack`, after GitLab's own rules for branches. Only what a client may send in one request."""

import os
import subprocess
from dataclasses import dataclass

from tests.forges.gitlab.pushes import pushed
from tests.forges.gitlab.records import DEVELOPER, Project, Site, User
from tests.forges.gitlab.server import Answer
from trimtab.adapters.localforge.git import git

_NOTHING = "0" * 40
_KIND = {"Content-Type": "application/x-git-receive-pack-result"}


@dataclass(frozen=True, slots=True)
class _Update:
    old: str
    new: str
    branch: str


def received(site: Site, project: Project | None, user: User | None, content: bytes) -> Answer:
    """The answer to `POST <project>.git/git-receive-pack`; GitLab takes all refs of a push or none."""
    if user is None:
        return Answer(b"HTTP Basic: Access denied.", 401, {"WWW-Authenticate": 'Basic realm="GitLab"', "Content-Type": "text/plain"})
    if project is None or project.access(user) < DEVELOPER:
        return Answer(b"The project you were looking for could not be found.", 403 if project else 404, {"Content-Type": "text/plain"})
    updates = list(_updates(content))
    no = next(filter(None, (_forbidden(project, user, update) for update in updates)), "")
    if no:
        return Answer(_declined(updates, no), headers=_KIND)
    before = {update.branch: project.bare.head(update.branch) for update in updates}
    command = [git(), "receive-pack", "--stateless-rpc", str(project.bare.path)]
    fixed = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent"}
    done = subprocess.run(command, input=content, capture_output=True, check=False, env=fixed)
    for update in updates:
        now = project.bare.head(update.branch)
        if now != before[update.branch]:
            pushed(site, project, update.branch, before[update.branch], now, user)
    return Answer(done.stdout, headers=_KIND)


def _updates(content: bytes) -> list[_Update]:
    found, at = [], 0
    while size := int(content[at : at + 4], 16):
        old, new, ref = content[at + 4 : at + size].split(b"\0")[0].decode().strip().split(" ")
        found.append(_Update(old, new, ref.removeprefix("refs/heads/")))
        at += size
    return found


def _forbidden(project: Project, user: User, update: _Update) -> str:
    if not project.may_push(user, update.branch):
        return "You are not allowed to push code to protected branches on this project."
    if update.new == _NOTHING:
        return "You can only delete protected branches using the web interface." if project.protection(update.branch) else ""
    protections = project.protection(update.branch)
    is_forced = update.old != _NOTHING and not project.bare.is_ancestor(update.old, update.new)
    if is_forced and protections and not any(each.may_force for each in protections):
        return "You are not allowed to force push code to a protected branch on this project."
    return ""


def _declined(updates: list[_Update], why: str) -> bytes:
    """As a pre-receive hook that says no."""
    report = b"".join(
        [_line(b"unpack ok\n"), *(_line(f"ng refs/heads/{each.branch} pre-receive hook declined\n".encode()) for each in updates)]
    )
    return _line(b"\x02GitLab: " + why.encode() + b"\n") + _line(b"\x01" + report + b"0000") + b"0000"


def _line(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content
