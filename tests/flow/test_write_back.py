"""What is written back: tickets, one for each wish; annotations of clusters, where they are asked for; change requests that are read."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.flow.flow_world import FREEZE, ONE, World, make_world, shrink
from tests.flow.group_world import group_world, smaller
from tests.flow.rollback_world import rollback, worsen
from tests.judgement import CONFIG, OWNERS, UID
from tests.ticket_servers import TOKEN, USER, Jira, ServiceNow, serving
from trimtab.adapters.tickets import tickets_of
from trimtab.errors import Upstream
from trimtab.flow.annotate import PROPOSALS
from trimtab.flow.governance import home_governance
from trimtab.flow.tickets import MOST_FAILURES, SHOWS_WITHIN, keep_tickets
from trimtab.lifecycle import State
from trimtab.settings import Settings, TicketSystem

TICKETS = CONFIG + b"tickets: {system: jira, project: COST, saving_at_least: 100}\n"
SERVICENOW = CONFIG + b"change_requests: true\n"


def joined(world: World, url: str, kind: str = "jira") -> World:
    system = TicketSystem(kind=kind, url=url, user=USER if kind == "jira" else "")  # type: ignore[arg-type]
    return replace(world, ports=replace(world.ports, tickets=tickets_of(Settings(ticket_system=system, ticket_token=SecretStr(TOKEN)))))


@pytest.fixture
def jira() -> Iterator[tuple[Jira, str]]:
    system = Jira()
    with serving(system) as url:
        yield system, url


# ── tickets ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_finding_above_the_threshold_becomes_one_ticket_however_often_it_is_found(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS), url)

    for _ in range(3):
        world.propose(shrink())
        world.later(days=1)

    (issue,) = system.issues
    assert issue["fields"]["summary"] == "dev-east/batch: count 6 to 5"
    assert "tickets begin at 100" in issue["fields"]["description"]


def test_a_finding_below_the_threshold_with_an_owner_becomes_none(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS.replace(b"100", b"1000000")), url)

    world.propose(shrink())

    assert system.issues == []


def test_a_pool_that_nobody_answers_for_becomes_one_whatever_it_saves(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS.replace(b"100", b"1000000")), url)
    (key,) = world.ports.documents.keys("summaries/all/")
    document = world.ports.documents.find(key) or {}
    world.ports.documents.publish(key, {**document, "pool_teams": []})

    world.propose(shrink())

    (issue,) = system.issues
    assert "No team is known to answer for this pool." in issue["fields"]["description"]


def test_a_ticket_whose_answer_was_lost_is_found_and_not_opened_again(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS), url)
    opened = type(world.ports.tickets).open  # type: ignore[union-attr]

    def lost(*arguments: object, **named: object) -> object:
        opened(*arguments, **named)  # type: ignore[arg-type]
        raise Upstream("the answer was lost")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.ports.tickets), "open", lost)
        world.propose(shrink())
    assert len(system.issues) == 1

    world.later(days=1)
    world.propose(shrink())

    assert len(system.issues) == 1


def test_while_the_search_may_lag_an_announced_ticket_is_left_alone(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    system.fail = [200, 502]
    world = joined(make_world(tmp_path, config=TICKETS), url)
    world.propose(shrink())
    asked = len(system.requests)

    world.later(minutes=SHOWS_WITHIN / timedelta(minutes=1) - 1)
    world.propose(shrink())

    assert len(system.requests) == asked


def test_a_ticket_system_that_is_down_keeps_no_pull_request_from_opening(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    system.fail = [503] * 20
    world = joined(make_world(tmp_path, config=TICKETS), url)

    world.propose(shrink())

    assert world.pull().state == "open"
    assert system.issues == []


def test_a_ticket_that_was_sent_again_is_left_alone_until_it_can_be_looked_for(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    system.fail = [200, 502]
    world = joined(make_world(tmp_path, config=TICKETS), url)
    world.propose(shrink())
    opened = type(world.ports.tickets).open  # type: ignore[union-attr]

    def lost(*arguments: object, **named: object) -> object:
        opened(*arguments, **named)  # type: ignore[arg-type]
        raise Upstream("the answer was lost")

    world.later(days=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.ports.tickets), "open", lost)
        world.propose(shrink())
    system.lags = True
    world.later(minutes=2)
    world.propose(shrink())

    assert len(system.issues) == 1


def test_of_two_runs_that_resume_one_ticket_one_sends_it(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    system.fail = [200, 502]
    system.lags = True
    world = joined(make_world(tmp_path, config=TICKETS), url)
    world.propose(shrink())
    world.later(days=1)
    looked = type(world.ports.tickets).find  # type: ignore[union-attr]
    governance = home_governance(world.ports)

    def overtaken(*arguments: object) -> object:
        """Between one run's look and its write the other does all of it."""
        patch.undo()
        keep_tickets([shrink()], world.palette.known, (), governance, world.ports, world.now)
        return looked(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.ports.tickets), "find", overtaken)
        keep_tickets([shrink()], world.palette.known, (), governance, world.ports, world.now)

    assert len(system.issues) == 1


