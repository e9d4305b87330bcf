"""Dead letters go back to their functions: SQS as moto serves it, Pub/Sub as a server of its REST shapes."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from typer.testing import CliRunner

from functions.aws_events import wakes
from tests.aws_server import aws_server, speaking_to
from trimtab.adapters.aws.dead_letters import AwsDeadLetters, aws_dead_letters
from trimtab.adapters.gcp.dead_letters import GoogleDeadLetters
from trimtab.adapters.store.objects import open_objects
from trimtab.adapters.store.state import state_over
from trimtab.cli.main import app
from trimtab.cli.replay import WOKEN, given, names, wakes_of
from trimtab.errors import BadInput, Upstream
from trimtab.settings import DeployedAt, Settings

ROOT = Path(__file__).parents[2]
REGION, PREFIX = "eu-west-1", "prod"
CLICK = "inbox/slack/5f0c"


def s3_event(key: str) -> str:
    thing = {"bucket": {"name": "ledger"}, "object": {"key": f"default/{key}", "eTag": "1"}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": thing}]})


SNS = json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": {"Subject": "budget", "Message": "over 80 %"}}]})
TICK = json.dumps({"source": "aws.scheduler", "time": "2026-11-02T07:30:00Z", "resources": []})


@pytest.fixture(scope="module")
def moto() -> Iterator[None]:
    with aws_server() as url, speaking_to(url, REGION):
        yield


@pytest.fixture
def aws(moto: None) -> AwsDeadLetters:
    """Every queue as Terraform makes it, and empty."""
    sqs = boto3.client("sqs", region_name=REGION)
    for url in sqs.list_queues().get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)
    for function in WOKEN:
        sqs.create_queue(QueueName=f"{PREFIX}-{function}-dead")
        if function != "collect":
            sqs.create_queue(QueueName=f"{PREFIX}-{function}")
    return aws_dead_letters(PREFIX, REGION)


@pytest.fixture
def store(tmp_path: Path) -> str:
    (tmp_path / "settings.json").write_text(json.dumps({"deployed_at": {"cloud": "aws", "prefix": PREFIX, "region": REGION}}))
    return tmp_path.as_uri()


def die(aws: AwsDeadLetters, function: str, *bodies: str) -> None:
    for body in bodies:
        aws.client().send_message(QueueUrl=url_of(aws, f"{function}-dead"), MessageBody=body)


def url_of(aws: AwsDeadLetters, name: str) -> str:
    return str(aws.client().get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"])


def bodies(aws: AwsDeadLetters, name: str) -> list[str]:
    """What waits there, seen or not."""
    counted = aws.client().get_queue_attributes(QueueUrl=url_of(aws, name), AttributeNames=["All"])["Attributes"]
    received = aws.client().receive_message(QueueUrl=url_of(aws, name), MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    assert int(counted["ApproximateNumberOfMessagesNotVisible"]) == 0
    return [message["Body"] for message in received]


def replayed(store: str, function: str, *more: str) -> list[tuple[str, str]]:
    done = CliRunner().invoke(app, ["replay", function, "--store", store, "--format", "json", *more], catch_exceptions=False)
    return [(row["of"], row["outcome"]) for row in json.loads(done.stdout)]


# ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_click_a_notice_and_a_tick_go_back_to_the_queue_that_their_function_reads(aws: AwsDeadLetters, store: str) -> None:
    """Only the first of them came by the queue; SQS itself would move none of the others."""
    die(aws, "alert", SNS, TICK)
    die(aws, "merge", s3_event(CLICK))

    assert replayed(store, "merge") == [(CLICK, "handed back")]
    assert {outcome for _, outcome in replayed(store, "alert")} == {"handed back"}

    assert bodies(aws, "merge-dead") == bodies(aws, "alert-dead") == []
    served = [wake.key for body in bodies(aws, "alert") for wake in wakes(json.loads(body), "alert", "default")]
    assert [key.rpartition("/")[0] for key in sorted(served)] == ["inbox/clock/alert", "inbox/notice"]
    assert [json.loads(body) for body in bodies(aws, "merge")] == [json.loads(s3_event(CLICK))]


def test_what_was_done_meanwhile_is_only_taken_away(aws: AwsDeadLetters, store: str) -> None:
    die(aws, "merge", s3_event(CLICK))
    objects = open_objects(store).within("default")
    inbox = state_over(objects, objects, nonce=lambda: "n").inbox
    inbox.put(CLICK, b"{}")
    inbox.finish(CLICK, "merged")

    assert replayed(store, "merge") == [(CLICK, "was done meanwhile; taken away")]
    assert bodies(aws, "merge-dead") == bodies(aws, "merge") == []


def test_a_dry_run_says_what_waits_and_leaves_it(aws: AwsDeadLetters, store: str) -> None:
    die(aws, "merge", s3_event(CLICK))

    assert replayed(store, "merge", "--dry-run") == [(CLICK, "waits")]
    counted = aws.client().get_queue_attributes(QueueUrl=url_of(aws, "merge-dead"), AttributeNames=["All"])["Attributes"]
    assert sum(int(counted[f"ApproximateNumberOfMessages{which}"]) for which in ("", "NotVisible")) == 1


def test_what_is_left_alone_and_comes_again_is_told_once(aws: AwsDeadLetters) -> None:
    """A dry run over more than a minute's worth would else never end."""
    die(aws, "merge", *(s3_event(f"inbox/slack/{number}") for number in range(12)))

    found = list(replace(aws, hidden_seconds=0).letters("merge"))

    assert 1 <= len(found) == len({letter.event["Records"][0]["s3"]["object"]["key"] for letter in found}) <= 12


