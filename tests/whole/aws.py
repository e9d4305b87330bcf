"""AWS around the functions: what Terraform made is read back and carried out: queues, redelivery, schedules, topics, the gateway.

One process holds AWS and the outside; functions are processes of their own. Everybody goes by one clock.
"""

import base64
import hashlib
import json
import os
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.sqs.models import sqs_backends
from werkzeug.serving import make_server

from infra.bundles.alone import Unpacked, interpreter, unpacked
from infra.bundles.distributions import locked
from infra.bundles.needs import Target
from infra.bundles.vendor import installed
from tests.infra.aws_front import Front
from tests.infra.iam_policies import FUNCTIONS
from tests.infra.terraform import copied
from tests.tls_server import authority
from tests.whole.clock import Clock
from tests.whole.deaths import Deaths, Victim, When
from tests.whole.estate import Estate
from tests.whole.guard import Guard
from tests.whole.lambdas import Deployed, Failed, Lambda, secrets_extension
from tests.whole.schedules import next_time
from trimtab import wiring
from trimtab.demo.cloud import gateway_event
from trimtab.ports import Ports
from trimtab.settings import load
from trimtab.sources.senders import Request

ROOT = Path(__file__).parents[2]
REGION, ACCOUNT, PREFIX = "us-east-1", "123456789012", "trimtab"
STORE = f"{PREFIX}-store-{ACCOUNT}-{REGION}"
LEDGER = f"{PREFIX}-ledger-{ACCOUNT}-{REGION}"
OPERATOR = "AKIAOPERATOR"
RETRIES_OF_ASYNC = 2
"""How often Lambda tries again what nobody waits for."""
RETRIES_OF_SENDERS = 5
"""GitHub's redelivery, and a person who clicks again."""
RUNTIME = ("awslambdaric", "simplejson", "snapshot-restore-py")
"""What Lambda's own image brings."""