def test_a_ticket_system_that_is_down_is_not_waited_for_once_for_each_finding(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    system.fail = [503] * 100
    world = joined(make_world(tmp_path, config=TICKETS), url)
    many = [replace(shrink(), subject=replace(shrink().subject, pool=f"pool-{number}")) for number in range(30)]

    keep_tickets(many, world.palette.known, (), home_governance(world.ports), world.ports, world.now)

    assert len(system.requests) == MOST_FAILURES


def test_no_ticket_goes_to_another_system_than_the_config_names(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS.replace(b"jira", b"servicenow")), url)

    world.propose(shrink())

    assert system.requests == []
    assert ("tickets.not-configured", "servicenow") in {(event, values.get("system")) for event, values in world.log.said}


def test_a_saving_in_another_currency_is_not_held_against_the_amount(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS.replace(b"currency: USD", b"currency: JPY")), url)

    world.propose(shrink())

    assert system.issues == []
    assert ("tickets.other-currency", "JPY", "USD") in {
        (event, values.get("wanted"), values.get("input")) for event, values in world.log.said
    }


@pytest.mark.security(36)
def test_a_ticket_shows_amounts_as_the_mask_says(jira: tuple[Jira, str], tmp_path: Path) -> None:
    system, url = jira
    world = joined(make_world(tmp_path, config=TICKETS, owners=OWNERS + b"access: {mask: rounded}\n"), url)
    plain = shrink()

    world.propose(plain)

    (issue,) = system.issues
    amount = f"{(plain.saving_effective or plain.saving_list).amount:.2f}"
    assert amount not in issue["fields"]["description"]


# ── change requests ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_nothing_merges_before_its_change_request_is_approved(tmp_path: Path) -> None:
    system = ServiceNow()
    with serving(system) as url:
        world = joined(make_world(tmp_path, config=SERVICENOW), url, "servicenow")
        world.propose(shrink())
        identity = world.life().planned().id
        world.click("approve")
        assert world.life().state is not State.MERGED

        row = {"correlation_id": identity, "number": "CHG1", "state": "Implement", "approval": "Requested", "sys_id": "1"}
        system.changes.append(row)
        world.later(hours=1)
        world.tick_verify()
        assert world.life().state is not State.MERGED

        row["approval"] = "Approved"
        world.later(hours=2)
        world.tick_verify()

    assert world.life().state is State.MERGED


CHANGED = {"number": "CHG1", "state": "Implement", "approval": "Approved", "sys_id": "1"}
UNLESS_APPROVED = FREEZE.replace(
    b"rules:\n", b"rules:\n  - {name: no-change, when: [{fact: change-request.approval, is-not: approved}], tier: two-approvals}\n"
)


def test_a_servicenow_that_is_down_lets_its_proposals_wait_by_name_and_comes_back_by_itself(tmp_path: Path) -> None:
    system = ServiceNow()
    with serving(system) as url:
        world = joined(make_world(tmp_path, config=SERVICENOW), url, "servicenow")
        system.fail = [503] * 100
        world.propose(shrink())
        world.click("approve")
        waiting = waits_for(world)
        system.fail.clear()
        system.changes.append({"correlation_id": world.life().planned().id, **CHANGED})
        world.later(hours=1)
        world.tick_verify()

    assert waiting == ["not read: the ticket system gave no answer"]
    assert world.life().state is State.MERGED


@pytest.mark.parametrize("status", [400, 401, 503])
def test_a_servicenow_that_does_not_answer_keeps_no_run_from_its_end(tmp_path: Path, status: int) -> None:
    """Whatever it answers, the run goes on to the findings behind the first."""
    system = ServiceNow(fail=[status] * 100)
    with serving(system) as url:
        world = joined(group_world(tmp_path, config=SERVICENOW), url, "servicenow")

        said = world.propose(smaller("batch", world), smaller("ml", world))

    assert "2 proposals stand" in said


def test_a_servicenow_that_is_down_voids_no_yes(tmp_path: Path) -> None:
    """A rule that asks for more people unless it is approved would else take the yes away, each time that nobody answers."""
    system = ServiceNow()
    with serving(system) as url:
        world = joined(make_world(tmp_path, UNLESS_APPROVED, config=SERVICENOW), url, "servicenow")
        world.propose(shrink())
        system.changes.append({"correlation_id": world.life().planned().id, **CHANGED})
        world.later(hours=1)
        world.tick_verify()
        world.click("approve")
        system.fail = [503] * 100
        world.later(hours=1)
        world.tick_verify()
        during = (world.life().state, len(world.life().approvals))
        system.fail.clear()
        world.later(days=3)
        world.measure()
        world.tick_verify()

    assert during == (State.AWAITING, 1)
    assert world.life().state is State.MERGED


