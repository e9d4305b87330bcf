"""The forge port on bare repositories: real commits, real three-way merges, pull requests as files beside them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from trimtab.adapters.localforge.desk import FOLDER, Desk
from trimtab.adapters.localforge.git import SUBMODULE, Bare, Entry, checked_ref
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import (
    Check,
    Comment,
    Commit,
    CommitSha,
    ForgeRules,
    Issue,
    Json,
    Merged,
    MergeRefused,
    PullRequest,
    Queued,
    QueueEntry,
    Review,
)

TRAILER = "Trimtab-Pull-Request"
"""In every merge commit: what heals a pull request whose merge was not recorded."""
OURS = "trimtab/"
"""What our branches begin with."""
ACCOUNTS: Mapping[str, Literal["active", "bot", "gone"]] = {"active": "active", "bot": "bot", "gone": "gone"}
_TRIES = 8
_Reason = Literal["head-moved", "base-moved", "conflict", "not-open", "not-allowed", "checks", "unknown"]


@dataclass(frozen=True, slots=True)
class LocalForge:
    """Repositories by id; whoever owns their disk owns this forge."""

    repositories: Mapping[str, Path]
    login: str = "trimtab[bot]"
    page: str = "local://pulls"
    """Where a person can look at pull requests: <page>/<repo>/<number>."""

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def git(self, repo: str) -> Bare:
        """The bare repository of that id."""
        path = self.repositories.get(repo)
        if path is None or not (path / "HEAD").is_file():
            raise BadInput(f"repository {repo!r}: no bare git repository at {path}; `trimtab init` makes one")
        return Bare(path.absolute())

    def desk(self, repo: str) -> Desk:
        """What is kept beside it."""
        return Desk(self.git(repo).path / FOLDER)

    def forget(self) -> None:
        """Nothing to forget: what git names by a hash never changes, and all else is read from disk each time."""

    def base_head(self, repo: str, branch: str) -> CommitSha:
        """Tip of a branch now. Refused where there is no such branch."""
        head = self.git(repo).head(branch)
        if head is None:
            raise Refused(f"repository {repo!r} has no branch {branch!r}")
        return head

    def list_files(self, repo: str, commit: CommitSha) -> tuple[str, ...]:
        """Paths of all regular files, sorted; those that are not UTF-8 are nobody's cluster files."""
        return tuple(sorted(path for path in self.git(repo).files(commit) if path.isprintable()))

    def read_file(self, repo: str, commit: CommitSha, path: str) -> bytes | None:
        """A regular file's bytes at a commit, or None."""
        git = self.git(repo)
        entry = git.files(commit).get(path)
        return git.blob(entry.blob) if entry else None

    def read_files(self, repo: str, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The regular files among these paths; none of a commit that is not there."""
        git = self.git(repo)
        files = git.files(commit) if git.holds(commit) else {}
        return {path: git.blob(files[path].blob) for path in paths if path in files}

    def branch_head(self, repo: str, branch: str) -> CommitSha | None:
        """Tip of a branch, or None."""
        return self.git(repo).head(branch)

    def commits(self, repo: str, base: CommitSha, head: CommitSha) -> tuple[Commit, ...]:
        """Commits reachable from head and not from base, oldest first."""
        return self.git(repo).commits(base, head)

    def find_pull_request(self, repo: str, head_ref: str) -> PullRequest | None:
        """The newest pull request from that branch, whatever its state."""
        desk = self.desk(repo)
        found = [number for number in desk.numbers() if desk.opened(number)["head_ref"] == head_ref]
        return self.pull_request(repo, found[-1]) if found else None

    def pull_requests(self, repo: str) -> tuple[PullRequest, ...]:
        """All of them, oldest first; for people."""
        return tuple(self.pull_request(repo, number) for number in self.desk(repo).numbers())

    def open_pull_requests(self, repo: str) -> tuple[PullRequest, ...]:
        """Every open one."""
        return tuple(pull for pull in self.pull_requests(repo) if pull.state == "open")

    def pull_request(self, repo: str, number: int) -> PullRequest:
        """One pull request read now; a merge that nobody recorded is recorded first."""
        git, desk = self.git(repo), self.desk(repo)
        opened = desk.opened(number)
        base = self.base_head(repo, str(opened["base_ref"]))
        merged = desk.merged(number) or self._healed(repo, number, base)
        end = merged or desk.closed(number)
        tip = git.head(str(opened["head_ref"]))
        head = CommitSha(str((end or {}).get("head") or tip or opened["head"]))
        # Without its branch there is nothing to merge any more.
        state: Literal["open", "closed", "merged"] = "merged" if merged else "closed" if end or tip is None else "open"
        title, body = desk.words(number)
        return PullRequest(
            repo=repo,
            number=number,
            url=f"{self.page}/{repo}/{number}",
            title=title,
            body=body,
            state=state,
            is_draft=False,
            author=str(opened["author"]),
            head_ref=str(opened["head_ref"]),
            head=head,
            base_ref=str(opened["base_ref"]),
            base=base,
            is_mergeable=None if state != "open" else git.merged_tree(base, head) is not None,
            merge_commit=CommitSha(str(merged["commit"])) if merged else None,
            labels=_texts(opened.get("labels")),
        )

    def comments(self, repo: str, number: int) -> tuple[Comment, ...]:
        """All comments, oldest first."""
        return tuple(_comment(fact) for fact in self.desk(repo).all("comments", number))

    def issues(self, repo: str) -> tuple[Issue, ...]:
        """The issues that we opened, oldest first."""
        return tuple(self._issue(repo, number, fact) for number, fact in self.desk(repo).issues())

    def queue(self, repo: str, branch: str) -> tuple[QueueEntry, ...]:
        """This forge merges at once; it has no queue."""
        self.base_head(repo, branch)
        return ()

    def reviews(self, repo: str, number: int) -> tuple[Review, ...]:
        """The newest review of each person, whatever it says."""
        newest = {str(fact["login"]): _review(fact) for fact in self.desk(repo).all("reviews", number)}
        return tuple(newest.values())

    def checks(self, repo: str, commit: CommitSha) -> tuple[Check, ...]:
        """What was published on a commit; for people and for the rules."""
        return tuple(_check(fact) for fact in self.desk(repo).checks(commit))

    def rules(self, repo: str, branch: str) -> ForgeRules:
        """What this forge holds every merge to; nobody may bypass it, and it compares the base itself."""
        self.base_head(repo, branch)
        rules = self.desk(repo).rules()
        return ForgeRules(
            requires_review=rules.required_reviews > 0,
            requires_our_check=bool(rules.required_checks),
            catches_moved_base=True,
            may_bypass=False,
            protects_config=rules.protects_config,
            guards_our_branches=True,
            voids_old_approvals=True,
            is_public=False,
            details=(f"checks: {', '.join(rules.required_checks) or 'none'}", f"reviews: {rules.required_reviews}"),
        )

    def merge_changes(self, repo: str, base: CommitSha, head: CommitSha) -> Mapping[str, bytes] | None:
        """What a three-way merge would change in base; None = it conflicts.

        A deletion, and a change of a file's mode, stand under a name that says so, which no plan can ever equal.
        """
        git = self.git(repo)
        tree = git.merged_tree(base, head)
        if tree is None:
            return None
        changed = git.changed(base, tree).items()
        return {_named(path, before, after): _bytes(git, after) for path, (before, after) in changed}

    def members(self, group: str) -> tuple[str, ...] | None:
        """Logins in a group that somebody made beside one of the repositories; None = there is none."""
        found = [desk.groups().get(group) for desk in map(self.desk, self.repositories)]
        return next((logins for logins in found if logins is not None), None)

    def account(self, repo: str, login: str) -> Literal["active", "bot", "gone"] | None:
        """Whoever has this disk is an active person here, unless it is said otherwise."""
        said = self.desk(repo).accounts().get(login.lower(), "active")
        return "bot" if login.endswith("[bot]") else ACCOUNTS.get(said)

    def touched_by(self, repo: str, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
        """Who wrote or merged a change of these files, as its commits say: on a disk of one's own nobody else vouches for them."""
        self.base_head(repo, branch)
        return self.git(repo).hands(branch, paths, since)

    def branches(self, repo: str, prefix: str) -> Mapping[str, CommitSha]:
        """Branches whose names begin so, and their tips."""
        return self.git(repo).heads(prefix)

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def commit_files(
        self, repo: str, branch: str, parent: CommitSha, expected: CommitSha | None, files: Mapping[str, bytes], message: str, at: datetime
    ) -> CommitSha | None:
        """One commit of `files` on `parent`, if the branch is still at `expected` (or at that very commit already)."""
        git = self.git(repo)
        if not files:
            raise Refused(f"branch {branch}: a commit without files")
        checked_ref(branch)
        commit = git.commit_files(parent, files, message, author=self.login, at=at)
        if git.point(branch, commit, expected) or (expected is None and git.point(branch, commit, parent)):
            return commit
        return None

    def open_pull_request(
        self,
        repo: str,
        *,
        head_ref: str,
        base_ref: str,
        title: str,
        body: str,
        labels: Sequence[str],
        reviewers: Sequence[str] = (),
        at: datetime,
    ) -> PullRequest:
        """Open it, or return the one that is open from that branch."""
        git, desk = self.git(repo), self.desk(repo)
        head, base = self.base_head(repo, head_ref), self.base_head(repo, base_ref)
        fact: Json = {"head_ref": head_ref, "base_ref": base_ref, "title": title, "body": body, "labels": list(labels)}
        fact |= {"author": self.login, "reviewers": list(reviewers), "at": at.isoformat(), "head": head, "base": base}
        while True:
            # Numbers have no gaps: whoever opened one after this line has taken the next number, and we look again.
            number = max(desk.numbers(), default=0) + 1
            newest = self.find_pull_request(repo, head_ref)
            if newest is not None and newest.state == "open":
                return newest
            if git.is_ancestor(head, base):
                raise Refused(f"branch {head_ref!r} has no commit that {base_ref!r} lacks: there is nothing to pull")
            if desk.open(number, fact):
                return self.pull_request(repo, number)

    def delete_branch(self, repo: str, branch: str, expected: CommitSha) -> bool:
        """Delete a branch of ours if it is at that commit."""
        return self.git(repo).delete(ours(branch), expected)

    def edit_pull_request(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace title and body."""
        self.desk(repo).reword(number, title, body)

    def close_pull_request(self, repo: str, number: int) -> None:
        """Close without merging; what is closed or merged stays as it is."""
        pull = self.pull_request(repo, number)
        if pull.state == "open":
            self.desk(repo).close(number, pull.head)

    def comment(self, repo: str, number: int, text: str, at: datetime) -> None:
        """Add a comment."""
        self.desk(repo).add("comments", number, {"login": self.login, "text": text, "at": at.isoformat()})

    def open_issue(self, repo: str, *, title: str, body: str) -> Issue:
        """Open an issue."""
        number = self.desk(repo).open_issue({"title": title, "body": body})
        return self._issue(repo, number, {"title": title, "body": body})

    def edit_issue(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace an issue's title and body."""
        self.desk(repo).reword_issue(number, {"title": title, "body": body})

    def set_check(
        self, repo: str, commit: CommitSha, *, name: str, conclusion: Literal["success", "failure", "pending"], summary: str
    ) -> None:
        """Publish the gate's answer on a commit."""
        self.git(repo).tree(commit)
        self.desk(repo).set_check(commit, {"name": name, "by": self.login, "conclusion": conclusion, "summary": summary})

    def merge(
        self, repo: str, number: int, *, head: CommitSha, base: CommitSha, message: str, at: datetime
    ) -> Merged | Queued | MergeRefused:
        """Merge the reviewed head, if nothing that it touches moved in the base since `base`.

        The branch moves by compare-and-swap, so of two merges at once one wins; the record follows, and is healed if we die before it.
        """
        git, desk = self.git(repo), self.desk(repo)
        for _ in range(_TRIES):
            pull = self.pull_request(repo, number)
            refusal = self._refusal(pull, head, base)
            if refusal is not None:
                return refusal
            tree = git.merged_tree(pull.base, head)
            if tree is None:
                return _no("conflict", f"pull request {number} does not merge into {pull.base_ref} without a conflict")
            commit = git.commit_tree(tree, (pull.base, head), _with_trailer(message, number), author=self.login, at=at)
            if git.point(pull.base_ref, commit, pull.base):
                desk.merge(number, commit, head)
                return Merged(commit=commit)
        raise Upstream(f"repository {repo!r}: {_TRIES} others merged first; try again")

    # ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _refusal(self, pull: PullRequest, head: CommitSha, base: CommitSha) -> MergeRefused | None:
        git = self.git(pull.repo)
        if pull.state != "open":
            return _no("not-open", f"pull request {pull.number} is {pull.state}")
        if pull.head != head:
            return _no("head-moved", f"the head is {pull.head}, reviewed was {head}")
        if git.is_ancestor(head, pull.base):
            return _no("not-allowed", f"{pull.base_ref} holds {head} already")
        if not git.is_ancestor(base, pull.base):
            return _no("base-moved", f"{pull.base_ref} was rewritten: it no longer holds {base}")
        fork = git.merge_base(base, head)
        touched = set(git.changed(fork, head)) if fork else set()
        moved = sorted(touched & set(git.changed(base, pull.base)))
        if moved:
            return _no("base-moved", f"{', '.join(moved)} changed in {pull.base_ref} since {base}")
        return self._unmet(pull, touched)

    def _unmet(self, pull: PullRequest, touched: set[str]) -> MergeRefused | None:
        """The repository's own rules, for everybody."""
        rules = self.desk(pull.repo).rules()
        green = {check.name for check in self.checks(pull.repo, pull.head) if check.conclusion == "success"}
        missing = [name for name in rules.required_checks if name not in green]
        if missing:
            return _no("checks", f"not green on {pull.head}: {', '.join(missing)}")
        wanted = max(rules.required_reviews, int(rules.protects_config and any(is_config(path) for path in touched)))
        reviews = [review for review in self.reviews(pull.repo, pull.number) if _counts(review, pull)]
        if len(reviews) < wanted:
            return _no("not-allowed", f"{len(reviews)} of {wanted} approving reviews of {pull.head}")
        return None

    def _issue(self, repo: str, number: int, fact: Json) -> Issue:
        url = f"{self.page}/{repo}/issues/{number}"
        return Issue(number=number, url=url, title=str(fact["title"]), body=str(fact["body"]), is_open=True)

    def _healed(self, repo: str, number: int, tip: CommitSha) -> Json | None:
        """Record a merge of ours whose maker died before recording it."""
        git, desk = self.git(repo), self.desk(repo)
        start = str(desk.opened(number)["base"])
        for commit, parents, message in git.merges(start, tip) if start != tip else ():
            if len(parents) == 2 and _trailer(message) == str(number):
                desk.merge(number, commit, parents[1])
                return desk.merged(number)
        return None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _comment(fact: Json) -> Comment:
    login = str(fact["login"])
    return Comment(login=login, is_bot=login.endswith("[bot]"), text=str(fact["text"]), at=datetime.fromisoformat(str(fact["at"])))


def _check(fact: Json) -> Check:
    words: dict[str, Literal["success", "failure", "pending"]] = {"success": "success", "failure": "failure"}
    return Check(
        name=str(fact["name"]),
        by=str(fact.get("by", "")),
        conclusion=words.get(str(fact["conclusion"]), "pending"),
        summary=str(fact.get("summary", "")),
    )


def ours(branch: str) -> str:
    """The branch name, if it is one that only Trimtab uses. Raises Refused for any other."""
    if not branch.startswith(OURS):
        raise Refused(f"branch {branch[:60]!r}: only branches below {OURS} are deleted")
    return branch


def is_config(path: str) -> bool:
    """True below `.trimtab/`, where the rules of the game are."""
    return path.lower().startswith(".trimtab/")


def _with_trailer(message: str, number: int) -> str:
    """The message with our trailer as its last line; git reads trailers from the last paragraph only."""
    paragraphs = message.rstrip().split("\n\n")
    has_trailers = len(paragraphs) > 1 and all(re.match(r"[A-Za-z-]+: ", line) for line in paragraphs[-1].splitlines())
    gap = "\n" if has_trailers else "\n\n"
    return f"{message.rstrip()}{gap}{TRAILER}: {number}\n"


def _trailer(message: str) -> str:
    """The number in the last trailer of that name: only whoever made the commit writes the last line."""
    lines = message.rstrip().splitlines()
    name, _, value = lines[-1].partition(": ") if lines else ("", "", "")
    return value if name == TRAILER else ""


def _no(reason: _Reason, detail: str) -> MergeRefused:
    return MergeRefused(reason=reason, detail=detail)


def _counts(review: Review, pull: PullRequest) -> bool:
    is_persons = review.may_write and not review.is_bot and review.login != pull.author
    return review.state == "approved" and review.commit == pull.head and is_persons


def _bytes(git: Bare, entry: Entry | None) -> bytes:
    return b"" if entry is None or entry.mode == SUBMODULE else git.blob(entry.blob)


def _named(path: str, before: Entry | None, after: Entry | None) -> str:
    if after is None:
        return f"{path} (deleted)"
    expected = before.mode if before else "100644"
    return path if after.mode == expected else f"{path} (mode {after.mode})"


def _review(fact: Json) -> Review:
    state = str(fact["state"])
    if state not in STATES:
        raise Refused(f"review state {state!r}: expected one of {', '.join(STATES)}")
    return Review(
        login=str(fact["login"]),
        state=STATES[state],
        commit=CommitSha(str(fact["commit"])),
        at=datetime.fromisoformat(str(fact["at"])),
        may_write=fact["may_write"] is True,
        is_bot=fact["is_bot"] is not False,
    )


_State = Literal["approved", "changes-requested", "commented", "dismissed"]
STATES: Mapping[str, _State] = {
    "approved": "approved",
    "changes-requested": "changes-requested",
    "commented": "commented",
    "dismissed": "dismissed",
}
