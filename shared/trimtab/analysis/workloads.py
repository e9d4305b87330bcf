"""Requests and limits of workloads, for those whose pods ask for much more or less than they use, with what it does to their pools.

Lower requests save nothing until nodes go: each change is packed into the pools again, and its saving is the nodes that go beside those
that the pool's own lever removes. Changes that free no node, not even together, are told as one line and not proposed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

from trimtab.analysis.cpu_rules import cpu
from trimtab.analysis.gpu_request_rules import gpu
from trimtab.analysis.loads import STALE, Window, eligible_from, evidence_of_load
from trimtab.analysis.memory_rules import memory
from trimtab.analysis.repack import Asked, Effect, Home, Packed
from trimtab.analysis.workload_rules import No, Wish, first_no, seen_of, versions
from trimtab.analysis.workload_use import Workloads, WorkloadUse
from trimtab.records import Cluster, Finding, Refusal, Subject

Answer = Finding | Refusal
Pair = tuple[WorkloadUse, Wish]
Outcome = tuple[WorkloadUse, Wish, Effect | str, str | None]
"""A wish with its effect on the pools (or why that is not known), and what must be said beside; None = it changes nothing."""
MOST_FINDINGS = 20
"""Of a cluster and direction; more than that nobody reads, and each is packed on its own."""
MOST_NAMED = 5
PER_CONTAINER = (
    "Requests are written per container, and what is measured is the whole pod: with one container these are its values, with several "
    "its owner divides them."
)
VPA = "Whether a VerticalPodAutoscaler sets its requests was not read."
LIST_ONLY = "What the bill really charged for its pools is not known, so the saving is at list price only."


def analyze_workloads(
    found: Workloads | None, homes: Sequence[Home], *, cluster: Cluster, window: Window, price_source: str
) -> tuple[Answer, ...]:
    """Findings first: what is in trouble, then what frees most; then one refusal per reason, naming its workloads.

    `homes` are the machine pools of the cluster whose demand, shape and price are known.
    """
    if found is None:
        return (_refused(cluster, [], No(rule="metrics-missing", reason="nothing of its workloads was measured; missing is not idle")),)
    current = [use for use in found.uses if window.now - datetime.fromtimestamp(int(use.times[-1]) + 3600, UTC) <= STALE]
    wishes: list[Pair] = []
    noes: list[tuple[WorkloadUse, No]] = []
    for use in current:
        for answer in analyze_workload(use, found, window):
            (wishes if isinstance(answer, Wish) else noes).append((use, answer))  # type: ignore[arg-type]
    findings = _findings(
        wishes, {home.pool.name: home for home in homes}, noes, found, cluster, price_source, is_nonproduction=window.is_nonproduction
    )
    return (*findings, *_grouped(noes, cluster, window))


def analyze_workload(use: WorkloadUse, found: Workloads, window: Window) -> tuple[Wish | No, ...]:
    """What one workload should ask for instead, and every named no."""
    no = first_no(use, found, window)
    if no is not None:
        return (no,)
    seen = seen_of(use, window)
    answers = (memory(seen), cpu(seen), gpu(seen))
    return tuple(answer for answer in answers if answer is not None)


def _findings(
    wishes: Sequence[Pair],
    homes: Mapping[str, Home],
    noes: list[tuple[WorkloadUse, No]],
    found: Workloads,
    cluster: Cluster,
    source: str,
    *,
    is_nonproduction: bool,
) -> list[Finding]:
    """What needs more stands alone; what needs less is counted one after the other, so that no node is saved twice."""
    packed = Packed(homes=homes, is_nonproduction=is_nonproduction)
    ups = [(*pair, packed.effect(pair[0], _asked(pair[1])), "") for pair in wishes if pair[1].is_up]
    downs = sorted((pair for pair in wishes if not pair[1].is_up), key=lambda pair: (-_share(pair, homes), pair[0].place, pair[1].rule))
    findings = []
    for use, wish, effect, line in (*ups[:MOST_FINDINGS], *_freed(downs[:MOST_FINDINGS], packed)):
        if isinstance(effect, str):
            noes.append((use, No(rule="pool-not-packed", reason=effect)))
        elif line is None:
            noes.append((use, No(rule="frees-no-node", reason=_frees_nothing(use, wish, effect))))
        else:
            findings.append(_finding(use, wish, effect, found, cluster, source, line))
    return sorted(findings, key=lambda one: (not _is_growth(one), -one.saving_list.amount, str(one.subject)))


def _freed(downs: Sequence[Pair], packed: Packed) -> Iterator[Outcome]:
    """First what frees nodes alone, then what does so only with others; a line of None = not even then.

    A question to an owner is no promise: nothing else counts on it.
    """
    together: list[Pair] = []
    for use, wish in downs:
        effect = packed.effect(use, _asked(wish))
        if not isinstance(effect, str) and effect.nodes <= 0 and not wish.person:
            together.append((use, wish))
            continue
        if not isinstance(effect, str) and not wish.person:
            packed.keep(effect)
        yield use, wish, effect, ""
    yield from _together(together, packed)


def _together(downs: Sequence[Pair], packed: Packed) -> Iterator[Outcome]:
    """What shares a pool is tried together, and what adds nothing to that is left out again."""
    for group in _neighbors(downs):
        needed = _needed(group, packed)
        names = ", ".join(sorted({f"{wish.changes[0].field} of {use.place}" for use, wish in needed}))
        for use, wish in group:
            effect = packed.effect(use, _asked(wish))
            is_needed = any(one is wish for _, one in needed)
            if is_needed and not isinstance(effect, str):
                packed.keep(effect)
            yield use, wish, effect, f"A node goes only where these are all done: {names}." if is_needed else None


def _neighbors(downs: Sequence[Pair]) -> list[list[Pair]]:
    """Those whose pools meet, directly or over others."""
    groups: list[tuple[set[str], list[Pair]]] = []
    for pair in downs:
        mine = [group for group in groups if group[0] & set(pair[0].pools)]
        pools = set(pair[0].pools).union(*(group[0] for group in mine))
        members = [one for group in mine for one in group[1]] + [pair]
        groups = [group for group in groups if group not in mine] + [(pools, members)]
    return [sorted(members, key=downs.index) for _, members in groups]


def _needed(group: list[Pair], packed: Packed) -> list[Pair]:
    """The fewest of a group that free as many nodes as all of it; the smallest change is given up first."""

    def nodes(done: Sequence[Pair]) -> Decimal:
        changes, unchanged = ([(pair[0], _asked(pair[1])) for pair in group if (pair in done) is is_done] for is_done in (True, False))
        return packed.nodes_with(changes, unchanged)

    goal, kept = nodes(group), list(group)
    if goal >= nodes([]):
        return []
    for pair in reversed(group):
        rest = [one for one in kept if one is not pair]
        if nodes(rest) <= goal:
            kept = rest
    return kept


def _frees_nothing(use: WorkloadUse, wish: Wish, effect: Effect) -> str:
    change = wish.changes[0]
    words = change.field.replace("_", " ").replace("cpu", "CPU").replace("gpu", "GPU")
    nodes = _count(effect.nodes_new)
    return f"its {words} could go from {change.old} to {change.new}, and {_pools(use)} would need {nodes} with it and without it"


def _is_growth(finding: Finding) -> bool:
    return finding.rule in {"memory-killed", "memory-request-up", "cpu-request-up", "cpu-limit-up"}


def _share(pair: Pair, homes: Mapping[str, Home]) -> float:
    """How much of a node all of its pods give back: only an order, the nodes are packed."""
    use, wish = pair
    home = next((homes[name] for name in use.pools if name in homes), None)
    if home is None:
        return 0.0
    per_node = {"cpu": home.instance.allocatable_cpu, "memory": home.instance.allocatable_memory, "gpu": home.instance.gpus * 1000}
    return float(use.pods.mean()) * (wish.old - wish.new) / max(1, per_node[wish.resource])


def _asked(wish: Wish) -> Asked:
    match wish.resource:
        case "cpu":
            return Asked(cpu=wish.request)
        case "memory":
            return Asked(memory=wish.request)
        case "gpu":
            return Asked(gpu=wish.request)


def _finding(use: WorkloadUse, wish: Wish, effect: Effect, found: Workloads, cluster: Cluster, source: str, line: str) -> Finding:
    coverage = float(wish.load.known.mean())
    return Finding(
        rule=wish.rule,
        subject=Subject(cluster_uid=cluster.uid, pool=use.place, field=wish.changes[0].field, kind="workload"),
        changes=wish.changes,
        instance_type=", ".join(effect.instance_types),
        nodes_old=_whole(effect.nodes_old),
        nodes_new=_whole(effect.nodes_new),
        saving_list=effect.saving_list,
        saving_effective=effect.saving_effective,
        price_source=effect.price_source or source,
        evidence=evidence_of_load(
            wish.load, unit=wish.unit, old=wish.old, new=wish.new, coverage=min(coverage, found.measured_share), source=found.source,
            lines=(*wish.lines, _nodes(use, effect, wish), *((line,) if line else ())), limit_share=wish.ceiling, short=wish.short,
        ),
        is_repave=False,
        disruption=(f"Its pods are started anew: {use.pods[-1]:.0f} of them.",),
        unknowns=(*wish.unknowns, VPA, *versions(use), *(() if effect.saving_effective is not None else (LIST_ONLY,))),
        needs_person=f"{wish.person} {PER_CONTAINER}".strip(),
    )  # fmt: skip


def _nodes(use: WorkloadUse, effect: Effect, wish: Wish) -> str:
    old = _plain(effect.nodes_old)
    if effect.nodes > 0:
        fewer = f"It lets {_pools(use)} go from {old} to {_count(effect.nodes_new)}"
        return f"{fewer}, beside what fewer nodes for the requests of today would already save."
    if effect.nodes < 0:
        return f"With it {_pools(use)} would need {_count(effect.nodes_new)} instead of {old}."
    return f"It {'costs' if wish.is_up else 'frees'} no node on its own: {old} for {_pools(use)}, with it and without it."


def _pools(use: WorkloadUse) -> str:
    return f"pool{'s' if len(use.pools) > 1 else ''} {', '.join(use.pools)}"


def _whole(nodes: Decimal) -> int:
    return int(nodes.to_integral_value(rounding=ROUND_CEILING))


def _count(nodes: Decimal) -> str:
    return f"{_plain(nodes)} node{'' if nodes == 1 else 's'}"


def _plain(nodes: Decimal) -> str:
    return f"{nodes.normalize():f}"


# ── Refusals, one per reason ─────────────────────────────────────────────────────────────────────────────────────────
def _grouped(noes: Iterable[tuple[WorkloadUse, No]], cluster: Cluster, window: Window) -> tuple[Refusal, ...]:
    """One refusal per rule: twenty workloads with the same gap are one thing to mend."""
    by_rule: dict[str, list[tuple[WorkloadUse, No]]] = {}
    for use, no in sorted(noes, key=lambda pair: pair[0].place):
        by_rule.setdefault(no.rule, []).append((use, no))
    return tuple(
        _refused(cluster, [use for use, _ in pairs], pairs[0][1], window if rule == "too-little-history" else None)
        for rule, pairs in sorted(by_rule.items())
    )


def _refused(cluster: Cluster, uses: Sequence[WorkloadUse], no: No, window: Window | None = None) -> Refusal:
    places = sorted({use.place for use in uses})
    others = ", ".join(places[1:MOST_NAMED]) + (f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else "")
    example = f"{places[0]}: {no.reason}{f'; also {others}' if others else ''}" if places else ""
    return Refusal(
        cluster_uid=cluster.uid,
        pool=places[0] if len(places) == 1 else "*",
        rule=no.rule,
        reason=f"{example if places else no.reason[0].upper() + no.reason[1:]}.",
        needs=no.needs,
        kind="workload",
        eligible_from=min((eligible_from(use.times, window.days_wanted) for use in uses), default=None) if window else None,
    )


__all__ = ["Answer", "Home", "analyze_workload", "analyze_workloads"]
