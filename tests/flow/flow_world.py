"""A world to run the flows in: a store in memory, a real forge on bare git, a chat that remembers, one cluster, and findings by hand.

Events take the real way: signed requests through `receive`, then every inbox item through `serve`. `faulty` makes the k-th write die.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from tests.judgement import CONFIG, NOW, OWNERS, POLICY, UID, chart, cluster, evidence, files, finding, pool
from trimtab.adapters.catalog import BundledCatalog
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.adapters.localforge import LocalForge, Rules, init_bare, protect, review
from trimtab.adapters.memory import MemoryChat, MemoryLog, MemoryPalette, Message
from trimtab.adapters.progress import Silent
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.adapters.store.objects import Objects, open_objects
from trimtab.adapters.store.state import state_over
from trimtab.adapters.wording import load_wording
from trimtab.attribution.summary import Amounts, PoolTeam, Summary
from trimtab.errors import Upstream
from trimtab.flow.alert import alert
from trimtab.flow.codec import dump
from trimtab.flow.effects import CHECK
from trimtab.flow.life import STREAMS, Life, fold
from trimtab.flow.merge import merge
from trimtab.flow.propose import propose
from trimtab.flow.receive import ReceivePorts, receive
from trimtab.flow.runs import Analysis
from trimtab.flow.verify import verify
from trimtab.flow.wake import UseCase, Wake, function_of, serve, tick_key
from trimtab.ports import Ports
from trimtab.records import CommitSha, Entry, FieldChange, Finding, PullRequest, Refusal, Stage
from trimtab.settings import NonProduction, Repository, Settings
from trimtab.sources.senders import Request, inbox_key, sign_github, sign_slack

REPO, CHANNEL = "gitops", "C0BATCH"
PATH = "clusters/dev/dev-east.yaml"
YAML = b"""\
name: dev-east   # a comment that stays
node_groups:
  - name: system
    count: 3
    instance_type: m6i.2xlarge
  - name: batch
    count: 6
    instance_type: m6i.2xlarge
"""
TERRAFORM = b"""\
locals {
  files    = { for path in fileset(path.module, "clusters/**/*.yaml") : path => yamldecode(file("${path.module}/${path}")) }
  clusters = { for path, cluster in local.files : cluster.name => cluster }
}

resource "spectrocloud_cluster_eks" "this" {
  for_each = local.clusters
  name     = each.value.name

  dynamic "machine_pool" {
    for_each = each.value.node_groups
    content {
      name          = machine_pool.value.name
      count         = machine_pool.value.count
      min           = try(machine_pool.value.min, null)
      max           = try(machine_pool.value.max, null)
      instance_type = machine_pool.value.instance_type
    }
  }
}
"""
"""What reads the clusters' files and makes the clusters: without it a change of theirs could not be sure to do anything."""
ONE = POLICY.replace(b"rules: []", b"rules:\n  - {name: a-person, when: [{fact: change.field, is: count}], tier: one-approval}")
TWO = POLICY.replace(b"rules: []", b"rules:\n  - {name: two-people, when: [{fact: change.field, is: count}], tier: two-approvals}")
FREEZE = ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n"
SLACK_SECRET, GITHUB_SECRET = "slack-secret-of-the-tests", "github-secret-of-the-tests"
ALERTS_SECRET = "alertmanager-secret-of-the-tests"
WORDING = load_wording()
USE_CASES: Mapping[str, UseCase] = {"propose": propose, "merge": merge, "verify": verify, "alert": alert}
Mode = Literal["before", "after", "lost"]


