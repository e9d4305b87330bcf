"""A demo's store in small for the page's tests: the estate's clusters, repo and Slack, three proposals, a summary and a run, by hand."""

import atexit
import http.client
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlencode

from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.localforge import init_bare
from trimtab.adapters.store import open_state
from trimtab.attribution.summary import Amounts, CostLine, PoolTeam, Summary
from trimtab.cli.page import open_server
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.deployment import settings as estate_settings
from trimtab.demo.estate.gitops import gitops_files
from trimtab.demo.estate.palette import write_world
from trimtab.demo.world import running
from trimtab.flow.access import OPERATOR
from trimtab.flow.adopt import begin
from trimtab.flow.codec import dump
from trimtab.flow.drafts import checkout, draft
from trimtab.flow.effects import settle
from trimtab.flow.life import STREAMS, Journal, Life, fold
from trimtab.flow.propose import plan
from trimtab.flow.runs import Analysis, plan_of
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.records import ChartPoint, Cluster, Evidence, FieldChange, Finding, Proposal, ProposalId, Reconciliation, Refusal, Subject
from trimtab.settings import Settings
from trimtab.units import Money

HOSTILE = "</script><img src=x onerror=document.title='owned'>\u202egp.exe"
SECRET = b"one start of the page"
_SECRETS = ("slack_token", "slack_signing_secret", "github_webhook_secret", "palette_webhook_secret", "palette_api_key")
RUN = "run-page"


def make_store(root: Path) -> Settings:
    """Everything that a demo has before its first event, and nothing that takes long."""
    world = root / "demo"
    world.mkdir(parents=True)
    values = estate_settings(world) | {name: f"{name}-of-the-page-tests" for name in _SECRETS} | {"store": f"file://{root}"}
    at = datetime.fromisoformat(str(values["clock"]))
    write_world(world / "palette")
    init_bare(world / "gitops.git", gitops_files(), "The estate as its teams left it", at - timedelta(days=60))
    (root / "settings.json").write_text(json.dumps(values, default=str))
    settings = deployment.load({}, f"file://{root}")
    open_state(settings, nonce=lambda: "page-tests").permit.resume(by="demo", reason="the tests allow writing", at=at)
    return settings


@contextmanager
def opened(root: Path) -> Iterator[Ports]:
    """A store with its world running, and three proposals that wait in it."""
    shutil.copytree(template(), root)
    place = root / "settings.json"
    place.write_text(place.read_text().replace(str(template()), str(root)))
    with running(deployment.load({}, f"file://{root}")):
        yield wiring.ports()


