"""`ports.Kubernetes` with the official client, which brings kubeconfig, in-cluster and exec logins; it is imported when first used.

Lists come in pages, and a page becomes short records before the next one is asked for. A list that fails half-way is no list: its kind
is not read, and said. Nothing but `list` is ever asked.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trimtab.adapters.kubernetes.protocol import LISTS, MOST_OBJECTS, Gone, NotRead, Wait, answer_of
from trimtab.errors import BadInput, Upstream
from trimtab.sources.kube_objects import PARSERS, Kind, KubeObjects, gathered, parse_page

PAGE = 200
"""Objects of a page: under 60 MB even where each has all the annotations that Kubernetes allows."""
MOST_BYTES = 64 << 20
MOST_TRIES = 4
TIMEOUT = (5, 60)
"""Seconds to connect, and between two pieces of an answer."""
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class KubernetesApi:
    """One cluster, as the client's configuration names it."""

    client: Any
    """A `kubernetes.client.ApiClient`; the package's types are not imported where nobody uses it."""
    sleep: Sleep
    page: int = PAGE
    timeout: tuple[float, float] = TIMEOUT

    @classmethod
    def of(cls, kubeconfig: Path | None, context: str | None, sleep: Sleep) -> "KubernetesApi":
        """By a kubeconfig, else by the pod's own account where it runs in a cluster, else by the user's default kubeconfig."""
        try:
            from kubernetes import client, config
        except ImportError:
            raise BadInput("--kube: the Kubernetes client is not installed; install trimtab[kube]") from None
        from urllib3 import Retry

        # Only the class of what the Kubernetes client raises; nothing is read with it.
        from yaml import YAMLError  # type: ignore[import-untyped]  # noqa: TID251

        settings = client.Configuration()
        try:
            if kubeconfig is None and context is None and _is_in_cluster():
                config.load_incluster_config(client_configuration=settings)
            else:
                path = str(kubeconfig) if kubeconfig else None
                config.load_kube_config(path, context=context, client_configuration=settings, persist_config=False)
        except (config.ConfigException, YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise BadInput(f"--kube: no login for the cluster: {_line(error)}; name a --kubeconfig and --context") from None
        # Our own tries are below; a redirect would carry the token elsewhere.
        settings.retries = Retry(total=0, redirect=0)
        return cls(client.ApiClient(settings), sleep)

    def read(self, now: datetime) -> KubeObjects:
        """Everything there is to read; raises Upstream where no kind could be read at all."""
        found: dict[Kind, tuple[Any, ...]] = {}
        not_read: dict[Kind, str] = {}
        for kind in PARSERS:
            try:
                found[kind] = self._whole(kind)
            except (NotRead, Upstream) as error:
                not_read[kind] = str(error)
        if not found:
            raise Upstream(f"Kubernetes API: nothing could be read: {next(iter(not_read.values()))}")
        return gathered(now, found, not_read)

    def _whole(self, kind: Kind) -> tuple[Any, ...]:
        """All pages of one state of the cluster; a list that outlived its state (410) starts again."""
        for _ in range(MOST_TRIES):
            try:
                return self._pages(kind)
            except Gone:
                continue
        raise Upstream(f"the list changed faster than it could be read, {MOST_TRIES} times")

    def _pages(self, kind: Kind) -> tuple[Any, ...]:
        objects: list[Any] = []
        seen: set[str] = set()
        token = ""
        while True:
            more, token = parse_page(kind, self._page(kind, token), len(objects))
            objects += more
            if len(objects) > MOST_OBJECTS:
                raise NotRead(f"over {MOST_OBJECTS} of them")
            if not token:
                return tuple(objects)
            if token in seen:
                raise Upstream("the same page came twice")
            seen.add(token)

    def _page(self, kind: Kind, token: str) -> Any:
        for number in range(MOST_TRIES):
            try:
                return self._ask(LISTS[kind], {"limit": str(self.page)} | ({"continue": token} if token else {}))
            except Wait as wait:
                if number + 1 == MOST_TRIES:
                    raise Upstream(str(wait)) from None
                self.sleep(wait.seconds or 2.0**number)
        raise AssertionError

    def _ask(self, path: str, query: Mapping[str, str]) -> Any:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as TooSlow

        try:
            body = self._body(path, query)
        except ApiException as error:
            raise answer_of(error.status, error.headers, str(error.reason)) from None
        except (HTTPError, OSError) as error:
            cause = getattr(error, "reason", error)
            said = f"{type(cause).__name__}: {_line(error)}"
            # Who was slow once is slow again; a connection that broke may be new the next time.
            raise (Upstream(said) if isinstance(cause, TooSlow) else Wait(said, None)) from None
        if len(body) > MOST_BYTES:
            raise NotRead(f"a page of {self.page} is over {MOST_BYTES >> 20} MiB")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Upstream("the answer is not JSON") from None

    def _body(self, path: str, query: Mapping[str, str]) -> bytes:
        """An answer's bytes, one more than are allowed at most."""
        answer = self.client.call_api(
            path, "GET", query_params=list(query.items()), header_params={"Accept": "application/json"}, auth_settings=["BearerToken"],
            _preload_content=False, _return_http_data_only=True, _request_timeout=self.timeout,
        )  # fmt: skip
        body = bytes(answer.read(MOST_BYTES + 1, decode_content=True))
        # What was not read to its end must not be the beginning of the next answer.
        (answer.close if len(body) > MOST_BYTES else answer.release_conn)()
        return body


def _is_in_cluster() -> bool:
    from kubernetes.config.incluster_config import SERVICE_TOKEN_FILENAME

    return Path(SERVICE_TOKEN_FILENAME).is_file()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


__all__ = ["KubernetesApi"]
