"""GitHub with the repository acme/gitops, two Apps, and people: a ForgeWorld over HTTP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from tests.forges.github import acts, commits
from tests.forges.github.book import Actor, App, CheckRun, Fired, Level, Pull, Rejected, Repo, Ruleset, Status
from tests.forges.github.server import Delivery, GitHubServer
from tests.forges.world import OWNER, READER, REPO, Fault, Request
from trimtab.adapters.github import GitHubForge
from trimtab.adapters.localforge import git
from trimtab.errors import Refused
from trimtab.ports import Forge
from trimtab.records import CommitSha
from trimtab.settings import GitHub, GitHubApp, Repository, Settings

ORGANIZATION = "acme"
ADMIN = "platform-owner"
TEAM = "platform"
OTHER_APP = "ci-app"
WRITER_RIGHTS = {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "read", "statuses": "read", "members": "read"}
GATE_RIGHTS = {"checks": "write", "contents": "read", "pull_requests": "read", "issues": "read", "statuses": "read"}


@lru_cache(maxsize=4)
def key_pair(name: str) -> tuple[str, str]:
    """(private, public) PEM of an App; made once for a whole run."""
    del name
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


class GitHubWorld:
    """One GitHub for one test. `adapter` makes the forge that is tested, where it is not the usual one."""

    def __init__(
        self, folder: Path, files: Mapping[str, bytes], adapter: Callable[["GitHubWorld"], Forge] | None = None, *, url: str = ""
    ) -> None:
        self.folder = folder
        self.server = GitHubServer(url)
        book = self.server.book
        self.owner = book.account(ORGANIZATION, "Organization")
        self.writer = self._app("trimtab-writer", WRITER_RIGHTS)
        self.gate = self._app("trimtab-gate", GATE_RIGHTS)
        self.other_app = self._app(OTHER_APP, {"checks": "write", "statuses": "write", "contents": "read"})
        people: dict[str, Level] = {OWNER: "write", READER: "read", ADMIN: "admin", "reviewer": "write"}
        self.repo = self._repository(ORGANIZATION, REPO, people)
        for login in people:
            book.account(login)
        self.repo.teams.add(TEAM)
        self.set_group(f"{ORGANIZATION}/{TEAM}", [ADMIN, OWNER])
        tree = commits.with_files(self.repo.git, None, dict(files))
        start = commits.make(
            self.repo.git,
            tree,
            (),
            "Start",
            author=commits.identity(book.account(ADMIN)),
            committer=commits.identity(book.account(ADMIN)),
            at=book.now,
        )
        self.repo.git.point("main", start, None)
        self._adapter = adapter
        self._forge: Forge | None = None

    # ── Who we are ───────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def forge(self) -> Forge:
        """The adapter as one process has it."""
        if self._forge is None:
            self._forge = self.another()
        return self._forge

    def another(self) -> Forge:
        """The adapter as another process has it."""
        return (self._adapter or github_forge)(self)

    def _app(self, slug: str, rights: Mapping[str, str]) -> App:
        book = self.server.book
        app = App(book.new_id(), slug, book.new_id(), key_pair(slug)[1], dict(rights), book.account(f"{slug}[bot]", "Bot"))
        book.apps[app.id] = app
        return app

    def _repository(self, owner: str, name: str, people: Mapping[str, Level]) -> Repo:
        book = self.server.book
        path = self.folder / f"{owner}-{name}.git"
        repo = Repo(book.new_id(), book.account(owner), name, git.create(path), dict(people))
        book.repos[repo.full_name.lower()] = repo
        return repo

    def person(self, login: str) -> Actor:
        """A person with their rights."""
        return Actor(self.server.book.account(login))

    # ── What people do ───────────────────────────────────────────────────────────────────────────────────────────────
    def push(self, branch: str, files: Mapping[str, bytes], login: str = OWNER, *, repo: Repo | None = None, email: str = "") -> CommitSha:
        """A person pushes one commit; `email` forges its author."""
        with self.server.lock:
            repo = repo or self.repo
            actor = self.person(login)
            old = repo.git.head(branch)
            parent = old or repo.git.head("main")
            tree = commits.with_files(repo.git, parent, dict(files))
            author = (login, email or actor.account.email)
            made = commits.make(
                repo.git, tree, (parent,) if parent else (), "By hand", author=author, committer=author, at=self.server.book.now
            )
            self._as_person(lambda: acts.move_branch(self.server.book, repo, branch, made, actor))
        self.server.flush()
        return made

    def make_branch(self, branch: str, commit: CommitSha, login: str = OWNER) -> None:
        """A person makes a branch at a commit."""
        with self.server.lock:
            if self.repo.git.head(branch) is not None:
                raise Refused(f"there is a branch {branch} already")
            self._as_person(lambda: acts.move_branch(self.server.book, self.repo, branch, commit, self.person(login)))
        self.server.flush()

    def delete_branch(self, branch: str, login: str = OWNER) -> None:
        """A person deletes a branch."""
        with self.server.lock:
            self._as_person(lambda: acts.move_branch(self.server.book, self.repo, branch, None, self.person(login)))
        self.server.flush()

    def open(self, branch: str, title: str, login: str = OWNER, *, is_draft: bool = False, fork: Repo | None = None) -> int:
        """A person opens a pull request to main."""
        with self.server.lock:
            pull = self._as_person(
                lambda: acts.open_pull(
                    self.server.book,
                    self.repo,
                    self.person(login),
                    head_repo=fork or self.repo,
                    head_ref=branch,
                    base_ref="main",
                    title=title,
                    body="By hand",
                    is_draft=is_draft,
                )
            )
        self.server.flush()
        assert isinstance(pull, Pull)
        return pull.number

    def approve(self, number: int, login: str = OWNER) -> None:
        """A person approves the head as it is now."""
        with self.server.lock:
            self._as_person(lambda: acts.review(self.server.book, self.repo.pull(number), self.person(login), "APPROVE"))
        self.server.flush()

    def close(self, number: int, login: str = OWNER) -> None:
        """A person closes it unmerged."""
        with self.server.lock:
            acts.edit(self.server.book, self.repo.pull(number), self.person(login), state="closed")
        self.server.flush()

    def merge(self, number: int, login: str = OWNER) -> None:
        """A person presses the merge button."""
        with self.server.lock:
            self._as_person(lambda: acts.merge(self.server.book, self.repo.pull(number), self.person(login)))
        self.server.flush()

    def set_group(self, group: str, logins: Sequence[str]) -> None:
        """Somebody who may says who is in a team."""
        with self.server.lock:
            self.server.book.teams[group.lower()] = [self.server.book.account(login) for login in logins]

    def remove(self, login: str) -> None:
        """A person has no access any more."""
        with self.server.lock:
            self.repo.collaborators.pop(login, None)

    def pass_days(self, days: int) -> None:
        """So much later."""
        with self.server.lock:
            self.server.book.shift += timedelta(days=days)

    @property
    def now(self) -> datetime:
        """What time it is there."""
        return self.server.book.now

    def comment(self, number: int, text: str, login: str = OWNER) -> None:
        """A person comments."""
        with self.server.lock:
            acts.comment(self.server.book, self.repo.issues[number], self.person(login), text)
        self.server.flush()

    def set_draft(self, number: int, *, is_draft: bool) -> None:
        """Somebody turns it into a draft, or back."""
        with self.server.lock:
            self.repo.pull(number).is_draft = is_draft

    def open_from_fork(self, branch: str, files: Mapping[str, bytes], title: str, login: str = READER) -> int:
        """A person opens a pull request from a branch of their fork."""
        fork = self.fork(login)
        self.push(branch, files, login, repo=fork)
        return self.open(branch, title, login, fork=fork)

    def archive(self) -> None:
        """An administrator archives the repository."""
        with self.server.lock:
            self.repo.is_archived = True

    def make_public(self) -> None:
        """An administrator changes the repository's visibility."""
        with self.server.lock:
            self.repo.is_private = False

    def fork(self, login: str = READER) -> Repo:
        """A person forks the repository; what it holds is there too."""
        with self.server.lock:
            fork = self._repository(login, REPO, {login: "admin"})
            fork.parent = self.repo
            fork.git.run("fetch", "--quiet", str(self.repo.git.path), "refs/heads/main:refs/heads/main")
            return fork

    def set_status(self, commit: str, context: str, state: str, login: str = OWNER) -> None:
        """Whoever may push sets a commit status."""
        with self.server.lock:
            book = self.server.book
            acts.add_status(book, self.repo, Status(book.new_id(), book.account(login), None, commit, state, context, None, None, book.now))
        self.server.flush()

    def run_check(self, commit: str, name: str, conclusion: str | None, app: App | None = None) -> None:
        """An App sets a check run; by default somebody else's."""
        with self.server.lock:
            book = self.server.book
            status = "completed" if conclusion else "in_progress"
            acts.add_check_run(
                book,
                self.repo,
                CheckRun(book.new_id(), app or self.other_app, name, commit, book.now, status=status, conclusion=conclusion),
            )
        self.server.flush()

    def _as_person(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Rejected as no:
            raise Refused(f"{no.status}: {no.message} {no.errors or ''}".strip()) from None

    # ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def demand(
        self,
        *rules: dict[str, Any],
        include: Sequence[str] = ("~DEFAULT_BRANCH",),
        bypass: Sequence[dict[str, Any]] = (),
        is_inherited: bool = False,
    ) -> Ruleset:
        """An administrator adds a ruleset, to the repository or to its organization."""
        with self.server.lock:
            owner = ORGANIZATION if is_inherited else self.repo.full_name
            made = Ruleset(self.server.book.new_id(), "rules", list(rules), owner, include=list(include), bypass=list(bypass))
            self.repo.rulesets.append(made)
            return made

    # ── What git and GitHub know ─────────────────────────────────────────────────────────────────────────────────────
    def head(self, branch: str) -> CommitSha | None:
        """Where a branch is now."""
        return self.repo.git.head(branch)

    def bytes_of(self, commit: str, path: str) -> bytes | None:
        """A file as git has it."""
        entry = self.repo.git.files(commit).get(path)
        return self.repo.git.blob(entry.blob) if entry else None

    def pull_requests(self) -> Sequence[tuple[int, str, str]]:
        """(number, head branch, state) of every pull request, oldest first."""
        return [(p.number, p.head_ref, "merged" if p.merged_at else p.state) for p in self.repo.pulls]

    # ── Accidents ────────────────────────────────────────────────────────────────────────────────────────────────────
    def break_next(self, fault: Fault) -> None:
        """Arrange an accident."""
        with self.server.lock:
            self.server.faults.append(fault)

    def before_next(self, match: str, act: Callable[[], object]) -> None:
        """Somebody else is quicker: their act happens just before the next request that matches."""
        with self.server.lock:
            self.server.before.append((match, act))

    def expire_tokens(self) -> None:
        """Every token that was handed out so far is no longer taken."""
        with self.server.lock:
            self.server.book.tokens.clear()

    @property
    def requests(self) -> Sequence[Request]:
        return tuple(self.server.requests)

    @property
    def violations(self) -> Sequence[str]:
        return tuple(self.server.violations)

    @property
    def fired(self) -> Sequence[Fired]:
        """Closing words, mentions and commands in our texts that GitHub would have acted on."""
        return tuple(self.server.book.fired)

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Webhooks so far, without those that were lost."""
        return tuple(self.server.deliveries)

    def end(self) -> None:
        """Stop the server."""
        self.server.close()


def github_forge(world: GitHubWorld) -> GitHubForge:
    """The adapter with both Apps' keys, as `merge` has it."""
    return GitHubForge.of(settings_of(world), pause=0)


