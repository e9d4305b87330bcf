"""Queries for volumes: the largest of a cluster, one row for each hour in which it was reported."""

from collections.abc import Sequence
from itertools import groupby
from typing import cast

import numpy as np

from trimtab.adapters.lake_quotas import Window
from trimtab.analysis.volumes import VolumeUse
from trimtab.ports import Session

MOST_VOLUMES = 100

_WHERE = """cluster_uid = $cluster AND "hour" >= $start AND "hour" < $end AND asset = 'volume' AND provider_id IS NOT NULL"""
VOLUMES_SQL = f"""
WITH largest AS (
  SELECT provider_id FROM ({{usage}}) WHERE {_WHERE} GROUP BY 1 ORDER BY max(asset_bytes) DESC NULLS LAST, 1 LIMIT {MOST_VOLUMES})
SELECT provider_id, CAST(epoch("hour") AS BIGINT), max(asset_bytes), max(asset_used), max(namespace), max(storage_class), max(workload)
FROM ({{usage}}) WHERE {_WHERE} AND provider_id IN (SELECT provider_id FROM largest)
GROUP BY 1, 2 ORDER BY 1, 2"""


def volumes(session: Session, usage: str, window: Window) -> tuple[VolumeUse, ...]:
    """The largest volumes, each over its hours."""
    rows = session.rows(VOLUMES_SQL.format(usage=usage), window)
    return tuple(_use(str(key), list(group)) for key, group in groupby(rows, key=lambda row: row[0]))


def _use(provider_id: str, rows: Sequence[tuple[object, ...]]) -> VolumeUse:
    return VolumeUse(
        provider_id=provider_id,
        namespace=_last(rows, 4),
        workload=_last(rows, 6),
        storage_class=_last(rows, 5),
        times=np.array([int(cast("int", row[1])) for row in rows], dtype=np.int64),
        size=np.array([_number(row[2]) for row in rows]),
        used=np.array([_number(row[3]) for row in rows]),
        mounted_hours=sum(1 for row in rows if row[6]),
    )


def _number(value: object) -> float:
    return np.nan if value is None else float(cast("int", value))


def _last(rows: Sequence[tuple[object, ...]], column: int) -> str:
    return next((str(row[column]) for row in reversed(rows) if row[column]), "")
