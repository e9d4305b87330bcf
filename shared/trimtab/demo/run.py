"""The demo: the whole loop on the bundled estate, through the entry points and event shapes that a cloud would use.

Every step is an event; a step that happened before happens no more, so a killed demo is finished by the next one and a finished
one changes nothing.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.localforge import LocalForge, Rules, init_bare, protect
from trimtab.adapters.store import open_state
from trimtab.demo import budgets, cloud
from trimtab.demo.estate.bill import write_exports
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.deployment import settings as estate_settings
from trimtab.demo.estate.gitops import gitops_files
from trimtab.demo.estate.model import AS_OF, BILLING_ACCOUNT
from trimtab.demo.estate.palette import apply_main, write_world
from trimtab.demo.estate.usage import write_usage
from trimtab.demo.world import World, running
from trimtab.errors import Broken, Refused
from trimtab.flow.effects import CHECK
from trimtab.flow.governance import home_governance
from trimtab.flow.life import STREAMS, Life, PullRequestRef, fold
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import Json, Person, Tier
from trimtab.settings import Settings, local_path
from trimtab.sources.senders import Request, sign_github

BUCKET = "trimtab-demo-store"
EXPORTS = "trimtab-demo-exports"
FINANCE = "C0FINANCE"
OURS = ("demo.partial", "demo", "scratch", "estate", "settings.json.partial", "log.jsonl", "usage")
"""What a demo that was killed while it was made leaves behind."""
SECRETS = ("slack_token", "slack_signing_secret", "github_webhook_secret", "palette_webhook_secret", "palette_api_key")
AFTERWARDS = AS_OF + timedelta(hours=2)
"""The time of commands on a demo's store: right after its morning."""
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Where and when a step happens."""

    world: World
    now: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that happens in the demo's morning, when, and in words."""

    words: str
    after: timedelta
    run: Callable[[Scene], None]


# ── The store ────────────────────────────────────────────────────────────────────────────────────────────────────────
def prepare(store: str, tell: Tell) -> Settings:
    """Make the demo's store once: estate, repo, secrets, permit. A half-made one is made anew; a made one is left alone."""
    root = local_path(store)
    if not (root / "settings.json").exists():
        if root.exists() and any(path.name not in OURS for path in root.iterdir()):
            raise Refused(f"{root}: holds something that is not a demo's store; choose another --store")
        tell("making the estate: bills, usage, clusters, repository")
        _make_world(root)
        _open_store(root)
    settings = deployment.load({}, store)
    if not settings.is_demo:
        raise Refused(f"{root}/settings.json: not a demo's store; choose another --store")
    return settings


def _make_world(root: Path) -> None:
    """Everything outside Trimtab, made in a side folder and moved into place whole."""
    partial, final = root / "demo.partial", root / "demo"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(final, ignore_errors=True)
    partial.mkdir(parents=True)
    write_exports(partial, f"s3://{EXPORTS}")
    write_usage(partial)
    write_world(partial / "palette")
    init_bare(partial / "gitops.git", gitops_files(), "The estate as its teams left it", AS_OF - timedelta(days=60))
    protect(LocalForge({"gitops": partial / "gitops.git"}), "gitops", Rules(required_checks=(CHECK,), protects_config=True))
    partial.rename(final)


def _open_store(root: Path) -> None:
    """Secrets made for this store alone, the run permit, and at last settings.json, because it says that the store is whole."""
    values = estate_settings(root / "demo") | {name: secrets.token_hex(24) for name in SECRETS}
    mounts = {f"{scheme}://{EXPORTS}/": str(root / "demo") for scheme in ("s3", "gs")} | {f"s3://{BUCKET}/": str(root)}
    values |= {"store": f"file://{root}", "mounts": mounts, "finance_channel": FINANCE, "exports": exports(), "clock": None}
    state = open_state(Settings.model_validate(values), nonce=lambda: secrets.token_hex(8))
    state.permit.resume(by="demo", reason="the demo's operator allows writing", at=AS_OF)
    partial = root / "settings.json.partial"
    partial.write_text(json.dumps(values, indent=2, default=str))
    partial.chmod(0o600)
    partial.rename(root / "settings.json")


def exports() -> list[Json]:
    """The two exports, each below the bucket that its cloud delivers it to."""
    return [
        {"name": "estate", "prefix": f"s3://{EXPORTS}/exports/estate", "billing_account": BILLING_ACCOUNT},
        {"name": "focus-sample", "prefix": f"gs://{EXPORTS}/exports/focus-sample", "billing_account": "*"},
    ]


