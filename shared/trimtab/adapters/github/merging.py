"""How a merge is sent: once, pinned to the reviewed head, after a look at the base; and what GitHub's no means."""

import re
from dataclasses import dataclass
from typing import Literal

from trimtab.adapters.github import queries
from trimtab.adapters.github.answers import Pull
from trimtab.adapters.github.client import Denied, Lost
from trimtab.adapters.github.contents import Contents
from trimtab.adapters.github.messages import split
from trimtab.adapters.github.reading import Reader
from trimtab.records import CommitSha, Merged, MergeRefused, PullRequest, Queued

_TRIES = 3
_Reason = Literal["head-moved", "base-moved", "conflict", "not-open", "not-allowed", "checks", "unknown"]


@dataclass(frozen=True, slots=True)
class Merging:
    """Merges pull requests, or puts them into the branch's queue."""

    reader: Reader
    contents: Contents

    def merge(self, repo: str, number: int, *, head: CommitSha, base: CommitSha, message: str) -> Merged | Queued | MergeRefused:
        """Merge the reviewed head, if nothing that it touches moved in the base since `base`; or put it into the merge queue.

        GitHub compares the head alone, so the base is compared right before; a base that moves after that is for the branch's rules.
        """
        for _ in range(_TRIES):
            self.reader.forget()
            pull = self.reader.pull(repo, number)
            refusal = self._refusal(repo, pull.record, head, base)
            if refusal is not None:
                return refusal
            answer = self._enqueue(repo, pull, head) if pull.has_queue else self._merge_now(repo, pull, head, message)
            if answer is not None:
                return answer
        return _no("base-moved", f"{_TRIES} others merged into {pull.record.base_ref} first")

    def _refusal(self, repo: str, pull: PullRequest, head: CommitSha, base: CommitSha) -> MergeRefused | None:
        if pull.state != "open":
            return _no("not-open", f"pull request {pull.number} is {pull.state}")
        branch = self.reader.settings_of(repo).branch
        if pull.base_ref != branch:
            return _no("not-allowed", f"pull request {pull.number} goes into {pull.base_ref} now, not into {branch}")
        if pull.head != head:
            return _no("head-moved", f"the head is {pull.head}, reviewed was {head}")
        if pull.is_draft or pull.is_from_fork:
            return _no("not-allowed", f"pull request {pull.number} is {'a draft' if pull.is_draft else 'from a fork'}")
        if pull.is_mergeable is False:
            return _no("conflict", f"pull request {pull.number} does not merge into {pull.base_ref} without a conflict")
        return self._moved(repo, pull, base) if pull.base != base else None

    def _moved(self, repo: str, pull: PullRequest, base: CommitSha) -> MergeRefused | None:
        since, ours = self.contents.compare(repo, base, pull.base), self.contents.compare(repo, base, pull.head)
        if since is None or since.fork != base:
            return _no("base-moved", f"{pull.base_ref} was rewritten: it no longer holds {base}")
        if ours is None or not (since.is_complete and ours.is_complete):
            return _no("base-moved", f"too much changed in {pull.base_ref} since {base} to say what")
        both = sorted(since.files.keys() & ours.files.keys())
        return _no("base-moved", f"{', '.join(both)} changed in {pull.base_ref} since {base}") if both else None

    def _merge_now(self, repo: str, pull: Pull, head: CommitSha, message: str) -> Merged | MergeRefused | None:
        """None = the base moved under it and nothing happened: look again."""
        known = self.reader.repo(repo)
        if not known.methods:
            return _no("not-allowed", f"repository {repo!r} allows no way of merging")
        subject, text = split(message)
        body = {"sha": head, "merge_method": known.methods[0], "commit_title": subject, "commit_message": text}
        try:
            answer = self.reader.caller.send("PUT", f"/repos/{known.name}/pulls/{pull.record.number}/merge", body)
        except Lost as error:
            return self._after_lost_merge(repo, pull.record.number, head, message, str(error))
        except Denied as error:
            return self._denied(repo, pull.record.number, error)
        finally:
            self.reader.forget()
        commit = answer.get("sha") if isinstance(answer, dict) else None
        if not commit:
            return self._after_lost_merge(repo, pull.record.number, head, message, "it named no commit")
        return Merged(commit=CommitSha(str(commit)))

    def _after_lost_merge(self, repo: str, number: int, head: CommitSha, message: str, why: str) -> Merged | MergeRefused:
        self.reader.forget()
        pull = self.reader.pull(repo, number)
        commit = pull.record.merge_commit
        is_ours = pull.record.head == head and _lines(message) <= _lines(pull.message)
        if commit is not None and is_ours:
            return Merged(commit=commit)
        return _no("not-open" if commit else "unknown", f"the answer was lost ({why}); the pull request is {pull.record.state}")

    def _denied(self, repo: str, number: int, error: Denied) -> MergeRefused | None:
        if error.status == 404:
            raise error
        if error.status == 409:
            return _no("head-moved", error.detail)
        if "base branch was modified" in error.detail.lower():
            return None
        self.reader.forget()
        pull = self.reader.pull(repo, number).record
        if pull.state != "open":
            return _no("not-open", f"pull request {number} is {pull.state}")
        return _no(reason_of(error.detail, is_mergeable=pull.is_mergeable), error.detail)

    def _enqueue(self, repo: str, pull: Pull, head: CommitSha) -> Queued | MergeRefused:
        if pull.record.is_queued:
            return Queued(detail=f"pull request {pull.record.number} waits in the queue already")
        wanted = {"pullRequestId": pull.node, "expectedHeadOid": head}
        answer = self.reader.changed(lambda: self.reader.caller.mutate(queries.ENQUEUE, {"input": wanted}))
        if answer is None:
            now = self.reader.pull(repo, pull.record.number).record
            return (
                Queued(detail="in the queue") if now.is_queued else _no("unknown", f"the answer was lost; the pull request is {now.state}")
            )
        problem = answer.problem("enqueuePullRequest")
        if not problem:
            entry = (answer.of("enqueuePullRequest") or {}).get("mergeQueueEntry") or {}
            return Queued(detail=f"position {entry.get('position', 'unknown')} in the queue")
        is_moved = "head" in problem.lower() and any(word in problem.lower() for word in ("expected", "modified", "match"))
        return _no("head-moved" if is_moved else reason_of(problem, is_mergeable=pull.record.is_mergeable), problem)


def _no(reason: _Reason, detail: str) -> MergeRefused:
    return MergeRefused(reason=reason, detail=detail)


def _lines(message: str) -> set[str]:
    """What a merge commit must say to be the one we asked for; GitHub may add lines of its own."""
    return {line.strip() for line in message.splitlines() if line.strip()}


def reason_of(detail: str, *, is_mergeable: bool | None) -> _Reason:
    """Which of our words a sentence of GitHub's means."""
    text = detail.lower()
    if re.search(r"status check|checks? (?:is|are|have|has)\b|must not be behind", text):
        return "checks"
    if is_mergeable is False or "conflict" in text:
        return "conflict"
    if "not mergeable" in text and is_mergeable is None:
        return "unknown"
    return "not-allowed"
