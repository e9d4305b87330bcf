"""A cluster as its Kubernetes API tells of it, and a real HTTP server that tells it: pages, refusals, lists that outlive their state.

The shapes are those of a 1.33 API server's answers, cut to what anybody reads and with names of our own.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Item = dict[str, Any]
CREATED = "2026-08-01T09:00:00Z"


def meta(name: str, namespace: str = "", *, owner: tuple[str, str] | None = None, written: str = CREATED, **more: Any) -> Item:
    """Metadata; `written` is when its labels and spec were last written."""
    fields: Item = {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {}}
    found: Item = {
        "name": name, "uid": f"uid-{name}", "creationTimestamp": CREATED,
        "managedFields": [{"manager": "kubectl", "operation": "Update", "time": written, "fieldsType": "FieldsV1", "fieldsV1": fields}],
    }  # fmt: skip
    if namespace:
        found["namespace"] = namespace
    if owner:
        found["ownerReferences"] = [{"apiVersion": "x/v1", "kind": owner[0], "name": owner[1], "uid": "u", "controller": True}]
    return found | more


def container(name: str = "app", **more: Any) -> Item:
    return {"name": name, "image": "registry.example/app:1"} | more


def asks(limits: Item | None = None, **requests: str) -> Item:
    return {"resources": {"requests": requests} | ({"limits": limits} if limits else {})}


def pod(name: str, namespace: str = "shop", *, spec: Item | None = None, status: Item | None = None, **about: Any) -> Item:
    """A running pod on n1 that asks for half a core, without anything unusual."""
    plain = {
        "containers": [container(**asks(cpu="500m", memory="1Gi"))], "nodeName": "n1", "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
    }  # fmt: skip
    running = {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 0, "state": {"running": {}}, "lastState": {}}]}
    return {"metadata": meta(name, namespace, **about), "spec": plain | (spec or {}), "status": running | (status or {})}


def node(name: str = "n1", provider_id: str = "aws:///us-east-1a/i-0abc", **labels: str) -> Item:
    amounts = {"cpu": "4", "memory": "16Gi", "pods": "58"}
    return {
        "metadata": meta(name, labels={"node.kubernetes.io/instance-type": "m5.xlarge", "pool": "web"} | labels),
        "spec": {"providerID": provider_id}, "status": {"capacity": amounts, "allocatable": amounts | {"cpu": "3920m"}},
    }  # fmt: skip


def budget(name: str, selector: Item | None, allowed: int | None, namespace: str = "shop", **about: Any) -> Item:
    status = {"observedGeneration": 1} | ({} if allowed is None else {"disruptionsAllowed": allowed})
    spec = {"minAvailable": 1} | ({} if selector is None else {"selector": selector})
    return {"metadata": meta(name, namespace, generation=1, **about), "spec": spec, "status": status}


def autoscaler(name: str, kind: str, *metrics: Item, namespace: str = "shop") -> Item:
    return {"metadata": meta(name, namespace), "spec": {"scaleTargetRef": {"kind": kind, "name": name}, "metrics": list(metrics)}}


def volume(name: str, claim: tuple[str, str], **spec: Any) -> Item:
    reference = {"namespace": claim[0], "name": claim[1]}
    return {"metadata": meta(name), "spec": {"capacity": {"storage": "20Gi"}, "claimRef": reference, "storageClassName": "gp3"} | spec}


def claim(name: str, volume_name: str, namespace: str = "shop") -> Item:
    return {"metadata": meta(name, namespace), "spec": {"volumeName": volume_name, "storageClassName": "gp3"}, "status": {"phase": "Bound"}}


PATHS = {
    "namespaces": "/api/v1/namespaces", "nodes": "/api/v1/nodes", "pods": "/api/v1/pods", "replica_sets": "/apis/apps/v1/replicasets",
    "jobs": "/apis/batch/v1/jobs", "budgets": "/apis/policy/v1/poddisruptionbudgets",
    "autoscalers": "/apis/autoscaling/v2/horizontalpodautoscalers", "volumes": "/api/v1/persistentvolumes",
    "claims": "/api/v1/persistentvolumeclaims",
}  # fmt: skip


@dataclass
class ApiServer:
    """What it has, how it misbehaves, and what it was asked."""

    objects: dict[str, list[Item]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """Kind → statuses of its next answers, before it answers as it should."""
    gone_once: set[str] = field(default_factory=set)
    """Kinds whose second page is refused once with 410."""
    slow: dict[str, float] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    redirect: str = ""
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """(path, query, Authorization)."""
    url: str = ""

    def asked(self, kind: str) -> list[dict[str, str]]:
        return [query for path, query, _ in self.requests if path == PATHS[kind]]

    def kubeconfig(self, folder: Path) -> Path:
        path = folder / "kubeconfig"
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "prod", "contexts": [
                {"name": "prod", "context": {"cluster": "prod", "user": "collector"}},
            ],
            "clusters": [{"name": "prod", "cluster": {"server": self.url}}],
            "users": [{"name": "collector", "user": {"token": "collector-token"}}],
        }  # fmt: skip
        path.write_text(json.dumps(config))
        return path


@contextmanager
def serving(api: ApiServer) -> Iterator[ApiServer]:
    """The server on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # an answer in one piece: header and body apart wait for each other

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            api.requests.append((url.path, query, self.headers.get("Authorization", "")))
            kind = next((kind for kind, path in PATHS.items() if path == url.path), "")
            time.sleep(api.slow.get(kind, 0))
            if api.redirect:
                return self.answer(302, b"", Location=api.redirect)
            if kind in api.raw:
                return self.answer(200, api.raw[kind])
            status, body = answer(api, kind, query)
            return self.answer(status, json.dumps(body).encode(), **({"Retry-After": "1"} if status == 429 else {}))

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests speak for themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(api: ApiServer, kind: str, query: dict[str, str]) -> tuple[int, Item]:
    """A page of a list, as the API server cuts it."""
    if kind in api.forbidden:
        return 403, failure(403, "Forbidden", f'{kind} is forbidden: User "collector" cannot list resource "{kind}" at the cluster scope')
    if not kind:
        return 404, failure(404, "NotFound", "the server could not find the requested resource")
    if api.statuses.get(kind):
        status = api.statuses[kind].pop(0)
        return status, failure(status, "Failure", "not now")
    start = int(query.get("continue", "0"))
    if start and kind in api.gone_once:
        api.gone_once.remove(kind)
        return 410, failure(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")
    items, end = api.objects.get(kind, []), start + int(query.get("limit", "500"))
    about: Item = {"resourceVersion": "81234"}
    if end < len(items):
        about |= {"continue": str(end), "remainingItemCount": len(items) - end}
    return 200, {"kind": "List", "apiVersion": "v1", "metadata": about, "items": items[start:end] or None}


def failure(code: int, reason: str, message: str) -> Item:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}


__all__ = [
    "CREATED", "PATHS", "ApiServer", "Item", "asks", "autoscaler", "budget", "claim", "container", "meta", "node", "pod", "serving",
    "volume",
]  # fmt: skip