# ── Deploying ────────────────────────────────────────────────────────────────────────────────────────────────────────
def client(front: Front, service: str) -> Any:
    """A boto3 client that may do everything."""
    make: Any = boto3.client  # its stubs know every service by name, and this one takes any
    return make(service, endpoint_url=front.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


def apply(front: Front, folder: Path, bundles: Path, estate: Estate) -> dict[str, Any]:
    """`terraform apply` as the README has it, then the secrets' values as a person puts them in; the outputs."""
    name = "AWS-Parameters-and-Secrets-Lambda-Extension"
    layer = client(front, "lambda").publish_layer_version(LayerName=name, Content={"ZipFile": (bundles / "receive.zip").read_bytes()})
    variables = {
        "region": REGION,
        "tenant": "estate",
        "bundles": str(bundles),
        "secrets_extension_layer": str(layer["LayerVersionArn"]),
        "secrets": sorted(estate.secrets),
        "settings": estate.settings(f"s3://{STORE}"),
    }
    root = copied(folder / "terraform", endpoint=front.url, variables=variables)
    root.apply()
    keep = client(front, "secretsmanager")
    for secret, value in estate.secrets.items():
        keep.put_secret_value(SecretId=f"{PREFIX}/{secret}", SecretString=value)
    return {each: said["value"] for each, said in json.loads(root.run("output", "-json").stdout).items()}


def runtime() -> tuple[Path, ...]:
    """Folders with what Lambda's image brings, for the bundles' Python."""
    target = Target(python="3.12")
    return tuple(installed(locked(target)[name], target) for name in RUNTIME)  # type: ignore[index] # canonical names


def lies_ready(bundles: Path, folder: Path, functions: Iterable[str] = FUNCTIONS) -> dict[str, Unpacked]:
    """Function → its bundle as it lies on a function's disk, with Lambda's runtime behind it."""
    python = interpreter("3.12")
    assert python is not None
    found = {}
    for name in functions:
        alone = unpacked(bundles / f"{name}.zip", folder / name, python, "3.12")
        found[name] = Unpacked(python=python, folders=(*alone.folders, *runtime()))
    return found


# ── Running ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Aws:
    """The deployed whole, as the rest of the world sees it."""

    front: Front
    guard: Guard
    lambdas: dict[str, Lambda]
    """By the function's name in AWS."""
    environ: Mapping[str, str]
    """What a process needs to reach this AWS, without a key."""
    clock: Clock
    deaths: Deaths
    is_twice: bool = False
    """Everything is delivered twice, and functions may die."""
    failures: list[str] = field(default_factory=list)
    """Invocations that did not end well."""

    def client(self, service: str) -> Any:
        """A boto3 client that may do everything."""
        return client(self.front, service)

    # ── what others do ───────────────────────────────────────────────────────────────────────────────────────────────
    def drop(self, key: str, path: Path) -> None:
        """A file is delivered into the store's bucket."""
        self.client("s3").put_object(Bucket=STORE, Key=key, Body=path.read_bytes())

    def due(self, function: str, after: datetime) -> datetime:
        """When the schedule that Terraform made fires next."""
        schedule = self._schedule(function)
        assert schedule.get("ScheduleExpressionTimezone", "UTC") == "UTC", schedule
        assert (schedule["State"], schedule["FlexibleTimeWindow"]["Mode"]) == ("ENABLED", "OFF"), schedule
        return next_time(schedule["ScheduleExpression"], after)

    def _schedule(self, function: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.client("scheduler").get_schedule(Name=f"{PREFIX}-{function}", GroupName=PREFIX)
        return found

    def tick(self, function: str) -> None:
        """The schedule fires, with its own input."""
        schedule = self._schedule(function)
        target = schedule["Target"]
        words = {
            "<aws.scheduler.execution-id>": str(uuid.uuid4()),
            "<aws.scheduler.scheduled-time>": f"{self.clock.now():%Y-%m-%dT%H:%M:00Z}",
            "<aws.scheduler.schedule-arn>": schedule["Arn"],
        }
        text = str(target["Input"])
        for word, value in words.items():
            text = text.replace(word, value)
        for _ in range(2 if self.is_twice else 1):
            self._in_background(target["Arn"].rpartition(":")[2], json.loads(text))

    def notice(self, name: str, subject: str, message: str) -> None:
        """A service of AWS publishes to its topic; whoever subscribed is called."""
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-{name}"
        sns = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "TopicArn": topic, "Subject": subject, "Message": message}
        for subscription in self.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
            event = {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}
            for _ in range(2 if self.is_twice else 1):
                self._in_background(subscription["Endpoint"].rpartition(":")[2], event)

    def webhook(self, request: Request) -> int:
        """Somebody calls the gateway, again while it has no answer; the status of the last time."""
        apis = self.client("apigatewayv2")
        api = apis.get_apis()["Items"][0]["ApiId"]
        routes = {each["RouteKey"] for each in apis.get_routes(ApiId=api)["Items"]}
        if f"{request.method} {request.path}" not in routes:
            return 404
        status = 0
        for _ in range(2 if self.is_twice else 1):
            status = self._called(gateway_event(request))
        return status

    def _called(self, event: Mapping[str, Any]) -> int:
        for _ in range(RETRIES_OF_SENDERS):
            try:
                return int(self._invoke(f"{PREFIX}-receive", event)["statusCode"])
            except Failed:
                continue
        return 503

    def _in_background(self, name: str, event: Mapping[str, Any]) -> None:
        for _ in range(1 + RETRIES_OF_ASYNC):
            try:
                self._invoke(name, event)
            except Failed:
                continue
            return
        dead = self.front.functions[name]["DeadLetterConfig"]["TargetArn"].rpartition(":")[2]
        sqs = self.client("sqs")
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=dead)["QueueUrl"], MessageBody=json.dumps(event))

    def _invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        try:
            answer = self.lambdas[name].invoke(event)
        except Failed as error:
            self._note(str(error))
            raise
        self.deaths.served(_short(name))
        return answer

    # ── queues ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def settle(self) -> None:
        """Every queue that wakes a function, as Terraform mapped them, until none holds anything that can be delivered."""
        every = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        mappings = [mapping for mapping in every if _function_of(mapping) in self.lambdas]
        while [mapping for mapping in mappings if self._polled(mapping)]:
            pass

    def _polled(self, mapping: Mapping[str, Any]) -> bool:
        """One batch of one queue; False = there was none."""
        sqs, name = self.client("sqs"), mapping["EventSourceArn"].rpartition(":")[2]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=mapping["BatchSize"], AttributeNames=["All"]).get("Messages", [])
        if not found:
            return False
        event = {"Records": [_record(message, mapping["EventSourceArn"]) for message in found]}
        failed = self._delivered(_function_of(mapping), event)
        for message in found:
            if message["MessageId"] in failed:
                # As if the queue's visibility timeout were over, so that the story's day need not be.
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
            else:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return True

    def _delivered(self, name: str, event: Mapping[str, Any]) -> set[str]:
        """Ids of the messages that are to be delivered again."""
        every = {record["messageId"] for record in event["Records"]}
        failed = every
        for _ in range(2 if self.is_twice else 1):
            try:
                answer = self._invoke(name, event)
            except Failed:
                continue
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            if failed:
                self._note(f"{name}: {len(failed)} of {len(every)} messages again: {self.lambdas[name].said()[-3000:]}")
        return failed

    def _note(self, failure: str) -> None:
        """Where nothing is made to go wrong, nothing may."""
        assert self.is_twice, failure
        self.failures.append(failure)

    def waiting(self) -> dict[str, int]:
        """Queue → messages in it, for each that has any."""
        sqs = self.client("sqs")
        sizes = {}
        for url in sqs.list_queues()["QueueUrls"]:
            known = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            count = int(known["ApproximateNumberOfMessages"]) + int(known["ApproximateNumberOfMessagesNotVisible"])
            if count:
                sizes[url.rpartition("/")[2]] = count
        return sizes

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def operators(self) -> dict[str, str]:
        """The environment of somebody with the operator's policy."""
        return {
            **self.environ, **_keys(OPERATOR), "TRIMTAB_STORE": f"s3://{STORE}", "TRIMTAB_LEDGER": f"s3://{LEDGER}",
            "TRIMTAB_SETTINGS": json.dumps({"tenant": "estate"}),
        }  # fmt: skip

    def command(self, *words: str) -> str:
        """What `trimtab` prints."""
        program = [sys.executable, "-m", "trimtab.cli.main", *words]
        environ = {"PYTHONPATH": os.pathsep.join(sys.path), **self.operators()}
        done = subprocess.run(program, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout + done.stderr

    def ports(self) -> Ports:
        """The store, by this process itself, which may read everything."""
        return wiring.build(load(self.operators()), is_reading=True)

    def victims(self) -> dict[int, Victim]:
        """Functions by the sessions of their processes."""
        return {each.session: Victim(_short(name), each.kill) for name, each in self.lambdas.items() if each.session}

    def watch(self) -> None:
        """From here on each call is counted, and whoever is to die of one dies."""
        named = {key_of(name): name for name in self.lambdas}

        def accident(who: str, call: str) -> When | None:
            return self.deaths.due(_short(named[who]), "AWS", call) if who in named else None

        self.guard.accident, self.guard.kill = accident, lambda who: self.lambdas[named[who]].kill()
        self.deaths.victims = self.victims

    def refused(self) -> list[str]:
        """What was asked for and is nobody's right."""
        return sorted({f"{call.who}: {call.action} on {call.resource}" for call in self.guard.refused})

    def stop(self) -> None:
        """End every process."""
        for function in self.lambdas.values():
            function.stop()

    def empty(self) -> None:
        """As it was after the apply: no state and no process; of messages there are none any more."""
        self.stop()
        s3 = self.client("s3")
        for bucket in (STORE, LEDGER):
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                every = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in page.get("Versions", [])]
                gone = [each for each in every if not each["Key"].startswith("bundles/")]
                if gone:
                    s3.delete_objects(Bucket=bucket, Delete={"Objects": gone})
        self.failures.clear()


