"""docs/running-cost.md, as text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from infra.running.assumptions import Assumptions
from infra.running.cost import Bill, Line, bill
from infra.running.prices import CLOUDS, Cloud, Price, prices, region
from infra.running.resources import BY_USE, FREE, MONTHLY, OPTIONAL
from infra.running.work import Measured, Work, table

SIZES = (10, 100, 1000)
FIXED_AIM = Decimal(15)
TOTAL_AIM = Decimal(30)
AIM_OF = 100
NAMES: Mapping[Cloud, str] = {"aws": "AWS", "google": "Google Cloud"}
TREES: Mapping[Cloud, str] = {"aws": "aws", "google": "gcp"}
CENT = Decimal("0.01")
PARTS = (
    ("fixed", "fixed"),
    ("variable", "variable"),
    ("**together**", "total"),
    ("of it in the free tier", "free"),
    ("fixed, above the free tier", "fixed_above_free"),
)
"""Row of the first table → what of a bill it shows."""

LOWER: Mapping[str, str] = {
    "stored: lake": "attribute less often (`attributions-per-day`): each writes its period anew, and what it replaced stays for two weeks",
    "stored: docs": "fewer attributions a day: each publishes the summaries again, and the bucket keeps the old ones for 30 days",
    "time of functions": '`architecture = "arm64"` (a fifth off), fewer attributions a day, drops of more than one hour',
    "processors of functions": "fewer attributions a day, drops of more than one hour",
    "memory of functions": "less memory for `ingest` and `propose` where clusters are small (`functions.json`)",
    "writes and lists": "drops of more than one hour (`drops-per-day`)",
    "reads from the store": "drops of more than one hour (`drops-per-day`)",
    "aws_cloudwatch_dashboard": "nothing, where the account has no other dashboards: its first three are free",
    "aws_secretsmanager_secret": "nothing: each secret has its own readers",
    "aws_cloudwatch_metric_alarm": "nothing, where the account has no others: its first ten are free",
    "google_monitoring_alert_policy": "nothing: each says of one function what is wrong with it",
    "metrics that the clock sends": "one metric of each function less; an account's first ten are free",
    "metrics of events": "fewer labels",
    "empty answers to pollers of queues": "nothing: Lambda asks whether there is anything or not",
    "traces": "X-Ray's sampling rules of the account, or tracing off",
    "images of functions": "keep fewer of each",
    "messages": "drops of more than one hour",
}  # fmt: skip
"""Item → what makes it smaller."""


def page(of: Measured, given: Assumptions) -> str:
    """The whole page."""
    bills = {cloud: [bill(cloud, size, of, given) for size in SIZES] for cloud in CLOUDS}
    return _PAGE.format(
        totals="\n".join(_totals(bills)),
        verdicts="\n".join(f"- {_verdict(bills[cloud])}" for cloud in CLOUDS),
        assumptions="\n".join(f"| `--{option}` | {value} | {about} |" for option, value, about in given.items()),
        clouds="\n".join(_cloud(bills[cloud]) for cloud in CLOUDS),
        work="\n".join(_work_rows(of)),
        memory="\n".join(_memory_rows(of)),
        machine=", ".join(f"{name} {value}" for name, value in of.machine.items()),
        prices="\n".join(_price_rows()),
        kinds="\n".join(_kinds()),
    )


# ── Totals ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _totals(bills: Mapping[Cloud, Sequence[Bill]]) -> Iterable[str]:
    for cloud, months in bills.items():
        for name, part in PARTS:
            yield f"| {NAMES[cloud]} | {name} | {' | '.join(_dollars(getattr(month, part)) for month in months)} |"


def _verdict(months: Sequence[Bill]) -> str:
    month = next(each for each in months if each.clusters == AIM_OF)
    answers = [
        f"fixed {_dollars(month.fixed)} ({_met(month.fixed, FIXED_AIM)})",
        f"{AIM_OF} clusters {_dollars(month.total)} in all ({_met(month.total, TOTAL_AIM)})",
    ]
    return f"**{NAMES[month.cloud]}**: {', '.join(answers)}. Largest: {'; '.join(_largest(month))}."


def _met(cost: Decimal, aim: Decimal) -> str:
    return f"aim {_dollars(aim)}: {'met' if cost <= aim else '**missed**'}"


def _largest(month: Bill, count: int = 3) -> list[str]:
    rows = sorted(_together(month.lines).items(), key=lambda row: (-row[1], row[0]))[:count]
    return [f"{_name(what)} {_dollars(cost)} (lower: {LOWER.get(what, 'nothing known')})" for what, cost in rows]


def _together(lines: Iterable[Line]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in lines:
        found[line.what] = found.get(line.what, Decimal(0)) + line.cost
    return found


def _name(what: str) -> str:
    return f"`{what}`" if "_" in what else what


# ── One cloud ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _cloud(months: Sequence[Bill]) -> str:
    cloud = months[0].cloud
    heads = " | ".join(f"{size:,} clusters" for size in SIZES)
    rules = " | ".join("---:" for _ in SIZES)
    return _CLOUD.format(
        name=NAMES[cloud], region=region(cloud), heads=heads, rules=rules,
        fixed="\n".join(_fixed_rows(months[0])),
        services="\n".join(_grid(months, lambda line: line.price.service)),
        items="\n".join(_grid(months, lambda line: _name(line.what))),
        functions="\n".join(_grid(months, lambda line: f"`{line.function}`" if line.function else "")),
        time="\n".join(_time_rows(months)),
        too_long="\n".join(_too_long(months)),
    )  # fmt: skip


def _fixed_rows(month: Bill) -> Iterable[str]:
    for line in month.lines:
        if line.is_fixed:
            sure = "" if line.price.confirmed else " (not confirmed)"
            yield f"| {_name(line.what)} | {line.quantity:,.0f} | {_price(line.price)}{sure} | {_dollars(line.cost)} |"
    yield f"| **together** | | | {_dollars(month.fixed)} |"


def _grid(months: Sequence[Bill], by: Callable[[Line], str]) -> Iterable[str]:
    rows: dict[str, list[Decimal]] = {}
    for place, month in enumerate(months):
        for line in month.lines:
            if not line.is_fixed and by(line):
                rows.setdefault(by(line), [Decimal(0)] * len(months))[place] += line.cost
    for name, costs in sorted(rows.items(), key=lambda row: (-row[1][1], row[0])):
        yield f"| {name} | {' | '.join(map(_dollars, costs))} |"


def _time_rows(months: Sequence[Bill]) -> Iterable[str]:
    time, calls = {"aws": ("lambda.x86_64", "lambda.requests"), "google": ("run.memory", "run.requests")}[months[0].cloud]
    for function in table(TREES[months[0].cloud]):
        cells = []
        for month in months:
            own = [line for line in month.lines if line.function == function]
            spent, called = (sum((line.quantity for line in own if line.price.key == key), Decimal(0)) for key in (time, calls))
            mark = "*" if any(line.is_extrapolated for line in own) else ""
            cells.append(f"{called:,.0f} / {spent:,.0f}{mark}")
        yield f"| `{function}` | {' | '.join(cells)} |"


def _too_long(months: Sequence[Bill]) -> Iterable[str]:
    for month in months:
        for event in month.too_long:
            yield f"- {month.clusters:,} clusters: **{event}**: such a period is for the Spark job (`spark`), at its own price"


# ── What it is made of ───────────────────────────────────────────────────────────────────────────────────────────────
def _work_rows(of: Measured) -> Iterable[str]:
    for event, sizes in sorted(of.events.items()):
        for size, work in sorted(sizes.items()):
            yield f"| {event} | {f'{size:,}' if size else ''} | {_work_cells(work)} |"


def _work_cells(work: Work) -> str:
    stored = sum(work.stored.values(), Decimal(0)) / 1000
    return (
        f"{work.cpu:.2f} | {work.gets:,.0f} | {work.puts:,.0f} | {work.calls:,.0f} | {work.messages:.1f} | "
        f"{work.log_bytes:,.0f} | {stored:,.1f} | {_peak(work.peak_mib)}"
    )


def _peak(mib: Decimal) -> str:
    """What was not measured alone is not nothing."""
    return f"{mib:,.0f}" if mib else "–"


def _memory_rows(of: Measured) -> Iterable[str]:
    for function in table("aws"):
        peaks = [work.peak_mib for event, sizes in of.events.items() if event.split()[0] == function for work in sizes.values()]
        given = [f"{table(tree)[function]['memory_mb']:,}" for tree in ("aws", "gcp")]
        start = of.imports[function]
        yield f"| `{function}` | {_peak(max(peaks, default=Decimal(0)))} | {' | '.join(given)} | {start:.2f} |"


def _price_rows() -> Iterable[str]:
    for cloud in CLOUDS:
        for price in prices(cloud).values():
            sure = "yes" if price.confirmed else "**no**"
            note = f" ({price.note})" if price.note else ""
            free = f"{price.free:,}" if price.free else ""
            yield f"| {NAMES[cloud]} | {price.service} | {_price(price)} | {free} | {sure} | <{price.source}>{note} | {price.looked_up} |"


def _kinds() -> Iterable[str]:
    for kinds, said in ((BY_USE, "by use: "), (OPTIONAL, ""), (FREE, "")):
        for kind, why in sorted(kinds.items()):
            yield f"| `{kind}` | {said}{why} |"
    for kind, key in sorted(MONTHLY.items()):
        optional = " (only with `own_key`)" if kind == "aws_kms_key" else ""
        yield f"| `{kind}` | by the month: {_price(prices('aws' if kind.startswith('aws_') else 'google')[key])}{optional} |"


def _price(price: Price) -> str:
    per = "" if price.per == 1 else f"{price.per:,} × "
    return f"${price.price:f} per {per}{price.unit}"


def _dollars(cost: Decimal) -> str:
    return f"${cost.quantize(CENT, ROUND_HALF_UP):,}"


_CLOUD = """
## {name} ({region})

