"""Record what a real card says under five known loads: `python tests/record_gpu_loads.py tests/data/gpu/recorded_loads.json`.

To be run on a machine with an NVIDIA card, with nvidia-ml-py and torch installed; it needs nothing else of this project but
`trimtab.analysis.gpu_facts`. It samples NVML once a second (use, memory, power) and, where the card offers GPM (Hopper and later), SM,
tensor, memory-bus and engine activity; what the card does not offer is left out, never written as zero. The file then stands beside the
published loads in the same tests.
"""

import argparse
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

EXPECTED = {
    "weights-idle": ["warm-idle"], "tiny-kernel": ["held-idle"], "decode": ["memory-bound", "busy"], "matmul": ["busy"],
    "stalled-input": ["shareable", "busy"],
}  # fmt: skip
"""Load → the classes that it may be told as."""
GPM = {"engine": 1, "sm": 2, "tensor": 5, "dram": 10}
"""Our word → NVML's number of the metric, in percent."""
MIB = 1 << 20
EVERY, SETTLE = 1.0, 5.0
"""Seconds between samples, and before the first one: clocks and power follow a load slowly."""


class NoCardError(Exception):
    """There is nothing to record from, and why."""


def main(arguments: Sequence[str]) -> int:
    """Record and write; 2 where that cannot be done here."""
    parser = argparse.ArgumentParser(description="Record a card under five known loads.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--device", type=int, default=0)
    given = parser.parse_args(arguments)
    try:
        nvml, torch = _libraries()
        content = record(nvml, torch, given.device, given.seconds)
    except NoCardError as error:
        print(f"not recorded: {error}", file=sys.stderr)
        return 2
    given.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{given.out}: {len(content['loads'])} loads of {given.seconds} s on {content['card']}")
    return 0


def _libraries() -> tuple[Any, Any]:
    found = []
    for module, package in (("pynvml", "nvidia-ml-py"), ("torch", "torch")):
        try:
            found.append(importlib.import_module(module))
        except ImportError:
            raise NoCardError(f"{package} is not installed; it is needed on the machine with the card, nowhere else") from None
    nvml, torch = found
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise NoCardError(f"NVML finds no NVIDIA driver here ({error})") from None
    if not torch.cuda.is_available():
        raise NoCardError("torch sees no CUDA device; install a build with CUDA")
    return nvml, torch


