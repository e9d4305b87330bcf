"""One cluster of a run: every pool, quota, workload and volume looked at on the usage that the plan froze, each with its proof or its no.

What fails for one of them is a named refusal of that one and keeps no other from being told.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from trimtab.analysis.demand import Demand
from trimtab.analysis.families import family
from trimtab.analysis.loads import Window
from trimtab.analysis.quotas import analyze_quota
from trimtab.analysis.ranking import rank, scored
from trimtab.analysis.repack import Home
from trimtab.analysis.rightsize import analyze
from trimtab.analysis.savings import Billed, on_spot, rate, settled
from trimtab.analysis.similar import similar_cases
from trimtab.analysis.storage_prices import SOURCE as STORAGE_SOURCE
from trimtab.analysis.storage_prices import listed
from trimtab.analysis.volumes import analyze_volumes
from trimtab.analysis.workloads import analyze_workloads
from trimtab.errors import BadInput, Gone, Refused
from trimtab.flow.bills import Bills, bills_of
from trimtab.flow.governance import home_governance
from trimtab.flow.palette_price import with_palettes_price
from trimtab.flow.palette_use import palette_use
from trimtab.flow.past_cases import change_features, is_nonproduction
from trimtab.flow.runs import Analysis, Plan, PoolCost, evidence_end
from trimtab.ports import Ports, Usage
from trimtab.records import Cluster, ClusterUid, Finding, Governance, InstanceType, Pool, Quota, Refusal, SubjectKind
from trimtab.units import HOURS_PER_MONTH, Money

LOOKBACK = timedelta(days=44)
"""How much of the past an analysis looks at."""
Answer = Finding | Refusal
Answers = Sequence[Answer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One cluster, and everything that its analysis reads."""

    frozen: Plan
    cluster: Cluster
    governance: Governance
    usage: Usage | None
    """As it was when the run was planned; None = there was none."""
    bills: Bills
    ports: Ports

    @property
    def start(self) -> datetime:
        """A day more than what is judged, so that the first day is whole."""
        return self.end - LOOKBACK - timedelta(days=1)

    @property
    def end(self) -> datetime:
        """Last midnight before the run."""
        return evidence_end(self.frozen)

    @property
    def is_nonproduction(self) -> bool:
        """Proven: both uids are on the deployment's list."""
        return is_nonproduction(self.cluster, self.ports)

    @property
    def window(self) -> Window:
        """The evidence that this cluster needs."""
        return Window(now=self.frozen.at, floor=self.governance.evidence, is_nonproduction=self.is_nonproduction)

    def instance(self, pool: Pool) -> InstanceType | None:
        """The pool's type in the catalog."""
        return self.ports.catalog.find(self.cluster.cloud, self.cluster.region, pool.instance_type)


def analysis_of(frozen: Plan, uid: ClusterUid, ports: Ports) -> Analysis:
    """Everything that is to be said of one cluster."""
    try:
        cluster = ports.palette.look(uid)
        if cluster is None:
            return _only(
                frozen, uid, Refusal(cluster_uid=uid, pool="*", rule="cluster-gone", reason="Palette no longer lists this cluster.")
            )
        if isinstance(cluster, Refusal):
            return _only(frozen, uid, cluster)
        look = Look(
            frozen=frozen,
            cluster=cluster,
            governance=home_governance(ports),
            usage=None if frozen.usage_version is None else ports.usage.at(frozen.usage_version),
            bills=bills_of(frozen.run, ports.documents),
            ports=ports,
        )
    except (BadInput, Refused) as error:
        ports.log.warning("analyze.refused", run=frozen.run, cluster=uid, input=str(error))
        return _only(frozen, uid, Refusal(cluster_uid=uid, pool="*", rule="not-analyzed", reason=str(error)))
    return _told(look)


def _only(frozen: Plan, uid: ClusterUid, refusal: Refusal) -> Analysis:
    return Analysis(run=frozen.run, cluster_uid=uid, findings=(), refusals=(refusal,))


