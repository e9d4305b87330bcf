"""Volumes: what holds far less than its size, what nobody mounts, what an older storage class costs more for.

A volume in Kubernetes can grow and never shrink, and the class of one that exists cannot be edited: all of this is advice for a person.
Only a class change has a saving that a list knows; everything else is said without a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from trimtab.analysis.demand import Floats, Ints
from trimtab.analysis.loads import STALE, Unit, Window, eligible_from, evidence_of_load, load_of
from trimtab.analysis.storage_prices import StoragePrice
from trimtab.records import Cluster, FieldChange, Finding, Refusal, Subject
from trimtab.units import GIB

Answer = Finding | Refusal
ROOMY = 0.5
"""A volume that never held more than this share of itself could have been smaller."""
NEARLY_FULL = 0.85
LEAST_GIB = 20
"""Smaller ones are not worth anybody's time."""
MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class VolumeUse:
    """One volume over the hours in which it was reported."""

    provider_id: str
    namespace: str
    workload: str
    """Who mounted it last; "" = nobody, several, or not read."""
    storage_class: str
    """"" = not read."""
    times: Ints
    size: Floats
    """[hour] bytes; NaN = not read."""
    used: Floats
    """[hour] bytes it holds; NaN = not measured, which a volume that no pod mounts never is."""
    mounted_hours: int
    """Hours in which one workload was known to mount it."""

    @property
    def gib(self) -> float:
        """Its newest known size; 0 = not known."""
        known = self.size[~np.isnan(self.size)]
        return float(known[-1]) / GIB if known.size else 0.0

    @property
    def fullest(self) -> float | None:
        """The largest share of it that was ever used; None = not measured."""
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = self.used / self.size
        known = shares[np.isfinite(shares)]
        return float(known.max()) if known.size else None

    @property
    def name(self) -> str:
        """For people."""
        owner = f" of {self.namespace}/{self.workload}" if self.workload else f" in namespace {self.namespace}"
        return f"{self.provider_id} ({self.gib:.0f} GiB{', ' + self.storage_class if self.storage_class else ''}){owner}"


def analyze_volumes(
    volumes: Sequence[VolumeUse], *, cluster: Cluster, window: Window, prices: Mapping[str, StoragePrice], price_source: str
) -> tuple[Answer, ...]:
    """Class changes first, each a finding for a person; then one line of advice per kind, naming the largest volumes.

    A volume that was not reported of late may be gone: nothing is said of it. `prices` maps a storage class as the cluster calls it to its
    list price there; a class that is missing has no known price.
    """
    current = [one for one in volumes if window.now - datetime.fromtimestamp(int(one.times[-1]) + 3600, UTC) <= STALE]
    large = sorted((one for one in current if one.gib >= LEAST_GIB), key=lambda one: (-one.gib, one.provider_id))
    enough = [one for one in large if _days(one) >= window.days_wanted]
    changes = [_class_change(one, cluster, prices[one.storage_class], price_source) for one in enough if one.storage_class in prices]
    advice = (
        _roomy(enough, cluster),
        _nearly_full(large, cluster),
        _unmounted(enough, volumes, cluster),
        _unpriced(enough, cluster, prices),
        _too_young(large, enough, cluster, window),
    )
    return (*(change for change in changes if change is not None), *(answer for answer in advice if answer is not None))


