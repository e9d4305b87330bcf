"""GPUs under known loads, as dcgm-exporter would tell of them, and the way from its text to a pool's demand.

The loads come from a recording where there is one (`tests/data/gpu/recorded_loads.json`, made by `tests/record_gpu_loads.py` on a machine
with a card), and always also from published distributions, which say so in the file.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tests.metric_series import AT, OWNED, POD, once, rows, series
from tests.usage_lake import UID, UsageBench, nodes, pods
from trimtab.demo.estate.promql import Sample, Series
from trimtab.demo.estate.promql_text import parse
from trimtab.records import MetricSeries
from trimtab.sources.promql import QUERIES, promql

DATA = Path(__file__).parent / "data" / "gpu"
MIB = 1 << 20
GPU_COLUMNS = (
    "gpu_request", "gpu_compute_used", "gpu_compute_used_max", "gpu_memory_used_max", "gpu_tensor_used_max", "gpu_dram_used_max",
    "gpu_fp64_used_max", "gpu_power_max", "gpu_link_used_max",
)  # fmt: skip
OLD = {
    "presence": "DCGM_FI_DEV_GPU_UTIL", "sm": "DCGM_FI_PROF_SM_ACTIVE", "engine": "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "tensor": "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "dram": "DCGM_FI_PROF_DRAM_ACTIVE", "memory_mib": "DCGM_FI_DEV_FB_USED",
    "watts": "DCGM_FI_DEV_POWER_USAGE",
}  # fmt: skip
"""The exporter until 4.8: percent, MiB."""
NEW = {
    "presence": "DCGM_FI_DEV_GPU_UTIL_RATIO", "sm": "DCGM_FI_PROF_SM_UTIL_RATIO", "engine": "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO",
    "tensor": "DCGM_FI_PROF_TENSOR_UTIL_RATIO", "dram": "DCGM_FI_PROF_DRAM_UTIL_RATIO", "memory_mib": "DCGM_FI_DEV_FB_USED_BYTES",
    "watts": "DCGM_FI_DEV_BOARD_POWER_WATTS",
}  # fmt: skip
"""The exporter from 4.9 on: ratios, bytes."""
SCALES = {"memory_mib": float(MIB), "presence": 0.01}
"""Old unit → new unit."""
DEFAULT_INSTALL = frozenset({"sm"})
"""What the chart does not export unless it is asked to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """One card under one load."""

    name: str
    origin: str
    card: str
    model: str
    expected: tuple[str, ...]
    every_seconds: float
    signals: Mapping[str, tuple[float, ...]]
    """Signal → its samples in the old units; one that the card does not offer is not there."""


def loads(path: Path) -> tuple[Load, ...]:
    """The loads of one file; none where it is not there."""
    if not path.exists():
        return ()
    content = json.loads(path.read_text())
    return tuple(
        Load(
            name=name, origin=content["origin"], card=content["card"], model=content["model"], expected=tuple(load["expected"]),
            every_seconds=float(content["every_seconds"]),
            signals={key: tuple(map(float, load[key])) for key in OLD if load.get(key)},
        )
        for name, load in content["loads"].items()
    )  # fmt: skip


PUBLISHED, RECORDED = loads(DATA / "published_loads.json"), loads(DATA / "recorded_loads.json")
LOADS = (*RECORDED, *PUBLISHED)


def load(name: str) -> Load:
    """The published load of that name."""
    return next(found for found in PUBLISHED if found.name == name)


# ── As the exporter's text ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Exporter:
    """How one exporter tells of one device."""

    names: Mapping[str, str] = field(default_factory=lambda: OLD)
    without: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    holder: Mapping[str, str] = field(
        default_factory=lambda: {"exported_namespace": POD["namespace"], "exported_pod": POD["pod"], "exported_container": "app"}
    )


