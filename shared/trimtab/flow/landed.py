"""Something landed: a bill or usage. Read it, attribute every period it touches, and say so to whoever waits.

Attribution is a message of its own, named by what it would read, so that ten drops in a row attribute a period once, with the last.
"""

import hashlib
import json
import tempfile
from calendar import monthrange
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from trimtab.attribution.model import day_slug
from trimtab.errors import BadInput, TooLarge
from trimtab.flow.allocate import allocate
from trimtab.flow.budget_asks import ask_for_budgets
from trimtab.flow.found_drops import BEGINNING
from trimtab.flow.governance import home_governance
from trimtab.flow.hand_over import hand_over_delivery, hand_over_period, is_large_delivery, is_large_period
from trimtab.flow.ingest import ingest_export, ingest_usage
from trimtab.flow.ingest_usage import COLLECTED
from trimtab.flow.pull import pull
from trimtab.flow.wake import Wake
from trimtab.ports import Ports, Superseded
from trimtab.records import ExportDrop, Json
from trimtab.sources.drops import export_of, is_export_signal, is_usage_signal, parse_completion
from trimtab.tables import TABLES, scan

ALLOCATE = "inbox/ingest/allocate."
LOOKED = "pulls/_periods"
"""The document that remembers when the clock looked last; no export has such a name."""
AHEAD = timedelta(hours=1)
"""The clock's looks are counted from eleven at night, so that one of them comes before the forecasts and proposals of the morning."""
REPLACED_KEPT = timedelta(days=7)
"""Runs read the version that they began with for hours; a week is for people who look for what went wrong."""
BESIDE = 2
"""Days."""
TIDIED_AT = 3
"""The hour of the day, UTC."""


def land(wake: Wake, ports: Ports, now: datetime) -> str:
    """A completion signal, or a period to attribute; any other object landing (a data file) asks for nothing."""
    if wake.key.startswith("inbox/clock/"):
        said = [*ask_now_and_then(ports, now), f"{pull(ports)} deliveries pulled", *([tidied(ports)] if now.hour == TIDIED_AT else [])]
        return "; ".join(said)
    with scratch(ports) as folder:
        if wake.key.startswith(ALLOCATE):
            return attribute(wake.key.removeprefix(ALLOCATE), ports, folder, now)
        url = wake.url or _url_of(wake.key, ports)
        if is_export_signal(url):
            return bill_landed(url, ports, folder, now)
        if is_usage_signal(url):
            return usage_landed(url, ports, folder)
    return f"{url}: completes nothing"


def tidied(ports: Ports) -> str:
    """What was replaced long ago goes: every attribution writes its period anew, and the old ones would soon be most of the store."""
    return f"{sum(ports.lake.tidy(table, REPLACED_KEPT) for table in TABLES)} replaced files removed"


@contextmanager
def scratch(ports: Ports) -> Iterator[Path]:
    """A folder of this wake alone, gone afterwards: two workers on one disk never meet in it."""
    with tempfile.TemporaryDirectory(prefix="wake-", dir=ports.scratch) as folder:
        yield Path(folder)


def _url_of(key: str, ports: Ports) -> str:
    stored = ports.inbox.read(key)
    if stored is None:
        raise BadInput(f"{key}: expired or never received")
    try:
        return str(json.loads(stored)["url"])
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{key}: names no object that landed") from None


def bill_landed(url: str, ports: Ports, folder: Path, now: datetime) -> str:
    """One complete delivery of an export; one that is too large for this machine is left to the Spark job."""
    drop = drop_of(url, ports, now)
    if is_large_delivery(drop, ports):
        return hand_over_delivery(url, drop, ports)
    loaded = ingest_export(drop, ports, folder)
    if isinstance(loaded, Superseded):
        return f"{drop.export} {drop.period}: a newer run was here before; nothing changed"
    ask_for(f"p-{drop.period}", ports)
    return f"{drop.export} {drop.period}: {loaded.rows} rows"


def drop_of(url: str, ports: Ports, now: datetime) -> ExportDrop:
    """What a completion signal speaks for. Raises BadInput where it may not, or is none."""
    # Before anything is read: an event can name any bucket, and nobody but an export's own is asked for it.
    export_of(url, ports.settings.exports)
    modified = ports.buckets.modified(url)
    return parse_completion(ports.buckets.read(url), url, ports.settings.exports, modified=modified, now=now)