def test_a_tick_of_a_function_without_a_queue_is_left_to_the_next_one(aws: AwsDeadLetters, store: str) -> None:
    die(aws, "collect", TICK)

    assert replayed(store, "collect") == [("inbox/clock/collect/2026-11-02T07:30Z", "the next tick does its work; taken away")]
    assert bodies(aws, "collect-dead") == []


def test_what_cannot_be_read_goes_back_so_that_its_function_refuses_it_by_name(aws: AwsDeadLetters, store: str) -> None:
    die(aws, "verify", "not json", "[1]")

    assert {outcome for _, outcome in replayed(store, "verify")} == {"handed back"}
    assert sorted(bodies(aws, "verify")) == ['{"body": "[1]"}', '{"body": "not json"}']


def test_more_than_one_answer_of_them_all_go_back(aws: AwsDeadLetters, store: str) -> None:
    die(aws, "merge", *(s3_event(f"inbox/slack/{number}") for number in range(23)))

    assert len(set(replayed(store, "merge"))) == 23
    assert bodies(aws, "merge-dead") == []


def test_a_letter_whose_way_back_is_gone_stays_where_it_is(aws: AwsDeadLetters, store: str) -> None:
    """It is sent before it is taken away, never the other way round."""
    die(aws, "merge", s3_event(CLICK))
    (letter,) = aws.letters("merge")
    aws.client().delete_queue(QueueUrl=url_of(aws, "merge"))

    with pytest.raises(Upstream, match="AWS: "):
        aws.hand_back(letter)

    counted = aws.client().get_queue_attributes(QueueUrl=url_of(aws, "merge-dead"), AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_function_that_leaves_none_and_a_deployment_that_says_no_place_are_named(tmp_path: Path) -> None:
    for arguments, said in ((["replay", "receive"], "leaves no dead letters"), (["replay", "merge"], "settings.deployed_at")):
        done = CliRunner().invoke(app, [*arguments, "--store", tmp_path.as_uri()])
        assert isinstance(done.exception, BadInput)
        assert said in str(done.exception)


def test_an_operator_may_do_just_this() -> None:
    """The calls of the adapter, and the policy that Terraform makes for people."""
    text = (ROOT / "infra/terraform/aws/rights.tf").read_text()
    source = (ROOT / "shared/trimtab/adapters/aws/dead_letters.py").read_text()
    called = {name.title().replace("_", "") for name in re.findall(r"self\.client\(\)\.(\w+)\(", source)}

    assert called == {"GetQueueUrl", "ReceiveMessage", "SendMessage", "DeleteMessage"}
    assert called | {"GetQueueAttributes"} == set(re.findall(r'"sqs:(\w+)"', text))


# ── Google Cloud ─────────────────────────────────────────────────────────────────────────────────────────────────────
class PubSub:
    """Pub/Sub's REST API, as far as it is asked here."""

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, Any]] = {}
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.pulled: set[str] = set()
        self.status, self.forgets = 200, False

    def add(self, data: object, **attributes: str) -> None:
        number = str(len(self.waiting))
        dead = {"CloudPubSubDeadLetterSourceDeliveryCount": "30", "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-02T07:30:01Z"}
        body = base64.b64encode(json.dumps(data).encode()).decode()
        self.waiting[number] = {"data": body, "attributes": attributes | dead, "messageId": number, "publishTime": "2026-11-02T09:00:00Z"}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, value = request.url.path, json.loads(request.content)
        if self.status != 200:
            return httpx.Response(self.status, json={"error": {"status": "PERMISSION_DENIED"}})
        if path.endswith(":pull"):
            new = [number for number in self.waiting if number not in self.pulled][: value["maxMessages"]]
            self.pulled |= set() if self.forgets else set(new)
            return httpx.Response(
                200, json={"receivedMessages": [{"ackId": one, "message": self.waiting[one]} for one in new]} if new else {}
            )
        if path.endswith(":acknowledge"):
            for number in value["ackIds"]:
                del self.waiting[number]
            return httpx.Response(200, json={})
        self.published += [(path.removesuffix(":publish").rpartition("/")[2], message) for message in value["messages"]]
        return httpx.Response(200, json={"messageIds": ["1"]})


