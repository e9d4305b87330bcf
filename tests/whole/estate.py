"""The estate's outside world on loopback, for functions that run as they do in a cloud: a forge, Slack, Palette, Prometheus, and files.

Everything is real HTTP behind doors that stay the same, so that one deployment can be pointed at one world after the other.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import duckdb
import httpx

from tests.forges.github.world import ADMIN
from tests.whole.deaths import Deaths
from tests.whole.doors import opened
from tests.whole.repositories import Kind, Repository, repository
from trimtab.demo.estate.bill import write_exports
from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.deployment import LISTED_SINCE
from trimtab.demo.estate.metrics import prometheus_transport
from trimtab.demo.estate.model import AS_OF, BILLING_ACCOUNT, EstateCluster, nodes
from trimtab.demo.estate.palette import STATE, apply_main, palette_transport, write_world
from trimtab.demo.estate.usage import write_usage
from trimtab.demo.slack_workspace import SlackWorkspace
from trimtab.demo.world import served
from trimtab.records import Json
from trimtab.sources.health_queries import QUERIES, SCRAPED
from trimtab.sources.promql import promql
from trimtab.tables import text_literal

CLUSTER = next(cluster for cluster in CLUSTERS if cluster.cluster.name == "dev-sandbox")
"""The cluster whose usage lands; of the others there is a bill, and no proposal without evidence."""
POOL = "gpu-t4"
"""A person is asked about it: GPUs."""
SECRETS = ("slack_token", "slack_signing_secret", "palette_webhook_secret", "palette_api_key")
"""Besides the forge's."""
EXPORTS = "exports/estate"
_WELL = frozenset(promql(query, {}) for query in QUERIES.values())
_SCRAPED = promql(SCRAPED, {})


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the outside answers; 0 = wherever there is room."""

    forge: int = 0
    slack: int = 0
    services: int = 0


Landing = tuple[str, Path]
"""(key in the bucket, the file that lands there)."""


# ── Files that land ──────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Drops:
    """Files below usage/ and exports/, as they are delivered; made once for every world."""

    root: Path

    @classmethod
    def made(cls, root: Path, bucket: str) -> "Drops":
        """Write them; `bucket` is the URL that manifests name, without a slash at its end."""
        write_exports(root, bucket)
        write_usage(root, (CLUSTER,))
        return cls(root)

    def usage(self) -> list[Landing]:
        """The usage's files, what completes each delivery last."""
        return self._below("usage", "_complete.json")

    def bill(self) -> list[Landing]:
        """The same of the estate's bill as it is today."""
        return self._below(EXPORTS, "-Manifest.json")

    def _below(self, folder: str, last: str) -> list[Landing]:
        found = [(path.relative_to(self.root).as_posix(), path) for path in sorted((self.root / folder).rglob("*")) if path.is_file()]
        return sorted(found, key=lambda landing: landing[0].endswith(last))

    def week_later(self, aside: Path, now: datetime, sizes: Mapping[str, int]) -> list[Landing]:
        """August's bill as it is delivered after some days: each day like its second, the cluster's pools of these sizes."""
        folder = "BILLING_PERIOD=2026-08"
        data = self.root / EXPORTS / "data" / folder
        manifest = self.root / EXPORTS / "metadata" / folder / "estate-Manifest.json"
        gone = [node for pool, size in sizes.items() for node in [each for each in nodes(CLUSTER) if each.pool.pool.name == pool][size:]]
        _write_days(data / "estate-00001.csv.gz", aside / "later.csv.gz", now, [node.provider_id for node in gone])
        told = json.loads(manifest.read_text())
        told["executionId"] = f"later-{now:%Y%m%d%H%M}"
        told["dataFiles"] = [told["dataFiles"][0].replace("estate-00001", "estate-00002")]
        (aside / "later.json").write_text(json.dumps(told))
        key = (data / "estate-00002.csv.gz").relative_to(self.root).as_posix()
        return [(key, aside / "later.csv.gz"), (manifest.relative_to(self.root).as_posix(), aside / "later.json")]


def _write_days(old: Path, new: Path, now: datetime, gone: list[str]) -> None:
    """The old bill, and its last whole day again for each day since then."""
    days = (now.date() - AS_OF.date()).days
    missing = text_literal("|".join(each.rpartition("/")[2] for each in gone))
    with duckdb.connect() as session:
        session.execute(f"CREATE TABLE bill AS SELECT * FROM read_csv({text_literal(str(old))}, all_varchar = true)")
        moved = ", ".join(f'{_days_later(name)} AS "{name}"' for name in ("ChargePeriodStart", "ChargePeriodEnd"))
        session.execute(
            f"CREATE TABLE later AS SELECT * REPLACE ({moved}) FROM bill, range(1, {days + 1}) AS added(n) "
            f"WHERE \"ChargePeriodStart\" LIKE '2026-08-02%' AND NOT regexp_matches(coalesce(\"ResourceId\", ''), {missing})"
        )
        session.execute(
            f"COPY (SELECT * FROM bill UNION ALL SELECT * EXCLUDE (n) FROM later) TO {text_literal(str(new))} "
            "(FORMAT csv, HEADER, COMPRESSION gzip)"
        )


