"""Who may do what on AWS: the table in rights.json against the code, both ways. No Terraform is needed for it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.iam_policies import FUNCTIONS, RIGHTS, allows, rights_of
from trimtab.flow.landed import ALLOCATE
from trimtab.flow.pull import REQUEST
from trimtab.flow.wake import AGAIN, ROUTES, function_of
from trimtab.receive_settings import SENDER_SECRETS
from trimtab.settings import SECRETS

ROOT = Path(__file__).parents[2]
LEDGER, STORE = "arn:aws:s3:::ledger/default", "arn:aws:s3:::store/default"
HERE_ONLY = {"azure_token", "openmetrics_token"}
"""Secrets of commands that a person runs; no function is given them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """(function, action, resource) of everything that functions touch in the demo's morning, ledger and store told apart."""
    folder = tmp_path_factory.mktemp("recorded") / "demo"
    arguments = [sys.executable, "-m", "tests.infra.record_calls", str(folder)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True)
    return [(function, action, resource) for function, action, resource in json.loads(done.stdout)]


def test_each_function_is_in_both_tables_and_nothing_else_is() -> None:
    """A function without rights would fail; rights without a function would be forgotten."""
    folders = {path.parent.name for path in ROOT.glob("functions/*/aws.py")}

    assert set(FUNCTIONS) == folders
    assert set(RIGHTS) == folders


def test_every_inbox_source_reaches_the_function_that_serves_it() -> None:
    """A source that nobody is notified of would wait for the hourly sweep."""
    reached = {prefix: name for name, each in FUNCTIONS.items() for prefix in each.get("inbox", [])}

    assert all(function_of(f"inbox/{prefix}x/y") == name for prefix, name in reached.items())
    assert {prefix.split("/")[0] for prefix in reached} == {*ROUTES, AGAIN.split("/")[1]}
    assert {f"inbox/{prefix}" for prefix, name in reached.items() if prefix.startswith("ingest/")} == {ALLOCATE, REQUEST}
    assert {prefix for prefix in reached if prefix.startswith("again/")} == {
        f"again/{name}/" for name in FUNCTIONS if name in reached.values()
    }


def test_a_tick_and_a_drop_do_not_wake_a_second_time() -> None:
    """Who is woken by them keeps them in the inbox itself; a notification of that would be the same work beside it."""
    reached = [f"inbox/{prefix}" for each in FUNCTIONS.values() for prefix in each.get("inbox", [])]

    assert not [prefix for prefix in reached if "inbox/clock/verify/2026-08-03T09:25Z".startswith(prefix)]
    assert not [prefix for prefix in reached if f"inbox/ingest/{'a' * 40}".startswith(prefix)]


@pytest.mark.security(28)
def test_every_right_names_the_call_that_needs_it() -> None:
    """Whoever reads the table can look each line up; a line whose call is gone must go too."""
    for function, each in RIGHTS.items():
        for right in each["rights"]:
            file, _, name = right["for"].partition(";")[0].partition(":")
            source = (ROOT / "shared" / "trimtab" / file).read_text()

            assert re.search(rf"^(\s*def {re.escape(name)}\(|{re.escape(name)} = )", source, re.MULTILINE), f"{function}: {right['for']}"


@pytest.mark.slow
@pytest.mark.security(28)
def test_all_that_functions_touch_in_the_demo_is_allowed(recorded: list[tuple[str, str, str]]) -> None:
    """The other way: a call that its role does not allow would fail in the cloud alone."""
    refused = [call for call in recorded if not allows(rights_of(call[0], "estate"), call[1], call[2])]

    assert {function for function, _, _ in recorded} == set(FUNCTIONS)
    assert refused == []


@pytest.mark.security(28)
def test_secrets_go_to_whom_they_are_for() -> None:
    """What can gate is with merge, what tells people is with alert, what writes to Palette is with verify; receive has proofs alone."""
    holders = {secret: {name for name, each in RIGHTS.items() if secret in each["secrets"]} for secret in SECRETS}

    assert set(RIGHTS["receive"]["secrets"]) == set(SENDER_SECRETS.values())
    assert holders["github_gate_key"] == holders["gitlab_merger_token"] == {"merge"}
    assert holders["github_writer_key"] == holders["gitlab_writer_token"] == {"propose", "merge", "verify"}
    assert holders["teams_webhooks"] == holders["smtp_password"] == {"alert"}
    assert holders["palette_write_key"] == {"verify"}
    assert holders["azure_sas"] == {"ingest"}
    assert {secret for secret, found in holders.items() if not found} == HERE_ONLY


@pytest.mark.security(11)
@pytest.mark.parametrize("source", ["slack", "github", "gitlab"])
def test_nobody_but_receive_can_put_a_click_or_a_webhook(source: str) -> None:
    """A function that could would approve in somebody's name, if ever a signature were not checked again."""
    may = {name for name in FUNCTIONS if allows(rights_of(name), "s3:PutObject", f"{LEDGER}/inbox/{source}/{'a' * 64}")}

    assert may == {"receive"}


@pytest.mark.security(29)
def test_receive_reads_and_writes_nothing_but_its_requests_and_the_keys_of_azure() -> None:
    rights = rights_of("receive")

    assert {action for right in rights for action in right["Action"]} == {"s3:PutObject", "s3:GetObject", "secretsmanager:GetSecretValue"}
    assert not allows(rights, "s3:GetObject", f"{LEDGER}/streams/proposals/prop-1/0000000000")
    assert not allows(rights, "s3:PutObject", f"{LEDGER}/inbox/decide/prop-1.0.x")
    assert not allows(rights, "s3:PutObject", f"{LEDGER}/done/slack/x")


@pytest.mark.security(21)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_can_write_a_go(function: str) -> None:
    """Three may stop everything; only an operator's own rights resume."""
    assert not allows(rights_of(function), "s3:PutObject", f"{LEDGER}/permit/0000000007")
    assert allows(rights_of(function), "s3:PutObject", f"{LEDGER}/permit/0000000007.stop") is (function in {"propose", "merge", "verify"})


@pytest.mark.security(17)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_can_delete_from_the_ledger_or_the_documents(function: str) -> None:
    """Only the lake's writer deletes at all: what a table's log has outlived."""
    for key in ("streams/proposals/prop-1/0000000000", "inbox/slack/x", "people/x", "permit/0000000000"):
        assert not allows(rights_of(function), "s3:DeleteObject", f"{LEDGER}/{key}")
    assert not allows(rights_of(function), "s3:DeleteObject", f"{STORE}/docs/inputs/x.json")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_can_replace_the_code_of_any(function: str) -> None:
    """The bundles lie in the store's bucket, beside every tenant's folder."""
    assert not allows(rights_of(function), "s3:PutObject", "arn:aws:s3:::store/bundles/merge.zip")
