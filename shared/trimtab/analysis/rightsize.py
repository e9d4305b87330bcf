"""What is worth changing about one machine pool, each answer with its proof: at most one finding per field, best first."""

from datetime import datetime
from decimal import Decimal

from trimtab.analysis.case import Asked, Case, Prices, case_of
from trimtab.analysis.counts import autoscaler, count, held_idle
from trimtab.analysis.demand import Demand
from trimtab.analysis.fingerprint import fingerprint
from trimtab.analysis.gates import refused
from trimtab.analysis.gpu import GpuUse, gpu_use
from trimtab.analysis.shapes import runner_up, siblings, smaller_type, spot
from trimtab.records import Cluster, EvidenceFloor, Finding, Pool, Refusal
from trimtab.units import GIB

Answer = Finding | Refusal


def analyze(
    *,
    pool: Pool,
    cluster: Cluster,
    demand: Demand | None,
    catalog: Prices,
    effective_rate: Decimal | None,
    now: datetime,
    floor: EvidenceFloor,
    is_nonproduction: bool,
    billed_nodes: float | None = None,
) -> tuple[Answer, ...]:
    """Findings first (growth, then the largest saving), then every named no.

    `effective_rate` is what the bill charged for one node-hour, in the catalog's currency; None = the bill does not say.
    `billed_nodes` is how many nodes the bill has on average over the demand's window, where that is known.
    """
    asked = Asked(
        pool=pool,
        cluster=cluster,
        demand=demand,
        catalog=catalog,
        effective_rate=effective_rate,
        now=now,
        floor=floor,
        is_nonproduction=is_nonproduction,
        billed_nodes=billed_nodes,
    )
    refusal = refused(asked)
    instance = asked.instance
    if refusal or demand is None or instance is None or instance.price is None:
        return (refusal or asked.refuse("metrics-missing", "Nothing was measured for this pool; missing is not idle."),)
    case = case_of(asked, demand, instance, instance.price)
    if not case.part.fit.any() or not case.part.judge.any():
        return (asked.refuse("coverage-low", "One of the two parts of the past, to fit on and to judge on, was not measured."),)
    return best_first(_answers(case))


def _answers(case: Case) -> list[Answer]:
    use = gpu_use(case.demand, case.asked.floor.coverage) if case.instance.gpus else None
    kin = siblings(case)
    counted = autoscaler(case) if case.pool.is_autoscaled else (count(case, use, runner_up(case, kin)),)
    advice = (_warm(case, use), _held(case, use, counted))
    others = advice if _is_growing(counted) else (smaller_type(case, kin[0]), spot(case), *advice)
    return [*counted, *(answer for answer in others if answer is not None)]


def _is_growing(answers: tuple[Answer, ...]) -> bool:
    return any(isinstance(answer, Finding) and answer.saving_list.amount < 0 for answer in answers)


def _warm(case: Case, use: GpuUse | None) -> Refusal | None:
    """Advice, not a removal: a loaded model that waits for work is what somebody pays for."""
    if use is None or use.state != "warm-idle":
        return None
    reason = (
        f"{', '.join(use.idle)} hold {use.held:g} GPUs with {use.memory / GIB:.0f} GiB loaded and compute at most {use.busiest:.1%}: "
        "warm, not waste. A schedule, scale to zero or sharing may fit; that is its owners' choice."
    )
    return case.asked.refuse("warm-idle", reason)


def _held(case: Case, use: GpuUse | None, counted: tuple[Answer, ...]) -> Refusal | None:
    """The same for idle GPUs that pods hold, where the others are taken away."""
    if use is None or use.state != "held-idle" or any(answer.rule == "held-idle" for answer in counted):
        return None
    return held_idle(case, use)


def best_first(answers: list[Answer]) -> tuple[Answer, ...]:
    """Growth before savings, the largest saving first, refusals last."""
    findings = [answer for answer in answers if isinstance(answer, Finding)]
    findings.sort(key=lambda finding: (finding.saving_list.amount >= 0, -finding.saving_list.amount, str(finding.subject)))
    return (*findings, *(answer for answer in answers if isinstance(answer, Refusal)))


__all__ = ["Prices", "analyze", "best_first", "fingerprint"]
