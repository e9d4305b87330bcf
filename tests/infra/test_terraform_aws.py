"""The AWS tree, applied for real to a server that behaves like AWS: what it makes, that it settles, and that it leaves nothing behind."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import boto3
import pytest

from tests.infra.aws_front import Front, aws
from tests.infra.iam_policies import RIGHTS, allows, denies, rights_of
from tests.infra.terraform import TREE, Root, bundles, copied, why_not
from trimtab.adapters.aws.deployed import AwsDeployment
from trimtab.flow.deployed import compare
from trimtab.receive_settings import SENDER_SECRETS, load_receive_settings
from trimtab.settings import load

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]
REGION = "us-east-1"
FUNCTIONS: dict[str, dict[str, Any]] = json.loads((TREE / "aws" / "functions.json").read_text())
SECRETS = ("slack_signing_secret", "slack_token", "github_webhook_secret", "github_writer_key", "github_gate_key", "palette_api_key")


@dataclass(frozen=True, slots=True)
class Applied:
    """What one apply made."""

    root: Root
    front: Front
    outputs: dict[str, Any]
    resources: dict[str, dict[str, Any]]
    others: set[str]
    """What was there before; all servers of AWS in one process have one state."""

    def client(self, service: str) -> Any:
        """A boto3 client of the same AWS."""
        return client(self.front, service)


def client(front: Front, service: str) -> Any:
    make: Any = boto3.client  # its stubs know every service by name, and this one takes any
    return make(service, endpoint_url=front.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


def layer(front: Front, content: bytes) -> str:
    """AWS's extension, which has a layer of its own in every region."""
    name = "AWS-Parameters-and-Secrets-Lambda-Extension"
    return str(client(front, "lambda").publish_layer_version(LayerName=name, Content={"ZipFile": content})["LayerVersionArn"])


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    folder = tmp_path_factory.mktemp("terraform")
    zips = bundles(folder / "bundles", list(FUNCTIONS))
    with aws() as front:
        others = names(front)
        variables = {
            "region": REGION,
            "bundles": str(zips),
            "secrets_extension_layer": layer(front, (zips / "receive.zip").read_bytes()),
            "secrets": SECRETS,
            "alarm_emails": ["ops@example.com"],
            "collectors": {"prod-east": "arn:aws:iam::210987654321:role/collector"},
            "exports_from": ["123456789012"],
            "settings": {
                "highest_stage": "approve",
                "repositories": [{"id": "gitops", "forge": "github", "location": "example/gitops"}],
                "exports": [{"name": "estate", "prefix": "s3://example-exports/estate", "billing_account": "1"}],
                "azure_entra": {"tenant": "11111111-1111-4111-8111-111111111111", "audience": "22222222-2222-4222-8222-222222222222"},
            },
        }
        root = copied(folder / "tree", endpoint=front.url, variables=variables)
        root.apply()
        outputs = json.loads(root.run("output", "-json").stdout)
        yield Applied(root, front, {name: each["value"] for name, each in outputs.items()}, root.resources(), others)


def test_the_tree_is_formatted_and_valid(tmp_path: Path) -> None:
    """What nobody can apply must not be merged; both roots count."""
    for root in ("aws", "aws/anchor"):
        copy = copied(tmp_path / root.replace("/", "-"), endpoint="http://127.0.0.1:9", variables={}, root=root)

        assert copy.run("validate", "-no-color").returncode == 0
    for folder in ("aws", "aws/anchor", "modules/aws_bucket", "modules/aws_function"):
        assert Root(folder=TREE / folder, variables=tmp_path).run("fmt", "-check", "-diff", may_fail=True).stdout == ""


def test_a_second_plan_changes_nothing(applied: Applied) -> None:
    """A deployment that never settles hides the change that matters."""
    planned = applied.root.plan()

    assert planned.returncode == 0, planned.stdout[-4000:]


