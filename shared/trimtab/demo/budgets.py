"""The estate's budgets call: the letter that AWS Budgets sends through SNS, and Cloud Billing's Pub/Sub notices, heartbeat included."""

import base64
import json
from typing import Any

from trimtab.demo import cloud

LETTER = """AWS Budget Notification August 03, 2026
AWS Account 190020003003

Dear AWS Customer,

You requested that we alert you when the ACTUAL Cost associated with your development budget is greater than $400.00 for the \
current month. The ACTUAL Cost associated with this budget is $431.18. You can find additional details below and by accessing the AWS \
Budgets dashboard [1].

Budget Name: development
Budget Type: Cost
Budgeted Amount: $500.00
Alert Type: ACTUAL
Alert Threshold: > $400.00
ACTUAL Amount: $431.18

[1] https://console.aws.amazon.com/costmanagement/home#/budgets
"""


def events() -> tuple[tuple[cloud.Cloud, Any], ...]:
    """(cloud, event) of each notice, in the order they come."""
    return (("aws", sns_event()), ("gcp", pubsub_event(threshold=None)), ("gcp", pubsub_event(threshold=0.9)))


def sns_event() -> dict[str, Any]:
    """AWS Budgets through SNS: plain text, not JSON."""
    sns = {
        "Type": "Notification",
        "MessageId": "33333333-4444-4555-8666-777777777777",
        "TopicArn": "arn:aws:sns:us-east-1:190020003000:budgets",
        "Subject": "AWS Budgets: development has exceeded your alert threshold",
        "Message": LETTER,
        "Timestamp": "2026-08-03T09:38:00.000Z",
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": f"{sns['TopicArn']}:trimtab", "Sns": sns}
    return {"Records": [record]}


def pubsub_event(threshold: float | None) -> Any:
    """Cloud Billing through Pub/Sub; without a threshold it is one of the day's heartbeats."""
    notice = {
        "budgetDisplayName": "ml-research",
        "costAmount": 1375.52,
        "costIntervalStart": "2026-08-01T07:00:00Z",
        "budgetAmount": 1500.0,
        "budgetAmountType": "SPECIFIED_AMOUNT",
        "currencyCode": "USD",
    } | ({"alertThresholdExceeded": threshold} if threshold else {})
    message = {
        "data": base64.b64encode(json.dumps(notice).encode()).decode(),
        "attributes": {
            "billingAccountId": "01D4EE-079462-DFD6EC",
            "budgetId": "de72f49d-779b-4945-a127-4d6ce8def0bb",
            "schemaVersion": "1.0",
        },
        "messageId": "4" if threshold else "3",
    }
    return cloud.cloud_event({"message": message, "subscription": "local"})
