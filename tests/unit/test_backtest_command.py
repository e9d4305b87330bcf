"""`trimtab backtest`: the stable JSON, one pool or several, exit codes, and errors in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from trimtab.cli import backtest
from trimtab.errors import BadInput

TRACES = Path(__file__).parents[1] / "accuracy" / "traces"
HELIOS = str(TRACES / "helios_eight_teams_hourly.parquet")
KEYS = {"policy", "instance_type", "nodes", "max_nodes", "saving", "slack", "violations_per_1000_node_hours", "judged_days"}


def trimtab(*arguments: str) -> Result:
    app = typer.Typer()
    backtest.register(app)
    return CliRunner().invoke(app, arguments)


def document(*arguments: str) -> Any:
    return json.loads(trimtab(*arguments, "--format", "json").stdout)


def test_one_pool_is_one_object_in_the_stable_form() -> None:
    found = document(HELIOS, "--pool", "vcJkd", "--nodes", "16", "--fit-days", "14")

    assert set(found) == {"current", "policies", "decision", "reasons"}
    assert [one["policy"] for one in found["policies"]] == ["trimtab", "current", "max", "p99", "kubecost", "vpa"]
    assert all(set(one) == KEYS for one in (found["current"], *found["policies"]))
    assert (found["decision"], found["current"]["nodes"], found["policies"][0]["nodes"]) == ("change", 16, 4)
    assert (found["policies"][0]["saving"], found["policies"][0]["judged_days"]) == (0.75, 17)


def test_several_pools_have_an_object_each_and_a_total() -> None:
    found = document(HELIOS, "--nodes", "vcJkd=16", "--nodes", "vcMod=64", "--policy", "max", "--policy", "trimtab")

    assert len(found["pools"]) == 8
    assert found["pools"]["vcJkd"]["current"]["nodes"] == 16
    assert [one["policy"] for one in found["total"]["policies"]] == ["max", "trimtab"]
    assert set(found["total"]["current"]) == set(found["total"]["hindsight"]) == KEYS


def test_a_pool_that_is_too_short_is_refused_among_the_others_by_name() -> None:
    """Fifty machines, four of which were there for a week: the others are judged."""
    found = document(str(TRACES / "bitbrains_fifty_machines_hourly.parquet"), "--fit-days", "14")

    short = [name for name, pool in found["pools"].items() if pool["decision"] == "refuse"]

    assert short == ["vm-1052", "vm-308", "vm-557"]
    assert "--fit-days 14: expected 1 to 5" in found["pools"]["vm-1052"]["reasons"][0]
    assert found["total"]["current"]["nodes"] == 190


def test_nodes_of_a_type_are_packed_and_not_added_up() -> None:
    found = document(HELIOS, "--pool", "vcJkd", "--nodes", "2", "--instance-type", "p4d.24xlarge")

    assert (found["current"]["instance_type"], found["policies"][0]["nodes"]) == ("p4d.24xlarge", 1)


def test_a_person_sees_a_table_a_chart_and_the_reasons() -> None:
    shown = trimtab(HELIOS, "--pool", "vcJkd", "--nodes", "16").stdout

    assert "Fitted on 21 days, judged on the 10 after them" in shown
    assert "now 16" in shown
    assert "proposed 4" in shown
    assert "Decision: change" in shown
    assert "rule of three" in shown


def test_many_pools_are_a_row_each() -> None:
    shown = trimtab(HELIOS, "--nodes", "64").stdout

    assert "8 pools" in shown
    assert "All 8 judged pools together" in shown
    assert "hindsight" in shown


def test_a_refusal_exits_with_one_and_says_why(tmp_path: Path) -> None:
    short = tmp_path / "day.csv"
    short.write_text("timestamp,workload,gpu_request\n" + "".join(f"{3600 * hour},w,1\n" for hour in range(24)))

    answer = trimtab(str(short), "--format", "json")

    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["decision"] == "refuse"
    assert "too little history: 1.0 days" in json.loads(answer.stdout)["reasons"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pool", "vcX"), "--pool vcX: helios_eight_teams_hourly.parquet has no such pool; it has 'vc3sl'"),
        (("--nodes", "many"), "--nodes many: expected N or POOL=N"),
        (("--nodes", "0"), "--nodes 0: expected N or POOL=N"),
        (("--nodes", "vcX=3"), "--nodes vcX=3: helios_eight_teams_hourly.parquet has no pool 'vcX'"),
        (("--instance-type", "p4d.24xlrge"), "--instance-type p4d.24xlrge: unknown in aws us-east-1; did you mean p4d.24xlarge"),
        (("--instance-type", "p4d.24xlarge", "--region", "mars"), "--region mars: the bundled catalog has nothing of aws there"),
        (("--instance-type", "x", "--cloud", "moon"), "--cloud moon: expected aws"),
        (("--pool", "vcJkd", "--fit-days", "99"), "pool vcJkd: --fit-days 99: expected 1 to 30, the demand has 31 days"),
        (("--pool", "vcJkd", "--by", "use"), "pool vcJkd: --by use: only cores are judged by use"),
        (("--by", "use", "--instance-type", "p4d.24xlarge"), "--by use: a scheduler packs what pods ask for"),
    ],
)
def test_a_bad_option_is_one_line_that_names_it(arguments: tuple[str, ...], message: str) -> None:
    error = trimtab(HELIOS, *arguments).exception

    assert isinstance(error, BadInput)
    assert message in str(error)
    assert "\n" not in str(error)


def test_a_policy_that_nobody_knows_is_bad_input() -> None:
    assert trimtab(HELIOS, "--policy", "p95").exit_code == 2
