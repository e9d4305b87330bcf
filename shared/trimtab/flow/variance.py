"""The variance report: what list price times usage says against the bill, by cause."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trimtab.accounting.variance import BillPart, NodeUse, Variance, variances
from trimtab.attribution.model import model
from trimtab.attribution.summary import plain
from trimtab.flow.attribute import CLOUDS
from trimtab.flow.costs import open_allocated, period_slug
from trimtab.flow.unit_rates import open_usage
from trimtab.ports import Catalog, Ports
from trimtab.records import Cloud
from trimtab.units import Money


@dataclass(frozen=True, kw_only=True, slots=True)
class VarianceReport:
    """Rows by cluster and currency (or currency alone), and what the catalog does not know."""

    period: str | None
    by_cluster: bool
    rows: tuple[Variance, ...]
    missing_prices: tuple[str, ...]
    """ "m5.huge in eu-west-9 (aws, USD): 3 nodes": in no estimate; what they cost is a cause of its own."""
    catalog: str
    """Where the list prices are from."""


@dataclass(frozen=True, slots=True)
class _Where:
    """Cloud, region and currency of a node, as the bill says them."""

    provider: str
    region: str
    currency: str


def variance(period: str | None, ports: Ports, *, by_cluster: bool) -> VarianceReport:
    """The report of a period (None = all). Raises BadInput where nothing is allocated."""
    slug = None if period is None else period_slug(period)
    with ports.engine.session() as session:
        open_allocated(session, ports, slug)
        open_usage(session, ports, slug)
        bill, use = session.rows(model("variance_bill")), session.rows(model("variance_use"))
    places = _places(bill)
    uses = [_use(row, places, ports.catalog) for row in use]
    return VarianceReport(
        period=slug, by_cluster=by_cluster, rows=variances([_part(row) for row in bill], uses, by_cluster=by_cluster),
        missing_prices=_missing(use, uses, places), catalog=ports.catalog.source,
    )  # fmt: skip


def _part(row: Sequence[object]) -> BillPart:
    currency, cluster, node, cause, _, _, hours, listed, contracted, effective = row
    return BillPart(
        cluster=_text(cluster), node=_text(node), currency=str(currency), cause=str(cause),
        hours=None if hours is None else plain(hours), list=plain(listed), contracted=plain(contracted), effective=plain(effective),
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _places(bill: Iterable[Sequence[object]]) -> dict[tuple[str, str], _Where]:
    """(cluster, node) → where it is; (cluster, "") → where the cluster's nodes are, for a node that is on no bill."""
    found: dict[tuple[str, str], _Where] = {}
    for currency, cluster, node, _, provider, region, *_ in bill:
        if cluster and node and provider and region:
            where = _Where(str(provider), str(region), str(currency))
            found[str(cluster), str(node)] = where
            found.setdefault((str(cluster), ""), where)
    return found


def _where(cluster: str, node: str, places: dict[tuple[str, str], _Where]) -> _Where | None:
    return places.get((cluster, node)) or places.get((cluster, ""))


def _use(row: Sequence[object], places: dict[tuple[str, str], _Where], catalog: Catalog) -> NodeUse:
    cluster, node, kind, seconds = str(row[0]), str(row[1]), str(row[2] or ""), int(str(row[3]))
    price = _price(_where(cluster, node, places), kind, catalog)
    return NodeUse(
        cluster=cluster, node=node, seconds=seconds, currency=price.currency if price else None, price=_amount(price)
    )  # fmt: skip


def _amount(price: Money | None) -> Decimal | None:
    return price.amount if price else None


def _price(where: _Where | None, kind: str, catalog: Catalog) -> Money | None:
    cloud = _cloud(where.provider) if where else None
    found = catalog.find(cloud, where.region, kind) if cloud and where and kind else None
    price = found.price if found else None
    # A price in another currency is no price: nothing converts it.
    return price if price and where and price.currency == where.currency else None


def _cloud(provider: str) -> Cloud | None:
    return next((cloud for word, cloud in CLOUDS if word in provider.lower()), None)


def _missing(rows: Sequence[Sequence[object]], uses: Sequence[NodeUse], places: dict[tuple[str, str], _Where]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for row, use in zip(rows, uses, strict=True):
        if use.price is None:
            name = _name(str(row[2] or ""), _where(use.cluster, use.node, places))
            counts[name] = counts.get(name, 0) + 1
    return tuple(f"{name}: {count} node{'s' if count > 1 else ''}" for name, count in sorted(counts.items()))


def _name(kind: str, where: _Where | None) -> str:
    place = f"{where.region} ({_cloud(where.provider) or where.provider}, {where.currency})" if where else "a place that no bill names"
    return f"{kind or 'an unnamed instance type'} in {place}"
