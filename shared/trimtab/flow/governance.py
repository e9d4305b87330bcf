"""`.trimtab/` at one commit of the default branch: read whole, or not at all."""

from functools import lru_cache

from trimtab.errors import BadInput
from trimtab.policy.rules import parse_governance
from trimtab.ports import Ports
from trimtab.records import CommitSha, Governance

FILES = (".trimtab/config.yaml", ".trimtab/policy.yaml", ".trimtab/owners.yaml")


def read_governance(ports: Ports, repo: str, commit: CommitSha | None = None) -> Governance:
    """The rules of one repo, at its default branch's tip unless a commit is given.

    Raises BadInput naming the file and key where they cannot be read: then nothing opens and nothing merges.
    """
    at = commit or ports.forge.base_head(repo, ports.settings.repository(repo).branch)
    return _parsed(tuple((path, content) for path in FILES if (content := ports.forge.read_file(repo, at, path)) is not None), at)


@lru_cache(maxsize=16)
def _parsed(files: tuple[tuple[str, bytes], ...], at: CommitSha) -> Governance:
    """The same bytes are the same rules: one wake asks for them many times."""
    return parse_governance(dict(files), at)


def home_governance(ports: Ports) -> Governance:
    """The rules that own cost: those of the folder or the first repo that the settings name."""
    folder = ports.settings.config_dir
    if folder:
        read = {path: ports.buckets.read(f"file://{folder}/{path.rsplit('/', 1)[1]}") for path in FILES}
        return parse_governance(read, CommitSha("0" * 40))
    if not ports.settings.repositories:
        raise BadInput("settings.repositories: no GitOps repo is named, so there is no owners.yaml to attribute cost with")
    return read_governance(ports, ports.settings.repositories[0].id)
