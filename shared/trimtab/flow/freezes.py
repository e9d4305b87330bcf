"""Rules that were rolled back on a cluster propose nothing there until a person says so: the record of it, one stream per cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from trimtab.errors import BadInput
from trimtab.flow.codec import dump, load
from trimtab.flow.life import Moved
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Json
from trimtab.render.text import shown

STREAMS = "freezes/"
_TRIES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """One rule that proposes nothing on a cluster."""

    rule: str
    reason: str
    since: datetime
    by: str
    """Who or what froze it: a person, or the rollback that did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frosts:
    """All that is frozen on a cluster."""

    frozen: tuple[Frozen, ...] = ()
    causes: tuple[str, ...] = ()
    """Every rollback that ever froze something here: each does so once, so that lifting it holds."""


def frozen_on(uid: ClusterUid, ports: Ports) -> tuple[Frozen, ...]:
    """What proposes nothing on a cluster now."""
    return _read(uid, ports).frozen


def frozen_rule(uid: ClusterUid, rule: str, ports: Ports) -> Frozen | None:
    """The freeze of one rule, or None."""
    return next((frozen for frozen in frozen_on(uid, ports) if frozen.rule == rule), None)


def freeze_rule(uid: ClusterUid, rule: str, by: str, reason: str, ports: Ports, now: datetime) -> None:
    """Freeze a rule; the same cause a second time is the same freeze, also after somebody lifted it."""
    cause = f"{by}/{rule}"

    def changed(frosts: Frosts) -> Frosts | None:
        if cause in frosts.causes:
            return None
        frozen = Frozen(rule=rule, reason=reason, since=now, by=by)
        return Frosts(frozen=(*(old for old in frosts.frozen if old.rule != rule), frozen), causes=(*frosts.causes, cause))

    _write(uid, "frozen", by, f"{rule}: {reason}", changed, ports, now)


def lift(uid: ClusterUid, rule: str, by: str, reason: str, ports: Ports, now: datetime, *, request: str = "") -> bool:
    """Let a rule propose again; False = it was not frozen, or somebody else was first.

    `request` is the inbox key of the signed request that it came with: it lifts once, whatever is frozen afterwards.
    """
    if was_lifted_by(request, uid, ports):
        return True

    def changed(frosts: Frosts) -> Frosts | None:
        left = tuple(frozen for frozen in frosts.frozen if frozen.rule != rule)
        return Frosts(frozen=left, causes=frosts.causes) if left != frosts.frozen else None

    is_written = _write(uid, "lifted", by, f"{rule}: {reason}", changed, ports, now, {"request": request} if request else {})
    return is_written or was_lifted_by(request, uid, ports)


def was_lifted_by(request: str, uid: ClusterUid, ports: Ports) -> bool:
    """True where that very request lifted something on a cluster."""
    return bool(request) and any(entry.body.get("request") == request for entry in ports.ledger.entries(STREAMS + uid))


def lifted_line(what: str) -> str:
    """What whoever lifted it is told."""
    cluster, _, rule = what.rpartition("/")
    return f"{shown(rule)} may propose on {shown(cluster)} again; what it proposes there needs a person."


def rule_on(what: str, ports: Ports) -> tuple[ClusterUid, str]:
    """CLUSTER/RULE → the cluster's uid and the rule. Raises BadInput where that is no known cluster, or more than one."""
    cluster, _, rule = what.rpartition("/")
    found = [uid for uid, name in ports.palette.listed().items() if cluster in {name, uid}]
    if not found or not rule:
        raise BadInput(f"{shown(what)}: expected CLUSTER/RULE with the name or uid of a cluster, like dev-east/idle-nodes")
    if len(found) > 1:
        raise BadInput(f"{shown(what)}: {len(found)} clusters are called so; name it by its uid, which is one of {', '.join(found)}")
    return found[0], rule


def every_freeze(ports: Ports) -> dict[ClusterUid, tuple[Frozen, ...]]:
    """Cluster → what is frozen there."""
    uids = [ClusterUid(stream.removeprefix(STREAMS)) for stream in sorted(ports.ledger.heads(STREAMS))]
    return {uid: frozen for uid in uids if (frozen := frozen_on(uid, ports))}


def _read(uid: ClusterUid, ports: Ports) -> Frosts:
    head = ports.ledger.head(STREAMS + uid)
    return load(Frosts, head.state, f"streams/{STREAMS}{uid}: state") if head else Frosts()


def _write(
    uid: ClusterUid,
    kind: str,
    by: str,
    reason: str,
    changed: Callable[[Frosts], Frosts | None],
    ports: Ports,
    now: datetime,
    body: Json | None = None,
) -> bool:
    """True where there was something to change, and this changed it."""
    for _ in range(_TRIES):
        head = ports.ledger.head(STREAMS + uid)
        frosts = load(Frosts, head.state, f"streams/{STREAMS}{uid}: state") if head else Frosts()
        wanted = changed(frosts)
        if wanted is None:
            return False
        if ports.ledger.append(STREAMS + uid, head, kind=kind, at=now, actor=by, reason=reason, body=body or {}, state=dump(wanted)):
            return True
    raise Moved(STREAMS + uid)
