"""What Git says and what runs, field by field, of whatever a change is about: a pool, or the quota of a namespace, workspace or virtual
cluster. Texts as a file would hold them; None = not known, which never equals anything.
"""

from collections.abc import Callable, Mapping

from trimtab.records import Facts, FieldChange, Pool, PoolField, Quota

_MIB = 1 << 20
_POOL: Mapping[PoolField, Callable[[Pool], str | None]] = {
    "count": lambda pool: str(pool.count),
    "min": lambda pool: None if pool.minimum is None else str(pool.minimum),
    "max": lambda pool: None if pool.maximum is None else str(pool.maximum),
    "instance_type": lambda pool: pool.instance_type,
    "capacity_type": lambda pool: pool.capacity_type,
}
_QUOTA: Mapping[PoolField, Callable[[Quota], str | None]] = {
    "cpu_cores": lambda quota: _whole(quota.cpu, 1000),
    "memory_mib": lambda quota: _whole(quota.memory, _MIB),
    "gpu_limit": lambda quota: _whole(quota.gpus, 1),
}


def pool_text(pool: Pool, field: PoolField) -> str | None:
    """A pool's value; None for a field that pools do not have."""
    read = _POOL.get(field)
    return read(pool) if read else None


def quota_text(quota: Quota, field: PoolField) -> str | None:
    """A quota's value; None where it is not limited, or is no whole number of the file's units."""
    read = _QUOTA.get(field)
    return read(quota) if read else None


def live_text(facts: Facts, field: PoolField) -> str | None:
    """What runs now."""
    if facts.finding.subject.kind != "pool":
        return quota_text(facts.quota, field) if facts.quota else None
    pool = facts.cluster.pool_of(facts.finding.subject) if facts.cluster else None
    return pool_text(pool, field) if pool else None


def is_said_otherwise(facts: Facts, change: FieldChange) -> bool:
    """True where the file is known to say something else than the evidence was made for; a key that it leaves out says nothing."""
    if facts.finding.subject.kind != "pool":
        return dict(facts.declared_texts).get(change.field) != change.old
    return facts.declared is not None and pool_text(facts.declared, change.field) not in {change.old, None}


def _whole(value: int | None, per: int) -> str | None:
    return str(value // per) if value is not None and value > 0 and value % per == 0 else None