# ── The morning ──────────────────────────────────────────────────────────────────────────────────────────────────────
def steps() -> tuple[Step, ...]:
    """What happens, in order."""
    return (
        Step(words="usage of 44 days lands", after=timedelta(minutes=0), run=_usage_lands),
        Step(words="the collector reads the last day from Prometheus", after=timedelta(minutes=5), run=_collect),
        Step(words="the estate's bill lands (AWS)", after=timedelta(minutes=10), run=_estate_bill_lands),
        Step(words="the FOCUS sample lands (Google Cloud)", after=timedelta(minutes=12), run=_sample_bill_lands),
        Step(words="every period is attributed to its owners", after=timedelta(minutes=15), run=_drain),
        Step(words="forecasts and owner suggestions are learned", after=timedelta(minutes=18), run=_learn),
        Step(words="Palette calls: a cluster's health changed", after=timedelta(minutes=20), run=_palette_calls),
        Step(words="a run is planned, analyzed and opened", after=timedelta(minutes=25), run=_propose),
        Step(words="the forge calls about each pull request", after=timedelta(minutes=35), run=_forge_calls),
        Step(words="a budget passes its threshold (AWS, Google Cloud)", after=timedelta(minutes=40), run=_budgets),
        Step(words="the platform owner approves one in Slack", after=timedelta(minutes=45), run=_approve_in_slack),
        Step(words="the ML owner rejects one in Slack", after=timedelta(minutes=50), run=_reject_in_slack),
        Step(words="the repository's pipeline applies what was merged", after=timedelta(minutes=60), run=_apply),
        Step(words="merged changes are verified, the day is sealed", after=timedelta(minutes=75), run=_verify),
        Step(words="showback is rendered and told", after=timedelta(minutes=90), run=_report),
    )


def run(store: str, tell: Tell, progress: Callable[[int, int, str], None]) -> Settings:
    """Run the demo to its end on a store of its own.

    A killed demo goes on with the step it was killed in. A finished one delivers every event again, and nothing may come of it.
    """
    settings = prepare(store, tell)
    plan = steps()
    with running(settings) as world:
        passed = _passed()
        begin = 0 if passed >= len(plan) else passed
        for number, step in enumerate(plan[begin:], begin):
            progress(number, len(plan), step.words)
            with clock(AS_OF + step.after):
                step.run(Scene(world=world, now=AS_OF + step.after))
                if number >= passed:
                    wiring.ports().documents.publish("demo/passed", {"steps": number + 1})
        progress(len(plan), len(plan), "done")
    return settings


def _passed() -> int:
    """How many steps are behind this store."""
    return int(str((wiring.ports().documents.find("demo/passed") or {"steps": 0})["steps"]))


@contextmanager
def clock(now: datetime) -> Iterator[None]:
    """Every entry point called inside runs at this time."""
    os.environ["TRIMTAB_CLOCK"] = now.isoformat()
    wiring.forget_ports()
    try:
        yield
    finally:
        os.environ.pop("TRIMTAB_CLOCK", None)
        wiring.forget_ports()


def _usage_lands(scene: Scene) -> None:
    for marker in sorted((scene.world.root / "usage").glob("*/*/_complete.json")):
        _land(scene.world, marker, "aws")
    cloud.drain()


def _collect(scene: Scene) -> None:
    cloud.tick("collect", "gcp", scene.now)
    store = scene.world.root.parent
    for marker in sorted(store.glob("usage/*/*/_complete.json")):
        version = hashlib.sha256(marker.read_bytes()).hexdigest()[:32]
        cloud.landed("ingest", "aws", f"s3://{BUCKET}/{marker.relative_to(store)}", version)
    cloud.drain()


def _estate_bill_lands(scene: Scene) -> None:
    for manifest in sorted((scene.world.root / "exports" / "estate").glob("metadata/*/*-Manifest.json")):
        _land(scene.world, manifest, "aws")


def _sample_bill_lands(scene: Scene) -> None:
    for marker in sorted((scene.world.root / "exports" / "focus-sample").glob("**/_trimtab_complete.json")):
        _land(scene.world, marker, "gcp")


def _land(world: World, path: Path, on: cloud.Cloud) -> None:
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    scheme = "s3" if on == "aws" else "gs"
    cloud.landed("ingest", on, f"{scheme}://{EXPORTS}/{path.relative_to(world.root)}", version)


def _drain(_scene: Scene) -> None:
    cloud.drain()


def _learn(scene: Scene) -> None:
    cloud.tick("learn", "gcp", scene.now)
    cloud.drain()


def _palette_calls(_scene: Scene) -> None:
    settings = wiring.ports().settings
    cluster = CLUSTERS[0].cluster
    body = json.dumps(
        {
            "v": 1,
            "source": "palette",
            "tenant": settings.tenant,
            "project_uid": cluster.project_uid,
            "message": f"{cluster.name} is healthy again",
        }
    )
    _expect_200(
        cloud.send(
            Request(
                path="/palette",
                headers={"x-trimtab-token": _value(settings.palette_webhook_secret), "content-type": "application/json"},
                body=body.encode(),
            ),
            "aws",
        )
    )
    cloud.drain()


