"""`.trimtab/` at one commit of the default branch: read whole, or not at all."""

from collections.abc import Mapping
from functools import lru_cache

from trimtab.attribution.owners import compile_rules
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.policy.keyed import keyed
from trimtab.policy.rules import FILES, OPTIONAL, parse_governance
from trimtab.ports import Ports
from trimtab.records import CommitSha, Governance

PATHS = (*FILES, *OPTIONAL)


def read_governance(ports: Ports, repo: str, commit: CommitSha | None = None) -> Governance:
    """The rules of one repo, at its default branch's tip unless a commit is given.

    Raises BadInput naming the file and key where they cannot be read: then nothing opens and nothing merges.
    """
    at, files = _kept(ports, repo, commit) if ports.settings.rules_from == "store" else _read(ports, repo, commit)
    return _keyed(_parsed(tuple(files.items()), at), ports)


def _read(ports: Ports, repo: str, commit: CommitSha | None) -> tuple[CommitSha, Mapping[str, bytes]]:
    at = commit or ports.forge.base_head(repo, ports.settings.repository(repo).branch)
    return at, ports.forge.read_files(repo, at, PATHS)


def _kept(ports: Ports, repo: str, commit: CommitSha | None) -> tuple[CommitSha, Mapping[str, bytes]]:
    """As `verify` left them: good enough to book cost and to tell people by, and nobody decides about a change with them."""
    if ports.kept_rules is None:
        raise BadInput("settings.rules_from: store, but there are no kept rules here")
    at, files = ports.kept_rules.read(ports.settings.repository(repo).id)
    if commit not in {None, at}:
        raise Refused(f"{repo}: the rules of commit {commit} are asked for, and this function, which has no key of the forge, knows {at}")
    return at, files


def keep_rules(ports: Ports) -> None:
    """Leave every repo's rules where functions without a key of the forge read them; what cannot be read today stays as it was."""
    if ports.kept_rules is None:
        return
    ports.forge.forget()
    for repository in ports.settings.repositories:
        try:
            commit, files = _read(ports, repository.id, None)
        except (BadInput, Refused, Upstream) as error:
            ports.log.warning("rules.not-kept", repo=repository.id, input=str(error))
        else:
            ports.kept_rules.keep(repository.id, commit, files)


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
