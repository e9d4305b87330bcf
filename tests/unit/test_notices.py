"""Budget and anomaly notices of three clouds, from their real shapes."""

import base64
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trimtab.errors import BadInput, TooLarge
from trimtab.flow.alarms import mark_of, subject_of
from trimtab.records import BudgetNotice
from trimtab.sources.notices import (
    amount_of,
    is_unreadable,
    parse_anomaly,
    parse_azure,
    parse_gcp,
    parse_notice,
    parse_sns,
    read_azure,
    read_notice,
)

EVENTS = Path(__file__).parents[2] / "events" / "alert"


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def sns(name: str) -> BudgetNotice:
    record = event(name)["Records"][0]["Sns"]
    return parse_notice(json.dumps({"source": "aws-sns", "subject": record["Subject"], "message": record["Message"]}).encode())


def gcp(name: str) -> BudgetNotice:
    message = event(name)["data"]["message"]
    text = base64.b64decode(message["data"]).decode()
    return parse_notice(json.dumps({"source": "gcp-budget", "attributes": message["attributes"], "message": text}).encode())


def azure(name: str) -> BudgetNotice:
    return parse_azure((EVENTS / f"{name}.json").read_bytes())


@pytest.mark.parametrize(
    ("notice", "name", "kind", "threshold", "amount", "budgeted", "period"),
    [
        (sns("aws_budget_sns_actual_monthly"), "billingThree", "actual", "0.8", "36.69", "30.00", "2019-10"),
        (sns("aws_budget_sns_actual_daily"), "killswitch", "actual", "0.15", "1.70", "5.00", "2023-03-05"),
        (sns("aws_budget_sns_forecasted_monthly_2026"), "test", "forecast", "0", "0.95", "0.02", "2026-01"),
        (gcp("gcp_budget_cloudevent_actual"), "name-of-budget", "actual", "1.0", "100.01", "100.0", "2025-05-01T07:00:00Z"),
        (gcp("gcp_budget_cloudevent_forecast"), "name-of-budget", "forecast", "1.0", "50.0", "100.0", "2025-05-01T07:00:00Z"),
        (azure("azure_budget_common_schema_actual"), "Test_actual_cost_budget", "actual", "0.5", "11111.00", "50.00", ""),
        (azure("azure_budget_common_schema_forecast"), "Test_actual_cost_budget", "forecast", "1", "1111.11", "50.00", ""),
        (azure("azure_budget_legacy_AIP"), "test-budgetName", "actual", "0.8", "1111.32", "10000", ""),
    ],
)
def test_real_notices_are_read_exactly(
    notice: BudgetNotice, name: str, kind: str, threshold: str, amount: str, budgeted: str, period: str
) -> None:
    assert (notice.name, notice.kind, notice.period) == (name, kind, period)
    assert (notice.threshold, notice.amount, notice.budgeted) == (Decimal(threshold), Decimal(amount), Decimal(budgeted))
    assert not notice.is_heartbeat


def test_a_dollar_sign_is_no_currency() -> None:
    assert sns("aws_budget_sns_actual_monthly").currency is None
    assert gcp("gcp_budget_cloudevent_actual").currency == "USD"
    assert azure("azure_budget_legacy_AIP").currency == "USD"


def test_most_of_googles_messages_are_heartbeats() -> None:
    notice = gcp("gcp_budget_cloudevent_heartbeat_no_threshold")

    assert notice.is_heartbeat
    assert notice.threshold is None


def test_a_threshold_that_cannot_be_read_is_no_heartbeat() -> None:
    notice = parse_gcp({"budgetId": "b"}, '{"alertThresholdExceeded": "lots", "costAmount": 3}')

    assert not notice.is_heartbeat
    assert notice.threshold is None


@pytest.mark.parametrize(
    ("notice", "name", "spent", "expected", "start"),
    [
        (sns("aws_cost_anomaly_sns"), "AWS CloudTrail (eu-west-1, EU-InsightsEvents)", "12.09", "0.27", "2023-04-05"),
        (
            parse_anomaly(json.dumps(event("aws_cost_anomaly_eventbridge")["detail"])),
            "Amazon Elastic Compute Cloud - Compute (us-east-1, BoxUsage:g5.4xlarge)",
            "1301",
            "300",
            "2021-05-25",
        ),
    ],
)
def test_an_anomaly_names_its_cause(notice: BudgetNotice, name: str, spent: str, expected: str, start: str) -> None:
    assert (notice.kind, notice.name, notice.period) == ("anomaly", name, start)
    assert (notice.amount, notice.budgeted) == (Decimal(spent), Decimal(expected))


def test_a_letter_that_aws_reworded_is_still_a_notice() -> None:
    """Somebody must be told even where nothing but the subject can be read."""
    notice = parse_sns("AWS Budgets: ml team has exceeded your alert threshold", "Hello,\n\nyour budget is over. See the console.\n")

    assert notice.name == "ml team"
    assert (notice.amount, notice.threshold, notice.is_heartbeat) == (None, None, False)
    assert "is over" in notice.raw


@pytest.mark.parametrize("name", ["ml: training", "a budget, with commas", "x" * 100])
def test_a_budgets_name_may_hold_anything(name: str) -> None:
    assert parse_sns("", f"Dear AWS Customer,\nBudget Name: {name}\nActual: x\n").name == name


def told_as(notice: BudgetNotice, month: str) -> tuple[str, str]:
    """Where the record keeps it, and as which of the thresholds there."""
    return subject_of(notice, month), mark_of(notice)


