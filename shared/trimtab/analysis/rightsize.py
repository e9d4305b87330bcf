"""What is worth changing about one machine pool, each answer with its proof: at most one finding per field, best first."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from trimtab.analysis.autoscaler import autoscaler
from trimtab.analysis.case import Asked, Case, PaletteUse, Prices, case_of
from trimtab.analysis.counts import count, held_idle, wish_of
from trimtab.analysis.demand import Demand
from trimtab.analysis.fingerprint import fingerprint
from trimtab.analysis.gates import refused
from trimtab.analysis.gpu_sharing import schedule, share, warm
from trimtab.analysis.options import options
from trimtab.analysis.shapes import autoscaled_type, instance_type, own_option, runner_up
from trimtab.analysis.signals import USES, usable, use_missing
from trimtab.analysis.spot import spot
from trimtab.records import Cluster, EvidenceFloor, Finding, Pool, Refusal

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
    palette_use: PaletteUse | None = None,
) -> tuple[Answer, ...]:
    """Findings first (growth, then the largest saving), then every named no.

    `effective_rate` is what the bill charged for one node-hour, in the catalog's currency; None = the bill does not say.
    `billed_nodes` is how many nodes the bill has on average over the demand's window, `palette_use` what Palette itself measured of
    the pool over it, where those are known.
    """
    asked = _asked(
        Asked(
            pool=pool,
            cluster=cluster,
            demand=demand,
            catalog=catalog,
            effective_rate=effective_rate,
            now=now,
            floor=floor,
            is_nonproduction=is_nonproduction,
            billed_nodes=billed_nodes,
            palette_use=palette_use,
        )
    )
    refusal, instance = refused(asked), asked.instance
    price = asked.price(instance) if instance else None
    if refusal or asked.demand is None or instance is None or price is None:
        return (refusal or asked.refuse("metrics-missing", "Nothing was measured for this pool; missing is not idle."),)
    case = case_of(asked, asked.demand, instance, price)
    if not case.part.fit.any() or not case.part.judge.any():
        return (asked.refuse("coverage-low", "One of the two parts of the past, to fit on and to judge on, was not measured."),)
    return best_first(_answers(case))


def _asked(asked: Asked) -> Asked:
    """With holes in what was used filled by the most that it may have been."""
    if asked.demand is None:
        return asked
    known = {name: asked.demand.known_share(name) for name in USES}
    demand, has_use = usable(asked.demand, asked.floor.coverage)
    return replace(asked, demand=demand, has_use=has_use, use_known=known)


def _answers(case: Case) -> list[Answer]:
    """Each lever in turn; one that has nothing to say about this pool says nothing."""
    counted, types = _scaled(case) if case.pool.is_autoscaled else _static(case)
    advice = (warm(case), _held(case, counted))
    cheaper = () if _is_too_small(case) else (types, spot(case))
    others = advice if _is_growing(counted) else (*cheaper, *_sharing(case), *advice)
    return _once([*counted, *(answer for answer in others if answer is not None)])


def _is_too_small(case: Case) -> bool:
    """What did not carry its past by the requests is not moved to something cheaper, whether pods waited or not."""
    most = case.pool.maximum if case.pool.is_autoscaled and case.pool.maximum is not None else case.now.nodes
    return bool(case.now.needed.misses(most, case.everything).any())


def _sharing(case: Case) -> tuple[Answer | None, ...]:
    """Several pods on one GPU, and GPUs that rest by the clock; or what is not measured of them."""
    if case.gpus is None:
        return ()
    missing = use_missing(case)
    return (missing,) if missing else (share(case, case.gpus), schedule(case, case.gpus))


def _static(case: Case) -> tuple[tuple[Answer, ...], Answer | None]:
    """How many of its own type; and whether another type is cheaper still, once there is no node too many.

    Fewer nodes come first because they are the smaller step; until then the other type is named as what comes next.
    """
    wish, found = wish_of(case), options(case)
    own = own_option(case, wish.nodes)
    counted = count(case, wish, runner_up(own, own, found))
    if isinstance(counted, Finding):
        return (counted,), None
    return (counted,), instance_type(case, found, own_option(case, max(wish.nodes, case.now.nodes)))


def _scaled(case: Case) -> tuple[tuple[Answer, ...], Answer | None]:
    """The autoscaler's two ends; and another type, once both are right."""
    counted = autoscaler(case)
    is_right = not any(isinstance(answer, Finding) for answer in counted)
    return counted, autoscaled_type(case, options(case)) if is_right else None


def _once(answers: list[Answer]) -> list[Answer]:
    """A no that two levers give is said once, and a field has one finding: the first."""
    kept: dict[str, Answer] = {}
    for answer in answers:
        kept.setdefault(str(answer.subject) if isinstance(answer, Finding) else answer.rule, answer)
    return list(kept.values())


def _is_growing(answers: tuple[Answer, ...]) -> bool:
    return any(isinstance(answer, Finding) and answer.saving_list.amount < 0 for answer in answers)


def _held(case: Case, counted: tuple[Answer, ...]) -> Refusal | None:
    """The same for idle GPUs that pods hold, where the others are taken away."""
    use = case.gpus
    if use is None or use.state != "held-idle" or any(answer.rule == "held-idle" for answer in counted):
        return None
    return held_idle(case, use)


def best_first(answers: list[Answer]) -> tuple[Answer, ...]:
    """Growth before savings, the largest saving first, refusals last."""
    findings = [answer for answer in answers if isinstance(answer, Finding)]
    findings.sort(key=lambda finding: (finding.saving_list.amount >= 0, -finding.saving_list.amount, str(finding.subject)))
    return (*findings, *(answer for answer in answers if isinstance(answer, Refusal)))


__all__ = ["PaletteUse", "Prices", "analyze", "best_first", "fingerprint"]