def test_every_function_is_there_with_its_own_role_logs_and_dead_letters(applied: Applied) -> None:
    found = {each["FunctionName"]: each for each in applied.client("lambda").list_functions()["Functions"]}

    assert set(found) == {f"trimtab-{name}" for name in FUNCTIONS}
    assert len({each["Role"] for each in found.values()}) == len(FUNCTIONS)
    for name, each in found.items():
        assert each["Handler"] == f"functions.{name.removeprefix('trimtab-')}.aws.handler"
        assert each["TracingConfig"]["Mode"] == "Active"
        assert applied.front.functions[name]["DeadLetterConfig"]["TargetArn"].endswith(f":{name}-dead")
        assert applied.front.functions[name]["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{name}"
    groups = {each["logGroupName"]: each.get("retentionInDays") for each in applied.client("logs").describe_log_groups()["logGroups"]}
    assert {groups[f"/aws/lambda/trimtab-{name}"] for name in FUNCTIONS} == {90}


def test_doctor_finds_all_of_it_and_nothing_else(applied: Applied) -> None:
    """Its names and tags are what a person is told of."""
    there = AwsDeployment(prefix="trimtab", region=REGION, client=applied.client)

    assert [(item.color, item.detail) for item in compare(there)] == [("green", "trimtab in us-east-1: all 9 functions, and nothing else")]


def test_propose_runs_one_at_a_time(applied: Applied) -> None:
    """Two runs at once would open two proposals' worth of limits and race for the same pages."""
    kept = applied.client("lambda").get_function_concurrency(FunctionName="trimtab-propose")

    assert kept["ReservedConcurrentExecutions"] == 1


def test_a_click_in_the_inbox_reaches_merges_queue_and_no_other(applied: Applied) -> None:
    """One put is record and enqueue: the bucket's notification is the wire."""
    s3, sqs = applied.client("s3"), applied.client("sqs")
    bucket = applied.outputs["ledger"].removeprefix("s3://")

    s3.put_object(Bucket=bucket, Key="default/inbox/slack/abc", Body=b"{}")

    assert keys_in(sqs, "trimtab-merge") == ["default/inbox/slack/abc"]
    assert keys_in(sqs, "trimtab-verify") == []


def test_only_what_completes_a_delivery_wakes_ingest(applied: Applied) -> None:
    s3, sqs = applied.client("s3"), applied.client("sqs")
    bucket = applied.outputs["store"].removeprefix("s3://")
    complete = [
        "usage/prod-east/2026-08-02T00-24h-ab/_complete.json",
        "exports/estate/metadata/BILLING_PERIOD=2026-07/estate-Manifest.json",
    ]

    for key in (complete[0].replace("_complete.json", "usage.parquet"), "exports/estate/data/x.csv.gz", *complete):
        s3.put_object(Bucket=bucket, Key=key, Body=b"{}")

    assert sorted(keys_in(sqs, "trimtab-ingest")) == sorted(complete)


def keys_in(sqs: Any, queue: str) -> list[str]:
    """Keys of the notifications that wait, without the one that S3 sends when they are set up."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            found += [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(message["Body"]).get("Records", [])]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_every_queue_gives_up_after_some_deliveries_and_answers_message_by_message(applied: Applied) -> None:
    mappings = applied.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    woken = [name for name, each in FUNCTIONS.items() if each.get("inbox")]

    assert {each["EventSourceArn"].rsplit(":", 1)[-1] for each in mappings} == {f"trimtab-{name}" for name in woken}
    for each in mappings:
        assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    for name in woken:
        redrive = json.loads(applied.front.queues[f"trimtab-{name}"]["RedrivePolicy"])
        assert redrive["deadLetterTargetArn"].endswith(f":trimtab-{name}-dead")


def test_the_clock_wakes_verify_every_five_minutes_and_on_the_hour(applied: Applied) -> None:
    """A tick on the hour looks at everything; a rate would drift away from it."""
    schedule = applied.client("scheduler").get_schedule(Name="trimtab-verify", GroupName="trimtab")

    assert schedule["ScheduleExpression"] == "cron(0/5 * * * ? *)"
    assert json.loads(schedule["Target"]["Input"])["source"] == "aws.scheduler"
    assert '"time":"<aws.scheduler.scheduled-time>"' in schedule["Target"]["Input"]


@pytest.mark.security(30)
def test_only_receive_is_called_by_strangers_and_topics_take_from_their_own_service_alone(applied: Applied) -> None:
    """Whoever could call another function would be believed by it."""
    lambdas, sns = applied.client("lambda"), applied.client("sns")
    callers = {name: callers_of(lambdas, f"trimtab-{name}") for name in FUNCTIONS}

    assert {name for name, found in callers.items() if "apigateway.amazonaws.com" in {who for who, _ in found}} == {"receive"}
    assert {who for name, found in callers.items() if name != "receive" for who, _ in found} == {"sns.amazonaws.com"}
    assert all(source for found in callers.values() for _, source in found)
    for topic in applied.outputs["topics"].values():
        (statement,) = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])["Statement"]
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
        assert "123456789012" in statement["Condition"]["ArnLike"]["aws:SourceArn"]


def callers_of(lambdas: Any, name: str) -> list[tuple[str, str]]:
    """Who may call a function beside this account, and for which source."""
    try:
        policy = json.loads(lambdas.get_policy(FunctionName=name)["Policy"])
    except lambdas.exceptions.ResourceNotFoundException:
        return []
    return [(each["Principal"]["Service"], each["Condition"]["ArnLike"]["AWS:SourceArn"]) for each in policy["Statement"]]


@pytest.mark.security(33)
def test_a_path_is_there_only_for_senders_that_can_be_believed_and_each_is_throttled(applied: Applied) -> None:
    """A path without a secret could only refuse, and would cost what it is called."""
    gateway = applied.client("apigatewayv2")
    (api,) = gateway.get_apis()["Items"]
    (stage,) = gateway.get_stages(ApiId=api["ApiId"])["Items"]
    routes = {route["RouteKey"] for route in gateway.get_routes(ApiId=api["ApiId"])["Items"]}

    assert routes == {"POST /slack", "POST /github", "POST /azure"}
    assert set(applied.outputs["webhooks"]) == {"slack", "github", "azure"}
    assert set(applied.outputs["webhooks"]) <= set(SENDER_SECRETS)
    assert set(stage["RouteSettings"]) == routes
    assert all(each["ThrottlingRateLimit"] == 20 for each in stage["RouteSettings"].values())
    assert not {"$context.path", "$context.queryString"} & set(json.loads(stage["AccessLogSettings"]["Format"]).values())


def test_whatever_can_go_wrong_unseen_has_an_alarm(applied: Applied) -> None:
    alarms = {each["AlarmName"]: each for each in applied.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    queues = [name for name, each in FUNCTIONS.items() if each.get("inbox")]

    assert set(alarms) == {
        *(f"trimtab-{name}-{kind}" for name in FUNCTIONS for kind in ("dead-letters", "errors")),
        *(f"trimtab-{name}-age" for name in queues),
        *(f"trimtab-{kind}" for kind in ("silent", "stopped", "turned-away")),
    }
    assert all(each["AlarmActions"] == [applied.outputs["topics"]["alarms"]] for each in alarms.values())
    assert alarms["trimtab-silent"]["TreatMissingData"] == "breaching"


def test_the_dashboard_is_among_those_that_are_free(applied: Applied) -> None:
    """Three dashboards of 50 metrics each cost nothing; a larger one, or a fourth of the account, costs $3 a month."""
    cloudwatch = applied.client("cloudwatch")
    boards = [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]]
    bodies = [json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in boards]

    assert len(boards) == 1
    assert all(sum(len(widget["properties"]["metrics"]) for widget in body["widgets"]) <= 50 for body in bodies)


def test_no_secret_is_in_an_environment_or_in_the_state(applied: Applied) -> None:
    """Terraform makes the empty secret; its state is read by more people than the secret."""
    variables = applied.client("lambda").get_function_configuration(FunctionName="trimtab-merge")["Environment"]["Variables"]
    secrets = {name: text for name, text in variables.items() if name not in {"TRIMTAB_STORE", "TRIMTAB_LEDGER", "TRIMTAB_RULES_FROM"}}

    assert {"TRIMTAB_SLACK_TOKEN", "TRIMTAB_GITHUB_GATE_KEY", "TRIMTAB_SETTINGS"} <= set(secrets)
    assert all(text.startswith("arn:aws:secretsmanager:") for text in secrets.values())
    versions = [address for address in applied.resources if address.startswith("aws_secretsmanager_secret_version")]
    assert versions == ['aws_secretsmanager_secret_version.settings["all"]', 'aws_secretsmanager_secret_version.settings["collect"]']


@pytest.mark.security(28)
def test_whoever_has_no_key_of_the_forge_is_told_to_read_the_rules_from_the_store(applied: Applied) -> None:
    """Else it would ask the forge as nobody, and fail."""
    found = applied.client("lambda").list_functions()["Functions"]
    told = {each["FunctionName"].removeprefix("trimtab-"): each["Environment"]["Variables"].get("TRIMTAB_RULES_FROM") for each in found}

    assert {name for name, source in told.items() if source} == {"ingest", "learn", "alert", "report"}
    assert set(told.values()) == {"store", None}


@pytest.mark.security(28)
def test_what_is_needed_to_gate_is_given_to_merge_alone(applied: Applied) -> None:
    lambdas = applied.client("lambda")
    holders = {
        name
        for name in FUNCTIONS
        if "TRIMTAB_GITHUB_GATE_KEY" in lambdas.get_function_configuration(FunctionName=f"trimtab-{name}")["Environment"]["Variables"]
    }

    assert holders == {"merge"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_can_read_the_settings_that_it_is_given(applied: Applied, name: str) -> None:
    """What Terraform writes and what the code reads are held together here; a key too many would stop a function at its first event."""
    variables = applied.client("lambda").get_function_configuration(FunctionName=f"trimtab-{name}")["Environment"]["Variables"]
    environ = {key: f"secret-of-{key}".ljust(48, ".") if text.startswith("arn:") else text for key, text in variables.items()}
    if variables["TRIMTAB_SETTINGS"].startswith("arn:"):
        secrets = applied.client("secretsmanager")
        environ["TRIMTAB_SETTINGS"] = secrets.get_secret_value(SecretId=variables["TRIMTAB_SETTINGS"])["SecretString"]

    read = load_receive_settings(environ) if name == "receive" else load(environ)

    assert (read.store, read.ledger_url, read.tenant) == (applied.outputs["store"], applied.outputs["ledger"], "default")
    assert read.azure_entra is not None
    assert bool(getattr(read, "repositories", ())) is (name not in {"receive", "collect"})


def test_buckets_are_private_versioned_and_encrypted(applied: Applied) -> None:
    s3 = applied.client("s3")
    for bucket in (applied.outputs[name].removeprefix("s3://") for name in ("store", "ledger")):
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
        assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]


def test_the_record_never_expires_and_a_mark_outlives_its_request(applied: Applied) -> None:
    """A request whose mark went first would be served again; a verdict without its inputs could not be explained."""
    s3 = applied.client("s3")
    days = {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"]
        for name in ("store", "ledger")
        for rule in s3.get_bucket_lifecycle_configuration(Bucket=applied.outputs[name].removeprefix("s3://"))["Rules"]
        if "Expiration" in rule
    }

    assert set(days) == {"default/inbox/", "default/done/", "default/spark/", "usage/"}
    assert days["default/done/"] > days["default/inbox/"]
    versions = {
        rule["Filter"]["Prefix"]
        for rule in s3.get_bucket_lifecycle_configuration(Bucket=applied.outputs["ledger"].removeprefix("s3://"))["Rules"]
        if "NoncurrentVersionExpiration" in rule
    }
    assert versions == {"default/inbox/", "default/done/", "default/people/"}


@pytest.mark.security(28)
def test_roles_are_the_table_and_what_lambda_does_in_their_name(applied: Applied) -> None:
    """Terraform may add the mechanisms of Lambda, and nothing else."""
    ours = {"arn:aws:s3:::" + applied.outputs[name].removeprefix("s3://"): f"arn:aws:s3:::{name}" for name in ("store", "ledger")}
    for name in FUNCTIONS:
        written = statements(applied, f'module.function["{name}"].aws_iam_role_policy.this')
        rights = [each for each in written if not set(each["Action"]) <= MECHANISMS]

        wanted = [each for each in rights_of(name) if not set(each["Resource"]) <= ABSENT]
        assert [each["Action"] for each in rights] == [each["Action"] for each in wanted], name
        for right, want in zip(rights, wanted, strict=True):
            if right["Action"][0].startswith("s3:") and want["Resource"] != ["exports"]:
                assert [renamed(each, ours) for each in right["Resource"]] == want["Resource"]
            if right["Action"] == ["secretsmanager:GetSecretValue"]:
                assert secrets_in(right) <= {f"trimtab/{secret}" for secret in RIGHTS[name]["secrets"]} | {
                    "trimtab/settings/all",
                    "trimtab/settings/collect",
                }


MECHANISMS = {
    "logs:CreateLogStream", "logs:PutLogEvents",  # its log lines
    "xray:PutTraceSegments", "xray:PutTelemetryRecords",  # its traces
    "sqs:SendMessage",  # its dead letters
    "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",  # the queue that wakes it
}  # fmt: skip
ABSENT = {"metrics:roles", "metrics:workspaces", "exports:roles", "kms:writer", "kms:gate", "anchor"}
"""What these settings name none of: no right is made for it."""


def statements(applied: Applied, address: str) -> list[dict[str, Any]]:
    """Statements of a policy in the state."""
    found: list[dict[str, Any]] = json.loads(applied.resources[address]["policy"])["Statement"]
    return found


def renamed(resource: str, ours: dict[str, str]) -> str:
    bucket, _, key = resource.partition("/")
    return ours[bucket] + (f"/{key}" if key else "")


def secrets_in(right: dict[str, Any]) -> set[str]:
    """Names of secrets in ARNs, without the six letters that AWS adds."""
    return {arn.split(":secret:")[1].rsplit("-", 1)[0] for arn in right["Resource"]}


@pytest.mark.security(17)
def test_the_ledgers_bucket_takes_new_objects_and_lets_none_of_the_record_go(applied: Applied) -> None:
    """Whatever a role or an administrator may do elsewhere; erasing a person and expiring a request stay possible."""
    policy = statements(applied, "module.ledger.aws_s3_bucket_policy.this")
    bucket = "arn:aws:s3:::" + applied.outputs["ledger"].removeprefix("s3://")
    safe = {"aws:SecureTransport": "true"}

    assert denies(policy, "s3:PutObject", f"{bucket}/default/streams/proposals/p/0000000000", safe)
    assert not denies(policy, "s3:PutObject", f"{bucket}/default/streams/proposals/p/0000000000", {**safe, "s3:if-none-match": "*"})
    for key in (
        "streams/proposals/p/0000000000",
        "streams/people/person-1/0000000000",
        "slots/x/y/0",
        "seals/2026-08-03",
        "permit/0000000000.stop",
    ):
        assert denies(policy, "s3:DeleteObject", f"{bucket}/default/{key}", safe)
        assert denies(policy, "s3:DeleteObjectVersion", f"{bucket}/default/{key}", safe)
    for key in ("people/0123", "inbox/slack/x", "done/slack/x"):
        assert not denies(policy, "s3:DeleteObject", f"{bucket}/default/{key}", safe)


def test_neither_bucket_speaks_plain_http(applied: Applied) -> None:
    for name in ("store", "ledger"):
        policy = statements(applied, f"module.{name}.aws_s3_bucket_policy.this")
        bucket = "arn:aws:s3:::" + applied.outputs[name].removeprefix("s3://")

        assert denies(policy, "s3:GetObject", f"{bucket}/x", {"aws:SecureTransport": "false"})
        assert not denies(policy, "s3:GetObject", f"{bucket}/x", {"aws:SecureTransport": "true"})


def test_a_collector_may_create_below_its_clusters_folder_and_nothing_else(applied: Applied) -> None:
    policy = statements(applied, "module.store.aws_s3_bucket_policy.this")
    bucket = "arn:aws:s3:::" + applied.outputs["store"].removeprefix("s3://")
    own = [each for each in policy if each.get("Principal") == {"AWS": "arn:aws:iam::210987654321:role/collector"}]
    new = {"aws:SecureTransport": "true", "s3:if-none-match": "*"}

    assert allows(own, "s3:PutObject", f"{bucket}/usage/prod-east/x/_complete.json", new)
    assert not allows(own, "s3:PutObject", f"{bucket}/usage/prod-east/x/_complete.json", {"aws:SecureTransport": "true"})
    assert not allows(own, "s3:PutObject", f"{bucket}/usage/prod-west/x/_complete.json", new)
    assert not allows(own, "s3:GetObject", f"{bucket}/usage/prod-east/x/_complete.json", new)


def test_everything_that_can_be_asked_for_can_be_planned(applied: Applied, tmp_path: Path) -> None:
    """Key, lock, network, Spark, budgets, signing, roles elsewhere: each is asked for by somebody, and none by the others here."""
    assumed = "arn:aws:iam::210987654321:role/reader"
    everything = json.loads(applied.root.variables.read_text()) | {
        "own_key": True,
        "ledger_lock": {"mode": "GOVERNANCE", "days": 400},
        "network": {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]},
        "signing_profiles": ["arn:aws:signer:us-east-1:123456789012:/signing-profiles/trimtab/abcdef"],
        "budgets": {"research": {"amount": 2000, "filters": {"TagKeyValue": ["user:team$research"]}}},
        "anomalies_above": 100,
        "spark": {"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/trimtab-spark:1", "script": "s3://example-jobs/spark.py"},
        "settings": {
            "anchor": "s3://example-anchor",
            "exports": [{"name": "estate", "prefix": "s3://example-exports/estate", "billing_account": "1", "identity": assumed}],
            "metrics": [
                {"cluster_uid": "a", "url": "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1", "auth": "aws"},
                {"cluster_uid": "b", "url": "https://prometheus.example.com", "auth": "aws", "identity": assumed},
            ],
            "github": {"writer": {"app_id": 1, "installation_id": 2, "kms_key": "arn:aws:kms:us-east-1:123456789012:key/1"}},
        },
    }
    root = copied(tmp_path / "tree", endpoint=applied.front.url, variables=everything)

    planned = root.plan()

    assert planned.returncode == 2, planned.stderr[-4000:]
    for made in (
        "aws_kms_key",
        "object_lock_configuration",
        "aws_emrserverless_application",
        "aws_ce_anomaly_subscription",
        "aws_budgets_budget",
    ):
        assert made in planned.stdout
    assert root.console("local.named") == {
        "ledger:bucket": ["arn:aws:s3:::trimtab-ledger-123456789012-us-east-1"],
        "store:bucket": ["arn:aws:s3:::trimtab-store-123456789012-us-east-1"],
        "exports": [],
        "exports:roles": [assumed],
        "metrics:roles": [assumed],
        "metrics:workspaces": ["arn:aws:aps:us-east-1:123456789012:workspace/ws-1"],
        "anchor": ["arn:aws:s3:::example-anchor/default/anchors/*"],
        "kms:writer": ["arn:aws:kms:us-east-1:123456789012:key/1"],
        "kms:gate": [],
    }


@pytest.mark.security(16)
def test_the_anchor_takes_roots_of_its_writer_and_lets_none_go(applied: Applied, tmp_path: Path) -> None:
    """The second place of the record's roots proves nothing if whoever runs us can rewrite it too."""
    writer, reader = "arn:aws:iam::123456789012:role/trimtab-verify", "arn:aws:iam::123456789012:role/auditor"
    variables = {"region": REGION, "name": "example-anchor", "writer": writer, "readers": [reader]}
    root = copied(tmp_path / "tree", endpoint=applied.front.url, variables=variables, root="aws/anchor")
    key, new = "arn:aws:s3:::example-anchor/default/anchors/2026-08-03", {"aws:SecureTransport": "true", "s3:if-none-match": "*"}
    old = {"aws:SecureTransport": "true"}

    planned = root.planned()
    policy = json.loads(planned["module.bucket.aws_s3_bucket_policy.this"]["policy"])["Statement"]

    assert planned["module.bucket.aws_s3_bucket.this"]["object_lock_enabled"] is True
    assert allows(policy_for(policy, writer), "s3:PutObject", key, new)
    assert not allows(policy_for(policy, writer), "s3:PutObject", key, old)
    assert not allows(policy_for(policy, reader), "s3:PutObject", key, new)
    assert allows(policy_for(policy, reader), "s3:GetObject", key, old)
    assert denies(policy, "s3:DeleteObject", key, old)
    assert denies(policy, "s3:DeleteObjectVersion", key, old)


def policy_for(policy: list[dict[str, Any]], who: str) -> list[dict[str, Any]]:
    """The statements that are about somebody."""
    return [each for each in policy if each["Principal"] == "*" or who in [*each["Principal"]["AWS"], each["Principal"]["AWS"]]]


WRONG = (
    (
        {
            "secrets_extension_layer": "latest",
            "ledger_lock": {"mode": "SOFT", "days": 1},
            "request_days": 7,
            "tenant": "Team A",
        },
        (
            "secrets_extension_layer: arn:aws:lambda:REGION:ACCOUNT:layer",
            "ledger_lock: mode GOVERNANCE or COMPLIANCE",
            "request_days: at least 60",
            "tenant: small letters",
        ),
    ),
    (
        {
            "settings": {"store": "s3://elsewhere", "slack_token": "xoxb"},
            "secrets": ["slack_tokn"],
            "schedules": {"receive": "rate(1 minute)"},
        },
        (
            "settings: store, ledger, tenant",
            "settings: a secret may not stand here",
            "secrets: only names of rights.json",
            "schedules: only functions that the clock wakes",
        ),
    ),
)


@pytest.mark.parametrize(("amiss", "sentences"), WRONG, ids=["by itself", "against the tables"])
def test_each_wrong_variable_is_said_in_a_sentence(applied: Applied, amiss: dict[str, Any], sentences: tuple[str, ...]) -> None:
    """What AWS would refuse half-way through, or take and never use, is refused before anything is made."""
    wrong = applied.root.variables.with_name("wrong.tfvars.json")
    wrong.write_text(json.dumps(json.loads(applied.root.variables.read_text()) | amiss))

    refused = Root(folder=applied.root.folder, variables=wrong).plan("-refresh=false")
    said = " ".join(re.sub(r"[│╷╵]", " ", refused.stderr).split())

    assert refused.returncode == 1
    assert [sentence for sentence in sentences if sentence not in said] == []


def test_a_function_that_leaves_the_code_leaves_nothing_behind_and_neither_does_all(applied: Applied) -> None:
    """Last, because it takes away what the others look at."""
    table = applied.root.folder / "functions.json"
    table.write_text(json.dumps({name: each for name, each in FUNCTIONS.items() if name != "learn"}))
    applied.root.apply("-refresh=false")

    assert [address for address, values in applied.root.resources().items() if "learn" in json.dumps([address, values])] == []
    assert not [name for name in names(applied.front) if name.startswith(("trimtab-learn", "/aws/lambda/trimtab-learn"))]

    empty(applied.client("s3"), applied.others)
    applied.root.destroy()

    assert names(applied.front) - applied.others == set()
    assert applied.root.resources() == {}


def empty(s3: Any, others: set[str]) -> None:
    """What the tests put; a bucket that holds anything is not destroyed, and that is meant."""
    for bucket in (each for each in s3.list_buckets()["Buckets"] if each["Name"] not in others):
        for version in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", []):
            if not version["Key"].startswith("bundles/"):
                s3.delete_object(Bucket=bucket["Name"], Key=version["Key"], VersionId=version["VersionId"])


def names(front: Front) -> set[str]:
    """Everything that AWS lists, by name."""
    found = [each["FunctionName"] for each in client(front, "lambda").list_functions()["Functions"]]
    found += [each["EventSourceArn"] for each in client(front, "lambda").list_event_source_mappings()["EventSourceMappings"]]
    found += [url.rsplit("/", 1)[-1] for url in client(front, "sqs").list_queues().get("QueueUrls", [])]
    found += [each["RoleName"] for each in client(front, "iam").list_roles()["Roles"]]
    found += [each["PolicyName"] for each in client(front, "iam").list_policies(Scope="Local")["Policies"]]
    found += [each["logGroupName"] for each in client(front, "logs").describe_log_groups()["logGroups"]]
    found += [each["Name"] for each in client(front, "scheduler").list_schedules()["Schedules"]]
    found += [each["AlarmName"] for each in client(front, "cloudwatch").describe_alarms()["MetricAlarms"]]
    found += [each["DashboardName"] for each in client(front, "cloudwatch").list_dashboards()["DashboardEntries"]]
    found += [each["Name"] for each in client(front, "s3").list_buckets()["Buckets"]]
    found += [each["TopicArn"] for each in client(front, "sns").list_topics()["Topics"]]
    found += [each["Name"] for each in client(front, "secretsmanager").list_secrets()["SecretList"]]
    found += [each["ApiId"] for each in client(front, "apigatewayv2").get_apis()["Items"]]
    return set(found)