@dataclass
class World:
    """Everything outside the core, and the hands of the people in it."""

    ports: Ports
    forge: LocalForge
    chat: MemoryChat
    palette: MemoryPalette
    log: MemoryLog
    objects: Objects
    now: datetime = NOW
    outcomes: dict[str, str] = field(default_factory=dict)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def serve(self, key: str, body: bytes = b"") -> str:
        self.outcomes[key] = serve(USE_CASES[function_of(key)], Wake(key=key, body=body), self.ports, self.now)
        return self.outcomes[key]

    def deliver(self) -> None:
        """What the queues do: every item that waits, until none does."""
        while waiting := self.ports.inbox.pending():
            for key in waiting:
                self.serve(key)

    def forget(self, key: str) -> None:
        """A done mark is lost, as it is when a process dies between the last effect and the mark."""
        self.objects.delete("done/" + key.removeprefix("inbox/"))

    def propose(self, *findings: Finding, refusals: tuple[Refusal, ...] = (), at: datetime | None = None, only_first: bool = False) -> str:
        """A clock tick plans a run, whose analysis says just this; then it opens. The answer of its last step."""
        at = at or self.now
        run = f"run-{at:%Y%m%dt%H%Mz}"
        for known in self.palette.known[: 1 if only_first else None]:
            uid = known.uid
            mine = tuple(found for found in findings if found.subject.cluster_uid == uid)
            no = tuple(refusal for refusal in refusals if refusal.cluster_uid == uid)
            self.ports.documents.publish(
                f"runs/{run}/{uid}", dump(Analysis(run=run, cluster_uid=uid, findings=mine, refusals=no, cluster=known))
            )
        self.serve(tick_key("propose", at), b"{}")
        self.deliver()
        return self.outcomes.get(f"inbox/propose/{run}.open", "")

    def refused(self, at: datetime | None = None) -> str:
        """Why the run's findings were not opened."""
        document = self.ports.documents.find(f"runs/run-{at or self.now:%Y%m%dt%H%Mz}/refused") or {}
        return json.dumps(document.get("refusals"))

    def tick_verify(self) -> str:
        outcome = self.serve(tick_key("verify", self.now), b"{}")
        self.deliver()
        return outcome

    def receive(self, request: Request) -> str:
        """What Slack or the forge sends; the key that it is kept under."""
        reply = receive(request, ReceivePorts(self.ports.inbox, self.ports.settings), self.now)
        if reply.status == 503:
            raise Upstream(reply.body)
        assert reply.status == 200, reply
        return inbox_key(request)

    def webhook(self, action: str = "opened") -> str:
        """The forge calls about the pull request."""
        key = self.receive(self.forge_call(action))
        self.deliver()
        return self.outcomes.get(key, "done before")

    def forge_call(self, action: str) -> Request:
        pull = {"number": 1, "head": {"sha": self.pull().head}}
        body = json.dumps({"action": action, "number": 1, "pull_request": pull, "repository": {"full_name": REPO}}).encode()
        return Request("/github", {"x-github-event": "pull_request", "x-hub-signature-256": sign_github(GITHUB_SECRET, body)}, body)

    def click(self, action: str, user: str = "U0PLATFORM", **about: Any) -> str:
        """A button pressed on the card; what the person was told."""
        key = self.receive(self.press(action, user, **about))
        self.deliver()
        return self.outcomes.get(key, "done before")

    def click_on(self, message: Message, action: str, user: str = "U0PLATFORM") -> str:
        """The one proposal's button, as if it stood on another message; what the person was told."""
        key = self.receive(self.press(action, user, on=message))
        self.deliver()
        return self.outcomes[key]

    def press(
        self,
        action: str,
        user: str = "U0PLATFORM",
        *,
        head: str = "",
        reason: str = "too-risky",
        proposal: str = "",
        wanted: str = "",
        on: Message | None = None,
    ) -> Request:
        """The signed request of that button, pressed now on the one card as it is, or `on` another message."""
        card = on or self.cards()[0]
        value = f"{proposal or self.life().planned().id} {head or self.pull().head}"
        pressed: dict[str, object] = {"action_id": action, "type": "button", "value": value}
        if action in ("reject", "adjust"):
            pressed |= {"type": "static_select", "selected_option": {"value": f"{value} {wanted or reason}"}}
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "container": {"channel_id": card.ref.channel, "message_ts": card.ref.ts},
            "actions": [{**pressed, "action_ts": f"{self.now.timestamp()}"}],
        }
        return self.slack(urlencode({"payload": json.dumps(payload)}).encode())

    def slack(self, body: bytes) -> Request:
        timestamp = str(int(self.now.timestamp()))
        headers = {"x-slack-request-timestamp": timestamp, "x-slack-signature": sign_slack(SLACK_SECRET, timestamp, body)}
        return Request("/slack", headers | {"content-type": "application/x-www-form-urlencoded"}, body)

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def dying(self, of: str, step: Callable[[], object], mode: Mode = "before") -> None:
        """Do something, and die at the first write of that name."""
        healthy = self.ports
        self.ports = faulty(healthy, Fault(1, mode, of))
        try:
            step()
        except (Died, Upstream):
            return
        finally:
            self.ports = healthy
        raise AssertionError(f"{of} was never called")

    def survive(self, troubled: Ports, *steps: Callable[["World"], object]) -> None:
        """Step after step with these ports; one that fails is delivered again, to a process to which nothing more happens."""
        healthy, self.ports = self.ports, troubled
        for step in steps:
            try:
                step(self)
            except (Died, Upstream):
                self.ports = healthy
                step(self)
        self.ports = healthy

    # ── people at the forge, and the cluster ─────────────────────────────────────────────────────────────────────────
    def review(self, login: str = "ml-owner", state: Literal["approved", "dismissed"] = "approved") -> None:
        review(self.forge, REPO, 1, login, state, self.now)

    def push_main(self, changed: Mapping[str, bytes], author: str = "somebody-else") -> CommitSha:
        """A reviewed change reaches the default branch."""
        bare = self.forge.git(REPO)
        head = self.forge.base_head(REPO, "main")
        commit = bare.commit_files(head, changed, "A change by hand", author=author, at=self.now)
        assert bare.point("main", commit, head)
        return commit

    def apply(self, count: int = 5) -> None:
        """The pipeline applied what is on main, and the metrics of the next hour are there."""
        (known,) = self.palette.known
        pools = tuple(replace(each, count=count) if each.name == "batch" else each for each in known.pools)
        self.palette.known = (replace(known, pools=pools),)

    def measure(self, wanted: float = 17.5, pending: int = 0) -> None:
        """The newest hour's demand, as ingest publishes it."""
        pools = {"batch": {"pending_pods": pending, "CPU cores": wanted}}
        self.ports.documents.publish(f"demand/{UID}", {"cluster": "dev-east", "hour": self.now.isoformat(), "pools": pools})

    # ── what is true now ─────────────────────────────────────────────────────────────────────────────────────────────
    def lives(self) -> list[Life]:
        return [fold(entry) for _, entry in sorted(self.ports.ledger.heads(STREAMS).items())]

    def life(self) -> Life:
        """The one proposal's life."""
        (entry,) = self.ports.ledger.heads(STREAMS).values()
        return fold(entry)

    def entries(self) -> list[Entry]:
        (stream,) = self.ports.ledger.heads(STREAMS)
        return self.ports.ledger.entries(stream)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries()]

    def pull(self) -> PullRequest:
        """The one pull request."""
        (number,) = self.forge.desk(REPO).numbers()
        return self.forge.pull_request(REPO, number)

    def cards(self) -> list[Message]:
        """Messages about changes that stand in a channel, not in a thread, and not between us and one person."""
        standing = [message for message in self.chat.messages if message.thread is None and not message.ref.channel.startswith("D")]
        return [message for message in standing if message not in self.announced()]

    def announced(self) -> list[Message]:
        """What people were told of new rules."""
        return [message for message in self.chat.messages if message.text.startswith("The rules of ")]

    def answers(self) -> list[str]:
        return [message.text for message in self.chat.messages if message.thread is not None]

    def buttons(self) -> set[str]:
        """What can be pressed on the one live card."""
        (card,) = self.cards()
        return set(re.findall(r'"action_id": "(\w+)"', json.dumps(card.blocks)))

    def said(self) -> list[str]:
        """Our comments on the one pull request, without the marks that we find them by."""
        return [re.sub(r"\n\n<!-- trimtab note=\w{20} -->$", "", comment.text) for comment in self.forge.comments(REPO, self.pull().number)]

    def main_file(self) -> bytes | None:
        return self.forge.read_file(REPO, self.forge.base_head(REPO, "main"), PATH)

    def merges(self) -> int:
        """How many merge commits the default branch has."""
        return int(self.forge.git(REPO).run("rev-list", "--count", "--merges", "main"))


