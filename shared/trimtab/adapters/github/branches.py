"""How a branch of ours is written: made, committed on and moved only where it is what it was when that was decided."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from trimtab.adapters.github import queries
from trimtab.adapters.github.answers import told
from trimtab.adapters.github.client import Answer
from trimtab.adapters.github.contents import Contents
from trimtab.adapters.github.messages import split
from trimtab.adapters.github.objects import LARGEST, REGULAR, tree_id
from trimtab.adapters.github.reading import Reader
from trimtab.adapters.localforge.forge import ours
from trimtab.adapters.localforge.git import checked_path, checked_ref
from trimtab.changes import git_blob
from trimtab.errors import Refused, Upstream
from trimtab.records import CommitSha

_STALE = ("STALE_DATA", "NOT_FOUND")


@dataclass(frozen=True, slots=True)
class Branches:
    """Our branches."""

    reader: Reader
    contents: Contents

    def commit_files(
        self, repo: str, branch: str, parent: CommitSha, expected: CommitSha | None, files: Mapping[str, bytes], message: str
    ) -> CommitSha | None:
        """One signed commit of `files` on `parent`, if the branch is still at `expected`; GitHub's own clock is its time."""
        self._check_files(repo, checked_ref(branch), parent, files)
        there = self.reader.tip(repo, branch)
        is_new = there is None and expected is None
        is_bare = there == parent and expected in (None, parent)
        if not (is_new or is_bare):
            ours = self._as_ours(repo, parent, there, files) if there is not None else None
            if ours is not None or there is None or there != expected:
                return ours
        for content in files.values():
            self.reader.memory.keep_blob(git_blob(content), content)
        if there is None or is_bare:
            return self._append(repo, branch, parent, there, files, message)
        return self._replace(repo, branch, parent, there, files, message)

    def _check_files(self, repo: str, branch: str, parent: CommitSha, files: Mapping[str, bytes]) -> None:
        if not files:
            raise Refused(f"branch {branch}: a commit without files")
        if self.reader.repo(repo).is_archived:
            raise Refused(f"repository {repo!r} is archived: nothing can be written to it")
        tree = self.contents.tree(repo, parent)
        for path, content in files.items():
            entry = tree.get(checked_path(path))
            if entry is not None and entry.mode not in REGULAR:
                raise Refused(f"{path}: it is a link or a submodule; only regular files are written")
            parts = path.split("/")
            if any("/".join(parts[:n]) in tree for n in range(1, len(parts))) or (
                entry is None and any(p.startswith(f"{path}/") for p in tree)
            ):
                raise Refused(f"{path}: a file and a folder cannot have one name")
            if len(content) > LARGEST:
                raise Refused(f"{path}: {len(content)} bytes; files over {LARGEST} are not written")

    def _append(
        self, repo: str, branch: str, parent: CommitSha, there: CommitSha | None, files: Mapping[str, bytes], message: str
    ) -> CommitSha | None:
        """Make the branch where there is none, and commit on it; both compare where it is."""
        known = self.reader.repo(repo)
        headline, body = split(message)
        additions = [{"path": path, "contents": base64.b64encode(content).decode()} for path, content in sorted(files.items())]
        commit = {
            "branch": {"repositoryNameWithOwner": known.name, "branchName": branch},
            "expectedHeadOid": parent,
            "message": {"headline": headline, **({"body": body} if body else {})},
            "fileChanges": {"additions": additions},
        }
        ref = {"repositoryId": known.node, "name": f"refs/heads/{branch}", "oid": parent}
        document = queries.COMMIT_NEW if there is None else queries.COMMIT_ON
        answer = self.reader.changed(
            lambda: self.reader.caller.mutate(document, {"commit": commit} | ({"ref": ref} if there is None else {}))
        )
        made = (answer.of("createCommitOnBranch") or {}).get("commit") if answer else None
        return CommitSha(str(made["oid"])) if made else self._look_again(repo, branch, parent, there, files, answer)

    def _replace(
        self, repo: str, branch: str, parent: CommitSha, there: CommitSha, files: Mapping[str, bytes], message: str
    ) -> CommitSha | None:
        """The same change on another parent: a commit that GitHub signs, for it names no author, swapped in if nobody pushed meanwhile."""
        known, tree = self.reader.repo(repo), self.contents.tree(repo, parent)
        rows = [
            {"path": path, "mode": tree[path].mode if path in tree else "100644", "type": "blob", "sha": self._upload(known.name, content)}
            for path, content in sorted(files.items())
        ]
        made_tree = self.reader.caller.send("POST", f"/repos/{known.name}/git/trees", {"base_tree": tree_id(tree), "tree": rows})["sha"]
        commit = self.reader.caller.send(
            "POST", f"/repos/{known.name}/git/commits", {"message": message, "tree": made_tree, "parents": [parent]}
        )
        update = {"name": f"refs/heads/{branch}", "beforeOid": there, "afterOid": commit["sha"], "force": True}
        answer = self.reader.changed(
            lambda: self.reader.caller.mutate(queries.MOVE, {"input": {"repositoryId": known.node, "refUpdates": [update]}})
        )
        if answer is not None and not answer.errors:
            return CommitSha(str(commit["sha"]))
        return self._look_again(repo, branch, parent, there, files, answer)

    def _upload(self, name: str, content: bytes) -> str:
        """A blob of these bytes, whatever they are; a tree made with text would have to be UTF-8."""
        sent = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
        return str(self.reader.caller.send("POST", f"/repos/{name}/git/blobs", sent)["sha"])

    def _look_again(
        self, repo: str, branch: str, parent: CommitSha, there: CommitSha | None, files: Mapping[str, bytes], answer: Answer | None
    ) -> CommitSha | None:
        """After a no or no answer, the branch itself says what happened. Raises Refused or Upstream where it is as it was."""
        now = self.reader.tip(repo, branch)
        if now is not None and now not in (parent, there):
            return self._as_ours(repo, parent, now, files)
        problem = answer.problem() if answer is not None else ""
        if answer is None or not problem:
            raise Upstream(f"GitHub: branch {branch} of {repo!r} was not written: the answer was lost")
        if there is None and now == parent and answer.of("createRef"):
            self._take_back(repo, branch, parent)
        elif now != there and any(error.get("type") in _STALE for error in answer.errors):
            return None
        raise Refused(f"GitHub: branch {branch} of {repo!r} was not written: {problem}")

    def below(self, repo: str, prefix: str) -> Mapping[str, CommitSha]:
        """Branches whose names begin so, and their tips."""
        return _tips(self.reader.caller.get(f"/repos/{self.reader.repo(repo).name}/git/matching-refs/heads/{quote(prefix)}"))

    def delete(self, repo: str, branch: str, expected: CommitSha) -> bool:
        """Delete a branch of ours if it is at that commit; GitHub itself compares."""
        update = {"name": f"refs/heads/{ours(branch)}", "beforeOid": expected, "afterOid": queries.DELETE, "force": True}
        known = self.reader.repo(repo)
        answer = self.reader.changed(
            lambda: self.reader.caller.mutate(queries.MOVE, {"input": {"repositoryId": known.node, "refUpdates": [update]}})
        )
        if answer is not None and not answer.errors:
            return True
        now = self.reader.tip(repo, branch)
        if now is None and answer is None:
            return True
        if now == expected:
            raise Upstream(f"GitHub: branch {branch} of {repo!r} was not deleted: {answer.problem() if answer else 'the answer was lost'}")
        return False

    def _take_back(self, repo: str, branch: str, parent: CommitSha) -> None:
        """The branch was made and its commit refused: an empty one is left to nobody, unless somebody has pushed to it meanwhile."""
        update = {"name": f"refs/heads/{branch}", "beforeOid": parent, "afterOid": queries.DELETE, "force": True}
        known = self.reader.repo(repo)
        self.reader.changed(
            lambda: self.reader.caller.mutate(queries.MOVE, {"input": {"repositoryId": known.node, "refUpdates": [update]}})
        )

    def _as_ours(self, repo: str, parent: CommitSha, head: CommitSha, files: Mapping[str, bytes]) -> CommitSha | None:
        """`head`, if it is one commit by us on `parent` that changes these files so and nothing else."""
        found = self.contents.compare(repo, parent, head)
        if found is None or len(found.commits) != 1 or found.fork != parent:
            return None
        (commit,) = found.commits
        if (commit.parents, commit.author, commit.committer) != ((parent,), self.reader.login, self.reader.login):
            return None
        return head if dict(self.contents.merge_changes(repo, parent, head) or {}) == dict(files) else None


@told
def _tips(rows: list[Mapping[str, Any]]) -> Mapping[str, CommitSha]:
    return {str(row["ref"]).removeprefix("refs/heads/"): CommitSha(str(row["object"]["sha"])) for row in rows}
