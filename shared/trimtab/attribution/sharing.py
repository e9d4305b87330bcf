"""Which costs are shared on, over whom and by what: the rules of `.trimtab/allocation.yaml`, asked once for each kind of cost."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from trimtab.attribution.owners import OwnerRules, Place
from trimtab.errors import BadInput
from trimtab.patterns import compiled, is_match
from trimtab.records import AllocationRules, SharedRule, ShareWeight

Texts = Mapping[str, str]
Row = tuple[object, ...]

IDLE_DRIVERS = {"idle-cpu": "cpu-seconds", "idle-memory": "memory-seconds", "idle-gpu": "gpu-seconds"}
"""Rules that are not written but meant by `idle: share` by cluster: each resource is shared by who took it."""
UNITS = {
    "cpu-seconds": "mCPU-Seconds", "memory-seconds": "MiB-Seconds", "gpu-seconds": "mGPU-Seconds", "network-bytes": "Bytes",
    "volume-bytes": "Byte-Seconds",
}  # fmt: skip
"""Driver → FOCUS UsageUnit."""
ALWAYS = (datetime(1970, 1, 1), datetime(9999, 1, 1))  # noqa: DTZ001 -- times in SQL are UTC without a zone


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """A kind of bill row that no node and no namespace owns; cluster "" = its tags name none."""

    cluster: str
    service: str
    resource_type: str
    category: str
    tags: Texts


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """The rules, checked and compiled."""

    allocation: AllocationRules
    rules: tuple[tuple[SharedRule, Mapping[str, re.Pattern[str]]], ...]

    @property
    def shares_rows(self) -> bool:
        """True where a rule may share bill rows; without one nobody needs to ask."""
        return any(rule.namespace is None for rule, _ in self.rules)

    @property
    def shares_anything(self) -> bool:
        """True where anything may have to be shared once all nodes are attributed."""
        return bool(self.rules) or self.idle == "share-by-cluster"

    @property
    def idle(self) -> str:
        """What becomes of idle capacity."""
        return "show" if self.allocation.idle == "show" else f"share-by-{self.allocation.idle_by}"

    def of_row(self, cost: Cost) -> str | None:
        """Id of the first rule that shares this kind of bill row; None = none does."""
        seen = {"cluster": cost.cluster, "service": cost.service, "resource_type": cost.resource_type, "category": cost.category}
        for rule, patterns in self.rules:
            tag = {"tag": cost.tags.get(rule.tag[0], "")} if rule.tag else {}
            if rule.namespace is None and _matches(patterns, seen | tag):
                return rule.id
        return None

    def of_namespace(self, cluster: str, namespace: str) -> str | None:
        """Id of the first rule that shares what this namespace was allocated; None = it pays for itself."""
        seen = {"cluster": cluster, "namespace": namespace}
        named = (rule.id for rule, patterns in self.rules if rule.namespace is not None and _matches(patterns, seen))
        return next(named, None)

    def options(self) -> Row:
        """The row of table `options`."""
        return (self.allocation.cpu_weight, self.allocation.memory_weight, self.allocation.gpu_weight, self.idle)

    def splits(self) -> list[Row]:
        """The rows of table `sharing`."""
        written = [(rule.id, rule.over, rule.split, rule.driver, UNITS.get(rule.driver or "")) for rule, _ in self.rules]
        return [*written, *((rule, "namespaces", "driver", driver, UNITS[driver]) for rule, driver in IDLE_DRIVERS.items())]

    def weights(self, asked: Iterable[Row], owners: OwnerRules, epoch: int) -> list[Row]:
        """The rows of table `weights` for pairs of (rule, cluster of its cost; "" = outside clusters)."""
        rules = {rule.id: rule for rule, _ in self.rules}
        found = ((rules[str(rule)], str(cluster)) for rule, cluster in asked if rules.get(str(rule)) is not None)
        return [_weight(rule, weight, scope, owners, epoch) for rule, scope in found for weight in rule.weights if _counts(weight, scope)]


def _matches(patterns: Mapping[str, re.Pattern[str]], seen: Texts) -> bool:
    return all(is_match(pattern, seen.get(name, "")) for name, pattern in patterns.items())


def _counts(weight: ShareWeight, scope: str) -> bool:
    """A namespace of one cluster has no share in another cluster's cost."""
    return weight.cluster is None or scope in {"", weight.cluster}


def _weight(rule: SharedRule, weight: ShareWeight, scope: str, owners: OwnerRules, epoch: int) -> Row:
    cluster = weight.cluster or scope
    place = Place(cluster=cluster, namespace=weight.namespace or "", labels={}, account="", tags={})
    owner = owners.owner(place, epoch) if weight.team is None else owners.named(weight.team, rule.id, epoch)
    owned = (owner.team, owner.cost_center, owner.business_unit, owner.rule) if owner else (None, None, None, None)
    starts, ends = _moment(weight.valid_from, ALWAYS[0]), _moment(weight.valid_to, ALWAYS[1])
    return (rule.id, scope, cluster, weight.namespace, *owned, starts, ends, weight.value)


def _moment(day: date | None, otherwise: datetime) -> datetime:
    return otherwise if day is None else datetime.combine(day, time.min)


def compile_sharing(allocation: AllocationRules) -> Sharing:
    """Rules ready to ask. Raises BadInput that names the rule where a pattern is wrong."""
    return Sharing(allocation=allocation, rules=tuple((rule, _patterns(rule)) for rule in allocation.shared))


def _patterns(rule: SharedRule) -> Mapping[str, re.Pattern[str]]:
    texts = {
        "cluster": rule.cluster, "service": rule.service, "resource_type": rule.resource_type, "category": rule.category,
        "namespace": rule.namespace, "tag": rule.tag[1] if rule.tag else None,
    }  # fmt: skip
    try:
        return {name: compiled(text) for name, text in texts.items() if text is not None}
    except BadInput as error:
        raise BadInput(f"allocation: rule {rule.id}: {error}") from None
