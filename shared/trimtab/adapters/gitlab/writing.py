"""One commit of ours on a branch: made where there is none, put in the place of our last one where there is (docs/decisions/0014).

GitLab's `commits` call can create a branch, and fails where it exists. What it cannot do is replace a branch's commit only if nobody
pushed meanwhile: `force` takes whatever is there. So the commit is made on a branch of its own, and the branch is moved by git itself,
from the commit that we saw to the one that we made. A commit that somebody else pushed in between makes that fail, and stays.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.adapters.gitlab import push
from trimtab.adapters.gitlab.api import Limited, Rejected
from trimtab.adapters.gitlab.files import read_files, remember
from trimtab.adapters.gitlab.merging import merge_changes
from trimtab.adapters.gitlab.protocol import Comparison, Diff, RawCommit
from trimtab.adapters.gitlab.repo import Repo
from trimtab.adapters.localforge.forge import ours
from trimtab.adapters.localforge.git import checked_path, checked_ref, checked_sha
from trimtab.errors import Broken, Refused, Upstream
from trimtab.records import CommitSha

STAGED = "trimtab-staged/"
"""Where a commit waits for the branch that it is for: at most between two calls."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit of ours says."""

    parent: CommitSha
    files: Mapping[str, bytes]
    message: str

    def name(self, branch: str) -> str:
        """The same change for the same branch has the same name, so that whoever died half-way is followed by who finds it."""
        digest = hashlib.sha256(repr((branch, self.parent, self.message, sorted(self.files.items()))).encode())
        return f"{STAGED}{digest.hexdigest()[:24]}"


def commit_files(repo: Repo, branch: str, expected: CommitSha | None, change: Change) -> CommitSha | None:
    """As the port says."""
    if not change.files:
        raise Refused(f"branch {branch}: a commit without files")
    checked_ref(branch), checked_sha(change.parent)
    there = repo.head(branch)
    if there is None and expected is None:
        made = _create(repo, branch, change)
        if made is not None:
            return made
        there = repo.head(branch)
    if there is None:
        return None
    if _is_done(repo, there, change):
        return there
    # A branch without a commit of its own is nobody's work yet.
    return _replace(repo, branch, there, change) if there == (expected or change.parent) else None


def delete_branch(repo: Repo, branch: str, expected: CommitSha) -> bool:
    """As the port says; git compares, since GitLab's own call deletes whatever is there."""
    checked_ref(ours(branch)), checked_sha(expected)
    try:
        body = push.delete(branch, expected)
        refusal: str | None = push.outcome(repo.writer.push(repo.project.path_with_namespace, body, push.REQUEST), branch)
    except Rejected as error:
        refusal = f"{error.status} {error.text}"
    except Upstream:
        repo.memory.forget()
        if repo.head(branch) == expected:
            raise
        return repo.head(branch) is None
    repo.memory.forget()
    if refusal is not None and repo.head(branch) == expected:
        raise Refused(f"branch {branch}: GitLab does not let the writer delete it: {refusal}")
    return refusal is None


def _is_done(repo: Repo, head: CommitSha, change: Change) -> bool:
    """True where `head` is that very change: one commit on its parent, pushed by our token, with these bytes and no others."""
    if repo.commit(head).parent_ids != (change.parent,) or not repo.comparison(change.parent, head).paths <= change.files.keys():
        return False
    changes = merge_changes(repo, change.parent, head)
    before = read_files(repo, change.parent, tuple(change.files))
    is_same = changes is not None and dict(changes) == {path: text for path, text in change.files.items() if before.get(path) != text}
    return is_same and repo.is_ours_by_now(head)


def _create(repo: Repo, branch: str, change: Change) -> CommitSha | None:
    """Branch and commit in one call; None = there is a branch of that name now, ours or somebody else's."""
    before = read_files(repo, change.parent, tuple(map(checked_path, change.files)))
    actions = [
        {
            "action": "update" if path in before else "create",
            "file_path": path,
            "content": base64.b64encode(content).decode(),
            "encoding": "base64",
        }
        for path, content in sorted(change.files.items())
    ]
    body = {"branch": branch, "start_sha": change.parent, "commit_message": change.message, "actions": actions}
    try:
        commit = repo.send(RawCommit, "post", "repository/commits", body)
    except Limited:
        raise
    except (Rejected, Upstream):
        # Rejected: it exists. Upstream: nobody knows; what is there now says.
        if repo.head(branch) is None:
            raise
        return None
    if commit.parent_ids != (change.parent,):
        raise Broken(f"branch {branch}: GitLab made {commit.id} on {commit.parent_ids}, not on {change.parent}; a person must look")
    _know(repo, commit, change, before)
    repo.note_head(branch, commit.id)
    return commit.id


def _know(repo: Repo, commit: RawCommit, change: Change, before: Mapping[str, bytes]) -> None:
    """What we made need not be read again."""
    repo.made(commit.id)
    repo.memory.keep((repo.project.id, "commit", commit.id), commit)
    changed = {path: content for path, content in change.files.items() if before.get(path) != content}
    if any(path not in before for path in changed):
        # Which mode a new file got is GitLab's to say.
        return
    diffs = tuple(Diff(old_path=path, new_path=path, a_mode="100644", b_mode="100644") for path in changed)
    known = Comparison(commits=(commit,), diffs=diffs)
    repo.memory.keep((repo.project.id, "comparison", change.parent, commit.id, False), known)
    repo.memory.keep((repo.project.id, "changes", change.parent, commit.id), changed)
    for content in changed.values():
        remember(repo, content)


def _replace(repo: Repo, branch: str, old: CommitSha, change: Change) -> CommitSha | None:
    """Move the branch from `old` to a new commit on its parent; None = it was not at `old` any more, and stays as it is."""
    staged = change.name(branch)
    new = _create(repo, staged, change) or repo.head(staged)
    if new is None or not _is_done(repo, new, change):
        raise Refused(f"branch {staged}: GitLab does not say that Trimtab made what it holds; delete the branch, its name is Trimtab's own")
    try:
        refusal: str | None = push.outcome(
            repo.writer.push(repo.project.path_with_namespace, push.move(branch, old, new, staged=staged), push.REQUEST), branch
        )
    except Rejected as error:
        refusal = f"{error.status} {error.text}"
    except Upstream:
        repo.memory.forget()
        if repo.head(branch) != new:
            raise
        refusal = None
    repo.memory.forget()
    if refusal is None:
        repo.note_head(branch, new)
        return new
    now = repo.head(branch)
    if now == old:
        raise Refused(
            f"branch {branch}: GitLab does not let the writer replace its commit ({refusal}); give its token the scope write_repository, "
            "and where trimtab/* is protected, allow it to force push there"
        )
    return new if now == new else None
