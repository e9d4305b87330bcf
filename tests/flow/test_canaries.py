"""Every form in which cost leaves, searched for what is somebody else's: another team's cost, resources and tags, and another tenant's.

Each reader's own cost must be found in the same outputs, or the search would find nothing anywhere.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.canaries import READERS, TEAMS, TENANTS, leaked, make_store, marks, settings, shows, trimtab
from tests.flow.flow_world import REPO, World
from tests.flow.group_world import group_world, smaller
from tests.judgement import CONFIG
from tests.outlook import KeptChat
from tests.page_store import Visitor, served
from trimtab import settings as deployment
from trimtab import wiring
from trimtab.adapters.logs import Quiet
from trimtab.adapters.memory import MemoryMail, MemoryWebhooks
from trimtab.attribution.summary import Summary
from trimtab.flow.access import audience
from trimtab.flow.alert import alert
from trimtab.flow.budget_asks import ASK
from trimtab.flow.learn import learn
from trimtab.flow.metric_files import ALL, keep_metric_files, text_key
from trimtab.flow.report import report
from trimtab.flow.wake import Wake, serve
from trimtab.ports import Ports
from trimtab.records import Finding, PullRequest
from trimtab.units import Money

pytestmark = pytest.mark.security(36)
NOW = datetime(2026, 7, 21, 6, tzinfo=UTC)
Who = tuple[str, str]
"""(tenant, team)."""
EVERYBODY = [(tenant, team) for tenant in TENANTS for team in TEAMS]


def _parquet(path: Path) -> str:
    return json.dumps(duckdb.sql(f"SELECT * FROM '{path}'").fetchall(), default=str)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


TEXT_OF: Mapping[str, Callable[[Path], str]] = {".html": _text, ".csv": _text, ".json": _text, ".parquet": _parquet}
"""How each kind of file is read by whoever has it; a new kind is searched once it is here, and fails until then."""


def text_of(path: Path) -> str:
    assert path.suffix in TEXT_OF, f"{path.name}: say how its text is read, or nobody searches it"
    return TEXT_OF[path.suffix](path)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store, two tenants, three teams each."""
    place = tmp_path_factory.mktemp("canaries")
    for tenant in TENANTS:
        make_store(place, tenant)
    return place


def ports_of(root: Path, tenant: str) -> Ports:
    """What the functions of one tenant's deployment work with; what they say is kept."""
    with settings(root, tenant):
        chosen = deployment.load(os.environ, f"file://{root}/store").model_copy(update={"finance_channel": "C0FINANCE"})
    return replace(wiring.build(chosen, log=Quiet()), chat=KeptChat(), mail=MemoryMail(), webhooks=MemoryWebhooks(("green-channel",)))


# ── what a person asks for ───────────────────────────────────────────────────────────────────────────────────────────
ASKED: Mapping[str, tuple[str, ...]] = {
    "costs": ("costs", "--by", "team"),
    "costs, as JSON": ("costs", "--by", "team,service", "--format", "json"),
    "costs by a tag": ("costs", "--by", "tag:team", "--format", "json"),
    "forecasts": ("forecast", "--format", "json"),
    "proposals": ("proposals", "--format", "json"),
    "status": ("status", "--format", "json"),
}


@pytest.mark.parametrize("who", EVERYBODY, ids="-".join)
def test_nothing_that_a_reader_asks_for_holds_a_mark_of_another(who: Who, root: Path, tmp_path: Path) -> None:
    tenant, team = who
    reader = READERS[team]

    found = {name: trimtab(root, tenant, *words, "--as", reader).output for name, words in ASKED.items()}
    for words in (("report",), ("export",)):
        done = trimtab(root, tenant, *words, "--out", str(tmp_path / words[0]), "--as", reader)
        assert done.exit_code == 0, done.output
    files = {str(path.relative_to(tmp_path)): text_of(path) for path in tmp_path.rglob("*") if path.is_file()}

    assert {name: mine for name, text in (found | files).items() if (mine := leaked(text, tenant, team))} == {}
    assert {Path(name).suffix for name in files} == {".html", ".csv", ".parquet"}
    assert [name for name, text in files.items() if not shows(text, tenant, team)] == []
    assert all(shows(found[name], tenant, team) for name in ("costs", "costs, as JSON", "costs by a tag"))


