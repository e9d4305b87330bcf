"""Budget and anomaly notices of three clouds → BudgetNotice. Money is exact; what cannot be read stays None and the words are kept.

A notice that cannot be read in full, or at all, is still a notice: somebody must be told.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from trimtab.errors import BadInput, TooLarge
from trimtab.records import BudgetNotice

LARGEST = 256 * 1024
_RAW = 4000
UNREADABLE = "unreadable/"
"""What the ids of notices begin with that nobody can read."""
_LABEL = re.compile(r"^([A-Za-z][A-Za-z ]{1,40}):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_AMOUNT = re.compile(r"^[^\d\-+.,]{0,4}(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?$")
_ACCOUNT = re.compile(r"^AWS Account (\d{12})\b", re.MULTILINE)
_DATED = re.compile(r"Notification ([A-Z][a-z]+ \d{1,2}, \d{4})")
_MOST_DIGITS = 30
_MOST_SHARE = Decimal(10) ** 12
"""A threshold that is more than so many budgets is none that somebody set."""


def parse_notice(body: bytes) -> BudgetNotice:
    """A notice as the entry points keep it: {"source": "aws-sns" | "aws-anomaly" | "gcp-budget" | "trimtab", "message": text, …}.

    Raises BadInput where it is none of these.
    """
    envelope = _object(body, "notice")
    message = str(envelope.get("message") or "")
    match envelope.get("source"):
        case "aws-sns":
            return parse_sns(str(envelope.get("subject") or ""), message)
        case "aws-anomaly":
            return parse_anomaly(message)
        case "gcp-budget":
            attributes = envelope.get("attributes")
            return parse_gcp(attributes if isinstance(attributes, dict) else {}, message)
        case "trimtab":
            return parse_own(message)
        case other:
            raise BadInput(f"notice: source: expected aws-sns, aws-anomaly, gcp-budget or trimtab, got {other!a}")


def read_notice(body: bytes) -> BudgetNotice:
    """The same, but what a known sender wrote and nobody can read is a notice too: somebody is told in its own words."""
    return _keepable(_read(body))


def _read(body: bytes) -> BudgetNotice:
    try:
        return parse_notice(body)
    except BadInput:
        envelope = _object(body, "notice")
        source, message = _SENDERS.get(str(envelope.get("source"))), str(envelope.get("message") or "")
        if source is None or not message.strip():
            raise
        return _unreadable(source, message)


def read_azure(body: bytes) -> BudgetNotice:
    """`parse_azure`, with the same for what it cannot read."""
    try:
        return _keepable(parse_azure(body))
    except BadInput:
        return _unreadable("azure", body[:LARGEST].decode("utf-8", "replace"))


def _keepable(notice: BudgetNotice) -> BudgetNotice:
    """JSON can write half a character, an escaped D800, and the record keeps none: without it the notice is told all the same."""
    name, budget, period, raw = (_whole(text) for text in (notice.name, notice.budget, notice.period, notice.raw))
    return replace(notice, name=name, budget=budget, period=period, raw=raw)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


_SENDERS: Mapping[str, Literal["aws", "gcp", "trimtab"]] = {
    "aws-sns": "aws",
    "aws-anomaly": "aws",
    "gcp-budget": "gcp",
    "trimtab": "trimtab",
}


def _unreadable(source: Literal["aws", "gcp", "azure", "trimtab"], message: str) -> BudgetNotice:
    """The same words are the same notice."""
    identity = hashlib.sha256(message.encode("utf-8", "replace")).hexdigest()[:32]
    return BudgetNotice(
        source=source, budget=f"{UNREADABLE}{identity}", name="a notice that cannot be read", period="", kind="actual", threshold=None,
        amount=None, budgeted=None, currency=None, raw=message[:_RAW],
    )  # fmt: skip


def is_unreadable(notice: BudgetNotice) -> bool:
    """Nothing of it was understood."""
    return notice.budget.startswith(UNREADABLE)


# ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def parse_sns(subject: str, message: str) -> BudgetNotice:
    """An SNS message of AWS Budgets (plain text) or Cost Anomaly Detection (JSON)."""
    if not message.strip():
        raise BadInput("notice: message: empty")
    return parse_anomaly(message) if message.lstrip().startswith("{") else _budget_text(subject, message)


def _budget_text(subject: str, message: str) -> BudgetNotice:
    """AWS Budgets writes a letter; its `Label: value` lines are the part that stayed the same over the years.

        Budget Name: X          Budgeted Amount: $30.00     Alert Type: ACTUAL | FORECASTED
        Alert Threshold: > $24.00                           ACTUAL Amount: $36.69 | FORECASTED Amount: $0.95

    It names no currency ("$" is many), and of its period only the day on which it was written; a daily budget says "per day".
    """
    labels = {key.strip().lower(): value for key, value in _LABEL.findall(message)}
    kind: Literal["actual", "forecast"] = "forecast" if labels.get("alert type", "").upper() == "FORECASTED" else "actual"
    budgeted = amount_of(labels.get("budgeted amount", ""))
    account = _ACCOUNT.search(message)
    name = labels.get("budget name") or _name_of(subject) or "a budget that its notice does not name"
    return BudgetNotice(
        source="aws",
        budget=f"{account[1] if account else ''}/{name}",
        name=name,
        period=_period_of(message),
        kind=kind,
        threshold=_share(labels.get("alert threshold", "").lstrip("> "), budgeted),
        amount=amount_of(labels.get("forecasted amount" if kind == "forecast" else "actual amount", "")),
        budgeted=budgeted,
        currency=None,
        raw=message[:_RAW],
    )


def _name_of(subject: str) -> str:
    found = re.fullmatch(r"AWS Budgets: (.+) has exceeded your alert threshold", subject.strip())
    return found[1] if found else ""


def _period_of(message: str) -> str:
    """The day of a daily budget's notice, of any other the month: a letter that is read late is not about the month after."""
    found = _DATED.search(message)
    try:
        written = f"{datetime.strptime(found[1], '%B %d, %Y'):%Y-%m-%d}" if found else ""  # noqa: DTZ007 -- only a date is kept
    except ValueError:
        return ""
    return written if " per day" in message else written[:7]


