"""GitLab with the project acme/gitops, two tokens, and people: a ForgeWorld over HTTP."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from tests.forges.gitlab import merge_requests, merging, people, plumbing, pushes, repository, talk
from tests.forges.gitlab.hooks import Delivery, Hooks
from tests.forges.gitlab.plumbing import Person
from tests.forges.gitlab.records import DEVELOPER, MAINTAINER, NO_ONE, REPORTER, MergeRequest, Pipeline, Project, Protection, Site, User
from tests.forges.gitlab.server import No, Server
from tests.forges.gitlab.smart_git import received
from tests.forges.world import GROUP, OWNER, READER, REPO, Fault, Request
from trimtab.adapters.gitlab import GitLabForge
from trimtab.adapters.localforge.git import create
from trimtab.errors import Refused
from trimtab.ports import Forge
from trimtab.records import CommitSha
from trimtab.settings import GitLab, Repository, Settings

WRITER_TOKEN, MERGER_TOKEN, OWNER_TOKEN = "glpat-writer", "glpat-merger", "glpat-owner"
WRITER, MERGER, ADMIN = "project_1_bot_writer", "project_1_bot_merger", "platform-owner"
_ROUTES = {**people.ROUTES, **repository.ROUTES, **merge_requests.ROUTES, **talk.ROUTES}


class GitLabWorld:
    """One GitLab for one test. `adapter` makes the forge that is tested; every call of it is another process."""

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, bytes],
        adapter: "Callable[[GitLabWorld], Forge] | None" = None,
        *,
        url: str = "",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.folder, self.site, self.hooks = folder, Site(clock=clock), Hooks()
        self._adapter, self._forge = adapter or adapter_of, None
        self.slept: list[float] = []
        self.server = Server(self.site, _ROUTES, received, {WRITER_TOKEN: "writer", MERGER_TOKEN: "merger"}, url)
        levels = {WRITER: DEVELOPER, MERGER: MAINTAINER, OWNER: MAINTAINER, ADMIN: MAINTAINER, "reviewer": DEVELOPER, READER: REPORTER}
        for login in levels:
            self._register(login)
        self.site.tokens = {
            WRITER_TOKEN: self.site.users[WRITER],
            MERGER_TOKEN: self.site.users[MERGER],
            OWNER_TOKEN: self.site.users[OWNER],
        }
        self.project = self._project(f"acme/{REPO}", {self.site.users[login].id: level for login, level in levels.items()})
        self.project.protections.append(Protection(self.site.next_id(), "main", push=NO_ONE, merge=MAINTAINER))
        changes = {path: ("100644", text) for path, text in files.items()}
        start = plumbing.commit(self.project.bare, None, changes, "Start", _person(self.site.users[ADMIN]), self.site.now())
        plumbing.set_branch(self.project.bare, "main", start)
        self.site.told.append(self.hooks.hear)
        self.set_group(GROUP, [ADMIN, OWNER])

    # ── Who we are ───────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def forge(self) -> Any:
        """The adapter as one process has it."""
        if self._forge is None:
            self._forge = self.another()
        return self._forge

    def another(self) -> Any:
        """The adapter as another process has it."""
        return self._adapter(self)

    @property
    def settings(self) -> Settings:
        """What the deployment says of this GitLab."""
        return Settings(
            gitlab=GitLab(url=self.site.url),
            repositories=(Repository(id=REPO, forge="gitlab", location=self.project.path, forge_id=self.project.id),),
            private_hosts=("127.0.0.1",),
            gitlab_writer_token=SecretStr(WRITER_TOKEN),
            gitlab_merger_token=SecretStr(MERGER_TOKEN),
        )

    def _register(self, login: str) -> User:
        is_bot = "_bot_" in login
        host = "noreply.gitlab.test" if is_bot else "acme.test"
        user = User(self.site.next_id(), login, "trimtab" if is_bot else login, f"{login}@{host}", is_bot)
        self.site.users[login] = user
        return user

    def _project(self, path: str, members: dict[int, int]) -> Project:
        project = Project(self.site.next_id(), path, create(self.folder / f"{path.replace('/', '-')}.git"), members)
        self.site.projects.append(project)
        return project

    def user(self, login: str) -> User:
        """A person; whoever is new has no rights anywhere."""
        return self.site.users.get(login) or self._register(login)

    @contextmanager
    def _as_person(self) -> Iterator[None]:
        with self.server.locked():
            try:
                yield
            except No as no:
                raise Refused(f"{no.status}: {no.message}") from None

    # ── What people do ───────────────────────────────────────────────────────────────────────────────────────────────
    def push(
        self, branch: str, files: Mapping[str, bytes], login: str = OWNER, *, project: Project | None = None, email: str = ""
    ) -> CommitSha:
        """A person pushes one commit; `email` forges its author. A protected branch moves as if it had been merged."""
        with self._as_person():
            project, user = project or self.project, self.user(login)
            old = project.bare.head(branch)
            who = Person(user.name, email or user.email)
            changes = {path: ("100644", text) for path, text in files.items()}
            made = plumbing.commit(project.bare, old or project.bare.head("main"), changes, "By hand", who, self.site.now())
            self._move(project, branch, made, user)
            return made

    def make_branch(self, branch: str, commit: CommitSha, login: str = OWNER) -> None:
        """A person makes a branch at a commit."""
        with self._as_person():
            if self.project.bare.head(branch) is not None:
                raise Refused(f"there is a branch {branch} already")
            self._move(self.project, branch, commit, self.user(login))

    def delete_branch(self, branch: str, login: str = OWNER) -> None:
        """A person deletes a branch."""
        with self._as_person():
            self._move(self.project, branch, None, self.user(login))

    def _move(self, project: Project, branch: str, commit: str | None, user: User) -> None:
        old = project.bare.head(branch)
        plumbing.set_branch(project.bare, branch, commit)
        pushes.pushed(self.site, project, branch, old, commit, user)

    def open(self, branch: str, title: str, login: str = OWNER, *, body: str = "By hand", fork: Project | None = None) -> int:
        """A person opens a merge request to main."""
        with self._as_person():
            fields = {"source_branch": branch, "target_branch": "main", "title": title, "description": body}
            return merge_requests.open_request(self.site, fork or self.project, self.project, self.user(login), fields).iid

    def approve(self, number: int, login: str = OWNER) -> None:
        """A person approves; GitLab does not keep of what."""
        with self._as_person():
            merge_requests.approve(self.site, self.request(number), self.user(login))

    def close(self, number: int, login: str = OWNER) -> None:
        """A person closes it unmerged."""
        with self._as_person():
            merge_requests.closed(self.site, self.request(number), self.user(login))

    def merge(self, number: int, login: str = OWNER) -> None:
        """A person presses the merge button, once GitLab shows it."""
        with self._as_person():
            self.settle()
            merging.accept(self.site, self.request(number), self.user(login), sha=None)

    def set_group(self, group: str, logins: Sequence[str]) -> None:
        """Somebody who may says who is in a group."""
        with self._as_person():
            self.site.groups[group] = [self.user(login) for login in logins]

    def remove(self, login: str) -> None:
        """A person has no access any more."""
        with self._as_person():
            self.project.members.pop(self.user(login).id, None)

    def pass_days(self, days: int) -> None:
        """So much later."""
        with self.server.locked():
            self.site.shift += timedelta(days=days)

    @property
    def now(self) -> datetime:
        """What time it is there."""
        return datetime.fromisoformat(self.site.now())

    def comment(self, number: int, text: str, login: str = OWNER) -> None:
        """A person comments."""
        with self._as_person():
            talk.said(self.site, self.project, self.request(number), self.user(login), text)

    def set_draft(self, number: int, *, is_draft: bool) -> None:
        """Somebody turns it into a draft, or back."""
        with self._as_person():
            request = self.request(number)
            request.title = f"Draft: {request.title}" if is_draft else request.title.removeprefix("Draft: ")

    def fork(self, login: str = READER) -> Project:
        """A person forks the project; what main holds is there too."""
        with self._as_person():
            fork = self._project(f"{login}/{REPO}", {self.user(login).id: MAINTAINER})
            fork.fork_of = self.project
            fork.bare.run("fetch", "--quiet", str(self.project.bare.path), "refs/heads/main:refs/heads/main")
            return fork

    def open_from_fork(self, branch: str, files: Mapping[str, bytes], title: str, login: str = READER) -> int:
        """A person forks the project, pushes there and opens a merge request from it to main."""
        fork = self.fork(login)
        self.push(branch, files, login, project=fork)
        return self.open(branch, title, login, fork=fork)

    def set_status(self, commit: str, context: str, state: Literal["success", "failure", "pending"], login: str = OWNER) -> None:
        """Whoever may push says something of a commit."""
        with self._as_person():
            words = {"failure": "failed"}
            talk.set_status(self.site, self.project, commit, self.user(login), {"name": context, "state": words.get(state, state)})

    def archive(self) -> None:
        """The project is read only from here on."""
        with self._as_person():
            self.project.is_archived = True

    def make_public(self) -> None:
        """Somebody changes the project's visibility."""
        with self._as_person():
            self.project.is_private = False

    # ── What GitLab does by itself ───────────────────────────────────────────────────────────────────────────────────
    def request(self, number: int) -> MergeRequest:
        """A merge request as GitLab keeps it; a test may change anything of it."""
        found = self.project.request(number)
        assert found is not None, f"no merge request {number}"
        return found

    def run_pipeline(self, number: int, status: str, *, lag: int = 0) -> Pipeline:
        """CI runs on the head; with `lag` the merge request shows the one before for so many reads."""
        with self.server.locked():
            pipeline = pushes.run(self.site, self.request(number), self.site.users[ADMIN], status)
            assert pipeline is not None
            pipeline.lag = lag
            return pipeline

    def run_train(self) -> None:
        """The first car of the merge train arrives, or falls out."""
        with self.server.locked():
            merging.run_train(self.site, self.project)

    def settle(self) -> None:
        """GitLab gets to the end of what it works on."""
        with self.server.locked():
            for request in self.project.requests:
                request.preparing = request.checking = 0

    # ── What git knows ───────────────────────────────────────────────────────────────────────────────────────────────
    def head(self, branch: str) -> CommitSha | None:
        """Where a branch is now."""
        return self.project.bare.head(branch)

    def bytes_of(self, commit: str, path: str) -> bytes | None:
        """A file as git has it."""
        entry = self.project.bare.files(commit).get(path)
        return self.project.bare.blob(entry.blob) if entry else None

    def pull_requests(self) -> Sequence[tuple[int, str, str]]:
        """(number, head branch, state) of every merge request, oldest first."""
        words = {"opened": "open", "locked": "open"}
        return [(each.iid, each.source_branch, words.get(each.state, each.state)) for each in self.project.requests]

    # ── Accidents ────────────────────────────────────────────────────────────────────────────────────────────────────
    def break_next(self, fault: Fault) -> None:
        """Arrange an accident."""
        self.server.log.faults.append(fault)

    def before_next(self, match: str, act: Callable[[], object]) -> None:
        """Somebody else is quicker: their act happens just before the next request that matches."""
        self.server.log.before.append((match, act))

    def expire_tokens(self) -> None:
        """Nothing happens: a GitLab token is not handed out for an hour, it lives until its day."""

    def revoke_tokens(self) -> None:
        """Our tokens are over."""
        with self.server.locked():
            self.site.expired |= {WRITER_TOKEN, MERGER_TOKEN}

    @property
    def requests(self) -> Sequence[Request]:
        """Every request so far."""
        return tuple(self.server.log.requests)

    @property
    def violations(self) -> Sequence[str]:
        """What GitLab's description does not allow."""
        return tuple(self.server.log.violations)

    @property
    def fired(self) -> Sequence[str]:
        """Commands, closing words and mentions in anybody's text that GitLab acts on."""
        return tuple(self.site.fired)

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Webhooks so far, without those that were lost."""
        return tuple(self.hooks.sent)

    def end(self) -> None:
        """Stop the server."""
        self.server.close()


def adapter_of(world: GitLabWorld) -> GitLabForge:
    """Our adapter on that world, which waits without losing time."""
    forge = GitLabForge.of(world.settings)
    merger = replace(forge.merger, sleep=world.slept.append) if forge.merger else None
    return replace(forge, writer=replace(forge.writer, sleep=world.slept.append), merger=merger)


def _person(user: User) -> Person:
    return Person(user.name, user.email)