def _days(one: VolumeUse) -> int:
    return len(np.unique(one.times // 86400))


def _class_change(one: VolumeUse, cluster: Cluster, price: StoragePrice, source: str) -> Finding | None:
    saved = price.saves(Decimal(round(one.gib)))
    if saved is None or price.cheaper_monthly is None:
        return None
    load = load_of(one.times, one.used)
    lines = (
        f"{one.name}: {price.monthly} per GiB and month in class {one.storage_class}, {price.cheaper_monthly} in class {price.cheaper}.",
        *((price.extra,) if price.extra else ()),
    )
    return Finding(
        rule="storage-class",
        subject=Subject(cluster_uid=cluster.uid, pool=one.provider_id, field="storage_class", kind="volume"),
        changes=(FieldChange(field="storage_class", old=one.storage_class, new=price.cheaper),),
        instance_type="",
        nodes_old=0,
        nodes_new=0,
        saving_list=saved,
        saving_effective=None,
        price_source=source,
        evidence=evidence_of_load(
            load, unit=Unit(name="GiB", scale=float(GIB)), old=one.gib * GIB, new=one.gib * GIB,
            coverage=float(load.known.mean()), source="hourly usage in the lake", lines=lines,
        ),
        is_repave=False,
        unknowns=(
            "The class is taken for what its name says; its parameters were not read.",
            "Reads and writes per second were not measured: whether the cheaper class's own are enough is for its owner to say.",
            "What the bill really charged for this volume is not known, so the saving is at list price only.",
        ),
        needs_person=(
            "The class of a volume that exists cannot be edited in Kubernetes: its owner has the cloud change it in place "
            "(a VolumeAttributesClass, or the cloud's own command), and new claims name the new class."
        ),
    )  # fmt: skip


def _roomy(volumes: Sequence[VolumeUse], cluster: Cluster) -> Refusal | None:
    found = [one for one in volumes if one.fullest is not None and one.fullest <= ROOMY]
    needs = "A new, smaller claim, a copy of the data and a switch by its owner."
    return _advice(found, cluster, "volume-cannot-shrink", "never held half of their size; a volume cannot be made smaller", needs)


def _nearly_full(volumes: Sequence[VolumeUse], cluster: Cluster) -> Refusal | None:
    found = [one for one in volumes if one.fullest is not None and one.fullest > NEARLY_FULL]
    return _advice(
        found, cluster, "volume-nearly-full", f"were more than {NEARLY_FULL:.0%} full", "A larger claim, where its class allows expansion."
    )


def _unmounted(volumes: Sequence[VolumeUse], everyone: Sequence[VolumeUse], cluster: Cluster) -> Refusal | None:
    """Only where others' use is measured does a volume without any say that nobody mounts it."""
    if not any(one.fullest is not None for one in everyone):
        return None
    found = [one for one in volumes if one.fullest is None and not one.mounted_hours]
    words = "were mounted by no pod in the whole window, as far as was read"
    return _advice(found, cluster, "volume-unmounted", words, "Its owner's word that the data may go; a snapshot first.")


def _unpriced(volumes: Sequence[VolumeUse], cluster: Cluster, prices: Mapping[str, StoragePrice]) -> Refusal | None:
    found = [one for one in volumes if one.storage_class and one.storage_class not in prices]
    words = "are of a class whose price is not known; a missing price is not zero, so another class is not proposed"
    return _advice(found, cluster, "storage-price-missing", words, "A price list of that storage class.")


def _too_young(large: Sequence[VolumeUse], enough: Sequence[VolumeUse], cluster: Cluster, window: Window) -> Refusal | None:
    young = [one for one in large if one not in enough]
    if not young:
        return None
    answer = _advice(young, cluster, "too-little-history", f"are known for less than {window.days_wanted} days", "")
    first = min((eligible_from(one.times, window.days_wanted) for one in young), default=None)
    return None if answer is None else Refusal(
        cluster_uid=answer.cluster_uid, pool=answer.pool, rule=answer.rule, reason=answer.reason, kind="volume", eligible_from=first
    )  # fmt: skip


def _advice(found: Sequence[VolumeUse], cluster: Cluster, rule: str, words: str, needs: str) -> Refusal | None:
    if not found:
        return None
    named = ", ".join(one.name for one in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    count = f"{len(found)} volume{'s' if len(found) != 1 else ''}"
    total = sum(one.gib for one in found)
    return Refusal(
        cluster_uid=cluster.uid,
        pool="*",
        rule=rule,
        reason=f"{count}, {total:.0f} GiB, {words}: {named}{more}.",
        needs=needs,
        kind="volume",
    )


__all__ = ["Answer", "VolumeUse", "analyze_volumes"]
