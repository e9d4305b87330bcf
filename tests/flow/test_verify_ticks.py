"""After the merge, and for what was lost: applied, healthy, saved; expired; swept; sealed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast

import pytest

from tests.flow.flow_world import FREEZE, ONE, REPO, World, make_world, shrink
from tests.judgement import NOW, OWNERS, cluster, pool
from trimtab.attribution.summary import PoolDay, Summary
from trimtab.errors import Upstream
from trimtab.flow.applied import live_values
from trimtab.lifecycle import State
from trimtab.policy.calendar import after_working_days
from trimtab.ports import Palette
from trimtab.records import AuditEntry, Cluster, ClusterUid, FieldChange


def merged(root: Path) -> World:
    world = make_world(root, ONE)
    world.propose(shrink())
    world.click("approve")
    assert world.life().state is State.MERGED
    return world


def bill(world: World, days: int, hours: int = 120, *, newest: int = 120, since: int = 1) -> None:
    """The bill has these days of the pool after the change, at 0.384 USD an hour; `newest` hours on the last of them."""
    document = world.ports.documents.find("summaries/all/p-2026-10")
    assert document is not None
    first = NOW.date() + timedelta(days=since)
    ran = [Decimal(hours)] * (days - 1) + [Decimal(newest)]
    costs = tuple(
        PoolDay(
            cluster="dev-east", pool="batch", day=f"{first + timedelta(days=day)}", currency="USD", node_hours=ran[day],
            effective=Decimal("0.384") * ran[day], list=Decimal("0.384") * ran[day],
        )
        for day in range(days)
    )  # fmt: skip
    summary = replace(Summary.from_json(document), period="p-2026-11", pool_costs=costs)
    world.ports.documents.publish("summaries/all/p-2026-11", summary.to_json())


def billed(root: Path, newest: int = 120) -> World:
    """Nine days after the change was seen, with eight of them on the bill."""
    world = merged(root)
    world.apply()
    world.later(days=9)
    world.measure()
    bill(world, days=8, newest=newest)
    return world


# ── applied, healthy, saved ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_merge_is_applied_when_the_live_pool_shows_it(tmp_path: Path) -> None:
    world = merged(tmp_path)

    world.later(hours=1)
    world.tick_verify()
    before = world.life().state
    world.apply()
    world.later(hours=1)
    world.tick_verify()

    assert (before, world.life().state) == (State.MERGED, State.APPLIED)


def test_what_the_measured_hour_says_of_health_counts_only_from_after_the_merge(tmp_path: Path) -> None:
    """The newest hour's time carries its zone; without one it cannot be compared, and a tick would die on it."""
    world = merged(tmp_path)
    world.apply()
    world.later(hours=2)

    world.tick_verify()
    unknown = world.life().outcome
    world.later(hours=1)
    world.measure()
    world.tick_verify()
    known = world.life().outcome

    assert unknown is not None
    assert unknown.is_healthy is None
    assert known is not None
    assert known.is_healthy is True


def test_a_saving_is_verified_against_the_bill(tmp_path: Path) -> None:
    world = billed(tmp_path)

    world.tick_verify()

    outcome = world.life().outcome
    assert world.life().state is State.VERIFIED
    assert outcome is not None
    assert outcome.measured is not None
    assert outcome.measured.amount == Decimal("280.32")


def test_the_day_that_a_bill_is_still_being_filled_with_is_no_saving(tmp_path: Path) -> None:
    world = billed(tmp_path, newest=30)

    world.tick_verify()

    outcome = world.life().outcome
    assert outcome is not None
    assert outcome.measured is not None
    assert (outcome.measured.amount, outcome.days) == (Decimal("280.32"), 7)


def test_days_long_before_the_change_are_nothing_to_compare_with(tmp_path: Path) -> None:
    """Where months of bills are missing, the newest day before the change says nothing of the size before it."""
    world = billed(tmp_path)
    document = world.ports.documents.find("summaries/all/p-2026-11")
    bill(world, days=14, hours=960, since=-60)
    old = world.ports.documents.find("summaries/all/p-2026-11")
    assert document is not None
    assert old is not None
    world.ports.documents.publish("summaries/all/p-2026-08", old)
    world.ports.documents.publish("summaries/all/p-2026-11", document)

    world.tick_verify()

    outcome = world.life().outcome
    assert outcome is not None
    assert outcome.measured is not None
    assert outcome.measured.amount == Decimal("280.32")