def _function_of(mapping: Mapping[str, Any]) -> str:
    return str(mapping["FunctionArn"]).rpartition(":")[2]


def _short(name: str) -> str:
    return name.removeprefix(f"{PREFIX}-")


def _record(message: Mapping[str, Any], queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
        "attributes": message["Attributes"], "messageAttributes": {}, "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs", "eventSourceARN": queue, "awsRegion": REGION,
    }  # fmt: skip


def _keys(key: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "x" * 40, "AWS_SESSION_TOKEN": f"token-of-{key}"}


def key_of(function: str) -> str:
    """The access key that a function is known by."""
    return f"AKIA{function.rpartition('-')[2].upper()}"


@contextmanager
def running(front: Front, code: Mapping[str, Unpacked], folder: Path, clock: Clock, deaths: Deaths) -> Iterator[Aws]:
    """Everything that was deployed to this AWS, with a door over TLS where rights count."""
    guard = Guard(front)
    own = authority(folder / "tls", days=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.server)
    server = make_server("127.0.0.1", 0, guard, threaded=True, ssl_context=context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}"
    environ = {
        "PATH": "/usr/bin:/bin", "TZ": ":UTC", "LANG": "en_US.UTF-8", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url, "AWS_CA_BUNDLE": str(own.ca), "SSL_CERT_FILE": str(own.ca), **clock.environ(),
    }  # fmt: skip
    _take_over_queues()
    with ExitStack() as stack:
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        ready = [each for each in deployed(front) if each.name.removeprefix(f"{PREFIX}-") in code]
        lambdas = {each.name: _lambda(each, code, environ, folder, front, guard, stack) for each in ready}
        guard.roles[OPERATOR] = _operators_rights(front)
        aws = Aws(front, guard, lambdas, environ, clock, deaths)
        aws.watch()
        stack.callback(aws.stop)
        yield aws