def _propose(scene: Scene) -> None:
    cloud.tick("propose", "aws", scene.now)
    cloud.drain()


def _forge_calls(_scene: Scene) -> None:
    """The forge tells about every pull request it has; what was told before changes nothing."""
    _forge_tells("opened", lives(wiring.ports()), "aws")
    cloud.drain()


def _forge_tells(action: str, about: list[Life], on: cloud.Cloud) -> None:
    """The same bytes every time: what was told first is kept, because heads move while it is being served."""
    documents, key = wiring.ports().documents, f"demo/forge-{action}"
    if documents.find(key) is None:
        bodies = [_forge_body(action, life, ref) for life in about if (ref := life.pull_request)]
        documents.publish(key, {"lines": "\n".join(bodies)})
    told = documents.find(key) or {}
    for body in str(told["lines"]).splitlines():
        _expect_200(cloud.send(_webhook(body.encode()), on))


def _forge_body(action: str, life: Life, ref: PullRequestRef) -> str:
    pull = {"number": ref.number, "head": {"sha": ref.head, "ref": life.planned().branch}, "base": {"ref": life.planned().base_ref}}
    sender = {"login": wiring.ports().forge.login}
    return json.dumps(
        {"action": action, "number": ref.number, "pull_request": pull, "repository": {"full_name": ref.repo}, "sender": sender}
    )


def _webhook(body: bytes) -> Request:
    delivery = hashlib.sha256(body).hexdigest()
    headers = {
        "x-github-event": "pull_request",
        "x-github-delivery": f"{delivery[:8]}-{delivery[8:12]}-4{delivery[13:16]}-8{delivery[17:20]}-{delivery[20:32]}",
        "x-hub-signature-256": sign_github(_value(wiring.ports().settings.github_webhook_secret), body),
        "content-type": "application/json",
    }
    return Request(path="/github", headers=headers, body=body)


def _budgets(_scene: Scene) -> None:
    for on, event in budgets.events():
        cloud.call("alert", on, event)
    cloud.drain()


def _approve_in_slack(scene: Scene) -> None:
    _click(scene, "approve", "platform-owner")


def _reject_in_slack(scene: Scene) -> None:
    _click(scene, "reject", "ml-owner", reason="not-worth-it")


def _click(scene: Scene, action: str, person: str, *, reason: str = "") -> None:
    """A person whom the policy lets decide presses a button on the first card that waits for exactly one such person."""
    known = lives(wiring.ports())
    who = _person(person)
    if not any(_decided(life, who.id) for life in known):
        card = next((life.card for life in known if _waits_for(life, who.id)), None)
        if card is not None:
            request = scene.world.slack.click(card, action, user=who.slack, at=scene.now, reason=reason)
            _expect_200(cloud.send(request, "gcp"))
    cloud.drain()


def _decided(life: Life, person: str) -> bool:
    return any(memory.by == person for memory in life.memory) or any(approval.person == person for approval in life.approvals)


def _waits_for(life: Life, person: str) -> bool:
    return life.state is State.AWAITING and life.verdict is not None and life.verdict.tier is Tier.ONE and person in life.verdict.approvers


def _apply(scene: Scene) -> None:
    """The repository's own pipeline: what is on main is applied to Palette; then the forge calls about each merged pull request."""
    ports = wiring.ports()
    forge = ports.forge
    repository = ports.settings.repositories[0]
    head = forge.base_head(repository.id, repository.branch)
    files = {path: forge.read_file(repository.id, head, path) or b"" for path in forge.list_files(repository.id, head)}
    apply_main(scene.world.palette, files)
    _forge_tells("closed", [life for life in lives(ports) if life.state in (State.MERGED, State.APPLIED)], "gcp")
    cloud.drain()


def _verify(scene: Scene) -> None:
    cloud.tick("verify", "gcp", scene.now)
    cloud.drain()


def _report(scene: Scene) -> None:
    cloud.tick("report", "aws", scene.now)
    cloud.drain()


def slack_user(person: str) -> str:
    """The Slack id that owners.yaml gives a person."""
    return _person(person).slack


def _person(name: str) -> Person:
    return next(known for known in home_governance(wiring.ports()).people if known.called == name)


def lives(ports: Ports) -> list[Life]:
    """Every proposal's folded state, in a fixed order."""
    return [fold(entry) for _, entry in sorted(ports.ledger.heads(STREAMS).items())]


def _value(secret: object) -> str:
    return secret.get_secret_value() if hasattr(secret, "get_secret_value") else ""


def _expect_200(status: int) -> None:
    if status != 200:
        raise Broken(f"receive answered {status} to a request that its own sender signed")


@contextmanager
def afterwards() -> Iterator[None]:
    """The time right after the demo's morning, for commands on its store; a clock that is set already stays."""
    if "TRIMTAB_CLOCK" in os.environ:
        yield
        return
    with clock(AFTERWARDS):
        yield
