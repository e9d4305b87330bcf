"""Read the wording that was shipped: beside the package in a wheel or bundle, at the root of a checkout."""

from pathlib import Path

import trimtab
from trimtab.errors import BadInput
from trimtab.render.wording import Wording


def load_wording(directory: Path | None = None) -> Wording:
    """All templates of a folder; the one that came with this package unless another is given."""
    found = directory or _shipped()
    return Wording({path.name: path.read_text(encoding="utf-8") for path in sorted(found.glob("*.j2"))})


def _shipped() -> Path:
    package = Path(trimtab.__file__).resolve().parent
    places = (package / "wording", package.parents[1] / "gitops_templates" / "wording")
    for place in places:
        if place.is_dir():
            return place
    raise BadInput(f"no wording: looked in {' and '.join(str(place) for place in places)}; install Trimtab again")