def usage_landed(url: str, ports: Ports, folder: Path) -> str:
    """One complete usage drop: into the lake, then what the newest hour wants is published for whoever judges."""
    loaded = ingest_usage(url, ports, folder)
    # The clock asks for its periods: a hundred clusters leave a hundred drops an hour, and one attribution is enough for all.
    publish_demand(loaded.cluster_uid, loaded.cluster, loaded.cluster_slug, ports)
    return f"{loaded.cluster}: {loaded.rows} rows of usage"


# ── attribution, asked for and done ──────────────────────────────────────────────────────────────────────────────────
def ask_for(period: str, ports: Ports) -> None:
    """Ask for a period with the versions as they are now; asking twice for the same versions is asking once."""
    ports.inbox.put(f"{ALLOCATE}{period}.{versions(period, ports)}", b"{}")


def ask_now_and_then(ports: Ports, now: datetime) -> list[str]:
    """The first tick of every few hours asks: each attribution writes its period anew, and bills come three times a day."""
    hours = ports.settings.attribute_hours
    look = f"{hours}h-{(now + AHEAD - BEGINNING) // timedelta(hours=hours)}"
    if (ports.documents.find(LOOKED) or {}).get("look") == look:
        return []
    said = ask_for_all(ports)
    # Only after the requests: a crash in between asks again under the same names.
    ports.documents.publish(LOOKED, {"look": look})
    return [said]


def ask_for_all(ports: Ports) -> str:
    """The clock: every period whose bill, usage or rules changed since it was asked for, also where an earlier message was lost."""
    periods = sorted({part["x_Period"] for part in ports.lake.partitions("cost")})
    for period in periods:
        ask_for(period, ports)
    return f"{len(periods)} periods looked at"


def versions(period: str, ports: Ports) -> str:
    """What an attribution of this period would read, as one word; a month that is over is not attributed anew because today has news.

    Rules that cannot be read now are a version too, and the next one asks again.
    """
    try:
        rules = home_governance(ports).version
    except BadInput:
        rules = "unreadable"
    days = [{"day": day_slug(day)} for day in _days(period)]
    seen = (ports.lake.state("cost", [{"x_Period": period}]), ports.lake.state("usage", days), rules)
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _days(period: str) -> Iterator[date]:
    """The month's days, and those beside it that charges of another time zone reach into."""
    year, month = map(int, period.removeprefix("p-").split("-"))
    first, count = date(year, month, 1), monthrange(year, month)[1]
    return (first + timedelta(days=number) for number in range(-BESIDE, count + BESIDE))


def attribute(name: str, ports: Ports, folder: Path, now: datetime) -> str:
    """Attribute a period, unless what it was asked with has moved on: then a newer message does."""
    period, _, asked = name.partition(".")
    # Rules that were changed and changed back name a message that is done already: then this one does the work.
    now_there = versions(period, ports)
    if asked != now_there and not ports.inbox.is_done(f"{ALLOCATE}{period}.{now_there}"):
        ask_for(period, ports)
        return f"{period}: asked again with newer versions"
    if ports.settings.has_spark and is_large_period(period, ports):
        return hand_over_period(period, asked, ports)
    try:
        governance = home_governance(ports)
        done = allocate(period, ports, governance, folder, now)
    except TooLarge:
        if not ports.settings.has_spark:
            raise
        return hand_over_period(period, asked, ports)
    ask_for_budgets(f"{period}.{asked}", governance, ports)
    rows = sum(export.rows for export in done.exports)
    return f"{period}: {rows} allocated rows"


# ── what the newest hour wants ───────────────────────────────────────────────────────────────────────────────────────
PLACED = "pod IS NOT NULL AND coalesce(workload_kind, '') <> 'DaemonSet'"
"""Pods that want a place; a DaemonSet's come and go with the nodes, and evidence takes them off a node's capacity."""


def _requested(column: str) -> str:
    """What pods asked for together; NULL where one pod's request was not measured."""
    is_unknown = f"bool_or({PLACED} AND {column} IS NULL)"
    return f"CASE WHEN {is_unknown} THEN NULL ELSE coalesce(sum({column}) FILTER (WHERE {PLACED}), 0) END"