def _told(look: Look) -> Analysis:
    homes: list[Home] = []
    pools = [answer for pool in look.cluster.pools for answer in _safely(look, pool.name, "pool", partial(_pool, look, pool, homes))]
    answers = [*pools, *_quotas(look), *_workloads(look, homes), *_safely(look, "*", "volume", partial(_volumes, look))]
    return Analysis(
        run=look.frozen.run,
        cluster_uid=look.cluster.uid,
        findings=tuple(rank(answer for answer in answers if isinstance(answer, Finding))),
        refusals=(*look.cluster.left_out, *(answer for answer in answers if isinstance(answer, Refusal))),
        costs=tuple(cost for pool in look.cluster.pools if (cost := _cost(look, pool)) is not None),
        cluster=look.cluster,
    )


def _safely(look: Look, name: str, kind: SubjectKind, step: Callable[[], Answers]) -> Answers:
    """What a step answers, or the one refusal that says why it could not."""
    try:
        return step()
    except Gone as error:
        needs = "A new run: it works with the usage that is there when it begins."
        no = Refusal(cluster_uid=look.cluster.uid, pool=name, rule="usage-gone", reason=f"{error}.", needs=needs, kind=kind)
    except (BadInput, Refused) as error:
        no = Refusal(cluster_uid=look.cluster.uid, pool=name, rule="not-analyzed", reason=str(error), kind=kind)
    look.ports.log.warning("analyze.refused", run=look.frozen.run, cluster=look.cluster.uid, subject=name, input=no.reason)
    return (no,)


# ── pools ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _pool(look: Look, pool: Pool, homes: list[Home]) -> Answers:
    """What is worth changing about one pool; a pool whose demand is known is kept as a home of workloads."""
    demand = look.usage.demand(look.cluster.uid, pool.name, look.start, look.end) if look.usage else None
    nodes = look.bills.nodes(look.cluster.name, pool.name, look.end - LOOKBACK, look.end)
    answers = analyze(
        pool=pool,
        cluster=look.cluster,
        demand=demand,
        catalog=look.ports.catalog,
        effective_rate=None,
        now=look.frozen.at,
        floor=look.governance.evidence,
        is_nonproduction=look.is_nonproduction,
        billed_nodes=nodes,
        palette_use=palette_use(look.cluster, pool, look.start, look.end, look.ports) if demand is not None else None,
    )
    billed = _billed(look, pool)
    _keep_home(look, pool, demand, billed, homes)
    kinds = _kinds(demand)
    return [
        _whole(look, pool, billed, nodes, replace(answer, workload_kinds=kinds)) if isinstance(answer, Finding) else answer
        for answer in answers
    ]


def _keep_home(look: Look, pool: Pool, demand: Demand | None, billed: Billed | None, homes: list[Home]) -> None:
    instance = look.instance(pool)
    price = _price(pool, instance)
    if demand is not None and instance is not None and price is not None:
        homes.append(Home(pool=pool, demand=demand, instance=instance, rate=rate(billed, price)))


def _billed(look: Look, pool: Pool) -> Billed | None:
    """What the newest bill says of the pool's machines."""
    billed = look.bills.machines(look.cluster.name, pool.name)
    return on_spot(billed) if billed and pool.capacity_type == "spot" else billed


def _price(pool: Pool, instance: InstanceType | None) -> Money | None:
    """Of one of its machines for an hour, on the pool's terms."""
    if instance is None:
        return None
    return instance.spot_price if pool.capacity_type == "spot" else instance.price


def _kinds(demand: Demand | None) -> tuple[str, ...]:
    """Kinds of the workloads that ran there; () = nobody said."""
    return tuple(sorted({kind for kind in demand.kinds if kind and kind != "DaemonSet"})) if demand is not None else ()


def _whole(look: Look, pool: Pool, billed: Billed | None, nodes: float | None, finding: Finding) -> Answer:
    """A finding with what it really saves, what is known of changes like it, and how it compares."""
    running = nodes if pool.is_autoscaled else None
    answer = settled(finding, billed, _price(pool, look.instance(pool)), partial(_is_related, look), running)
    if isinstance(answer, Refusal):
        return answer
    cost = _cost(look, pool)
    return with_palettes_price(_scored(look, answer, cost.monthly if cost else None), look.cluster, look.ports)