@pytest.mark.parametrize("who", EVERYBODY, ids="-".join)
def test_a_row_is_explained_to_whoever_it_belongs_to_and_to_nobody_else(who: Who, root: Path, tmp_path: Path) -> None:
    tenant, team = who
    trimtab(root, tenant, "export", "--out", str(tmp_path))
    (file,) = tmp_path.glob("*.parquet")
    rows = duckdb.sql(f'SELECT "x_RowId", "ResourceId" FROM \'{file}\'').fetchall()

    told = {resource: trimtab(root, tenant, "explain", row, "--as", READERS[team], "--format", "json").output for row, resource in rows}

    own = told.pop(f"db-{team}-of-{tenant}")
    assert shows(own, tenant, team)
    assert f"db-{team}-of-{tenant}" in own
    assert [text for text in (own, *told.values()) if leaked(text, tenant, team)] == []


@pytest.mark.parametrize("tenant", TENANTS)
def test_whoever_may_see_all_sees_every_team_and_nothing_of_another_tenant(tenant: str, root: Path, tmp_path: Path) -> None:
    """The same outputs, in which every mark of the tenant's own is there to be found."""
    for words in (("report",), ("export",)):
        assert trimtab(root, tenant, *words, "--out", str(tmp_path / words[0]), "--as", "ann").exit_code == 0
    whole = [text_of(path) for path in tmp_path.rglob("*") if path.is_file() and not path.parent.name.startswith("team-")]
    whole.append(trimtab(root, tenant, "costs", "--by", "team", "--format", "json", "--as", "ann").output)

    assert len(whole) == 4
    assert [shows(text, tenant, team) for text in whole for team in TEAMS] == [True] * 12
    own = {mark for team in TEAMS for mark in marks(tenant, team)}
    assert [mark for text in whole for mark in leaked(text, tenant, "nobody") if mark not in own] == []


@pytest.mark.parametrize("who", EVERYBODY, ids="-".join)
def test_the_page_shows_a_reader_their_own_cost_alone(who: Who, root: Path) -> None:
    tenant, team = who
    ports = ports_of(root, tenant)
    with served(ports, audience(READERS[team], ports)) as port:
        body = Visitor(port).get().body

    assert shows(body, tenant, team)
    assert leaked(body, tenant, team) == []


# ── what is published and sent ───────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("tenant", TENANTS)
def test_each_audiences_prefix_holds_its_own_alone(tenant: str, root: Path) -> None:
    """A team's people may read their prefix in the bucket itself, where no command stands between."""
    ports = ports_of(root, tenant)
    report(Wake(key="inbox/clock/report/2026-07-21T06:00Z"), ports, NOW)
    learn(Wake(key="inbox/clock/learn/2026-07-21T06:00Z"), ports, NOW)

    for team in TEAMS:
        keys = [key for key in ports.documents.keys("") if f"/team-{team}" in key]
        assert {key.split("/")[0] for key in keys} >= {"summaries", "reports", "forecasts"}
        text = json.dumps([ports.documents.find(key) for key in keys])
        assert leaked(text, tenant, team) == []
        assert shows(text, tenant, team)


@pytest.mark.parametrize("who", EVERYBODY, ids="-".join)
def test_a_teams_metrics_are_of_its_own_cost_alone(who: Who, root: Path) -> None:
    """A Prometheus keeps what it scraped for as long as it likes, and shows it to whoever asks."""
    tenant, team = who
    ports = ports_of(root, tenant)

    keep_metric_files(ports)

    own, whole = (ports.documents.find_text(text_key(audience)) or "" for audience in (f"team-{team}", ALL))
    assert leaked(own, tenant, team) == []
    assert shows(own, tenant, team)
    assert [shows(whole, tenant, each) for each in TEAMS] == [True] * len(TEAMS)


