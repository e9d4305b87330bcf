"""The estate's repository on either forge, protected as docs/forges.md asks for: what the story does there, and reads from there.

Both are servers behind a door; what a person does is done at the server itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from tests.forges.github.world import GitHubWorld, checks_rule, key_pair, reviews_rule
from tests.forges.gitlab.records import NO_ONE, Protection
from tests.forges.gitlab.world import MERGER, MERGER_TOKEN, WRITER, WRITER_TOKEN, GitLabWorld
from tests.forges.world import REPO
from tests.whole.doors import Door
from trimtab.adapters.localforge.git import Bare
from trimtab.demo.estate.gitops import gitops_files
from trimtab.records import CommitSha, Json
from trimtab.sources.senders import Request

Kind = Literal["github", "gitlab"]
PEOPLE = ("finops-owner", "web-owner", "data-owner")
"""Those of owners.yaml whom the worlds of the forges' own tests do not know."""
OWNED = b"* @acme/platform\n/clusters/\n"
"""Everything has owners, but for what Trimtab may change by itself: an App cannot be a code owner."""
OWNED_ON_GITLAB = b"/.trimtab/ @acme/platform\n"
"""There a review by owners of anything else would be the approval."""
SIGNING_KEY = "whsec_b2YtdGhlLWVzdGF0ZS1hbmQtb2Ytbm9ib2R5LWVsc2U="


class People(Protocol):
    """What the story needs of a forge, whichever it is."""

    def comment(self, number: int, text: str, login: str) -> None:
        """A person comments."""

    def head(self, branch: str) -> CommitSha | None:
        """Where a branch is."""

    def bytes_of(self, commit: str, path: str) -> bytes | None:
        """A file as git has it."""

    def pull_requests(self) -> Sequence[tuple[int, str, str]]:
        """(number, head branch, state) of every pull request, oldest first."""

    @property
    def violations(self) -> Sequence[str]:
        """What the forge's published description does not allow."""

    def end(self) -> None:
        """Stop the server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """One repository, while its forge runs."""

    kind: Kind
    people: People
    git: Bare
    settings: Json
    """What a deployment says of it."""
    secrets: Mapping[str, str]
    webhooks: Callable[[int], list[Request]]
    """Every webhook so far, without the first ones."""
    texts: Callable[[int], list[str]]
    """A pull request's title and text, then what is said below it, in the order of letters."""


def repository(kind: Kind, folder: Path, door: Door) -> Repository:
    """The estate's, on a forge of that kind behind the door."""
    return (_on_github if kind == "github" else _on_gitlab)(folder, door)


def _on_github(folder: Path, door: Door) -> Repository:
    world = GitHubWorld(folder / "github", {**gitops_files(), ".github/CODEOWNERS": OWNED}, url=door.url)
    door.lead_to(world.server.address)
    world.server.webhook_secret = "github_webhook_secret-of-the-estate-".ljust(48, "x")
    for login in PEOPLE:
        world.server.book.account(login)
        world.repo.collaborators[login] = "write"
    world.demand(checks_rule(("trimtab/gate", world.gate.id)), reviews_rule(0, code_owners=True))
    writer = [{"actor_type": "Integration", "actor_id": world.writer.id, "bypass_mode": "always"}]
    world.demand({"type": "creation"}, {"type": "update"}, include=["refs/heads/trimtab/**"], bypass=writer)
    keys = {f"github_{part}_key": key_pair(f"trimtab-{part}")[0] for part in ("writer", "gate")}
    location = {"forge": "github", "location": world.repo.full_name, "forge_id": world.repo.id, "only_we_push": True}
    apps = {part: {"app_id": app.id, "installation_id": app.installation} for part, app in (("writer", world.writer), ("gate", world.gate))}

    def webhooks(told: int) -> list[Request]:
        due = world.server.deliveries[told:]
        return [Request("/github", {name.lower(): value for name, value in each.headers.items()}, each.body) for each in due]

    def texts(number: int) -> list[str]:
        pull = world.repo.pull(number)
        return [pull.title, pull.body, *sorted(comment.body for comment in pull.comments)]

    return Repository(
        kind="github", people=world, git=world.repo.git, webhooks=webhooks, texts=texts,
        settings={"repositories": [{"id": REPO, **location}], "github": {"url": door.url, **apps}},
        secrets={"github_webhook_secret": world.server.webhook_secret, **keys},
    )  # fmt: skip


def _on_gitlab(folder: Path, door: Door) -> Repository:
    (folder / "gitlab").mkdir(parents=True)
    world = GitLabWorld(folder / "gitlab", {**gitops_files(), "CODEOWNERS": OWNED_ON_GITLAB}, url=door.url, clock=lambda: datetime.now(UTC))
    door.lead_to(world.server.address)
    world.hooks.signing_key = SIGNING_KEY
    writer, merger = world.user(WRITER).id, world.user(MERGER).id
    world.project.members |= {world.user(login).id: 30 for login in PEOPLE}
    world.project.merge_method = "ff"
    world.project.protections[:] = [
        Protection(1, "main", push=NO_ONE, merge=NO_ONE, mergers=(merger,), code_owners=True),
        Protection(2, "trimtab/*", push=NO_ONE, merge=NO_ONE, pushers=(writer,), mergers=(writer,), may_force=True),
    ]
    location = {"forge": "gitlab", "location": world.project.path, "forge_id": world.project.id}

    def webhooks(told: int) -> list[Request]:
        return [Request("/gitlab", dict(each.headers), each.body) for each in world.hooks.sent[told:]]

    def texts(number: int) -> list[str]:
        request = world.request(number)
        return [request.title, request.description, *sorted(note.body for note in request.notes if not note.is_system)]

    return Repository(
        kind="gitlab", people=world, git=world.project.bare, webhooks=webhooks, texts=texts,
        settings={"repositories": [{"id": REPO, **location}], "gitlab": {"url": door.url}},
        secrets={"gitlab_webhook_secret": SIGNING_KEY, "gitlab_writer_token": WRITER_TOKEN, "gitlab_merger_token": MERGER_TOKEN},
    )  # fmt: skip
