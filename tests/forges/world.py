"""A forge and everybody else who uses it: what people do, what breaks, and every request that was sent.

Three worlds fit this: bare repositories on disk, a GitHub and a GitLab that speak real HTTP over bare repositories.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from trimtab.ports import Forge
from trimtab.records import CommitSha

REPO = "gitops"
"""Id of the one repo in the settings; its name on the forge is `acme/gitops`."""
OWNER = "ml-owner"
"""A person with write access."""
READER = "contractor"
"""A person with read access."""


GROUP = "acme/platform"
"""A team or group of the forge, with the platform's owner and OWNER in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    """Path without host; "/graphql mergePullRequest" for GraphQL, with the names of its top fields."""
    credential: Literal["writer", "gate", "merger", "app", "nobody"]
    status: int

    @property
    def is_write(self) -> bool:
        """True for what changes something; a GraphQL query is none."""
        return self.method != "GET" and not self.path.startswith(("/graphql query", "/app"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What goes wrong with the next request that matches; each fault happens `times` times."""

    match: str
    """A piece of "METHOD path" ("PUT", "/merge", "/graphql createCommitOnBranch")."""
    when: Literal["before", "after"]
    """before: nothing happened; after: the effect is there and the answer is lost."""
    how: Literal["500", "502", "drop", "403-secondary", "429", "429-bare", "401-expired", "409-lock"] = "502"
    """drop: the connection closes without an answer. 409-lock: GitLab works on the same thing just now."""
    times: int = 1
    skip: int = 0
    """How many matching requests pass unharmed first."""


class ForgeWorld(Protocol):
    """One forge with one repo whose default branch is main."""

    @property
    def forge(self) -> Forge:
        """The adapter that is tested, as one process has it."""

    def another(self) -> Forge:
        """The adapter as another process has it: no memory of anything."""

    def push(self, branch: str, files: Mapping[str, bytes], login: str = OWNER) -> CommitSha:
        """A person pushes one commit to a branch, which is made from main where there is none."""

    def make_branch(self, branch: str, commit: CommitSha, login: str = OWNER) -> None:
        """A person makes a branch at a commit."""

    def open(self, branch: str, title: str, login: str = OWNER) -> int:
        """A person opens a pull request from a branch to main; its number."""

    def approve(self, number: int, login: str = OWNER) -> None:
        """A person approves the head as it is now."""

    def close(self, number: int, login: str = OWNER) -> None:
        """A person closes it unmerged."""

    def merge(self, number: int, login: str = OWNER) -> None:
        """A person presses the merge button."""

    def set_group(self, group: str, logins: Sequence[str]) -> None:
        """Somebody who may says who is in a team or group of the forge."""

    def remove(self, login: str) -> None:
        """A person has no access to the repo any more."""

    def pass_days(self, days: int) -> None:
        """So much later for everybody."""

    @property
    def now(self) -> datetime:
        """What time it is for whoever acts next."""

    def head(self, branch: str) -> CommitSha | None:
        """Where a branch is now, read from git itself."""

    def pull_requests(self) -> Sequence[tuple[int, str, str]]:
        """(number, head branch, state) of every pull request, oldest first."""

    def break_next(self, fault: Fault) -> None:
        """Arrange an accident. Raises NotImplementedError where the forge sends no requests."""

    @property
    def requests(self) -> Sequence[Request]:
        """Every request so far; () where the forge sends none."""

    @property
    def violations(self) -> Sequence[str]:
        """Requests and answers that the forge's published description does not allow; a test that leaves one fails."""

    def end(self) -> None:
        """Stop whatever runs for this world."""


class RemoteWorld(ForgeWorld, Protocol):
    """A forge over HTTP, with what only happens there."""

    def before_next(self, match: str, act: Callable[[], object]) -> None:
        """Somebody is quicker: `act` happens just before the next request that matches, as in `Fault`."""

    def open_from_fork(self, branch: str, files: Mapping[str, bytes], title: str, login: str = READER) -> int:
        """A person forks the repo, pushes a branch there and opens a pull request from it to main; its number."""

    def set_draft(self, number: int, *, is_draft: bool) -> None:
        """Somebody turns a pull request into a draft, or back."""

    def set_status(self, commit: str, context: str, state: Literal["success", "failure", "pending"], login: str = OWNER) -> None:
        """Whoever may push says something of a commit."""

    def archive(self) -> None:
        """The repo is archived: read only from here on."""

    def make_public(self) -> None:
        """Anybody can read the repo from here on."""

    def expire_tokens(self) -> None:
        """Tokens that were handed out for a while are no longer taken; where they are not, nothing happens."""

    @property
    def fired(self) -> Sequence[object]:
        """What the forge would have acted on in our texts: closing words, mentions, commands."""
