"""`requests` under the rules of `http`, for the forges' libraries, which speak nothing else.

https to listed hosts, public addresses only, the connection goes to the address that was checked; no redirects, no proxies and no
passwords from the environment. A host listed as private may be plain http.
"""

import ssl
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address
from typing import Any

import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from trimtab.adapters.http import LOOPBACK, Resolve, addresses_of, check_url, checked, host_of
from trimtab.errors import BadInput, Overloaded, TrimtabError, Upstream
from trimtab.settings import Settings

TIMEOUT = (5.0, 25.0)
"""Seconds to connect, and to wait for the next byte, where the caller says nothing."""
_REDIRECTS = (301, 302, 303, 307, 308)


def session(
    hosts: Collection[str],
    *,
    private: Collection[str] = (),
    retries: Retry | None = None,
    resolve: Resolve = addresses_of,
    tls: ssl.SSLContext | None = None,
) -> requests.Session:
    """A session that may talk to `hosts`, and to `private` ones at private addresses too.

    `retries` None = everything is sent once. `tls` says whom to believe where that is not as for everybody.
    """
    guard = Guard(frozenset(hosts) | frozenset(private), frozenset(private), retries, resolve, tls)
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", guard)
    made.mount("http://", guard)
    return made


def session_for(url: str, settings: Settings, *, retries: Retry | None = None) -> requests.Session:
    """A session for the one host of a URL in the settings, which also say whether it may have a private address."""
    host = host_of(url)
    may_be_private = host in settings.private_hosts or (settings.is_local and host in LOOPBACK)
    return session([host], private=[host] if may_be_private else [], retries=retries)


class Guard(HTTPAdapter):
    """Checks every request, then sends it to the checked address with the host's own name in TLS and in the Host header."""

    def __init__(
        self, hosts: frozenset[str], private: frozenset[str], retries: Retry | None, resolve: Resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._hosts, self._private, self._resolve, self._tls = hosts, private, resolve, tls
        super().__init__(max_retries=retries if retries is not None else Retry(0, read=False, redirect=0))

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send, or raise BadInput for a place that is not allowed, Overloaded where it takes too long, Upstream where nobody answers."""
        del verify, cert, proxies  # certificates are always checked, and nothing stands between us and the host
        url = httpx.URL(request.url or "")
        check_url(url, self._hosts, self._private)
        request.headers["Host"] = url.netloc.decode()
        try:
            response = super().send(request, stream=stream, timeout=timeout or TIMEOUT, verify=True)
            if not stream:
                _ = response.content  # here, so that a connection that breaks half-way is Upstream too
        except requests.ReadTimeout:
            raise Overloaded(f"{url.host}: no answer in time") from None
        except requests.RequestException as error:
            raise Upstream(f"{url.host}: {_cause(error)}") from None
        if response.status_code in _REDIRECTS:
            raise BadInput(f"{url.host}: answers {response.status_code} and names another place, which is not followed; settings name it")
        return response

    def build_connection_pool_key_attributes(self, request: requests.PreparedRequest, verify: bool | str | None, cert: Any = None) -> Any:
        """The pool of connections to the checked address; one per name, so that no certificate stands for another host."""
        parts: Any = super().build_connection_pool_key_attributes(request, verify if verify is not None else True, cert)
        place, keywords = parts
        name = place["host"]
        address = checked(name, list(self._resolve(name, place["port"] or _PORTS[place["scheme"]])), may_be_private=name in self._private)
        place["host"] = str(address) if isinstance(address, IPv4Address) else f"[{address}]"
        if place["scheme"] == "https":
            keywords |= {"server_hostname": name, "assert_hostname": name}
            if self._tls is not None:
                keywords["ssl_context"] = self._tls
        return place, keywords

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """As always, but not where `tls` says itself whom to believe."""
        if self._tls is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


_PORTS = {"https": 443, "http": 80}


def _cause(error: requests.RequestException) -> str:
    """What broke, without the URL: it may carry what people typed."""
    inner = error.args[0] if error.args else error
    reason = getattr(inner, "reason", None)
    if isinstance(reason, TrimtabError):
        return str(reason)
    return type(reason or (inner if isinstance(inner, Exception) else error)).__name__