def _share(text: str, budgeted: Decimal | None) -> Decimal | None:
    """A threshold as a share of the budget: "80%" or an amount over the budgeted one."""
    if text.endswith("%"):
        percent = amount_of(text[:-1])
        return None if percent is None else percent / 100
    amount = amount_of(text)
    share = amount / budgeted if amount is not None and budgeted else None
    return share.quantize(Decimal("0.0001")).normalize() if share is not None and share <= _MOST_SHARE else None


def parse_anomaly(message: str) -> BudgetNotice:
    """Cost Anomaly Detection, from SNS ("dimensionalValue") or EventBridge ("dimensionValue"); one anomaly is told as it grows."""
    detail = _object(message.encode(), "notice: message")
    identity = detail.get("anomalyId")
    if not isinstance(identity, str) or not identity:
        raise BadInput("notice: message: anomalyId: missing, so this is no cost anomaly")
    raw_impact = detail.get("impact")
    impact: Mapping[str, Any] = raw_impact if isinstance(raw_impact, dict) else {}
    spent, expected = _decimal(impact.get("totalActualSpend")), _decimal(impact.get("totalExpectedSpend"))
    what = detail.get("dimensionalValue") or detail.get("dimensionValue") or detail.get("monitorName") or "a cost anomaly"
    return BudgetNotice(
        source="aws",
        budget=identity,
        name=_anomaly_name(str(what), detail),
        period=str(detail.get("anomalyStartDate") or "")[:10],
        kind="anomaly",
        threshold=None,
        amount=spent,
        budgeted=expected,
        currency=None,
        raw=message[:_RAW],
    )


def _anomaly_name(what: str, detail: Mapping[str, Any]) -> str:
    """The service, and the root cause's region and usage type where one is named."""
    causes = detail.get("rootCauses")
    first = causes[0] if isinstance(causes, list) and causes and isinstance(causes[0], dict) else {}
    where = [str(first[key]) for key in ("region", "usageType") if first.get(key)]
    return f"{what} ({', '.join(where)})" if where else what


# ── Google ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def parse_gcp(attributes: Mapping[str, Any], message: str) -> BudgetNotice:
    """Cloud Billing's Pub/Sub notification: sent several times a day, most of them heartbeats without a threshold.

    The display name is not unique, so the budget is `attributes.budgetId`.
    """
    payload = _object(message.encode(), "notice: message")
    actual, forecast = _decimal(payload.get("alertThresholdExceeded")), _decimal(payload.get("forecastThresholdExceeded"))
    name = str(payload.get("budgetDisplayName") or "a budget without a name")
    # A key that is there and cannot be read is no heartbeat: somebody must look.
    is_heartbeat = "alertThresholdExceeded" not in payload and "forecastThresholdExceeded" not in payload
    return BudgetNotice(
        source="gcp",
        budget=str(attributes.get("budgetId") or name),
        name=name,
        period=str(payload.get("costIntervalStart") or ""),
        kind="forecast" if actual is None and "forecastThresholdExceeded" in payload else "actual",
        threshold=forecast if actual is None else actual,
        amount=_decimal(payload.get("costAmount")),
        budgeted=_decimal(payload.get("budgetAmount")),
        currency=_currency(payload.get("currencyCode")),
        raw=message[:_RAW],
        is_heartbeat=is_heartbeat,
    )


