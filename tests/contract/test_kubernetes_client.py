"""The Kubernetes reader against a server that pages, refuses, forgets and dawdles: half a list is no list, forbidden is not "none"."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.kube_world import PATHS, ApiServer, budget, meta, node, pod, serving
from trimtab.adapters.kubernetes.client import KubernetesApi
from trimtab.adapters.kubernetes.protocol import LISTS
from trimtab.errors import BadInput, Upstream
from trimtab.sources.kube_objects import KubeObjects

NOW = datetime(2026, 8, 2, 11, 5, tzinfo=UTC)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    objects = {
        "nodes": [node()], "pods": [pod(f"cart-{number}") for number in range(7)], "budgets": [budget("cart", {}, 1)],
        "namespaces": [{"metadata": meta("shop")}],
    }  # fmt: skip
    with serving(ApiServer(objects)) as server:
        yield server


class Waits(list[float]):
    """Who sleeps here only says how long."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def reader(api: ApiServer, folder: Path, waits: Waits | None = None, *, page: int = 3, timeout: float = 5) -> KubernetesApi:
    found = KubernetesApi.of(api.kubeconfig(folder), None, waits if waits is not None else Waits())
    return KubernetesApi(found.client, found.sleep, page=page, timeout=(timeout, timeout))


def read(api: ApiServer, folder: Path, waits: Waits | None = None, **how: float) -> KubeObjects:
    return reader(api, folder, waits, **how).read(NOW)  # type: ignore[arg-type]


def test_a_cluster_is_read_page_by_page_with_the_login_of_its_kubeconfig(api: ApiServer, tmp_path: Path) -> None:
    found = read(api, tmp_path)

    assert [each.meta.name for each in found.pods] == [f"cart-{number}" for number in range(7)]
    assert api.asked("pods") == [{"limit": "3"}, {"limit": "3", "continue": "3"}, {"limit": "3", "continue": "6"}]
    assert {authorization for _, _, authorization in api.requests} == {"Bearer collector-token"}
    assert (found.not_read, found.read_at, found.autoscalers) == ({}, NOW, ())


def test_it_asks_for_exactly_the_lists_that_its_role_allows(api: ApiServer, tmp_path: Path) -> None:
    """docs/collect.md gives the role; a kind more would be refused in every cluster, a kind less would be a right too many."""
    read(api, tmp_path)

    role = (Path(__file__).parents[2] / "docs" / "collect.md").read_text()
    assert {path for path, _, _ in api.requests} == set(LISTS.values()) == set(PATHS.values())
    assert [path for path in LISTS.values() if path.rsplit("/", 1)[1] not in role] == []


def test_a_list_whose_state_is_gone_is_read_again_from_its_start(api: ApiServer, tmp_path: Path) -> None:
    """The rest of another state would count a pod twice, or not at all."""
    api.gone_once = {"pods"}

    found = read(api, tmp_path)

    assert len(found.pods) == 7
    assert [query.get("continue") for query in api.asked("pods")] == [None, "3", None, "3", "6"]


def test_a_forbidden_kind_is_not_read_and_says_where_the_role_is(api: ApiServer, tmp_path: Path) -> None:
    api.forbidden = {"budgets"}

    found = read(api, tmp_path)

    assert found.budgets == ()
    assert found.not_read == {"budget": "HTTP 403 Forbidden: the account may not list them; docs/collect.md has the role it needs"}
    assert len(found.pods) == 7


def test_a_kind_that_the_cluster_does_not_serve_is_not_read_either(api: ApiServer, tmp_path: Path) -> None:
    api.statuses = {"autoscalers": [404]}

    assert "does not serve" in read(api, tmp_path).not_read["autoscaler"]


def test_a_busy_server_is_asked_again_after_the_time_it_names(api: ApiServer, tmp_path: Path) -> None:
    api.statuses, waits = {"pods": [429, 503]}, Waits()

    found = read(api, tmp_path, waits)

    assert (len(found.pods), waits) == (7, [1.0, 2.0])


