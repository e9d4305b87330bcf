"""The cost commands as their users type them, over a real bill that was read and attributed."""

import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "shared" / "trimtab" / "demo" / "data" / "focus_sample_1.0.csv"
STARTER = ROOT / "gitops_templates" / "starter" / ".trimtab"


def trimtab(*words: str, store: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    environ = clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "trimtab.cli.main", *words, "--store", f"file://{store}"]
    return subprocess.run(command, cwd=store.parent, env=environ, capture_output=True, text=True, check=False, timeout=120)


def told(*words: str, store: Path) -> Any:
    done = trimtab(*words, "--format", "json", store=store)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_float=Decimal)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample bill, attributed by the starter's rules."""
    folder = tmp_path_factory.mktemp("costs")
    shutil.copyfile(SAMPLE, folder / "bill.csv")
    for words in (("ingest", str(folder / "bill.csv")), ("allocate", "--config", str(STARTER))):
        done = trimtab(*words, store=folder / "store")
        assert done.returncode == 0, done.stderr
    return folder / "store"


def test_options_leave_the_sum_as_it_is(store: Path) -> None:
    plain = told("costs", "--by", "service", store=store)
    asked = told("costs", "--by", "service", "--idle", "share", "--filter", "service=Amazon.*", store=store)

    assert {line["name"] for line in asked["apart"]} == {"allocated", "filtered out"}
    shown = sum(Decimal(row["amounts"]["effective"]) for row in asked["rows"])
    left = sum(Decimal(line["amounts"]["effective"]) for line in asked["apart"] if line["name"] == "filtered out")
    assert shown + left == sum(Decimal(row["amounts"]["effective"]) for row in plain["rows"])
    assert plain["apart"] == []


def test_a_reporting_currency_without_its_rates_is_said_and_has_no_number(store: Path) -> None:
    (store.parent / "fx.csv").write_text("date,from,to,rate\n2024-01-01,USD,EUR,0.9\n")

    done = trimtab("costs", "--in", "EUR", "--fx", str(store.parent / "fx.csv"), store=store)

    assert done.returncode == 0
    assert "no rate into EUR for USD on 2024-" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("costs", "--idle", "spread"), "--idle spread: expected separate, share, hide"),
        (("costs", "--filter", "owner=x"), "--filter owner: no such key"),
        (("costs", "--overhead", "many"), "--overhead many: expected AMOUNT"),
        (("costs", "--fx", str(SAMPLE)), "--fx: say the currency too"),
        (("costs", "--in", "EUR", "--fx", str(SAMPLE)), "line 1: expected the columns date,from,to,rate"),
        (("rates", "--by", "team"), "rates are by cluster, pool, instance-type"),
        (("variance", "--by", "team"), "--by team: the variance is by cluster"),
        (("audit-sample", "--size", "0"), "--size 0: expected 1 to 2000"),
        (("audit-sample", "answer", "alloc-1", "maybe", "--as", "x"), "maybe: expected yes or no"),
        (("audit-sample", "answer", "alloc-1", "no", "--as", "x"), "--reason: say what is wrong"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_names_it(store: Path, words: tuple[str, ...], says: str) -> None:
    done = trimtab(*words, store=store)

    assert (done.returncode, done.stdout) == (2, "")
    assert says in " ".join(done.stderr.split())


def test_the_variance_of_a_bill_without_clusters_is_what_is_outside(store: Path) -> None:
    report = told("variance", store=store)

    (row,) = report["rows"]
    assert Decimal(row["estimate"]) == 0
    assert sum(Decimal(amount) for _, amount in row["causes"]) == Decimal(row["bill"])


def test_a_sample_is_drawn_and_its_rows_tell_their_story(store: Path) -> None:
    first, again = (told("audit-sample", "--size", "5", "--seed", "3", "--period", "2024-09", store=store) for _ in range(2))

    assert first == again
    story = trimtab("explain", first["rows"][0]["id"], store=store)
    assert story.returncode == 0, story.stderr
    assert "not split" in story.stdout


def test_rates_without_capacity_are_an_empty_answer(store: Path) -> None:
    assert told("rates", store=store)["rows"] == []
