"""What auditors and policy authors read: every change of a time, and the shape of the rules' files."""

import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from trimtab.cli.options import ConfigOption, StoreOption, ViewerOption
from trimtab.cli.output import print_gap, print_json, print_table, say
from trimtab.cli.session import asking, reading
from trimtab.errors import BadInput
from trimtab.flow.audit_report import AuditReport, Change, audit_report
from trimtab.render.spreadsheet import Cell, csv_of

COLUMNS = (
    "kind", "at", "who", "what", "repo", "path", "pull_request", "state", "tier", "needed", "decided_by", "policy", "inputs", "verdict",
    "head", "approvals", "turned_down", "merged_at", "merged_by", "merge_commit", "outcome", "promised", "measured", "currency",
    "rolled_back", "undoes", "record",
)  # fmt: skip


class AuditFormat(StrEnum):
    """How the report is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("audit", help="Every change of a time: who, evidence, policy, outcome; and who stopped, changed rules or looked at cost.")(
        audit
    )
    app.command("schema", help="JSON Schema of .trimtab/'s files, for editors.")(schema)


def audit(
    start: Annotated[str, typer.Option("--from", help="first day, in UTC", metavar="DATE")],
    end: Annotated[str | None, typer.Option("--to", help="last day, in UTC (default: today)", metavar="DATE")] = None,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: Annotated[
        AuditFormat, typer.Option("--format", help="table for people, json for scripts, csv for spreadsheets")
    ] = AuditFormat.TABLE,
) -> None:
    """Read the record; every row names the entry that it is from."""
    first, until = _day("--from", start), _day("--to", end) if end else None
    what = f"every change from {first:%Y-%m-%d} to {f'{until:%Y-%m-%d}' if until else 'now'}"
    with asking(store, config, who, what, of_all=True, opened=reading) as (session, _):
        last = until or _day("--to", f"{session.now:%Y-%m-%d}")
        if last < first:
            raise BadInput(f"--to {last:%Y-%m-%d}: is before --from {first:%Y-%m-%d}")
        report = audit_report(session.ports, first, last + timedelta(days=1))
    match output:
        case AuditFormat.JSON:
            print_json(report)
        case AuditFormat.CSV:
            sys.stdout.write(csv_of(COLUMNS, [*map(_row, report.changes), *_other_rows(report)]))
        case AuditFormat.TABLE:
            _print(report)


def _day(option: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"{option} {text[:40]!a}: expected a day, as in 2026-09-01") from None


# ── as CSV ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _row(change: Change) -> tuple[Cell, ...]:
    approvals = "; ".join(f"{yes.person} at {_time(yes.at)}: {yes.proof}" for yes in change.approvals)
    money = change.promised or change.measured
    return (
        "change", _time(change.proposed_at), ", ".join(change.requested_by) or "the clock", change.what, change.repo, change.path,
        change.pull_request, change.state, change.tier, change.needed, change.decided_by, change.policy, change.inputs, change.verdict,
        change.head, approvals, change.turned_down, _time(change.merged_at), change.merged_by, change.merge_commit, change.outcome,
        change.promised.amount if change.promised else None, change.measured.amount if change.measured else None,
        money.currency if money else "", change.rolled_back, change.undoes, change.entries,
    )  # fmt: skip


def _other_rows(report: AuditReport) -> list[tuple[Cell, ...]]:
    filled = len(COLUMNS) - 5
    return [(each.kind, _time(each.at), each.who, each.what, *[""] * filled, each.entry) for each in report.happenings]


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


# ── on paper ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _print(report: AuditReport) -> None:
    last = report.end - timedelta(days=1)
    title = f"Changes from {report.start:%Y-%m-%d} to {last:%Y-%m-%d}"
    rows = [
        (
            f"{change.proposed_at:%Y-%m-%d %H:%M}",
            change.what,
            change.state,
            f"{change.needed} ({change.decided_by})",
            _who(change),
            change.verdict,
        )
        for change in report.changes
    ]
    print_table(title, ("proposed", "change", "state", "needed, and why", "decided", "judged on"), rows, whole=("proposed",))
    print_gap()
    others = [(f"{each.at:%Y-%m-%d %H:%M}", each.kind, each.who, each.what, each.entry) for each in report.happenings]
    print_table("What else was done", ("at", "what", "who", "why", "record"), others, whole=("at",))
    say("commits, hashes, proofs and savings: --format json or --format csv")


def _who(change: Change) -> str:
    if change.turned_down and not change.merged_at:
        return change.turned_down
    people = ", ".join(f"{yes.person} ({yes.via})" for yes in change.approvals)
    if change.merged_at is None:
        return people or "nobody yet"
    return f"{people or change.merged_by}, merged {change.merged_at:%Y-%m-%d %H:%M} as {change.merge_commit[:10]}"


def schema() -> None:
    """Print it."""
    from trimtab.policy.rules import governance_schema

    print_json(governance_schema())
