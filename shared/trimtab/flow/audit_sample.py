"""Draw allocated rows for a person to check, keep the answers, and say how much of the money stands where it should.

The draw and the answers are the ledger stream `audit-sample/<period>`: a draw is made again from its seed, an answer is somebody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import cast

from trimtab.accounting.audit_sample import Accuracy, Answered, SizeGroup, Stratum, accuracy, standing, strata, threshold
from trimtab.attribution.model import model
from trimtab.attribution.summary import plain
from trimtab.errors import BadInput, Refused
from trimtab.flow.costs import open_allocated, period_slug
from trimtab.ports import Ports, Session
from trimtab.records import Entry, Json
from trimtab.tables import text_literal
from trimtab.units import MONEY_SCALE

STREAM = "audit-sample/"
LARGEST = 2000
"""Rows of one sample: a person is to look at each."""
ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleRow:
    """One drawn row; its id is what `trimtab explain` takes."""

    id: str
    stratum: str
    money: Decimal
    """Without sign."""
    team: str | None
    owner_rule: str | None
    shared_rule: str | None
    confidence: str | None
    part: str
    cluster: str | None
    node: str | None
    namespace: str | None
    workload: str | None
    pod: str | None
    service: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A draw, its strata, and what the answers so far say."""

    period: str
    currency: str
    seed: int
    size: int
    version: int | None
    """Of the lake's `allocated`: the rows it was drawn from."""
    rows: tuple[SampleRow, ...]
    strata: tuple[Answered, ...]
    accuracy: Accuracy


def draw(period: str | None, size: int, seed: int, currency: str | None, ports: Ports, now: datetime) -> Sample:
    """Draw a sample (period None = the newest) and keep it; drawing the same again changes nothing and keeps its answers.

    Raises BadInput where nothing is allocated, or where several currencies are and none is named.
    """
    if not 1 <= size <= LARGEST:
        raise BadInput(f"--size {size}: expected 1 to {LARGEST}")
    slug = period_slug(period) if period else _newest(ports)
    with ports.engine.session() as session:
        open_allocated(session, ports, slug)
        session.run(model("macros"))
        chosen = _currency(session, currency)
        found, rows = _drawn(session, chosen, size, seed)
    body = _body(slug, chosen, size, seed, ports.lake.version("allocated"), found, rows)
    state = _keep(f"{STREAM}{slug}", body, ports, now)
    answered = _answered(state)
    return Sample(
        period=slug, currency=chosen, seed=seed, size=size, version=ports.lake.version("allocated"), rows=tuple(rows), strata=answered,
        accuracy=accuracy(answered),
    )  # fmt: skip


def answer(row_id: str, *, is_right: bool, reason: str, who: str, ports: Ports, now: datetime) -> Accuracy:
    """Keep a person's answer about a drawn row; the newest one about a row counts. What all answers say now.

    Raises BadInput where no current sample has the row.
    """
    stream = _stream_of(row_id, ports)
    said: Json = {"answer": "yes" if is_right else "no", "reason": reason, "by": who, "at": now.isoformat()}
    for _ in range(ATTEMPTS):
        head = ports.ledger.head(stream)
        state = head.state if head else {}
        answers = _answers(state)
        before = answers.get(row_id, {})
        if head is None or row_id not in _ids(state):
            raise BadInput(f"{row_id}: no longer in the sample of {stream.removeprefix(STREAM)}: it was drawn anew")
        if {**before, "at": None} == {**said, "at": None}:
            return accuracy(_answered(state))
        after: Json = {**state, "answers": {**answers, row_id: said}}
        body: Json = {"id": row_id, **said}
        if ports.ledger.append(stream, head, kind="answered", at=now, actor=who, reason=reason, body=body, state=after):
            return accuracy(_answered(after))
    raise Refused(f"{stream}: {ATTEMPTS} others wrote first; answer again")


# ── The draw ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _newest(ports: Ports) -> str:
    known = [part["x_Period"] for part in ports.lake.partitions("allocated")] if ports.lake.version("allocated") is not None else []
    if not known:
        raise BadInput("nothing is allocated; run `trimtab allocate` first")
    return max(known)


def _currency(session: Session, wanted: str | None) -> str:
    known = [str(row[0]) for row in session.rows('SELECT DISTINCT "BillingCurrency" FROM allocated ORDER BY 1')]
    if wanted in known:
        return str(wanted)
    if wanted is None and len(known) == 1:
        return known[0]
    raise BadInput(f"--currency: name one of {', '.join(known)}; money of two currencies is not weighed against each other")


