"""A pod of the Kubernetes API: what it reserves, what limits it, where it may run, how it bears it to be moved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.sources.kube_meta import Meta, items, mapping, number, parse_meta, part, seconds
from trimtab.sources.kube_quantities import exported_name, of_resource
from trimtab.sources.kube_selectors import required_labels

OUT_OF_MEMORY = "OOMKilled"
Amounts = Mapping[str, int]
"""Resource as kube-state-metrics names it → millicores, bytes or pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KubePod:
    """One pod, as short as its rows need it."""

    meta: Meta
    node: str
    """"" = it waits for one."""
    is_over: bool
    requests: Amounts
    """What the scheduler sets aside for it."""
    limits: Amounts
    """0 = nothing limits it as a whole: one of its containers has none."""
    required: Mapping[str, str]
    """Node labels, as `kube_selectors.required_labels` says; without its volumes'."""
    spec: Mapping[str, Any]
    """The parts of the spec that anti-affinity is read from, once namespaces are known."""
    has_local_volume: bool
    """A hostPath, or an emptyDir on disk; without its claims'."""
    claims: tuple[str, ...]
    has_own_claims: bool
    """One of them is made for this pod alone."""
    grace_seconds: int | None
    ends: tuple[tuple[int, bool, bool], ...]
    """(when, for memory, it was started again) of each container's end that is still told of."""
    is_watched: bool
    """False where the kubelet has not said how its containers are."""


def parse_pod(item: Any, place: str) -> KubePod:
    """A pod. Raises Upstream, naming the place, where it is none."""
    meta = parse_meta(item, place)
    spec, status = mapping(item.get("spec"), f"{place}.spec"), part(item, "status")
    statuses = [*items(status.get("containerStatuses")), *items(status.get("initContainerStatuses"))]
    volumes = items(spec.get("volumes"))
    return KubePod(
        meta=meta, node=str(spec.get("nodeName") or ""), is_over=status.get("phase") in {"Succeeded", "Failed"},
        requests=requests(spec), limits=limits(spec), required=required_labels(spec),
        spec={"affinity": {"podAntiAffinity": part(spec, "affinity", "podAntiAffinity")}, "containers": _ports(spec)},
        has_local_volume=not meta.is_mirror and any(map(_is_local, volumes)),
        claims=tuple(sorted(_claims(meta.name, volumes))), has_own_claims=any("ephemeral" in volume for volume in volumes),
        grace_seconds=number(spec.get("terminationGracePeriodSeconds")),
        ends=tuple(end for each in statuses for end in _ends(each)), is_watched=bool(status.get("containerStatuses")),
    )  # fmt: skip


def requests(spec: Mapping[str, Any]) -> dict[str, int]:
    """What the scheduler sets aside: the larger of all that run together and of each start, plus what the sandbox takes.

    Init containers run one after the other before the rest; one that restarts always is a sidecar, which stays beside all that follow.
    A container that asks for nothing of what it limits asks for its limit: the API server has written that in already. Requests of the
    whole pod, where it has them, stand in place of its containers' (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers).
    """
    running = _added(_amounts(each, "requests") for each in items(spec.get("containers")))
    beside: dict[str, int] = {}
    starting: dict[str, int] = {}
    for each in items(spec.get("initContainers")):
        own = _added([_amounts(each, "requests"), beside])
        starting = {name: max(own.get(name, 0), starting.get(name, 0)) for name in own.keys() | starting.keys()}
        if each.get("restartPolicy") == "Always":
            beside = own
    running = _added([running, beside])
    together = {name: max(running.get(name, 0), starting.get(name, 0)) for name in running.keys() | starting.keys()}
    return _added([together | _amounts(spec, "requests"), _read(part(spec, "overhead"))])


def limits(spec: Mapping[str, Any]) -> dict[str, int]:
    """What the pod may use at most of CPU and memory: the sum over its containers; 0 where one of them has no limit."""
    staying = [each for each in items(spec.get("initContainers")) if each.get("restartPolicy") == "Always"]
    every = [_amounts(each, "limits") for each in (*items(spec.get("containers")), *staying)]
    found = {
        name: sum(each[name] for each in every) if every and all(each.get(name) for each in every) else 0 for name in ("cpu", "memory")
    }
    return found | {name: amount for name, amount in _amounts(spec, "limits").items() if name in found}


def _amounts(container: Mapping[str, Any], what: str) -> dict[str, int]:
    return _read(part(container, "resources", what))


def _read(amounts: Mapping[str, Any]) -> dict[str, int]:
    found = {exported_name(name): of_resource(name, text) for name, text in amounts.items()}
    return {name: amount for name, amount in found.items() if amount is not None}


def _added(every: Iterable[Amounts]) -> dict[str, int]:
    found: dict[str, int] = {}
    for amounts in every:
        for name, amount in amounts.items():
            found[name] = found.get(name, 0) + amount
    return found


def _ports(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    ports = [
        {"hostPort": port["hostPort"]} for each in items(spec.get("containers")) for port in items(each.get("ports")) if "hostPort" in port
    ]
    return [{"ports": ports}] if ports else []


def _is_local(volume: Mapping[str, Any]) -> bool:
    empty = volume.get("emptyDir")
    return "hostPath" in volume or (isinstance(empty, dict) and empty.get("medium") != "Memory")


def _claims(pod: str, volumes: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for volume in volumes:
        claim = part(volume, "persistentVolumeClaim").get("claimName")
        if claim:
            yield str(claim)
        elif "ephemeral" in volume:
            yield f"{pod}-{volume.get('name', '')}"  # the name that Kubernetes gives the claim of an ephemeral volume


def _ends(status: Mapping[str, Any]) -> Iterable[tuple[int, bool, bool]]:
    for state in ("state", "lastState"):
        ended = part(status, state, "terminated")
        at = seconds(ended.get("finishedAt"))
        if at is not None:
            yield at, ended.get("reason") == OUT_OF_MEMORY, state == "lastState"


__all__ = ["Amounts", "KubePod", "limits", "parse_pod", "requests"]