def test_pods_that_wait_in_two_measured_hours_are_a_regression_that_is_told_once(tmp_path: Path) -> None:
    """One bad look may be noise, and the same hour read twice is one look."""
    world = merged(tmp_path)
    world.apply()
    world.later(hours=2)
    world.measure(pending=3)

    world.tick_verify()
    world.later(hours=1)
    world.tick_verify()
    once = world.kinds().count("regressed")
    world.measure(pending=3)
    world.tick_verify()
    world.later(hours=1)
    world.tick_verify()

    (forward, *_) = [life for life in world.lives() if life.planned().undoes is None]
    kinds = [entry.kind for entry in world.ports.ledger.entries(forward.planned().stream)]
    assert (once, kinds.count("regressed")) == (0, 1)


@pytest.mark.parametrize("hours", [0, 1])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["chat.update", "chat.post"])
def test_whoever_dies_before_a_verified_saving_is_told_leaves_it_to_the_next_tick(
    tmp_path: Path, call: str, when: Literal["before", "after"], hours: int
) -> None:
    """Or to the same one, delivered again. The record knows it by then, and nothing else would ever look at that change again."""
    world = billed(tmp_path)
    world.dying(call, world.tick_verify, when)
    state = world.life().state
    world.later(hours=hours)

    world.tick_verify()

    said = [message.text for message in world.chat.messages if message.thread is not None and message.text.startswith("Verified")]
    assert (state, len(said), world.life().news) == (State.VERIFIED, 1, ())
    assert world.life().card is not None


def test_a_saving_that_the_bill_cannot_tell_does_not_hold_a_healthy_pool_for_ever(tmp_path: Path) -> None:
    """Spot never shows in list cost; the subject would never be looked at again."""
    world = merged(tmp_path)
    world.apply()
    world.later(days=29)
    world.measure()
    world.tick_verify()
    early = world.life().state
    world.later(days=2)
    world.measure()

    world.tick_verify()

    assert (early, world.life().state) == (State.APPLIED, State.VERIFIED)
    outcome = world.life().outcome
    assert outcome is not None
    assert outcome.measured is None


def test_unknown_health_is_never_verified_however_long_it_takes(tmp_path: Path) -> None:
    world = merged(tmp_path)
    world.apply()
    world.later(days=60)

    world.tick_verify()

    assert world.life().state is State.APPLIED


def test_a_merge_that_nobody_applies_is_told_once(tmp_path: Path) -> None:
    world = merged(tmp_path)

    for _ in range(3):
        world.later(hours=25)
        world.tick_verify()

    assert world.kinds().count("not-applied") == 1
    assert world.life().state is State.MERGED


def test_an_autoscaled_pool_is_applied_when_its_bounds_are(tmp_path: Path) -> None:
    """Its count is the autoscaler's: waiting for it to be the one in the file could take for ever."""
    world = merged(tmp_path)
    changes = (FieldChange(field="min", old="3", new="2"), FieldChange(field="count", old="3", new="2"))
    proposal = replace(world.life().planned(), finding=replace(world.life().planned().finding, changes=changes))

    assert live_values(proposal, cluster(pool(count=5, minimum=2, maximum=8)), world.ports) == {"min": "2"}
    assert live_values(proposal, cluster(pool(count=2, minimum=3, maximum=8)), world.ports) == {"min": "3"}


def test_one_cluster_that_does_not_answer_keeps_no_other_from_being_verified(tmp_path: Path) -> None:
    world = merged(tmp_path)
    world.later(hours=1)
    world.ports = replace(world.ports, palette=cast(Palette, _Silent()))

    with pytest.raises(Upstream, match="Palette is silent"):
        world.tick_verify()

    assert len(world.ports.ledger.roots()) == 1


class _Silent:
    def listed(self) -> dict[ClusterUid, str]:
        raise Upstream("Palette is silent")

    def clusters(self) -> tuple[Cluster, ...]:
        raise Upstream("Palette is silent")

    def cluster(self, uid: ClusterUid) -> Cluster | None:
        raise Upstream(f"Palette is silent about {uid}")

    def audits(self, _since: datetime, _until: datetime) -> tuple[AuditEntry, ...]:
        raise Upstream("Palette is silent")