def _days_later(column: str) -> str:
    return f"strftime(\"{column}\"::TIMESTAMP + to_days(n::INTEGER), '%Y-%m-%dT%H:%M:%SZ')"


# ── The world ────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Estate:
    """Everybody outside, while they run."""

    repository: Repository
    slack: SlackWorkspace
    palette: Path
    urls: Mapping[str, str]
    """slack, palette, metrics."""
    secrets: Mapping[str, str]
    """Values as a person puts them into a secret manager."""
    ports: Ports
    """Where its doors are, so that the next one's can be there too."""

    def settings(self, bucket: str) -> Json:
        """What a deployment of it says, but for store and secrets; `bucket` is the URL of the bucket that exports land in."""
        return {
            **self.repository.settings,
            "highest_stage": "guarded",
            "nonproduction": [
                {"cluster_uid": CLUSTER.cluster.uid, "project_uid": CLUSTER.cluster.project_uid, "since": LISTED_SINCE.isoformat()}
            ],
            "exports": [{"name": "estate", "form": "focus", "prefix": f"{bucket}/{EXPORTS}", "billing_account": BILLING_ACCOUNT}],
            "palette_url": self.urls["palette"],
            "slack_url": self.urls["slack"],
            "metrics": [{"cluster_uid": CLUSTER.cluster.uid, "url": self.urls["metrics"]}],
            "private_hosts": ["127.0.0.1"],
            "default_channel": "C0FINOPS",
            "finance_channel": "C0FINANCE",
            "memory_mb": 512,
        }

    def sizes(self) -> dict[str, int]:
        """How many machines each pool of the cluster has in Palette."""
        state = json.loads((self.palette / STATE).read_text())
        pools = next(each["pools"] for each in state["clusters"] if each["uid"] == CLUSTER.cluster.uid)
        return {each["name"]: int(each["size"]) for each in pools}

    def apply(self) -> tuple[str, ...]:
        """The repository's own pipeline: what is on main is applied to Palette; a sentence per pool that moved."""
        repo = self.repository.git
        head = repo.head("main")
        assert head is not None
        return apply_main(self.palette, {path: repo.blob(entry.blob) for path, entry in repo.files(head).items()})


@contextmanager
def outside(folder: Path, kind: Kind, deaths: Deaths, ports: Ports = Ports()) -> Iterator[Estate]:
    """A fresh estate as it is on its morning; a request that the forge's description does not allow fails it at the end."""
    secrets = {name: f"{name}-of-the-estate-".ljust(48, "x") for name in SECRETS}
    write_world(folder / "palette")
    slack = SlackWorkspace(folder / "slack", token=secrets["slack_token"], signing_secret=secrets["slack_signing_secret"])
    services: dict[str, httpx.BaseTransport] = {"palette": palette_transport(folder / "palette", secrets["palette_api_key"])}
    services["prometheus"] = _prometheus(CLUSTER)
    with ExitStack() as stack:
        forge = stack.enter_context(opened("forge", ports.forge, deaths))
        chat = stack.enter_context(opened("slack", ports.slack, deaths))
        rest = stack.enter_context(opened("services", ports.services, deaths))
        own = repository(kind, folder, forge)
        stack.callback(own.people.end)
        chat.lead_to(stack.enter_context(slack.running()))
        rest.lead_to(stack.enter_context(served(services)))
        urls = {"slack": f"{chat.url}/api/", "palette": f"{rest.url}/palette", "metrics": f"{rest.url}/prometheus"}
        doors = Ports(forge.server_port, chat.server_port, rest.server_port)
        yield Estate(own, slack, folder / "palette", urls, {**secrets, **own.secrets}, doors)
    assert not own.people.violations, "\n".join(own.people.violations)


APPROVER, APPROVER_IN_SLACK = ADMIN, "U0PLATFORM"
"""Who says yes: their login, and their user id in Slack."""


def _prometheus(cluster: EstateCluster) -> httpx.BaseTransport:
    """The estate's, which in addition is asked whether anything got worse: nothing did, and it was scraped all the time."""
    real = prometheus_transport(cluster.cluster.uid, clock=lambda: datetime.now(UTC))

    def answer(request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params) | dict(parse_qsl(request.content.decode()))
        if asked.get("query") in _WELL:
            return _matrix([])
        if asked.get("query") == _SCRAPED:
            start, end, step = float(asked["start"]), float(asked["end"]), timedelta(seconds=int(asked["step"].rstrip("s")))
            count = int((end - start) / step.total_seconds()) + 1
            return _matrix([{"metric": {}, "values": [[start + n * step.total_seconds(), "30"] for n in range(count)]}])
        return real.handle_request(request)

    return httpx.MockTransport(answer)


def _matrix(result: list[Json]) -> httpx.Response:
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": result}})
