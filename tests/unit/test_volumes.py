"""Volumes: they cannot shrink, and what is not known about one is not said."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.workload_cases import CLUSTER, START
from trimtab.analysis.loads import Window
from trimtab.analysis.storage_prices import SOURCE, StoragePrice, keeping_gp2, listed
from trimtab.analysis.volumes import Answer, VolumeUse, analyze_volumes
from trimtab.records import EvidenceFloor, Finding, Refusal
from trimtab.units import GIB, Money

PRICES = listed("aws", "us-east-1")


def volume(*, days: int = 30, used: Any = 80.0, size: Any = 100.0, **facts: Any) -> VolumeUse:
    hours = 24 * days
    given: dict[str, Any] = {
        "provider_id": "vol-1", "namespace": "shop", "workload": "db", "storage_class": "gp3", "mounted_hours": hours,
        "times": int(START.timestamp()) + 3600 * np.arange(hours, dtype=np.int64),
        "size": np.full(hours, size) * GIB, "used": np.broadcast_to(used, (hours,)) * GIB,
    }  # fmt: skip
    return VolumeUse(**(given | facts))


def ask(*volumes: VolumeUse, prices: Mapping[str, StoragePrice] | None = None, days: int = 30) -> tuple[Answer, ...]:
    window = Window(now=START.replace(tzinfo=UTC) + timedelta(days=days, hours=3), floor=EvidenceFloor(), is_nonproduction=True)
    return analyze_volumes(volumes, cluster=CLUSTER, window=window, prices=PRICES if prices is None else prices, price_source=SOURCE)


def only(answers: tuple[Answer, ...]) -> Refusal:
    (answer,) = answers
    assert isinstance(answer, Refusal), answer
    return answer


def test_a_cheaper_class_is_a_question_to_its_owner_with_its_list_price() -> None:
    """100 GiB at 0.10 instead of 0.08: two dollars a month."""
    (answer,) = ask(volume(storage_class="gp2"))

    assert isinstance(answer, Finding)
    assert (answer.saving_list, answer.saving_effective) == (Money(Decimal("2.00"), "USD"), None)
    assert [(change.old, change.new) for change in answer.changes] == [("gp2", "gp3")]
    assert (answer.subject.kind, answer.subject.pool, answer.subject.field) == ("volume", "vol-1", "storage_class")
    assert "cannot be edited in Kubernetes" in answer.needs_person
    assert "125 MiB/s at any size" in answer.evidence.lines[1]


@pytest.mark.parametrize(("size", "saved"), [(100, "2.00"), (200, None), (300, "1.00"), (500, "5.00"), (2000, "20.00")])
def test_a_cheaper_class_is_priced_with_the_speed_of_the_old_one(size: int, saved: str | None) -> None:
    """500 GiB: 50.00 of gp2, 40.00 of gp3 and 5.00 for the throughput that gp2 of that size may reach."""
    answers = [answer for answer in ask(volume(storage_class="gp2", size=size, used=0.8 * size)) if isinstance(answer, Finding)]

    assert [answer.saving_list for answer in answers] == ([] if saved is None else [Money(Decimal(saved), "USD")])
    assert keeping_gp2(Decimal(100)) == 0


def test_no_price_is_guessed_for_another_region() -> None:
    assert listed("aws", "eu-west-1") == {}
    assert listed("gcp", "us-east-1") == {}


def test_a_volume_that_is_far_from_full_cannot_shrink() -> None:
    answer = only(ask(volume(used=20.0)))

    assert (answer.rule, answer.kind) == ("volume-cannot-shrink", "volume")
    assert "vol-1 (100 GiB, gp3) of shop/db" in answer.reason
    assert "copy of the data" in answer.needs


def test_one_full_hour_makes_a_volume_no_waste() -> None:
    used = np.full(720, 20.0 * GIB)
    used[100] = 60.0 * GIB

    assert ask(volume(used=used / GIB)) == ()


def test_a_nearly_full_volume_is_said() -> None:
    assert only(ask(volume(used=90.0))).rule == "volume-nearly-full"


def test_nobody_mounts_it_only_where_others_are_measured() -> None:
    """Without any volume's use, what is missing is the metric and not the pod."""
    lonely = volume(provider_id="vol-2", used=np.nan, workload="", mounted_hours=0)

    assert ask(lonely) == ()
    assert only(ask(lonely, volume())).rule == "volume-unmounted"


def test_a_volume_that_several_pods_mount_is_not_lonely() -> None:
    """Shared ones have no one workload, but they are measured."""
    assert ask(volume(workload="", mounted_hours=0), volume()) == ()


def test_a_class_without_a_price_is_named() -> None:
    answer = only(ask(volume(storage_class="premium-rwo"), prices={}))

    assert answer.rule == "storage-price-missing"
    assert "a missing price is not zero" in answer.reason


def test_a_price_of_zero_is_no_cheaper_class() -> None:
    free = StoragePrice(monthly=Money(Decimal("0.1"), "USD"), cheaper="gp3", cheaper_monthly=Money(Decimal(0), "USD"))

    assert ask(volume(storage_class="gp2"), prices={"gp2": free}) == ()


def test_young_volumes_wait() -> None:
    answer = only(ask(volume(days=5, storage_class="gp2"), days=5))

    assert (answer.rule, answer.eligible_from) == ("too-little-history", datetime(2026, 7, 15, tzinfo=UTC).date())


def test_a_size_that_was_not_read_is_no_small_volume_to_talk_about() -> None:
    assert ask(volume(size=np.nan, storage_class="gp2")) == ()


def test_small_volumes_are_left_alone() -> None:
    assert ask(volume(size=10.0, used=1.0, storage_class="gp2")) == ()


def test_a_volume_that_is_gone_saves_nothing() -> None:
    """It was measured for long enough, and deleted ten days ago: its class costs nothing any more."""
    gone, there = volume(storage_class="gp2", days=30), volume(storage_class="gp2", days=40, provider_id="vol-2")

    answers = ask(gone, there, days=40)

    assert [answer.subject.pool for answer in answers if isinstance(answer, Finding)] == ["vol-2"]
    assert ask(gone, days=40) == ()
