"""What Palette tells of its own accord: an alert vetoes its project until it was read again, the audit trail has things judged again."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.flow.flow_world import World, make_world, shrink
from tests.judgement import NOW, UID, cluster
from trimtab.adapters.memory import MemoryPalette
from trimtab.errors import Upstream
from trimtab.flow.audits import FIRST, KEEP, OVERLAP, STREAM, follow_audits
from trimtab.flow.health_alerts import open_alerts
from trimtab.flow.receive import ReceivePorts, receive
from trimtab.lifecycle import State
from trimtab.records import AuditEntry, ClusterUid, ProjectUid
from trimtab.sources.senders import Request, inbox_key

PROJECT = cluster().project_uid
SECRET = "palette-secret-of-the-tests"


def awaiting(root: Path) -> World:
    """A proposal that waits for a person."""
    world = make_world(root)
    settings = world.ports.settings.model_copy(update={"palette_webhook_secret": SecretStr(SECRET)})
    world.ports = replace(world.ports, settings=settings)
    world.propose(shrink())
    assert world.life().state is State.AWAITING
    return world


def alert(project: str = PROJECT, message: str = "Cluster dev-east is unhealthy", secret: str = SECRET) -> Request:
    body = json.dumps({"v": 1, "source": "palette", "project_uid": project, "message": message}).encode()
    return Request("/palette", {"x-trimtab-token": secret}, body)


def send(world: World, request: Request) -> int:
    return receive(request, ReceivePorts(world.ports.inbox, world.ports.settings), world.now).status


def saw(world: World) -> str:
    verdict = world.life().verdict
    assert verdict is not None
    return next(line.saw for line in verdict.lines if line.rule == "cluster-healthy")


# ── health alerts ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_alert_vetoes_its_project_until_the_project_was_read_again(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    assert send(world, alert()) == 200

    (waiting,) = open_alerts(world.ports, PROJECT)
    world.serve(world.receive(world.press("approve")))
    assert world.life().state is not State.MERGED
    assert "1 health alert(s) of its project not looked into yet" in saw(world)

    world.deliver()
    assert open_alerts(world.ports, PROJECT) == ()
    assert world.outcomes[waiting].startswith(f"alert of project {PROJECT}: dev-east is Healthy; 1 proposals are judged again")
    assert world.life().state is State.MERGED


def test_an_alert_of_another_project_vetoes_nothing_here(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    send(world, alert("another-project"))

    assert open_alerts(world.ports, PROJECT) == ()
    assert len(open_alerts(world.ports, ProjectUid("another-project"))) == 1


def test_where_the_cluster_is_not_known_every_alert_counts(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    send(world, alert("another-project"))

    assert len(open_alerts(world.ports, None)) == 1


def test_an_alert_that_comes_twice_is_one(tmp_path: Path) -> None:
    world = awaiting(tmp_path)

    assert [send(world, alert()), send(world, alert())] == [200, 200]
    assert len(open_alerts(world.ports, PROJECT)) == 1
    world.deliver()
    assert send(world, alert()) == 200
    assert open_alerts(world.ports, PROJECT) == ()


def test_a_forged_alert_is_not_kept(tmp_path: Path) -> None:
    world = awaiting(tmp_path)

    assert send(world, alert(secret="guessed")) == 401
    assert open_alerts(world.ports, PROJECT) == ()


def test_an_alert_that_cannot_be_read_vetoes_every_project_and_is_done_with_a_reason(tmp_path: Path) -> None:
    """Whoever can write to the inbox can only make us more careful."""
    world = awaiting(tmp_path)
    key = inbox_key(alert())
    world.ports.inbox.put(key, b"nonsense")

    assert open_alerts(world.ports, PROJECT) == (key,)
    world.deliver()
    assert world.outcomes[key].startswith("refused: ")
    assert open_alerts(world.ports, PROJECT) == ()


def test_while_palette_is_silent_the_veto_stays(tmp_path: Path) -> None:
    class Silent(MemoryPalette):
        def projects(self) -> dict[ClusterUid, ProjectUid]:
            raise Upstream("Palette is silent")

    world = awaiting(tmp_path)
    world.ports = replace(world.ports, palette=Silent(known=()))
    send(world, alert())

    with pytest.raises(Upstream, match="silent"):
        world.deliver()
    assert len(open_alerts(world.ports, PROJECT)) == 1


def test_an_alert_is_looked_into_while_writing_is_stopped(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    world.ports.permit.stop(by="platform-owner", reason="holiday", at=NOW)
    send(world, alert())

    world.deliver()

    (said,) = [values["health"] for event, values in world.log.said if event == "palette.alert"]
    assert said == "dev-east is Healthy"


def test_a_late_alert_of_a_cluster_that_is_gone_says_so(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    world.palette.known = ()
    request = alert()
    send(world, request)

    world.serve(inbox_key(request))

    assert "no cluster with machine pools; 0 proposals" in world.outcomes[inbox_key(request)]


# ── the audit trail ──────────────────────────────────────────────────────────────────────────────────────────────────
def entry(uid: str, at: datetime, **changes: Any) -> AuditEntry:
    plain = AuditEntry(
        uid=uid, at=at, action="update", kind="spectrocluster", resource_uid=UID, resource="dev-east", project_uid=PROJECT, message="scaled"
    )
    return replace(plain, **changes)


def waiting(world: World, prefix: str) -> list[str]:
    return [key for key in world.ports.inbox.pending() if key.startswith(prefix)]


def test_a_change_of_a_cluster_has_its_proposals_judged_again_once(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    world.palette.trail = (entry("a-1", NOW - timedelta(minutes=5)),)

    for _ in range(3):
        follow_audits(world.ports, NOW)

    assert waiting(world, "inbox/audit/") == ["inbox/audit/a-1"]
    world.serve("inbox/audit/a-1")
    (woken,) = waiting(world, "inbox/decide/")
    assert woken.endswith(".a-1")
    follow_audits(world.ports, NOW + timedelta(minutes=10))
    assert waiting(world, "inbox/audit/") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"resource_uid": "another-cluster"},
        {"action": "activity"},
        {"kind": "user", "resource_uid": "u-1"},
        {"kind": "machine", "resource_uid": "m", "project_uid": ProjectUid("other")},
    ],
    ids=["another cluster", "only looked", "a user", "another project"],
)
def test_what_touches_no_cluster_of_ours_wakes_nobody(tmp_path: Path, changes: dict[str, Any]) -> None:
    world = awaiting(tmp_path)
    world.palette.trail = (entry("a-1", NOW, **changes),)

    assert follow_audits(world.ports, NOW) == ""
    assert waiting(world, "inbox/audit/") == []


def test_a_machine_or_cloud_config_wakes_its_project(tmp_path: Path) -> None:
    """Its entry names no cluster; looking once too often costs nothing."""
    world = awaiting(tmp_path)
    world.palette.trail = (entry("a-1", NOW, kind="machine", resource_uid="m-1"),)

    assert follow_audits(world.ports, NOW) == "1 changes in Palette"


def test_the_cursor_goes_on_where_it_ended_less_an_hour_for_late_entries(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    asked: list[datetime] = []

    class Watched(MemoryPalette):
        def audits(self, since: datetime, until: datetime) -> tuple[AuditEntry, ...]:
            asked.append(since)
            return super().audits(since, until)

    world.ports = replace(world.ports, palette=Watched(world.palette.known, trail=(entry("a-1", NOW),)))
    later = NOW + timedelta(hours=5)

    follow_audits(world.ports, NOW)
    follow_audits(world.ports, later)

    assert asked == [NOW - FIRST, NOW - OVERLAP]


def test_the_cursor_moves_once_a_day_where_nothing_happens(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    world.palette.trail = (entry("a-1", NOW),)

    for hours in (0, 1, 2, 24, 25, 48):
        follow_audits(world.ports, NOW + timedelta(hours=hours))

    assert [each.at - NOW for each in world.ports.ledger.entries(STREAM)] == [timedelta(0), KEEP, 2 * KEEP]


def test_a_trail_that_palette_does_not_give_keeps_nothing_else_from_being_verified(tmp_path: Path) -> None:
    class Mute(MemoryPalette):
        def audits(self, since: datetime, until: datetime) -> tuple[AuditEntry, ...]:
            raise Upstream(f"{since} {until}: no trail")

    world = awaiting(tmp_path)
    world.ports = replace(world.ports, palette=Mute(world.palette.known))

    with pytest.raises(Upstream, match="audit trail: "):
        world.tick_verify()
    assert len(world.ports.ledger.roots()) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense"])
def test_a_message_that_is_none_of_ours_is_refused(tmp_path: Path, body: bytes) -> None:
    world = awaiting(tmp_path)

    assert world.serve("inbox/audit/forged", body).startswith("refused: inbox/audit/forged: not a message about an audit entry")


def test_a_forged_message_about_an_unknown_cluster_wakes_nobody(tmp_path: Path) -> None:
    world = awaiting(tmp_path)
    body = json.dumps({"clusters": [ClusterUid("nobody")]}).encode()

    assert world.serve("inbox/audit/forged", body).endswith("0 proposals are judged again")
