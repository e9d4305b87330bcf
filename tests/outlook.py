"""Summaries of small estates, and a store to keep them in: what forecasting, learning and reporting are tested on."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from trimtab import wiring
from trimtab.accounting.reconcile import added
from trimtab.adapters.logs import Quiet
from trimtab.attribution.cube import Cell, Cube, team_summary, whole_summary
from trimtab.attribution.owners import slugged
from trimtab.attribution.summary import Amounts, Summary
from trimtab.errors import Refused
from trimtab.ports import MessageRef, Ports
from trimtab.records import Json, Reconciliation
from trimtab.settings import Settings

ROOT = Path(__file__).parent
RULES = ROOT.parent / "shared/trimtab/demo/data/gitops/trimtab"
"""Teams platform, web, data, ml and media, each with a channel of its own."""
NOW = datetime(2026, 7, 21, 6, tzinfo=UTC)
WORDS = {"ml": ("train", "serving", "notebook"), "web": ("cart", "checkout", "catalog")}
"""Team → what its namespaces are called after."""


def real_series(name: str) -> dict[date, Decimal]:
    """A daily series of the test data."""
    with (ROOT / "data" / "series" / f"{name}.csv").open() as lines:
        return {date.fromisoformat(row["date"]): Decimal(row["value"]) for row in csv.DictReader(lines)}


def days(first: date, values: Iterable[float | str]) -> dict[date, Decimal]:
    """Values day by day."""
    return {first + timedelta(days=number): Decimal(str(value)) for number, value in enumerate(values)}


def cells(team: str | None, values: dict[date, Decimal], **about: str) -> list[Cell]:
    """Cost of a team (None = nobody's), one cell a day."""
    named = {
        "currency": "USD",
        "export": "aws",
        "part": "allocated",
        "cluster": "prod",
        "pool": "workers",
        "namespace": f"{team}-api",
    } | about
    return [_cell(team, day, value, named) for day, value in values.items()]


def _cell(team: str | None, day: date, value: Decimal, named: dict[str, str]) -> Cell:
    return Cell(
        currency=named["currency"], export=named["export"], part=named["part"], team=team, cluster=named["cluster"], pool=named["pool"],
        namespace=named["namespace"], reason=named.get("reason"), day=f"{day}",
        amounts=Amounts(billed=value, effective=value, list=value * 2),
    )  # fmt: skip


def owned(values: dict[date, Decimal]) -> list[Cell]:
    """Six namespaces of ml and six of web, each on two clusters: enough to learn whose a name is."""
    return [
        cell
        for team, words in WORDS.items()
        for word in words
        for kind in ("api", "batch")
        for cluster in ("prod", "staging")
        for cell in cells(team, values, namespace=f"{word}-{kind}", cluster=cluster)
    ]


def nobodys(namespace: str, values: dict[date, Decimal]) -> list[Cell]:
    """A namespace without an owner."""
    return cells(None, values, namespace=namespace, part="unallocated", reason="no owner rule matches")


def summaries(some: Sequence[Cell], period: str = "p-2026-07") -> list[Summary]:
    """The whole summary of these cells in that period, and each team's own."""
    cube = cube_of(some, period)
    teams = sorted({cell.team for cell in cube.cells if cell.team})
    return [whole_summary(cube), *(team_summary(cube, team, slugged(team)) for team in teams)]


def cube_of(some: Sequence[Cell], period: str = "p-2026-07") -> Cube:
    """The cube of the cells of that period."""
    own = tuple(cell for cell in some if f"p-{cell.day[:7]}" == period)
    return Cube(
        period=period, made_at=NOW.isoformat(), governance_version="v1", versions={"cost": 3, "usage": 7, "allocated": 5},
        cells=own, pools=(), gpus=(), reconciliations=added(_records(own)),
    )  # fmt: skip


def _records(own: Sequence[Cell]) -> list[Reconciliation]:
    found = []
    for currency in sorted({cell.currency for cell in own}):
        part = {name: Decimal(0) for name in ("allocated", "idle", "unallocated", "not-kubernetes")}
        for cell in own:
            part[cell.part] += cell.amounts.effective if cell.currency == currency else 0
        found.append(
            Reconciliation(
                currency=currency, measure="EffectiveCost", billed=sum(part.values(), Decimal(0)), allocated=part["allocated"],
                idle=part["idle"], unallocated=part["unallocated"], not_kubernetes=part["not-kubernetes"],
            )
        )  # fmt: skip
    return found


@dataclass
class KeptChat:
    """Port Chat that keeps what was said; `closed` channels refuse."""

    said: list[tuple[str, list[Json], str, str]] = field(default_factory=list)
    closed: frozenset[str] = frozenset()
    is_configured: bool = True

    def post(self, channel: str, blocks: Sequence[Json], text: str, nonce: str, thread: MessageRef | None = None) -> MessageRef:
        assert thread is None
        if channel in self.closed:
            raise Refused(f"Slack: chat.postMessage: not_in_channel: invite the app to {channel}")
        self.said.append((channel, list(blocks), text, nonce))
        return MessageRef(channel, f"{len(self.said)}.0")

    def find(self, channel: str, nonce: str, thread: MessageRef | None = None) -> MessageRef | None:
        assert thread is None
        return next(
            (MessageRef(channel, f"{n}.0") for n, (where, _, _, own) in enumerate(self.said, 1) if (where, own) == (channel, nonce)), None
        )

    def update(self, ref: MessageRef, blocks: Sequence[Json], text: str) -> None:
        raise NotImplementedError

    def withdraw(self, ref: MessageRef) -> None:
        raise NotImplementedError

    def account(self, user: str) -> None:
        raise NotImplementedError

    def members(self, group: str) -> None:
        raise NotImplementedError

    def user_of(self, email: str) -> None:
        raise NotImplementedError

    def direct(self, user: str) -> str:
        raise NotImplementedError


def store(root: Path, *own: Sequence[Cell], chat: KeptChat | None = None, **settings: Any) -> Ports:
    """Real ports on a folder, with summaries of these cells published for every month they are in."""
    chosen = Settings.model_validate({"store": f"file://{root}", "config_dir": str(RULES), "finance_channel": "C0FINANCE"} | settings)
    ports = replace(wiring.build(chosen, log=Quiet()), chat=chat or KeptChat())
    every = [cell for some in own for cell in some]
    for period in sorted({f"p-{cell.day[:7]}" for cell in every}):
        for summary in summaries(every, period):
            ports.documents.publish(f"summaries/{summary.scope}/{period}", summary.to_json())
    return ports


def documents(ports: Ports, prefix: str = "") -> dict[str, Any]:
    """Every document below a prefix."""
    return {key: ports.documents.find(key) or {} for key in ports.documents.keys(prefix)}
