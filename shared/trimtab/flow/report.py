"""Showback: what every audience is told about a period, as files and as one Slack message. It renders summaries and computes nothing.

A team's files and message are made from the team's own documents alone, so nothing of anybody else can be in them.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal

from trimtab.attribution.owners import team_slugs
from trimtab.attribution.summary import CostLine, Summary
from trimtab.errors import BadInput, Refused
from trimtab.flow.access import record_access
from trimtab.flow.codec import load
from trimtab.flow.costs import period_slug
from trimtab.flow.governance import home_governance
from trimtab.flow.masks import mask_of_messages
from trimtab.flow.wake import Wake
from trimtab.policy.access_rules import Audience
from trimtab.policy.masking import masked
from trimtab.ports import Ports
from trimtab.records import Anomaly, Forecast, Json, NoForecast, OtherShare, Reconciliation, Team
from trimtab.render.showback import Line, Outlook, Showback, Table, money, month_name, page, table_csv
from trimtab.render.slack import digest

RENDERED = 2
"""Periods that a wake renders: the open one, and the one before, whose bill still settles."""
TOP = 5
"""Lines of one kind in a message."""


def report(_wake: Wake, ports: Ports, now: datetime) -> str:
    """Publish the newest periods' reports, then tell each audience about the newest, once for the same content."""
    periods = _periods(ports)[-RENDERED:]
    if not periods:
        raise BadInput("no summaries yet: ingest a bill and allocate first")
    published = [_publish(scope, period, ports) for period in periods for scope in _scopes(ports, period)]
    told = [_tell(showback, channel, ports, now) for showback, channel in _listeners(periods[-1], ports)]
    return f"{len(published)} reports; {'; '.join(told) or 'no channel is set, so nobody was told'}"


def render_files(ports: Ports, period: str | None, allowed: Collection[str] | None = None) -> dict[str, bytes]:
    """Path → content of the files of a period, the newest unless one is given, of every audience or the allowed ones; {} = none."""
    chosen = period_slug(period) if period else next(iter(_periods(ports)[-1:]), None)
    files: dict[str, bytes] = {}
    scopes = _scopes(ports, chosen) if chosen else []
    for scope in scopes if allowed is None else [scope for scope in scopes if scope in allowed]:
        showback = _showback(scope, chosen or "", ports)
        files[f"{scope}/showback.html"] = page(showback, ports.wording).encode()
        files[f"{scope}/showback.csv"] = table_csv(showback).encode()
    return files


def _periods(ports: Ports) -> list[str]:
    return [key.rsplit("/", 1)[1] for key in ports.documents.keys("summaries/all/")]


def _scopes(ports: Ports, period: str) -> list[str]:
    """Audiences that have a summary of the period."""
    keys = (key.split("/") for key in ports.documents.keys("summaries/"))
    return sorted(scope for _, scope, own in keys if own == period)


def _publish(scope: str, period: str, ports: Ports) -> str:
    showback = _showback(scope, period, ports)
    key = f"reports/{scope}/{period}"
    ports.documents.publish(key, {"html": page(showback, ports.wording), "csv": table_csv(showback)})
    return key


# ── From documents ───────────────────────────────────────────────────────────────────────────────────────────────────
def _showback(scope: str, period: str, ports: Ports) -> Showback:
    """One audience's report from its own documents."""
    summary = Summary.from_json(_document(f"summaries/{scope}/{period}", ports))
    return Showback(
        audience="everybody who may see all cost" if scope == "all" else f"team {_team_name(summary)}",
        month=period.removeprefix("p-"), made_at=summary.made_at[:16].replace("T", " ") + " UTC",
        versions=tuple((name, _version(version)) for name, version in sorted(summary.versions.items())),
        reconciliations=summary.reconciliations, tables=_tables(summary), outlooks=_outlooks(summary, ports),
        others=summary.other_costs,
    )  # fmt: skip