def test_a_server_that_stays_busy_leaves_its_kind_unread(api: ApiServer, tmp_path: Path) -> None:
    api.statuses = {"pods": [503] * 20}

    found = read(api, tmp_path)

    assert (found.pods, found.not_read["pod"]) == ((), "HTTP 503 Service Unavailable")


def test_a_list_that_dawdles_is_given_up_and_the_others_are_read(api: ApiServer, tmp_path: Path) -> None:
    api.slow = {"pods": 1.0}

    found = read(api, tmp_path, timeout=0.3)

    assert found.not_read["pod"].startswith("ReadTimeoutError")
    assert len(found.nodes) == 1


def test_a_list_that_fails_half_way_gives_none_of_its_pods(api: ApiServer, tmp_path: Path) -> None:
    """Three pods of seven would say that nobody else is covered by a budget."""
    api.objects["pods"][5] = {"metadata": {"name": "half-written"}}

    found = read(api, tmp_path)

    assert found.pods == ()
    assert found.not_read["pod"] == "Kubernetes: pod[5].metadata: expected a name and a creationTimestamp"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"items": 3}', b"[" * 100_000, b""], ids=["html", "list", "number", "deep", "empty"])
def test_an_answer_that_is_no_list_is_no_empty_list(api: ApiServer, tmp_path: Path, body: bytes) -> None:
    api.raw = {"budgets": body}

    assert "budget" in read(api, tmp_path).not_read


def test_a_server_that_never_ends_its_list_is_stopped(api: ApiServer, tmp_path: Path) -> None:
    api.raw = {"jobs": b'{"metadata": {"continue": "again"}, "items": []}'}

    assert read(api, tmp_path).not_read["job"] == "the same page came twice"


def test_huge_annotations_are_read_and_not_kept(api: ApiServer, tmp_path: Path) -> None:
    """`kubectl apply` writes the whole manifest into one."""
    words = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 262_144, "example.com/notes": "y" * 100_000, "owner": "web"}
    api.objects["pods"] = [pod("cart-0", annotations=words)]

    (found,) = read(api, tmp_path).pods

    assert found.meta.annotations == {"owner": "web"}


def test_where_nothing_at_all_can_be_read_the_run_fails(api: ApiServer, tmp_path: Path) -> None:
    api.forbidden = set(PATHS)

    with pytest.raises(Upstream, match="nothing could be read: HTTP 403 Forbidden"):
        read(api, tmp_path)


def test_a_redirect_is_not_followed_with_the_token(api: ApiServer, tmp_path: Path) -> None:
    with serving(ApiServer({"pods": [pod("elsewhere")]})) as evil:
        api.redirect = f"{evil.url}/api/v1/pods"

        with pytest.raises(Upstream):
            read(api, tmp_path)

        assert evil.requests == []


def test_a_server_that_is_not_there_is_upstream(tmp_path: Path) -> None:
    with pytest.raises(Upstream, match="nothing could be read"):
        read(ApiServer(url="http://127.0.0.1:9"), tmp_path, timeout=0.5)


@pytest.mark.parametrize(
    ("text", "context"), [(None, None), ("", None), ("[1, 2]", None), (":\n:", None), ("{}", "prod")],
    ids=["absent", "empty", "list", "no-yaml", "no-such-context"],
)  # fmt: skip
def test_a_kubeconfig_that_is_none_is_bad_input_in_one_line(tmp_path: Path, text: str | None, context: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)

    with pytest.raises(BadInput, match="--kubeconfig") as caught:
        KubernetesApi.of(path, context, Waits())

    assert "\n" not in str(caught.value)


def test_nobody_who_does_not_ask_for_it_pays_for_the_client() -> None:
    """Its import takes over a second, and no function's bundle has it."""
    check = "import sys, trimtab.cli.main, trimtab.wiring; print([name for name in sys.modules if name.split('.')[0] == 'kubernetes'])"

    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"
