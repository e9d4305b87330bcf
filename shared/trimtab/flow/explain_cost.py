"""Where a number comes from: from the line of the bill over the node and its shares to the rule that named the owner."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from trimtab.attribution.summary import Amounts, plain
from trimtab.errors import BadInput
from trimtab.flow.access import CROWD
from trimtab.flow.costs import open_allocated
from trimtab.ports import Ports, Session

ROW_ID = re.compile(r"(?:row|alloc)-[0-9a-zA-Z]{1,64}")
LARGEST = 50
"""Lines of one bill row that are listed one by one; the rest is counted and summed."""

_ORIGIN = """
SELECT any_value("x_RowId"), any_value("x_Export"), any_value("x_Period"), any_value("x_SourceFile"), any_value("x_SourceRow"),
  any_value("ProviderName"), any_value("ServiceName"), any_value("ResourceId"), any_value("ChargeCategory"), any_value("ChargeDescription"),
  any_value("ChargePeriodStart"), any_value("ChargePeriodEnd"), any_value("BillingCurrency"), any_value("AllocatedMethodId"),
  any_value("x_Cluster"), any_value("x_Pool"), any_value("x_Node"), any_value("x_GpuModel"), count(*),
  sum("BilledCost"), sum("EffectiveCost"), sum("ListCost")
FROM allocated WHERE "x_RowId" = $id
"""
_LINES = """
SELECT "x_AllocatedRowId", "x_Part", "x_Team", "x_OwnerRule", "x_Confidence", "x_Reason", "x_Namespace", "x_Workload", "x_Pod",
  "AllocatedMethodDetails", "x_WorkloadKind", "x_CostCenter", "x_BusinessUnit", "x_SharedRule",
  "x_CpuCost", "x_MemoryCost", "x_GpuCost", "x_GpuIdleCost", "BilledCost", "EffectiveCost", "ListCost"
FROM allocated WHERE "x_RowId" = $id ORDER BY "EffectiveCost" DESC, "x_AllocatedRowId"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One resource's share of a line: its part of the origin's cost, and the quantity that it stands for."""

    ratio: Decimal
    unit: str | None
    quantity: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """A line's effective cost by resource; the first three add up to it."""

    cpu: Decimal
    memory: Decimal
    gpu: Decimal
    gpu_idle: Decimal | None
    """What of the GPU part was held and not computed with (warm idle); None = not measured, or no GPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One allocated row of the origin."""

    id: str
    part: str
    team: str | None
    owner_rule: str | None
    confidence: str | None
    reason: str
    namespace: str | None
    workload: str | None
    pod: str | None
    amounts: Amounts
    elements: tuple[Element, ...]
    workload_kind: str | None
    cost_center: str | None
    business_unit: str | None
    shared_rule: str | None
    """Id of the shared-cost rule that split it; None = split over its node, or not at all."""
    resources: Resources | None
    """What of the effective cost is for CPU, memory and GPU; None = not split by resource."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """A bill row's whole story; `asked` is the one allocated row that was asked for, where one was."""

    row_id: str
    export: str
    period: str
    source_file: str | None
    source_row: int | None
    provider: str
    service: str
    resource: str | None
    category: str
    description: str | None
    starts: str
    ends: str
    currency: str
    method: str | None
    """None = the row was not split."""
    cluster: str | None
    pool: str | None
    node: str | None
    gpu_model: str | None
    amounts: Amounts
    """The bill row's own; what `lines` and `others` add up to."""
    lines: tuple[Line, ...]
    """Largest first."""
    others: int
    """Lines that are not listed."""
    asked: Line | None

    def sentences(self) -> tuple[str, ...]:
        """The story in order, for people."""
        bill = f"{self.row_id}: {self.service}, {self.resource or 'no resource'}, {self.starts} to {self.ends}: {self._cost(self.amounts)}"
        source = f"from row {self.source_row} of {self.source_file} (export {self.export}, period {self.period})"
        place = f"node {self.node} of pool {self.pool} in cluster {self.cluster}" if self.node else f"cluster {self.cluster or 'none'}"
        cut = f"cut into {len(self.lines) + self.others} lines by {self.method}" if self.method else "not split"
        lines = (self.asked,) if self.asked else self.lines
        return (bill, source, place, cut, *(self._line(line) for line in lines))

    def _line(self, line: Line) -> str:
        who = "/".join(name for name in (line.namespace, line.pod) if name) or line.part
        shares = ", ".join(
            f"{element.ratio:.4%} of the row for {element.quantity} {element.unit}" for element in line.elements if element.unit
        )
        facts = (f"{line.part}: {line.reason}", _owner(line), shares, self._resources(line.resources))
        return f"{line.id}: {who}: {'; '.join((self._cost(line.amounts), *(fact for fact in facts if fact)))}"

    def _resources(self, parts: Resources | None) -> str:
        if parts is None:
            return ""
        idle = f", of which {parts.gpu_idle:f} held and not computed with" if parts.gpu_idle is not None else ""
        return f"{self.currency} for CPU {parts.cpu:f}, memory {parts.memory:f}, GPU {parts.gpu:f}{idle}"

    def _cost(self, amounts: Amounts) -> str:
        return f"{amounts.effective:f} {self.currency} (billed {amounts.billed:f}, list {amounts.list:f})"


