"""Whoever may write the whole store can rebuild it so that it holds together; what was anchored elsewhere tells."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import obstore
import pytest

from tests.contract.conftest import Place
from trimtab.adapters.store.anchors import StoreAnchors
from trimtab.adapters.store.ledger import StoreLedger
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")


def written(ledger: StoreLedger, *, said: str = "r", length: int = 3, streams: tuple[str, ...] = ("a", "b"), claims: int = 2) -> None:
    """A record of some days, each sealed."""
    for day, name in enumerate(DAYS):
        for stream in streams:
            for _ in range(length):
                after = ledger.head(stream)
                ledger.append(stream, after, kind="k", at=AT, actor="propose", reason=said, body={}, state={})
        for claim in range(claims):
            ledger.claim_slot("merges", name, 5, f"holder-{claim}")
        ledger.seal(name, AT + timedelta(days=day))


def anchored(ledger: StoreLedger, anchors: StoreAnchors) -> None:
    """All of its seals, kept outside."""
    for seal, root in ledger.roots().items():
        anchors.keep(seal, root, AT)


def wiped(objects: Objects) -> None:
    """What somebody with all rights in the bucket can do."""
    for folder in ("streams/", "slots/", "seals/"):
        for key in objects.keys(folder):
            obstore.delete(objects.store, objects.folder + key)


@pytest.fixture
def outside(place: Place) -> StoreAnchors:
    """The second place: another folder of the same kind of store stands for another account."""
    return StoreAnchors(place.open().within("elsewhere"))


@pytest.mark.security(16)
def test_an_untouched_record_is_what_its_anchors_say(place: Place, outside: StoreAnchors) -> None:
    ledger = place.state().ledger
    written(ledger)
    anchored(ledger, outside)

    assert outside.compare(ledger.roots()) == []
    assert list(outside.roots()) == [f"seals/{day}" for day in DAYS]


REBUILDS: dict[str, Callable[[StoreLedger], None]] = {
    "every stream with other words": lambda ledger: written(ledger, said="nothing happened"),
    "with its tail cut": lambda ledger: written(ledger, length=2),
    "without one stream": lambda ledger: written(ledger, streams=("a",)),
    "without one claim": lambda ledger: written(ledger, claims=1),
}


@pytest.mark.security(16)
@pytest.mark.parametrize("how", REBUILDS)
def test_a_record_rebuilt_so_that_it_holds_together_is_named_by_its_anchors(near: Place, how: str) -> None:
    ledger, anchors = near.state().ledger, StoreAnchors(near.open().within("elsewhere"))
    written(ledger)
    anchored(ledger, anchors)

    wiped(ledger.objects)
    REBUILDS[how](near.state("rebuilder").ledger)

    assert ledger.verify() == [], "consistent, so that the chain alone tells nobody"
    assert {found.key for found in anchors.compare(ledger.roots())} == {f"seals/{day}" for day in DAYS}


@pytest.mark.security(16)
def test_days_that_were_cut_off_the_end_are_named(near: Place) -> None:
    ledger, anchors = near.state().ledger, StoreAnchors(near.open().within("elsewhere"))
    written(ledger)
    anchored(ledger, anchors)
    obstore.delete(ledger.objects.store, ledger.objects.folder + "seals/2026-03-03")

    (found,) = anchors.compare(ledger.roots())

    assert found.key == "seals/2026-03-03"
    assert "gone" in found.problem


def test_anchoring_twice_is_anchoring_once(outside: StoreAnchors) -> None:
    outside.keep("seals/2026-03-01", "f" * 64, AT)
    outside.keep("seals/2026-03-01", "f" * 64, AT + timedelta(hours=1))

    assert outside.roots() == {"seals/2026-03-01": "f" * 64}


@pytest.mark.security(16)
def test_an_anchor_is_never_replaced(outside: StoreAnchors) -> None:
    outside.keep("seals/2026-03-01", "f" * 64, AT)

    with pytest.raises(Broken, match="seals/2026-03-01: its root is not the one that was anchored"):
        outside.keep("seals/2026-03-01", "e" * 64, AT)

    assert outside.roots() == {"seals/2026-03-01": "f" * 64}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"seal":"seals/2026-03-02","root":"x","at":"2026-03-01T00:00:00Z"}'])
def test_what_is_no_anchor_of_that_seal_is_named(disk: Place, body: bytes) -> None:
    anchors = StoreAnchors(disk.open().within("elsewhere"))
    anchors.objects.keep("anchors/2026-03-01", body)

    with pytest.raises(Broken, match="anchors/2026-03-01"):
        anchors.compare({})
