"""What people do on a local forge: start a repository, push, review, merge by hand, set its rules; the page and the demo call these."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from trimtab.adapters.localforge import git
from trimtab.adapters.localforge.desk import Rules
from trimtab.adapters.localforge.forge import LocalForge, is_config
from trimtab.errors import Refused
from trimtab.records import CommitSha, Merged, MergeRefused, Queued


def init_bare(path: Path, files: Mapping[str, bytes], message: str, at: datetime, *, author: str = "platform-owner") -> CommitSha:
    """A new bare repository whose branch main holds one commit of these files."""
    repository = git.create(path)
    commit = repository.commit_files(None, files, message, author=author, at=at)
    repository.point("main", commit, None)
    return commit


def human_commit(
    forge: LocalForge, repo: str, branch: str, files: Mapping[str, bytes], *, message: str, login: str, at: datetime
) -> CommitSha:
    """A person pushes one commit to a branch. Refused where the repo's rules forbid it or somebody pushed first."""
    bare = forge.git(repo)
    is_guarded = forge.desk(repo).rules().protects_config and branch == bare.default_branch()
    if is_guarded and any(is_config(path) for path in files):
        raise Refused(f"repository {repo!r}: .trimtab/ changes by pull request only")
    head = forge.base_head(repo, branch)
    commit = bare.commit_files(head, files, message, author=login, at=at)
    if not bare.point(branch, commit, head):
        raise Refused(f"repository {repo!r}: branch {branch} moved meanwhile; push again")
    return commit


def human_branch(forge: LocalForge, repo: str, branch: str, commit: CommitSha) -> None:
    """A person makes a branch at a commit. Refused where it exists elsewhere."""
    if not forge.git(repo).point(branch, commit, None):
        raise Refused(f"repository {repo!r}: there is a branch {branch} already")


def review(
    forge: LocalForge,
    repo: str,
    number: int,
    login: str,
    state: Literal["approved", "changes-requested", "commented", "dismissed"],
    at: datetime,
    *,
    may_write: bool = True,
    is_bot: bool = False,
) -> None:
    """A person reviews the head as it is now; nobody approves their own pull request."""
    pull = forge.pull_request(repo, number)
    if pull.state != "open":
        raise Refused(f"pull request {number} is {pull.state}")
    if login == pull.author and state == "approved":
        raise Refused(f"pull request {number} is by {login}: somebody else must approve it")
    fact = {"login": login, "state": state, "commit": pull.head, "at": at.isoformat(), "may_write": may_write, "is_bot": is_bot}
    forge.desk(repo).add("reviews", number, {**fact})


def human_merge(forge: LocalForge, repo: str, number: int, *, login: str, at: datetime) -> Merged | Queued | MergeRefused:
    """A person presses the merge button: whatever is there now is merged, under the same rules."""
    pull = forge.pull_request(repo, number)
    person = LocalForge(forge.repositories, login, forge.page)
    message = f"Merge pull request {number} from {pull.head_ref}\n\nMerged-By: {login}"
    return person.merge(repo, number, head=pull.head, base=pull.base, message=message, at=at)


def set_group(forge: LocalForge, repo: str, group: str, logins: Sequence[str]) -> None:
    """Say who is in a group, which owners.yaml may name."""
    forge.desk(repo).say("groups", group, sorted(logins))


def set_account(forge: LocalForge, repo: str, login: str, state: Literal["active", "bot", "gone"]) -> None:
    """Say that an account is no person's, or that nobody has it any more."""
    forge.desk(repo).say("accounts", login, state)


def protect(forge: LocalForge, repo: str, rules: Rules) -> None:
    """Set what the repository demands of every merge."""
    forge.desk(repo).protect(rules)
