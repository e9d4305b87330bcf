"""What pull request and card say about a change, as values for their templates: numbers and words of ours, names of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from trimtab.records import Cluster, Evidence, FieldChange, Finding, PoolField, Proposal, SubjectKind, Verdict, VerdictLine
from trimtab.render.members import is_group, plain, summed, sums_of, things, verb
from trimtab.render.text import ref
from trimtab.render.wording import Ours, Sentence
from trimtab.units import Money

WORDS: Mapping[PoolField, str] = {
    "count": "node count",
    "min": "smallest number of nodes",
    "max": "largest number of nodes",
    "instance_type": "instance type",
    "capacity_type": "capacity type",
    "cpu_cores": "CPU quota in cores",
    "memory_mib": "memory quota in MiB",
    "gpu_limit": "GPU quota",
    "cpu_request": "CPU request",
    "cpu_limit": "CPU limit",
    "memory_request": "memory request",
    "memory_limit": "memory limit",
    "gpu_request": "GPU request",
    "gpu_sharing": "GPU sharing",
    "storage_class": "storage class",
}
KINDS: Mapping[SubjectKind, str] = {
    "pool": "pool",
    "namespace": "namespace",
    "workspace": "workspace",
    "virtual-cluster": "virtual cluster",
    "workload": "workload",
    "volume": "volume",
}
_SETTINGS = ("gpu_sharing", "storage_class")
_QUOTAS = ("cpu_cores", "memory_mib", "gpu_limit")
_RAISES = frozenset(("memory-killed", "memory-request-up", "cpu-request-up", "cpu-limit-up"))
"""Rules about workloads that give more: their values are quantities ("500m"), which no comparison of digits can order."""
_TYPES = ("instance_type", "capacity_type")
_UNITS = frozenset(("CPU cores", "GPUs", "GiB", "nodes", "MiB", "pods"))
_MOST_TELLING = (
    "plan-outcome",
    "nonproduction",
    "low-risk",
    "low-risk-together",
    "earlier",
    "repave",
    "edit-understood",
    "backtest",
    "disruption",
    "production-marks",
)
"""Which of the lines that ask for a person say it best; the rest stands in the list of all rules."""
MOST_PEOPLE = 8
_HOUSEKEEPING = {"pull-request", "merge-exact", "base-unmoved", "approvals", "forge-review", "owner-approval"}
"""What Trimtab sees to by itself, or what its own sentence already says."""


def title(proposal: Proposal, cluster: Cluster | None) -> str:
    """One line that says what happens: `Shrink dev-east/batch from 6 to 5 nodes`. Letters that act nowhere."""
    return titled(proposal, cluster.name if cluster else "")


def titled(proposal: Proposal, cluster: str) -> str:
    """The same by the cluster's name; "" = nobody knows it."""
    proposal = plain(proposal)
    finding = proposal.finding
    if is_group(proposal):
        where = ref(cluster or finding.subject.cluster_uid)
        return f"{verb(proposal)} {len(proposal.members)} {things(proposal)} of {where}"
    change = finding.changes[0]
    place = f"{ref(cluster or finding.subject.cluster_uid)}/{ref(finding.subject.pool)}"
    old, new = ref(change.old), ref(change.new)
    if finding.rule == "rollback":
        return f"Restore {WORDS[change.field]} of {place} from {old} to {new}"
    if change.field == "count":
        return f"{_verb(finding)} {place} from {old} to {new} nodes"
    if change.field in _TYPES:
        return f"Move {place} from {old} to {new}"
    if change.field in _SETTINGS:
        return f"Change {WORDS[change.field]} of {place} from {old} to {new}"
    return (
        f"{'Raise' if is_growth(change) or finding.rule in _RAISES else 'Lower'} the {WORDS[change.field]} of {place} from {old} to {new}"
    )


def _verb(finding: Finding) -> str:
    return "Grow" if finding.nodes_new > finding.nodes_old else "Shrink"


def is_growth(change: FieldChange) -> bool:
    """True where a number goes up."""
    return change.old.isdigit() and change.new.isdigit() and int(change.new) > int(change.old)


