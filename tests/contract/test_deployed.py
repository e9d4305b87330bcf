"""What is deployed against what the code expects: AWS as moto serves it, Google Cloud's functions as a server of their REST shapes."""

import io
import json
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.functions_v2 import FunctionServiceClient
from google.cloud.functions_v2.services.function_service.transports import FunctionServiceRestTransport
from typer.testing import CliRunner

from tests.aws_server import aws_server, speaking_to
from trimtab.adapters.aws.deployed import AwsDeployment, aws_deployment
from trimtab.adapters.gcp.deployed import GoogleDeployment
from trimtab.cli.main import app
from trimtab.errors import Refused, Upstream
from trimtab.flow.deployed import EXPECTED, compare, orphans, prune
from trimtab.ports import Deployed

REGION, PREFIX = "eu-west-1", "prod"
ROOT = Path(__file__).parents[2]
TAGS = {"trimtab": PREFIX}
ROLE = "arn:aws:iam::123456789012:role/x"


def a_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("functions/none.py", "")
    return content.getvalue()


@pytest.fixture(scope="module")
def account() -> Iterator[AwsDeployment]:
    """An account with everything that Terraform makes of this version."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with aws_server() as url, speaking_to(url, REGION):
        boto3.client("iam").create_role(RoleName="x", AssumeRolePolicyDocument=policy)
        made = aws_deployment(PREFIX, REGION)
        made.client("scheduler").create_schedule_group(Name=PREFIX, Tags=[{"Key": "trimtab", "Value": PREFIX}])
        mend(made)
        yield made


@pytest.fixture
def aws(account: AwsDeployment) -> Iterator[AwsDeployment]:
    """The same account as it was, whatever a test did to it."""
    yield account
    mend(account)


def mend(aws: AwsDeployment) -> None:
    """Everything that is expected, and nothing else with our tag."""
    for part in aws.parts():
        if part.function not in EXPECTED or part.trouble:
            aws.remove(part)
    there = {(part.function, part.kind) for part in aws.parts()}
    for function, kind in {(function, kind) for function, kinds in EXPECTED.items() for kind in kinds} - there:
        make(aws, kind, function)


def make(aws: AwsDeployment, kind: str, function: str, tags: dict[str, str] | None = None, prefix: str = PREFIX) -> None:
    """One thing as infra/terraform names and tags it."""
    name, tags = f"{prefix}-{function}", TAGS if tags is None else tags
    match kind:
        case "function":
            aws.client("lambda").create_function(
                FunctionName=name, Runtime="python3.12", Role=ROLE, Handler=f"functions.{function}.aws.handler", Code={"ZipFile": a_zip()},
                Tags=tags,
            )  # fmt: skip
        case "queue":
            aws.client("sqs").create_queue(QueueName=name, tags=tags)
        case "dead letters":
            aws.client("sqs").create_queue(QueueName=f"{name}-dead", tags=tags)
        case "logs":
            aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}", tags=tags)
        case "schedule":
            aws.client("scheduler").create_schedule(
                Name=name, GroupName=PREFIX, ScheduleExpression="rate(5 minutes)", FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": f"arn:aws:lambda:{REGION}:123456789012:function:{name}", "RoleArn": ROLE},
            )  # fmt: skip


def said(aws: AwsDeployment | GoogleDeployment) -> dict[str, tuple[str, str]]:
    return {item.about: (item.color, item.detail) for item in compare(aws)}


# ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_deployment_of_this_version_is_one_green_line(aws: AwsDeployment) -> None:
    assert said(aws) == {"deployment": ("green", "prod in eu-west-1: all 9 functions, and nothing else")}


def test_what_is_missing_is_named_by_its_function(aws: AwsDeployment) -> None:
    aws.client("lambda").delete_function(FunctionName="prod-merge")
    aws.client("scheduler").delete_schedule(GroupName=PREFIX, Name="prod-verify")

    assert said(aws) == {"merge (deployed)": ("red", "has no function"), "verify (deployed)": ("red", "has no schedule")}


def test_what_is_there_and_does_not_run_is_red(aws: AwsDeployment) -> None:
    service = aws.client("lambda")
    service.update_function_configuration(FunctionName="prod-merge", Handler="old.handler")
    service.put_function_concurrency(FunctionName="prod-verify", ReservedConcurrentExecutions=0)
    queue = aws.client("sqs").get_queue_url(QueueName="prod-alert-dead")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")

    found = said(aws)

    assert found["function prod-merge"] == ("red", "its handler is old.handler")
    assert found["function prod-verify"] == ("red", "its concurrency is 0, so it never runs")
    assert found["dead letters prod-alert-dead"] == ("red", "1 messages that nobody could serve")


def test_a_queue_that_wakes_nobody_is_said(aws: AwsDeployment) -> None:
    queue = f"arn:aws:sqs:{REGION}:123456789012:prod-merge"
    aws.client("lambda").create_event_source_mapping(FunctionName="prod-merge", EventSourceArn=queue, Enabled=False)

    assert said(aws)["function prod-merge"] == ("red", "it is not woken by prod-merge: disabled")


def test_orphans_are_what_carries_our_tag_and_is_of_no_function_that_there_is(aws: AwsDeployment) -> None:
    """Somebody else's function may have any name; a deployment beside this one has another tag."""
    for kind in ("function", "queue", "dead letters", "logs", "schedule"):
        make(aws, kind, "forecast")
    make(aws, "function", "of-somebody", tags={})
    make(aws, "queue", "of-somebody", tags={"trimtab": "prod-eu"})
    make(aws, "logs", "of-somebody", tags={})

    assert {(part.kind, part.name) for part in orphans(aws)} == {
        ("function", "prod-forecast"),
        ("queue", "prod-forecast"),
        ("dead letters", "prod-forecast-dead"),
        ("logs", "/aws/lambda/prod-forecast"),
        ("schedule", "prod-forecast"),
    }
    assert {color for color, _ in said(aws).values()} == {"yellow"}