def record(nvml: Any, torch: Any, device: int, seconds: int, pause: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """All five loads, one after the other, each with memory emptied before it."""
    handle = nvml.nvmlDeviceGetHandleByIndex(device)
    name = nvml.nvmlDeviceGetName(handle)
    card = name.decode() if isinstance(name, bytes) else str(name)
    loads = {}
    for load, start in LOADS.items():
        print(f"{load}: {seconds} s", file=sys.stderr)
        loads[load] = {"expected": EXPECTED[load], **_under(nvml, torch, handle, device, start, seconds, pause)}
        torch.cuda.empty_cache()
    driver = nvml.nvmlSystemGetDriverVersion()
    version = driver.decode() if isinstance(driver, bytes) else driver
    return {
        "origin": "recorded",
        "says": f"NVML of driver {version}, torch {torch.__version__}, one sample a second.",
        "card": card,
        "model": _model(card),
        "every_seconds": EVERY,
        "loads": loads,
    }


def _model(card: str) -> str:
    return importlib.import_module("trimtab.analysis.gpu_facts").card_of(card) or ""


def _under(
    nvml: Any,
    torch: Any,
    handle: Any,
    device: int,
    start: Callable[[Any, str], Callable[[], None]],
    seconds: int,
    pause: Callable[[float], None],
) -> dict[str, list[float]]:
    """Samples while one step of a load is repeated in a thread of its own."""
    is_over = threading.Event()
    step = start(torch, f"cuda:{device}")

    def work() -> None:
        while not is_over.is_set():
            step()
        torch.cuda.synchronize(device)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        pause(SETTLE)
        return _samples(nvml, handle, seconds, pause)
    finally:
        is_over.set()
        thread.join()


def _samples(nvml: Any, handle: Any, seconds: int, pause: Callable[[float], None]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in ("presence", "memory_mib", "watts", *GPM)}
    before = _gpm_sample(nvml, handle)
    for _ in range(seconds):
        pause(EVERY)
        found["presence"].append(float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        found["memory_mib"].append(round(nvml.nvmlDeviceGetMemoryInfo(handle).used / MIB, 1))
        found["watts"].append(round(nvml.nvmlDeviceGetPowerUsage(handle) / 1000, 1))
        after = _gpm_sample(nvml, handle)
        if before is not None and after is not None:
            for name, value in _gpm_values(nvml, before, after).items():
                found[name].append(value)
        before = after
    return {name: values for name, values in found.items() if values}


def _gpm_sample(nvml: Any, handle: Any) -> Any | None:
    """None = this card, driver or library has no GPM."""
    try:
        if not nvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice:
            return None
        sample = nvml.nvmlGpmSampleAlloc()
        nvml.nvmlGpmSampleGet(handle, sample)
    except (AttributeError, nvml.NVMLError):
        return None
    return sample


def _gpm_values(nvml: Any, before: Any, after: Any) -> dict[str, float]:
    """Means between two samples, as shares; a metric that the card refuses is left out."""
    asked = nvml.c_nvmlGpmMetricsGet_t()
    asked.version, asked.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, len(GPM)
    asked.sample1, asked.sample2 = before, after
    for place, number in enumerate(GPM.values()):
        asked.metrics[place].metricId = number
    nvml.nvmlGpmMetricsGet(asked)
    nvml.nvmlGpmSampleFree(before)
    told = zip(GPM, (asked.metrics[place] for place in range(len(GPM))), strict=True)
    return {name: round(metric.value / 100, 5) for name, metric in told if metric.nvmlReturn == 0}


# ── The loads: each gives one step to repeat ─────────────────────────────────────────────────────────────────────────
def _weights_idle(torch: Any, device: str) -> Callable[[], None]:
    """A model is loaded and nobody asks."""
    free, _ = torch.cuda.mem_get_info(device)
    weights = torch.zeros(int(free * 0.75), dtype=torch.uint8, device=device)
    torch.cuda.synchronize(device)

    def step() -> None:
        time.sleep(0.1)
        assert weights.numel()

    return step


def _tiny_kernel(torch: Any, device: str) -> Callable[[], None]:
    """One number is counted up, without end."""
    number = torch.zeros(1, device=device)

    def step() -> None:
        for _ in range(1000):
            number.add_(1)
        torch.cuda.synchronize(device)

    return step


def _decode(torch: Any, device: str) -> Callable[[], None]:
    """One token at a time: every weight is read for a single vector."""
    free, _ = torch.cuda.mem_get_info(device)
    width = 8192
    layers = [torch.randn(width, width, dtype=torch.float16, device=device) for _ in range(max(1, int(free * 0.6) // (2 * width * width)))]
    token = torch.randn(width, 1, dtype=torch.float16, device=device)

    def step() -> None:
        for layer in layers:
            torch.mm(layer, token)
        torch.cuda.synchronize(device)

    return step


def _matmul(torch: Any, device: str) -> Callable[[], None]:
    """Large matrices on the tensor cores."""
    left, right = (torch.randn(8192, 8192, dtype=torch.float16, device=device) for _ in range(2))

    def step() -> None:
        for _ in range(20):
            torch.mm(left, right)
        torch.cuda.synchronize(device)

    return step


def _stalled_input(torch: Any, device: str) -> Callable[[], None]:
    """A training step that waits for its data three quarters of the time."""
    busy = _matmul(torch, device)

    def step() -> None:
        began = time.monotonic()
        busy()
        time.sleep(3 * (time.monotonic() - began))

    return step


LOADS: dict[str, Callable[[Any, str], Callable[[], None]]] = {
    "weights-idle": _weights_idle, "tiny-kernel": _tiny_kernel, "decode": _decode, "matmul": _matmul, "stalled-input": _stalled_input,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