def view(proposal: Proposal, cluster: Cluster | None, verdict: Verdict) -> dict[str, object]:
    """Every value that a template may print; what is not Ours is made harmless as it is printed."""
    proposal = plain(proposal)
    finding = proposal.finding
    return {
        **_members(proposal, verdict),
        "id": Ours(ref(proposal.id, 80)),
        "pool": finding.subject.pool,
        "kind": Ours(KINDS[finding.subject.kind]),
        "cluster": cluster.name if cluster else finding.subject.cluster_uid,
        "uid": finding.subject.cluster_uid,
        "path": proposal.edit.path,
        "strong": Ours(""),
        "instance_type": next((change.old for change in finding.changes if change.field == "instance_type"), finding.instance_type),
        "nodes_old": finding.nodes_old,
        "nodes_new": finding.nodes_new,
        "is_rollback": finding.rule == "rollback",
        "is_quota": finding.subject.field in _QUOTAS,
        "is_workload": finding.subject.kind == "workload",
        "is_volume": finding.subject.kind == "volume",
        "is_sharing": finding.subject.field == "gpu_sharing",
        "is_other_type": finding.subject.field == "instance_type",
        "is_spot": finding.subject.field == "capacity_type",
        "is_minimum": finding.subject.field == "min",
        "is_maximum": finding.subject.field == "max",
        "is_growth": any(is_growth(change) for change in finding.changes) or finding.rule in _RAISES,
        "is_repave": finding.is_repave,
        "one_node": finding.nodes_new == 1,
        "gpus": finding.evidence.unit == "GPUs",
        "changes": [{"what": Ours(WORDS[change.field]), "old": change.old, "new": change.new} for change in finding.changes],
        **_evidence(finding),
        **_money(summed(proposal) if is_group(proposal) else finding),
        "needs": Sentence(finding.needs_person) if finding.needs_person else None,
        "similar": [Sentence(sentence) for sentence in similar_sentences(finding)],
        "badly": [Sentence(case.what) for part in proposal.parts for case in part.finding.similar if not case.went_well],
        "risk": Ours(verdict.risk.word),
        "tier": Ours(verdict.tier),
        "gate": Ours(gate(verdict)),
        "people": list(verdict.approvers[:MOST_PEOPLE]),
        "people_more": max(0, len(verdict.approvers) - MOST_PEOPLE),
        "asks": asks(verdict),
        "owner": _owner(verdict),
        "given": _given(verdict),
        "uncounted": [Sentence(line.saw) for line in verdict.lines if line.rule == "approval-void"],
        "alarm": next((line for line in unheld(verdict, "needs-person") if line.rule == "plan-outcome"), None),
        "waits": [line for line in _once(unheld(verdict, "waits")) if line.rule not in _HOUSEKEEPING],
        "blocks": [line for line in _once(unheld(verdict, "blocks")) if line.rule not in {"report-only", *_HOUSEKEEPING}],
    }


def _members(proposal: Proposal, verdict: Verdict) -> dict[str, object]:
    """A row for each change, where several come together; none for one that is alone."""
    if not is_group(proposal):
        return {"members": [], "count": 1}
    risks = [risk.word for _, risk in verdict.risks] or ["unknown"] * len(proposal.members)
    growing = [any(is_growth(change) for change in part.finding.changes) or part.finding.rule in _RAISES for part in proposal.parts]
    return {
        "members": [_member(part, risk) for part, risk in zip(proposal.parts, risks, strict=True)],
        "count": len(proposal.members),
        "things": Ours(things(proposal)),
        "all_grow": all(growing),
        "none_grows": not any(growing),
    }


def _member(part: Proposal, risk: str) -> dict[str, object]:
    finding = part.finding
    saving = finding.saving_effective or finding.saving_list
    return {
        "pool": finding.subject.pool,
        "kind": Ours(KINDS[finding.subject.kind]),
        "changes": [{"what": Ours(WORDS[change.field]), "old": change.old, "new": change.new} for change in finding.changes],
        "amount": Ours(money(saving)),
        "is_cost": saving.amount < 0,
        "effective": finding.saving_effective is not None,
        "risk": Ours(risk),
    }


def saving_of(proposal: Proposal) -> Money:
    """What it saves a month, all of its changes together."""
    return sums_of(proposal).saving


def _once(lines: list[VerdictLine]) -> list[VerdictLine]:
    """The first line of every rule: of several changes that wait for the same, one says it."""
    return list({line.rule: line for line in reversed(lines)}.values())[::-1]


def _given(verdict: Verdict) -> Sentence | None:
    """Who has said yes so far; None = nobody."""
    said = next((line.saw for line in verdict.lines if line.rule == "approvals"), "")
    return Sentence(said) if said.endswith(")") else None


def _owner(verdict: Verdict) -> str | None:
    """Whose yes must be among them, where that is not said by who may approve at all; None = nobody's in particular."""
    wanted = next((line.wanted for line in verdict.lines if line.rule == "owner-approval"), "")
    return wanted if wanted and wanted != f"one approval by: {', '.join(verdict.approvers)}" else None


def unheld(verdict: Verdict, effect: str) -> list[VerdictLine]:
    """Lines of one effect that did not hold."""
    return [line for line in verdict.reasons if line.effect == effect]