def worsened(root: Path, url: str, system: ServiceNow, **changed: str) -> World:
    """Merged with its change request, which then becomes what is said; and what was merged got worse."""
    world = joined(make_world(root, ONE, config=SERVICENOW), url, "servicenow")
    world.propose(shrink())
    row = {"correlation_id": world.life().planned().id, **CHANGED}
    system.changes.append(row)
    world.later(hours=1)
    world.tick_verify()
    world.click("approve")
    world.apply()
    world.later(hours=1)
    world.tick_verify()
    system.changes.append(row | changed)
    worsen(world)
    return world


@pytest.mark.security(20)
@pytest.mark.parametrize("changed", [{}, {"state": "Closed"}])
def test_what_was_merged_with_a_change_request_is_undone_without_a_second_one(tmp_path: Path, changed: dict[str, str]) -> None:
    system = ServiceNow()
    with serving(system) as url:
        world = worsened(tmp_path, url, system, **changed)

    back = rollback(world)
    assert back is not None
    assert (back.state, world.merges()) == (State.MERGED, 2)


@pytest.mark.security(20)
@pytest.mark.parametrize(
    ("changed", "saw"),
    [
        ({"state": "Canceled"}, "none found, and that of the change it undoes: CHG1 is canceled, approved"),
        ({"number": "CHG2"}, "none found, nor one that stands and that the change it undoes was merged with"),
    ],
)
def test_what_was_canceled_or_is_another_one_by_now_covers_no_rollback(tmp_path: Path, changed: dict[str, str], saw: str) -> None:
    system = ServiceNow()
    with serving(system) as url:
        world = worsened(tmp_path, url, system, **changed)
        back = rollback(world)
        assert back is not None
        waiting = back.verdict
        system.changes.append({"correlation_id": back.planned().id, **CHANGED, "number": "CHG3"})
        worsen(world)

    assert waiting is not None
    assert [line.saw for line in waiting.lines if line.rule == "change-request"] == [saw]
    assert back.state is State.OPEN
    ended = rollback(world)
    assert ended is not None
    assert ended.state is State.MERGED


def test_a_servicenow_that_is_down_lets_a_rollback_wait_until_it_is_back(tmp_path: Path) -> None:
    system = ServiceNow()
    with serving(system) as url:
        world = worsened(tmp_path, url, system, state="Canceled")
        system.changes.pop()
        mended, system.authorization = system.authorization, "nobody's"
        worsen(world)
        during = rollback(world)
        system.authorization = mended
        world.later(hours=1)
        world.tick_verify()

    after = rollback(world)
    assert during is not None
    assert after is not None
    assert (during.state, after.state) == (State.OPEN, State.MERGED)


def waits_for(world: World) -> list[str]:
    verdict = world.life().verdict
    assert verdict is not None
    return [line.saw for line in verdict.lines if line.rule == "change-request" and not line.held]


# ── annotations ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_cluster_says_what_is_proposed_for_it_and_forgets_it_when_it_is_over(tmp_path: Path) -> None:
    world = make_world(tmp_path, config=CONFIG + b"annotations: true\n")
    world.propose(shrink())
    world.tick_verify()
    (said,) = world.palette.annotations[UID].items()
    assert said[0] == PROPOSALS
    assert said[1].startswith("batch: count 6 to 5 (")

    world.click("reject")
    world.later(hours=1)
    world.tick_verify()

    assert world.palette.annotations[UID] == {}


def test_an_annotation_that_was_wiped_is_written_again_with_the_next_sweep(tmp_path: Path) -> None:
    world = make_world(tmp_path, config=CONFIG + b"annotations: true\n")
    world.propose(shrink())
    world.tick_verify()
    said = dict(world.palette.annotations[UID])

    world.palette.annotations[UID] = {}
    world.later(hours=1)
    world.tick_verify()

    assert world.palette.annotations[UID] == said


def test_a_palette_that_takes_no_annotation_keeps_nothing_else_from_being_done(tmp_path: Path) -> None:
    world = make_world(tmp_path, config=CONFIG + b"annotations: true\n")
    world.propose(shrink())

    def denied(*_: object) -> bool:
        raise Upstream("Palette: metadata: HTTP 403")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.palette), "annotate", denied)
        world.tick_verify()
    assert world.palette.annotations == {}
    world.later(hours=1)
    world.tick_verify()

    assert PROPOSALS in world.palette.annotations[UID]


def test_nothing_is_annotated_unless_it_is_asked_for(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    world.tick_verify()

    assert world.palette.annotations == {}