@cache
def template() -> Path:
    """Made once a process: every test gets a copy."""
    folder = Path(tempfile.mkdtemp(prefix="trimtab-page-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with running(make_store(folder / "store")):
        ports = wiring.ports()
        fill(ports, wiring.now(ports.settings))
    return folder / "store"


@contextmanager
def served(ports: Ports, asker: Audience = OPERATOR) -> Iterator[int]:
    """The page on a free port, as it is shown to somebody."""
    server = open_server(ports, lambda: wiring.now(ports.settings), 0, SECRET, asker)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fill(ports: Ports, now: datetime) -> None:
    """What ingest and propose would have left: summaries, a run, proposals that ask for a decision, and one with a hostile name."""
    ports.documents.publish("summaries/all/p-2026-07", summary().to_json())
    plan(RUN, ports, now, notify=False)
    for cluster in CLUSTERS:
        ports.documents.publish(f"demand/{cluster.cluster.uid}", demand_of(cluster.cluster, now))
        ports.documents.publish(f"runs/{RUN}/{cluster.cluster.uid}", dump(analysis(cluster.cluster)))
    ports.documents.publish(f"runs/{RUN}/refused", {"refusals": []})
    ports.documents.publish("runs/latest", {"run": RUN, "at": now.isoformat()})
    propose(ports, now, finding("staging-ml", "cpu", now))
    propose(ports, now, finding("prod-web", "batch", now, old=8, new=6))
    propose(ports, now, finding("prod-ml", "train-h100", now))
    hostile(ports, now)


def demand_of(cluster: Cluster, now: datetime) -> dict[str, object]:
    return {
        "cluster": cluster.name,
        "hour": f"{now:%Y-%m-%dT%H}:00:00+00:00",
        "pools": {pool.name: {"CPU cores": 3.0} for pool in cluster.pools},
    }


def analysis(cluster: Cluster) -> Analysis:
    pool = HOSTILE if cluster.name == "prod-ml" else cluster.pools[-1].name
    reason = "no metrics in the last 44 days: a pool without metrics is never taken for idle"
    refused = Refusal(cluster_uid=cluster.uid, pool=pool, rule="metrics-missing", reason=reason, eligible_from=date(2026, 9, 3))
    return Analysis(run=RUN, cluster_uid=cluster.uid, findings=(), refusals=(refused,))


def propose(ports: Ports, now: datetime, found: Finding) -> None:
    frozen = plan_of(RUN, ports)
    cluster = next(cluster for cluster in ports.palette.clusters() if cluster.uid == found.subject.cluster_uid)
    proposal = draft(frozen, found, cluster, tuple(checkout(repo, commit, ports, now) for repo, commit in frozen.commits), ports)
    journal = Journal.open(ports, proposal.id, "propose", now)
    begin(journal, proposal, now)
    settle(journal, ports, now)


def hostile(ports: Ports, now: datetime) -> None:
    """A proposal whose pool has a name that would like to run; it has no pull request, because nothing would take such a name."""
    template = next(life for life in lives(ports) if life.planned().place.pool == "cpu").planned()
    renamed = replace(template.finding, subject=replace(template.finding.subject, pool=HOSTILE), price_source=HOSTILE)
    edit = replace(template.edit, diff=template.edit.diff.replace("pool: cpu", f"pool: {HOSTILE}") + f"+  note: {HOSTILE}\n")
    proposal: Proposal = replace(
        template, id=ProposalId("prop-00000hostile"), finding=renamed, place=replace(template.place, pool=HOSTILE), edit=edit, team=HOSTILE
    )
    begin(Journal.open(ports, proposal.id, "propose", now), proposal, now)


def lives(ports: Ports) -> list[Life]:
    return [fold(entry) for _, entry in sorted(ports.ledger.heads(STREAMS).items())]


def life_at(ports: Ports, pool: str) -> Life:
    """The proposal about a pool, as the ledger has it now."""
    return next(life for life in lives(ports) if life.planned().place.pool == pool)


def finding(cluster: str, pool: str, now: datetime, old: int = 3, new: int = 2) -> Finding:
    live = next(each.cluster for each in CLUSTERS if each.cluster.name == cluster)
    kind = next(each.instance_type for each in live.pools if each.name == pool)
    return Finding(
        rule="idle-nodes",
        subject=Subject(cluster_uid=live.uid, pool=pool, field="count"),
        changes=(FieldChange(field="count", old=str(old), new=str(new)),),
        instance_type=kind,
        nodes_old=old,
        nodes_new=new,
        saving_list=Money(Decimal("97.83") * (old - new), "USD"),
        saving_effective=Money(Decimal("81.20") * (old - new), "USD"),
        price_source="on-demand list prices of 2026-08-01",
        evidence=evidence(now, old * 4.0, new * 4.0),
        is_repave=False,
        runner_up="1 node would miss 214 judged steps.",
    )


def evidence(now: datetime, old: float, new: float) -> Evidence:
    """Forty-four days with a weekly rhythm and a gap of two days."""
    end = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=44)
    shares = (0.55, 0.62, 0.66, 0.81, 0.74, 0.31, 0.28)
    points = tuple(
        ChartPoint(
            at=start + timedelta(days=day),
            demand=None if day in {17, 18} else round(new * shares[day % 7] * (1 + day % 5 / 40), 2),
            capacity_old=old,
            capacity_new=new,
        )
        for day in range(44)
    )
    return Evidence(
        start=start, end=end, coverage=0.972, source="Prometheus, 5-minute samples", unit="CPU cores", chart=points,
        peak=max(point.demand or 0.0 for point in points), typical=round(new * 0.6, 1), fitted_days=30, judged_days=14, violations_old=0,
        violations_new=0, judged_steps=4032,
        lines=("In 14 judged days 2 nodes would have carried every 5-minute step; the busiest needed 1.7 of 2.",
               "Every node gives 0.10 cores and 0.20 GiB to 1 DaemonSet first."),
    )  # fmt: skip


def summary() -> Summary:
    """A month in two currencies that adds up."""
    whole = (("USD", ("8120.11", "2411.50", "690.02", "3012.37")), ("EUR", ("410.20", "0", "12.30", "95.05")))
    teams = (
        ("web", "USD", "3500.10"),
        ("ml", "USD", "2900.01"),
        (HOSTILE, "USD", "1720"),
        (None, "USD", "6113.89"),
        ("data", "EUR", "410.20"),
    )
    return Summary(
        scope="all", period="p-2026-07", made_at=datetime(2026, 8, 1, tzinfo=UTC).isoformat(), governance_version="0" * 64, versions={},
        reconciliations=tuple(_reconciliation(currency, parts) for currency, parts in whole), by_part=(),
        by_team=tuple(_line(*team) for team in teams), by_cluster=(), by_pool=(), by_namespace=(), by_export=(), idle=(), unallocated=(),
        not_kubernetes=(), daily=(), pool_rates=(), pool_costs=(), gpu_hours=(),
        pool_teams=(_owner("staging-ml", "cpu", "ml"), _owner("prod-web", "batch", "media")),
    )  # fmt: skip


def _reconciliation(currency: str, parts: tuple[str, ...]) -> Reconciliation:
    allocated, idle, unallocated, outside = (Decimal(part) for part in parts)
    return Reconciliation(
        currency=currency, measure="EffectiveCost", billed=allocated + idle + unallocated + outside, allocated=allocated, idle=idle,
        unallocated=unallocated, not_kubernetes=outside,
    )  # fmt: skip


def _owner(cluster: str, pool: str, team: str) -> PoolTeam:
    value = Decimal(900)
    return PoolTeam(cluster=cluster, pool=pool, team=team, currency="USD", amounts=Amounts(billed=value, effective=value, list=value))


def _line(name: str | None, currency: str, amount: str) -> CostLine:
    value = Decimal(amount)
    return CostLine(name=name, currency=currency, amounts=Amounts(billed=value, effective=value, list=value))


# ── Visiting ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


class Visitor(NamedTuple):
    """A browser in small: it knows its port, and fills in what a browser would."""

    port: int

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def get(self, path: str = "/") -> Got:
        return self.ask("GET", path)

    def press(self, proposal: str, action: str, person: str, *, reason: str = "", **changes: str) -> Got:
        """Load the proposal's page, fill its form and send it; `changes` are what an attacker would change."""
        path = f"/proposals/{proposal}"
        shown = self.get(path)
        fields = dict(re.findall(r'name="(token|mark|head)" value="(\w+)"', shown.body))
        form = fields | {"action": action, "person": person, "reason": reason}
        form |= {name: value for name, value in changes.items() if name in form}
        headers = {"origin": f"http://127.0.0.1:{self.port}", "cookie": shown.headers["set-cookie"].partition(";")[0]}
        headers |= {name: value for name, value in changes.items() if name in ("origin", "cookie", "host")}
        return self.ask("POST", f"{path}/decide", urlencode(form), content_type="application/x-www-form-urlencoded", **headers)


def numbers(ports: Ports) -> dict[str, int]:
    """How far every stream is: nothing may have been written where they stay the same."""
    return {stream: entry.n for stream, entry in ports.ledger.heads("").items()}