# ── expired ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def asked(root: Path, *, is_production: bool) -> World:
    world = make_world(root, FREEZE.replace(b"2026-11-20", b"2026-12-20"))
    if is_production:
        world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"nonproduction": ()}))
    world.propose(shrink())
    assert world.life().state is State.AWAITING
    return world


@pytest.mark.parametrize(("is_production", "too_early", "late"), [(True, 4, 27), (False, 6, 27)])
def test_a_request_that_nobody_answers_expires(tmp_path: Path, is_production: bool, too_early: int, late: int) -> None:
    """Asked on a Wednesday: three working days end on Monday, seven days on the next Wednesday. The pull request stays open."""
    world = asked(tmp_path, is_production=is_production)

    world.later(days=too_early)
    world.tick_verify()
    before = world.life().state
    world.later(hours=late)
    world.tick_verify()

    assert (before, world.life().state) == (State.AWAITING, State.EXPIRED)
    assert (world.pull().state, world.buttons()) == ("open", set())
    assert "Nobody answered in time" in str(world.cards()[0].blocks)


def test_a_yes_starts_the_clock_anew_and_is_gone_when_the_request_expires(tmp_path: Path) -> None:
    world = asked(tmp_path, is_production=False)
    world.later(days=5)
    world.measure()
    world.click("approve")
    world.later(days=4)
    world.tick_verify()
    still = world.life().state, len(world.life().approvals)
    world.later(days=4)

    world.tick_verify()

    assert still == (State.AWAITING, 1)
    assert (world.life().state, world.life().approvals) == (State.EXPIRED, ())


def test_a_click_after_expiry_asks_again_and_does_not_approve(tmp_path: Path) -> None:
    """Somebody's Slack may still show the old buttons; a yes to a week-old request is not a yes to today's."""
    world = asked(tmp_path, is_production=False)
    world.later(days=8)
    world.tick_verify()

    told = world.click("approve")

    assert told.startswith("Nobody had answered in time")
    assert (world.life().state, world.life().approvals, world.merges()) == (State.AWAITING, (), 0)
    assert "approve" in world.buttons()


def test_fresh_evidence_after_expiry_asks_again(tmp_path: Path) -> None:
    world = asked(tmp_path, is_production=False)
    world.later(days=8)
    world.measure()
    world.tick_verify()

    world.propose(shrink(end=world.now.replace(hour=0)))

    assert (world.life().state, "approve" in world.buttons(), len(world.cards())) == (State.AWAITING, True, 1)


def test_a_review_after_expiry_still_approves(tmp_path: Path) -> None:
    """Expiry closes the request in Slack, not the pull request."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.later(days=8)
    world.tick_verify()
    expired = world.life().state
    world.review("ml-owner")
    world.webhook("submitted")
    stale = world.life().state
    world.measure()
    world.propose(shrink(end=world.now.replace(hour=0)))

    world.webhook("later")

    assert stale is State.EXPIRED
    assert (expired, world.life().state) == (State.EXPIRED, State.MERGED)


@pytest.mark.parametrize(("start", "end"), [("2026-11-18", "2026-11-23"), ("2026-11-20", "2026-11-25"), ("2026-11-21", "2026-11-25")])
def test_working_days_leave_out_the_weekend(start: str, end: str) -> None:
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)

    assert f"{after_working_days(at, 3):%Y-%m-%d}" == end


# ── swept ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_webhook_that_never_came_is_made_up_for(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.forge.close_pull_request(REPO, 1)
    world.later(hours=1)

    world.tick_verify()

    assert world.life().state is State.IGNORED


def test_a_click_whose_message_was_lost_is_served_after_the_second_sweep(tmp_path: Path) -> None:
    """A bucket's notification is delivered at least once, nearly always."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    key = world.receive(world.press("approve"))
    world.serve("inbox/clock/verify/2026-11-18T10:00Z", b"{}")
    once = [key for key in world.ports.inbox.pending() if "/again/" in key]
    world.later(hours=1)
    world.serve("inbox/clock/verify/2026-11-18T11:00Z", b"{}")

    again = [key for key in world.ports.inbox.pending() if "/again/" in key]
    world.serve(again[0])

    assert (once, again) == ([], ["inbox/again/merge/2026-11-18T11Z"])
    assert world.ports.inbox.is_done(key)
    assert world.life().state is State.MERGED


