"""A loopback HTTPS server with a certificate authority of its own, and clients' certificates by the same authority."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """Who signs, and the files of the server and of one client."""

    ca: Path
    server: Path
    client: Path
    """Certificate and key in one file."""
    client_certificate: Path
    client_key: Path


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Seen], tuple[int, bytes]]


@dataclass(slots=True)
class Server:
    """Where it is, and what it was asked."""

    url: str
    seen: list[Seen] = field(default_factory=list)


def authority(folder: Path, *, days: int = 1) -> Authority:
    """A fresh one, whose certificates are good for so many days."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _signed("test authority", root_key, None, root_key, days)
    paths = {name: folder / f"{name}.pem" for name in ("ca", "server", "client", "client_certificate", "client_key")}
    paths["ca"].write_bytes(_pem(root))
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(name, key, root, root_key, days)
        paths[name].write_bytes(_pem(certificate) + _key(key))
        if name == "client":
            paths["client_certificate"].write_bytes(_pem(certificate))
            paths["client_key"].write_bytes(_key(key))
    return Authority(**paths)


@contextmanager
def https(own: Authority, answer: Answer, *, wants_client: bool = False) -> Iterator[Server]:
    """Serve `answer` over TLS; with `wants_client` only to clients of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.server)
    if wants_client:
        context.load_verify_locations(own.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    with served(answer, context) as server:
        yield server


@contextmanager
def served(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve `answer` on a free loopback port."""
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            server.seen.append(seen)
            status, content = answer(seen)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("etag", '"1"')  # without one, an object store's answer is no answer
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 -- the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the parent's name
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that was turned away says so itself."""

        def finish_request(self, request: object, client_address: object) -> None:
            # The handshake belongs to the connection's own thread: a client that hangs in it must not hold up the others.
            wrapped = context.wrap_socket(request, server_side=True) if context else request  # type: ignore[arg-type]
            super().finish_request(wrapped, client_address)  # type: ignore[arg-type]

    listener = Quiet(("127.0.0.1", 0), Handler)
    server.url = f"{'https' if context else 'http'}://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, issuer_key: ec.EllipticCurvePrivateKey, days: int
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    )
    if issuer is None:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
