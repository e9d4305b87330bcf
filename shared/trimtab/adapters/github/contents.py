"""Files and histories: what is named by the id of a commit, read once and proven by that id."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from trimtab.adapters.github import answers, queries
from trimtab.adapters.github.answers import Comparison, told
from trimtab.adapters.github.client import Denied
from trimtab.adapters.github.objects import (
    LARGEST,
    REGULAR,
    Entry,
    Tree,
    difference,
    disjoint_merge,
    entries_of,
    named,
    tree_id,
    with_files,
)
from trimtab.adapters.github.reading import Reader, owner_of
from trimtab.changes import git_blob
from trimtab.errors import BadInput, NotYet, Refused, Upstream
from trimtab.records import Commit, CommitSha

_BLOBS_AT_ONCE = 50
_INLINE = 400_000
"""Bytes of a file from which on GraphQL cuts its text; what is larger is read by itself."""
_COMMIT_PAGES = 10


@dataclass(frozen=True, slots=True)
class Contents:
    """Commits, trees and blobs of the repositories."""

    reader: Reader

    def merge_changes(self, repo: str, base: CommitSha, head: CommitSha) -> Mapping[str, bytes] | None:
        """What a three-way merge would change in base; None = it conflicts.

        The listing of the base, the changed blobs and the id of head's tree are believed only together: the id proves the rest.
        """
        found = self.compare(repo, base, head)
        if found is None:
            return None
        if not found.commits:
            return {}
        before = self.tree(repo, base)
        after = self._merged_tree(repo, base, head, found)
        if after is None:
            return None
        changed = difference(before, after)
        names = {path: named(path, *pair) for path, pair in changed.items()}
        contents = self.bytes_of(repo, (entry for path, (_, entry) in changed.items() if entry is not None and names[path] == path))
        found_bytes = {path: contents.get(entry.oid) if entry and names[path] == path else b"" for path, (_, entry) in changed.items()}
        return {names[path] if content is not None else f"{path} (too large)": content or b"" for path, content in found_bytes.items()}

    def read_files(self, repo: str, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The regular files among these paths; one over 5 MB is left out."""
        tree = self.tree(repo, commit)
        wanted = {path: tree[path] for path in paths if path in tree and tree[path].mode in REGULAR}
        contents = self.bytes_of(repo, wanted.values())
        return {path: content for path, entry in wanted.items() if (content := contents[entry.oid]) is not None}

    def commits(self, repo: str, base: CommitSha, head: CommitSha) -> tuple[Commit, ...]:
        """Commits reachable from head and not from base, oldest first. Refused where the two have nothing in common."""
        found = self.compare(repo, base, head)
        if found is None:
            raise Refused(f"{base[:10]} and {head[:10]} of {repo!r} have no history in common")
        return found.commits

    def compare(self, repo: str, base: CommitSha, head: CommitSha) -> Comparison | None:
        """None = no history in common."""
        return self.reader.memory.fixed(("compare", repo, base, head), lambda: self._read_comparison(repo, base, head))

    @told
    def _read_comparison(self, repo: str, base: CommitSha, head: CommitSha) -> Comparison | None:
        place = f"/repos/{self.reader.repo(repo).name}/compare/{base}...{head}"
        pages: list[Mapping[str, Any]] = []
        while not pages or sum(len(page["commits"]) for page in pages) < pages[0]["total_commits"]:
            if len(pages) == _COMMIT_PAGES:
                raise Refused(f"{head[:10]} of {repo!r} is over {100 * _COMMIT_PAGES} commits away from {base[:10]}: a person must look")
            try:
                pages.append(self.reader.caller.get(place, {"per_page": 100, "page": len(pages) + 1}))
            except Denied as error:
                if "no common ancestor" in error.detail.lower():
                    return None
                raise
            if not pages[-1]["commits"] and pages[0]["total_commits"]:
                raise Upstream(f"GitHub: {place}: fewer commits than it says there are")
        return answers.comparison_of(pages, self.reader.login)

    def tree(self, repo: str, commit: str) -> Tree:
        """Everything in a commit, by path."""
        return self.reader.memory.fixed(("tree", repo, commit), lambda: self._read_tree(repo, commit))

    @told
    def _read_tree(self, repo: str, commit: str) -> Tree:
        try:
            answer = self.reader.caller.get(f"/repos/{self.reader.repo(repo).name}/git/trees/{quote(commit, safe='')}", {"recursive": "1"})
        except Denied as error:
            raise Refused(f"commit {commit[:10]} of {repo!r} cannot be listed: {error.detail}") from None
        if answer["truncated"]:
            raise BadInput(f"repository {repo!r}: more files than GitHub lists at once; give the cluster files a repo of their own")
        return entries_of(answer["tree"])

    def _merged_tree(self, repo: str, base: CommitSha, head: CommitSha, found: Comparison) -> Tree | None:
        """The tree of a three-way merge; None = it conflicts."""
        fork = self.tree(repo, found.fork)
        after = self._tree_of_head(repo, head, fork, found)
        if found.fork == base:
            return after
        merged = disjoint_merge(fork, self.tree(repo, base), after)
        return merged if merged is not None else self._test_merge(repo, base, head)

    def _tree_of_head(self, repo: str, head: CommitSha, fork: Tree, found: Comparison) -> Tree:
        """Worked out from what changed, if the id of the result is head's; else listed."""
        tip = next((commit for commit in found.commits if commit.sha == head), None)
        guess = with_files(fork, found.files)
        if tip is not None and found.is_complete and tree_id(guess) == tip.tree:
            return guess
        return self.tree(repo, head)

    @told
    def _test_merge(self, repo: str, base: CommitSha, head: CommitSha) -> Tree | None:
        """GitHub's own merge of the two, where it has made one; its parents must be these. Raises NotYet where it has not."""
        node = self.reader.repository(repo, queries.TEST_MERGE, {"oid": head})["object"] or {}
        for pull in (node.get("associatedPullRequests") or {}).get("nodes") or ():
            if (
                pull["state"] != "OPEN"
                or pull["isCrossRepository"]
                or (pull["headRefOid"], answers.tip_of(pull["baseRef"])) != (head, base)
            ):
                continue
            if pull["mergeable"] == "CONFLICTING":
                return None
            made = pull["potentialMergeCommit"]
            if made and [parent["oid"] for parent in made["parents"]["nodes"]] == [base, head]:
                return self.tree(repo, str(made["oid"]))
        raise NotYet(f"GitHub: {repo!r}: what merging {head[:10]} into {base[:10]} makes is still being worked out")

    def bytes_of(self, repo: str, entries: Iterable[Entry]) -> Mapping[str, bytes | None]:
        """Blob id → bytes, None where it is too large; each is checked against its id, so that no encoding on the way changes a byte."""
        sizes = {entry.oid: entry.size for entry in entries}
        found: dict[str, bytes | None] = {oid: None if size > LARGEST else self.reader.memory.blob(oid) for oid, size in sizes.items()}
        wanted = [oid for oid, size in sizes.items() if found[oid] is None and size <= LARGEST]
        small = [oid for oid in wanted if sizes[oid] <= _INLINE]
        for start in range(0, len(small), _BLOBS_AT_ONCE):
            for oid, (size, content) in self._texts(repo, small[start : start + _BLOBS_AT_ONCE]).items():
                sizes[oid], found[oid] = size, content
        for oid in wanted:
            content = found[oid] if found[oid] is not None or sizes[oid] > LARGEST else self._blob(repo, oid)
            found[oid] = content
            if content is not None:
                self.reader.memory.keep_blob(oid, content)
        return found

    @told
    def _texts(self, repo: str, oids: list[str]) -> dict[str, tuple[int, bytes | None]]:
        """Blob id → (size, bytes); None where the text is not the bytes: cut, binary, with a mark, or of another encoding."""
        document, variables = queries.blobs(oids)
        node = self.reader.caller.ask(document, {**owner_of(self.reader.repo(repo).name), **variables})["repository"]
        texts = {oid: (int(node[key]["byteSize"]), str(node[key]["text"] or "").encode()) for key, oid in variables.items() if node[key]}
        return {oid: (size, content if git_blob(content) == oid else None) for oid, (size, content) in texts.items()}

    @told
    def _blob(self, repo: str, oid: str) -> bytes:
        answer = self.reader.caller.get(f"/repos/{self.reader.repo(repo).name}/git/blobs/{oid}")
        content = base64.b64decode(answer["content"]) if answer["encoding"] == "base64" else str(answer["content"]).encode()
        if git_blob(content) != oid:
            raise Upstream(f"GitHub: blob {oid} of {repo!r} is not what its id says")
        return content
