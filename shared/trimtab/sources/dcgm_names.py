"""The names and units of dcgm-exporter, both generations: DCGM 4.6 renamed its fields, the exporter's 4.9 took the names and changed units.

Old and new names, as DCGM's own alias table has them (numbers are stable): 155 power, 156 energy, 203 GPU_UTIL, 252 used memory, 449
NVLink, 1001 to 1006 and 1011 to 1012 profiling. What changed its unit: percent → ratio, MiB → bytes, mJ → J. A name does not settle the
unit: DCGM 4.6 still fills GPU_UTIL_RATIO with percent. So each exporter's values are looked at, and where two units are possible the
answer is none.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from trimtab.records import MetricSeries

Field = Literal["sm", "engine", "tensor", "dram", "fp64", "memory", "power", "energy", "link", "presence"]
NAMES: Mapping[Field, tuple[str, ...]] = {
    "sm": ("DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO"),
    "engine": ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO"),
    "tensor": ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO"),
    "dram": ("DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_DRAM_UTIL_RATIO"),
    "fp64": ("DCGM_FI_PROF_PIPE_FP64_ACTIVE", "DCGM_FI_PROF_FP64_UTIL_RATIO"),
    # The exporter's 4.9 calls the capacity FB_CAPACITY_BYTES; whether used memory keeps its name with another unit is read from its values.
    "memory": ("DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED_BYTES"),
    "power": ("DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS"),
    "energy": ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",),
    "link": (
        "DCGM_FI_PROF_NVLINK_TX_BYTES",
        "DCGM_FI_PROF_NVLINK_RX_BYTES",
        "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
        "DCGM_FI_DEV_NVLINK_THROUGHPUT_TOTAL",
    ),
    "presence": ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO"),
}
"""Our word → the exporter's names for it. `presence`: a kernel ran (one tiny one makes it 100 %); never that work was done."""

MIB = 1 << 20
BLANK = 1e14
"""DCGM writes "no value" as numbers near 2^47 (ratios) and 2^63 (counts); old exporters pass them on, and a mean keeps a part of them."""
MOST_WATTS = 2500.0
"""No card draws more; a rate of energy above it is in millijoules, and no card draws less than 2.5 W."""


def scaled(field: Field, name: str, every: Iterable[MetricSeries]) -> list[MetricSeries]:
    """One metric's series as ratios, bytes or watts; those of an exporter whose unit cannot be told are left out."""
    exporters: dict[tuple[str, str], list[MetricSeries]] = defaultdict(list)
    for series in every:
        exporters[_exporter(series.labels)].append(_sane(field, series))
    return [told for own in exporters.values() for told in _in_our_unit(field, name, own)]


def _exporter(labels: Mapping[str, str]) -> tuple[str, str]:
    """Nodes are upgraded one by one, so each has its own generation."""
    return labels.get("Hostname") or labels.get("hostname", ""), labels.get("instance", "")


def _sane(field: Field, series: MetricSeries) -> MetricSeries:
    least, most = _POSSIBLE[field]
    return MetricSeries(series.labels, tuple((step, value) for step, value in series.points if least <= value < most))


def _in_our_unit(field: Field, name: str, own: list[MetricSeries]) -> list[MetricSeries]:
    most = max((value for series in own for _, value in series.points), default=0.0)
    factor = _FACTORS[field](name, most)
    if factor is None:
        return []
    limit = 1.0 if field in _RATIOS else BLANK
    return [MetricSeries(series.labels, tuple((step, min(value * factor, limit)) for step, value in series.points)) for series in own]


def _ratio(_: str, most: float) -> float | None:
    """0.7 is a ratio, 70 a percentage, 700 neither. A percentage that never passes 1.5 is read as a ratio: the busier of the two."""
    if most <= 1.5:
        return 1.0
    return 0.01 if most <= 100.5 else None


def _bytes(name: str, most: float) -> float | None:
    """Up to 1 TiB read as MiB is MiB, 16 TiB and more can only be bytes, between the two nobody knows; all zeros is a known bug."""
    if most >= 1 << 24:
        return 1.0
    return None if most == 0 or most > 1 << 20 or name.endswith("_BYTES") else float(MIB)


def _watts(_: str, most: float) -> float | None:
    return 1.0 if most <= MOST_WATTS else None


def _watts_of_energy(_: str, most: float) -> float | None:
    """A rate of joules, or of millijoules."""
    if most <= MOST_WATTS:
        return 1.0
    return 0.001 if most <= 1000 * MOST_WATTS else None


def _as_it_is(_: str, __: float) -> float | None:
    return 1.0


_RATIOS: frozenset[Field] = frozenset({"sm", "engine", "tensor", "dram", "fp64", "presence"})
_FACTORS: Mapping[Field, Callable[[str, float], float | None]] = {
    **dict.fromkeys(_RATIOS, _ratio), "memory": _bytes, "power": _watts, "energy": _watts_of_energy, "link": _as_it_is,
}  # fmt: skip
_WATTS, _THOUSANDTHS = (1e-9, 1e7), (0.0, 1000.5)
_POSSIBLE: Mapping[Field, tuple[float, float]] = {
    # Nothing that is switched on draws no power.
    **dict.fromkeys(_RATIOS, _THOUSANDTHS), "memory": (0.0, BLANK), "power": _WATTS, "energy": _WATTS, "link": (0.0, BLANK),
}  # fmt: skip
"""From, and below which, a point can be a value at all; others are no points."""
