"""From events and work to lines of a bill, one cloud at a time. Every figure is a Decimal; only the page rounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from infra.running.assumptions import DAYS, HOURS, Assumptions
from infra.running.prices import Cloud, Price, prices
from infra.running.resources import MONTHLY
from infra.running.work import KEPT, Load, Measured, lasting, loads, table
from trimtab.meters import METERS

GB = Decimal(10**9)
GIB = Decimal(2**30)
MIB = Decimal(2**20)
CORE_MB = Decimal(1769)
"""Memory at which Lambda gives one whole processor."""
FREE_DISK_MB = Decimal(512)
LEAST_MESSAGE = Decimal(1000)
"""Bytes that Pub/Sub counts for the smallest message."""
SAMPLE_BYTES = Decimal(88)
"""A count and a distribution, for the two meters of a call."""
CLOCK = frozenset({"tick", "hour", "plan"})
"""Events that the schedule calls."""
LEAST = Decimal("1e-12")
IMAGES_KEPT = Decimal(3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the bill."""

    price: Price
    what: str
    quantity: Decimal
    is_fixed: bool = False
    function: str = ""
    is_extrapolated: bool = False

    @property
    def cost(self) -> Decimal:
        """Dollars a month; cut where no cent can come of it, so that parts add up to the last digit in any order."""
        return self.price.of(self.quantity).quantize(LEAST)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """A month."""

    cloud: Cloud
    clusters: int
    lines: tuple[Line, ...]
    too_long: tuple[str, ...]
    """Events of which one call takes longer than the function may run."""

    @property
    def fixed(self) -> Decimal:
        """What an idle deployment costs."""
        return sum((line.cost for line in self.lines if line.is_fixed), Decimal(0))

    @property
    def variable(self) -> Decimal:
        """What grows with clusters and events."""
        return sum((line.cost for line in self.lines if not line.is_fixed), Decimal(0))

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.fixed + self.variable

    @property
    def free(self) -> Decimal:
        """What a provider's free units take off, where this account uses them for nothing else."""
        return _free(self.lines)

    @property
    def fixed_above_free(self) -> Decimal:
        """The fixed part in an account that has nothing else."""
        return self.fixed - _free([line for line in self.lines if line.is_fixed])


def _free(lines: Sequence[Line]) -> Decimal:
    used: dict[str, Decimal] = {}
    for line in lines:
        used[line.price.key] = used.get(line.price.key, Decimal(0)) + line.quantity
    known = {line.price.key: line.price for line in lines}
    return sum((price.of(min(price.free, used[key])) for key, price in known.items()), Decimal(0))


def bill(cloud: Cloud, clusters: int, of: Measured, given: Assumptions) -> Bill:
    """A month of so many clusters."""
    month = loads(clusters, of, given)
    lines = _aws(month, of, given) if cloud == "aws" else _google(month, of, given)
    return Bill(cloud=cloud, clusters=clusters, lines=tuple(lines), too_long=tuple(_too_long(cloud, month, given)))


def _too_long(cloud: Cloud, month: Sequence[Load], given: Assumptions) -> Iterator[str]:
    for load in month:
        size = table("aws" if cloud == "aws" else "gcp")[load.function]
        each = seconds(load, Decimal(size["memory_mb"]) / CORE_MB if cloud == "aws" else Decimal(size["cpus"]), given, Decimal(1))
        if each > size["timeout_s"]:
            yield f"{load.function} {load.event}: {each:,} s, and it may run {size['timeout_s']:,} s"


def seconds(load: Load, cores: Decimal, given: Assumptions, step: Decimal) -> Decimal:
    """How long one call is billed: its own work on so much of a processor, and its waiting; rounded up to the platform's step."""
    waits = (load.work.requests * given.store_ms + load.work.calls * given.call_ms) / 1000
    return _up(load.work.cpu / min(Decimal(1), cores) + waits, step)


def cold(load: Load, given: Assumptions) -> Decimal:
    """How many of its calls start a process."""
    return load.times if load.times <= 24 * DAYS else load.times * given.cold_share


