"""The starter GitOps repo as it was shipped: beside the package in a wheel, at the root of a checkout."""

import shutil
from pathlib import Path

import trimtab
from trimtab.errors import BadInput

GRANTS = """Who must grant what before Trimtab can propose here:
  repository admin   install the writer and the gate app; protect the default branch; require the check trimtab/gate from the gate app
  platform owner     own .trimtab/ in CODEOWNERS; list people and approvers in .trimtab/owners.yaml
  Palette admin      a user with a tenant viewer role and an API key; one ClusterHealth webhook per project with a secret header
  cloud billing      a FOCUS export whose bucket Trimtab may read
  deployment         clusters that are not production, by uid, in the deployment's settings; the highest stage
Everything starts in stage observe: it reports and opens nothing until somebody raises it."""


def write_starter(folder: Path) -> list[Path]:
    """Copy the starter into a new or empty folder; the files written. Raises BadInput where there is something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder}: not empty; name a new folder")
    source = _shipped()
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _shipped() -> Path:
    package = Path(trimtab.__file__).resolve().parent
    for place in (package / "starter", package.parents[1] / "gitops_templates" / "starter"):
        if place.is_dir():
            return place
    raise BadInput("no starter was shipped with this installation; install Trimtab again")
