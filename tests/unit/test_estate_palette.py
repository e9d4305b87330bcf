"""The estate's Palette answers in the published shapes, and moves only by what the default branch says."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.palette_description import described
from trimtab.adapters.palette.api import PaletteApi
from trimtab.adapters.palette.client import PaletteClient
from trimtab.demo.estate.clusters import CLUSTERS, HAND_SCALED
from trimtab.demo.estate.gitops import gitops_files
from trimtab.demo.estate.model import AS_OF
from trimtab.demo.estate.palette import apply_main, palette_transport, write_world
from trimtab.errors import BadInput

DEV = next(cluster.cluster for cluster in CLUSTERS if cluster.cluster.name == "dev-sandbox")
SEARCH = "/v1/dashboard/spectroclusters/search"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    write_world(tmp_path)
    return tmp_path


def _client(world: Path, key: str = "some-key") -> httpx.Client:
    transport = httpx.MockTransport(described(palette_transport(world).handle_request))
    return httpx.Client(transport=transport, base_url="https://palette.test", headers={"apiKey": key})


def _size(world: Path, cluster: str, pool: str) -> int:
    uid = next(each.cluster.uid for each in CLUSTERS if each.cluster.name == cluster)
    client = _client(world)
    live = client.get(f"/v1/spectroclusters/{uid}").json()
    config = client.get(f"/v1/cloudconfigs/{live['spec']['cloudType']}/{live['spec']['cloudConfigRef']['uid']}").json()
    return int(next(each["size"] for each in config["spec"]["machinePoolConfig"] if each["name"] == pool))


def test_without_a_key_the_answer_is_401(world: Path) -> None:
    answer = httpx.Client(transport=palette_transport(world), base_url="https://palette.test").post(SEARCH, json={})

    assert answer.status_code == 401
    assert set(answer.json()) == {"code", "message", "details", "ref"}


def test_a_wrong_key_is_401_where_one_is_set(world: Path) -> None:
    client = httpx.Client(transport=palette_transport(world, api_key="right"), base_url="https://palette.test")

    assert client.post(SEARCH, json={}, headers={"apiKey": "wrong"}).status_code == 401
    assert client.post(SEARCH, json={}, headers={"apiKey": "right"}).status_code == 200


def test_a_search_is_paged_until_its_token_is_empty(world: Path) -> None:
    client, names, token = _client(world), [], ""

    for _ in range(9):
        page = client.post(SEARCH, params={"limit": 4} | ({"continue": token} if token else {}), json={}).json()
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["listmeta"]["continue"]
        if not token:
            break

    assert names == sorted(cluster.cluster.name for cluster in CLUSTERS)


def test_a_project_header_narrows_the_search(world: Path) -> None:
    items = _client(world).post(SEARCH, json={}, headers={"ProjectUid": DEV.project_uid}).json()["items"]

    assert [item["specSummary"]["projectMeta"]["name"] for item in items] == ["development"]


def test_bounds_are_given_only_for_the_autoscaled_pool(world: Path) -> None:
    client, bounded = _client(world), []

    for cluster in CLUSTERS:
        live = client.get(f"/v1/spectroclusters/{cluster.cluster.uid}").json()
        config = client.get(f"/v1/cloudconfigs/{cluster.cloud_type}/{live['spec']['cloudConfigRef']['uid']}").json()
        bounded += [(pool["name"], pool["minSize"], pool["maxSize"]) for pool in config["spec"]["machinePoolConfig"] if "minSize" in pool]

    assert bounded == [("platform", 6, 10)]


@pytest.mark.parametrize("path", ["/v1/spectroclusters/ffffffffffffffffffffffff", "/v1/cloudconfigs/eks/ffff", "/v1/workspaces/ffff"])
def test_what_is_not_there_is_404(world: Path, path: str) -> None:
    answer = _client(world).get(path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "ResourceNotFound"


def test_our_own_client_reads_the_clusters_as_they_are_described(world: Path) -> None:
    """The estate's description, its Palette and the adapter must be one world, or drift would be found everywhere."""
    with _client(world) as client:
        found = PaletteClient(PaletteApi("https://palette.test", "some-key", client)).clusters()

    assert found == tuple(sorted((cluster.cluster for cluster in CLUSTERS), key=lambda cluster: cluster.name))


def test_every_call_that_our_client_makes_is_answered_as_palette_describes_it(world: Path) -> None:
    """A stand-in with shapes of its own would teach us an API that nobody has."""
    with _client(world) as client:
        palette = PaletteClient(PaletteApi("https://palette.test", "some-key", client))
        cluster = palette.clusters()[0]
        end = AS_OF.replace(hour=6)

        quotas = [quota for each in CLUSTERS for quota in palette.quotas(each.cluster.uid)]
        estimates = [palette.estimate(each.cluster.uid, each.cluster.pools) for each in CLUSTERS]
        measured = palette.measured(cluster.uid, end - timedelta(hours=2), end)

        assert [(quota.kind, quota.name, bool(quota.problem)) for quota in quotas] == [
            ("namespace", "media", False),
            ("workspace", "machine-learning", False),
            ("workspace", "machine-learning", False),
            ("namespace", "notebooks", False),
        ]
        assert all(estimate is not None and estimate.compute.amount > 0 for estimate in estimates)
        assert {use.hour for use in measured} == {end - timedelta(hours=2), end - timedelta(hours=1)}
        assert [entry.resource for entry in palette.audits(HAND_SCALED, AS_OF)] == ["staging-web"]
        assert palette.teams() == tuple((name, (f"{name}-owner@example.com",)) for name in ("data", "media", "ml", "platform", "web"))
        assert palette.left_alone() == ()
        assert palette.private_rates("USD") == ()
        assert len(palette.shelf("aws", "us-east-1")) > 100
        assert palette.compute_price("aws", "us-east-1", "m5.xlarge") is not None


def test_no_repave_is_pending_anywhere(world: Path) -> None:
    assert _client(world).get(f"/v1/spectroclusters/{DEV.uid}/repave/status").json()["status"] == {}


def test_a_merge_moves_the_live_pool_to_its_file(world: Path) -> None:
    path = "clusters/development/dev-sandbox.yaml"
    files = gitops_files() | {path: gitops_files()[path].replace(b"count: 8 ", b"count: 6 ")}

    moved = apply_main(world, files)

    assert moved == ("dev-sandbox/general: size 8 → 6",)
    assert _size(world, "dev-sandbox", "general") == 6


def test_applying_twice_moves_nothing_more(world: Path) -> None:
    path = "clusters/development/dev-sandbox.yaml"
    files = gitops_files() | {path: gitops_files()[path].replace(b"count: 8 ", b"count: 6 ")}
    apply_main(world, files)
    before = (world / "palette.json").read_bytes()

    assert apply_main(world, files) == ()
    assert (world / "palette.json").read_bytes() == before


def test_the_drifted_pool_stays_drifted(world: Path) -> None:
    """Its file says four; an apply that healed it would take the demo's drift case away."""
    assert apply_main(world, gitops_files()) == ()
    assert _size(world, "staging-web", "web") == 6


def test_an_unknown_pool_in_a_file_is_named(world: Path) -> None:
    with pytest.raises(BadInput, match="no pool 'new'"):
        apply_main(
            world,
            {"clusters/x.yaml": b"name: dev-sandbox\nnode_groups: [{name: new, count: 1, instance_type: m6i.large}]\n"},
        )
