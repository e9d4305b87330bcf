"""How often a period is attributed: at once when its bill comes, and every few hours where only usage or rules changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow.test_hand_over import deliver, leave_usage, opened
from trimtab.errors import Upstream
from trimtab.flow.landed import ALLOCATE, bill_landed, land
from trimtab.flow.wake import Wake, serve, tick_key
from trimtab.ports import Documents, Ports
from trimtab.settings import Settings
from trimtab.units import GIB

MIDNIGHT = datetime(2026, 8, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ticked(ports: Ports, at: datetime) -> bool:
    """Whether the tick of that hour looked for what is to be attributed."""
    return "periods looked at" in land(Wake(key=tick_key("ingest", at)), ports, at)


def looks(ports: Ports, hours: int = 24) -> list[int]:
    """Hours of a day at which the clock looked; the look before it was at eleven."""
    ticked(ports, MIDNIGHT - HOUR + timedelta(minutes=25))
    return [hour for hour in range(hours) if ticked(ports, MIDNIGHT + timedelta(hours=hour, minutes=25))]


def test_the_clock_asks_four_times_a_day_before_forecasts_are_made(tmp_path: Path) -> None:
    """Each attribution writes its period anew, and between two bills nobody looks every hour."""
    assert looks(opened(tmp_path)) == [5, 11, 17, 23]


@pytest.mark.parametrize(("hours", "expected"), [(1, list(range(24))), (4, [3, 7, 11, 15, 19, 23]), (24, [23])])
def test_how_often_is_a_setting(tmp_path: Path, hours: int, expected: list[int]) -> None:
    assert looks(opened(tmp_path, attribute_hours=hours)) == expected


@pytest.mark.parametrize("hours", [0, 25, 1.5])
def test_less_than_once_a_day_or_more_than_once_an_hour_is_no_setting(hours: float) -> None:
    with pytest.raises(ValueError, match="attribute_hours"):
        Settings.model_validate({"attribute_hours": hours})


def test_a_tick_that_was_lost_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    ports = opened(tmp_path)
    ticked(ports, MIDNIGHT - HOUR)

    assert [ticked(ports, MIDNIGHT + hour * HOUR) for hour in (4, 7, 8, 11)] == [False, True, False, True]


def test_a_bill_that_arrives_is_attributed_without_the_clock(tmp_path: Path) -> None:
    ports = opened(tmp_path)
    ticked(ports, MIDNIGHT)

    bill_landed(deliver(tmp_path), ports, ports.scratch, MIDNIGHT + HOUR)

    assert len([key for key in ports.inbox.pending("ingest") if key.startswith(ALLOCATE)]) == 1


def test_usage_that_came_between_is_attributed_at_the_next_look(tmp_path: Path) -> None:
    ports = opened(tmp_path)
    bill_landed(deliver(tmp_path), ports, ports.scratch, MIDNIGHT)
    ticked(ports, MIDNIGHT)
    before = set(ports.inbox.pending("ingest"))
    leave_usage(ports, "d-2026-07-15")

    assert (ticked(ports, MIDNIGHT + HOUR), set(ports.inbox.pending("ingest"))) == (False, before)
    assert ticked(ports, MIDNIGHT + 5 * HOUR)
    assert len(set(ports.inbox.pending("ingest")) - before) == 1


def test_the_bill_that_an_attribution_makes_of_private_hours_is_no_news(tmp_path: Path) -> None:
    """Every month with a private cluster would be attributed at every look, for good."""
    ports = opened(tmp_path)
    (tmp_path / "config" / "allocation.yaml").write_text(
        "version: 1\nrates:\n  - {id: dc, cluster: prod, currency: USD, cpu: '0.02', memory: '0.005'}\n"
    )
    bill_landed(deliver(tmp_path), ports, ports.scratch, MIDNIGHT)
    leave_usage(ports, "d-2026-07-15", cluster="prod", node="n-1", seconds=3600, cpu_capacity=4000, memory_capacity=GIB, labels="{}")

    said = [served for look in range(4) for served in _attributed(ports, MIDNIGHT + look * 6 * HOUR)]

    # The first makes the bill, which is news; the second finds it as it would make it.
    assert [text for text in said if "allocated rows" in text] == ["p-2026-07: 8001 allocated rows"] * 2


def _attributed(ports: Ports, at: datetime) -> list[str]:
    """What became of what the clock asks for at that time."""
    ticked(ports, at)
    said: list[str] = []
    while waits := sorted(ports.inbox.pending("ingest")):
        said += [serve(land, Wake(key=key), ports, at) for key in waits]
    return said


class Failing:
    """Documents of a store that does not take the next one."""

    def __init__(self, real: Documents) -> None:
        self.real, self.fails = real, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def publish(self, key: str, value: dict[str, Any]) -> None:
        if self.fails:
            self.fails = False
            raise Upstream("the store does not answer")
        self.real.publish(key, value)


def test_a_tick_that_dies_after_it_asked_asks_for_the_same_again(tmp_path: Path) -> None:
    whole = opened(tmp_path)
    bill_landed(deliver(tmp_path), whole, whole.scratch, MIDNIGHT)
    ports = replace(whole, documents=Failing(whole.documents))
    wake = Wake(key=tick_key("ingest", MIDNIGHT), body=b"{}")
    with pytest.raises(Upstream):
        serve(land, wake, ports, MIDNIGHT)
    asked = ports.inbox.pending("ingest")

    assert "1 periods looked at" in serve(land, wake, ports, MIDNIGHT + HOUR)
    assert ports.inbox.pending("ingest") == asked
    assert not ticked(ports, MIDNIGHT + 2 * HOUR)