def _drawn(session: Session, currency: str, size: int, seed: int) -> tuple[tuple[Stratum, ...], list[SampleRow]]:
    total = session.rows(
        'SELECT coalesce(sum(abs(money_units("EffectiveCost"))), 0) FROM allocated WHERE "BillingCurrency" = $currency',
        {"currency": currency},
    )
    edge = threshold(int(plain(total[0][0])), size)
    values: dict[str, object] = {"currency": currency, "threshold": edge}
    groups = [
        SizeGroup(is_certain=bool(row[0]), digits=int(str(row[1])), rows=int(str(row[2])), units=int(plain(row[3])))
        for row in session.rows(model("audit_population"), values)
    ]
    found = strata(groups, size)
    session.run(_quotas(found))
    return found, [_row(row) for row in session.rows(model("audit_draw"), {**values, "seed": str(seed)})]


def _quotas(found: Sequence[Stratum]) -> str:
    lines = [
        f"SELECT {text_literal(stratum.name)} AS stratum, {group.is_certain} AS is_certain, {group.digits} AS digits, "
        f"{stratum.quota} AS quota"
        for stratum in found
        for group in stratum.groups
    ]
    empty = "SELECT NULL AS stratum, NULL AS is_certain, NULL AS digits, NULL AS quota WHERE false"
    return f"CREATE OR REPLACE TEMP TABLE audit_quotas AS {' UNION ALL '.join(lines or [empty])}"


def _row(row: Sequence[object]) -> SampleRow:
    identity, stratum, units, *others = row
    texts = [None if value is None else str(value) for value in others]
    return SampleRow(
        id=str(identity), stratum=str(stratum), money=plain(Decimal(str(units)).scaleb(-MONEY_SCALE)), team=texts[0], owner_rule=texts[1],
        shared_rule=texts[2], confidence=texts[3], part=texts[4] or "", cluster=texts[5], node=texts[6], namespace=texts[7],
        workload=texts[8], pod=texts[9], service=texts[10], reason=texts[11],
    )  # fmt: skip


# ── What is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _body(
    period: str, currency: str, size: int, seed: int, version: int | None, found: Sequence[Stratum], rows: Sequence[SampleRow]
) -> Json:
    return {
        "period": period, "currency": currency, "size": size, "seed": seed, "version": version,
        "strata": [{"name": stratum.name, "rows": stratum.rows, "units": str(stratum.units)} for stratum in found],
        "rows": [{"id": row.id, "stratum": row.stratum, "units": f"{row.money.scaleb(MONEY_SCALE):.0f}"} for row in rows],
    }  # fmt: skip


def _keep(stream: str, body: Json, ports: Ports, now: datetime) -> Json:
    """The stream's state with this draw as its current one."""
    for _ in range(ATTEMPTS):
        head: Entry | None = ports.ledger.head(stream)
        if head is not None and _without_version(head.state.get("draw")) == _without_version(body):
            return head.state
        state: Json = {"draw": body, "answers": {}}
        words = f"{len(cast('list[object]', body['rows']))} rows drawn with seed {body['seed']}"
        if ports.ledger.append(stream, head, kind="drawn", at=now, actor="audit-sample", reason=words, body=body, state=state):
            return state
    raise Refused(f"{stream}: {ATTEMPTS} others wrote first; draw again")


def _without_version(draw_: object) -> Json:
    """A draw as it is compared: the same rows attributed again are the same sample."""
    return {key: value for key, value in cast("Json", draw_ or {}).items() if key != "version"}


def _stream_of(row_id: str, ports: Ports) -> str:
    found = [stream for stream, head in sorted(ports.ledger.heads(STREAM).items()) if row_id in _ids(head.state)]
    if not found:
        raise BadInput(f"{row_id}: in no sample; `trimtab audit-sample` draws one")
    return found[-1]


def _drawn_rows(state: Json) -> list[dict[str, object]]:
    draw_ = cast("Json", state.get("draw") or {})
    return cast("list[dict[str, object]]", draw_.get("rows") or [])


def _ids(state: Json) -> set[str]:
    return {str(row["id"]) for row in _drawn_rows(state)}


def _answers(state: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", state.get("answers") or {})


def _answered(state: Json) -> tuple[Answered, ...]:
    draw_ = cast("Json", state.get("draw") or {})
    right = {identity: said["answer"] == "yes" for identity, said in _answers(state).items()}
    rows = _drawn_rows(state)
    return tuple(
        standing(stratum, [(str(row["id"]), int(str(row["units"]))) for row in rows if row["stratum"] == stratum["name"]], right)
        for stratum in cast("list[dict[str, object]]", draw_.get("strata") or [])
    )
