"""Saved answers of `/allocation` and `/assets` in OpenCost's own shape, as small as a test needs them."""

import json
from datetime import UTC, datetime, timedelta

from trimtab.records import Json

START = datetime(2026, 7, 1, 10, tzinfo=UTC)
GIB = 1 << 30


def text(at: datetime) -> str:
    """A time as OpenCost writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def allocation(
    container: str = "app",
    *,
    pod: str = "cart-1",
    namespace: str = "shop",
    at: datetime = START,
    minutes: int = 60,
    step: int = 60,
    **changes: object,
) -> tuple[str, Json]:
    """One container's step, and its name."""
    end = at + timedelta(minutes=minutes)
    properties: Json = {
        "cluster": "prod", "node": "n1", "namespace": namespace, "pod": pod, "container": container, "controller": "cart",
        "controllerKind": "deployment", "providerID": "i-0abc", "labels": {"app_kubernetes_io_name": "cart"},
        "namespaceLabels": {"team": "shop"}, "annotations": {"owner": "shop"},
    }  # fmt: skip
    value: Json = {
        "name": f"prod/n1/{namespace}/{pod}/{container}", "properties": properties,
        "window": {"start": text(at), "end": text(at + timedelta(minutes=step))}, "start": text(at), "end": text(end), "minutes": minutes,
        "cpuCoreRequestAverage": 0.5, "cpuCoreUsageAverage": 0.25, "ramByteRequestAverage": GIB, "ramByteUsageAverage": GIB / 2,
        "gpuHours": 0, "networkTransferBytes": 1000, "cpuCost": 0.1, "ramCost": 0.05, "gpuCost": 0, "pvCost": 0.01, "networkCost": 0,
        "loadBalancerCost": 0, "cpuCostAdjustment": 0, "sharedCost": 0, "externalCost": 0, "totalCost": 0.16, "pvs": None,
        "lbAllocations": None,
    }  # fmt: skip
    value |= {key: changed for key, changed in changes.items() if key != "properties"}
    more = changes.get("properties")
    if isinstance(more, dict):
        value["properties"] = {key: word for key, word in (properties | more).items() if word is not None}
    return str(value["name"]), value


def idle(at: datetime = START, cost: float = 0.2, hours: int = 1) -> tuple[str, Json]:
    """What nobody asked for."""
    window = {"start": text(at), "end": text(at + timedelta(hours=hours))}
    return "prod/__idle__", {"name": "prod/__idle__", "properties": {"cluster": "prod"}, "window": window, "minutes": 60, "cpuCost": cost}


def node(at: datetime = START, hours: int = 1, **changes: object) -> tuple[str, Json]:
    """One node among the assets."""
    span = {"start": text(at), "end": text(at + timedelta(hours=hours))}
    value: Json = {
        "type": "Node", "properties": {"cluster": "prod", "name": "n1", "providerID": "i-0abc"}, "labels": {}, "window": span, **span,
        "minutes": 60 * hours, "nodeType": "m5.xlarge", "pool": "web", "cpuCores": 4, "ramBytes": 16 * GIB, "gpuCount": 0,
    }  # fmt: skip
    return "prod/n1", value | changes


def answer(*entries: tuple[str, Json]) -> bytes:
    """A whole answer: the entries of one start make one step."""
    steps: dict[str, Json] = {}
    for name, value in entries:
        window = value["window"]
        assert isinstance(window, dict)
        steps.setdefault(str(window["start"]), {})[name] = value
    return json.dumps({"code": 200, "data": list(steps.values())}).encode()


__all__ = ["GIB", "START", "allocation", "answer", "idle", "node", "text"]
