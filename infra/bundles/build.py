"""One bundle: our modules, the libraries that they import, and the papers; refused where it carries too much."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from infra.bundles.archive import write_zip
from infra.bundles.distributions import Locked, closure, distribution_of, locked
from infra.bundles.modules import Reached, path_of, place_of, reached, reads_files
from infra.bundles.needs import CARRIERS, FILES, FUNCTIONS, GOOGLES_BUILDER, LIMIT, MB, ONLY_ON, ROOT, SMALL, SMALL_FUNCTIONS, Cloud, Target
from infra.bundles.papers import LICENCES, SBOM, Component, component, licences, missing_text, sbom
from infra.bundles.vendor import files_of, wheel
from trimtab.errors import BadInput, Broken

Files = Mapping[str, bytes]
Needs = Mapping[NormalizedName, tuple[NormalizedName, ...]]
"""Distribution → what it needs itself."""
WHEELS = "wheels"
"""Where Google's builder finds what requirements.txt names, without a registry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One function for one cloud."""

    function: str
    cloud: Cloud
    imports: tuple[str, ...]
    """All modules of ours in it, and all names that they import from others."""
    files: Files
    sizes: Mapping[str, int]
    """Distribution, or `trimtab` → bytes that it unpacks to."""

    @property
    def unpacked(self) -> int:
        """Bytes that the zip unpacks to; the wheels of Google's runtime count as they lie in it."""
        return sum(map(len, self.files.values()))

    def write(self, folder: Path) -> Path:
        """As <cloud>/<function>.zip below `folder`."""
        path = folder / self.cloud / f"{self.function}.zip"
        write_zip(path, self.files)
        return path


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """One distribution in a bundle."""

    component: Component
    files: Files


def bundle(function: str, cloud: Cloud, target: Target) -> Bundle:
    """Put one together. Raises Broken, naming the function, where it carries what it must not or grows too large."""
    if function not in FUNCTIONS:
        raise BadInput(f"bundle {function}: no such function; they are {', '.join(FUNCTIONS)}")
    try:
        made = _bundle(function, cloud, target)
        check_size(made, SMALL if function in SMALL_FUNCTIONS else LIMIT)
    except Broken as error:
        raise Broken(f"bundle {function} ({cloud}): {error}") from None
    return made


def check_size(made: Bundle, limit: int) -> None:
    """Raises Broken, with what is largest in it."""
    if made.unpacked > limit:
        largest = sorted(made.sizes.items(), key=lambda one: -one[1])[:5]
        named = ", ".join(f"{name} {size / MB:.1f}" for name, size in largest)
        raise Broken(f"unpacks to {made.unpacked / MB:.1f} MB of at most {limit / MB:.0f}; largest: {named}")


def imports(function: str, cloud: Cloud) -> Reached:
    """What a function's entry point can come to import there."""
    return reached(f"functions.{function}.{cloud}", lambda name: _may_carry(function, cloud, distribution_of(name)))


def needs_of(function: str, cloud: Cloud, found: Reached, target: Target) -> Needs:
    """The distributions that it carries. Raises Broken where one of them is not for it."""
    asked = {distribution_of(name): way for name, way in found.foreign.items()}
    needs = closure(asked, target)
    for name in needs:
        if not _may_carry(function, cloud, name):
            others = ", ".join(one for one, theirs in needs.items() if name in theirs)
            raise Broken(f"carries {name}, which is not for it; it is needed by {others}")
    return needs


def _may_carry(function: str, cloud: Cloud, distribution: str) -> bool:
    return function in CARRIERS.get(distribution, {function}) and ONLY_ON.get(distribution, cloud) == cloud


def _bundle(function: str, cloud: Cloud, target: Target) -> Bundle:
    found = imports(function, cloud)
    needs = needs_of(function, cloud, found, target)
    builders = closure([canonicalize_name(GOOGLES_BUILDER)], target) if cloud == "gcp" else {}
    wheels = [_wheel(name, others, target) for name, others in builders.items()]
    carried = [_vendored(name, others, target) for name, others in needs.items() if name not in builders] + wheels
    ours = _together([_ours(found), _for_google(function, wheels) if cloud == "gcp" else {}])
    papers = _papers(function, cloud, [one.component for one in carried])
    parts: dict[str, Files] = {**{one.component.locked.name: one.files for one in carried}, "trimtab": ours, "papers": papers}
    return Bundle(
        function=function,
        cloud=cloud,
        imports=(*found.modules, *sorted(found.foreign)),
        files=_together([ours, papers, *(one.files for one in carried)]),
        sizes={name: sum(map(len, files.values())) for name, files in parts.items()},
    )


def _ours(found: Reached) -> Files:
    """Our modules, and the folders that they read."""
    files: dict[str, bytes] = {}
    for module in found.modules:
        path = path_of(module)
        if path is not None:
            files[place_of(module)] = path.read_bytes()
        if reads_files(module) and module not in FILES:
            raise Broken(f"{module} reads files that were shipped beside it; name them in infra/bundles/needs.py")
        for source, place in FILES.get(module, ()):
            shipped = sorted(one for one in (ROOT / source).rglob("*") if one.is_file())
            files |= {f"{place}/{one.relative_to(ROOT / source).as_posix()}": one.read_bytes() for one in shipped}
    return files


def _for_google(function: str, wheels: Iterable[Carried]) -> Files:
    """What its builder looks for: main.py, and the runtime that it would otherwise fetch itself, by hash."""
    main = f'"""What Google calls."""\n\nfrom functions.{function}.gcp import handler\n\n__all__ = ["handler"]\n'
    lines = [f"{one.component.locked.requirement([str(one.component.wheel)])}\n" for one in wheels]
    return {"main.py": main.encode(), "requirements.txt": "".join(lines).encode()}


def _vendored(name: NormalizedName, needs: tuple[NormalizedName, ...], target: Target) -> Carried:
    distribution = locked(target)[name]
    files = dict(files_of(distribution, target))
    files |= missing_text(name, files)
    return Carried(component=component(distribution, files, needs), files=files)


def _wheel(name: NormalizedName, needs: tuple[NormalizedName, ...], target: Target) -> Carried:
    distribution = locked(target)[name]
    published = wheel(distribution, target)
    place, body = f"{WHEELS}/{published.name}", published.read_bytes()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        inside = {f"{place}/{entry}": archive.read(entry) for entry in archive.namelist() if ".dist-info/" in entry}
    return Carried(component=component(distribution, inside, needs, _known(distribution, body)), files={place: body})


def _known(distribution: Locked, wheel: bytes) -> str:
    digest = hashlib.sha256(wheel).hexdigest()
    if digest not in distribution.hashes:
        raise Broken(
            f"{distribution.name} {distribution.version}: its wheel in build/bundles is not one that was locked; remove that folder"
        )
    return digest


def _papers(function: str, cloud: Cloud, components: list[Component]) -> Files:
    return {
        **{name: (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")},
        LICENCES: licences(function, components),
        SBOM: sbom(function, cloud, components),
    }


def _together(parts: Iterable[Files]) -> Files:
    files: dict[str, bytes] = {}
    for part in parts:
        twice = sorted(part.keys() & files.keys())
        if twice:
            raise Broken(f"two of its parts hold {twice[0]}")
        files |= part
    return files
