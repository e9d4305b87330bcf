"""Before anybody relies on it: can what the rules ask for really happen, or would a change be approved and still be stuck?

Each finding says what is there, and what to do. Nothing is written, and nobody is told anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.errors import BadInput, Refused, TrimtabError, Upstream
from trimtab.flow.confirm import is_confirmed
from trimtab.flow.ground import Ground, ground_of
from trimtab.flow.still_now import is_still_now
from trimtab.policy.persons import missing_rules
from trimtab.policy.scope import gate_of
from trimtab.ports import Ports
from trimtab.records import ApproverScope, Cluster, ClusterUid, GateRule, Governance, Person, Stage
from trimtab.settings import Repository

Color = Literal["green", "yellow", "red"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One thing that was looked at."""

    about: str
    color: Color
    detail: str
    todo: str = ""
    """What would mend it; "" = nothing is amiss."""


def preflight(ports: Ports, now: datetime) -> tuple[Item, ...]:
    """Everything that is looked at, in the order in which a person would mend it."""
    stop = ports.permit.stop_reason()
    permit = Item(about="run permit", color="red" if stop else "green", detail=stop or "writing is allowed", todo=_RESUME if stop else "")
    clusters = _clusters(ports)
    items = [permit, _anchor(ports), *_palette(clusters, ports, now)]
    names = {} if isinstance(clusters, TrimtabError) else {cluster.uid: called(cluster) for cluster in clusters}
    if not ports.settings.repositories:
        items.append(_red("repositories", "no GitOps repo is named", "name one in settings.repositories"))
    for repository in ports.settings.repositories:
        items += _of_repo(repository, names, ports, now)
    return tuple(items)


_RESUME = "trimtab resume, once the reason is mended"


def _red(about: str, detail: str, todo: str) -> Item:
    return Item(about=about, color="red", detail=detail, todo=todo)


def _yellow(about: str, detail: str, todo: str) -> Item:
    return Item(about=about, color="yellow", detail=detail, todo=todo)


def _anchor(ports: Ports) -> Item:
    if ports.anchors is None:
        todo = "set `anchor` to a bucket of another account where Trimtab may only create and read objects"
        return _yellow("record", "consistent at most: no place outside the store keeps its seals", todo)
    return Item(about="record", color="green", detail="its seals are anchored outside the store")


def called(cluster: Cluster) -> str:
    """Its name, which people know, and its uid, which settings and rules ask for."""
    return f"{cluster.name} ({cluster.uid})"


def _clusters(ports: Ports) -> tuple[Cluster, ...] | TrimtabError:
    try:
        return ports.palette.clusters()
    except TrimtabError as error:
        return error


def _palette(clusters: tuple[Cluster, ...] | TrimtabError, ports: Ports, now: datetime) -> Iterator[Item]:
    if isinstance(clusters, TrimtabError):
        yield _red("Palette", str(clusters), "check settings.palette_url and TRIMTAB_PALETTE_API_KEY")
        return
    left = ports.palette.left_alone()
    yield Item(about="Palette", color="green", detail=f"{len(clusters)} clusters, {len(left)} that are left alone")
    yield from (_usage_of(cluster, ports, now) for cluster in sorted(clusters, key=lambda cluster: (cluster.name, cluster.uid)))


def _usage_of(cluster: Cluster, ports: Ports, now: datetime) -> Item:
    """How old what is measured there is, and by whom: without it nothing is proposed, and nothing merges."""
    about, known = f"cluster {called(cluster)}", ports.documents.find(f"demand/{cluster.uid}") or {}
    hour = str(known.get("hour") or "")
    is_young = is_still_now(hour, now)
    if is_young and is_still_now(str(known.get("collected", hour)), now):
        return Item(about=about, color="green", detail=f"usage until {hour}")
    detail = f"no usage since {hour}" if hour else "no usage was ever measured"
    detail = f"usage until {hour} by Palette's own figures alone" if is_young else detail
    return _yellow(
        about, f"{detail}: nothing is proposed there", "look at its collector, or pull from its metrics endpoint; docs/collect.md"
    )


def _of_repo(repository: Repository, names: Mapping[ClusterUid, str], ports: Ports, now: datetime) -> Iterator[Item]:
    try:
        ports.forge.forget()
        ground = ground_of(repository.id, ports)
    except (BadInput, Refused, Upstream) as error:
        yield _red(repository.id, str(error), "check the forge's settings, and that both Apps or tokens may read the repo")
        return
    if ground.governance is None:
        yield _red(repository.id, "its rules cannot be read, so nothing opens", "trimtab policy check names the file and the key")
        return
    yield from _gates(repository, ground, ground.governance)
    yield from _merging_alone(repository, ground, ground.governance, ports)
    yield from _people(repository, ground.governance, names, ports)
    yield from _channels(repository, ground.governance, ports)
    yield from _elsewhere(repository, ground.governance, ports)
    yield _windows(repository, ground.governance, now)


def _gates(repository: Repository, ground: Ground, governance: Governance) -> Iterator[Item]:
    """Which way each path is really approved, by the repo's own rules."""
    for rule in governance.gates or (GateRule(path="**", gate="both"),):
        really = gate_of(_example(rule), ground.rules, governance)
        about = f"{repository.id}: gate of {rule.path}"
        if really == rule.gate:
            yield Item(about=about, color="green", detail=really)
        else:
            detail = f"config.yaml says {rule.gate}, but the forge demands a review: the review is the approval, and the card links to it"
            yield _yellow(about, detail, "say `forge` in config.yaml, or let the forge's rule go")