@pytest.mark.parametrize("tenant", TENANTS)
def test_every_message_holds_the_cost_of_whom_it_is_sent_to(tenant: str, root: Path) -> None:
    """Reports and budget alerts, in Slack, by mail and in Microsoft Teams."""
    ports = ports_of(root, tenant)
    chat, mail, teams = ports.chat, ports.mail, ports.webhooks
    assert isinstance(chat, KeptChat)
    assert isinstance(mail, MemoryMail)
    assert isinstance(teams, MemoryWebhooks)

    serve(alert, Wake(key=f"{ASK}p-2026-07.canaries", body=b"{}"), ports, NOW)
    report(Wake(key="inbox/clock/report/2026-07-21T06:00Z"), ports, NOW)

    sent = {
        "blue": [json.dumps([blocks, text]) for channel, blocks, text, _ in chat.said if channel == "C0BLUE"],
        "red": [json.dumps([letter.subject, letter.text]) for letter in mail.letters if letter.to == "red@example.com"],
        "green": [json.dumps(card) for name, card in teams.cards if name == "green-channel"],
    }
    finance = [json.dumps([blocks, text]) for channel, blocks, text, _ in chat.said if channel == "C0FINANCE"]
    assert {team: len(found) for team, found in sent.items()} == {"blue": 2, "red": 1, "green": 1}
    for team, found in sent.items():
        assert [text for text in found if leaked(text, tenant, team)] == []
        assert [text for text in found if not shows(text, tenant, team)] == []
    assert {channel for channel, _, _, _ in chat.said} == {"C0BLUE", "C0FINANCE"}
    assert all(shows(finance[0], tenant, team) for team in TEAMS)


# ── what the gate writes ─────────────────────────────────────────────────────────────────────────────────────────────
POOLS = {"batch": "1234.57", "ml": "7654.32"}
"""Pool, and team of that name → what its change would save."""


def test_cards_digests_and_pull_requests_are_about_the_cost_of_their_own_team(tmp_path: Path) -> None:
    """Two pools of two teams in one run; each team's channel hears of its own."""
    world = group_world(tmp_path, config=CONFIG)
    world.ports = replace(world.ports, settings=world.ports.settings.model_copy(update={"default_channel": "C0OPS"}))
    summary = Summary.from_json(world.ports.documents.find("summaries/all/p-2026-10") or {})
    own = tuple(row for row in summary.pool_teams if row.pool == row.team)
    world.ports.documents.publish("summaries/all/p-2026-10", replace(summary, pool_teams=own).to_json())

    world.propose(*(_saving(smaller(pool, world), amount) for pool, amount in POOLS.items()))

    for team, other in (("batch", "ml"), ("ml", "batch")):
        said = json.dumps([[message.blocks, message.text] for message in world.chat.messages if message.ref.channel == f"C0{team.upper()}"])
        (body,) = [pull.body for pull in pulls(world) if f"dev-east/{team}" in pull.title]
        for text in (said, body):
            assert _whole(POOLS[team]) in text
            assert _whole(POOLS[other]) not in text


def _whole(amount: str) -> str:
    """As a card says it."""
    return f"{float(amount):,.0f}"


def _saving(finding: Finding, amount: str) -> Finding:
    saves = Money(Decimal(amount), "USD")
    said = (f"It costs {float(amount):,.2f} USD a month.",)
    return replace(finding, saving_list=saves, saving_effective=saves, disruption=said, evidence=replace(finding.evidence, lines=said))


def pulls(world: World) -> list[PullRequest]:
    return [world.forge.pull_request(REPO, number) for number in world.forge.desk(REPO).numbers()]