def test_the_same_threshold_of_a_month_is_told_once() -> None:
    first, again = sns("aws_budget_sns_actual_monthly"), sns("aws_budget_sns_actual_monthly")

    assert told_as(first, "2019-10") == told_as(again, "2019-10")
    assert told_as(first, "2019-10") != told_as(replace(first, period=""), "2019-11")


def test_a_letter_that_is_read_a_month_late_is_about_its_own_month() -> None:
    """As the new month's it would keep that month's own threshold from being told."""
    late = sns("aws_budget_sns_actual_monthly")

    assert told_as(late, "2019-11") == told_as(late, "2019-10")


@pytest.mark.parametrize("threshold", ["9999999999999999999999999", "99,999,999,999,999,999,999,999"])
def test_a_threshold_of_more_budgets_than_anybody_sets_is_none_that_we_can_read(threshold: str) -> None:
    letter = f"Budget Name: ml\nBudgeted Amount: $0.01\nAlert Threshold: > ${threshold}\nACTUAL Amount: $1.00\n"

    notice = read_notice(json.dumps({"source": "aws-sns", "message": letter}).encode())

    assert (notice.threshold, notice.amount) == (None, Decimal("1.00"))


def test_half_a_character_in_a_budgets_name_is_not_kept() -> None:
    """The record takes none, and then nobody would be told."""
    message = '{"budgetDisplayName": "ml \\ud800", "alertThresholdExceeded": 0.5, "costAmount": 5}'

    notice = read_notice(json.dumps({"source": "gcp-budget", "attributes": {"budgetId": "b\ud800"}, "message": message}).encode())

    assert (notice.name, notice.budget) == ("ml ?", "b?")


def test_each_threshold_and_kind_is_told_by_itself() -> None:
    message = '{"alertThresholdExceeded": %s, "costIntervalStart": "2025-05-01T07:00:00Z"}'
    half, whole, same = (parse_gcp({"budgetId": "b"}, message % share) for share in ("0.5", "1.0", "1"))
    forecast = parse_gcp({"budgetId": "b"}, message.replace("alertT", "forecastT") % "1.0")

    assert len({told_as(notice, "2025-05") for notice in (half, whole, forecast)}) == 3
    assert told_as(whole, "2025-05") == told_as(same, "2025-06")


def test_two_budgets_with_one_name_are_two() -> None:
    message = '{"budgetDisplayName": "team", "alertThresholdExceeded": 1.0}'

    assert told_as(parse_gcp({"budgetId": "a"}, message), "2025-05") != told_as(parse_gcp({"budgetId": "b"}, message), "2025-05")


def test_an_anomaly_that_grows_stays_one() -> None:
    detail = event("aws_cost_anomaly_eventbridge")["detail"]
    grown = detail | {"impact": {"totalActualSpend": 9000}, "anomalyEndDate": None}

    assert told_as(parse_anomaly(json.dumps(detail)), "2021-05") == told_as(parse_anomaly(json.dumps(grown)), "2021-06")


def test_no_outside_text_is_in_a_key() -> None:
    notice = parse_gcp({"budgetId": "../../../x"}, '{"budgetDisplayName": "../y", "alertThresholdExceeded": 1}')

    assert set("".join(told_as(notice, "2025-05"))) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$11,111.00", Decimal("11111.00")),
        ("1111.32", Decimal("1111.32")),
        ("€ 5", Decimal(5)),
        ("USD 1,000", Decimal(1000)),
        ("1.111,11", None),
        ("1,11.00", None),
        ("-5", None),
        ("", None),
        ("lots", None),
        ("1e400", None),
        ("9" * 40, None),
    ],
)
def test_an_amount_that_could_be_read_in_two_ways_is_unknown(text: str, amount: Decimal | None) -> None:
    assert amount_of(text) == amount


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"null", b'{"source": "fax"}', b"[" * 100_000, b'{"source": "aws-sns", "message": ""}',
        b'{"source": "aws-anomaly", "message": "{}"}', b'{"source": "gcp-budget", "message": "nope"}',
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        parse_notice(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"schemaId": "AIP Budget Notification"}', b'{"schemaId": "azureMonitorCommonAlertSchema", "data": {}}']
)
def test_azure_posts_that_are_no_budget_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="/azure"):
        parse_azure(body)


def test_a_huge_notice_is_not_read() -> None:
    with pytest.raises(TooLarge):
        parse_notice(b" " * 300_000)


@pytest.mark.parametrize(
    ("source", "message"),
    [("aws-sns", '{"AlarmName": "not a budget"}'), ("gcp-budget", "<html>no JSON</html>"), ("aws-anomaly", "[]"), ("trimtab", "{}")],
)
def test_what_a_known_sender_wrote_and_nobody_can_read_is_a_notice_in_its_own_words(source: str, message: str) -> None:
    """Dropping it would keep an alarm from the one who waits for it."""
    notice = read_notice(json.dumps({"source": source, "message": message}).encode())

    assert (is_unreadable(notice), notice.raw, notice.amount, notice.threshold) == (True, message, None, None)


@pytest.mark.parametrize("body", [b"{}", b'{"source": "somebody", "message": "x"}', b'{"source": "aws-sns", "message": " "}', b"not JSON"])
def test_what_no_known_sender_wrote_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_notice(body)


def test_any_other_alert_of_an_action_group_is_told_in_its_own_words() -> None:
    body = b'{"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"alertRule": "cpu"}}}'

    assert read_azure(body).raw == body.decode()
