"""`trimtab owners import` and `trimtab suggestions`, as a person types them."""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.outlook import NOW, RULES, days, nobodys, owned, store
from trimtab.cli.main import app
from trimtab.errors import BadInput, Refused, TrimtabError
from trimtab.flow.learn import learn
from trimtab.flow.wake import Wake

HEADER = "team,cost_center,business_unit,channel,valid_from,valid_to\n"
JULY = days(date(2026, 7, 1), [10] * 5)


@dataclass(frozen=True)
class Ran:
    """What a command printed, or why it refused."""

    code: int
    out: str
    error: BaseException | None


def trimtab(*arguments: str) -> Ran:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "400"})
    return Ran(code=result.exit_code, out=result.stdout, error=result.exception)


def refusal(*arguments: str) -> TrimtabError:
    error = trimtab(*arguments).error
    assert isinstance(error, TrimtabError)
    return error


# ── owners import ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A `.trimtab/` with teams platform, web, data, ml and media of cost centers CC-1000 to CC-1400."""
    target = tmp_path / ".trimtab"
    shutil.copytree(RULES, target)
    return target


def export(tmp_path: Path, text: str) -> str:
    (tmp_path / "cmdb.csv").write_text(text)
    return str(tmp_path / "cmdb.csv")


def test_a_cmdbs_export_is_compared_and_written_only_when_told(tmp_path: Path, folder: Path) -> None:
    file = export(tmp_path, "Team;Cost Center;Business Unit;Manager Grade\nml;CC-1300;research;4\nlegal;CC-2000;products;5\n")

    shown = trimtab("owners", "import", file, "--config", str(folder))
    assert shown.code == 0
    assert "legal" in shown.out
    assert not (folder / "owners.csv").exists()

    trimtab("owners", "import", file, "--config", str(folder), "--write")
    assert (folder / "owners.csv").read_text() == HEADER + "legal,CC-2000,products,,,\nml,CC-1300,research,,,\n"

    again = trimtab("owners", "import", file, "--config", str(folder), "--write", "--format", "json")
    assert json.loads(again.out) == []


def test_what_a_run_would_refuse_is_not_written(tmp_path: Path, folder: Path) -> None:
    """The YAML says CC-1300; whichever won, half of the company would be surprised."""
    file = export(tmp_path, HEADER + "ml,CC-9999,research,,,\n")

    error = refusal("owners", "import", file, "--config", str(folder), "--write")

    assert isinstance(error, BadInput)
    assert "owners.csv: row 2, cost_center: 'CC-9999', but .trimtab/owners.yaml: teams[3].cost_center says 'CC-1300'" in str(error)
    assert not (folder / "owners.csv").exists()


def test_a_team_that_only_attribution_would_refuse_is_refused_before_it_is_written(tmp_path: Path, folder: Path) -> None:
    """`ML` and `ml!` would share one summary; found out at month's end, nobody would be billed."""
    error = refusal("owners", "import", export(tmp_path, HEADER + "ml!,CC-1300,,,,\n"), "--config", str(folder), "--write")

    assert "'ml!' has the slug 'ml' of another team" in str(error)
    assert not (folder / "owners.csv").exists()


def test_policy_check_reads_the_csv_too(tmp_path: Path, folder: Path) -> None:
    (folder / "owners.csv").write_text("team,cots_center\nml,CC-1300\n")

    assert "unknown column 'cots_center'" in str(refusal("policy", "check", str(folder)))


# ── suggestions ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with one suggestion, prod/cart-ui for web, and rules in a folder."""
    root = tmp_path / "store"
    ports = store(root, owned(JULY), nobodys("cart-ui", JULY))
    learn(Wake(key="inbox/clock/learn/2026-07-21T06:00Z"), ports, NOW)
    monkeypatch.setenv("TRIMTAB_SETTINGS", json.dumps({"config_dir": str(RULES)}))
    return f"file://{root}"


def suggested(shop: str) -> str:
    found = json.loads(trimtab("suggestions", "--store", shop, "--format", "json").out)
    return str(found["suggested"][0]["id"])


def test_the_list_shows_team_confidence_and_reason(shop: str) -> None:
    shown = trimtab("suggestions", "--store", shop)

    assert shown.code == 0
    assert all(text in shown.out for text in ("cart-ui", "web", "word:cart", suggested(shop)))


def test_a_yes_prints_the_rule_alone(shop: str) -> None:
    """So that it can be appended to owners.yaml as it is."""
    ran = trimtab("suggestions", "accept", suggested(shop), "--as", "web-owner", "--store", shop)

    assert ran.code == 0
    assert ran.out.startswith("- { id: owner-of-cart-ui-")
    assert ran.out.count("\n") == 1


def test_a_team_that_is_no_more_gets_no_rule(shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rule would name nobody, and with such a line none of owners.yaml can be read."""
    one, rules = suggested(shop), tmp_path / "rules"
    shutil.copytree(RULES, rules)
    owners = (rules / "owners.yaml").read_text()
    (rules / "owners.yaml").write_text(owners.replace("web", "front").replace("front-owner", "web-owner"))
    monkeypatch.setenv("TRIMTAB_SETTINGS", json.dumps({"config_dir": str(rules)}))

    assert "team web: owners.yaml knows no such team" in str(refusal("suggestions", "accept", one, "--as", "web-owner", "--store", shop))


def test_a_no_is_kept(shop: str) -> None:
    assert trimtab("suggestions", "reject", suggested(shop), "--as", "web-owner", "--store", shop).code == 0


def test_only_persons_and_teams_of_the_rules_may_answer(shop: str) -> None:
    one = suggested(shop)

    assert isinstance(refusal("suggestions", "accept", one, "--as", "stranger", "--store", shop), Refused)
    assert isinstance(refusal("suggestions", "accept", one, "--as", "web-owner", "--team", "ghosts", "--store", shop), BadInput)


@pytest.mark.security(1)
def test_a_remote_store_is_not_answered_by_name() -> None:
    """`--as` is a claim: only on our own disk is whoever types it the owner of the data."""
    error = refusal("suggestions", "accept", "own-000000000000", "--as", "web-owner", "--store", "s3://bucket/trimtab")

    assert isinstance(error, Refused)
    assert "--as decides on file:// stores" in str(error)