def _is_related(look: Look, old: str, new: str) -> bool:
    """Reservations of one family serve its other sizes (AWS instance size flexibility, Azure's, a CUD's machine series)."""
    found = [look.ports.catalog.find(look.cluster.cloud, look.cluster.region, name) for name in (old, new)]
    names = {family(instance).name for instance in found if instance is not None}
    return None not in found and len(names) == 1


def _cost(look: Look, pool: Pool) -> PoolCost | None:
    """Its machines for a month at list price; None = no price is known."""
    price = _price(pool, look.instance(pool))
    machines = pool.machines if pool.machines is not None else pool.count
    if price is None or not price.amount > 0 or machines < 1:
        return None
    return PoolCost(pool=pool.name, monthly=price * (HOURS_PER_MONTH * machines))


def _scored(look: Look, finding: Finding, costs: Money | None) -> Finding:
    shares = look.bills.owners(look.cluster.name, finding.subject.pool) if finding.subject.kind == "pool" else ()
    teams = [team for team, _ in shares]
    cases = similar_cases(change_features(finding, look.cluster, look.ports), look.frozen.past, teams)
    return scored(finding, costs=costs, similar=cases)


# ── quotas, workloads, volumes ───────────────────────────────────────────────────────────────────────────────────────
def _quotas(look: Look) -> Iterable[Answer]:
    """Each quota on its own: one that cannot be read keeps no other from being told."""
    found: list[tuple[Quota, ...]] = []

    def read() -> Answers:
        found.append(look.ports.palette.quotas(look.cluster.uid))
        return ()

    refused = _safely(look, "*", "namespace", read)
    quotas = found[0] if found else ()
    each = [answer for quota in quotas for answer in _safely(look, quota.name, quota.kind, partial(_quota, look, quota, quotas))]
    return [*refused, *(_scored(look, answer, None) if isinstance(answer, Finding) else answer for answer in each)]


def _quota(look: Look, quota: Quota, all_of_them: tuple[Quota, ...]) -> Answers:
    demand = look.usage.quota_demand(quota, look.start, look.end) if look.usage and not quota.problem else None
    others = tuple(other for other in all_of_them if other is not quota)
    return analyze_quota(
        quota,
        demand,
        cluster=look.cluster,
        window=look.window,
        currency=look.governance.currency,
        siblings=others,
        spent=look.frozen.spent_on(look.cluster, quota),
    )


def _workloads(look: Look, homes: Sequence[Home]) -> Answers:
    def step() -> Answers:
        found = look.usage.workloads(look.cluster.uid, look.start, look.end) if look.usage else None
        return analyze_workloads(found, homes, cluster=look.cluster, window=look.window, price_source=look.ports.catalog.source)

    answers = _safely(look, "*", "workload", step)
    total = _total(look)
    return [_scored(look, _freeing(answer, look, homes), total) if isinstance(answer, Finding) else answer for answer in answers]


def _freeing(finding: Finding, look: Look, homes: Sequence[Home]) -> Finding:
    """Where no pool is covered, nothing is only freed; else how much is, is not known of a workload on several pools."""
    if finding.saving_freed is not None or finding.saving_effective is None:
        return finding
    shares = [billed.share for home in homes if (billed := look.bills.machines(look.cluster.name, home.pool.name))]
    is_none = finding.saving_list.amount <= 0 or (bool(shares) and all(share == 0 for share in shares))
    return replace(finding, saving_freed=Money(Decimal(0), finding.saving_list.currency)) if is_none else finding


def _total(look: Look) -> Money | None:
    """What all pools of the cluster cost; None where one has no price."""
    costs = [_cost(look, pool) for pool in look.cluster.pools]
    known = [cost.monthly for cost in costs if cost is not None]
    if not known or len(known) < len(costs) or len({cost.currency for cost in known}) > 1:
        return None
    return Money(sum((cost.amount for cost in known), Decimal(0)), known[0].currency)


def _volumes(look: Look) -> Answers:
    volumes = look.usage.volumes(look.cluster.uid, look.start, look.end) if look.usage else ()
    prices = listed(look.cluster.cloud, look.cluster.region)
    answers = analyze_volumes(volumes, cluster=look.cluster, window=look.window, prices=prices, price_source=STORAGE_SOURCE)
    return [_scored(look, answer, None) if isinstance(answer, Finding) else answer for answer in answers]
