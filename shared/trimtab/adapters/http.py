"""The one HTTP client of the package: it goes only where it was allowed to go, and connects to the address that was checked.

A URL in settings, config or a reply is never reason enough to send anything: https to listed hosts, public addresses only, no
redirects, no proxies from the environment. A host listed as private (an in-cluster Prometheus, a loopback demo) may be plain http.
"""

import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import httpx

from trimtab.errors import BadInput, Overloaded, Upstream
from trimtab.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMEOUT = httpx.Timeout(30, connect=5)
STREAMED = "trimtab_streamed"
"""Extension of a request whose answer is read bit by bit, by whoever asked."""
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Iterable[Address]]


def host_of(url: str) -> str:
    """The host of a URL as the client's lists want it. Raises BadInput."""
    host = urlsplit(url).hostname
    if not host:
        raise BadInput(f"{url!a}: not a URL with a host")
    return host


def addresses_of(host: str, port: int) -> list[Address]:
    """Every address a host has now. Raises Upstream."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Upstream(f"{host}: cannot be resolved: {error}") from None
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def client(
    hosts: Collection[str],
    *,
    private: Collection[str] = (),
    transport: httpx.BaseTransport | None = None,
    resolve: Resolve = addresses_of,
    tls: ssl.SSLContext | None = None,
    timeout: httpx.Timeout = TIMEOUT,
) -> httpx.Client:
    """A client that may talk to `hosts`, and to `private` ones at private addresses too; a `transport` replaces the network.

    `tls` says whom to believe, and who we are, where that is not as for everybody.
    """
    guard = Guard(frozenset(hosts) | frozenset(private), frozenset(private), transport, resolve, tls)
    return httpx.Client(transport=guard, timeout=timeout, follow_redirects=False, trust_env=False)


def client_for(
    url: str,
    settings: Settings,
    transport: httpx.BaseTransport | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    timeout: httpx.Timeout = TIMEOUT,
) -> httpx.Client:
    """A client for the one host of a URL in the settings, which also say whether it may have a private address."""
    host = host_of(url)
    may_be_private = host in settings.private_hosts or (settings.is_local and host in LOOPBACK)
    return client([host], private=[host] if may_be_private else [], transport=transport, tls=tls, timeout=timeout)


class Guard(httpx.BaseTransport):
    """Checks every request, then sends it to the checked address with the host's own name in TLS and in the Host header."""

    def __init__(
        self,
        hosts: frozenset[str],
        private: frozenset[str],
        transport: httpx.BaseTransport | None,
        resolve: Resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts, self._private, self._transport, self._resolve, self._tls = hosts, private, transport, resolve, tls
        # One pool per host: two hosts at one address must never share a connection that was opened for the other's certificate.
        self._pools: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, or raise BadInput for a place that is not allowed, Upstream where nobody answers."""
        check_url(request.url, self._hosts, self._private)
        try:
            response = self._sent(request)
            if request.extensions.get(STREAMED):
                return _streamed(response, request.url.host)
            response.read()  # here, so that a connection that breaks half-way is Upstream too
        except httpx.TransportError as error:
            raise _broken(request.url.host, error) from None
        return response

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    def _sent(self, request: httpx.Request) -> httpx.Response:
        if self._transport is not None:
            return self._transport.handle_request(request)
        return self._pool(request.url.host).handle_request(self._pinned(request))

    def _pool(self, host: str) -> httpx.HTTPTransport:
        # Made once: every new one reads all the machine's certificates again.
        if host not in self._pools:
            self._pools[host] = httpx.HTTPTransport(trust_env=False, verify=True if self._tls is None else self._tls)
        return self._pools[host]

    def _pinned(self, request: httpx.Request) -> httpx.Request:
        url = request.url
        found = list(self._resolve(url.host, url.port or (443 if url.scheme == "https" else 80)))
        address = checked(url.host, found, may_be_private=url.host in self._private)
        host = str(address) if isinstance(address, IPv4Address) else f"[{address}]"
        # The Host header was set from the name when the request was built, and stays.
        return httpx.Request(
            request.method,
            url.copy_with(host=host),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )


class _Stream(httpx.SyncByteStream):
    """An answer's bytes as they come; a connection that breaks half-way is Upstream here too."""

    def __init__(self, inner: httpx.SyncByteStream, host: str) -> None:
        self._inner, self._host = inner, host

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._inner
        except httpx.TransportError as error:
            raise _broken(self._host, error) from None

    def close(self) -> None:
        """Give the connection back."""
        self._inner.close()


def _streamed(response: httpx.Response, host: str) -> httpx.Response:
    if not isinstance(response.stream, httpx.SyncByteStream):
        raise Upstream(f"{host}: an answer that cannot be read")
    stream = _Stream(response.stream, host)
    return httpx.Response(response.status_code, headers=response.headers, stream=stream, extensions=response.extensions)


def _broken(host: str, error: httpx.TransportError) -> Upstream:
    """A timeout is a question that may have been too large; anything else is a failure."""
    kind = Overloaded if isinstance(error, httpx.ReadTimeout) else Upstream
    return kind(f"{host}: {type(error).__name__}: {error}")


def check_url(url: httpx.URL, hosts: frozenset[str], private: frozenset[str]) -> None:
    """Raises BadInput for a URL that this client may not call."""
    if url.host not in hosts:
        raise BadInput(f"{url.host}: not a host that this part may call; the deployment's settings list them")
    if url.scheme != "https" and not (url.scheme == "http" and url.host in private):
        raise BadInput(f"{url.scheme}://{url.host}: only https")
    if url.userinfo:
        raise BadInput(f"{url.host}: credentials in a URL end up in logs; put them into a header")


def checked(host: str, found: list[Address], *, may_be_private: bool) -> Address:
    """The address to connect to. One bad address among good ones refuses them all: who mixes them is up to something."""
    if not found:
        raise Upstream(f"{host}: has no address")
    for address in found:
        if not (may_be_private or _plain(address).is_global) or address.is_multicast or address.is_unspecified:
            raise BadInput(f"{host}: resolves to {address}, which is not a public address; list the host as private if that is meant")
    return found[0]


def _plain(address: Address) -> Address:
    """An IPv4 address that came dressed as IPv6."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
