"""Two readings of the same hours as SQL: the one that holds, filled where only the other knows something.

A pod that is gone has left the Kubernetes API, and a later reading of its hour finds its metrics alone: what an earlier one knew of its
labels, budgets and limits is still true of that hour. A value that is known is never overwritten by a fill. Where two earlier readings
know different values and the one that holds knows none, the reading that the lake had first stays.
"""

from collections.abc import Sequence

from trimtab.tables import USAGE, text_literal

TEXTS = ("labels", "annotations")
"""Unknown and none look alike in them: {}."""
FACTS = (
    "project", "pool", "instance_type", "disruptions_allowed", "local_volume", "zone", "managed_by", "cpu_limit", "memory_limit",
    "out_of_memory", "scaled_by", "own_node", "pinned", "grace_seconds", "gpu_model", "storage_class",
)  # fmt: skip
"""What the Kubernetes API tells; what is measured is never taken from another reading."""
_KEYS = ("hour", "asset", "namespace", "pod", "node", "provider_id")


def merged_sql(staged: str, there: str, *, taken: str, kept: str, days: Sequence[str]) -> str:
    """The days whole: the drop's rows for the hours `taken`, the lake's for all others; each filled from the other.

    `taken` and `kept` are lists of SQL timestamps, `kept` those of the drop's hours that the lake has better already.
    """
    inside = f'"day" IN ({", ".join(text_literal(day) for day in days)})'
    parts = [filled_sql(f'SELECT * FROM ({staged}) WHERE "hour" IN ({taken})', there)] if taken else []
    if kept:
        parts.append(filled_sql(f'SELECT * FROM ({there}) WHERE "hour" IN ({kept}) AND {inside}', staged))
    brought = ", ".join(filter(None, (taken, kept)))
    parts.append(f'SELECT {_columns()} FROM ({there}) WHERE "hour" NOT IN ({brought}) AND {inside}')
    return "\nUNION ALL\n".join(parts)


def filled_sql(base: str, other: str) -> str:
    """The rows of `base`; what it does not know and `other` does is taken from there."""
    columns = ", ".join(_filled(column.name) for column in USAGE)
    return f"SELECT {columns} FROM ({base}) AS b LEFT JOIN ({_single(other)}) AS o ON {_same()}"


def days_to_fill_sql(base: str, other: str) -> str:
    """Days of `base` in which `other` knows something that it does not."""
    learns = " OR ".join(f'(b."{name}" IS NULL AND o."{name}" IS NOT NULL)' for name in FACTS)
    reads = " OR ".join(f"(coalesce(b.\"{name}\", '{{}}') = '{{}}' AND coalesce(o.\"{name}\", '{{}}') <> '{{}}')" for name in TEXTS)
    return f'SELECT DISTINCT b."day" FROM ({base}) AS b JOIN ({_single(other)}) AS o ON {_same()} WHERE {learns} OR {reads} ORDER BY 1'


def _filled(name: str) -> str:
    if name in TEXTS:
        return f'CASE WHEN coalesce(b."{name}", \'{{}}\') = \'{{}}\' THEN coalesce(o."{name}", b."{name}") ELSE b."{name}" END AS "{name}"'
    return f'coalesce(b."{name}", o."{name}") AS "{name}"' if name in FACTS else f'b."{name}"'


def _single(rows: str) -> str:
    """One row of each thing and hour, so that a fill never doubles one."""
    keys = ", ".join(f'"{name}"' for name in _KEYS)
    return f"SELECT DISTINCT ON ({keys}) * FROM ({rows}) ORDER BY {keys}"


def _same() -> str:
    """The same thing in the same hour. `hour` first and plain: it is what the join hashes by."""
    return 'b."hour" = o."hour" AND ' + " AND ".join(f'b."{name}" IS NOT DISTINCT FROM o."{name}"' for name in _KEYS[1:])


def _columns() -> str:
    return ", ".join(f'"{column.name}"' for column in USAGE)