NEWEST = f"""
SELECT pool, max(hour), count(*) FILTER (WHERE {PLACED} AND pending),
       {_requested("cpu_request")}, {_requested("memory_request")}, {_requested("coalesce(gpu_request, 0)")}
FROM usage
WHERE asset IS NULL AND hour = (SELECT max(hour) FROM usage WHERE asset IS NULL)
GROUP BY pool ORDER BY pool
"""
BY_NAMESPACE = """
WITH pods AS (
  SELECT namespace, pod, bool_or(pending) AS waits,
    CASE WHEN bool_or(cpu_request IS NULL OR cpu_limit IS NULL) THEN NULL ELSE max(greatest(cpu_request, cpu_limit)) END AS cpu,
    CASE WHEN bool_or(memory_request IS NULL OR memory_limit IS NULL) THEN NULL
      ELSE max(greatest(memory_request, memory_limit)) END AS memory,
    CASE WHEN bool_or(gpu_request IS NULL AND gpu_shares IS NULL) THEN NULL
      ELSE max(greatest(coalesce(gpu_request, 0), 1000 * CAST(coalesce(gpu_shares, 0) AS HUGEINT))) END AS gpu
  FROM usage
  WHERE asset IS NULL AND pod IS NOT NULL AND namespace IS NOT NULL AND hour = (SELECT max(hour) FROM usage WHERE asset IS NULL)
  GROUP BY namespace, pod)
SELECT namespace, NULL, count(*) FILTER (WHERE waits),
  CASE WHEN bool_or(cpu IS NULL) THEN NULL ELSE sum(cpu) END,
  CASE WHEN bool_or(memory IS NULL) THEN NULL ELSE sum(memory) END,
  CASE WHEN bool_or(gpu IS NULL) THEN NULL ELSE sum(gpu) END
FROM pods GROUP BY namespace ORDER BY namespace
"""
"""What counts against a quota, which may count requests or limits: a pod's greater one, once, whether it waited, ran or moved."""
NEWEST_COLLECTED = f"SELECT max(hour) FROM usage WHERE {COLLECTED}"
UNITS = (("CPU cores", 1000), ("GiB", 1 << 30), ("GPUs", 1000))
"""What evidence counts in, and how many of the lake's units one of them is; in the order of NEWEST."""


def publish_demand(uid: str, cluster: str, slug: str, ports: Ports) -> None:
    """demand/<cluster uid>: what running and pending pods ask for in the newest hour, per pool and per namespace, in evidence's units.

    Also the newest hour that the cluster's own collector told of: while it is young, `collect` does not ask Palette for the cluster.
    """
    version = ports.lake.version("usage")
    lake = ports.lake if version is None else ports.lake.at("usage", version)
    days = sorted(part["day"] for part in lake.partitions("usage", {"cluster_slug": slug}))
    if not days:
        return
    files = lake.files("usage", {"cluster_slug": slug, "day": days[-1]})
    with ports.engine.session() as session:
        session.run(f"CREATE TEMP VIEW usage AS {scan('usage', files)}")
        rows = session.rows(NEWEST)
        spaces = session.rows(BY_NAMESPACE)
        collected = next((_utc(hour) for (hour,) in session.rows(NEWEST_COLLECTED) if hour is not None), "")
    lake.release("usage", {"cluster_slug": slug})
    # A pod that waits and belongs to no pool that we know may belong to any: each pool is asked to have room for it.
    anywhere = next((row for row in rows if row[0] is None), None)
    pools = {str(row[0]): _wanted(row, anywhere) for row in rows if row[0] is not None}
    hour = max((_utc(row[1]) for row in rows), default="")
    known = ports.documents.find(f"demand/{uid}")
    if known is None or str(known.get("hour") or "") <= hour:
        namespaces = {str(row[0]): _wanted(row, None) for row in spaces}
        newest = {"hour": hour, "collected": max(collected, str((known or {}).get("collected") or ""))}
        ports.documents.publish(f"demand/{uid}", {"cluster": cluster, **newest, "pools": pools, "namespaces": namespaces})


def _wanted(row: Sequence[object], anywhere: Sequence[object] | None) -> Json:
    """What one pool or namespace asks for, by unit; None = a pod's request was not measured, and unknown is not zero."""
    wanted: Json = {"pending_pods": int(str(row[2]))}
    for column, (unit, scale) in enumerate(UNITS, start=3):
        parts = [row[column], *([anywhere[column]] if anywhere else [])]
        wanted[unit] = None if None in parts else sum(int(str(part)) for part in parts) / scale
    return wanted


def _utc(value: object) -> str:
    """A TIMESTAMP of the engine, which is UTC and does not say so."""
    if not isinstance(value, datetime):
        raise BadInput(f"usage: {value!a}: expected an hour; ingest the drop again")
    return value.replace(tzinfo=UTC).isoformat()
