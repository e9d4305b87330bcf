"""What of ours is deployed in an AWS account: functions, queues, schedules and log groups that carry our tag, `trimtab` = prefix.

Only for a person's `trimtab doctor`; no function's role may ask any of this.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from trimtab.errors import Refused, Upstream
from trimtab.ports import Deployed, PartKind

TAG = "trimtab"
LOGS = "/aws/lambda/"
DEAD = "-dead"


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsDeployment:
    """Port Deployment by boto3; `client` makes a client of a service."""

    prefix: str
    region: str
    client: Callable[[str], Any]
    kinds: tuple[PartKind, ...] = ("function", "logs", "dead letters", "queue", "schedule")

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.prefix} in {self.region}"

    def parts(self) -> tuple[Deployed, ...]:
        """Everything of these kinds that carries our tag. Raises Upstream where AWS refuses or fails."""
        with asking():
            return (*self._functions(), *self._queues(), *self._schedules(), *self._logs())

    def remove(self, part: Deployed) -> None:
        """Remove one, after its tag was read again. Raises Refused where it does not carry ours any more, or never did."""
        with asking():
            if self._tags(part).get(TAG) != self.prefix:
                raise Refused(f"{part.kind} {part.name}: does not carry the tag {TAG}={self.prefix}, so it is not ours to remove")
            self._remove(part)

    # ── functions ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _functions(self) -> Iterator[Deployed]:
        service = self.client("lambda")
        for page in service.get_paginator("list_functions").paginate():
            for each in page["Functions"]:
                if each["FunctionName"].startswith(f"{self.prefix}-"):
                    found = service.get_function(FunctionName=each["FunctionName"])
                    if found.get("Tags", {}).get(TAG) == self.prefix:
                        yield self._function(found)

    def _function(self, found: Mapping[str, Any]) -> Deployed:
        configuration = found["Configuration"]
        name = configuration["FunctionName"]
        function, states = self._of(name), (configuration.get("State"), configuration.get("LastUpdateStatus"))
        troubles = []
        if configuration.get("Handler") != f"functions.{function}.aws.handler":
            troubles.append(f"its handler is {configuration.get('Handler')}")
        if "Failed" in states:
            troubles.append(str(configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "it failed"))
        if self.client("lambda").get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions") == 0:
            troubles.append("its concurrency is 0, so it never runs")
        return Deployed(kind="function", name=name, function=function, trouble="; ".join([*troubles, *self._idle_queues(name)]))

    def _idle_queues(self, function: str) -> Iterator[str]:
        pages = self.client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function)
        for mapping in (each for page in pages for each in page["EventSourceMappings"]):
            if mapping.get("State") not in {"Enabled", "Enabling", "Creating", "Updating"}:
                yield f"it is not woken by {mapping['EventSourceArn'].rpartition(':')[2]}: {str(mapping.get('State')).lower()}"

    # ── what belongs to them ─────────────────────────────────────────────────────────────────────────────────────────
    def _queues(self) -> Iterator[Deployed]:
        service = self.client("sqs")
        for page in service.get_paginator("list_queues").paginate(QueueNamePrefix=f"{self.prefix}-"):
            for url in page.get("QueueUrls", []):
                name = url.rpartition("/")[2]
                if service.list_queue_tags(QueueUrl=url).get("Tags", {}).get(TAG) == self.prefix:
                    waiting = int(self._attributes(url)["ApproximateNumberOfMessages"])
                    is_dead = name.endswith(DEAD)
                    yield Deployed(
                        kind="dead letters" if is_dead else "queue",
                        name=name,
                        function=self._of(name.removesuffix(DEAD)),
                        trouble=f"{waiting} messages that nobody could serve" if is_dead and waiting else "",
                    )

    def _attributes(self, url: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return found

    def _schedules(self) -> Iterator[Deployed]:
        """The group carries the tag; AWS gives schedules none of their own."""
        if self._group_tags().get(TAG) != self.prefix:
            return
        for page in self.client("scheduler").get_paginator("list_schedules").paginate(GroupName=self.prefix):
            for each in page["Schedules"]:
                trouble = "" if each.get("State") == "ENABLED" else "it is disabled"
                yield Deployed(kind="schedule", name=each["Name"], function=self._of(each["Name"]), trouble=trouble)

    def _group_tags(self) -> Mapping[str, str]:
        service = self.client("scheduler")
        groups = service.get_paginator("list_schedule_groups").paginate(NamePrefix=self.prefix)
        arn = next((each["Arn"] for page in groups for each in page["ScheduleGroups"] if each["Name"] == self.prefix), None)
        return {tag["Key"]: tag["Value"] for tag in service.list_tags_for_resource(ResourceArn=arn)["Tags"]} if arn else {}

    def _logs(self) -> Iterator[Deployed]:
        service = self.client("logs")
        for page in service.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{LOGS}{self.prefix}-"):
            for each in page["logGroups"]:
                name = each["logGroupName"]
                if self._log_tags(name).get(TAG) == self.prefix:
                    yield Deployed(kind="logs", name=name, function=self._of(name.removeprefix(LOGS)))

    def _log_tags(self, name: str) -> Mapping[str, str]:
        service = self.client("logs")
        groups = service.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        arn = next((each["arn"].removesuffix(":*") for each in groups if each["logGroupName"] == name), None)
        tags: Mapping[str, str] = service.list_tags_for_resource(resourceArn=arn)["tags"] if arn else {}
        return tags

    def _of(self, name: str) -> str:
        return name.removeprefix(f"{self.prefix}-")

    # ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _tags(self, part: Deployed) -> Mapping[str, str]:
        answer: Mapping[str, Any]
        match part.kind:
            case "function":
                answer = self.client("lambda").get_function(FunctionName=part.name)
                return dict(answer.get("Tags", {}))
            case "queue" | "dead letters":
                sqs = self.client("sqs")
                answer = sqs.list_queue_tags(QueueUrl=sqs.get_queue_url(QueueName=part.name)["QueueUrl"])
                return dict(answer.get("Tags", {}))
            case "schedule":
                return self._group_tags()
            case "logs":
                return self._log_tags(part.name)

    def _remove(self, part: Deployed) -> None:
        match part.kind:
            case "function":
                service = self.client("lambda")
                pages = service.get_paginator("list_event_source_mappings").paginate(FunctionName=part.name)
                for mapping in [each for page in pages for each in page["EventSourceMappings"]]:
                    service.delete_event_source_mapping(UUID=mapping["UUID"])
                service.delete_function(FunctionName=part.name)
            case "queue" | "dead letters":
                sqs = self.client("sqs")
                sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=part.name)["QueueUrl"])
            case "schedule":
                self.client("scheduler").delete_schedule(GroupName=self.prefix, Name=part.name)
            case "logs":
                self.client("logs").delete_log_group(logGroupName=part.name)


@contextmanager
def asking() -> Iterator[None]:
    """AWS's own refusals and failures, in one line of ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Upstream(f"AWS: {str(error).splitlines()[0][:200]}") from None


def aws_deployment(prefix: str, region: str) -> AwsDeployment:
    """With the identity that boto3 finds."""

    @cache
    def client(service: str) -> Any:
        import boto3

        return boto3.client(service, region_name=region)  # type: ignore[call-overload]

    return AwsDeployment(prefix=prefix, region=region, client=client)
