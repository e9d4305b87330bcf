"""What happened, told for people: the demo's ending, one proposal, one row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from rich.syntax import Syntax
from rich.text import Text
from rich.tree import Tree

from trimtab import wiring
from trimtab.adapters.logs import Quiet
from trimtab.analysis.ranking import top
from trimtab.attribution.summary import Summary
from trimtab.cli.findings import in_currency, money_sentence, print_grouped, print_proof, print_ranked
from trimtab.cli.options import Format
from trimtab.cli.output import console, in_lines, print_gap, print_json, print_table, say, shown
from trimtab.errors import BadInput, Refused
from trimtab.flow.by_name import by_name
from trimtab.flow.codec import load
from trimtab.flow.life import STREAMS, Life, fold
from trimtab.flow.runs import latest_analyses
from trimtab.flow.verdicts import verdict_id
from trimtab.lifecycle import State, is_over
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.records import Entry, Measure, Proposal, Reconciliation, Refusal, Tier
from trimtab.settings import Settings


def proposal_row(life: Life) -> dict[str, object]:
    """One proposal as one line."""
    proposal = life.planned()
    findings, verdict = [part.finding for part in proposal.parts], life.verdict
    finding, is_known = proposal.finding, all(found.saving_effective for found in findings)
    return {
        "id": proposal.id,
        "cluster_uid": finding.subject.cluster_uid,
        "pool": f"{proposal.place.cluster}/{', '.join(part.place.pool for part in proposal.parts)}",
        "change": "; ".join(", ".join(f"{change.field} {change.old} → {change.new}" for change in found.changes) for found in findings),
        "rule": finding.rule,
        "saving_list": sum(found.saving_list.amount for found in findings),
        "saving_effective": sum(found.saving_effective.amount for found in findings if found.saving_effective) if is_known else None,
        "currency": finding.saving_list.currency,
        "risk": verdict.risk.word if verdict else None,
        "tier": str(verdict.tier) if verdict else None,
        "state": str(life.state),
        "team": proposal.team,
        "pull_request": life.pull_request.url if life.pull_request else None,
        "waits_for": waits_for(life),
        "merged_by": life.merged_by or None,
    }


def waits_for(life: Life) -> str:
    """Whom or what a proposal waits for; "" where it does not wait."""
    if life.verdict is None or is_over(life.state) or life.state in (State.MERGED, State.APPLIED):
        return ""
    if life.state in (State.AWAITING, State.OPEN, State.EXPIRED) and life.verdict.approvers and life.verdict.tier is not Tier.REPORT:
        people = sorted(life.verdict.approvers)
        return f"two of {', '.join(people)}" if life.verdict.tier is Tier.TWO else " or ".join(people)
    return ", ".join(line.rule for line in life.verdict.reasons if line.effect != "informs")


# ── The demo's ending ────────────────────────────────────────────────────────────────────────────────────────────────
def demo_story(settings: Settings) -> dict[str, Any]:
    """Everything the demo ends with."""
    ports = wiring.build(settings, log=Quiet(), is_reading=True)
    latest = ports.documents.find("runs/latest") or {}
    analyses = latest_analyses(str(latest["run"]), ports) if latest else []
    not_opened = (ports.documents.find(f"runs/{latest.get('run')}/refused") or {}).get("refusals")
    lives = [life for _, entry in sorted(ports.ledger.heads(STREAMS).items()) if (life := fold(entry)).proposal]
    summaries = [Summary.from_json(document) for key in ports.documents.keys("summaries/all/") if (document := ports.documents.find(key))]
    names = {uid: str((ports.documents.find(f"demand/{uid}") or {}).get("cluster") or uid) for uid in {a.cluster_uid for a in analyses}}
    return {
        "reconciliations": total(item for summary in summaries for item in summary.reconciliations),
        "teams": teams(summaries),
        "findings": [finding for analysis in analyses for finding in analysis.findings],
        "refusals": [refusal for analysis in analyses for refusal in analysis.refusals],
        "not_opened": not_opened or [],
        "proposals": [proposal_row(life) for life in lives],
        "decisions": [{"pool": proposal_row(life)["pool"], "state": str(life.state), "why": why(life)} for life in lives],
        "clusters": names,
    }


def total(items: Iterable[Reconciliation]) -> list[Reconciliation]:
    """Reconciliations of all periods, added per measure and currency; never across currencies."""
    sums: dict[tuple[Measure, str], list[Decimal]] = {}
    for item in items:
        row = sums.setdefault((item.measure, item.currency), [Decimal(0)] * 5)
        for index, name in enumerate(("billed", "allocated", "idle", "unallocated", "not_kubernetes")):
            row[index] += getattr(item, name)
    return [
        Reconciliation(
            measure=measure, currency=currency, billed=row[0], allocated=row[1], idle=row[2], unallocated=row[3], not_kubernetes=row[4]
        )
        for (measure, currency), row in sorted(sums.items())
    ]


def teams(summaries: list[Summary]) -> list[dict[str, object]]:
    """Effective cost per team over all periods, largest first."""
    sums: dict[tuple[str, str], Decimal] = {}
    for summary in summaries:
        for line in summary.by_team:
            key = (line.name or "nobody yet", line.currency)
            sums[key] = sums.get(key, Decimal(0)) + line.amounts.effective
    return [
        {"team": team, "currency": currency, "effective": amount}
        for (team, currency), amount in sorted(sums.items(), key=lambda item: -item[1])
    ]


def why(life: Life) -> str:
    """One line: why it merged, or what it waits for."""
    verdict = life.verdict
    if life.merged_at and life.merged_by == "trimtab" and verdict and verdict.tier is Tier.AUTO:
        return "merged by itself: low risk, proven non-production, inside the change window, and the forge would have caught a moved base"
    if life.merged_at:
        people = ", ".join(f"{approval.person} in {approval.via}" for approval in life.approvals)
        return f"merged after {people} approved" if people else "merged by a person on the forge"
    if life.memory and life.state in (State.REJECTED, State.SNOOZED, State.IGNORED):
        return f"{life.memory[-1].kind} by {life.memory[-1].by}: {life.memory[-1].reason or 'no reason given'}"
    return f"waits for {waits_for(life)}" if waits_for(life) else ""


def print_story(story: Mapping[str, Any]) -> None:
    """The demo's ending as tables."""
    print_reconciliations(story["reconciliations"])
    print_shares(story["reconciliations"])
    print_gap()
    print_table(
        "Whose cost it is (effective, all periods)",
        ("team", "currency", "effective"),
        [tuple(row.values()) for row in story["teams"]],
        numbers=("effective",),
    )
    print_gap()
    names = story["clusters"]
    print_ranked(top(story["findings"]), names)
    print_gap()
    print_grouped(story["refusals"], names)
    print_gap()
    if story["not_opened"]:
        refused = [load(Refusal, row, "runs/latest/refused") for row in story["not_opened"]]
        print_grouped(refused, names, "Found, and not opened")
        print_gap()
    print_proposals("Pull requests", ("pool", "change", "saving_effective", "saving_list", "risk", "tier", "state"), story["proposals"])
    print_gap()
    print_table("What became of each", ("pool", "state", "why"), [(row["pool"], row["state"], row["why"]) for row in story["decisions"]])


