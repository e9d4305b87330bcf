"""A real Prometheus and a real VictoriaMetrics (Debian's packages), back-filled, on free loopback ports."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

STARTS_WITHIN = 20.0


def needs(*programs: str) -> None:
    """Skip, and say what to install."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed; apt-get install prometheus victoria-metrics", allow_module_level=False)


@contextmanager
def prometheus(folder: Path, open_metrics: str, *flags: str, config: str = "global: {}\n") -> Iterator[str]:
    """The URL of a Prometheus that has these samples."""
    needs("prometheus", "promtool")
    data, text = folder / "data", folder / "samples.om"
    data.mkdir(parents=True)
    if open_metrics:
        text.write_text(open_metrics)
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    (folder / "prometheus.yml").write_text(config)
    with _running(
        lambda port: [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=60d",
            f"--web.listen-address=127.0.0.1:{port}", *flags,
        ],
        "/-/ready",
        folder / "prometheus.log",
    ) as url:  # fmt: skip
        yield url


@contextmanager
def victoria_metrics(folder: Path, exposition: str, *flags: str) -> Iterator[str]:
    """The URL of a VictoriaMetrics that has these samples."""
    needs("victoria-metrics")
    folder.mkdir(parents=True, exist_ok=True)
    with _running(
        lambda port: [
            "victoria-metrics", f"-storageDataPath={folder}/data", "-retentionPeriod=10y", f"-httpListenAddr=127.0.0.1:{port}", *flags,
        ],
        "/health",
        folder / "victoria.log",
    ) as url:  # fmt: skip
        _post(f"{url}/api/v1/import/prometheus", exposition.encode())
        _post(f"{url}/internal/force_flush", b"")
        yield url


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: Callable[[int], Sequence[str]], ready: str, log: Path) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out, subprocess.Popen(command(port), stdout=out, stderr=out) as process:
        try:
            _wait(url + ready, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        try:
            with urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.05)
        if process.poll() is not None:
            break
    raise RuntimeError(f"{url}: did not start: {log.read_text(errors='replace')[-600:]}")


def _post(url: str, body: bytes) -> None:
    urlopen(Request(url, data=body, method="POST"), timeout=20).close()
