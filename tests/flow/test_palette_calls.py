"""How often Palette is asked, over HTTP: what is about one cluster or project never reads every other cluster as well."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from tests.bench.scale_estate import palette_state
from tests.bench.scale_palette import server_of
from tests.flow.flow_world import World, make_world, shrink
from tests.judgement import UID
from trimtab.adapters.palette.client import PaletteClient
from trimtab.demo.estate.clusters import HAND_SCALED
from trimtab.flow.audits import follow_audits
from trimtab.flow.collect_all import collect_all
from trimtab.flow.health_alerts import look_into
from trimtab.flow.wake import Wake
from trimtab.records import ClusterUid, Json
from trimtab.settings import Settings
from trimtab.sources.senders import Request

CLUSTERS = 120
PAGES = 3
"""Of the list, fifty clusters each."""
PROJECT = "5eed5eed5eed5eed5eed00ff"
SECRET = "palette-secret-of-the-tests"


@dataclass
class Tenant:
    """A Palette that counts, and a world whose cluster is one of its."""

    world: World
    url: str
    state: list[dict[str, Any]]

    def asked(self) -> Mapping[str, int]:
        with urlopen(f"{self.url}/asked") as answer:
            found: dict[str, int] = json.loads(answer.read())
            return found

    def client(self) -> PaletteClient:
        """One that was never asked, as every wake's is that finds a fresh process."""
        settings = Settings(store="file:///nowhere", palette_url=self.url, palette_api_key=SecretStr("key"), is_demo=True)
        return PaletteClient.of(settings)

    def fresh(self) -> World:
        self.world.ports = replace(self.world.ports, palette=self.client())
        return self.world


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    state = palette_state(CLUSTERS)
    state[0] |= {"uid": UID, "name": "dev-east", "projectUid": PROJECT, "configUid": "c0" * 12}
    state[1] |= {"projectUid": PROJECT, "configUid": "c1" * 12}
    server = server_of(state)
    Thread(target=server.serve_forever, daemon=True).start()
    world = make_world(tmp_path)
    world.propose(shrink())
    settings = world.ports.settings.model_copy(update={"palette_webhook_secret": SecretStr(SECRET)})
    world.ports = replace(world.ports, settings=settings)
    yield Tenant(world, f"http://127.0.0.1:{server.server_port}", state)
    server.shutdown()
    server.server_close()


def test_a_health_alert_reads_its_projects_clusters_and_no_others(tenant: Tenant) -> None:
    body = json.dumps({"v": 1, "source": "palette", "project_uid": PROJECT, "message": "unhealthy"}).encode()
    world = tenant.fresh()

    said = look_into(Wake(key=world.receive(Request("/palette", {"x-trimtab-token": SECRET}, body))), world.ports)

    found = tenant.asked()
    assert said.endswith("c-00001 is Healthy, dev-east is Healthy; 1 proposals are judged again")
    assert sum(found.values()) == PAGES + 2 * questions_of_one(tenant, found)


def questions_of_one(tenant: Tenant, before: Mapping[str, int]) -> int:
    """How often Palette is asked to look into one cluster, its list apart."""
    client = tenant.client()
    client.listed()
    listed = sum(tenant.asked().values())
    client.cluster(UID)
    assert listed == sum(before.values()) + PAGES
    return sum(tenant.asked().values()) - listed


def test_the_list_in_slack_asks_for_names_alone(tenant: Tenant) -> None:
    world = tenant.fresh()
    fields = b"command=%2Ftrimtab&text=status&user_id=U0PLATFORM&channel_id=C0BATCH&trigger_id=1"

    world.serve(world.receive(world.slack(fields)))

    assert tenant.asked() == {"/v1/dashboard": PAGES}
    assert "Shrink dev-east/batch from 6 to 5 nodes" in json.dumps(world.chat.messages[-1].blocks)


def test_the_audit_trail_asks_for_names_and_projects_alone(tenant: Tenant) -> None:
    tenant.state[0]["name"] = "staging-web"

    said = follow_audits(tenant.fresh().ports, HAND_SCALED + timedelta(minutes=5))

    assert (said, tenant.asked()) == ("1 changes in Palette", {"/v1/audits": 1, "/v1/dashboard": PAGES})


@pytest.mark.parametrize("silent", [0, 1])
def test_collect_asks_for_names_and_then_for_those_alone_that_do_not_push(tenant: Tenant, silent: int) -> None:
    world = tenant.fresh()
    young: Json = {"collected": (world.now - timedelta(hours=1)).isoformat()}
    for cluster in tenant.state[silent:]:
        world.ports.documents.publish(f"demand/{ClusterUid(cluster['uid'])}", young)
    for cluster in tenant.state[:silent]:
        world.ports.documents.publish(f"demand/{ClusterUid(cluster['uid'])}", {})

    said = collect_all(Wake(key="inbox/clock/collect/x"), world.ports, world.now, fallback=lambda *_: 0)

    found = tenant.asked()
    assert said == f"0 rows from {silent} clusters; {CLUSTERS - silent} push theirs"
    assert sum(found.values()) == PAGES + silent * questions_of_one(tenant, found)
