"""Tickets in Jira and ServiceNow: opened once, found again by their mark, and never by anybody else's words."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from tests.ticket_servers import TOKEN, USER, Jira, ServiceNow, serving
from trimtab.adapters.tickets import ServiceNowTickets, tickets_of
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.ports import Tickets
from trimtab.records import ChangeRequest
from trimtab.settings import Settings, TicketSystem

MARK = "trimtab-0123456789abcdef0123"
Case = tuple[Tickets, Jira | ServiceNow]


def connected(url: str, kind: str, user: str = "", token: str = TOKEN) -> Tickets:
    system = TicketSystem(kind=kind, url=url, user=user)  # type: ignore[arg-type]
    found = tickets_of(Settings(ticket_system=system, ticket_token=SecretStr(token)))
    assert found is not None
    return found


@pytest.fixture(params=["jira-cloud", "jira-data-center", "servicenow"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    match request.param:
        case "jira-cloud":
            system: Jira | ServiceNow = Jira()
        case "jira-data-center":
            system = Jira(is_cloud=False, authorization=f"Bearer {TOKEN}")
        case _:
            system = ServiceNow()
    with serving(system) as url:
        yield (
            connected(url, "servicenow" if isinstance(system, ServiceNow) else "jira", USER if request.param == "jira-cloud" else ""),
            system,
        )


def test_what_was_opened_is_found_by_its_mark_and_nothing_else_is(case: Case) -> None:
    tickets, _ = case
    assert tickets.find(MARK) is None

    opened = tickets.open(MARK, project="COST", title="dev-east/batch: count 6 to 5", text="It would save something.\nWhy: it does.")

    assert tickets.find(MARK) == opened
    assert opened.is_open
    assert opened.url.endswith(opened.key) or opened.url.startswith("http")
    assert tickets.find("trimtab-another") is None


def test_a_long_title_is_cut_to_what_the_system_takes(case: Case) -> None:
    tickets, _ = case

    assert tickets.open(MARK, project="COST", title="x" * 1000, text="t").is_open


@pytest.mark.parametrize("status", [500, 502, 429])
def test_an_open_that_fails_is_sent_once(case: Case, status: int) -> None:
    tickets, system = case
    system.fail = [status]

    with pytest.raises(Upstream, match=f"HTTP {status}"):
        tickets.open(MARK, project="COST", title="t", text="t")

    assert len(system.requests) == 1


def test_a_request_that_the_system_does_not_understand_is_ours_to_mend(case: Case) -> None:
    tickets, system = case
    system.fail = [400]

    with pytest.raises(BadInput, match=r"HTTP 400: .*as the test wants"):
        tickets.open(MARK, project="COST", title="t", text="t")


@pytest.mark.security(26)
@pytest.mark.parametrize("mark", ['x" OR labels = "y', "a^ORcorrelation_id=b", "", "a\nb", "ä" * 3, "a" * 101])
def test_a_mark_that_a_query_could_read_as_more_is_never_asked_for(case: Case, mark: str) -> None:
    tickets, system = case

    with pytest.raises(Refused, match="a ticket's mark is letters, digits and hyphens"):
        tickets.find(mark)

    assert system.requests == []


@pytest.mark.security(14)
def test_a_wrong_token_is_said_without_the_token() -> None:
    with serving(Jira()) as url, pytest.raises(Upstream, match="HTTP 401: the account may not") as error:
        connected(url, "jira", USER, "another-token").find(MARK)

    assert "another-token" not in str(error.value)


def test_a_ticket_that_is_done_is_not_open() -> None:
    jira = Jira()
    with serving(jira) as url:
        tickets = connected(url, "jira", USER)
        tickets.open(MARK, project="COST", title="t", text="t")
        jira.issues[0]["fields"]["status"] = {"name": "Done", "statusCategory": {"key": "done"}}
        found = tickets.find(MARK)

    assert found is not None
    assert not found.is_open


def test_the_newest_change_request_of_a_proposal_is_read_in_peoples_words() -> None:
    now = ServiceNow()
    for number, state in (("CHG0000001", "Closed"), ("CHG0000002", "Implement")):
        now.changes.append({"correlation_id": "prop-1", "number": number, "state": state, "approval": "Approved", "sys_id": number.lower()})
    with serving(now) as url:
        tickets = connected(url, "servicenow")
        found, none = tickets.change_request("prop-1"), tickets.change_request("prop-2")

    assert found == ChangeRequest(
        number="CHG0000002", state="implement", approval="approved", url=f"{url}/nav_to.do?uri=change_request.do?sys_id=chg0000002"
    )
    assert none is None


def test_without_a_system_or_a_token_there_are_no_tickets() -> None:
    assert tickets_of(Settings()) is None
    assert tickets_of(Settings(ticket_system=TicketSystem(kind="jira", url="https://acme.atlassian.net"))) is None


@pytest.mark.security(14)
def test_a_ticket_system_inside_the_network_gets_nothing_unless_it_is_named() -> None:
    jira = Jira()
    with serving(jira) as url:
        system = TicketSystem(kind="jira", url=url, user=USER)
        settings = Settings(store="s3://a-store", ticket_system=system, ticket_token=SecretStr(TOKEN))
        tickets = tickets_of(settings)
        assert tickets is not None
        with pytest.raises(BadInput):
            tickets.find(MARK)

    assert jira.requests == []


def test_a_system_that_does_not_answer_is_left_alone_for_a_minute_and_then_asked_again() -> None:
    """A run asks for every proposal: waiting for each would take longer than a function lives."""
    asked, now = [], [0.0]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) < 2:
            raise httpx.ReadTimeout("nothing came", request=request)
        return httpx.Response(200, json={"result": []})

    settings = Settings(ticket_system=TicketSystem(kind="servicenow", url="https://acme.service-now.com"), ticket_token=SecretStr(TOKEN))
    tickets = tickets_of(settings, httpx.MockTransport(answer))
    assert isinstance(tickets, ServiceNowTickets)
    tickets = replace(tickets, api=replace(tickets.api, clock=lambda: now[0]))
    for _ in range(3):
        with pytest.raises(Upstream):
            tickets.change_request("prop-1")
    during = len(asked)
    now[0] = 61.0

    assert (during, tickets.change_request("prop-1"), len(asked)) == (1, None, 2)