def settings_of(world: GitHubWorld) -> Settings:
    """What a deployment for this world says."""
    return Settings(
        store=f"file://{world.folder}/store",
        repositories=(Repository(id=REPO, forge="github", location=world.repo.full_name, forge_id=world.repo.id),),
        github=GitHub(
            url=world.server.host,
            writer=GitHubApp(app_id=world.writer.id, installation_id=world.writer.installation),
            gate=GitHubApp(app_id=world.gate.id, installation_id=world.gate.installation),
        ),
        github_writer_key=SecretStr(key_pair(world.writer.slug)[0]),
        github_gate_key=SecretStr(key_pair(world.gate.slug)[0]),
    )


def checks_rule(*contexts: tuple[str, int | None], is_strict: bool = True) -> dict[str, Any]:
    """Required checks, each with the App that must set it."""
    wanted = [{"context": name, **({"integration_id": app} if app is not None else {})} for name, app in contexts]
    return {
        "type": "required_status_checks",
        "parameters": {"required_status_checks": wanted, "strict_required_status_checks_policy": is_strict},
    }


def reviews_rule(count: int = 1, *, code_owners: bool = False, dismiss_stale: bool = True, last_push: bool = False) -> dict[str, Any]:
    """Required reviews."""
    return {
        "type": "pull_request",
        "parameters": {
            "required_approving_review_count": count,
            "dismiss_stale_reviews_on_push": dismiss_stale,
            "require_code_owner_review": code_owners,
            "require_last_push_approval": last_push,
            "required_review_thread_resolution": False,
        },
    }


def queue_rule(method: str = "MERGE") -> dict[str, Any]:
    """A merge queue."""
    return {
        "type": "merge_queue",
        "parameters": {
            "check_response_timeout_minutes": 60,
            "grouping_strategy": "ALLGREEN",
            "max_entries_to_build": 5,
            "max_entries_to_merge": 5,
            "merge_method": method,
            "min_entries_to_merge": 1,
            "min_entries_to_merge_wait_minutes": 5,
        },
    }
