"""`.trimtab/` at one commit of the default branch: read whole, or not at all."""

from collections.abc import Mapping
from functools import lru_cache

from trimtab.attribution.owners import compile_rules
from trimtab.errors import BadInput
from trimtab.policy.keyed import keyed
from trimtab.policy.rules import FILES, OPTIONAL, parse_governance
from trimtab.ports import Ports
from trimtab.records import CommitSha, Governance

PATHS = (*FILES, *OPTIONAL)


def read_governance(ports: Ports, repo: str, commit: CommitSha | None = None) -> Governance:
    """The rules of one repo, at its default branch's tip unless a commit is given.

    Raises BadInput naming the file and key where they cannot be read: then nothing opens and nothing merges.
    """
    at = commit or ports.forge.base_head(repo, ports.settings.repository(repo).branch)
    return _keyed(_parsed(tuple(ports.forge.read_files(repo, at, PATHS).items()), at), ports)


@lru_cache(maxsize=16)
def _parsed(files: tuple[tuple[str, bytes], ...], at: CommitSha) -> Governance:
    """The same bytes are the same rules: one wake asks for them many times."""
    return parse_governance(dict(files), at)


def checked_governance(files: Mapping[str, bytes]) -> Governance:
    """The rules of a folder as strictly as all runs together read them: what only attribution would refuse is refused here."""
    governance = parse_governance(files, CommitSha("0" * 40))
    compile_rules(governance.owner_rules, governance.teams, governance.cost_centers)
    return governance


def home_governance(ports: Ports) -> Governance:
    """The rules that own cost: those of the folder or the first repo that the settings name."""
    folder = ports.settings.config_dir
    if folder:
        return _keyed(parse_governance(_folder(ports, f"file://{folder}"), CommitSha("0" * 40)), ports)
    if not ports.settings.repositories:
        raise BadInput("settings.repositories: no GitOps repo is named, so there is no owners.yaml to attribute cost with")
    return read_governance(ports, ports.settings.repositories[0].id)


def _keyed(governance: Governance, ports: Ports) -> Governance:
    return keyed(governance, ports.people.key_of) if ports.people else governance


def _folder(ports: Ports, folder: str) -> dict[str, bytes]:
    """The files of a `.trimtab/` on disk; a missing one that every tenant has is an error where it is read."""
    there = {item.url for item in ports.buckets.list(f"{folder}/")}
    urls = {path: f"{folder}/{path.rsplit('/', 1)[1]}" for path in PATHS}
    return {path: ports.buckets.read(url) for path, url in urls.items() if path in FILES or url in there}