def _take_over_queues() -> None:
    """Else moto, too, would take each message, fail to run the function, and count that as a delivery."""
    for queue in sqs_backends[ACCOUNT][REGION].queues.values():
        queue.lambda_event_source_mappings.clear()


def deployed(front: Front) -> list[Deployed]:
    """Every function that there is."""
    return [
        Deployed(
            name=each["FunctionName"], handler=each["Handler"], variables=each["Environment"]["Variables"], timeout=each["Timeout"],
            memory_mb=each["MemorySize"], role=each["Role"].rpartition("/")[2],
        )
        for each in client(front, "lambda").list_functions()["Functions"]
    ]  # fmt: skip


def _lambda(
    each: Deployed, code: Mapping[str, Unpacked], environ: Mapping[str, str], folder: Path, front: Front, guard: Guard, stack: ExitStack
) -> Lambda:
    short, key = each.name.removeprefix(f"{PREFIX}-"), key_of(each.name)
    guard.roles[key] = _rights(front, each.role)
    own = {**environ, **_keys(key)}
    layers = client(front, "lambda").get_function_configuration(FunctionName=each.name).get("Layers", [])
    if layers:
        read = _reading(environ, key)
        own["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"] = str(stack.enter_context(secrets_extension(own["AWS_SESSION_TOKEN"], read)))
    (folder / "logs").mkdir(exist_ok=True)
    return Lambda(each, code[short], own, folder / "logs" / f"{short}.log")


def _reading(environ: Mapping[str, str], key: str) -> Callable[[str], str | None]:
    """How the extension reads secrets: as the function that it is beside."""
    make: Any = boto3.client
    keeper = make(
        "secretsmanager", endpoint_url=environ["AWS_ENDPOINT_URL"], region_name=REGION, verify=environ["AWS_CA_BUNDLE"],
        aws_access_key_id=key, aws_secret_access_key="x",
    )  # fmt: skip

    def read(arn: str) -> str | None:
        try:
            return str(keeper.get_secret_value(SecretId=arn)["SecretString"])
        except ClientError:
            return None

    return read


def _rights(front: Front, role: str) -> list[Mapping[str, Any]]:
    iam = client(front, "iam")
    found: list[Mapping[str, Any]] = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        found += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    return found


def _operators_rights(front: Front) -> list[Mapping[str, Any]]:
    iam = client(front, "iam")
    arn = next(each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"] if each["PolicyName"] == f"{PREFIX}-operator")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    statements: list[Mapping[str, Any]] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]["Statement"]
    return statements


def hash_of(bundle: Path) -> str:
    """As Lambda tells it."""
    return base64.b64encode(hashlib.sha256(bundle.read_bytes()).digest()).decode()


def environment_of_readers(aws: Aws) -> None:
    """This process, too, reaches this AWS, and over the same door."""
    os.environ.update({**aws.environ, **_keys("AKIATEST")})
