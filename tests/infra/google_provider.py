"""A provider of Google's resources that calls nobody: Terraform attaches to it, so that it can validate, plan and apply for real.

It speaks Terraform's plugin protocol, version 6, over gRPC. What it takes is `google_schema`'s; what it makes are the values that it was
given, and names of its own in place of what Google would say. A resource's state is Terraform's own; nothing is kept here.
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]

ADDRESS = "registry.terraform.io/hashicorp/google"
NUMBER = "123456789012"
UNKNOWN = type("Unknown", (), {"__repr__": lambda _self: "(known after apply)"})()
"""A value that is known after apply."""


# ── MessagePack, as far as Terraform writes it ───────────────────────────────────────────────────────────────────────
def unpacked(data: bytes) -> Any:
    """A value of MessagePack; extensions are unknown values."""
    return _unpack(data, 0)[0]


def _unpack(data: bytes, at: int) -> tuple[Any, int]:
    head = data[at]
    at += 1
    if head <= 0x7F:
        return head, at
    if head >= 0xE0:
        return head - 256, at
    if 0x80 <= head <= 0x8F:
        return _map(data, at, head & 0x0F)
    if 0x90 <= head <= 0x9F:
        return _list(data, at, head & 0x0F)
    if 0xA0 <= head <= 0xBF:
        return _text(data, at, head & 0x1F)
    if head in {0xC0, 0xC2, 0xC3}:
        return {0xC0: None, 0xC2: False, 0xC3: True}[head], at
    numbers = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    if head in numbers:
        size = struct.calcsize(numbers[head])
        return struct.unpack(numbers[head], data[at : at + size])[0], at + size
    if 0xD4 <= head <= 0xD8:
        return UNKNOWN, at + 1 + (1 << (head - 0xD4))
    sized = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}[head]
    size, at = int.from_bytes(data[at : at + sized], "big"), at + sized
    match head:
        case 0xC7 | 0xC8 | 0xC9:
            return UNKNOWN, at + 1 + size
        case 0xDC | 0xDD:
            return _list(data, at, size)
        case 0xDE | 0xDF:
            return _map(data, at, size)
    return _text(data, at, size)


def _text(data: bytes, at: int, size: int) -> tuple[str, int]:
    return data[at : at + size].decode(), at + size


def _list(data: bytes, at: int, size: int) -> tuple[list[Any], int]:
    found = []
    for _ in range(size):
        value, at = _unpack(data, at)
        found.append(value)
    return found, at


def _map(data: bytes, at: int, size: int) -> tuple[dict[str, Any], int]:
    found = {}
    for _ in range(size):
        key, at = _unpack(data, at)
        found[key], at = _unpack(data, at)
    return found, at


def packed(value: Any) -> bytes:
    """MessagePack of a value."""
    if value is UNKNOWN:
        return b"\xd4\x00\x00"
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        body = value.encode()
        return b"\xdb" + struct.pack(">I", len(body)) + body
    if isinstance(value, list):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(packed(each) for each in value)
    return b"\xdf" + struct.pack(">I", len(value)) + b"".join(packed(key) + packed(each) for key, each in value.items())


# ── Protocol buffers, as far as this protocol needs them ─────────────────────────────────────────────────────────────
def _varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def field(number: int, value: Any) -> bytes:
    """One field: bytes and text by length, whole numbers and truths as such."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    body = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def fields(message: bytes) -> dict[int, Any]:
    """Number → value, bytes where it has a length; of a repeated one the last."""
    at = 0
    found: dict[int, Any] = {}
    while at < len(message):
        key, at = _read(message, at)
        if key & 7 == 2:
            size, at = _read(message, at)
            found[key >> 3], at = message[at : at + size], at + size
        else:
            found[key >> 3], at = _read(message, at)
    return found