def make_world(root: Path, policy: bytes = ONE, *, stage: Stage = Stage.GUARDED, config: bytes = CONFIG, owners: bytes = OWNERS) -> World:
    """A Wednesday morning, and everybody may do what they may."""
    forge = LocalForge({REPO: root / "gitops.git"})
    tree = {PATH: YAML, "main.tf": TERRAFORM, **files(config, policy, owners)}
    init_bare(root / "gitops.git", tree, "The estate as its teams left it", NOW - timedelta(days=60))
    protect(forge, REPO, Rules(required_checks=(CHECK,), protects_config=True))
    settings = Settings(
        store="s3://example-store",
        highest_stage=stage,
        repositories=(Repository(id=REPO, forge="local", location=str(root / "gitops.git")),),
        nonproduction=(NonProduction(cluster_uid=UID, project_uid=cluster().project_uid, since=date(2026, 1, 5)),),
        default_channel=CHANNEL,
        slack_signing_secret=SLACK_SECRET,  # type: ignore[arg-type]
        github_webhook_secret=GITHUB_SECRET,  # type: ignore[arg-type]
        alertmanager_webhook_secret=ALERTS_SECRET,  # type: ignore[arg-type]
    )
    objects = open_objects("memory://").within("default")
    nonces = iter(range(1 << 30))
    state = state_over(objects, objects, nonce=lambda: f"{next(nonces):016x}")
    state.permit.resume(by="platform-owner", reason="the tests may write", at=NOW)
    lake, engine = DeltaLake(f"file://{root}/lake", root), DuckDb(memory_mb=256, directories=(root,), scratch=root)
    palette, chat, log = MemoryPalette((cluster(pool(), pool(name="system", count=3)),)), MemoryChat(), MemoryLog()
    # Three more pools, so that one change is not a third of everything.
    palette.known = (replace(palette.known[0], pools=(*palette.known[0].pools, pool(name="spare", count=1), pool(name="edge", count=1))),)
    ports = Ports(
        settings=settings, inbox=state.inbox, ledger=state.ledger, permit=state.permit, documents=state.documents, lake=lake,
        buckets=StoreBuckets({}), engine=engine, palette=palette, catalog=BundledCatalog(), usage=LakeUsage(lake, engine), forge=forge,
        chat=chat, metrics=_no_metrics, log=log, progress=Silent(), wording=WORDING, scratch=root,
    )  # fmt: skip
    world = World(ports=ports, forge=forge, chat=chat, palette=palette, log=log, objects=objects)
    world.measure()
    world.ports.documents.publish("summaries/all/p-2026-10", _owned({"batch": "920", "ml": "80"}).to_json())
    return world


