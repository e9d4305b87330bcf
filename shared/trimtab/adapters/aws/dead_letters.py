"""Dead letters in SQS. A function's queue, its clock and its topics leave theirs in one queue; SQS itself moves back none but the first's.

Only for a person's `trimtab replay`; no function's role may do this.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from trimtab.adapters.aws.deployed import DEAD, asking
from trimtab.ports import DeadLetter


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsDeadLetters:
    """Port DeadLetters by boto3; `client` makes SQS's."""

    prefix: str
    client: Callable[[], Any]
    hidden_seconds: int = 60
    """How long a letter that we saw is seen by nobody else."""

    def letters(self, function: str) -> Iterator[DeadLetter]:
        """Each that waits. Raises Upstream where AWS refuses or fails."""
        seen: set[str] = set()
        # One that we left alone comes again after a while; then we were through.
        while new := [message for message in self._received(function) if message["MessageId"] not in seen]:
            seen |= {message["MessageId"] for message in new}
            for message in new:
                yield DeadLetter(function=function, event=_event(message["Body"]), receipt=message["ReceiptHandle"])

    def hand_back(self, letter: DeadLetter) -> None:
        """To its function's queue: entry points take every kind of event from there."""
        with asking():
            self.client().send_message(QueueUrl=self._url(letter.function), MessageBody=json.dumps(letter.event))
        self.take_away(letter)

    def take_away(self, letter: DeadLetter) -> None:
        """Delete it."""
        with asking():
            self.client().delete_message(QueueUrl=self._url(letter.function, DEAD), ReceiptHandle=letter.receipt)

    def _received(self, function: str) -> list[dict[str, Any]]:
        with asking():
            answer: dict[str, Any] = self.client().receive_message(
                QueueUrl=self._url(function, DEAD), MaxNumberOfMessages=10, VisibilityTimeout=self.hidden_seconds, WaitTimeSeconds=1
            )
        return list(answer.get("Messages", []))

    def _url(self, function: str, ending: str = "") -> str:
        return str(self.client().get_queue_url(QueueName=f"{self.prefix}-{function}{ending}")["QueueUrl"])


def _event(body: str) -> dict[str, Any]:
    """What is no JSON object is kept as it is, for the function to refuse by name."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"body": body}


def aws_dead_letters(prefix: str, region: str) -> AwsDeadLetters:
    """With the identity that boto3 finds."""

    @cache
    def client() -> Any:
        import boto3

        return boto3.client("sqs", region_name=region)

    return AwsDeadLetters(prefix=prefix, client=client)
