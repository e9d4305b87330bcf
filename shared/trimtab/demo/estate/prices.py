"""What the estate's machines cost and hold: rows of the bundled price catalog."""

from decimal import Decimal

from trimtab.adapters.catalog import BundledCatalog
from trimtab.demo.estate.model import EstateCluster, EstatePool, Node
from trimtab.errors import BadInput
from trimtab.records import InstanceType


def instance_type(cluster: EstateCluster, pool: EstatePool) -> InstanceType:
    """The pool's machine. Raises BadInput where the catalog has none: an estate with a made-up machine would prove nothing."""
    live, name = cluster.cluster, pool.pool.instance_type
    found = BundledCatalog().find(live.cloud, live.region, name)
    if found is None:
        raise BadInput(f"catalog: no {name} in {live.cloud} {live.region}; the estate's clusters need it")
    return found


def hourly_price(node: Node) -> Decimal:
    """List price of one node-hour, in USD."""
    price = instance_type(node.cluster, node.pool).price
    if price is None:
        raise BadInput(f"catalog: no price for {node.pool.pool.instance_type}; a missing price is never zero")
    return price.amount
