"""Whole GPUs of a workload that one pod holds: a question to its owner, never more."""

import numpy as np

from trimtab.analysis.loads import Unit, load_of
from trimtab.analysis.requests import KILLED
from trimtab.analysis.workload_rules import Answer, No, Seen, Wish
from trimtab.records import FieldChange
from trimtab.units import GIB

GPU = Unit(name="GPUs of the busiest pod", scale=1000.0)


def gpu(seen: Seen) -> Answer:
    """Whole GPUs that the busiest pod never computed with: a question to its owner, because their memory may still be what it needs."""
    use = seen.use
    request = use.newest(use.gpu_request) or 0.0
    load = load_of(use.times, use.gpu_peak)
    if request < 2000 or request % 1000:
        return None
    short = seen.short(load, "GPU compute (SM or tensor activity)")
    if short:
        return No(rule="gpu-metrics-missing", reason=short.reason, needs=short.needs)
    peak = load.highest(load.known)
    wanted = max(1000.0, -(-peak * KILLED // 1000) * 1000.0)
    if wanted >= request or peak <= 0:
        return None
    full = float(np.nanmax(use.gpu_memory_peak, initial=0.0))
    held = f", its fullest GPU memory was {full / GIB:.0f} GiB" if full else ", its GPU memory was not measured"
    lines = (f"Its busiest pod holds {request / 1000:g} GPUs and never computed with more than {peak / 1000:.1f} of them at once{held}.",)
    person = "Whether its model and its memory fit on fewer GPUs, and whether it would compute faster or slower, only its owner knows."
    return Wish(
        rule="gpu-request-down", resource="gpu",
        changes=(FieldChange(field="gpu_request", old=f"{request / 1000:g}", new=f"{wanted / 1000:g}"),),
        old=request, new=wanted, request=wanted, load=load, unit=GPU, lines=lines, person=person,
    )  # fmt: skip
