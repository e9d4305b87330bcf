"""Attribute a period: cost and usage in, allocated rows and summaries out, and not a unit of money lost on the way.

Nothing is written to the lake before the parts of an export equal its bill exactly; a newer run's rows are never replaced by ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path

from trimtab.accounting.reconcile import added, demand_promise, reconciliations
from trimtab.attribution.budget_cost import budget_cost, document_key
from trimtab.attribution.cube import Cube, cell, gpu_hours, pool_cover, pool_day, team_summary, whole_summary
from trimtab.attribution.model import model
from trimtab.attribution.owners import OwnerRules, compile_rules, slugged, team_slugs
from trimtab.attribution.sharing import Sharing, compile_sharing
from trimtab.attribution.summary import Summary
from trimtab.attribution.surroundings import Observed, surroundings
from trimtab.errors import BadInput
from trimtab.flow.attribute import Attribution, attribute
from trimtab.flow.other_costs import with_other_costs
from trimtab.flow.private_cost import price_private
from trimtab.flow.private_rates import private_rates
from trimtab.ports import Ports, Session, Superseded
from trimtab.records import Governance, Json, Reconciliation
from trimtab.tables import scan, text_literal


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
    owners: OwnerRules
    sharing: Sharing
    scratch: Path
    now: datetime
    usage: dict[str, list[str]]
    """Usage partition's day → its files."""
    versions: dict[str, int | None]


def allocate(period: str, ports: Ports, governance: Governance, scratch: Path, now: datetime) -> Allocated:
    """Attribute every export that has this period (`p-2026-07`) and publish its summaries.

    Raises Broken where the parts do not equal the bill, BadInput where no export has the period or an owner rule cannot be used.
    """
    price_private(period, ports, private_rates(ports, governance, now), scratch / "private", now)
    exports = sorted({row["x_Export"] for table in ("cost", "allocated") for row in _partitions(ports, table) if row["x_Period"] == period})
    if not exports:
        raise BadInput(f"{period}: no export has a bill for this period in the lake; ingest it first")
    versions = {table: ports.lake.version(table) for table in ("cost", "usage")}
    run = _Run(
        period=period, ports=ports, governance=governance,
        owners=compile_rules(governance.owner_rules, governance.teams, governance.cost_centers),
        sharing=compile_sharing(governance.allocation),
        scratch=scratch, now=now, usage=_usage_files(ports), versions=versions,
    )  # fmt: skip
    done = [_allocate_export(run, export) for export in exports]
    summary = _publish(run, exports, reduce(or_, (observed for _, observed in done)))
    return Allocated(period=period, exports=tuple(written for written, _ in done), summary=summary)


def _partitions(ports: Ports, table: str) -> list[dict[str, str]]:
    return ports.lake.partitions(table) if ports.lake.version(table) is not None else []


def _usage_files(ports: Ports) -> dict[str, list[str]]:
    """Day → nothing yet: files are asked for (and fetched) only for days that are needed."""
    return {row["day"]: [] for row in _partitions(ports, "usage")}


# ── One export ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _allocate_export(run: _Run, export: str) -> tuple[ExportAllocated, Observed]:
    partition = {"x_Export": export, "x_Period": run.period}
    folders = {name: run.scratch / name / export / run.period for name in ("allocated", "pieces")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    with run.ports.engine.session() as session:
        work = Attribution(
            name=f"{export} {run.period}", session=session, ports=run.ports, owners=run.owners, sharing=run.sharing, usage=run.usage,
            folder=folders["allocated"], pieces=folders["pieces"],
        )  # fmt: skip
        written = attribute(work, run.ports.lake.files("cost", partition), run.now.date())
        records = _reconciled(session, written.paths)
        observed = _observed(session)
    demand_promise(records, f"{export}/{run.period}")
    version = run.ports.lake.replace(
        "allocated", partition, written.paths, application=f"{export}/{run.period}", submitted_at=run.now, about=_about(run)
    )
    run.ports.log.info("allocate.export", export=export, period=run.period, rows=written.rows, superseded=isinstance(version, Superseded))
    return ExportAllocated(export=export, rows=written.rows, version=version), observed


def _observed(session: Session) -> Observed:
    """What stands around namespaces, for owner suggestions; the session has looked at every pods' group by now."""
    labels = session.rows("SELECT DISTINCT cluster, namespace, labels FROM groups WHERE namespace IS NOT NULL")
    return Observed(
        pools=frozenset((str(row[0]), str(row[1]), str(row[2]), str(row[3])) for row in session.rows(model("pools"))),
        labels=frozenset((str(row[0]), str(row[1]), str(row[2])) for row in labels),
    )


def _about(run: _Run) -> Json:
    return {"cost": run.versions["cost"], "usage": run.versions["usage"], "governance": run.governance.version}


# ── The promise, and what people look at ─────────────────────────────────────────────────────────────────────────────
def _reconciled(session: Session, paths: Sequence[str]) -> tuple[Reconciliation, ...]:
    """The bill against the rows as they stand in the files that will be committed."""
    files = ", ".join(text_literal(path) for path in paths)
    session.run(f"CREATE OR REPLACE TEMP VIEW allocated AS SELECT * FROM read_parquet([{files}])")
    return tuple(record for row in session.rows(model("reconciliation")) for record in reconciliations(row))


def _publish(run: _Run, exports: Sequence[str], observed: Observed) -> Summary:
    cube = with_other_costs(_cube(run, exports), run.governance)
    summary = whole_summary(cube)
    documents = run.ports.documents
    documents.publish(f"summaries/all/{run.period}", summary.to_json())
    for found in summary.reconciliations:
        if found.measure == "EffectiveCost" and found.unallocated_share is not None:
            share = round(100 * found.unallocated_share, 2)
            run.ports.log.info("period.published", period=run.period, currency=found.currency, unallocated_percent=float(share))
    documents.publish(f"places/{run.period}", {"period": run.period, "places": surroundings(cube.cells, observed)})
    for slug, name in _audiences(run, cube).items():
        documents.publish(f"summaries/team-{slug}/{run.period}", team_summary(cube, name, slug).to_json())
    for budget in run.governance.budgets:
        cost = budget_cost(budget, cube.cells, observed.projects, period=run.period, made_at=cube.made_at)
        documents.publish(document_key(budget.id, run.period), cost.to_json())
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
            covers=tuple(pool_cover(row) for row in session.rows(model("summary_covers"))),
            gpus=tuple(gpu_hours(row) for row in session.rows(model("summary_gpus"))),
            reconciliations=records,
        )  # fmt: skip