def _version(version: int | None) -> str:
    return "not read" if version is None else f"version {version}"


def _document(key: str, ports: Ports) -> Json:
    found = ports.documents.find(key)
    if found is None:
        raise BadInput(f"{key}: no such document; run `trimtab allocate` first")
    return found


def _team_name(summary: Summary) -> str:
    return next((line.name for line in summary.by_team if line.name), summary.scope.removeprefix("team-"))


def _tables(summary: Summary) -> tuple[Table, ...]:
    """The tables in reading order; those that only the whole has are left out of a team's."""
    own = (
        _table("cluster", "By cluster", "Everything on a cluster's nodes and what its tags name.", summary.by_cluster, "outside clusters"),
        _table("namespace", "By namespace", "Cluster and namespace.", summary.by_namespace, "no namespace"),
    )
    if summary.scope != "all":
        return own
    return (
        _table("team", "By team", "By the owner rules; what no rule gives an owner stands as its own line.", summary.by_team, "no owner"),
        *own,
        _table("idle", "Idle, by pool", "Paid capacity that nobody asked for.", summary.idle, "no pool"),
        _table("unallocated", "Unallocated, by reason", "Cost of clusters that could not be given to anybody.", summary.unallocated, "?"),
        _table("not-kubernetes", "Not Kubernetes, by reason", "Cost outside clusters.", summary.not_kubernetes, "?"),
    )


def _table(name: str, title: str, about: str, lines: Sequence[CostLine], unnamed: str) -> Table:
    return Table(id=name, title=title, about=about, lines=tuple(_line(line, unnamed) for line in lines))


def _line(line: CostLine, unnamed: str) -> Line:
    amounts = line.amounts
    return Line(name=line.name or unnamed, currency=line.currency, billed=amounts.billed, effective=amounts.effective, list=amounts.list)


def _outlooks(summary: Summary, ports: Ports) -> tuple[Outlook, ...]:
    """What `learn` wrote for this audience, as far as it is about this period's month."""
    month = summary.period.removeprefix("p-")
    forecasts, unusual = _learned(f"forecasts/{summary.scope}", "forecasts", ports), _learned(f"anomalies/{summary.scope}", "series", ports)
    currencies = sorted({line.currency for line in summary.daily})
    return tuple(_outlook(summary, currency, forecasts.get(currency), unusual.get(currency), month) for currency in currencies)


def _learned(key: str, field: str, ports: Ports) -> dict[str, Json]:
    """A document's items by currency; {} before the first learning."""
    items = (ports.documents.find(key) or {}).get(field, [])
    return {str(item["currency"]): item for item in items if isinstance(item, dict)} if isinstance(items, list) else {}


def _outlook(summary: Summary, currency: str, made: Json | None, unusual: Json | None, month: str) -> Outlook:
    days = tuple(
        (date.fromisoformat(line.day), line.amounts.effective) for line in summary.daily if line.team is None and line.currency == currency
    )
    listed = (unusual or {}).get("anomalies")
    found = [load(Anomaly, item, f"anomalies/{summary.scope}") for item in listed] if isinstance(listed, list) else []
    return Outlook(
        currency=currency, days=days, forecast=_forecast(made, month, f"forecasts/{summary.scope}"),
        anomalies=tuple(item for item in found if f"{item.day:%Y-%m}" == month), no_anomalies=str((unusual or {}).get("refused") or ""),
    )  # fmt: skip


def _forecast(made: Json | None, month: str, place: str) -> Forecast | NoForecast | None:
    """The forecast, where it is about this month; of a month that is over none is made."""
    if made is None or made.get("month") != month:
        return None
    bare = {key: value for key, value in made.items() if key != "currency"}
    return load(NoForecast, bare, place) if "reason" in bare else load(Forecast, bare, place)