def _example(rule: GateRule) -> str:
    """Some path that the glob takes."""
    return rule.path.replace("**/", "").replace("**", "x").replace("*", "x").replace("?", "x")


def _merging_alone(repository: Repository, ground: Ground, governance: Governance, ports: Ports) -> Iterator[Item]:
    """Where auto-merge is wanted, whether the forge's rules let it be safe."""
    stages = {governance.default_stage, *(rule.stage for rule in governance.stages)}
    if Stage.GUARDED not in stages:
        return
    about = f"{repository.id}: guarded"
    if ports.settings.highest_stage is not Stage.GUARDED:
        detail = f"config.yaml says guarded, the deployment allows {ports.settings.highest_stage}"
        yield _yellow(about, detail, "raise highest_stage in the deployment, or lower the stage")
        return
    missing = missing_rules(ground.rules)
    if missing:
        yield _yellow(about, f"nothing merges by itself: {'; '.join(missing)}", "docs/forges.md says which rule does what")
    else:
        waits = "; a file that has code owners waits for their review there" if ground.rules.asks_code_owners else ""
        yield Item(about=about, color="green", detail=f"the forge stops every wrong merge{waits}")


def _people(repository: Repository, governance: Governance, names: Mapping[ClusterUid, str], ports: Ports) -> Iterator[Item]:
    about = f"{repository.id}: approvers"
    if not governance.approvers:
        yield _red(about, "nobody may approve anything", "name people in owners.yaml: approvers")
    for scope in governance.approvers:
        if not scope.groups and len(set(scope.people)) < 2:
            detail = f"{_scope(scope, names)}: fewer than two people, so whatever needs two approvals is stuck"
            yield _yellow(about, detail, "name a second person or a group")
    unconfirmed = sorted(person.called for person in governance.people if not is_confirmed(person, repository.id, ports))
    if unconfirmed:
        yield _yellow(
            f"{repository.id}: people", f"not confirmed: {', '.join(unconfirmed)}; their yes does not count", "/trimtab confirm in Slack"
        )
    yield from _gone(repository, governance.people, ports)


def _scope(scope: ApproverScope, names: Mapping[ClusterUid, str]) -> str:
    cluster = names.get(scope.cluster_uid, scope.cluster_uid) if scope.cluster_uid else None
    named = (cluster, scope.pool, scope.path)
    return "/".join(part for part in named if part) or "everything"


def _gone(repository: Repository, people: tuple[Person, ...], ports: Ports) -> Iterator[Item]:
    """Whose account is not what a decider's must be."""
    for person in people:
        try:
            slack, forge = ports.chat.account(person.slack), ports.forge.account(repository.id, person.forge)
        except (BadInput, Refused, Upstream) as error:
            yield _yellow(f"{repository.id}: people", f"accounts could not be read: {error}", "check the Slack token and its scopes")
            return
        wrong = [f"{where} says {said or 'nothing'}" for where, said in (("Slack", slack), ("the forge", forge)) if said != "active"]
        if wrong:
            yield _yellow(f"{repository.id}: {person.called}", "; ".join(wrong), "mend the account, or take the person out of owners.yaml")


def _channels(repository: Repository, governance: Governance, ports: Ports) -> Iterator[Item]:
    """Whether somebody can be told."""
    channels = {team.channel for team in governance.teams if team.channel} | ({ports.settings.default_channel} - {""})
    if not channels:
        yield _yellow(
            f"{repository.id}: channels", "no team has a channel, and there is no default", "set default_channel, or `channel` of teams"
        )
    for channel in sorted(channels):
        try:
            ports.chat.find(channel, "trimtab-preflight")
        except (BadInput, Refused, Upstream) as error:
            yield _red(f"{repository.id}: channel {channel}", str(error), "invite the app, or name another channel")


def _elsewhere(repository: Repository, governance: Governance, ports: Ports) -> Iterator[Item]:
    """What the config asks of other systems, and the deployment has no way to."""
    system = ports.tickets.system if ports.tickets else "none"
    if governance.asks_change_requests and system != "servicenow":
        detail = f"config.yaml asks for them, and the deployment's ticket system is {system}: nothing ever merges"
        todo = "set ticket_system to a ServiceNow and TRIMTAB_TICKET_TOKEN, or take `change_requests` out of config.yaml"
        yield _red(f"{repository.id}: change requests", detail, todo)
    if governance.tickets and system != governance.tickets.system:
        detail = f"config.yaml says {governance.tickets.system}, the deployment's ticket system is {system}: none is opened"
        yield _yellow(f"{repository.id}: tickets", detail, "set ticket_system and TRIMTAB_TICKET_TOKEN to the same system")
    if governance.annotates_clusters and ports.settings.palette_write_key is None:
        detail = "config.yaml asks for them, and no key may write to Palette"
        yield _yellow(f"{repository.id}: annotations", detail, "set TRIMTAB_PALETTE_WRITE_KEY, or turn `annotations` off")


def _windows(repository: Repository, governance: Governance, now: datetime) -> Item:
    frozen = [freeze.name for freeze in governance.freezes if freeze.start <= now < freeze.end]
    about = f"{repository.id}: freezes"
    if frozen:
        return _yellow(about, f"in force: {', '.join(frozen)}", "nothing; it ends by itself")
    return Item(about=about, color="green", detail=f"none in force, {len(governance.freezes)} named")