def _owned(teams: Mapping[str, str]) -> Summary:
    """A month in which these teams shared the pool."""
    amounts = {name: Decimal(amount) for name, amount in teams.items()}
    shares = tuple(
        PoolTeam(cluster="dev-east", pool="batch", team=name, currency="USD", amounts=Amounts(billed=value, effective=value, list=value))
        for name, value in amounts.items()
    )
    return Summary(
        scope="all", period="p-2026-10", made_at=NOW.isoformat(), governance_version="0" * 64, versions={}, reconciliations=(), by_part=(),
        by_team=(), by_cluster=(), by_pool=(), by_namespace=(), by_export=(), idle=(), unallocated=(), not_kubernetes=(), daily=(),
        pool_rates=(), pool_costs=(), pool_teams=shares, gpu_hours=(),
    )  # fmt: skip


def _no_metrics(uid: object) -> Any:
    raise Upstream(f"{uid}: nothing here asks a Prometheus")


def shrink(to: int = 5, *, end: datetime | None = None, **changes: Any) -> Finding:
    """The finding that all of this is about: batch from 6 nodes to fewer."""
    end = end or NOW.replace(hour=0)
    measured = evidence(start=end - timedelta(days=35), end=end, chart=chart(new=8.0 * to))
    whole = finding(changes=(FieldChange(field="count", old="6", new=str(to)),), nodes_new=to, evidence=measured)
    return replace(whole, **changes)