# ── Told, once ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _listeners(period: str, ports: Ports) -> list[tuple[Showback, str]]:
    """Who is told what: finance all of it, each team its own. A channel that several teams share is told nothing of either."""
    teams = team_channels(home_governance(ports).teams)
    scopes = _scopes(ports, period)
    finance = ports.settings.finance_channel or ports.settings.default_channel
    found = [("all", finance)] if finance and "all" in scopes else []
    found += [(scope, teams[scope]) for scope in scopes if scope in teams]
    return [(_showback(scope, period, ports), channel) for scope, channel in found]


def team_channels(teams: Sequence[Team]) -> dict[str, str]:
    """Scope → channel, of the teams that have one for themselves."""
    shared = Counter(team.channel for team in teams)
    names = {name: slug for slug, name in team_slugs(teams).items()}
    return {f"team-{names[team.name]}": team.channel for team in teams if team.channel and shared[team.channel] == 1}


def _tell(showback: Showback, channel: str, ports: Ports, now: datetime) -> str:
    """One message per channel, period and content; found again by its nonce, so that a second wake does not say it twice."""
    headline = f"Cost of {month_name(showback.month)}, {showback.audience}"
    mask = mask_of_messages(home_governance(ports), ports)
    lines = [masked(line, mask) for line in message(showback)]
    nonce = hashlib.sha256(repr((channel, headline, lines)).encode()).hexdigest()[:32]
    try:
        if ports.chat.find(channel, nonce) is not None:
            return f"{channel} was told before"
        record_access(Audience(actor="report", teams=None), f"{headline}, to {channel}", ports, now, nonce=nonce)
        ports.chat.post(channel, digest(headline, lines, now), headline, nonce)
    except Refused as refusal:
        # One channel's door does not keep the others from hearing theirs.
        ports.log.warning("report.not-told", channel=channel, input=str(refusal))
        return f"{channel} could not be told: {refusal}"
    return f"told {channel}"


def message(showback: Showback) -> list[str]:
    """The report in a few sentences: how it ends, whether it adds up, who and what costs most, what was unusual."""
    lines = [sentence for outlook in showback.outlooks for sentence in _outlook_lines(outlook)]
    lines += [_adds_up(record) for record in showback.reconciliations if record.measure == "EffectiveCost"]
    for table in showback.tables[:2]:
        largest = [f"{line.name} {money(line.effective)} {line.currency}" for line in table.lines[:TOP] if line.effective > 0]
        lines += [f"{table.title}: {', '.join(largest)}"] if largest else []
    lines += [_beside(currency, showback.others) for currency in sorted({share.currency for share in showback.others})]
    return lines or ["No cost in this period."]


def _beside(currency: str, others: Sequence[OtherShare]) -> str:
    """What no cloud bills, by name, once per currency."""
    sums: dict[str, Decimal] = {}
    for share in others:
        if share.currency == currency:
            sums[share.name] = sums.get(share.name, Decimal(0)) + share.amount
    return f"Beside the bill: {', '.join(f'{name} {money(amount)} {currency}' for name, amount in sorted(sums.items()))}"


def _adds_up(record: Reconciliation) -> str:
    whole = f"{money(record.billed)} {record.currency} effective cost"
    if record.difference == 0:
        return f"The parts add up to the bill: {whole}"
    return f"The parts differ from the bill, {whole}, by {record.difference} {record.currency}: somebody must look"


def _outlook_lines(outlook: Outlook) -> list[str]:
    made, lines = outlook.forecast, []
    if isinstance(made, Forecast):
        lines.append(
            f"Expected for {month_name(made.month)}: {money(made.total)} {outlook.currency}, "
            f"between {money(made.low)} {outlook.currency} and {money(made.high)} {outlook.currency}; "
            f"known so far: {money(made.spent)} {outlook.currency}"
        )
    lines += [
        f"Unusual on {item.day}: {money(item.actual)} {outlook.currency} where {money(item.expected)} {outlook.currency} was expected"
        for item in outlook.anomalies[-TOP:]
    ]
    return lines