def test_what_was_lost_is_looked_for_also_where_the_day_cannot_be_sealed(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.receive(world.press("approve"))

    def away(*_: object) -> None:
        raise Upstream("the anchors do not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.ports.ledger), "seal", away)
        for tick in ("2026-11-18T10:00Z", "2026-11-18T11:00Z"):
            with pytest.raises(Upstream, match="the anchors do not answer"):
                world.serve(f"inbox/clock/verify/{tick}", b"{}")
            world.later(hours=1)

    assert [key for key in world.ports.inbox.pending() if "/again/merge/" in key]


def test_nonsense_in_the_inbox_does_not_stop_the_sweep(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.ports.inbox.put("inbox/nobody/serves-this", b"{}")

    first = world.serve("inbox/clock/verify/2026-11-18T10:00Z", b"{}")
    second = world.serve("inbox/clock/verify/2026-11-18T11:00Z", b"{}")

    assert (first, second) == ("nothing to verify", "nothing to verify")


@pytest.mark.security(21)
def test_a_stop_verifies_sweeps_and_seals_nothing(tmp_path: Path) -> None:
    world = merged(tmp_path)
    world.apply()
    world.later(hours=1)
    world.ports.permit.stop(by="ml-owner", reason="an incident", at=world.now)
    before = (world.kinds(), len(world.chat.messages))

    outcome = world.tick_verify()

    assert outcome.startswith("refused: nothing is verified: stopped by ml-owner")
    assert (world.kinds(), len(world.chat.messages)) == before


def test_a_broken_stream_keeps_no_other_from_being_verified(tmp_path: Path) -> None:
    world = merged(tmp_path)
    world.apply()
    world.later(hours=1)
    world.ports.ledger.append(
        "proposals/prop-000000000000", None, kind="planned", at=world.now, actor="x", reason="", body={}, state={"state": "no such state"}
    )

    outcome = world.tick_verify()

    states = {stream: entry.state["state"] for stream, entry in world.ports.ledger.heads("proposals/").items()}
    assert "applied" in states.values()
    assert "prop-000000000000: " in outcome


# ── between two hours ────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_tick_between_two_hours_looks_at_what_was_merged_and_sweeps_nothing(tmp_path: Path) -> None:
    world = merged(tmp_path)
    world.tick_verify()
    world.ports.inbox.put("inbox/decide/prop-000000000000.0", b"{}")
    before = world.ports.documents.find("sweep/waiting")
    world.apply()
    world.later(minutes=5)

    world.serve("inbox/clock/verify/2026-11-18T10:05Z", b"{}")

    assert world.life().state is State.APPLIED
    assert world.ports.documents.find("sweep/waiting") == before


def test_a_tick_on_the_hour_that_never_came_is_made_up_for_by_the_next_one(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.tick_verify()
    world.forge.close_pull_request(REPO, 1)
    world.later(minutes=65)

    world.serve("inbox/clock/verify/2026-11-18T11:05Z", b"{}")
    world.deliver()

    assert world.life().state is State.IGNORED


def test_a_saving_is_told_once_more_over_a_month_of_bills(tmp_path: Path) -> None:
    world = billed(tmp_path)
    world.tick_verify()
    first = world.life().outcome
    world.later(days=24)
    bill(world, days=32)
    for _ in range(2):
        world.tick_verify()
        world.later(hours=1)

    second = world.life().outcome

    assert first is not None
    assert second is not None
    assert (first.days, second.days, second.is_healthy) == (7, 31, True)
    assert world.kinds().count("measured") == 1


def test_holidays_of_the_owners_calendar_are_no_working_days(tmp_path: Path) -> None:
    """Asked on a Wednesday in production: with Thursday and Friday off, the third working day is the next Wednesday."""
    owners = OWNERS.replace(b"channel: C0BATCH}", b"channel: C0BATCH, time_zone: Europe/Berlin, holidays: [2026-11-19, 2026-11-20]}")
    world = make_world(tmp_path, FREEZE.replace(b"2026-11-20", b"2026-12-20"), owners=owners)
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"nonproduction": ()}))
    world.propose(shrink())
    world.later(days=6, hours=23)
    world.tick_verify()
    before = world.life().state
    world.later(hours=2)

    world.tick_verify()

    assert (before, world.life().state) == (State.AWAITING, State.EXPIRED)