@pytest.fixture
def pubsub() -> PubSub:
    return PubSub()


@pytest.fixture
def google(pubsub: PubSub) -> GoogleDeadLetters:
    client = httpx.Client(transport=httpx.MockTransport(pubsub))
    return GoogleDeadLetters(prefix=PREFIX, project="acme", tenant="default", client=client, auth=httpx.BasicAuth("nobody", ""))


AT = DeployedAt(cloud="gcp", prefix=PREFIX, region="europe-west1", project="acme")
SETTINGS = Settings(store="gs://store", tenant="default", deployed_at=AT)
NOTICE = {"billingAccountId": "01A2B3-C4D5E6-F7A8B9", "budgetId": "b1", "schemaVersion": "1.0"}


def landed(key: str) -> dict[str, str]:
    return {"bucketId": "store", "objectId": key, "objectGeneration": "1", "eventType": "OBJECT_FINALIZE"}


@pytest.mark.parametrize(
    ("function", "attributes", "topic", "of"),
    [
        ("merge", landed(f"default/{CLICK}"), "prod-inbox", CLICK),
        ("ingest", landed("usage/c1/2026-11-02T06/_complete.json"), "prod-drops", "gs://store/usage/c1/2026-11-02T06/_complete.json"),
        ("alert", NOTICE, "prod-notices", None),
        ("report", {}, "prod-report-clock", "inbox/clock/report/2026-11-02T07:30Z"),
    ],
)
def test_a_letter_is_published_again_to_the_topic_that_it_came_by_as_it_was(
    function: str, attributes: dict[str, str], topic: str, of: str | None, pubsub: PubSub, google: GoogleDeadLetters, tmp_path: Path
) -> None:
    """What Pub/Sub wrote on it when it died would make another notice of it, and the owner would be told twice."""
    pubsub.add({"function": function}, **attributes)
    objects = open_objects(tmp_path.as_uri()).within("default")
    inbox = state_over(objects, objects, nonce=lambda: "n").inbox

    (letter,) = google.letters(function)
    wakes = wakes_of(letter, AT, SETTINGS)

    assert names(wakes) == of or (of is None and names(wakes).startswith("inbox/notice/"))
    assert given(letter, wakes, google, inbox) == "handed back"
    assert [(name, message["attributes"]) for name, message in pubsub.published] == [(topic, attributes)]
    assert json.loads(base64.b64decode(pubsub.published[0][1]["data"])) == {"function": function}
    assert pubsub.waiting == {}


def test_the_topics_are_those_that_terraform_makes() -> None:
    text = "".join((ROOT / path).read_text() for path in ("infra/terraform/gcp/buckets.tf", "infra/terraform/gcp/notices.tf"))
    module = (ROOT / "infra/terraform/modules/gcp_function/main.tf").read_text()

    assert set(re.findall(r"^    (\w+) = \{ bucket = module", text, re.MULTILINE)) == {"inbox", "drops"}
    assert 'name     = "${var.prefix}-${each.key}"' in text
    assert 'name = "${var.prefix}-notices"' in text
    assert 'name  = "${local.name}-clock"' in module
    assert 'name  = "${local.name}-dead"' in module


def test_what_google_shows_again_is_told_once(pubsub: PubSub, google: GoogleDeadLetters) -> None:
    pubsub.add({}, **NOTICE)
    pubsub.add({}, **landed("usage/c1/x/_complete.json"))
    pubsub.forgets = True

    assert len(list(google.letters("alert"))) == 2


def test_a_letter_that_google_does_not_take_back_stays(pubsub: PubSub, google: GoogleDeadLetters) -> None:
    pubsub.add({}, **NOTICE)
    (letter,) = google.letters("alert")
    pubsub.status = 403

    with pytest.raises(Upstream, match="topics/prod-notices:publish: 403; an operator"):
        google.hand_back(letter)

    assert len(pubsub.waiting) == 1