def test_pruning_removes_the_orphans_and_nothing_else(aws: AwsDeployment) -> None:
    kinds = ("function", "queue", "dead letters", "logs", "schedule")
    for kind in kinds:
        make(aws, kind, "forecast")
    make(aws, "function", "of-another", tags={})

    done = list(prune(orphans(aws), aws))

    assert [why for _, why in done] == [""] * len(kinds)
    assert set(said(aws)) == {"deployment"}
    names = [each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]]
    assert "prod-of-another" in names


def test_a_thing_whose_tag_is_gone_by_then_is_left_alone(aws: AwsDeployment) -> None:
    """Between the list and the answer somebody may have made it theirs."""
    make(aws, "queue", "forecast")
    found = orphans(aws)
    queue = aws.client("sqs").get_queue_url(QueueName="prod-forecast")["QueueUrl"]
    aws.client("sqs").untag_queue(QueueUrl=queue, TagKeys=["trimtab"])

    ((_, why),) = prune(found, aws)

    assert "not ours to remove" in why
    assert aws.client("sqs").get_queue_url(QueueName="prod-forecast")


def test_nothing_of_a_function_of_this_version_is_ever_removed(aws: AwsDeployment) -> None:
    ((_, why),) = prune((Deployed(kind="function", name="prod-merge", function="merge"),), aws)

    assert why == "merge is a function of this version"
    assert set(said(aws)) == {"deployment"}


def test_an_account_that_does_not_answer_is_said_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    aws = aws_deployment(PREFIX, REGION)

    assert said(aws)["deployment"][0] == "yellow"
    with pytest.raises(Upstream, match="AWS: "):
        orphans(aws)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def store(tmp_path: Path) -> str:
    at = {"cloud": "aws", "prefix": PREFIX, "region": REGION}
    (tmp_path / "settings.json").write_text(json.dumps({"deployed_at": at}))
    return tmp_path.as_uri()


def test_the_command_removes_only_after_the_name_was_typed(aws: AwsDeployment, store: str) -> None:
    make(aws, "queue", "forecast")

    wrong = CliRunner().invoke(app, ["doctor", "--prune", "--store", store], input="yes\n")

    assert isinstance(wrong.exception, Refused)
    assert [part.name for part in orphans(aws)] == ["prod-forecast"]

    CliRunner().invoke(app, ["doctor", "--prune", "--store", store], input="prod\n")

    assert orphans(aws) == ()


def test_the_command_says_what_is_deployed_beside_all_else(aws: AwsDeployment, store: str) -> None:
    aws.client("lambda").delete_function(FunctionName="prod-merge")

    told = CliRunner().invoke(app, ["doctor", "--store", store, "--format", "json"])

    items = {item["about"]: item for item in json.loads(told.stdout)}
    assert items["merge (deployed)"] == {
        "about": "merge (deployed)",
        "color": "red",
        "detail": "has no function",
        "todo": "terraform apply",
    }


