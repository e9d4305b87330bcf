"""Attribute a period: cost and usage in, allocated rows and summaries out, and not a unit of money lost on the way.

Nothing is written to the lake before the parts of an export equal its bill exactly; a newer run's rows are never replaced by ours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from trimtab.accounting.reconcile import added, demand_promise, reconciliations
from trimtab.attribution.cube import Cube, cell, gpu_hours, pool_day, team_summary, whole_summary
from trimtab.attribution.model import (
    MATCH_MODELS,
    PERIOD_MODELS,
    SHARE_MODELS,
    WEIGH_MODELS,
    Step,
    day_slug,
    insert,
    model,
    setup,
    statement,
    step_cost,
    steps,
)
from trimtab.attribution.owners import OwnerRules, Place, allocated_tags, cluster_of, compile_rules, slugged, team_slugs, texts_of
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput
from trimtab.ports import Catalog, Ports, Session, Superseded
from trimtab.records import Cloud, Governance, Json, Reconciliation
from trimtab.tables import scan, text_literal

OWNERS_KEPT = 200_000
"""Pairs of (pods' group, bill tags) that a session remembers across steps; memory stays flat."""
CLOUDS: tuple[tuple[str, Cloud], ...] = (
    ("amazon", "aws"), ("aws", "aws"), ("google", "gcp"), ("gcp", "gcp"), ("microsoft", "azure"), ("azure", "azure"),
)  # fmt: skip
"""Word in FOCUS ProviderName → the catalog's name of the cloud."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportAllocated:
    """What became of one export's period."""

    export: str
    rows: int
    version: int | Superseded
    """Version of the lake's `allocated`; Superseded = a newer run was there first, and its rows stay."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocated:
    """A period, attributed."""

    period: str
    exports: tuple[ExportAllocated, ...]
    summary: Summary
    """Over all exports, from what the lake holds now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What the steps of one run share."""

    period: str
    ports: Ports
    governance: Governance
    rules: OwnerRules
    scratch: Path
    now: datetime
    usage: dict[str, list[str]]
    """Usage partition's day → its files."""
    versions: dict[str, int | None]


def allocate(period: str, ports: Ports, governance: Governance, scratch: Path, now: datetime) -> Allocated:
    """Attribute every export that has this period (`p-2026-07`) and publish its summaries.

    Raises Broken where the parts do not equal the bill, BadInput where no export has the period or an owner rule cannot be used.
    """
    exports = sorted({row["x_Export"] for table in ("cost", "allocated") for row in _partitions(ports, table) if row["x_Period"] == period})
    if not exports:
        raise BadInput(f"{period}: no export has a bill for this period in the lake; ingest it first")
    versions = {table: ports.lake.version(table) for table in ("cost", "usage")}
    run = _Run(
        period=period, ports=ports, governance=governance, rules=compile_rules(governance.owner_rules, governance.teams),
        scratch=scratch, now=now, usage=_usage_files(ports), versions=versions,
    )  # fmt: skip
    written = tuple(_allocate_export(run, export) for export in exports)
    return Allocated(period=period, exports=written, summary=_publish(run, exports))


def _partitions(ports: Ports, table: str) -> list[dict[str, str]]:
    return ports.lake.partitions(table) if ports.lake.version(table) is not None else []


def _usage_files(ports: Ports) -> dict[str, list[str]]:
    """Day → nothing yet: files are asked for (and fetched) only for days that are needed."""
    return {row["day"]: [] for row in _partitions(ports, "usage")}


# ── One export ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _allocate_export(run: _Run, export: str) -> ExportAllocated:
    partition = {"x_Export": export, "x_Period": run.period}
    folder = run.scratch / "allocated" / export / run.period
    folder.mkdir(parents=True, exist_ok=True)
    with run.ports.engine.session() as session:
        session.run(f"CREATE OR REPLACE TEMP VIEW cost AS {scan('cost', run.ports.lake.files('cost', partition))}")
        plan = _prepare(session, run)
        paths, rows = _write_steps(session, run, export, plan, folder)
        records = _reconciled(session, paths)
    demand_promise(records, f"{export}/{run.period}")
    version = run.ports.lake.replace(
        "allocated", partition, paths, application=f"{export}/{run.period}", submitted_at=run.now, about=_about(run)
    )
    run.ports.log.info("allocate.export", export=export, period=run.period, rows=rows, superseded=isinstance(version, Superseded))
    return ExportAllocated(export=export, rows=rows, version=version)


def _about(run: _Run) -> Json:
    return {"cost": run.versions["cost"], "usage": run.versions["usage"], "governance": run.governance.version}


def _prepare(session: Session, run: _Run) -> tuple[Step, ...]:
    """Macros, the nodes that usage knows, the GPU models: what all steps need. The steps, oldest first."""
    for sql in setup():
        session.run(sql)
    first, last = session.rows('SELECT CAST(min("ChargePeriodStart") AS DATE), CAST(max("ChargePeriodEnd") AS DATE) FROM cost')[0]
    _usage_view(session, run, "usage", first, last)
    _make(session, PERIOD_MODELS)
    _insert(session, "gpu_models", _gpu_models(session.rows(model("gpu_types")), run.ports.catalog))
    sizes = [(_date(day), int(str(size))) for day, size in session.rows(model("day_sizes"))]
    return steps(sizes, run.ports.settings.memory_mb)


def _date(value: object) -> date:
    if not isinstance(value, date):
        raise BadInput("cost: a row has no ChargePeriodStart; ingest the export again")
    return value


def _usage_view(session: Session, run: _Run, name: str, first: object, last: object) -> None:
    """The usage of these days, as far as the lake has it; no days = no rows."""
    bounds = (day_slug(first), day_slug(last)) if isinstance(first, date) and isinstance(last, date) else ("", "")
    wanted = [day for day in sorted(run.usage) if bounds[0] <= day <= bounds[1]]
    for day in wanted:
        run.usage[day] = run.usage[day] or run.ports.lake.files("usage", {"day": day})
    session.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {scan('usage', [file for day in wanted for file in run.usage[day]])}")


def _gpu_models(types: Iterable[Sequence[object]], catalog: Catalog) -> list[tuple[object, ...]]:
    """Instance type, region, model of its GPU; what the catalog does not know stays unknown."""
    found = ((str(name), str(region), _gpu_model(catalog, str(provider), str(region), str(name))) for name, region, provider in types)
    return sorted({row for row in found if row[2]})


def _gpu_model(catalog: Catalog, provider: str, region: str, name: str) -> str:
    cloud = next((cloud for word, cloud in CLOUDS if word in provider.lower()), None)
    instance_type = catalog.find(cloud, region, name) if cloud else None
    return (instance_type.gpu_model if instance_type else None) or ""


# ── Its steps ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _write_steps(session: Session, run: _Run, export: str, plan: tuple[Step, ...], folder: Path) -> tuple[list[str], int]:
    """One Parquet file a step; an export without rows is one empty file, so that it replaces what was there."""
    paths, rows = [], 0
    for place, step in enumerate(plan or (Step(first=run.now.date(), last=run.now.date()),)):
        path = str(folder / f"{day_slug(step.first)}.parquet")
        _attribute(session, run, step)
        rows += session.write(model("allocated"), path)
        paths.append(path)
        run.ports.progress.step(f"attributing {export} {run.period}", place + 1, len(plan) or 1)
    return paths, rows


def _attribute(session: Session, run: _Run, step: Step) -> None:
    session.run(step_cost(step))
    _insert(session, "bills", _bills(session, run.rules))
    _make(session, MATCH_MODELS)
    first, last = session.rows("SELECT CAST(min(hour) AS DATE), CAST(max(hour) AS DATE) FROM bin_hours")[0]
    _usage_view(session, run, "step_usage", first, last)
    _make(session, WEIGH_MODELS)
    _insert(session, "groups", _groups(session))
    _make(session, SHARE_MODELS)
    session.run(f"DELETE FROM owners WHERE (SELECT count(*) FROM owners) > {OWNERS_KEPT}")
    _insert(session, "owners", _owners(session, run.rules))


def _make(session: Session, models: Sequence[str]) -> None:
    for name in models:
        session.run(statement(name))


def _insert(session: Session, table: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        rows_in = insert(table, rows)
        session.run(rows_in.sql, rows_in.parameters)


def _count(session: Session, table: str) -> int:
    return int(str(session.rows(f"SELECT count(*) FROM {table}")[0][0]))


def _bills(session: Session, rules: OwnerRules) -> list[tuple[object, ...]]:
    """Each new pair of account and tags: the cluster its tags name, and its owner outside clusters."""
    start = _count(session, "bills")
    rows: list[tuple[object, ...]] = []
    for place, (account, text) in enumerate(session.rows(model("new_bills"))):
        tags = texts_of(str(text))
        owner = rules.owner(Place(cluster="", namespace="", labels={}, account=str(account), tags=tags))
        rows.append((start + place, account, text, cluster_of(tags), owner and owner.team, owner and owner.rule))
    return rows


def _groups(session: Session) -> list[tuple[object, ...]]:
    start = _count(session, "groups")
    return [(start + place, *row) for place, row in enumerate(session.rows(model("new_groups")))]


def _owners(session: Session, rules: OwnerRules) -> list[tuple[object, ...]]:
    """Each new meeting of a pods' group and a bill's tags: who owns it, and the tags of both."""
    pairs = session.rows(model("new_owners"))
    if not pairs:
        return []
    group_ids, bill_ids = {row[0] for row in pairs}, {row[1] for row in pairs}
    groups = {row[0]: row for row in session.rows("SELECT group_id, cluster, namespace, labels FROM groups") if row[0] in group_ids}
    bills = {row[0]: row for row in session.rows("SELECT bill_id, account, tags FROM bills") if row[0] in bill_ids}
    labels = {key: texts_of(str(row[3])) for key, row in groups.items()}
    tags = {key: texts_of(str(row[2])) for key, row in bills.items()}
    rows: list[tuple[object, ...]] = []
    for group, bill in pairs:
        place = Place(
            cluster=str(groups[group][1]), namespace=str(groups[group][2]), labels=labels[group], account=str(bills[bill][1]),
            tags=tags[bill],
        )  # fmt: skip
        owner = rules.owner(place)
        rows.append((group, bill, owner and owner.team, owner and owner.rule, allocated_tags(tags[bill], labels[group])))
    return rows


# ── The promise, and what people look at ─────────────────────────────────────────────────────────────────────────────
def _reconciled(session: Session, paths: Sequence[str]) -> tuple[Reconciliation, ...]:
    """The bill against the rows as they stand in the files that will be committed."""
    files = ", ".join(text_literal(path) for path in paths)
    session.run(f"CREATE OR REPLACE TEMP VIEW allocated AS SELECT * FROM read_parquet([{files}])")
    return tuple(record for row in session.rows(model("reconciliation")) for record in reconciliations(row))


def _publish(run: _Run, exports: Sequence[str]) -> Summary:
    cube = _cube(run, exports)
    summary = whole_summary(cube)
    documents = run.ports.documents
    documents.publish(f"summaries/all/{run.period}", summary.to_json())
    for slug, name in _audiences(run, cube).items():
        documents.publish(f"summaries/team-{slug}/{run.period}", team_summary(cube, name, slug).to_json())
    return summary


def _audiences(run: _Run, cube: Cube) -> dict[str, str]:
    """Every team that has cost, or had: a team whose last cost moved away gets an empty summary, not yesterday's."""
    suffix = f"/{run.period}"
    kept = [key.split("/")[1].removeprefix("team-") for key in run.ports.documents.keys("summaries/team-") if key.endswith(suffix)]
    names = {slugged(cell.team): cell.team for cell in cube.cells if cell.team}
    return {**{slug: slug for slug in kept}, **names, **team_slugs(run.governance.teams)}


def _cube(run: _Run, exports: Sequence[str]) -> Cube:
    """The period's cells from the lake as it is now, a newer run's rows included."""
    lake = run.ports.lake
    with run.ports.engine.session() as session:
        for table in ("cost", "allocated"):
            files = [file for export in exports for file in lake.files(table, {"x_Export": export, "x_Period": run.period})]
            session.run(f"CREATE OR REPLACE TEMP VIEW {table} AS {scan(table, files)}")
        records = added([record for row in session.rows(model("reconciliation")) for record in reconciliations(row)])
        return Cube(
            period=run.period, made_at=run.now.isoformat(), governance_version=run.governance.version,
            versions={**run.versions, "allocated": lake.version("allocated")},
            cells=tuple(cell(row) for row in session.rows(model("summary_costs"))),
            pools=tuple(pool_day(row) for row in session.rows(model("summary_pools"))),
            gpus=tuple(gpu_hours(row) for row in session.rows(model("summary_gpus"))),
            reconciliations=records,
        )  # fmt: skip
