"""The allocated cost by whatever one asks: team, namespace, pool, day, a label. Exact, and never over two currencies."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trimtab.attribution.summary import Amounts, plain
from trimtab.errors import BadInput
from trimtab.ports import Ports, Session
from trimtab.tables import scan

KEYS = {
    "team": '"x_Team"',
    "namespace": '"x_Namespace"',
    "cluster": '"x_Cluster"',
    "pool": '"x_Pool"',
    "node": '"x_Node"',
    "workload": '"x_Workload"',
    "pod": '"x_Pod"',
    "service": '"ServiceName"',
    "export": '"x_Export"',
    "part": '"x_Part"',
    "reason": '"x_Reason"',
    "account": 'coalesce("SubAccountId", "BillingAccountId")',
    "region": '"RegionId"',
    "gpu": '"x_GpuModel"',
    "day": """strftime("ChargePeriodStart", '%Y-%m-%d')""",
    "period": '"x_Period"',
}
"""What `--by` takes, and its column. Besides these: `label:<key>` of pods and `tag:<key>` of the bill."""
PERIOD = re.compile(r"(?:p-)?(\d{4}-(?:0[1-9]|1[0-2]))")


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRow:
    """One line: the values of the keys asked for (None = the row has none), its currency and cost."""

    keys: tuple[str | None, ...]
    currency: str
    amounts: Amounts


@dataclass(frozen=True, kw_only=True, slots=True)
class CostTable:
    """Lines, largest effective cost first within a currency, and each currency's total."""

    by: tuple[str, ...]
    period: str | None
    rows: tuple[CostRow, ...]
    totals: tuple[CostRow, ...]


def period_slug(period: str) -> str:
    """`2026-07` or `p-2026-07` as the lake's partition value. Raises BadInput."""
    match = PERIOD.fullmatch(period)
    if match is None:
        raise BadInput(f"period {period!r}: expected YYYY-MM, as in 2026-07")
    return f"p-{match[1]}"


def costs(by: tuple[str, ...], period: str | None, ports: Ports) -> CostTable:
    """The allocated cost of a period (None = all) by these keys. Raises BadInput where a key is unknown or nothing is allocated."""
    columns = [_column(key, place) for place, key in enumerate(by)]
    slug = None if period is None else period_slug(period)
    with ports.engine.session() as session:
        open_allocated(session, ports, slug)
        rows = session.rows(_query(columns), _parameters(by))
    lines = tuple(_row(row, len(by)) for row in rows)
    return CostTable(by=by, period=slug, rows=lines, totals=_totals(lines))


def open_allocated(session: Session, ports: Ports, period: str | None) -> None:
    """The view `allocated`: one period's rows, or all. Raises BadInput where there are none."""
    files = (
        ports.lake.files("allocated", None if period is None else {"x_Period": period})
        if ports.lake.version("allocated") is not None
        else []
    )
    if not files:
        raise BadInput(f"{period or 'no period'}: nothing is allocated; run `trimtab allocate` first")
    session.run(f"CREATE OR REPLACE TEMP VIEW allocated AS {scan('allocated', files)}")


def _column(key: str, place: int) -> str:
    """SQL of one key; the foreign part of label: and tag: travels as a parameter. A tag of the node is no label of the pod."""
    kind, _, name = key.partition(":")
    if kind == "label" and name:
        both = f'json_extract_string("AllocatedTags", $label{place})'
        own = f'CASE WHEN json_exists("Tags", $key{place}) THEN NULL ELSE json_extract_string("AllocatedTags", $key{place}) END'
        return f'CASE WHEN "AllocatedResourceId" IS NOT NULL THEN coalesce({both}, {own}) END'
    if kind == "tag" and name:
        return f'json_extract_string("Tags", $key{place})'
    if key not in KEYS:
        raise BadInput(f"--by {key}: no such key; there are {', '.join(KEYS)}, label:KEY and tag:KEY")
    return KEYS[key]


def _parameters(by: Sequence[str]) -> dict[str, object]:
    parameters: dict[str, object] = {}
    for place, key in enumerate(by):
        kind, _, name = key.partition(":")
        if name:
            parameters[f"key{place}"] = f"/{_pointer(name)}"
        if name and kind == "label":
            parameters[f"label{place}"] = f"/{_pointer(f'label/{name}')}"
    return parameters


def _pointer(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _query(columns: Sequence[str]) -> str:
    picks = "".join(f"CAST({column} AS VARCHAR) AS k{place}, " for place, column in enumerate(columns))
    groups = "".join(f"k{place}, " for place in range(len(columns)))
    return (
        f'SELECT {picks}"BillingCurrency" AS currency, sum("BilledCost"), sum("EffectiveCost") AS effective, sum("ListCost") '
        f"FROM allocated GROUP BY {groups}currency ORDER BY currency, effective DESC, {groups}currency"
    )


def _row(row: Sequence[object], keys: int) -> CostRow:
    billed, effective, list_cost = (plain(value) for value in row[keys + 1 :])
    return CostRow(
        keys=tuple(None if value is None else str(value) for value in row[:keys]),
        currency=str(row[keys]),
        amounts=Amounts(billed=billed, effective=effective, list=list_cost),
    )


def _totals(rows: Sequence[CostRow]) -> tuple[CostRow, ...]:
    nothing = Amounts(billed=Decimal(0), effective=Decimal(0), list=Decimal(0))
    return tuple(
        CostRow(keys=(), currency=currency, amounts=sum((row.amounts for row in rows if row.currency == currency), nothing))
        for currency in sorted({row.currency for row in rows})
    )