HEADERS = {"saving_effective": "saves", "saving_list": "at list", "waits_for": "waits for"}
LONGEST_POOL = 24


def print_proposals(title: str, names: Sequence[str], proposals: Sequence[Mapping[str, object]]) -> None:
    """Rows as `proposal_row` makes them, one line each."""
    currencies = {str(row["currency"]) for row in proposals}
    columns = (*names, *(("currency",) if len(currencies) > 1 else ()))
    rows = [tuple(in_lines(str(row[column]), LONGEST_POOL) if column == "pool" else row[column] for column in columns) for row in proposals]
    headers = [HEADERS.get(column, column) for column in columns]
    print_table(
        in_currency(title, currencies), headers, rows, numbers=("saves", "at list"), whole=("id", "pool", "risk", "saves", "tier", "state")
    )


def print_reconciliations(rows: list[Reconciliation]) -> None:
    """Promise 1 as a table: the four parts, and their difference from the bill."""
    columns = ("measure", "currency", "billed", "allocated", "idle", "unallocated", "not_kubernetes", "difference")
    print_table("Where each dollar went", columns, [tuple(getattr(row, column) for column in columns) for row in rows], numbers=columns[2:])


def print_shares(rows: list[Reconciliation]) -> None:
    """Idle and unallocated as shares of the Kubernetes cost."""
    for row in rows:
        kubernetes = row.allocated + row.idle + row.unallocated
        if row.measure == "EffectiveCost" and kubernetes > 0:
            idle, ownerless = row.idle / kubernetes, row.unallocated / kubernetes
            amount = f"{kubernetes:,.2f} {row.currency}"
            console().print(shown(f"Of {amount} on Kubernetes (effective), {idle:.1%} was idle and {ownerless:.1%} has no owner."))