def asks(verdict: Verdict) -> list[VerdictLine]:
    """Why a person is asked: the policy's own rules and up to three of the most telling lines; never an empty list of reasons."""
    lines = _once(unheld(verdict, "needs-person"))
    rules = [line for line in lines if line.rule.startswith("policy: ")]
    telling = sorted((line for line in lines if line.rule in _MOST_TELLING), key=lambda line: _MOST_TELLING.index(line.rule))
    return [*rules, *telling][:3] or lines[:3]


def gate(verdict: Verdict) -> str:
    """Where this is approved, as the judge found it; without its word, on the forge."""
    return next((line.saw for line in verdict.lines if line.rule == "gate" and line.saw in {"slack", "both"}), "forge")


def _evidence(finding: Finding) -> dict[str, object]:
    evidence = finding.evidence
    last = evidence.chart[-1] if evidence.chart else None
    return {
        "source": Sentence(evidence.source),
        "since": Ours(f"{evidence.start:%Y-%m-%d}"),
        "until": Ours(f"{evidence.end:%Y-%m-%d}"),
        "days": evidence.days,
        "coverage": Ours(f"{100 * evidence.coverage:.1f}%"),
        "unit": Ours(unit_of(evidence)),
        "busiest": Ours("busiest" if "busiest" in evidence.unit else "fullest"),
        "peak": Ours(amount(evidence.peak)),
        "typical": Ours(amount(evidence.typical)),
        "capacity_old": Ours(amount(last.capacity_old)) if last else None,
        "capacity_new": Ours(amount(last.capacity_new)) if last else None,
        "fitted_days": evidence.fitted_days,
        "judged_days": evidence.judged_days,
        "judged_steps": Ours(f"{evidence.judged_steps:,}"),
        "violations_old": evidence.violations_old,
        "violations_new": evidence.violations_new,
        **_rates(finding),
    }


def _rates(finding: Finding) -> dict[str, object]:
    rates = misses_per_1000(finding)
    return {
        "misses_old": Ours(_rate(rates.old)) if rates else None,
        "misses_new": Ours(_rate(rates.new)) if rates else None,
        "misses_per": Ours(rates.per) if rates else None,
    }


def _rate(value: float) -> str:
    """0, 0.4, 0.03: never 0 for what is not."""
    return "0" if value == 0 else f"{value:.1f}" if value >= 0.1 else f"{value:.1g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Misses:
    """Judged steps without room, of the size now and the size proposed."""

    old: float
    new: float
    per: str
    """1,000 of these: "node-hours", or "hours" where what was judged has no number of nodes."""


def misses_per_1000(finding: Finding) -> Misses | None:
    """What `trimtab backtest` calls violations_per_1000_node_hours; None = no step was judged."""
    evidence = finding.evidence
    if evidence.judged_steps < 1 or evidence.judged_days < 1:
        return None
    # An autoscaler's bounds are judged on what it may grow to, which is not the number that changes.
    has_nodes = (
        finding.subject.kind == "pool" and finding.subject.field not in {"min", "max"} and min(finding.nodes_old, finding.nodes_new) > 0
    )
    old, new = (finding.nodes_old, finding.nodes_new) if has_nodes else (1, 1)
    return Misses(
        old=1000 * evidence.violations_old / (old * evidence.judged_steps),
        new=1000 * evidence.violations_new / (new * evidence.judged_steps),
        per="node-hours" if has_nodes else "hours",
    )


def unit_of(evidence: Evidence) -> str:
    """Our own analysis names the unit ("GiB", "GiB of the fullest pod"); anything else would be somebody else's word."""
    unit = evidence.unit.partition(" of the ")[0]
    return unit if unit in _UNITS else "units"


def _money(finding: Finding) -> dict[str, object]:
    effective, at_list, freed = finding.saving_effective, finding.saving_list, finding.saving_freed
    saving = effective or at_list
    is_freed = freed is not None and freed.amount > 0
    return {
        "is_saving": saving.amount > 0,
        "is_cost": saving.amount < 0,
        "freed": Ours(money(freed)) if freed is not None and is_freed else None,
        "amount": Ours(money(saving)),
        "list": Ours(money(at_list)),
        "effective": effective is not None,
        "price_source": Sentence(finding.price_source.rstrip(".")),
    }


def similar_sentences(finding: Finding) -> tuple[str, ...]:
    """What became of changes like this one, the nearest first; () = none is on record."""
    return tuple(case.what for case in finding.similar)


def money(value: Money) -> str:
    """`1,241 USD`, and cents only where they are all there is; the sign is the sentence's business."""
    size = abs(value.amount)
    digits = f"{size:,.0f}" if size >= Decimal(10) else f"{size:,.2f}"
    return f"{digits} {ref(value.currency, 3)}"


def amount(value: float) -> str:
    """48, 21.4, 0.31: one digit where it says something, two where it is all there is."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2g}"
