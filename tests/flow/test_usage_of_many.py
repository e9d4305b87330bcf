"""A usage table of many clusters: whoever asks about one reads that one's files, and nobody else's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.usage_lake import START, UsageBench, nodes, pods, usage_bench
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.adapters.store.lake import DeltaLake
from trimtab.records import ClusterUid

DAYS = 2
END = START + timedelta(days=DAYS)


@dataclass(frozen=True)
class Asked(DeltaLake):
    """A lake that remembers whose files were asked for, and let go."""

    whose: list[str] = field(default_factory=list)
    let_go: list[str] = field(default_factory=list)

    def files(self, table: str, partition: Mapping[str, str] | None = None) -> list[str]:
        self.whose.append((partition or {})["cluster_slug"])
        return DeltaLake.files(self, table, partition)

    def release(self, table: str, partition: Mapping[str, str]) -> None:
        self.let_go.append(partition["cluster_slug"])
        DeltaLake.release(self, table, partition)


@pytest.fixture
def bench(tmp_path: Path) -> UsageBench:
    """Four clusters, a folder each that is not called as they are."""
    made = usage_bench(tmp_path)
    for n in range(4):
        made.load(nodes(DAYS, uid=f"uid-{n}"), pods(DAYS, "cart", uid=f"uid-{n}"), days=DAYS, slug=f"folder-{n}")
    return made


def asked(bench: UsageBench) -> tuple[Asked, LakeUsage]:
    lake = Asked(bench.lake.url, bench.lake.scratch)
    return lake, LakeUsage(lake=lake, engine=bench.engine)


def test_whose_a_folder_is_stands_in_the_log(bench: UsageBench) -> None:
    """Else each of a thousand clusters would read a file of every other one to find its own."""
    lake, usage = asked(bench)

    demand = usage.demand(ClusterUid("uid-2"), "web", START, END)

    assert demand is not None
    assert set(lake.whose) == {"folder-2"}


def test_a_folder_that_the_log_says_nothing_of_is_read(bench: UsageBench) -> None:
    """A table that somebody else wrote may have no statistics."""
    lake, _ = asked(bench)
    silent = LakeUsage(lake=_Silent(lake.url, lake.scratch, whose=lake.whose), engine=bench.engine)

    assert silent.demand(ClusterUid("uid-2"), "web", START, END) is not None
    assert set(lake.whose) == {f"folder-{n}" for n in range(4)}


@dataclass(frozen=True)
class _Silent(Asked):
    def owner(self, table: str, partition: Mapping[str, str]) -> str | None:  # noqa: ARG002
        return None


def test_what_one_cluster_needed_is_let_go_when_the_next_one_is_asked_about(bench: UsageBench) -> None:
    """A function's disk holds some clusters, and not a thousand."""
    lake, usage = asked(bench)

    for uid in ("uid-0", "uid-0", "uid-1", "uid-3"):
        usage.demand(ClusterUid(uid), "web", START, END)

    assert lake.let_go == ["folder-0", "folder-1"]


def test_all_clusters_of_a_run_are_asked_about_in_one_reading_of_the_log(bench: UsageBench) -> None:
    _, usage = asked(bench)
    version = bench.lake.version("usage")
    assert version is not None

    assert usage.at(version) is usage.at(version)
    assert usage.at(version) is not usage.at(version - 1)


def test_a_pinned_version_is_found_in_a_log_that_has_gone_on(bench: UsageBench) -> None:
    """A run reads what it froze, and drops come in all the time: a newer checkpoint must not hide an older version."""
    version = bench.lake.version("usage")
    assert version is not None
    before = bench.lake.files("usage")
    bench.load(nodes(45, uid="uid-9"), days=45, slug="folder-9")

    pinned = replace(bench.lake, _known={}).at("usage", version)

    assert sorted(pinned.files("usage")) == sorted(before)
    assert len(replace(bench.lake, _known={}).files("usage")) == len(before) + 45
