"""CODEOWNERS as the base commit has it: whom to ask for a review, and whether the forge demands theirs."""

from dataclasses import replace

from trimtab.flow.ground import Ground
from trimtab.policy.codeowners import LARGEST, PLACES, Dialect, needs_owner, owners_of
from trimtab.ports import Ports
from trimtab.records import ForgeRules


def code_owners(repo: str, path: str, ground: Ground, ports: Ports) -> tuple[str, ...]:
    """Logins and teams that own the file."""
    content, dialect = _read(repo, ground, ports)
    return owners_of(content, path, dialect)


def rules_for(repo: str, path: str, ground: Ground, ports: Ports) -> ForgeRules:
    """The forge's rules for a change of this file: where it asks code owners, and the file has one, it demands a review."""
    if ground.rules.requires_review or not ground.rules.asks_code_owners:
        return ground.rules
    content, dialect = _read(repo, ground, ports)
    # A file that is too large to be read here may give it one.
    return replace(ground.rules, requires_review=len(content) > LARGEST or needs_owner(content, path, dialect))


def _read(repo: str, ground: Ground, ports: Ports) -> tuple[bytes, Dialect]:
    dialect: Dialect = "gitlab" if ports.settings.repository(repo).forge == "gitlab" else "github"
    found = ports.forge.read_files(repo, ground.base, PLACES[dialect])
    return next((found[place] for place in PLACES[dialect] if place in found), b""), dialect