### Fixed

What a deployment with GitHub, Slack and Palette has at its defaults, counted in Terraform's own plan.

| item | how many | price | a month |
|---|---:|---|---:|
{fixed}

### Variable

| service | {heads} |
|---|{rules}|
{services}

| item | {heads} |
|---|{rules}|
{items}

| function | {heads} |
|---|{rules}|
{functions}

Calls a month / GB-seconds (on Google Cloud GiB-seconds); with * some of the work is extrapolated.

| function | {heads} |
|---|{rules}|
{time}

{too_long}
"""

_PAGE = """\
# What it costs to run

`make running-cost` measured and wrote this page; no number in it is typed. It is list prices times measured work, for a month of 730
hours, in US dollars, before taxes and discounts. **Free tiers are not counted**; what they would take off stands apart. It is what
Trimtab itself costs, not what your bill, your metrics or your clusters cost.

| cloud | part | 10 clusters | 100 clusters | 1,000 clusters |
|---|---|---:|---:|---:|
{totals}

The aim is a fixed part of at most 15 dollars, and at most 30 dollars in all for 100 clusters:

{verdicts}

## Assumptions

What is a customer's own cannot be measured. Each is an option: `python -m infra.running --pods-per-cluster 2000` writes the page anew,
from the same measurements.

| option | value | what |
|---|---:|---|
{assumptions}

