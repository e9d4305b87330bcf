"""What travels with the code: an SBOM (CycloneDX 1.6) and the list of licences. Both are made from the bundle's own files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from packaging.utils import NormalizedName

import trimtab
from infra.bundles.distributions import Locked
from infra.bundles.vendor import is_licence
from trimtab.errors import Broken

SBOM = "sbom.cdx.json"
LICENCES = "LICENCES.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A distribution that a bundle carries."""

    locked: Locked
    licence: str
    """As it declares it."""
    texts: tuple[str, ...]
    """Where the licence's own words lie in the bundle, or in a wheel there."""
    needs: tuple[NormalizedName, ...]
    wheel: str | None = None
    """SHA-256 of its wheel, where the wheel itself is in the bundle."""


def missing_text(name: NormalizedName, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The licence of a distribution whose wheel holds no text of it, from the few that we keep. Raises Broken where we do not."""
    if any(is_licence(PurePosixPath(path)) for path in files):
        return {}
    kept = Path(__file__).parent / "licences" / f"{name}.txt"
    if not kept.exists():
        raise Broken(f"{name}: its wheel holds no text of its licence; put it into infra/bundles/licences/{kept.name}")
    return {f"{name}.licence/LICENSE": kept.read_bytes()}


def component(distribution: Locked, files: Mapping[str, bytes], needs: tuple[NormalizedName, ...], wheel: str | None = None) -> Component:
    """From the files of one distribution. Raises Broken where it names no licence: whoever adds it has to look."""
    metadata = next(body for path, body in sorted(files.items()) if path.endswith(".dist-info/METADATA"))
    licence = _licence(metadata.decode("utf-8", "replace"))
    if not licence:
        raise Broken(f"{distribution.name} {distribution.version}: names no licence in its metadata; it cannot go into a bundle")
    texts = tuple(sorted(path for path in files if is_licence(PurePosixPath(path)) and not path.endswith("/")))
    return Component(locked=distribution, licence=licence, texts=texts, needs=needs, wheel=wheel)


def _licence(text: str) -> str:
    headers = HeaderParser().parsestr(text)
    classifiers = [one.rpartition(" :: ")[2] for one in headers.get_all("Classifier", []) if one.startswith("License :: ")]
    declared = str(headers.get("License") or "").strip()
    first = declared.splitlines()[0] if declared else ""
    return str(headers.get("License-Expression") or "") or "; ".join(classifiers) or first


def sbom(function: str, cloud: str, components: Iterable[Component]) -> bytes:
    """CycloneDX 1.6; without time and serial number, so that the same bundle has the same one."""
    listed = sorted(components, key=lambda one: one.locked.name)
    here = {one.locked.name for one in listed}
    root = f"trimtab-{function}-{cloud}@{trimtab.__version__}"
    about = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": root, "name": f"trimtab-{function}-{cloud}", "version": trimtab.__version__,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [_component(one) for one in listed],
        "dependencies": [
            {"ref": root, "dependsOn": [_purl(one.locked) for one in listed]},
            *(
                {"ref": _purl(one.locked), "dependsOn": [_purl(other.locked) for other in listed if other.locked.name in one.needs]}
                for one in listed if set(one.needs) & here
            ),
        ],
    }  # fmt: skip
    return f"{json.dumps(about, indent=1)}\n".encode()


def _component(one: Component) -> dict[str, object]:
    known: dict[str, object] = {
        "type": "library", "bom-ref": _purl(one.locked), "name": one.locked.name, "version": one.locked.version,
        "purl": _purl(one.locked), "licenses": [{"license": {"name": one.licence}}],
    }  # fmt: skip
    return known | ({"hashes": [{"alg": "SHA-256", "content": one.wheel}]} if one.wheel else {})


def _purl(one: Locked) -> str:
    return f"pkg:pypi/{one.name}@{one.version}"


def licences(function: str, components: Iterable[Component]) -> bytes:
    """Who made what is in here, under which terms, and where these stand."""
    lines = [
        f"Trimtab {trimtab.__version__}, function {function}: Apache-2.0, see LICENSE and NOTICE.",
        "It carries the libraries below. Symbol tables of shared objects and files that are never read at run time were left out.",
        "",
    ]
    for one in sorted(components, key=lambda one: one.locked.name):
        lines += [f"{one.locked.name} {one.locked.version}: {one.licence}", *(f"    {text}" for text in one.texts)]
    return "\n".join([*lines, ""]).encode()
