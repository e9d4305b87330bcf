"""A webhook that does not arrive is seen before the first click is lost: doctor calls as a stranger would, and is not believed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.page_store import opened, served
from trimtab.cli.doctor import unsigned
from trimtab.cli.main import app
from trimtab.errors import Upstream
from trimtab.flow.reachable import webhooks
from trimtab.ports import Ports
from trimtab.settings import Repository, Settings

HUB = (Repository(id="gitops", forge="github", location="example/gitops"), Repository(id="local", forge="local", location="/x"))
SETTINGS = Settings(slack_token="xoxb-of-the-reachable-tests", repositories=HUB)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    with opened(tmp_path_factory.mktemp("reachable") / "store") as ports:
        yield ports


def colors(answer: int, settings: Settings = SETTINGS) -> dict[str, str]:
    return {item.about: item.color for item in webhooks(settings, lambda _path: answer)}


def test_the_real_receive_is_green_and_keeps_nothing_of_the_call(store: Ports) -> None:
    with served(store) as port:
        found = list(webhooks(SETTINGS, unsigned(f"http://127.0.0.1:{port}/", store.settings)))

    assert [(item.about, item.color) for item in found] == [("webhook /slack", "green"), ("webhook /github", "green")]
    assert store.inbox.pending() == []


@pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 405, 429, 500, 503])
def test_any_other_answer_is_red(status: int) -> None:
    """Above all 200: somebody answers there who believes anything, and it is not us."""
    assert set(colors(status).values()) == {"red"}


def test_a_path_that_is_not_there_names_the_secret_that_makes_it() -> None:
    todos = [item.todo for item in webhooks(SETTINGS, lambda _path: 404)]

    assert "TRIMTAB_SLACK_SIGNING_SECRET" in todos[0]
    assert "TRIMTAB_GITHUB_WEBHOOK_SECRET" in todos[1]


def test_nobody_who_answers_is_red_and_keeps_no_other_from_being_asked() -> None:
    def ask(path: str) -> int:
        if path == "/slack":
            raise Upstream("hooks.example.com: ConnectError")
        return 401

    assert {item.about: item.color for item in webhooks(SETTINGS, ask)} == {"webhook /slack": "red", "webhook /github": "green"}


def test_only_what_the_deployment_lives_from_is_called() -> None:
    assert colors(401, Settings()) == {}


def test_the_command_calls_what_the_settings_say(store: Ports, tmp_path: Path) -> None:
    with served(store) as port:
        values = {"webhooks_url": f"http://127.0.0.1:{port}", "slack_token": "xoxb-of-the-reachable-tests"}
        (tmp_path / "settings.json").write_text(json.dumps(values))
        told = CliRunner().invoke(app, ["doctor", "--store", tmp_path.as_uri(), "--format", "json"])

    items = {item["about"]: item["color"] for item in json.loads(told.stdout)}
    assert items["webhook /slack"] == "green"