def _read(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number, shift, at = number | (byte & 0x7F) << shift, shift + 7, at + 1
        if not byte & 0x80:
            return number, at


def _dynamic(value: Any) -> bytes:
    return field(1, packed(value))


def _value(message: bytes | None) -> Any:
    return unpacked(fields(message or b"").get(1, b"\xc0"))


# ── Schema ───────────────────────────────────────────────────────────────────────────────────────────────────────────
KINDS = {
    "string": '"string"', "number": '"number"', "bool": '"bool"', "any": '"dynamic"',
    "list(string)": '["list","string"]', "list(number)": '["list","number"]', "map(string)": '["map","string"]',
}  # fmt: skip
FILLED = {"id", "self_link"}
"""Arguments that may be given, and else come from Google."""
Known = Mapping[str, Any]


def _block(known: Known) -> bytes:
    out = b""
    for name, each in known.get("attributes", {}).items():
        body = field(1, name) + field(2, KINDS[each["type"]])
        body += field(4, 1) if each.get("required") else b"" if each.get("computed") else field(5, 1)
        out += field(2, body + (field(6, 1) if _is_said(name, each) else b""))
    for name, each in known.get("blocks", {}).items():
        body = field(1, name) + field(2, _block(each)) + field(3, 2)
        body += field(4, 1) if each.get("required") else b""
        out += field(3, body + (b"" if each.get("many") else field(5, 1)))
    return out


def _is_said(name: str, each: Known) -> bool:
    """Whether Google says it where nobody gave it."""
    return bool(each.get("computed")) or (name in FILLED and not each.get("required"))


def _entry(name: str, known: Known) -> bytes:
    return field(1, name) + field(2, field(2, _block(known)))


PROVIDER: Known = {
    "attributes": {name: {"type": "string"} for name in ("project", "region", "billing_project")}
    | {"user_project_override": {"type": "bool"}, "default_labels": {"type": "map(string)"}}
}


class Provider:
    """The service; a method for each call that Terraform makes."""

    def __init__(self, schema: Known) -> None:
        self.schema = schema

    def known(self, _asked: bytes) -> bytes:
        """All that it knows, at once."""
        resources = b"".join(field(2, _entry(name, known)) for name, known in self.schema["resource"].items())
        data = b"".join(field(3, _entry(name, known)) for name, known in self.schema["data"].items())
        return field(1, field(2, _block(PROVIDER))) + resources + data

    def fine(self, _asked: bytes) -> bytes:
        """Anything."""
        return b""

    def upgraded(self, asked: bytes) -> bytes:
        """There is one version."""
        raw = fields(fields(asked)[3])
        return field(1, _dynamic(json.loads(raw[1])))

    def read(self, asked: bytes) -> bytes:
        """What was made is still there."""
        return field(1, fields(asked)[2])

    def looked_up(self, asked: bytes) -> bytes:
        """Data of a project."""
        found = fields(asked)
        name, config = found[1].decode(), _value(found[2])
        known = self.schema["data"][name]
        return field(1, _dynamic(_filled(name, known, config, {"number": NUMBER})))

    def planned(self, asked: bytes) -> bytes:
        """What is wanted, and unknown what Google will say; what was said stays."""
        found = fields(asked)
        name, prior, proposed = found[1].decode(), _value(found.get(2)), _value(found[3])
        if proposed is None:
            return field(1, found[3])
        planned = proposed if prior is not None else _marked(self.schema["resource"][name], proposed)
        return field(1, _dynamic(planned))

    def applied(self, asked: bytes) -> bytes:
        """Make it: what was unknown gets a value."""
        found = fields(asked)
        name, planned = found[1].decode(), _value(found[3])
        if planned is None:
            return field(1, found[3])
        return field(1, _dynamic(_filled(name, self.schema["resource"][name], planned, {})))

    def stopped(self, _asked: bytes) -> bytes:
        """It has nothing to stop."""
        return b""


def _marked(known: Known, value: dict[str, Any]) -> dict[str, Any]:
    """A new resource: its computed values are not known yet."""
    out = dict(value)
    for name, each in known.get("attributes", {}).items():
        if _is_said(name, each) and out.get(name) is None:
            out[name] = UNKNOWN
    for name, each in known.get("blocks", {}).items():
        out[name] = [_marked(each, one) for one in out[name]] if isinstance(out.get(name), list) else out.get(name)
    return out


def _filled(kind: str, known: Known, value: dict[str, Any], said: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    own = above or next(
        (str(value[name]) for name in ("account_id", "name", "bucket_id", "dataset_id", "secret_id", "secret") if value.get(name)), kind
    )
    out = dict(value)
    for name, each in known.get("attributes", {}).items():
        if out.get(name) is UNKNOWN or (out.get(name) is None and _is_said(name, each)):
            out[name] = said.get(name) or _said(kind, name, own, each["type"])
    for name, each in known.get("blocks", {}).items():
        out[name] = [_filled(kind, each, one, said, own) for one in out.get(name) or []]
    return out


def _said(kind: str, name: str, own: str, type_: str) -> Any:
    """Something in place of what Google says, the same each time."""
    if type_ != "string":
        return {"number": 1, "bool": False}.get(type_)
    mark = hashlib.sha256(own.encode()).hexdigest()[:6]
    email = f"{own}@example-project.iam.gserviceaccount.com"
    return {
        "email": email,
        "email_address": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
        "member": f"serviceAccount:{email}",
        "uri": f"https://{own}-{mark}.a.run.app",
        "service_account_id": f"bqcx-{mark}@gcp-sa-bigquery-condel.iam.gserviceaccount.com",
        "version": "1",
        "id": f"{kind}/{own}",
        "name": own,
    }.get(name, f"{name}-{mark}")


def handlers_of(provider: Provider) -> dict[str, Any]:
    """Each call by the protocol's name."""
    calls = {
        "GetProviderSchema": provider.known,
        "ValidateProviderConfig": provider.fine,
        "ValidateResourceConfig": provider.fine,
        "ValidateDataResourceConfig": provider.fine,
        "ConfigureProvider": provider.fine,
        "UpgradeResourceState": provider.upgraded,
        "ReadResource": provider.read,
        "ReadDataSource": provider.looked_up,
        "PlanResourceChange": provider.planned,
        "ApplyResourceChange": provider.applied,
        "StopProvider": provider.stopped,
    }
    return {name: grpc.unary_unary_rpc_method_handler(_answering(call)) for name, call in calls.items()}


def _answering(call: Callable[[bytes], bytes]) -> Callable[[bytes, object], bytes]:
    return lambda asked, _context: call(asked)


@contextmanager
def attached(schema: Known) -> Iterator[dict[str, str]]:
    """Terraform's environment while the provider runs, on a port of its own."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tfplugin6.Provider", handlers_of(Provider(schema))),))
    address = {"Network": "tcp", "String": f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"}
    server.start()
    place = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({ADDRESS: place})}
    finally:
        server.stop(None).wait()