# ── One proposal ─────────────────────────────────────────────────────────────────────────────────────────────────────
def life_of(proposal: str, ports: Ports) -> Life:
    """A proposal's state as people read it. Raises BadInput where there is none of that id."""
    life = fold(ports.ledger.head(f"{STREAMS}{proposal}"))
    if life.proposal is None:
        raise BadInput(f"{proposal}: no such proposal; trimtab proposals lists them")
    return replace(life, verdict=by_name(life.verdict, ports)) if life.verdict else life


def is_shown(proposal: Proposal, asker: Audience) -> bool:
    """True where some of what a change is about is theirs."""
    return asker.may_see([team for team in (proposal.team, *(team for team, _ in proposal.owners)) if team])


def check_may_see(thing: str, asker: Audience, ports: Ports) -> None:
    """A proposal (`prop-…`) or a verdict on one, for whoever owns some of what it is about. Raises Refused for anybody else."""
    if asker.teams is None:
        return
    proposal = life_of(f"prop-{thing.partition('-')[2].partition('.')[0]}", ports).planned()
    if not is_shown(proposal, asker):
        raise Refused(f"{thing}: is about no cost of {', '.join(asker.teams or ())}")


def show_proposal(proposal: str, ports: Ports, output: Format) -> None:
    """Diff, saving, evidence, verdict."""
    life = life_of(proposal, ports)
    if output is Format.JSON:
        print_json(proposal_row(life) | {"proposal": life.proposal, "verdict": life.verdict, "approvals": life.approvals})
        return
    row = proposal_row(life)
    print_table(str(row["id"]), ("what", "value"), [(key, value) for key, value in row.items() if key != "id"])
    console().print(Syntax(life.planned().edit.diff, "diff", background_color="default"))
    for part in life.planned().parts:
        if life.planned().members:
            console().print(shown(f"  {part.place.cluster}/{part.place.pool}"))
        console().print(shown(f"  {money_sentence(part.finding)}"))
        print_proof(part.finding)
    if life.verdict:
        lines = [("yes" if line.held else "no", line.rule, line.saw, line.wanted, line.source) for line in life.verdict.lines]
        print_table("Verdict", ("held", "rule", "saw", "wanted", "from"), lines)


def explain_proposal(proposal: str, ports: Ports, output: Format) -> None:
    """The audit trail: every entry with who, what and why."""
    life_of(proposal, ports)
    entries = ports.ledger.entries(f"{STREAMS}{proposal}")
    if output is Format.JSON:
        print_json([entry_row(entry) for entry in entries])
        return
    print_table(proposal, ("n", "at", "what", "who", "why"), [tuple(entry_row(entry).values())[:5] for entry in entries])
    judged = [name for entry in entries if entry.kind == "judged" and (name := verdict_id(entry))]
    if judged:
        say(f"what it was judged on: trimtab explain {judged[-1]}" + (f" (before that: {', '.join(judged[:-1])})" if judged[1:] else ""))


def entry_row(entry: Entry) -> dict[str, object]:
    """One entry as one line."""
    return {
        "n": entry.n,
        "at": f"{entry.at:%Y-%m-%d %H:%M}",
        "what": entry.kind,
        "who": entry.actor,
        "why": entry.reason,
        "hash": entry.hash,
        "verdict": verdict_id(entry) or None,
        "inputs": entry.body.get("inputs"),
        "policy": entry.body.get("policy"),
        "rule": entry.body.get("rule"),
        "head": entry.body.get("head") or None,
    }


# ── One row ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def print_tree(story: Any) -> None:
    """Nested facts as a tree."""
    tree = Tree(Text("story"))
    _grow(tree, story)
    console().print(tree)


def _grow(tree: Tree, value: Any) -> None:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, item in pairs:
        if isinstance(item, Mapping | list) and item:
            _grow(tree.add(shown(key)), item)
        else:
            tree.add(shown(f"{key}: {item}"))
