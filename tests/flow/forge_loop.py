"""The loop of tests/flow/flow_world.py with its pull requests on any forge: bare repositories, GitHub or GitLab over HTTP."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from pydantic import SecretStr

from tests.flow.flow_world import GITHUB_SECRET, ONE, PATH, TERRAFORM, YAML, World, make_world
from tests.forges.world import OWNER, REPO, ForgeWorld
from tests.judgement import CONFIG, NOW, OWNERS, files
from trimtab.flow.confirm import STREAMS, mark_of
from trimtab.flow.governance import read_governance
from trimtab.ports import Ports
from trimtab.records import CommitSha, Json, PullRequest
from trimtab.settings import Repository
from trimtab.sources.senders import Request, sign_github

LOCATION = "acme/gitops"
GITLAB_SECRET = "gitlab-secret-of-the-tests"
_HASH = re.compile(r"\b[0-9a-f]{10,64}\b")


def tree(policy: bytes = ONE, config: bytes = CONFIG) -> dict[str, bytes]:
    """What the repo holds at the start."""
    return {PATH: YAML, "main.tf": TERRAFORM, **files(config, policy, OWNERS)}


@dataclass
class Loop(World):
    """The same world; what stands on the forge is read from the forge itself."""

    outside: ForgeWorld | None = None
    kind: str = "local"

    @property
    def there(self) -> ForgeWorld:
        assert self.outside is not None
        return self.outside

    def number(self) -> int:
        """The one pull request of ours."""
        (number,) = [number for number, branch, _ in self.there.pull_requests() if branch.startswith("trimtab/")]
        return number

    def pull(self) -> PullRequest:
        return self.there.another().pull_request(REPO, self.number())

    def forge_call(self, action: str) -> Request:
        """The webhook about it, as this kind of forge signs one."""
        pull = self.pull()
        if self.kind == "gitlab":
            about = {"iid": pull.number, "action": action, "last_commit": {"id": pull.head}}
            body = json.dumps({"object_kind": "merge_request", "project": {"path_with_namespace": LOCATION}, "object_attributes": about})
            return Request("/gitlab", {"x-gitlab-token": GITLAB_SECRET, "x-gitlab-event": "Merge Request Hook"}, body.encode())
        about = {"number": pull.number, "head": {"sha": pull.head}}
        name = REPO if self.kind == "local" else LOCATION
        event = {"action": action, "number": pull.number, "pull_request": about, "repository": {"full_name": name}}
        body = json.dumps(event)
        return Request(
            "/github", {"x-github-event": "pull_request", "x-hub-signature-256": sign_github(GITHUB_SECRET, body.encode())}, body.encode()
        )

    def main_file(self) -> bytes | None:
        forge = self.there.another()
        return forge.read_file(REPO, forge.base_head(REPO, "main"), PATH)

    def push_main(self, changed: Mapping[str, bytes], author: str = OWNER) -> CommitSha:
        return self.there.push("main", changed, author)


def loop_over(outside: ForgeWorld, kind: str, root: Path, policy: bytes = ONE, *, is_confirmed: bool = True) -> Loop:
    """Everything of flow_world, but the forge is `outside`, whose repo holds `tree(policy)`; everybody is confirmed unless it says not."""
    world = make_world(root, policy)
    location = str(root / "gitops.git") if kind == "local" else LOCATION
    repository = Repository(id=REPO, forge=kind, location=location)  # type: ignore[arg-type]
    changed = {"repositories": (repository,), "gitlab_webhook_secret": SecretStr(GITLAB_SECRET)}
    ports = replace(world.ports, forge=outside.forge, settings=world.ports.settings.model_copy(update=changed))
    if is_confirmed and kind != "local":
        confirm_all(ports)
    known = {each.name: getattr(world, each.name) for each in fields(World)}
    return Loop(**(known | {"ports": ports}), outside=outside, kind=kind)


def confirm_all(ports: Ports) -> None:
    """What stands in the record once everybody has said that their two accounts are theirs."""
    for person in read_governance(ports, REPO).people:
        state: Json = {"confirmed": [mark_of(person, ports)]}
        ports.ledger.append(STREAMS + person.id, None, kind="confirmed", at=NOW, actor=person.id, reason="in a test", body={}, state=state)


def settled(loop: Loop) -> dict[str, object]:
    """What matters at the end, without the hashes and numbers that no two runs share."""
    life = loop.life()
    assert loop.ports.ledger.verify() == []
    assert not loop.there.violations, "\n".join(loop.there.violations)
    ours = [(branch, state) for _, branch, state in loop.there.pull_requests() if branch.startswith("trimtab/")]
    return {
        "state": life.state,
        "generation": life.generation,
        "memory": [(memory.kind, memory.by) for memory in life.memory],
        "approvals": [(approval.person, approval.via) for approval in life.approvals],
        "intents": (life.merge_intent, life.card_intent),
        "merged": life.merged_by,
        "pull requests": ours,
        "text": _HASH.sub("#", loop.pull().body),
        "comments": [_HASH.sub("#", comment.text) for comment in loop.there.another().comments(REPO, loop.number())],
        "file": loop.main_file(),
        "cards": len(loop.cards()),
        "waiting": loop.ports.inbox.pending(),
    }