def fits(end: str = "fits", name: str = "batch") -> Refusal:
    """An analysis that found the pool right, or could not say."""
    return Refusal(cluster_uid=UID, pool=name, rule=end, reason="said by the tests")


# ── dying on purpose ─────────────────────────────────────────────────────────────────────────────────────────────────
def unlike(found: Mapping[str, object], wanted: Mapping[str, object]) -> dict[str, object]:
    """Of two ends of a story with the same names, what the first has otherwise."""
    return {name: value for name, value in found.items() if value != wanted[name]}


class Died(BaseException):
    """The process ended here: nothing catches it, as nothing catches a kill."""


WRITES: Mapping[str, frozenset[str]] = {
    "inbox": frozenset({"put", "finish"}),
    "ledger": frozenset({"append", "claim_slot", "seal"}),
    "documents": frozenset({"publish", "publish_text"}),
    "forge": frozenset(
        {
            "commit_files",
            "open_pull_request",
            "edit_pull_request",
            "close_pull_request",
            "comment",
            "set_check",
            "merge",
            "open_issue",
            "edit_issue",
        }
    ),
    "chat": frozenset({"post", "update", "withdraw"}),
}


@dataclass
class Fault:
    """Dies at the k-th write (never with k = 0), or at the k-th of one name; and names all of them."""

    k: int
    mode: Mode = "before"
    of: str = ""
    seen: list[str] = field(default_factory=list)

    def around(self, name: str, write: Callable[[], object]) -> object:
        self.seen.append(name)
        counted = [seen for seen in self.seen if self.of in ("", seen)]
        if len(counted) != self.k or self.of not in ("", name):
            return write()
        if self.mode == "before":
            raise Died(f"before {name}")
        write()
        if self.mode == "lost":
            raise Upstream(f"the answer of {name} was lost")
        raise Died(f"after {name}")


@dataclass
class Faulty:
    """A port whose writes go through a fault."""

    port: Any
    name: str
    fault: Fault

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self.port, attribute)
        if attribute not in WRITES[self.name]:
            return found
        return lambda *arguments, **named: self.fault.around(f"{self.name}.{attribute}", partial(found, *arguments, **named))


def faulty(ports: Ports, fault: Fault) -> Ports:
    """The same ports, one write of which will not go well."""
    values = {each.name: getattr(ports, each.name) for each in fields(Ports)}
    return Ports(**(values | {name: Faulty(values[name], name, fault) for name in WRITES}))


# ── two worlds, compared ─────────────────────────────────────────────────────────────────────────────────────────────
_HASH = re.compile(r"\b[0-9a-f]{10,64}\b")


def projection(world: World) -> dict[str, object]:
    """What matters at the end, without the nonces and hashes that no two runs share."""
    life, pull = world.life(), world.pull()
    assert world.ports.ledger.verify() == []
    return {
        "state": life.state,
        "generation": life.generation,
        "memory": [(memory.kind, memory.by, memory.at) for memory in life.memory],
        "approvals": [(approval.person, approval.via, approval.at) for approval in life.approvals],
        "intents": (life.merge_intent, life.card_intent),
        "outcome": life.outcome,
        "merged": (life.merged_by, life.merged_at, world.merges()),
        "pull request": (pull.state, pull.head, _HASH.sub("#", pull.body), pull.title),
        "comments": [comment.text for comment in world.forge.comments(REPO, pull.number)],
        "issues": len(world.forge.issues(REPO)),
        "checks": [check.conclusion for check in world.forge.checks(REPO, pull.head)],
        "branches": world.forge.git(REPO).run("for-each-ref", "--format=%(refname)").decode().split(),
        "file": world.main_file(),
        "cards": [_HASH.sub("#", json.dumps(card.blocks)) for card in world.cards()],
        "answers": [_HASH.sub("#", answer) for answer in world.answers()],
        "waiting": world.ports.inbox.pending(),
    }
