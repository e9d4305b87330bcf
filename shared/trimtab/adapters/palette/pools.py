"""A cloud config's machine pools → records: what can be read becomes a Pool, everything else a Refusal that names the pool and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trimtab.adapters.palette import answers
from trimtab.errors import BadInput
from trimtab.records import ClusterUid, Pool, Refusal

CAPACITY: Mapping[str, Literal["on-demand", "spot"]] = {"on-demand": "on-demand", "spot": "spot"}
GOING_AWAY = ("Deleting", "Deleted")
"""Machine states after which there is none any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """A cloud config: where, and which pools."""

    region: str
    pools: tuple[Pool, ...]
    left_out: tuple[Refusal, ...] = ()


def parse_config(body: bytes, uid: ClusterUid) -> Config:
    """A cloud config. Raises BadInput where its place or its list of pools cannot be read."""
    spec = answers.inner(answers.json_object(body, "cloudconfig"), "spec", "cloudconfig")
    place = "cloudconfig.spec.clusterConfig"
    cluster = answers.inner(spec, "clusterConfig", "cloudconfig.spec")
    region = answers.text(cluster, "location" if "location" in cluster else "region", place)
    listed = enumerate(answers.items(spec, "machinePoolConfig", "cloudconfig.spec"))
    read = [_read(pool, uid, f"cloudconfig.spec.machinePoolConfig[{number}]") for number, pool in listed]
    pools, repeated = _unique(read, uid)
    return Config(region=region, pools=pools, left_out=(*(found for found in read if isinstance(found, Refusal)), *repeated))


def parse_machine_uids(body: bytes) -> dict[str, int]:
    """Pool's name → how many machines it lists."""
    pools = answers.maybe(answers.json_object(body, "machineUids"), "machinePools")
    return {name: len(answers.words(pool, "machineUids")) for name, pool in pools.items() if isinstance(pool, dict)}


def parse_machines(body: bytes) -> tuple[tuple[bool, ...], str]:
    """One page of a pool's machines: True for each that stays; and the token of the next page."""
    page = answers.json_object(body, "machines")
    found = (answers.maybe(machine, "status").get("instanceState") for machine, _ in answers.objects(page, "items", "machines"))
    return tuple(state not in GOING_AWAY for state in found), answers.next_page(page)


def _unique(read: Sequence[Pool | Refusal], uid: ClusterUid) -> tuple[tuple[Pool, ...], tuple[Refusal, ...]]:
    """Pools are matched by name everywhere: of two with one name nobody can say which is meant, so neither is touched."""
    names = Counter(found.name if isinstance(found, Pool) else found.pool for found in read)
    twice = {name for name, times in names.items() if times > 1}
    refusals = (
        Refusal(
            cluster_uid=uid, pool=name, rule="duplicate-pool-name",
            reason=f"Palette lists two pools named {name!a}; pools are matched by name, so neither is touched.",
            needs="Give one of them another name.",
        )
        for name in sorted(twice)
    )  # fmt: skip
    pools = (found for found in read if isinstance(found, Pool))
    return tuple(pool for pool in pools if pool.name not in twice), tuple(refusals)


def _read(item: object, uid: ClusterUid, place: str) -> Pool | Refusal:
    try:
        found = answers.as_object(item, place)
        capacity = _capacity(found)
        if capacity in CAPACITY:
            return _pool(found, uid, CAPACITY[capacity], place)
        # Dedicated hosts are priced by the host, and a word of a later version is not permission.
        reason = f"Its capacity type is {capacity[:40]!a}: only on-demand and spot nodes have a price."
        return Refusal(cluster_uid=uid, pool=_name(item, place), rule="capacity-type", reason=reason)
    except BadInput as error:
        return Refusal(cluster_uid=uid, pool=_name(item, place), rule="pool-unreadable", reason=f"{error}.")


def _name(item: object, place: str) -> str:
    """What to call a pool that cannot be read: its name, or its place in the list."""
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) and name else place.rpartition(".")[2]


def _capacity(found: Mapping[str, Any]) -> str:
    said = found.get("capacityType") or ("spot" if found.get("spotVMOptions") else "on-demand")
    return "host-resource-group" if found.get("hostResourceGroupArn") else str(said)


def _pool(found: Mapping[str, Any], uid: ClusterUid, capacity: Literal["on-demand", "spot"], place: str) -> Pool:
    is_control_plane = found.get("isControlPlane") is True or found.get("useControlPlaneAsWorker") is True
    minimum, maximum = answers.count(found, "minSize", place), answers.count(found, "maxSize", place)
    return Pool(
        cluster_uid=uid,
        name=answers.text(found, "name", place),
        # A managed control plane is nobody's machine.
        instance_type="" if is_control_plane and not found.get("instanceType") else answers.text(found, "instanceType", place),
        count=answers.needed_count(found, "size", place),
        # A zero that was left out is still a zero: a pool with a maximum is never taken for one of fixed size.
        minimum=(minimum or 0) if maximum else None,
        maximum=maximum or None,
        capacity_type=capacity,
        control_plane=is_control_plane,
        labels={str(key): str(value) for key, value in answers.maybe(found, "additionalLabels").items()},
        taints=tuple(_taint(taint) for taint, _ in answers.objects(found, "taints", place)),
        zones=tuple(sorted(answers.words(found, "azs"))),
        arch=str(answers.maybe(found, "machinePoolProperties").get("archType") or ""),
        surge=str(answers.maybe(found, "updateStrategy").get("type") or ""),
        max_price=_bid(found),
    )


def _bid(found: Mapping[str, Any]) -> str:
    """Terraform sends "0.0" where nobody set one."""
    bids = (answers.maybe(found, name).get("maxPrice") for name in ("spotMarketOptions", "spotVMOptions"))
    return next((str(bid) for bid in bids if bid not in (None, "", "0", "0.0")), "")


def _taint(taint: Mapping[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"