def _up(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


# ── Lambda and what is around it ─────────────────────────────────────────────────────────────────────────────────────
def _aws(month: Sequence[Load], of: Measured, given: Assumptions) -> list[Line]:
    known = prices("aws")
    lines = _monthly("aws", of)
    queues = Decimal(of.resources["aws"]["aws_lambda_event_source_mapping"])
    polls = queues * given.pollers * 3 * 60 * HOURS
    lines.append(Line(price=known["sqs.requests"], what="empty answers to pollers of queues", quantity=polls, is_fixed=True))
    for load in month:
        lines += _lambda(load, of, given)
    idle = _metrics([load for load in month if load.event in CLOCK])
    lines.append(Line(price=known["cloudwatch.metric"], what="metrics that the clock sends", quantity=idle, is_fixed=True))
    lines.append(Line(price=known["cloudwatch.metric"], what="metrics of events", quantity=_metrics(month) - idle))
    lines += _secrets(month, given)
    return lines


def _lambda(load: Load, of: Measured, given: Assumptions) -> list[Line]:
    known, size = prices("aws"), table("aws")[load.function]
    memory = Decimal(size["memory_mb"])
    each = seconds(load, memory / CORE_MB, given, Decimal("0.001"))
    # A cold start is billed too, and has a whole processor.
    whole = load.times * each + cold(load, given) * _up(of.imports[load.function], Decimal("0.001"))
    disk = max(Decimal(0), Decimal(size["disk_mb"]) - FREE_DISK_MB)
    # Sent, received and deleted; the message of a drop is the collector's doing.
    asked = load.times * (load.work.messages + (load.event == "drop")) * 3

    def line(key: str, what: str, quantity: Decimal) -> Line:
        return Line(price=known[key], what=what, quantity=quantity, function=load.function, is_extrapolated=load.work.is_extrapolated)

    door = {"request": [line("apigateway.http", "webhooks", load.times)]}
    clock = [line("scheduler.invocations", "clock", load.times)]
    return [
        line("lambda.x86_64", "time of functions", whole * memory / 1024),
        line("lambda.disk", "disk of functions", whole * disk / 1024),
        line("lambda.requests", "calls of functions", load.times),
        line("xray.traces", "traces", load.times),
        line("s3.get", "reads from the store", load.times * load.work.gets),
        line("s3.put", "writes and lists", load.times * load.work.puts),
        line("sqs.requests", "messages", asked),
        line("cloudwatch.ingested", "logs written", _logged(load, given) / GB),
        line("cloudwatch.stored", "logs kept", 3 * _logged(load, given) / GB),
        *(clock if load.event in CLOCK else door.get(load.event, [])),
        *_stored(load, given, known["s3.storage"]),
    ]  # fmt: skip


def _stored(load: Load, given: Assumptions, price: Price) -> Iterator[Line]:
    """What it puts, as much as lies there after the months that the deployment has run."""
    for folder, size in load.work.stored.items():
        yield Line(
            price=price,
            what=f"stored: {folder}",
            quantity=size * (load.times * _months(folder, given) + _lasting(folder, load, given)) / GB,
            function=load.function,
            is_extrapolated=load.work.is_extrapolated,
        )


def _lasting(folder: str, load: Load, given: Assumptions) -> Decimal:
    """What of the lake holds still, over the months that came before this one."""
    return lasting(load, given) * max(Decimal(0), given.kept_months - KEPT["lake"]) if folder == "lake" else Decimal(0)


def _months(folder: str, given: Assumptions) -> Decimal:
    return min(KEPT.get(folder, given.kept_months), given.kept_months)


def _logged(load: Load, given: Assumptions) -> Decimal:
    return load.times * (load.work.log_bytes + given.platform_log_bytes)


def _metrics(month: Sequence[Load]) -> Decimal:
    """Metrics times the share of the month's hours in which each is sent; what fails or is refused is rare and left out."""
    served = sum(1 for meter in METERS if meter.event == "wake.finished" and meter.when.get("result") != "refused")
    shares = {load.function: Decimal(0) for load in month if load.function != "receive"}
    for load in month:
        if load.function in shares:
            shares[load.function] += load.times
    told = sum((min(Decimal(1), times / HOURS) for times in shares.values()), Decimal(0)) * served
    # The sweep's own each hour; of a period what nobody could be given, with each attribution; a dozen of proposals in a few hours.
    attributed = sum((load.times for load in month if load.event == "attribute"), Decimal(0))
    return told + 1 + min(Decimal(1), attributed / HOURS)


def _secrets(month: Sequence[Load], given: Assumptions) -> list[Line]:
    """Each process reads its settings and what it may read; once more for every ten minutes that it lives is below that."""
    calls = sum((cold(load, given) * 4 for load in month), Decimal(0))
    return [Line(price=prices("aws")["secretsmanager.calls"], what="secrets read", quantity=calls)]


# ── Cloud Run functions and what is around them ──────────────────────────────────────────────────────────────────────
def _google(month: Sequence[Load], of: Measured, given: Assumptions) -> list[Line]:
    known = prices("google")
    lines = _monthly("google", of)
    images = Decimal(len(table("gcp"))) * IMAGES_KEPT * given.image_gb
    lines.append(Line(price=known["artifacts.storage"], what="images of functions", quantity=images, is_fixed=True))
    for load in month:
        lines += _run(load, of, given)
    return lines


def _run(load: Load, of: Measured, given: Assumptions) -> list[Line]:
    known, size = prices("google"), table("gcp")[load.function]
    cores = Decimal(size["cpus"])
    step = Decimal("0.1")
    whole = load.times * seconds(load, cores, given, step) + cold(load, given) * _up(of.imports[load.function], step)
    woken = load.times if load.event != "request" else Decimal(0)

    def line(key: str, what: str, quantity: Decimal) -> Line:
        return Line(price=known[key], what=what, quantity=quantity, function=load.function, is_extrapolated=load.work.is_extrapolated)

    return [
        line("run.cpu", "processors of functions", whole * cores),
        line("run.memory", "memory of functions", whole * Decimal(size["memory_mb"]) / 1024),
        line("run.requests", "calls of functions", load.times),
        line("gcs.class_b", "reads from the store", load.times * load.work.gets),
        line("gcs.class_a", "writes and lists", load.times * load.work.puts),
        # Published once and delivered once; a notification of a bucket has the object's description in it.
        line("pubsub.data", "messages", woken * 2 * 2 * LEAST_MESSAGE / GIB),
        line("logging.ingested", "logs written", _logged(load, given) / GIB),
        line("logging.retained", "logs kept", 2 * _logged(load, given) / GIB),
        line("monitoring.metrics", "metrics of events", load.times * SAMPLE_BYTES / MIB),
        line("secretmanager.access", "secrets read", cold(load, given) * 4),
        *_stored(load, given, known["gcs.storage"]),
    ]  # fmt: skip


def _monthly(cloud: Cloud, of: Measured) -> list[Line]:
    known = prices(cloud)
    counted = of.resources[cloud]
    return [
        Line(price=known[key], what=kind, quantity=Decimal(counted[kind]), is_fixed=True)
        for kind, key in MONTHLY.items()
        if kind in counted
    ]
