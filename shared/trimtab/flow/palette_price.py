"""Palette's own estimate beside ours: the same two pool sets, priced by it. Where the two disagree a reviewer is told, never an average."""

from dataclasses import replace
from decimal import Decimal

from trimtab.errors import BadInput, Refused, Upstream
from trimtab.ports import Ports
from trimtab.records import Cluster, Finding, Pool
from trimtab.units import HOURS_PER_MONTH, Money

DISAGREE = Decimal("0.20")


def with_palettes_price(finding: Finding, cluster: Cluster, ports: Ports) -> Finding:
    """The finding with one more sentence for its reviewer, where Palette can price both pool sets; else as it was."""
    pool = cluster.pool_of(finding.subject)
    if pool is None or pool.is_autoscaled or any(change.field == "capacity_type" for change in finding.changes):
        # What Palette's estimate says of spot nodes is not published; of an autoscaled pool it prices a size, and we what runs on average.
        return finding
    try:
        now, then = (ports.palette.estimate(cluster.uid, (each,)) for each in _sets(pool, finding))
    except (BadInput, Refused, Upstream) as error:
        ports.log.warning("estimate.failed", cluster_uid=cluster.uid, pool=pool.name, input=str(error))
        return finding
    if now is None or then is None:
        return finding
    said = sentence((now.compute - then.compute) * HOURS_PER_MONTH, finding.saving_list)
    return replace(finding, evidence=replace(finding.evidence, lines=(*finding.evidence.lines, said)))


def _sets(pool: Pool, finding: Finding) -> tuple[Pool, Pool]:
    kinds = (change for change in finding.changes if change.field == "instance_type")
    kind = next(kinds, None)
    before = replace(pool, count=finding.nodes_old)
    return before, replace(pool, count=finding.nodes_new, instance_type=kind.new if kind else pool.instance_type)


def sentence(theirs: Money, ours: Money) -> str:
    """How the two compare, for people."""
    if theirs.currency != ours.currency:
        return f"Palette's own estimate is in {theirs.currency}, ours in {ours.currency}: they were not compared."
    sign, what = (-1, "extra cost") if ours.amount < 0 else (1, "saving")
    said = f"Palette's own estimate of the {what} is {theirs * sign} a month"
    if abs(theirs.amount - ours.amount) <= DISAGREE * abs(ours.amount):
        return f"{said}, about what we say."
    return f"{said}, ours at list price is {ours * sign}: find out which price is right."
