"""A chart rendered by Helm itself: by the `helm` on the PATH, else by Helm's library as the package helm-python-sdk brings it."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CHART = Path(__file__).parents[2] / "infra" / "kubernetes" / "chart"
KUBERNETES = "1.30.0"
"""What a Helm without a cluster takes it for; old ones would take it for an old one."""
Manifest = dict[str, Any]


class ChartError(Exception):
    """Helm refuses."""


def has_helm() -> bool:
    return shutil.which("helm") is not None or _library() is not None


def render(values: Mapping[str, Any], chart: Path = CHART) -> list[Manifest]:
    """Every manifest of a release called trimtab in the namespace trimtab. Raises ChartError with Helm's words."""
    text = _by_command(values, chart) if shutil.which("helm") else _by_library(values, chart)
    return [manifest for manifest in YAML(typ="safe").load_all(text) if manifest]


def _by_command(values: Mapping[str, Any], chart: Path) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(values))
        file.flush()
        command = ["helm", "template", "trimtab", str(chart), "--namespace", "trimtab", "--kube-version", KUBERNETES, "--values", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise ChartError(done.stderr)
    return done.stdout


def _by_library(values: Mapping[str, Any], chart: Path) -> str:
    helm = _library()
    try:
        with helm.Chart.load(str(chart)) as loaded:
            found = loaded.render(dict(values), name="trimtab", namespace="trimtab")
    except helm.HelmError as error:
        raise ChartError(str(error)) from None
    return "\n---\n".join(text for name, text in sorted(found.items()) if name.endswith(".yaml"))


def _library() -> Any:
    try:
        import helm_python  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return helm_python