def open_metrics(found: Load, exporter: Exporter | None = None, hour: int = AT) -> str:
    """An hour of the load, scraped once a minute, as OpenMetrics text."""
    told = exporter or Exporter()
    hostname = "hostname" if told.names is NEW else "Hostname"
    own = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x1", "instance": "10.0.0.1:9400"}
    labels = {"gpu": "0", "UUID": "GPU-1", "modelName": found.card, hostname: "n1", **own, **told.holder, **told.labels}
    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
    lines = []
    for signal, samples in found.signals.items():
        if signal not in told.without:
            scale = SCALES.get(signal, 1.0) if told.names is NEW else 1.0
            lines.append(f"# TYPE {told.names[signal]} gauge")
            lines += [f"{told.names[signal]}{{{text}}} {value * scale!r} {at}" for at, value in _minutes(found, samples, hour)]
    return "\n".join([*lines, "# EOF", ""])


def _minutes(found: Load, samples: Sequence[float], hour: int) -> Iterable[tuple[int, float]]:
    """The samples one after the other, again from the start where the hour is longer; a scrape sees the newest."""
    every = max(1, round(60 / found.every_seconds)), max(1, round(found.every_seconds / 60))
    thinned = [value for value in samples[:: every[0]] for _ in range(every[1])]
    return zip(range(hour + 60, hour + 3601, 60), islice(cycle(thinned), 60), strict=True)


LINE = re.compile(r"(\w+)\{([^}]*)\} (\S+) (\d+)")


def answers(text: str) -> dict[str, tuple[MetricSeries, ...]]:
    """What Prometheus would answer to each of our questions about that text, over its hour."""
    stored: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        if found:
            stored.setdefault(found[1], {}).setdefault(found[2], []).append((int(found[4]), float(found[3])))

    def source(name: str) -> list[Series]:
        every = stored.get(name, {})
        return [
            Series(labels=_labels(text), times=[at for at, _ in own], values=[value for _, value in own]) for text, own in every.items()
        ]

    return {name: _range(promql(QUERIES[name], {}), source) for name in QUERIES if name.startswith("DCGM_")}


def _labels(text: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


def _range(query: str, source: object) -> tuple[MetricSeries, ...]:
    points: dict[tuple[tuple[str, str], ...], list[tuple[int, float]]] = {}
    node = parse(query)
    for at in range(AT + 300, AT + 3601, 300):
        value = node.at(float(at), source)  # type: ignore[arg-type]
        assert isinstance(value, list)
        for sample in value:
            assert isinstance(sample, Sample)
            points.setdefault(sample.labels, []).append((at, sample.value))
    return tuple(MetricSeries(dict(labels), tuple(own)) for labels, own in points.items())


# ── As usage, and as demand ──────────────────────────────────────────────────────────────────────────────────────────
def usage_row(text: str, gpus: int = 1) -> dict[str, object]:
    """The pod's row of that hour; the pod asks for so many GPUs of the one node."""
    base = series()
    found = series(
        request=(*base["request"], once({**POD, "container": "app", "resource": "nvidia_com_gpu"}, gpus)),
        capacity=(*base["capacity"], once({"node": "n1", "resource": "nvidia_com_gpu"}, gpus)),
    )
    (row,) = [row for row in rows({**found, **answers(text)}) if row["pod"]]
    return row


def fill(bench: UsageBench, row: Mapping[str, object], *, days: int, kind: str = "Deployment", model: str = "") -> None:
    """The recorded hour over and over: a lake of so many days of it, one pod on one node."""
    values: dict[str, Any] = {name: "NULL" if row[name] is None else str(row[name]) for name in GPU_COLUMNS}
    node = nodes(days, pool="gpu", gpus=1, uid=UID).replace("SELECT ", f"SELECT '{model}' AS gpu_model, ", 1)
    bench.load(node, pods(days, "model", pool="gpu", workload_kind=f"'{kind}'", pinned="'{}'", local_volume="false", **values), days=days)


__all__ = [
    "DEFAULT_INSTALL", "LOADS", "NEW", "OLD", "OWNED", "PUBLISHED", "RECORDED", "Exporter", "Load", "answers", "fill", "load",
    "open_metrics", "usage_row",
]  # fmt: skip
