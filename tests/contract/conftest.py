"""Stores to hold the adapters to: a disk, memory, S3 as moto serves it, and Google Cloud Storage through the shim before it."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.aws_server import aws_server
from tests.contract.gcs_shim import Relay, relaying
from tests.lake_bench import Bench, bench_at
from trimtab.adapters.store.objects import Objects, open_objects
from trimtab.adapters.store.state import State, state_over

BUCKET = "trimtab-test"
CLOUDS = ("s3", "gs")
KINDS = ("disk", "memory", *CLOUDS)
_folders = itertools.count()


@dataclass(frozen=True, slots=True)
class Place:
    """A store of one kind, empty when a test gets it; `open` it as often as there are writers."""

    kind: str
    url: str
    options: Mapping[str, str]
    shared: Objects | None = None

    def open(self) -> Objects:
        """A client of its own, but in memory, where the store is the client."""
        return self.shared or open_objects(self.url, options=self.options)

    def state(self, writer: str = "w") -> State:
        """The tenant's ports, written with nonces that name the writer."""
        objects = self.open().within("default")
        return state_over(objects, objects, nonce=nonces(writer))


def nonces(writer: str) -> Callable[[], str]:
    """Fresh texts that can be told apart by writer."""
    count = itertools.count()
    return lambda: f"{writer}-{next(count)}"


def s3_options(endpoint: str) -> dict[str, str]:
    """What makes an S3 client speak to `endpoint`."""
    return {
        "endpoint": endpoint, "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test", "allow_http": "true",
    }  # fmt: skip


def gs_options(endpoint: str) -> dict[str, str]:
    """What makes a Google Cloud Storage client speak to `endpoint`, unsigned."""
    account = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    return {"service_account_key": json.dumps(account), "allow_http": "true"}


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """An S3 server in this process, with one bucket."""
    with aws_server() as url:
        urlopen(Request(f"{url}/{BUCKET}", data=b"", method="PUT"), timeout=20).close()
        yield url


@pytest.fixture(scope="session")
def gcs_url(moto_url: str) -> Iterator[str]:
    """A Google Cloud Storage endpoint over the same bucket."""
    with relaying(moto_url, is_gcs=True) as relay:
        yield relay.url


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store of every kind; servers start with the first test that needs them."""
    return make_place(request.param, request, tmp_path)


@pytest.fixture(params=("disk", "memory"))
def near(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store without a network, for tests that are about content and not about the store."""
    return make_place(request.param, request, tmp_path)


@pytest.fixture(params=("disk", *CLOUDS))
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store that several clients can open."""
    return make_place(request.param, request, tmp_path)


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    """An empty store on disk."""
    return Place("disk", f"file://{tmp_path}/store", {})


@pytest.fixture(params=CLOUDS)
def lossy(request: pytest.FixtureRequest, moto_url: str) -> Iterator[tuple[Place, Relay]]:
    """A cloud store behind a relay that can lose answers."""
    is_gcs = request.param == "gs"
    with relaying(moto_url, is_gcs=is_gcs) as relay:
        options = gs_options(relay.url) if is_gcs else s3_options(relay.url)
        yield Place(request.param, f"{request.param}://{BUCKET}/lossy{next(_folders)}", options), relay


@pytest.fixture
def bench(lasting: Place, tmp_path: Path) -> Bench:
    """A lake on each kind of store that lasts."""
    return bench_at(lasting, tmp_path)


@pytest.fixture
def local(disk: Place, tmp_path: Path) -> Bench:
    """A lake on disk, for what no other store does differently."""
    return bench_at(disk, tmp_path)


def make_place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty store of that kind."""
    match kind:
        case "disk":
            return Place(kind, f"file://{tmp_path}/store", {})
        case "memory":
            return Place(kind, "memory://", {}, open_objects("memory://"))
        case "s3":
            options = s3_options(request.getfixturevalue("moto_url"))
        case _:
            options = gs_options(request.getfixturevalue("gcs_url"))
    return Place(kind, f"{kind}://{BUCKET}/test{next(_folders)}", options)
