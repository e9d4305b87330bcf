"""Kubernetes label selectors, and what a pod requires of the labels of a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.sources.kube_meta import items, part, texts

HOST = "kubernetes.io/hostname"
ANOTHER_WAY = "*"
"""In place of a label's value: it matters to where the pod may run, but not as "this value" or "one of these"."""
_EITHER = " or "
"""Between values of which a node must have one; no label value has a blank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """Which labels are meant; without any condition it is all of them."""

    labels: Mapping[str, str]
    expressions: tuple[tuple[str, str, frozenset[str]], ...] = ()
    """(key, operator, values)."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True where all conditions hold. An operator that nobody knows is taken to hold: a budget protects rather too much."""
        return all(labels.get(key) == value for key, value in self.labels.items()) and all(
            _holds(labels, key, operator, values) for key, operator, values in self.expressions
        )


def parse_selector(value: Any) -> Selector | None:
    """A LabelSelector; None = there is none, which selects nothing, where an empty one selects everything."""
    if not isinstance(value, dict):
        return None
    return Selector(labels=texts(value.get("matchLabels")), expressions=tuple(_expressions(value.get("matchExpressions"))))


def required_labels(spec: Mapping[str, Any]) -> dict[str, str]:
    """Node label → the value that it must have, "a or b", or "*" for anything else (NotIn, Exists, one way of several, spread).

    nodeSelector, required node affinity, and hard constraints by another topology than the host.
    """
    terms = items(part(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution").get("nodeSelectorTerms"))
    found = node_terms(terms) | dict.fromkeys(_topologies(spec), ANOTHER_WAY)
    return dict(sorted((found | texts(spec.get("nodeSelector"))).items()))


def node_terms(terms: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Terms of which one must hold. A label means one value, or one of some, where every way asks for it so."""
    ways = [_conditions(term) for term in terms]
    keys = {key for way in ways for key in way}
    return {key: _together([way.get(key) for way in ways]) for key in keys}


def keeps_apart(spec: Mapping[str, Any], namespace: str, labels: Mapping[str, str], around: Mapping[str, str]) -> bool:
    """True where two pods like this one can never share a node: required anti-affinity to its own labels, or a port of the host."""
    if any(port.get("hostPort") for container in items(spec.get("containers")) for port in items(container.get("ports"))):
        return True
    terms = items(part(spec, "affinity", "podAntiAffinity").get("requiredDuringSchedulingIgnoredDuringExecution"))
    return any(term.get("topologyKey") == HOST and _means(term, namespace, labels, around) for term in terms)


def _means(term: Mapping[str, Any], namespace: str, labels: Mapping[str, str], around: Mapping[str, str]) -> bool:
    """True where a term selects the pod itself, and so every pod like it."""
    selector = parse_selector(term.get("labelSelector"))
    return selector is not None and selector.matches(labels) and _in_namespace(term, namespace, around)


def _in_namespace(term: Mapping[str, Any], namespace: str, around: Mapping[str, str]) -> bool:
    named, selected = term.get("namespaces"), parse_selector(term.get("namespaceSelector"))
    if not named and selected is None:
        return True
    return (isinstance(named, list) and namespace in named) or (selected is not None and selected.matches(around))


def _topologies(spec: Mapping[str, Any]) -> set[str]:
    """Topologies other than the host by which a hard constraint places the pod."""
    affinity = part(spec, "affinity")
    hard = [
        *items(part(affinity, "podAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")),
        *items(part(affinity, "podAntiAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")),
        *(each for each in items(spec.get("topologySpreadConstraints")) if each.get("whenUnsatisfiable") == "DoNotSchedule"),
    ]
    return {str(each["topologyKey"]) for each in hard if each.get("topologyKey") and each["topologyKey"] != HOST}


def _conditions(term: Mapping[str, Any]) -> dict[str, frozenset[str] | None]:
    """Label → the values that satisfy a term; None = another way. Fields (a DaemonSet's node) are no labels."""
    found: dict[str, frozenset[str] | None] = {}
    for key, operator, values in _expressions(term.get("matchExpressions")):
        is_listed = operator == "In" and values and (key not in found or found[key] is not None)
        found[key] = values & (found.get(key) or values) if is_listed else None
    return found


def _together(ways: Sequence[frozenset[str] | None]) -> str:
    if any(not way for way in ways):
        return ANOTHER_WAY
    return _EITHER.join(sorted({value for way in ways for value in way or ()}))


def _expressions(value: Any) -> list[tuple[str, str, frozenset[str]]]:
    return [(str(each.get("key", "")), str(each.get("operator", "")), _values(each.get("values"))) for each in items(value)]


def _values(value: Any) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _holds(labels: Mapping[str, str], key: str, operator: str, values: frozenset[str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return True


__all__ = ["ANOTHER_WAY", "HOST", "Selector", "keeps_apart", "node_terms", "parse_selector", "required_labels"]
