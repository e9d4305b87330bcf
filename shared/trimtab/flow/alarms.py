"""What was told about a budget or an anomaly, to whom, and who took it up: one stream of the record for each budget and period."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trimtab.flow.codec import dump, load
from trimtab.flow.life import Moved
from trimtab.ports import Ports
from trimtab.records import BudgetNotice, Entry, PersonId

STREAMS = "alerts/"
Way = Literal["slack", "teams", "mail"]
WEEK = "week"
"""The mark of a week's note."""
UNWATCHED = "unwatched"
"""How the mark of a note about budgets begins that are judged on nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One message about it, from its announcement on."""

    way: Way
    place: str
    """Channel, name of a webhook, or of the team that has a mail."""
    nonce: str
    by: str
    """Inbox key of what had it sent."""
    at: datetime
    state: Literal["announced", "done", "refused", "unknown"] = "announced"
    """unknown = it may have arrived, and nobody can look."""
    channel: str = ""
    ts: str = ""
    """Where it stands in Slack; a message that went any other way cannot be changed."""
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """One threshold that somebody was told of."""

    mark: str
    """Its name among the others of the stream: "actual-0.8"; a button carries it."""
    name: str
    """What it is about, for people."""
    at: datetime
    notice: BudgetNotice | None = None
    """None = a note about several budgets."""
    team: str | None = None
    """Whose it is; None = nobody's by name."""
    causes: tuple[str, tuple[str, ...]] = ("", ())
    """(title, sentences): what grew, as it was told."""
    notes: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    """Names of the clusters that it is about; () = any."""
    sent: tuple[Sent, ...] = ()
    on_it: PersonId | None = None
    on_it_at: datetime | None = None
    escalated: tuple[Sent, ...] = ()

    @property
    def told_at(self) -> datetime | None:
        """Since when somebody has it; None = nobody does."""
        return max((message.at for message in self.sent if message.state == "done"), default=None)

    @property
    def is_told(self) -> bool:
        """Somebody has it."""
        return self.told_at is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Everything a stream says, folded."""

    tellings: tuple[Telling, ...] = ()
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    """What its parts cost when somebody was told last: what grew is counted from there."""
    parts_at: datetime | None = None

    def telling(self, mark: str) -> Telling | None:
        """The one of that mark."""
        return next((telling for telling in self.tellings if telling.mark == mark), None)

    def speaks_for(self, notice: BudgetNotice) -> bool:
        """True where this was told, or a higher threshold of its kind that speaks for it."""
        every = [telling.notice for telling in self.tellings if telling.is_told]
        told = [known for known in every if known is not None and known.kind == notice.kind]
        if notice.kind == "anomaly" or notice.threshold is None:
            return any(notice.kind == "anomaly" or other.threshold is None for other in told)
        return any(other.threshold is not None and other.threshold >= notice.threshold for other in told)


@dataclass(slots=True)
class Book:
    """One stream in the hands of one wake: reads the head once, then writes entry after entry behind it."""

    ports: Ports
    subject: str
    actor: str
    """The wake's inbox key says who sends."""
    now: datetime
    head: Entry | None
    alarm: Alarm

    @classmethod
    def open(cls, ports: Ports, subject: str, actor: str, now: datetime) -> "Book":
        """Read the head of a subject's stream."""
        head = ports.ledger.head(STREAMS + subject)
        alarm = load(Alarm, head.state, f"streams/{STREAMS}{subject}/{head.n}: state") if head else Alarm()
        return cls(ports, subject, actor, now, head, alarm)

    def write(self, kind: str, reason: str, alarm: Alarm, *, actor: str = "alert") -> None:
        """Append what is true now. Raises Moved where somebody else wrote first."""
        entry = self.ports.ledger.append(
            STREAMS + self.subject, self.head, kind=kind, at=self.now, actor=actor, reason=reason, body={}, state=dump(alarm)
        )
        if entry is None:
            raise Moved(STREAMS + self.subject)
        self.head, self.alarm = entry, alarm
        self.ports.log.info("alert", kind=kind, subject=self.subject, n=entry.n, actor=actor, input=reason)

    def nonce(self, effect: str) -> str:
        """The mark of the message announced by the next entry: nobody else can write that entry, so nobody else has it."""
        place = f"{STREAMS}{self.subject}/{(self.head.n if self.head else -1) + 1}/{self.head.hash if self.head else ''}/{effect}"
        return hashlib.sha256(place.encode()).hexdigest()[:20]

    def put(self, telling: Telling) -> Alarm:
        """The alarm with this telling in the place of the one of its mark."""
        others = tuple(telling if known.mark == telling.mark else known for known in self.alarm.tellings)
        return replace(self.alarm, tellings=others if self.alarm.telling(telling.mark) else (*others, telling))


def subject_of(notice: BudgetNotice, month: str) -> str:
    """The stream of a budget in its period, or of one anomaly however it grows."""
    return subject(notice.source, notice.budget, "anomaly" if notice.kind == "anomaly" else notice.period or month)


def subject(source: str, name: str, period: str) -> str:
    """The same, by what it is made of. No outside text is in it."""
    return hashlib.sha256(json.dumps([source, name, period]).encode()).hexdigest()[:20]


def mark_of(notice: BudgetNotice) -> str:
    """actual-0.8, forecast-1, anomaly; without a number where the notice said none that we can read."""
    threshold = "" if notice.threshold is None or notice.kind == "anomaly" else f"-{notice.threshold.normalize():f}"
    return f"{notice.kind}{threshold}"
