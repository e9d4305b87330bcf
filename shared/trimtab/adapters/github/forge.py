"""The forge port on GitHub: two Apps, few requests, every write sent once and read back where its answer was lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

from trimtab.adapters.github import answers, queries
from trimtab.adapters.github.access import GATE, TEAMS, WRITER
from trimtab.adapters.github.apps import Clock, app_callers
from trimtab.adapters.github.branches import Branches
from trimtab.adapters.github.contents import Contents
from trimtab.adapters.github.gate import Gate
from trimtab.adapters.github.merging import Merging
from trimtab.adapters.github.objects import REGULAR
from trimtab.adapters.github.opening import Opening
from trimtab.adapters.github.people import People
from trimtab.adapters.github.protection import Protection
from trimtab.adapters.github.reading import Reader
from trimtab.errors import BadInput
from trimtab.records import (
    Check,
    Comment,
    Commit,
    CommitSha,
    ForgeRules,
    Issue,
    Merged,
    MergeRefused,
    PullRequest,
    Queued,
    QueueEntry,
    Review,
)
from trimtab.settings import Settings

PAUSE = 1.0
"""Seconds between two writes, as GitHub asks."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class GitHubForge:
    """The repositories of the settings that are on GitHub."""

    reader: Reader
    contents: Contents
    branch_writer: Branches
    opening: Opening
    merging: Merging
    protection: Protection
    gate: Gate
    people: People

    @classmethod
    def of(cls, settings: Settings, *, pause: float = PAUSE, clock: Clock = _now) -> Self:
        """The forge of a deployment. Raises BadInput where the writer App or its key is missing."""
        github = settings.github
        if github is None:
            raise BadInput("settings.github: missing; it names the two Apps that a GitHub repo needs")
        writer, app = app_callers(settings, github, github.writer, "writer", WRITER, pause=pause, clock=clock)
        may_gate = github.gate is not None and (github.gate.kms_key or settings.github_gate_key)
        gate = app_callers(settings, github, github.gate, "gate", GATE, pause=pause, clock=clock)[0] if github.gate and may_gate else None
        repositories = {repository.id: repository for repository in settings.repositories if repository.forge == "github"}
        reader = Reader(repositories, writer, lambda: f"{app.get('/app')['slug']}[bot]")
        contents = Contents(reader)
        gate_app = github.gate.app_id if github.gate else None
        return cls(
            reader=reader,
            contents=contents,
            branch_writer=Branches(reader, contents),
            opening=Opening(reader),
            merging=Merging(reader, contents),
            protection=Protection(reader, contents, github.writer.app_id, gate_app),
            gate=Gate(reader, gate, gate_app),
            people=People(reader, contents, app_callers(settings, github, github.writer, "writer", TEAMS, pause=pause, clock=clock)[0]),
        )

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def login(self) -> str:
        """The writer App's own, asked once."""
        return self.reader.login

    def forget(self) -> None:
        """Read what moves anew; what is named by a commit's id never does."""
        self.reader.forget()

    def base_head(self, repo: str, branch: str) -> CommitSha:
        """Tip of a branch now. Refused where there is no such branch."""
        return self.reader.base_head(repo, branch)

    def list_files(self, repo: str, commit: CommitSha) -> tuple[str, ...]:
        """Paths of all regular files, sorted."""
        tree = self.contents.tree(repo, commit)
        return tuple(sorted(path for path, entry in tree.items() if entry.mode in REGULAR and path.isprintable()))

    def read_file(self, repo: str, commit: CommitSha, path: str) -> bytes | None:
        """A regular file's bytes at a commit, or None."""
        return self.contents.read_files(repo, commit, [path]).get(path)

    def read_files(self, repo: str, commit: CommitSha, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The regular files among these paths; one over 5 MB is left out."""
        return self.contents.read_files(repo, commit, paths)

    def branch_head(self, repo: str, branch: str) -> CommitSha | None:
        """Tip of a branch, or None."""
        return self.reader.tip(repo, branch)

    def commits(self, repo: str, base: CommitSha, head: CommitSha) -> tuple[Commit, ...]:
        """Commits reachable from head and not from base, oldest first. Refused where the two have nothing in common."""
        return self.contents.commits(repo, base, head)

    def find_pull_request(self, repo: str, head_ref: str) -> PullRequest | None:
        """The newest pull request from that branch of the same repo, whatever its state."""
        pulls = self.reader.of_branch(repo, head_ref)
        return pulls[0].record if pulls else None

    def pull_request(self, repo: str, number: int) -> PullRequest:
        """One pull request read now."""
        return self.reader.pull(repo, number).record

    def open_pull_requests(self, repo: str) -> tuple[PullRequest, ...]:
        """Every open one, whoever opened it."""
        return self.reader.open_pulls(repo)

    def comments(self, repo: str, number: int) -> tuple[Comment, ...]:
        """All comments, oldest first."""
        return self.reader.comments(repo, number)

    def reviews(self, repo: str, number: int) -> tuple[Review, ...]:
        """The newest review of each person; a comment takes no opinion back."""
        return self.reader.pull(repo, number).reviews or ()

    def checks(self, repo: str, commit: CommitSha) -> tuple[Check, ...]:
        """Check runs and statuses of a commit, the newest of each name and author."""
        return self.reader.checks(repo, commit)

    def issues(self, repo: str) -> tuple[Issue, ...]:
        """The issues that we opened, oldest first."""
        return self.reader.issues(repo)

    def queue(self, repo: str, branch: str) -> tuple[QueueEntry, ...]:
        """What waits in the branch's merge queue and has its own commit."""
        return answers.entries_of(self.reader.repository(repo, queries.QUEUE, {"branch": branch})["mergeQueue"])

    def rules(self, repo: str, branch: str) -> ForgeRules:
        """Rulesets, classic protection and CODEOWNERS of a branch together."""
        return self.reader.memory.moving(("rules", repo, branch), lambda: self.protection.of(repo, branch))

    def merge_changes(self, repo: str, base: CommitSha, head: CommitSha) -> Mapping[str, bytes] | None:
        """What a three-way merge would change in base; None = it conflicts. Raises NotYet where GitHub still works on it."""
        return self.contents.merge_changes(repo, base, head)

    def members(self, group: str) -> tuple[str, ...] | None:
        """Logins in a team "org/team", those of teams below it too. Refused where the App may not read teams."""
        return self.people.members(group)

    def account(self, repo: str, login: str) -> Literal["active", "bot", "gone"] | None:
        """How an account stands towards a repo: active = a person who may write there."""
        return self.people.account(repo, login)

    def touched_by(self, repo: str, branch: str, paths: Sequence[str], since: datetime) -> frozenset[str] | None:
        """Logins that pushed, merged, wrote or committed a change of these files or folders on a branch since then."""
        return self.people.touched_by(repo, branch, paths, since)

    def branches(self, repo: str, prefix: str) -> Mapping[str, CommitSha]:
        """Branches whose names begin so, and their tips."""
        return self.branch_writer.below(repo, prefix)

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def commit_files(
        self, repo: str, branch: str, parent: CommitSha, expected: CommitSha | None, files: Mapping[str, bytes], message: str, at: datetime
    ) -> CommitSha | None:
        """One signed commit of `files` on `parent`, if the branch is still at `expected`; GitHub's own clock is its time."""
        del at
        return self.branch_writer.commit_files(repo, branch, parent, expected, files, message)

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
        """Open it, or return the one that is open from that branch; labels that it lacks are put on."""
        del at
        return self.opening.open(repo, head_ref=head_ref, base_ref=base_ref, title=title, body=body, labels=labels, reviewers=reviewers)

    def delete_branch(self, repo: str, branch: str, expected: CommitSha) -> bool:
        """Delete a branch of ours if it is at that commit."""
        return self.branch_writer.delete(repo, branch, expected)

    def edit_pull_request(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace title and body."""
        self.reader.write(repo, "PATCH", f"pulls/{number}", {"title": title, "body": body})

    def close_pull_request(self, repo: str, number: int) -> None:
        """Close without merging; what is closed or merged stays as it is."""
        if self.reader.pull(repo, number).record.state == "open":
            self.reader.write(repo, "PATCH", f"pulls/{number}", {"state": "closed"})

    def comment(self, repo: str, number: int, text: str, at: datetime) -> None:
        """Add a comment."""
        del at
        self.reader.write(repo, "POST", f"issues/{number}/comments", {"body": text})

    def open_issue(self, repo: str, *, title: str, body: str) -> Issue:
        """Open an issue."""
        return answers.issue_of(self.reader.write(repo, "POST", "issues", {"title": title, "body": body}))

    def edit_issue(self, repo: str, number: int, *, title: str, body: str) -> None:
        """Replace an issue's title and body."""
        self.reader.write(repo, "PATCH", f"issues/{number}", {"title": title, "body": body})

    def set_check(
        self, repo: str, commit: CommitSha, *, name: str, conclusion: Literal["success", "failure", "pending"], summary: str
    ) -> None:
        """Publish the gate's answer on a commit. Refused where this function is not the gate."""
        self.gate.set(repo, commit, name=name, conclusion=conclusion, summary=summary)

    def merge(
        self, repo: str, number: int, *, head: CommitSha, base: CommitSha, message: str, at: datetime
    ) -> Merged | Queued | MergeRefused:
        """Merge the reviewed head, or put it into the branch's merge queue."""
        del at
        return self.merging.merge(repo, number, head=head, base=base, message=message)
