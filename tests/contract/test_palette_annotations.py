"""Annotating a cluster: the whole map is read, changed and written, and whatever else is in it stays."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.palette_description import described
from tests.palette_world import KEY, UID, World
from trimtab.adapters.palette.api import PaletteApi
from trimtab.adapters.palette.client import PaletteClient
from trimtab.adapters.palette.marks import parse_metadata
from trimtab.adapters.palette.pace import Pace
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.records import ClusterUid
from trimtab.settings import Settings

WRITE_KEY = "palette-key-that-writes"
METADATA = f"/v1/spectroclusters/{UID}/metadata"


class Writable:
    """A tenant whose cluster can be written, with one key and no other."""

    def __init__(self, *, annotations: dict[str, Any] | None = None) -> None:
        self.world = World()
        self.metadata = {**self.world.cluster()["metadata"], "annotations": annotations or {"description": "by hand"}}
        self.writes: list[dict[str, Any]] = []
        self.status = 204
        self.meanwhile: dict[str, str] = {}

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            assert request.headers["apiKey"] == WRITE_KEY
            assert request.headers["ProjectUid"] == "project-1"
            if self.status != 204:
                return httpx.Response(self.status, json={"code": "Denied", "message": "no"})
            self.writes.append(json.loads(request.content)["metadata"])
            self.metadata |= self.writes[-1]
            self.metadata["annotations"] = {**self.metadata["annotations"], **self.meanwhile}
            return httpx.Response(204)
        if request.url.path == f"/v1/spectroclusters/{UID}" and request.url.params.get("includeTags") == "true":
            return httpx.Response(200, json={**self.world.cluster(), "metadata": self.metadata})
        return self.world.answer(request)

    def client(self, write_key: str = WRITE_KEY) -> PaletteClient:
        settings = Settings(
            palette_url="https://api.spectrocloud.com/",
            palette_api_key=SecretStr(KEY),
            palette_write_key=SecretStr(write_key) if write_key else None,
        )
        there = PaletteClient.of(settings, httpx.MockTransport(described(self.answer)))
        return replace(there, api=_still(there.api), writer=there.writer and _still(there.writer))


def _still(api: PaletteApi) -> PaletteApi:
    """One that never waits."""
    return replace(api, sleep=lambda _: None, clock=lambda: 0.0, pace=Pace())


def test_an_annotation_is_added_and_everything_else_is_written_back_as_it_was() -> None:
    there = Writable()

    assert there.client().annotate(UID, {"trimtab.proposals": "workers: count 3 to 2"})

    assert there.writes == [
        {
            "name": "prod-web",
            "labels": {"env": "prod", "urgent": "spectro__tag"},
            "annotations": {"description": "by hand", "trimtab.proposals": "workers: count 3 to 2"},
        }
    ]


def test_what_is_there_already_is_not_written() -> None:
    there = Writable(annotations={"trimtab.proposals": "the same"})

    assert not there.client().annotate(UID, {"trimtab.proposals": "the same"})
    assert there.writes == []


def test_none_takes_ours_away_and_leaves_the_others() -> None:
    there = Writable(annotations={"trimtab.proposals": "old", "description": "by hand"})

    assert there.client().annotate(UID, {"trimtab.proposals": None})
    assert there.metadata["annotations"] == {"description": "by hand"}


@pytest.mark.security(28)
def test_without_a_key_of_its_own_nothing_is_written() -> None:
    there = Writable()

    with pytest.raises(Refused, match="set TRIMTAB_PALETTE_WRITE_KEY"):
        there.client(write_key="").annotate(UID, {"trimtab.proposals": "x"})

    assert there.writes == []


def test_a_write_that_somebody_overwrote_at_once_is_no_success() -> None:
    there = Writable()
    there.meanwhile = {"trimtab.proposals": "of somebody else"}

    with pytest.raises(Upstream, match="somebody else wrote at the same time"):
        there.client().annotate(UID, {"trimtab.proposals": "ours"})


@pytest.mark.parametrize(
    ("status", "kind", "hint"), [(403, Upstream, "TRIMTAB_PALETTE_WRITE_KEY may not edit"), (500, Upstream, ""), (422, BadInput, "")]
)
def test_a_refused_write_is_named_with_what_would_mend_it_and_sent_once(status: int, kind: type[Exception], hint: str) -> None:
    there = Writable()
    there.status = status

    with pytest.raises(kind, match=f"metadata: HTTP {status}.*{hint}"):
        there.client().annotate(UID, {"trimtab.proposals": "x"})


def test_a_map_that_could_not_be_written_back_whole_is_left_alone() -> None:
    there = Writable()
    there.metadata["labels"] = {"env": "prod"}
    client = there.client()
    strange = json.dumps({**there.world.cluster(), "metadata": {**there.metadata, "annotations": {"n": 3}}}).encode()
    with pytest.raises(BadInput, match=r'annotations: "n": expected a text; nothing is written back'):
        parse_metadata(strange)
    assert client.annotate(ClusterUid("gone"), {"trimtab.proposals": "x"}) is False
