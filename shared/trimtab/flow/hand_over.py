"""What one machine should not try: a delivery or a period over the stated size is left to the Spark job, as a message that waits for it.

Measured before anything is fetched: a delivery by its files, a period by its bill in the lake. A message is named by what it asks for,
so that asking twice is asking once, and it waits until the job has done it.
"""

import hashlib
import json
from urllib.parse import unquote

from trimtab.errors import BadInput, TooLarge
from trimtab.ports import Ports
from trimtab.records import ExportDrop, Json

SPARK = "inbox/spark/"
"""inbox/spark/<hash>: {"url": completion signal of a delivery, "run": …} or {"period": "p-2026-07", "versions": …}."""
MB = 1_000_000


def is_large_delivery(drop: ExportDrop, ports: Ports) -> bool:
    """Whether the files of a delivery are together over `spark_above_mb`."""
    return _bytes_of(drop, ports) > ports.settings.spark_above_mb * MB


def is_large_period(period: str, ports: Ports) -> bool:
    """Whether a period's bill in the lake, all exports together, is."""
    return ports.lake.size("cost", {"x_Period": period}) > ports.settings.spark_above_mb * MB


def hand_over_delivery(url: str, drop: ExportDrop, ports: Ports) -> str:
    """Leave a delivery to the Spark job, nothing fetched. Raises TooLarge, with what to do, where the deployment has none."""
    name, limit = f"{drop.export} {drop.period}", f"its files are together over settings.spark_above_mb = {ports.settings.spark_above_mb}"
    if not ports.settings.has_spark:
        raise TooLarge(f"{name}: {limit}; set up the Spark job and settings.has_spark, or raise the limit where time and disk allow")
    return _leave(f"{name}: {limit}", {"url": url, "run": drop.run_id}, ports)


def hand_over_period(period: str, versions: str, ports: Ports) -> str:
    """Leave a period's attribution to the Spark job."""
    return _leave(f"{period}: too large to attribute here", {"period": period, "versions": versions}, ports)


def _leave(what: str, about: Json, ports: Ports) -> str:
    body = json.dumps(about, sort_keys=True).encode()
    ports.inbox.put(f"{SPARK}{hashlib.sha256(body).hexdigest()[:40]}", body)
    ports.log.info("ingest.handed_over", reason=what)
    return f"{what}; left to the Spark job"


def _bytes_of(drop: ExportDrop, ports: Ports) -> int:
    """The sizes that the marker states and every fetch checks; without them, what the store says."""
    if drop.sizes:
        return sum(drop.sizes)
    folders = {url.rsplit("/", 1)[0] for url in drop.files}
    sizes = {unquote(found.url): found.size for folder in folders for found in ports.buckets.list(f"{folder}/")}
    absent = [url for url in drop.files if unquote(url) not in sizes]
    if absent:
        raise BadInput(f"{absent[0]}: its manifest lists it, and it is not there; deliver it again")
    return sum(sizes[unquote(url)] for url in drop.files)
