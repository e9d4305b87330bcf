"""Foreign names → locked distributions with everything that they need, on the machine that the bundle is for."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from infra.bundles.needs import APART, NOT_NEEDED, ROOT, Target
from trimtab.errors import Broken

LOCK = ROOT / "requirements.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """One distribution as the lock file has it."""

    name: NormalizedName
    version: str
    hashes: tuple[str, ...]

    def requirement(self, hashes: Iterable[str] | None = None) -> str:
        """As a line of a requirements file."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash=sha256:{one}" for one in (hashes or self.hashes))])


@cache
def locked(target: Target) -> Mapping[NormalizedName, Locked]:
    """The lock file, as far as it is for that machine."""
    environment = _environment(target, "")
    found: dict[NormalizedName, Locked] = {}
    for block in re.split(r"(?m)^(?=[A-Za-z0-9])", LOCK.read_text()):
        pinned = re.match(r"([\w.-]+)==([^\s;\\]+)(?: ; ([^\\]+))?", block)
        if pinned and (pinned[3] is None or Marker(pinned[3].strip()).evaluate(environment)):
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
            name = canonicalize_name(pinned[1])
            found[name] = Locked(name=name, version=pinned[2], hashes=hashes)
    return found


def distribution_of(name: str) -> NormalizedName:
    """Whose a foreign import is: several may share the first part of a name. Raises Broken for one that is not in the environment."""
    top = name.split(".", maxsplit=1)[0]
    if top in APART:
        return canonicalize_name(top)
    candidates = sorted(set(_tops().get(top, ())))
    for length in range(len(name.split(".")), 1, -1):
        folder = "/".join(name.split(".")[:length])
        owners = [one for one in candidates if {f"{folder}.py", f"{folder}/__init__.py"} & _files(one)]
        if len(owners) == 1:
            return canonicalize_name(owners[0])
    if len(candidates) != 1:
        raise Broken(
            f"import {name}: {' or '.join(candidates) or 'no distribution'} in .venv; run make setup, or name a module of one of them"
        )
    return canonicalize_name(candidates[0])


@cache
def _tops() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def _files(name: str) -> frozenset[str]:
    return frozenset(str(path) for path in metadata.distribution(name).files or ())


def closure(names: Iterable[NormalizedName], target: Target) -> Mapping[NormalizedName, tuple[NormalizedName, ...]]:
    """These and all that they need → what each of them needs, directly."""
    found: dict[NormalizedName, tuple[NormalizedName, ...]] = {}
    waiting = [(name, _asked_extras().get(name, frozenset())) for name in sorted(names)]
    seen: set[tuple[NormalizedName, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop(0)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        needs = list(_needs(name, extras, target))
        found[name] = tuple(sorted({*found.get(name, ()), *(one for one, _ in needs)}))
        waiting += needs
    return dict(sorted(found.items()))


def _needs(name: NormalizedName, extras: frozenset[str], target: Target) -> Iterator[tuple[NormalizedName, frozenset[str]]]:
    there = _metadata(name, target)
    for text in there.requires or ():
        wanted = Requirement(text)
        environments = [_environment(target, extra) for extra in ("", *extras)]
        if wanted.marker is None or any(wanted.marker.evaluate(one) for one in environments):
            other = canonicalize_name(wanted.name)
            if other not in NOT_NEEDED:
                yield other, frozenset(wanted.extras) | _asked_extras().get(other, frozenset())


def _metadata(name: NormalizedName, target: Target) -> metadata.Distribution:
    """What it says of itself. Where another version is locked for other Pythons, what is installed here speaks for it too."""
    if name not in locked(target):
        raise Broken(f"{name}: not in requirements.lock; run make lock")
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise Broken(f"{name}: locked, but not in the environment of {sys.executable}; run make setup") from None


def _environment(target: Target, extra: str) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in default_environment().items()},
        "extra": extra,
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{target.python}.0",
        "python_version": target.python,
        "sys_platform": "linux",
    }


@cache
def _asked_extras() -> Mapping[NormalizedName, frozenset[str]]:
    """The extras that we ask for ourselves: imports do not tell of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    asked: dict[NormalizedName, frozenset[str]] = {}
    for wanted in map(Requirement, texts):
        name = canonicalize_name(wanted.name)
        asked[name] = asked.get(name, frozenset()) | frozenset(wanted.extras)
    return {name: extras for name, extras in asked.items() if extras and name != "trimtab"}
