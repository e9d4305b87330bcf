"""The keys of Azure's tokens: `verify` reads and keeps them, `receive` believes what is kept, and both go through the real store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.flow.flow_world import World, make_world
from tests.functions.test_azure_tokens import TENANT, published
from trimtab.adapters.azure.entra import HOST, EntraDirectory
from trimtab.adapters.http import client
from trimtab.receive_settings import AZURE_KEYS
from trimtab.records import Json

pytestmark = pytest.mark.security(32)
Answer = Callable[[httpx.Request], httpx.Response]


def key_set(*kids: str) -> dict[str, object]:
    other = {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "a", "y": "b"}
    return {"keys": [*(published(kid) | {"x5c": ["…"], "issuer": "…"} for kid in kids), published("enc") | {"use": "enc"}, other]}


def world_with(root: Path, answer: Answer) -> World:
    world = make_world(root)
    directory = EntraDirectory(http=client([HOST], transport=httpx.MockTransport(answer)), tenant=TENANT)
    world.ports = replace(world.ports, token_keys=directory)
    return world


def kept(world: World) -> list[str]:
    keys = (world.ports.documents.find(AZURE_KEYS) or {}).get("keys", [])
    assert isinstance(keys, list)
    return [str(key["kid"]) for key in keys if isinstance(key, dict)]


def test_the_hourly_tick_reads_the_keys_and_reads_them_again_after_hours_only(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json=key_set("one") if len(asked) == 1 else key_set("one", "two"))

    world = world_with(tmp_path, answer)

    world.tick_verify()
    world.later(hours=1)
    world.tick_verify()
    first = kept(world)
    world.later(hours=6)
    world.tick_verify()

    # The key that only encrypts, and the curve that no token of ours is signed with, are not among them.
    assert (first, kept(world)) == (["one"], ["one", "two"])
    assert asked == [f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"] * 2


@pytest.mark.parametrize(
    "bad",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"location": "https://evil.test/keys"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text="[" * 100_000),
        httpx.Response(200, json={"keys": []}),
        httpx.Response(200, json={"keys": [{"kty": "RSA"}]}),
        httpx.Response(200, json={"keys": "one"}),
        httpx.Response(200, content=b" " * (300 << 10)),
    ],
    ids=["an error", "a redirect", "a page", "nested", "none", "half a key", "no list", "too large"],
)
def test_an_answer_that_is_no_key_set_leaves_the_keys_that_there_are(tmp_path: Path, bad: httpx.Response) -> None:
    """And says so; it stops neither the tick nor anything else that the tick looks at."""
    answers = [httpx.Response(200, json=key_set("one")), bad]
    world = world_with(tmp_path, lambda _: answers.pop(0))

    world.tick_verify()
    world.later(hours=7)
    outcome = world.tick_verify()

    assert kept(world) == ["one"]
    assert "refused" not in outcome
    assert "sender-keys.unread" in [event for event, _ in world.log.said]


def test_a_document_that_was_spoiled_or_claims_the_future_is_read_anew(tmp_path: Path) -> None:
    world = world_with(tmp_path, lambda _: httpx.Response(200, json=key_set("one")))

    documents: list[Json] = [{"read_at": (world.now + timedelta(days=999)).isoformat(), "keys": []}, {"read_at": 5}, {}]
    for spoiled in documents:
        world.ports.documents.publish(AZURE_KEYS, spoiled)
        world.tick_verify()
        world.later(hours=1)
        assert kept(world) == ["one"]


def test_nothing_is_read_where_no_tokens_are_asked_for(tmp_path: Path) -> None:
    world = make_world(tmp_path)

    world.tick_verify()

    assert world.ports.documents.find(AZURE_KEYS) is None
