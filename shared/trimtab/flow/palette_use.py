"""What Palette itself measured, as a second witness: metrics that show clearly less hide something (analysis/agreement.py)."""

from datetime import datetime

from trimtab.analysis.case import PaletteUse
from trimtab.errors import BadInput, Refused
from trimtab.ports import Ports
from trimtab.records import Cluster, MeasuredUse, Pool


def palette_use(cluster: Cluster, pool: Pool, start: datetime, end: datetime, ports: Ports) -> PaletteUse | None:
    """Mean use between two times; None where it cannot be told, which Palette only can of a cluster's one pool of workers.

    It names pods and namespaces, never nodes. An answer that is no answer is one witness less, and is logged.
    """
    workers = [known for known in cluster.pools if not known.control_plane]
    if workers != [pool] or cluster.left_out or cluster.has_karpenter:
        return None
    try:
        measured = ports.palette.measured(cluster.uid, start, end)
    except (BadInput, Refused) as error:
        ports.log.warning("palette-use.unread", cluster=cluster.uid, input=str(error))
        return None
    hours = len({use.hour for use in measured})
    return PaletteUse(cpu=_mean(measured, "cpu", hours), memory=_mean(measured, "memory", hours)) if hours else None


def _mean(measured: tuple[MeasuredUse, ...], what: str, hours: int) -> float | None:
    """All pods together, on average over the hours that were measured; what is not known of a pod adds nothing."""
    known = [value for use in measured if (value := getattr(use, what)) is not None]
    return sum(known) / hours if known else None