# ── Ours ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def parse_own(message: str) -> BudgetNotice:
    """An anomaly that `learn` found in a daily series: {"id", "name", "day", "actual", "expected", "currency"}."""
    payload = _object(message.encode(), "notice: message")
    identity, name = payload.get("id"), payload.get("name")
    if not isinstance(identity, str) or not identity or not isinstance(name, str):
        raise BadInput("notice: message: id and name: expected texts")
    return BudgetNotice(
        source="trimtab",
        budget=identity,
        name=name,
        period=str(payload.get("day") or ""),
        kind="anomaly",
        threshold=None,
        amount=amount_of(str(payload.get("actual"))),
        budgeted=amount_of(str(payload.get("expected"))),
        currency=_currency(payload.get("currency")),
        raw=message[:_RAW],
    )


# ── Azure ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def parse_azure(body: bytes) -> BudgetNotice:
    """An action group's request: the legacy budget schema or the common alert schema. Raises BadInput for anything else.

    BudgetStartDate is when the budget began, years ago perhaps, not its current interval; so the period is left open.
    """
    payload = _object(body, "/azure")
    facts = payload.get("data")
    match payload.get("schemaId"):
        case "AIP Budget Notification" if isinstance(facts, dict):
            return _azure(facts, "actual", facts.get("SpendingAmount"), facts.get("Budget"), body)
        case "azureMonitorCommonAlertSchema" if isinstance(facts, dict):
            return _azure_common(facts, body)
        case other:
            raise BadInput(f"/azure: schemaId: expected a budget notification, got {other!a}")


def _azure_common(facts: Mapping[str, Any], body: bytes) -> BudgetNotice:
    context = facts.get("alertContext")
    alert = context.get("AlertData") if isinstance(context, dict) else None
    if not isinstance(alert, dict) or "BudgetName" not in alert:
        raise BadInput("/azure: data.alertContext.AlertData: no budget in it")
    is_forecast = str(alert.get("ThresholdType", "")).lower().startswith("forecast")
    amount = alert.get("ForecastedTotalForPeriod") if is_forecast else alert.get("SpentAmount")
    return _azure(alert, "forecast" if is_forecast else "actual", amount, alert.get("BudgetThreshold"), body)


def _azure(facts: Mapping[str, Any], kind: Literal["actual", "forecast"], amount: object, budget: object, body: bytes) -> BudgetNotice:
    budgeted = amount_of(str(budget or ""))
    name = str(facts.get("BudgetName") or "a budget without a name")
    scope = "/".join(str(facts[key]) for key in ("SubscriptionId", "ResourceGroup") if facts.get(key))
    return BudgetNotice(
        source="azure",
        budget=str(facts.get("BudgetId") or f"{scope}/{name}"),
        name=name,
        period="",
        kind=kind,
        threshold=_share(str(facts.get("NotificationThresholdAmount") or ""), budgeted),
        amount=amount_of(str(amount or "")),
        budgeted=budgeted,
        currency=_currency(facts.get("Unit")),
        raw=body[:_RAW].decode("utf-8", "replace"),
    )


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def amount_of(text: str) -> Decimal | None:
    """`$11,111.00` or `1111.32` as a number; None for anything that could be read in two ways."""
    found = _AMOUNT.match(text.strip()) if len(text) <= _MOST_DIGITS else None
    return Decimal(found[1].replace(",", "") + (found[2] or "")) if found else None


def _decimal(value: object) -> Decimal | None:
    """A JSON number, exactly as written."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS else None


def _currency(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Z]{3}", value) else None


def _object(body: bytes, place: str) -> dict[str, Any]:
    if len(body) > LARGEST:
        raise TooLarge(f"{place}: {len(body)} bytes; at most {LARGEST} are read")
    try:
        value = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise BadInput(f"{place}: not JSON") from None
    if not isinstance(value, dict):
        raise BadInput(f"{place}: expected a JSON object")
    return value
