"""A few bundles, built once for all tests of this folder; `make bundle` tries every one of them."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from infra.bundles.alone import Unpacked, interpreter, unpacked
from infra.bundles.build import Bundle, bundle
from infra.bundles.needs import Cloud, Target, this_machine
from trimtab.errors import Upstream


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """One bundle, as a zip and as it lies on the disk of a function."""

    made: Bundle
    path: Path
    alone: Unpacked


Build = Callable[[str, Cloud], Built]


@pytest.fixture(scope="session")
def target() -> Target:
    """Python 3.12, as on both clouds; where this machine has none, the one that runs this."""
    version = "3.12" if interpreter("3.12") else f"{sys.version_info.major}.{sys.version_info.minor}"
    return Target(python=version, machine="aarch64" if this_machine() == "aarch64" else "x86_64")


@pytest.fixture(scope="session")
def build(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build and unpack; the same bundle once."""

    @cache
    def built(function: str, cloud: Cloud) -> Built:
        folder = tmp_path_factory.mktemp(f"{function}-{cloud}")
        try:
            made = bundle(function, cloud, target)
        except Upstream as error:
            pytest.skip(f"no bundle without its wheels: {error}")
        path = made.write(folder)
        return Built(made=made, path=path, alone=unpacked(path, folder, interpreter(target.python) or sys.executable, target.python))

    return built
