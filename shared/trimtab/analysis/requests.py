"""What the pods of a workload should ask for, from the hours of their fullest pod: a formula per resource, each a few lines.

Memory cannot be squeezed, so it is sized by the highest value ever seen and a margin (what a peer calls max + 15 %, here with the growth
to come). CPU can: its request is what it has a right to when others want it too, so the busiest hour in a hundred may borrow.
"""

from math import ceil

import numpy as np

from trimtab.analysis.demand import Bools
from trimtab.analysis.loads import Load

MEMORY_MARGIN = 0.15
CPU_MARGIN = 0.15
"""Above 1/0.9, so that what was seen stays below `CPU_CEILING`."""
CPU_QUANTILE = 0.99
CPU_CEILING = 0.90
"""A pod whose CPU is above this share of its request lives from what its neighbors leave."""
KILLED = 1.25
"""After a kill for memory nobody knows how much was wanted: at least a quarter more than the limit that killed it."""
CPU_STEP = 10
"""Millicores; also the least that is ever asked for."""
MEMORY_STEP = 16 << 20
MEMORY_FLOOR = 32 << 20
LARGEST_CUT = 0.5
"""One step never takes more than half of a request."""


def memory_wanted(load: Load, part: Bools) -> float:
    """Bytes: the highest value of that part of the past, margin, growth and volatility on top."""
    return whole_memory(load.wanted(part, MEMORY_MARGIN))


def cpu_wanted(load: Load, part: Bools) -> float:
    """Millicores: what all but the busiest hundredth of the hours need, margin and growth on top."""
    if not part.any():
        return CPU_STEP
    rising = load.growing(part, load.judged_days)
    return whole_cpu(float(np.quantile(load.values[part], CPU_QUANTILE, method="higher")) * (1 + CPU_MARGIN + rising))


def cpu_peak_wanted(load: Load, part: Bools) -> float:
    """Millicores for a pod that cannot borrow, because its limit is its request: the highest value and the margin."""
    return whole_cpu(load.wanted(part, CPU_MARGIN))


def after_one_cut(request: float, wanted: float) -> float:
    """Towards `wanted`, never below half of what is asked for now."""
    return max(wanted, request * (1 - LARGEST_CUT))


def whole_cpu(value: float) -> float:
    """Up to the next 10 millicores, at least one of them."""
    return float(max(1, ceil(value / CPU_STEP - 1e-9)) * CPU_STEP)


def whole_memory(value: float) -> float:
    """Up to the next 16 MiB, at least 32 MiB."""
    return float(max(MEMORY_FLOOR, ceil(value / MEMORY_STEP - 1e-9) * MEMORY_STEP))


def cpu_text(value: float) -> str:
    """As Kubernetes writes it: 250m, 2."""
    millicores = round(value)
    return f"{millicores // 1000}" if millicores % 1000 == 0 else f"{millicores}m"


def memory_text(value: float) -> str:
    """As Kubernetes writes it, without losing a byte: 1Gi, 512Mi, 1000000."""
    size = round(value)
    for suffix, unit in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if size and size % unit == 0:
            return f"{size // unit}{suffix}"
    return f"{size}"


def memory_words(value: float) -> str:
    """As people read a measured value: 1.25 GiB, 640 MiB."""
    return f"{value / (1 << 30):.2f} GiB" if value >= 1 << 30 else f"{value / (1 << 20):.0f} MiB"


def cpu_words(value: float) -> str:
    """The same for CPU: 1.25 cores, 640m."""
    return f"{value / 1000:.2f} cores" if value >= 1000 else f"{value:.0f}m"
