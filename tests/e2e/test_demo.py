"""The demo as its user runs it: one command, offline, whole; killed anywhere it is finished by the next one; twice is once."""

import csv
import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 20
SEED = int(os.environ.get("TRIMTAB_KILL_SEED", "20260803"))


def trimtab(*words: str, store: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command on a store."""
    command = [sys.executable, "-m", "trimtab.cli.main", *words, "--store", f"file://{store}"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if check:
        assert done.returncode == 0, done.stderr[-4000:]
    return done


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    return clean | {"PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}


def answer(*words: str, store: Path) -> Any:
    return json.loads(trimtab(*words, "--format", "json", store=store).stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on which the demo ran once, undisturbed."""
    store = tmp_path_factory.mktemp("demo") / "store"
    started = time.monotonic()
    trimtab("demo", store=store)
    print(f"the demo took {time.monotonic() - started:.0f} s")
    return store


@pytest.fixture
def copied(demo: Path, tmp_path: Path) -> Path:
    """The same store, to break: its settings name the copy, or the first one's repository would be changed."""
    store = Path(shutil.copytree(demo, tmp_path / "store"))
    settings = store / "settings.json"
    settings.write_text(settings.read_text().replace(str(demo), str(store)))
    return store


def end_state(store: Path) -> dict[str, Any]:
    """What people would see, apart from marks that are new in every store (nonces, hashes, secrets)."""
    git = subprocess.run(
        ["git", "-C", str(store / "demo" / "gitops.git"), "for-each-ref", "--format=%(refname) %(tree)"],
        capture_output=True,
        text=True,
        check=True,
    )
    cards = [json.loads(path.read_text()) for path in sorted((store / "demo" / "slack").rglob("*.json"))]
    return {
        "refs": sorted(git.stdout.splitlines()),
        "proposals": answer("proposals", store=store),
        "costs": answer("costs", "--by", "team,part", store=store),
        "pulls": sorted(path.name for path in (store / "demo" / "gitops.git").rglob("pulls/*.json")),
        "cards": sorted(re.sub(r"\b[0-9a-f]{10}\b", "#", str(card.get("text"))) for card in cards),
        "palette": json.loads(next((store / "demo" / "palette").glob("*.json")).read_text()),
    }


def kept(store: Path) -> dict[str, bytes]:
    """Everything that a second run could have changed: ledger, inbox, forge and Slack."""
    places = [store / "estate" / name for name in ("streams", "inbox", "done", "slots", "seals")] + [store / "demo"]
    return {str(path.relative_to(store)): path.read_bytes() for place in places for path in sorted(place.rglob("*")) if path.is_file()}


# ── what it ends with ────────────────────────────────────────────────────────────────────────────────────────────────
def billed_rows(store: Path) -> Iterator[dict[str, str]]:
    for path in sorted((store / "demo" / "exports").rglob("*.csv*")):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from csv.DictReader(io.StringIO(text.decode(), newline=""))


def test_the_four_parts_equal_the_bill_of_both_exports_exactly(demo: Path) -> None:
    """Promise 1, from the exports' own text to what the command prints, in Decimal."""
    billed: dict[str, Decimal] = {}
    for row in billed_rows(demo):
        billed[row["BillingCurrency"]] = billed.get(row["BillingCurrency"], Decimal(0)) + Decimal(row["BilledCost"])

    rows = answer("costs", "--by", "part", store=demo)["rows"]
    parts: dict[str, Decimal] = {}
    for row in rows:
        parts[row["currency"]] = parts.get(row["currency"], Decimal(0)) + Decimal(row["amounts"]["billed"])

    assert {row["keys"][0] for row in rows} == {"allocated", "idle", "unallocated", "not-kubernetes"}
    assert parts == billed


def test_one_change_merged_by_itself_and_it_was_low_risk_outside_production(demo: Path) -> None:
    """Auto-merge is for low-risk changes in proven non-production only (promise 3)."""
    alone = [row for row in answer("proposals", store=demo) if row["tier"] == "auto-merge"]

    assert [(row["risk"], row["merged_by"], row["pool"]) for row in alone] == [("low", "trimtab", "dev-sandbox/general")]
    assert alone[0]["state"] in ("applied", "verified")


def test_a_persons_click_merged_one_and_a_persons_no_closed_one(demo: Path) -> None:
    """Both decisions came through the signed Slack requests that receive kept."""
    rows = answer("proposals", store=demo)

    assert any(row["tier"] == "one-approval" and row["merged_by"] == "trimtab" for row in rows)
    assert any(row["state"] == "rejected" for row in rows)
    assert any(row["state"] == "awaiting-approval" and row["waits_for"] for row in rows)


def test_every_named_case_of_the_estate_is_told(demo: Path) -> None:
    """Missing metrics, drift, warm replicas: each is a refusal by name, never a guess."""
    story = json.loads(trimtab("demo", "--format", "json", store=demo).stdout)
    rules = {row["rule"] for row in story["refusals"]} | {row["rule"] for row in story["not_opened"]}

    assert {"metrics-missing", "warm-idle", "fits"} <= rules
    assert any("the file says" in row["reason"] for row in story["not_opened"])
    assert {"node-count-down", "spot", "gpu-idle"} <= {row["rule"] for row in story["findings"]}


def test_a_second_run_changes_nothing(copied: Path) -> None:
    """Every event is delivered again: no new branch, commit, entry or card (promise 4)."""
    before = kept(copied)

    trimtab("demo", store=copied)

    assert kept(copied) == before


# ── the commands on its store ────────────────────────────────────────────────────────────────────────────────────────
def test_the_store_answers_the_commands_that_scripts_use(demo: Path) -> None:
    """Stable names: JSON on stdout alone."""
    teams = answer("costs", "--by", "team", store=demo)
    proposal = answer("proposals", store=demo)[0]["id"]

    assert teams["rows"]
    assert answer("show", proposal, store=demo)["id"] == proposal
    assert answer("explain", proposal, store=demo)[0]["what"] == "planned"
    assert answer("ledger", "verify", store=demo) == {"consistent": True, "proven_until": None, "breaks": []}


def test_a_row_explains_itself_from_bill_to_owner(demo: Path) -> None:
    """Promise 5 for money."""
    from trimtab import settings, wiring

    ports = wiring.build(settings.load({}, f"file://{demo}"))
    with ports.engine.session() as session:
        from trimtab.tables import scan

        session.run(f"CREATE TEMP VIEW allocated AS {scan('allocated', ports.lake.files('allocated'))}")
        row = session.rows("""SELECT "x_AllocatedRowId" FROM allocated WHERE "x_Part" = 'allocated' ORDER BY 1 LIMIT 1""")[0][0]

    told = trimtab("explain", str(row), store=demo).stdout

    assert "team" in told.lower()


def entries(store: Path) -> list[Path]:
    return sorted(path for path in (store / "estate" / "streams").rglob("*") if path.is_file())


def test_every_verdict_of_the_demo_is_made_again_to_the_letter(demo: Path, tmp_path: Path) -> None:
    """The record holds what each was made from: an auditor need not believe the words that were kept."""
    bare = subprocess.run(
        ["git", "-C", str(demo / "demo" / "gitops.git"), "archive", "main", ".trimtab"], capture_output=True, check=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=bare, check=True)
    past = answer("policy", "check", str(tmp_path / ".trimtab"), store=demo)["past"]

    assert len(past["judgements"]) >= past["proposals"] >= 5
    assert past["lost"] == []
    assert all(replay["is_as_recorded"] for replay in past["judgements"])
    assert not past["is_looser"]


def test_the_audit_names_who_approved_what_and_a_verdict_that_explains_itself(demo: Path) -> None:
    changes = answer("audit", "--from", "2026-08-01", store=demo)["changes"]

    clicked = next(change for change in changes if change["approvals"])
    assert clicked["approvals"][0]["person"] == "platform-owner"
    told = answer("explain", clicked["verdict"], store=demo)
    assert (told["judged_again"], told["inputs"]) == ("the same", clicked["inputs"])


def test_what_its_merges_say_of_the_record_in_git_is_in_the_record(demo: Path) -> None:
    done = trimtab("ledger", "verify", "--git", str(demo / "demo" / "gitops.git"), store=demo)

    assert "; 2 merges in Git name entries that are all there" in done.stdout + done.stderr


@pytest.mark.parametrize("which", ["newest", "oldest", "middle"])
def test_one_changed_byte_of_a_ledger_entry_is_named(copied: Path, which: str) -> None:
    """Also of the newest entry, which nothing after it vouches for."""
    files = sorted(entries(copied), key=lambda path: (path.stat().st_mtime_ns, path.name))
    target = {"newest": files[-1], "oldest": files[0], "middle": files[len(files) // 2]}[which]
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)

    done = trimtab("ledger", "verify", store=copied, check=False)

    assert done.returncode == 1
    assert str(target.relative_to(copied / "estate")) in done.stderr + done.stdout


def test_a_copy_that_still_names_the_first_store_is_refused(demo: Path, tmp_path: Path) -> None:
    """It would write to the first one's repository."""
    store = Path(shutil.copytree(demo, tmp_path / "store"))

    done = trimtab("proposals", store=store, check=False)

    assert done.returncode != 0
    assert f"store says file://{demo}, so this is a copy of that one" in done.stderr


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_person_takes_back_what_was_merged_and_its_rule_is_frozen_until_lifted(copied: Path) -> None:
    """Whoever approved it agreed to that, so the rollback merges at once; the same rule waits for a person from then on."""
    rows = answer("proposals", store=copied)
    (merged,) = [row["id"] for row in rows if row["pool"] == "dev-sandbox/gpu-t4" and row["state"] == "applied"]
    open_one = next(row["id"] for row in rows if row["state"] == "awaiting-approval")

    refused = trimtab("rollback", open_one, "--as", "ml-owner", "--reason", "no", store=copied, check=False)
    told = trimtab("rollback", merged, "--as", "ml-owner", "--reason", "slow jobs", store=copied).stdout
    trimtab("verify", store=copied)
    (frozen,) = answer("freeze", store=copied)
    trimtab("freeze", "dev-sandbox/gpu-idle", "--lift", "--as", "ml-owner", "--reason", "found the cause", store=copied)

    assert refused.returncode == 1
    assert told.endswith("is merged\n")
    assert {row["id"]: row["state"] for row in answer("proposals", store=copied)}[merged] == "rolled-back"
    assert (frozen["what"], frozen["why"]) == ("gpu-idle", "gpu-t4: ml-owner asked to undo it: slow jobs")
    assert answer("freeze", store=copied) == []


def run_for(seconds: float, store: Path) -> bool:
    """Run the demo and kill it after so many seconds; True = it came to its end before."""
    command = [sys.executable, "-m", "trimtab.cli.main", "demo", "--store", f"file://{store}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def test_a_demo_killed_twenty_times_ends_like_an_undisturbed_one(demo: Path, tmp_path: Path) -> None:
    """kill -9 at random moments, again and again on one store, then one run to the end (promise 4)."""
    print(f"seed {SEED}")
    moments = random.Random(SEED)
    store = tmp_path / "killed"
    killed = 0
    while killed < KILLS:
        if run_for(moments.uniform(1.0, 8.0), store):
            assert end_state(store) == end_state(demo)
            shutil.rmtree(store)
        else:
            killed += 1

    trimtab("demo", store=store)

    assert end_state(store) == end_state(demo)
    assert answer("ledger", "verify", store=store)["consistent"]
