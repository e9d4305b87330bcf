"""Private clusters and the edge: no cloud bills them, so their measured node hours become a bill of our own, at the rates of
`.trimtab/allocation.yaml` (as Palette's rate configuration states them). It is an export like every other, and is attributed like one.
"""

import json
import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from trimtab.attribution.model import day_slug, insert, model, setup
from trimtab.errors import BadInput
from trimtab.patterns import compiled, is_match
from trimtab.ports import Lake, Ports, Session
from trimtab.records import PrivateRate
from trimtab.tables import COST, scan, text_literal
from trimtab.units import MONEY_SCALE

ACCOUNT = "private"
"""BillingAccountId of a bill of our own."""
PREFIX = "private-"
"""Of its export: `private-<cluster slug>`."""
EVER = (date(1970, 1, 1), date(9999, 1, 1))
Row = tuple[object, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Month:
    period: str
    first: date
    after: date

    @property
    def days(self) -> frozenset[str]:
        """Its partition values in usage."""
        return frozenset(day_slug(self.first + timedelta(days=day)) for day in range((self.after - self.first).days))


def price_private(period: str, ports: Ports, rates: tuple[PrivateRate, ...], scratch: Path, now: datetime) -> tuple[str, ...]:
    """Make the period's bills of private clusters anew; their exports. A bill whose cluster has no rate any more becomes empty.

    Raises BadInput where an export of a cloud has the name that such a bill needs.
    """
    month = _month(period)
    kept = _kept(ports.lake, period)
    if not rates and not kept:
        return ()
    made = _clusters(ports.lake, month) if rates else {}
    with ports.engine.session() as session:
        for sql in setup():
            session.run(sql)
        _see_billed(session, ports.lake, period)
        ours = {name: _export(session, ports, month, slug, rates, scratch) for slug in made for name in [f"{PREFIX}{slug}"]}
        for export in kept - {name for name, path in ours.items() if path}:
            if _is_ours(session, ports.lake, export, period):
                ours[export] = _write(session, _nothing(), scratch / f"{export}.parquet")
        written = {export: path for export, path in ours.items() if path}
        # A bill written again would be news, and every period with a private cluster attributed again, for good.
        news = {export: path for export, path in written.items() if _is_news(session, ports.lake, export, period, path)}
    for export, path in news.items():
        ports.lake.replace(
            "cost", {"x_Export": export, "x_Period": period}, [path], application=f"{export}/{period}", submitted_at=now,
            about={"rates": [rate.id for rate in rates]},
        )  # fmt: skip
    return tuple(sorted(written))


def _month(period: str) -> _Month:
    found = re.fullmatch(r"p-(\d{4})-(\d{2})", period)
    if not found:
        raise BadInput(f"{period}: expected a period like p-2026-07")
    first = date(int(found[1]), int(found[2]), 1)
    return _Month(period=period, first=first, after=first + timedelta(days=monthrange(first.year, first.month)[1]))


def _kept(lake: Lake, period: str) -> set[str]:
    rows = lake.partitions("cost") if lake.version("cost") is not None else []
    return {row["x_Export"] for row in rows if row["x_Period"] == period and row["x_Export"].startswith(PREFIX)}


def _clusters(lake: Lake, month: _Month) -> Mapping[str, list[str]]:
    """Slug of each cluster with usage in the month → its days."""
    found: dict[str, list[str]] = {}
    for row in lake.partitions("usage") if lake.version("usage") is not None else []:
        if row["day"] in month.days:
            found.setdefault(row["cluster_slug"], []).append(row["day"])
    return found


def _see_billed(session: Session, lake: Lake, period: str) -> None:
    files = lake.files("cost", {"x_Period": period}) if lake.version("cost") is not None else []
    session.run(f"CREATE OR REPLACE TEMP VIEW cost AS {scan('cost', files)}")
    session.run(f"CREATE OR REPLACE TEMP TABLE billed_tails AS {model('billed_tails')}")


def _is_news(session: Session, lake: Lake, export: str, period: str, path: str) -> bool:
    """Whether a bill is not what the lake has already, row for row."""
    there = scan("cost", lake.files("cost", {"x_Export": export, "x_Period": period}))
    columns = ", ".join(f'"{column.name}"' for column in COST)
    both = (
        f"SELECT {columns}, TRUE AS made FROM read_parquet([{text_literal(path)}]) UNION ALL SELECT {columns}, FALSE AS made FROM ({there})"
    )
    differs = "HAVING count(*) FILTER (WHERE made) <> count(*) FILTER (WHERE NOT made)"
    return bool(session.rows(f"SELECT 1 FROM ({both}) GROUP BY {columns} {differs} LIMIT 1"))


def _is_ours(session: Session, lake: Lake, export: str, period: str) -> bool:
    source = scan("cost", lake.files("cost", {"x_Export": export, "x_Period": period}))
    return not session.rows(f'SELECT 1 FROM ({source}) WHERE "BillingAccountId" <> $ours LIMIT 1', {"ours": ACCOUNT})


# ── One cluster ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _export(session: Session, ports: Ports, month: _Month, slug: str, rates: tuple[PrivateRate, ...], scratch: Path) -> str | None:
    """A file with the cluster's bill; None = no rate is meant for it, or a cloud bills all of it."""
    files = [file for day in sorted(month.days) for file in ports.lake.files("usage", {"cluster_slug": slug, "day": day})]
    session.run(f"CREATE OR REPLACE TEMP VIEW usage AS {scan('usage', files)}")
    named = session.rows("SELECT cluster, max(project) FROM usage WHERE cluster IS NOT NULL GROUP BY cluster ORDER BY cluster")
    rows = [row for cluster, project in named for row in _rates(str(cluster), str(project or ""), rates)]
    if not rows:
        return None
    session.run("DELETE FROM private_rates")
    rows_in = insert("private_rates", rows)
    session.run(rows_in.sql, rows_in.parameters)
    session.run(f"CREATE OR REPLACE TEMP TABLE private_hours AS {model('private_hours')}")
    if not session.rows("SELECT 1 FROM private_hours LIMIT 1"):
        return None
    export = f"{PREFIX}{slug}"
    if not _is_ours(session, ports.lake, export, month.period):
        raise BadInput(f"{export}: an export of a cloud has this name, and private cluster {slug} needs it; rename it in settings.exports")
    return _write(session, _as_cost(model("private_rows"), export, month), scratch / f"{export}.parquet")


def _rates(cluster: str, project: str, rates: Iterable[PrivateRate]) -> list[Row]:
    """The rows of table `private_rates` for a cluster: its rates, in the file's order."""
    tags = json.dumps({"spectro__cluster_name": cluster}, ensure_ascii=False)
    return [
        (
            cluster, place, rate.id, rate.currency, tags, *(int(price.scaleb(MONEY_SCALE)) for price in _prices(rate)),
            datetime.combine(rate.valid_from or EVER[0], time.min), datetime.combine(rate.valid_to or EVER[1], time.min),
        )
        for place, rate in enumerate(rates)
        if _is_meant(rate.cluster, cluster) and _is_meant(rate.project, project)
    ]  # fmt: skip


def _prices(rate: PrivateRate) -> tuple[Decimal, ...]:
    return (rate.cpu, rate.memory, rate.gpu, rate.storage)


def _is_meant(pattern: str | None, name: str) -> bool:
    return pattern is None or is_match(compiled(pattern), name)


def _as_cost(rows: str, export: str, month: _Month) -> str:
    """Rows of the table cost: what the query does not say is NULL, and its period and export are ours."""
    own = {
        "BillingPeriodStart": f"TIMESTAMP '{month.first}'", "BillingPeriodEnd": f"TIMESTAMP '{month.after}'",
        "x_Export": f"'{export}'", "x_Period": f"'{month.period}'",
    }  # fmt: skip
    nothing = ", ".join(f'NULL AS "{column.name}"' for column in COST if column.name not in own)
    values = {column.name: own.get(column.name, f'"{column.name}"') for column in COST}
    typed = ", ".join(f'CAST({values[column.name]} AS {column.sql_type}) AS "{column.name}"' for column in COST)
    return f"SELECT {typed} FROM (SELECT {nothing} WHERE false UNION ALL BY NAME SELECT * FROM ({rows}))"


def _nothing() -> str:
    return scan("cost", ())


def _write(session: Session, sql: str, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    session.write(sql, str(path))
    return str(path)