def _owner(line: Line) -> str:
    """Who pays, by which rules, and what stands above the team."""
    shared = f"shared by rule {line.shared_rule}" if line.shared_rule else ""
    team = f"{line.team} by rule {line.owner_rule}" if line.team else ""
    above = ", ".join(f"{word} {name}" for word, name in (("cost center", line.cost_center), ("business unit", line.business_unit)) if name)
    return "; ".join(words for words in (shared, f"{team} ({above})" if team and above else team) if words)


def explain_row(row_id: str, ports: Ports, teams: Sequence[str] | None = None) -> Explained:
    """The story of a bill row (`row-…`) or of one allocated row (`alloc-…`). Raises BadInput where there is no such row.

    For some teams alone it is the story of their part, and says no share from which another team's part would follow.
    """
    if ROW_ID.fullmatch(row_id) is None:
        raise BadInput(f"{row_id!r} is no row id: expected row-… or alloc-…")
    with ports.engine.session() as session:
        open_allocated(session, ports, None, teams)
        origin = _origin_id(session, row_id)
        told = _explained(session, row_id, origin)
        if teams is None:
            return told
        open_allocated(session, ports, None)
        return told if _teams_on(session, origin) >= CROWD else _without_shares(told)


def _teams_on(session: Session, origin: str) -> int:
    return int(str(session.rows('SELECT count(DISTINCT "x_Team") FROM allocated WHERE "x_RowId" = $id', {"id": origin})[0][0]))


def _without_shares(told: Explained) -> Explained:
    """A part and its share say what the whole was, and of two teams the rest is the other's."""

    def bare(line: Line) -> Line:
        return replace(line, elements=())

    return replace(told, lines=tuple(bare(line) for line in told.lines), asked=bare(told.asked) if told.asked else None)


def _origin_id(session: Session, row_id: str) -> str:
    column = "x_RowId" if row_id.startswith("row-") else "x_AllocatedRowId"
    found = session.rows(f'SELECT "x_RowId" FROM allocated WHERE "{column}" = $id LIMIT 1', {"id": row_id})
    if not found:
        raise BadInput(f"{row_id}: no such row in the lake's allocated table; `trimtab costs` lists what there is")
    return str(found[0][0])


def _explained(session: Session, asked: str, origin: str) -> Explained:
    row = session.rows(_ORIGIN, {"id": origin})[0]
    texts = [None if value is None else str(value) for value in row[:18]]
    lines = [_line(line) for line in session.rows(_LINES, {"id": origin})]
    return Explained(
        row_id=texts[0] or "", export=texts[1] or "", period=texts[2] or "", source_file=texts[3],
        source_row=None if texts[4] is None else int(texts[4]), provider=texts[5] or "", service=texts[6] or "", resource=texts[7],
        category=texts[8] or "", description=texts[9], starts=texts[10] or "", ends=texts[11] or "", currency=texts[12] or "",
        method=texts[13], cluster=texts[14], pool=texts[15], node=texts[16], gpu_model=texts[17],
        amounts=_amounts(row[19:]), lines=tuple(lines[:LARGEST]), others=max(0, len(lines) - LARGEST),
        asked=next((line for line in lines if line.id == asked), None),
    )  # fmt: skip


def _line(row: tuple[object, ...]) -> Line:
    texts = [None if value is None else str(value) for value in row[:14]]
    return Line(
        id=texts[0] or "", part=texts[1] or "", team=texts[2], owner_rule=texts[3], confidence=texts[4], reason=texts[5] or "",
        namespace=texts[6], workload=texts[7], pod=texts[8], elements=_elements(texts[9]), workload_kind=texts[10], cost_center=texts[11],
        business_unit=texts[12], shared_rule=texts[13], resources=_resources(row[14:18]), amounts=_amounts(row[18:]),
    )  # fmt: skip


def _resources(values: tuple[object, ...]) -> Resources | None:
    cpu, memory, gpu, gpu_idle = values
    if cpu is None:
        return None
    return Resources(cpu=plain(cpu), memory=plain(memory), gpu=plain(gpu), gpu_idle=None if gpu_idle is None else plain(gpu_idle))


def _elements(details: str | None) -> tuple[Element, ...]:
    value = json.loads(details, parse_float=Decimal, parse_int=Decimal) if details else {"Elements": []}
    return tuple(
        Element(ratio=item["AllocatedRatio"], unit=item.get("UsageUnit"), quantity=item.get("UsageQuantity")) for item in value["Elements"]
    )


def _amounts(values: tuple[object, ...]) -> Amounts:
    billed, effective, list_cost = (plain(value) for value in values)
    return Amounts(billed=billed, effective=effective, list=list_cost)
