"""The starter's CI writes its plan down: its own shell, against a forge's HTTP, in a form that is read again."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from ruamel.yaml import YAML

from trimtab.sources.terraform_plan import PlanText, parse_plans

STARTER = Path(__file__).parents[2] / "gitops_templates" / "starter"
PLAN = """Terraform will perform the following actions:

  # spectrocloud_cluster_eks.this["serving-staging"] will be updated in-place
  ~ resource "spectrocloud_cluster_eks" "this" {
      ~ tags = "a\\tb" -> "%s\\"quoted\\""
\ttab and a backquote: ```
    }

Plan: 0 to add, 1 to change, 0 to destroy.
"""
OUTCOME = "Plan: 0 to add, 1 to change, 0 to destroy."
HEAD = "3f1c9d2e5b7a8c4d6e0f1a2b3c4d5e6f7a8b9c0d"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "jq", "wget", "awk"))),
    reason="NO CURL, JQ OR WGET HERE: the starter's comment job is not run",
)


@dataclass
class Forge:
    """Answers like a forge's API and keeps what it was sent."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, str | None, Any]] = field(default_factory=list)


@pytest.fixture
def forge() -> Iterator[Forge]:
    kept = Forge()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN")
            kept.requests.append((self.command, self.path, token, json.loads(body) if body else None))
            reply = json.dumps(kept.comments if self.command == "GET" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    yield kept
    server.shutdown()
    server.server_close()


def on_github(forge: Forge, folder: Path) -> None:
    job = YAML(typ="safe", pure=True).load((STARTER / ".github/workflows/plan.yml").read_text())["jobs"]["comment"]
    given = {
        "GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "example/clusters", "TOKEN": "t", "NUMBER": "7", "HEAD": HEAD, "OUTCOME": OUTCOME,
        "PLAN": PLAN.replace("`", " "),
    }  # fmt: skip
    run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", job["steps"][0]["run"]], folder, given)


def on_gitlab(forge: Forge, folder: Path, more: Mapping[str, str] = MappingProxyType({}), plan: str = PLAN) -> None:
    job = YAML(typ="safe", pure=True).load((STARTER / ".gitlab-ci.yml").read_text())["comment"]
    (folder / "plan.txt").write_text(plan.replace("`", " "))
    given = {
        "CI_API_V4_URL": f"{forge.url}/api/v4", "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "9", "CI_COMMIT_SHA": HEAD,
        "PLAN_COMMENT_TOKEN": "t",
    }  # fmt: skip
    run(["sh", "-e", "-c", "\n".join(job["script"])], folder, {**given, **more})


def run(command: list[str], folder: Path, given: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "no_proxy": "127.0.0.1", **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_plan_of_a_commit_stands_on_the_pull_request(forge: Forge, tmp_path: Path) -> None:
    on_github(forge, tmp_path)

    (_, _, token, _), (method, path, _, sent) = forge.requests
    assert (method, path, token) == ("POST", "/repos/example/clusters/issues/7/comments", "Bearer t")
    assert sent["body"].startswith(f"<!-- terraform-plan -->\nTerraform plan of `{HEAD}`\n\n```text\n{OUTCOME}\n```\n")
    assert PLAN.replace("`", " ").strip() in sent["body"]


def test_a_second_plan_is_written_over_the_first_and_over_nobody_elses_comment(forge: Forge, tmp_path: Path) -> None:
    mark = "<!-- terraform-plan -->\nTerraform plan"
    forge.comments = [
        {"id": 1, "user": {"login": "mallory"}, "body": mark},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "something else"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": mark},
    ]

    on_github(forge, tmp_path)

    method, path, _, _ = forge.requests[-1]
    assert (method, path) == ("PATCH", "/repos/example/clusters/issues/comments/3")


@pytest.mark.parametrize("post", [on_github, on_gitlab])
def test_what_is_posted_is_understood_where_it_is_read(forge: Forge, tmp_path: Path, post: Callable[[Forge, Path], None]) -> None:
    """The commit that was planned, and what would happen to it."""
    post(forge, tmp_path)

    body = forge.requests[-1][3]["body"]
    assert HEAD in body
    assert parse_plans([body]) == PlanText(changes=1)


def test_on_gitlab_the_reviewed_commit_is_named_and_not_the_merged_result(forge: Forge, tmp_path: Path) -> None:
    on_gitlab(forge, tmp_path, {"CI_COMMIT_SHA": "a" * 40, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD})

    assert HEAD in forge.requests[-1][3]["body"]
    assert "a" * 40 not in forge.requests[-1][3]["body"]


def test_on_gitlab_the_plan_says_the_same(forge: Forge, tmp_path: Path) -> None:
    """The image has no jq: what its own tools write is JSON all the same."""
    on_gitlab(forge, tmp_path)

    (method, path, token, sent) = forge.requests[-1]
    assert (method, path, token) == ("POST", "/api/v4/projects/5/merge_requests/9/notes", "t")
    assert sent["body"].startswith(f"<!-- terraform-plan -->\nTerraform plan of `{HEAD}`\n\n```text\n{OUTCOME}\n```\n")
    assert PLAN.replace("`", " ").strip() in sent["body"]


@pytest.mark.parametrize("shift", range(3))
def test_on_gitlab_a_long_plan_is_cut_where_no_letter_breaks(forge: Forge, tmp_path: Path, shift: int) -> None:
    """Terraform rules its plans off with letters of three bytes; half of one would make the whole note no JSON, and GitLab refuse it."""
    ruled = ("x" * shift + "\u2500" * 30 + "\n") * 2000

    on_gitlab(forge, tmp_path, plan=ruled + PLAN)

    body = forge.requests[-1][3]["body"]
    assert 15_000 < len(body) < 60_000  # the limit is one of bytes or of letters, as the awk at hand counts
    assert parse_plans([body]) == PlanText(changes=1)


@pytest.mark.parametrize(
    ("actions", "outcome"),
    [
        ([["update"], ["no-op"], ["read"]], OUTCOME),
        ([["delete", "create"], ["create"]], "Plan: 2 to add, 0 to change, 1 to destroy."),
        ([["delete"], ["create", "delete"]], "Plan: 1 to add, 0 to change, 2 to destroy."),
        (None, "Plan: 0 to add, 0 to change, 0 to destroy."),
    ],
)
def test_the_outcome_is_counted_from_the_plan_itself_and_not_from_its_words(actions: list[list[str]] | None, outcome: str) -> None:
    """Words of a plan may be anybody's; a replacement counts as both, as Terraform counts it."""
    step = YAML(typ="safe", pure=True).load((STARTER / ".github/workflows/plan.yml").read_text())["jobs"]["plan"]["steps"][-1]["run"]
    program = step.split("jq -r '")[1].split("')\"")[0]
    plan = {} if actions is None else {"resource_changes": [{"change": {"actions": one}} for one in actions]}

    done = subprocess.run(["jq", "-r", program], input=json.dumps(plan), capture_output=True, text=True, check=True)

    assert done.stdout.strip() == outcome