# ── what Terraform makes ─────────────────────────────────────────────────────────────────────────────────────────────
def kinds_of(function: dict[str, Any]) -> set[str]:
    of_all = {"function", "logs", "dead letters"}
    return of_all | ({"queue"} if function.get("inbox") else set()) | ({"schedule"} if function.get("schedule") else set())


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_what_is_expected_is_what_terraform_makes(cloud: str) -> None:
    """A function that gets a queue or a clock there, and not here, would be called an orphan's."""
    table = json.loads((ROOT / "infra" / "terraform" / cloud / "functions.json").read_text())
    made = {name: kinds_of(each) for name, each in table.items()}

    assert made == {name: set(kinds) for name, kinds in EXPECTED.items()}
    assert set(EXPECTED) == {path.parent.name for path in (ROOT / "functions").glob("*/aws.py")}


# ── Google Cloud ─────────────────────────────────────────────────────────────────────────────────────────────────────
FOLDER = "projects/acme/locations/europe-west1"


class Functions:
    """Cloud Functions' REST API, as far as it is asked here."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.is_closed = False

    def add(self, name: str, label: str = PREFIX, **values: Any) -> None:
        known = {
            "name": f"{FOLDER}/functions/{name}",
            "state": "ACTIVE",
            "labels": {"trimtab": label},
            "buildConfig": {"entryPoint": "handler"},
        }
        self.known[name] = known | values

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if self.is_closed:
            return 403, {"error": {"code": 403, "message": "no permission cloudfunctions.functions.list", "status": "PERMISSION_DENIED"}}
        name = path.rpartition("/")[2]
        if path == f"/v2/{FOLDER}/functions":
            return 200, {"functions": list(self.known.values())}
        if name not in self.known:
            return 404, {"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}
        if method == "DELETE":
            del self.known[name]
            return 200, {"name": "operations/1", "done": True, "response": {"@type": "type.googleapis.com/google.protobuf.Empty"}}
        return 200, self.known[name]


@pytest.fixture
def google() -> Iterator[tuple[Functions, GoogleDeployment]]:
    functions = Functions()
    for name in EXPECTED:
        functions.add(f"{PREFIX}-{name}")

    class Handler(BaseHTTPRequestHandler):
        def answered(self) -> None:
            status, value = functions.answer(self.command, self.path.partition("?")[0])
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answered()

        def do_DELETE(self) -> None:
            self.answered()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    transport = FunctionServiceRestTransport(host=f"127.0.0.1:{server.server_port}", url_scheme="http", credentials=AnonymousCredentials())
    client = FunctionServiceClient(transport=transport)
    yield functions, GoogleDeployment(prefix=PREFIX, project="acme", region="europe-west1", client=lambda: client)
    server.shutdown()


def test_google_says_the_same_of_functions(google: tuple[Functions, GoogleDeployment]) -> None:
    functions, deployment = google

    assert said(deployment) == {"deployment": ("green", "prod in acme, europe-west1: all 9 functions, and nothing else")}

    del functions.known["prod-merge"]
    functions.add("prod-verify", state="FAILED")
    functions.add("prod-forecast")
    functions.add("prod-of-somebody", label="another")

    assert said(deployment) == {
        "merge (deployed)": ("red", "has no function"),
        "function prod-verify": ("red", "it is failed"),
        "function prod-forecast": ("yellow", "of no function that this version has"),
    }


def test_google_removes_only_what_carries_our_label(google: tuple[Functions, GoogleDeployment]) -> None:
    functions, deployment = google
    functions.add("prod-forecast")
    functions.add("prod-old")
    found = orphans(deployment)
    functions.add("prod-old", label="somebody")

    done = {part.name: why for part, why in prune(found, deployment)}

    assert done["prod-forecast"] == ""
    assert "not ours to remove" in done["prod-old"]
    assert "prod-old" in functions.known
    assert "prod-forecast" not in functions.known


def test_google_that_refuses_is_said_in_one_line(google: tuple[Functions, GoogleDeployment]) -> None:
    functions, deployment = google
    functions.is_closed = True

    ((color, detail),) = said(deployment).values()

    assert color == "yellow"
    assert "no permission cloudfunctions.functions.list" in detail
    assert "\n" not in detail
