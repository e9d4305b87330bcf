"""The recorder of real cards: it refuses in one line where there is none, and what it writes is read by the loader of the fixtures."""

import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gpu_loads import PUBLISHED, loads
from tests.record_gpu_loads import EXPECTED, LOADS, main, record


class NvmlError(Exception):
    """What NVML raises."""


def nvml(*, has_gpm: bool) -> Any:
    """A driver with one card at 97 %, 1 GiB and 66 W, as pynvml would hand it over; it stands in for the library, not for a recording."""

    def metrics(asked: Any) -> None:
        for metric in asked.metrics:
            metric.value, metric.nvmlReturn = 50.0, 0 if metric.metricId != 10 else 3

    return SimpleNamespace(
        NVMLError=NvmlError, NVML_GPM_METRICS_GET_VERSION=1, nvmlDeviceGetHandleByIndex=lambda _: "card",
        nvmlDeviceGetName=lambda _: b"NVIDIA H100 80GB HBM3", nvmlSystemGetDriverVersion=lambda: b"570.00",
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=97), nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=1 << 30),
        nvmlDeviceGetPowerUsage=lambda _: 66_000, nvmlGpmQueryDeviceSupport=lambda _: SimpleNamespace(isSupportedDevice=has_gpm),
        nvmlGpmSampleAlloc=object, nvmlGpmSampleGet=lambda *_: None, nvmlGpmSampleFree=lambda _: None, nvmlGpmMetricsGet=metrics,
        c_nvmlGpmMetricsGet_t=lambda: SimpleNamespace(metrics=[SimpleNamespace(metricId=0, value=0.0, nvmlReturn=1) for _ in range(8)]),
    )  # fmt: skip


def torch() -> Any:
    """Tensors that cost nothing."""
    tensor = SimpleNamespace(numel=lambda: 1, add_=lambda _: None)
    cuda = SimpleNamespace(empty_cache=lambda: None, synchronize=lambda *_: None, mem_get_info=lambda _: (1 << 30, 1 << 30))
    return SimpleNamespace(
        cuda=cuda, __version__="2.0", uint8=0, float16=0, zeros=lambda *_, **__: tensor, randn=lambda *_, **__: tensor, mm=lambda *_: tensor
    )


@pytest.mark.skipif(find_spec("pynvml") is not None, reason="NVML's library is here, so there may be a card")
def test_without_a_card_it_says_so_in_one_line_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "recorded.json"

    assert main([str(out)]) == 2
    assert (
        capsys.readouterr().err == "not recorded: nvidia-ml-py is not installed; it is needed on the machine with the card, nowhere else\n"
    )
    assert not out.exists()


def test_what_it_writes_is_read_like_the_published_loads(tmp_path: Path) -> None:
    out = tmp_path / "recorded.json"
    out.write_text(json.dumps(record(nvml(has_gpm=True), torch(), 0, 3, pause=lambda _: None)))

    found = loads(out)

    assert [load.name for load in found] == [load.name for load in PUBLISHED]
    assert {(load.origin, load.card, load.model) for load in found} == {("recorded", "NVIDIA H100 80GB HBM3", "H100")}
    assert found[0].signals["watts"] == (66.0, 66.0, 66.0)
    assert found[0].signals["sm"] == (0.5, 0.5, 0.5)


def test_what_a_card_does_not_offer_is_left_out_and_not_zero(tmp_path: Path) -> None:
    """No GPM before Hopper; and a metric that the card refuses is none."""
    out = tmp_path / "recorded.json"
    out.write_text(json.dumps(record(nvml(has_gpm=False), torch(), 0, 2, pause=lambda _: None)))

    assert set(loads(out)[0].signals) == {"presence", "memory_mib", "watts"}
    assert "dram" not in record(nvml(has_gpm=True), torch(), 0, 2, pause=lambda _: None)["loads"]["matmul"]


def test_each_load_says_what_it_may_be_told_as() -> None:
    assert EXPECTED.keys() == LOADS.keys() == {load.name for load in PUBLISHED}
    assert {load.name: list(load.expected) for load in PUBLISHED} == EXPECTED
