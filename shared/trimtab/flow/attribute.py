"""One export's period, step by step: bill rows and usage in, files of allocated rows out.

Round one attributes nodes and what one namespace owns. Where rules share cost, it sets that aside as pieces, and round two divides them
by what round one found and by usage, each piece over its own charge period: the outcome does not depend on the steps.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from trimtab.attribution.model import (
    MATCH_MODELS,
    PERIOD_MODELS,
    SECOND_ROUND,
    SHARE_MODELS,
    SPAN_MODELS,
    SPENT_MODELS,
    SPREAD_MODELS,
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
from trimtab.attribution.owners import Owner, OwnerRules, Place, allocated_tags, cluster_of, texts_of
from trimtab.attribution.sharing import Cost, Sharing
from trimtab.errors import BadInput
from trimtab.ports import Catalog, Compacting, Ports, Session
from trimtab.records import Cloud
from trimtab.tables import scan, text_literal

OWNERS_KEPT = 200_000
"""Pairs of (pods' group, bill tags) that a session remembers across steps; memory stays flat."""
CLOUDS: tuple[tuple[str, Cloud], ...] = (
    ("amazon", "aws"), ("aws", "aws"), ("google", "gcp"), ("gcp", "gcp"), ("microsoft", "azure"), ("azure", "azure"),
)  # fmt: skip
"""Word in FOCUS ProviderName → the catalog's name of the cloud."""
Row = tuple[object, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """One export's period and everything that its steps need."""

    name: str
    """For people: what progress is told of."""
    session: Session
    ports: Ports
    owners: OwnerRules
    sharing: Sharing
    usage: dict[str, list[str]]
    """Usage partition's day → its files; [] = not asked for yet."""
    folder: Path
    """Where the allocated rows go."""
    pieces: Path
    """Where round one sets aside what is shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Files of allocated rows."""

    paths: tuple[str, ...]
    rows: int


def attribute(work: Attribution, cost_files: Sequence[str], otherwise: date) -> Written:
    """All allocated rows of the period, one or two files a step.

    A period without bill rows is one empty file, named by the day `otherwise`, so that it replaces what was there.
    """
    work.session.run(f"CREATE OR REPLACE TEMP VIEW cost AS {scan('cost', cost_files)}")
    plan = _prepare(work) or (Step(first=otherwise, last=otherwise),)
    first = _round(work, plan, "attributing", _attribute)
    if not work.sharing.shares_anything:
        return first
    _view_files(work.session, "attributed", first.paths)
    second = _round(work, plan, "sharing", _share)
    return Written(paths=first.paths + second.paths, rows=first.rows + second.rows)


def _prepare(work: Attribution) -> tuple[Step, ...]:
    """Macros, options, the nodes and assets that usage knows, the GPU models: what all steps need. The steps, oldest first."""
    session = work.session
    for sql in setup():
        session.run(sql)
    first, last = session.rows('SELECT CAST(min("ChargePeriodStart") AS DATE), CAST(max("ChargePeriodEnd") AS DATE) FROM cost')[0]
    _usage_view(work, "usage", first, last)
    _insert(session, "options", [work.sharing.options()])
    _insert(session, "sharing", work.sharing.splits())
    _make(session, PERIOD_MODELS)
    _insert(session, "gpu_models", _gpu_models(session.rows(model("gpu_types")), work.ports.catalog))
    sizes = [(_date(day), int(str(size))) for day, size in session.rows(model("day_sizes"))]
    return steps(sizes, work.ports.settings.memory_mb, work.owners.epoch)


def _date(value: object) -> date:
    if not isinstance(value, date):
        raise BadInput("cost: a row has no ChargePeriodStart; ingest the export again")
    return value


def _usage_view(work: Attribution, name: str, first: object, last: object, only: str = "") -> None:
    """The usage of these days, as far as the lake has it, where `only` says so; no days = no rows."""
    bounds = (day_slug(first), day_slug(last)) if isinstance(first, date) and isinstance(last, date) else ("", "")
    wanted = [day for day in sorted(work.usage) if bounds[0] <= day <= bounds[1]]
    for day in wanted:
        work.usage[day] = work.usage[day] or work.ports.lake.files("usage", {"day": day})
    rows = scan("usage", [file for day in wanted for file in work.usage[day]])
    work.session.run(f"CREATE OR REPLACE TEMP VIEW {name} AS " + (f"SELECT * FROM ({rows}) WHERE {only}" if only else rows))


def _gpu_models(types: Iterable[Sequence[object]], catalog: Catalog) -> list[Row]:
    """Instance type, region, model of its GPU; what the catalog does not know stays unknown."""
    found = ((str(name), str(region), _gpu_model(catalog, str(provider), str(region), str(name))) for name, region, provider in types)
    return sorted({row for row in found if row[2]})


def _gpu_model(catalog: Catalog, provider: str, region: str, name: str) -> str:
    cloud = next((cloud for word, cloud in CLOUDS if word in provider.lower()), None)
    instance_type = catalog.find(cloud, region, name) if cloud else None
    return (instance_type.gpu_model if instance_type else None) or ""


# ── Two rounds over the steps ────────────────────────────────────────────────────────────────────────────────────────
def _round(work: Attribution, plan: tuple[Step, ...], doing: str, run_step: Callable[[Attribution, Step], Written]) -> Written:
    """Each step in turn; where the owner rules change between two, nothing that the old ones decided is remembered."""
    paths: list[str] = []
    rows, epoch = 0, None
    for place, step in enumerate(plan):
        if step.epoch != epoch:
            _forget(work.session, "bills", "owners", "kinds")
        epoch = step.epoch
        written = run_step(work, step)
        paths += written.paths
        rows += written.rows
        work.ports.progress.step(f"{doing} {work.name}", place + 1, len(plan))
    return Written(paths=tuple(paths), rows=rows)


def _attribute(work: Attribution, step: Step) -> Written:
    """Round one: nodes and assets; what a rule shares is set aside."""
    session = work.session
    _step_cost(session, step)
    _bills(work, step, "seen_bills")
    _make(session, MATCH_MODELS)
    _kinds(work)
    first, last = session.rows("SELECT CAST(min(hour) AS DATE), CAST(max(hour) AS DATE) FROM bin_hours")[0]
    # Of a day in parts most usage is other nodes': left out first, it is not carried through joins and groups.
    _usage_view(work, "step_usage", first, last, "provider_id IN (SELECT provider_id FROM bins)" if step.parts > 1 else "")
    _make(session, WEIGH_MODELS)
    _groups(work, "seen_groups")
    _make(session, SHARE_MODELS)
    _drop(session, SPENT_MODELS)
    session.run(f"DELETE FROM owners WHERE (SELECT count(*) FROM owners) > {OWNERS_KEPT}")
    _owners(work, step, "seen_owners")
    if work.sharing.shares_anything:
        session.write(model("pieces"), _pieces_of(work, step))
    path = str(work.folder / f"{step.name}.parquet")
    return Written(paths=(path,), rows=session.write(f"{model('split_rows')}\nUNION ALL\n{model('whole_rows')}", path))


def _share(work: Attribution, step: Step) -> Written:
    """Round two: the step's pieces, over those whom its rules name; no pieces = no file."""
    session = work.session
    _view_files(session, "pieces", (_pieces_of(work, step),))
    if not session.rows("SELECT 1 FROM pieces LIMIT 1"):
        return Written(paths=(), rows=0)
    _step_cost(session, step)
    _make(session, ("pots",))
    _bills(work, step, SECOND_ROUND["seen_bills"])
    _make(session, SPAN_MODELS)
    first, last = session.rows("SELECT CAST(min(hour) AS DATE), CAST(max(hour) AS DATE) FROM span_hours")[0]
    _usage_view(work, "step_usage", first, last)
    _make(session, ("span_usage",))
    _groups(work, SECOND_ROUND["seen_groups"])
    _owners(work, step, SECOND_ROUND["seen_owners"])
    _forget(session, "weights")
    _insert(session, "weights", work.sharing.weights(session.rows("SELECT DISTINCT rule, cluster FROM pots"), work.owners, step.epoch))
    _make(session, SPREAD_MODELS, SECOND_ROUND)
    path = str(work.folder / f"{step.name}-shared.parquet")
    return Written(paths=(path,), rows=session.write(model("split_rows"), path))


def _step_cost(session: Session, step: Step) -> None:
    """The step's bill rows: each is copied as often as it has lines, so that its repeated texts are better short."""
    session.run(step_cost(step))
    if isinstance(session, Compacting):
        session.compact("step_cost")


def _pieces_of(work: Attribution, step: Step) -> str:
    return str(work.pieces / f"{step.name}.parquet")


# ── What Python decides, once for each distinct thing ────────────────────────────────────────────────────────────────
def _bills(work: Attribution, step: Step, seen: str) -> None:
    """Each new pair of account and tags: the cluster its tags name, and its owner outside clusters."""
    session = work.session
    session.run(statement("seen_bills", seen))
    start = _count(session, "bills")
    rows: list[Row] = []
    for place, (account, text) in enumerate(session.rows(model("new_bills"))):
        tags = texts_of(str(text))
        owner = work.owners.owner(Place(cluster="", namespace="", labels={}, account=str(account), tags=tags), step.epoch)
        rows.append((start + place, account, text, cluster_of(tags), *_owned(owner)))
    _insert(session, "bills", rows)


def _owned(owner: Owner | None) -> tuple[str | None, ...]:
    return (owner.team, owner.cost_center, owner.business_unit, owner.rule) if owner else (None, None, None, None)


def _kinds(work: Attribution) -> None:
    """Each new kind of bill row: the rule that shares it, or none."""
    if not work.sharing.shares_rows:
        return
    rows: list[Row] = []
    for bill_id, cluster, tags, *kind in work.session.rows(model("new_kinds")):
        service, resource_type, category = (str(value) for value in kind)
        cost = Cost(cluster=str(cluster), service=service, resource_type=resource_type, category=category, tags=texts_of(str(tags)))
        rows.append((bill_id, *kind, work.sharing.of_row(cost)))
    _insert(work.session, "kinds", rows)


def _groups(work: Attribution, seen: str) -> None:
    """Each new cluster, namespace, labels and annotations: a number, and the rule that shares the namespace's cost, or none."""
    session = work.session
    session.run(statement("seen_groups", seen))
    start = _count(session, "groups")
    rows = [
        (start + place, *row, work.sharing.of_namespace(str(row[0]), str(row[1])))
        for place, row in enumerate(session.rows(model("new_groups")))
    ]
    _insert(session, "groups", rows)


def _owners(work: Attribution, step: Step, seen: str) -> None:
    """Each new meeting of a group and a bill's tags: who owns it, and the tags of both."""
    session = work.session
    session.run(statement("seen_owners", seen))
    pairs = session.rows(model("new_owners"))
    if not pairs:
        return
    group_ids, bill_ids = {row[0] for row in pairs}, {row[1] for row in pairs}
    groups = {
        row[0]: row for row in session.rows("SELECT group_id, cluster, namespace, labels, annotations FROM groups") if row[0] in group_ids
    }
    bills = {row[0]: row for row in session.rows("SELECT bill_id, account, tags FROM bills") if row[0] in bill_ids}
    labels = {key: texts_of(str(row[3])) for key, row in groups.items()}
    annotations = {key: texts_of(str(row[4])) for key, row in groups.items()}
    tags = {key: texts_of(str(row[2])) for key, row in bills.items()}
    projects = {cluster: str(project) for cluster, project in session.rows("SELECT cluster, project FROM projects")}
    rows: list[Row] = []
    for group, bill in pairs:
        place = Place(
            cluster=str(groups[group][1]), namespace=str(groups[group][2]), labels=labels[group], account=str(bills[bill][1]),
            tags=tags[bill], annotations=annotations[group], project=projects.get(groups[group][1], ""),
        )  # fmt: skip
        owner = work.owners.owner(place, step.epoch)
        rows.append((group, bill, *_owned(owner), allocated_tags(tags[bill], labels[group], annotations[group])))
    _insert(session, "owners", rows)


# ── Session ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _make(session: Session, models: Sequence[str], others: dict[str, str] | None = None) -> None:
    for name in models:
        session.run(statement(name, (others or {}).get(name, name)))


def _insert(session: Session, table: str, rows: list[Row]) -> None:
    if rows:
        rows_in = insert(table, rows)
        session.run(rows_in.sql, rows_in.parameters)


def _forget(session: Session, *tables: str) -> None:
    for table in tables:
        session.run(f"DELETE FROM {table}")


def _drop(session: Session, models: Sequence[str]) -> None:
    for name in models:
        session.run(f"DROP TABLE {name}")


def _count(session: Session, table: str) -> int:
    return int(str(session.rows(f"SELECT count(*) FROM {table}")[0][0]))


def _view_files(session: Session, name: str, paths: Sequence[str]) -> None:
    files = ", ".join(text_literal(path) for path in paths)
    session.run(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM read_parquet([{files}])")
