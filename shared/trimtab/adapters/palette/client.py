"""`ports.Palette` over HTTP. It only reads, so it may ask again; the waits and their jitter come from outside."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import httpx

from trimtab.adapters import http
from trimtab.adapters.palette import protocol
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import Cluster, ClusterUid
from trimtab.settings import Settings

ATTEMPTS = 5
"""Palette limits by second and source address, and names no time to wait: 0.5, 1, 2 and 4 seconds, each up to half longer."""
MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class PaletteClient:
    """One tenant, seen with one API key."""

    url: str
    key: str
    client: httpx.Client | None
    """None = no Palette is configured, and whoever asks is refused."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = SystemRandom().random
    """0 to 1."""

    @classmethod
    def of(cls, settings: Settings, transport: httpx.BaseTransport | None = None) -> "PaletteClient":
        """The Palette of a deployment."""
        key = settings.palette_api_key.get_secret_value() if settings.palette_api_key else ""
        if not settings.palette_url or not key:
            return cls("", "", None)
        return cls(settings.palette_url.rstrip("/"), key, http.client_for(settings.palette_url, settings, transport))

    def clusters(self) -> tuple[Cluster, ...]:
        """Every cluster of the tenant that has priced machine pools, read now."""
        found = (self._read(listed) for listed in self._listed())
        return tuple(cluster for cluster in found if cluster)

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        """One cluster read now; None = gone, or of a kind without priced machine pools."""
        listed = next((listed for listed in self._listed() if listed.uid == uid), None)
        return self._read(listed) if listed else None

    def _listed(self) -> Iterator[protocol.Listed]:
        token = ""
        for _ in range(MOST_PAGES):
            path, query, body = protocol.search(token)
            answer = self._ask("POST", path, params=query, json=body)
            listed, token = protocol.parse_search(_found(answer, path))
            yield from listed
            if not token:
                return
        raise Upstream(f"Palette: more than {MOST_PAGES} pages of clusters; its continue token never ended")

    def _read(self, listed: protocol.Listed) -> Cluster | None:
        scope: dict[str, str] = {"ProjectUid": listed.project_uid}
        answer = self._ask("GET", protocol.cluster_path(listed.uid), headers=scope)
        if answer is None:
            return None
        live = protocol.parse_cluster(answer)
        if live.cloud_type not in protocol.CLOUDS:
            return None
        return protocol.cluster(
            listed,
            live,
            protocol.parse_config(self._get(protocol.config_path(live), scope), live.uid),
            is_repave_pending=self._is_repave_pending(live, scope),
            namespaces=protocol.parse_namespaces(self._get(protocol.namespaces_path(live.uid), scope)),
        )

    def _is_repave_pending(self, live: protocol.Live, scope: dict[str, str]) -> bool:
        # A cluster that was never repaved has no status at all.
        answer = self._ask("GET", protocol.repave_path(live.uid), headers=scope)
        return answer is not None and protocol.parse_repave(answer)

    def _get(self, path: str, scope: dict[str, str]) -> bytes:
        return _found(self._ask("GET", path, headers=scope), path)

    def _ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **arguments: Any) -> bytes | None:
        """The answer's bytes, None for 404; asks again while Palette is busy."""
        if self.client is None:
            raise Refused("Palette: not configured; set settings.palette_url and TRIMTAB_PALETTE_API_KEY")
        for attempt in range(ATTEMPTS):
            answer = self.client.request(method, self.url + path, headers={"apiKey": self.key, **(headers or {})}, **arguments)
            if answer.status_code != 429 and answer.status_code < 500:
                break
            if attempt + 1 < ATTEMPTS:
                self.sleep(0.5 * 2**attempt * (1 + self.jitter() / 2))
        if answer.status_code == 404:
            return None
        _check(answer, path)
        return answer.content


def _check(answer: httpx.Response, path: str) -> None:
    if answer.is_success:
        return
    said = f"Palette: {path}: HTTP {answer.status_code} {protocol.parse_error(answer.content)}".rstrip()
    # A key that is wrong today may be right when the event comes again; only a request that Palette cannot read never will be.
    raise BadInput(said) if answer.status_code in (400, 422) else Upstream(said)


def _found(answer: bytes | None, path: str) -> bytes:
    if answer is None:
        raise Upstream(f"Palette: {path}: HTTP 404, though what names it was just read")
    return answer