- **Fixed** is what Terraform makes, the empty answers that Lambda's pollers get, and the metrics that the clock alone sends.
- A call is billed for its processor time, on the share of a processor that its memory gives, and for its waits: requests to the store
  and calls outside, one after the other. Functions that ask for many things at once wait less. Time is rounded up, to 1 ms on AWS and
  to 100 ms on Google Cloud.
- A cold start is billed as well, as AWS does since August 2025: the time that importing takes without bytecode. On Google Cloud the
  start of the container itself comes on top of that.
- Each drop of usage is a call that merges it into the lake. The clock asks for the month under way every few hours; each time it
  is taken that more usage lands meanwhile, so that the message finds newer versions and asks again.
- A delivery of the bill counts as two attributions: one for reading it.
- What was replaced in the lake stays for a week, and for another one as an old version in the bucket; what holds stays for good, and so
  do usage drops, the lake's commits and the ledger; raw requests stay for 90 days, their marks for 120, old documents for 30.
- X-Ray is taken to record every call. Messages of `propose` come five at a time, on Google Cloud too: there each is a call of its own, of
  a fifth of the work.
- Not counted: data that leaves the cloud (short answers to webhooks, calls to forges and the chat); what clusters pay for pushing usage;
  and what is not made by default: Spark, a load balancer, a key of your own, copying the bill out of BigQuery.
- Clusters push their usage, so `collect` in the cloud asks Palette for their names alone.
{clouds}
## What was measured

On one machine ({machine}): the functions' own entry points, each in a process of its own, over a store that
speaks S3 and counts every request, on estates with 31 days of usage; webhooks, clicks and notices in the demo's morning. The
size of a drop and of an attribution (half a month of usage) is pods, that of the others clusters; sizes between and beyond are on the
line through the two nearest ones.

| event | size | processor s | gets | puts and lists | calls outside | messages | log bytes | stored kB | peak MiB |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{work}

| function | highest peak, MiB | memory on AWS, MB | memory on Google Cloud, MB | import, processor s |
|---|---:|---:|---:|---:|
{memory}

## Prices

Looked up in the providers' own pages, and in public data made of their price lists. A price that no page confirmed is marked.

| cloud | service | price | free a month | confirmed | source | looked up |
|---|---|---|---:|---|---|---|
{prices}

## Resources

Every type in both Terraform trees, and how it is counted.

| type | |
|---|---|
{kinds}
"""
