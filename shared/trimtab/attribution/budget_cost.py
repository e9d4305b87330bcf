"""What a budget's scope cost in a period, by day and by part, cut from the same cells as the summaries. Exact; in the budget's currency."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from pydantic import TypeAdapter, ValidationError

from trimtab.attribution.cube import Cell
from trimtab.attribution.summary import plain
from trimtab.errors import Broken
from trimtab.records import Budget, Json

PREFIX = "budget-costs/"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetPart:
    """A named part of the cost, and whose it is; None = nobody's by name."""

    name: str
    team: str | None
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetCost:
    """One budget's period. Effective cost; what is billed in another currency stands apart and is in no sum."""

    budget: str
    scope: str
    """What it was cut by (`scope_of`): a budget that was given another scope since is not judged by it."""
    period: str
    """p-YYYY-MM."""
    made_at: str
    currency: str
    days: Mapping[str, Decimal]
    parts: tuple[BudgetPart, ...]
    """Largest first."""
    clusters: tuple[str, ...]
    others: Mapping[str, Decimal]
    """Currency → amount that the budget does not count."""

    @property
    def spent(self) -> Decimal:
        """All of the period, the days that a correction moved into it too."""
        return sum(self.days.values(), Decimal(0))

    def to_json(self) -> Json:
        """As a document."""
        value: Json = _adapter().dump_python(self, mode="json")
        return value

    @classmethod
    def from_json(cls, document: Json) -> "BudgetCost":
        """Back from a document. Raises Broken where it is none of ours."""
        try:
            return _adapter().validate_python(document)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            raise Broken(f"budget cost: {path}: {first['msg']}; run `trimtab allocate` again") from None


@cache
def _adapter() -> TypeAdapter[BudgetCost]:
    return TypeAdapter(BudgetCost)


def document_key(budget: str, period: str) -> str:
    """Where a budget's period is kept; one prefix a budget, as one a team is for summaries."""
    return f"{PREFIX}{budget}/{period}"


def scope_of(budget: Budget) -> str:
    """The budget's scope in words: "team batch", "namespace dev-east/train", "project research"."""
    if budget.namespace is not None:
        return f"namespace {'/'.join(budget.namespace)}"
    return f"team {budget.team}" if budget.team is not None else f"project {budget.project}"


def budget_cost(budget: Budget, cells: Iterable[Cell], projects: Mapping[str, frozenset[str]], *, period: str, made_at: str) -> BudgetCost:
    """Cut one budget's cost. `projects` are each cluster's Palette projects; a cluster of two at once is in neither."""
    is_in = _chosen(budget, projects)
    own = [cell for cell in cells if is_in(cell)]
    counted = [cell for cell in own if cell.currency == budget.currency]
    return BudgetCost(
        budget=budget.id,
        scope=scope_of(budget),
        period=period,
        made_at=made_at,
        currency=budget.currency,
        days=_sums(counted, lambda cell: cell.day),
        parts=_parts(counted),
        clusters=tuple(sorted({cell.cluster for cell in own if cell.cluster})),
        others=_sums((cell for cell in own if cell.currency != budget.currency), lambda cell: cell.currency),
    )


def _chosen(budget: Budget, projects: Mapping[str, frozenset[str]]) -> Callable[[Cell], bool]:
    """A project's cost is all of its clusters', idle capacity too; a team's and a namespace's is what they were given."""
    if budget.team is not None:
        return lambda cell: cell.team == budget.team
    if budget.namespace is not None:
        return lambda cell: (cell.cluster, cell.namespace) == budget.namespace
    clusters = {cluster for cluster, names in projects.items() if names == {budget.project}}
    return lambda cell: cell.cluster in clusters


def _sums(cells: Iterable[Cell], key: Callable[[Cell], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for cell in cells:
        sums[key(cell)] += cell.amounts.effective
    return {name: plain(amount) for name, amount in sorted(sums.items())}


def _parts(cells: Iterable[Cell]) -> tuple[BudgetPart, ...]:
    sums: dict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    for cell in cells:
        sums[_name(cell), cell.team] += cell.amounts.effective
    parts = [BudgetPart(name=name, team=team, amount=plain(amount)) for (name, team), amount in sums.items()]
    return tuple(sorted(parts, key=lambda part: (-part.amount, part.name, part.team or "")))


def _name(cell: Cell) -> str:
    """As `Summary.largest` calls it."""
    if cell.namespace:
        return f"namespace {cell.cluster}/{cell.namespace}"
    if cell.part == "idle":
        return f"idle capacity of {cell.cluster}/{cell.pool}"
    return f"outside clusters ({cell.reason})" if cell.part == "not-kubernetes" else f"{cell.part} ({cell.reason})"
