"""The Spark job's side of what was handed over: read the delivery's files one by one, attribute its period on the cluster, say it is done.

Foreign files are read by DuckDB here as everywhere: what a row is, and what is wrong with it, must not depend on a file's size.
"""

import json
from datetime import datetime
from pathlib import Path

from trimtab.errors import BadInput
from trimtab.flow.allocate import allocate
from trimtab.flow.budget_asks import ask_for_budgets
from trimtab.flow.governance import home_governance
from trimtab.flow.ingest import ingest_export
from trimtab.flow.landed import ALLOCATE, drop_of, scratch, versions
from trimtab.flow.wake import Wake
from trimtab.ports import Ports, Superseded
from trimtab.records import Json


def finish_large(wake: Wake, here: Ports, cluster: Ports, now: datetime) -> str:
    """Do one thing that was handed over: `here` reads files, `cluster` attributes. Raises BadInput where the message asks for nothing."""
    asked = _read(wake.key, here)
    with scratch(here) as folder:
        if "url" in asked:
            return _delivery(str(asked["url"]), str(asked.get("run")), here, cluster, folder, now)
        return _period(str(asked["period"]), here, cluster, folder, now)


def _read(key: str, ports: Ports) -> Json:
    stored = ports.inbox.read(key)
    if stored is None:
        raise BadInput(f"{key}: expired or never received")
    try:
        asked: Json = json.loads(stored)
    except ValueError:
        raise BadInput(f"{key}: not JSON") from None
    if not isinstance(asked, dict) or not {"url", "period"} & set(asked):
        raise BadInput(f"{key}: names neither a delivery nor a period")
    return asked


def _delivery(url: str, run: str, here: Ports, cluster: Ports, folder: Path, now: datetime) -> str:
    drop = drop_of(url, here, now)
    if drop.run_id != run:
        return f"{drop.export} {drop.period}: a newer delivery lies there, and has a message of its own"
    loaded = ingest_export(drop, here, folder)
    if isinstance(loaded, Superseded):
        return f"{drop.export} {drop.period}: a newer run was here before; nothing changed"
    return f"{drop.export} {drop.period}: {loaded.rows} rows; {_period(f'p-{drop.period}', here, cluster, folder, now)}"


def _period(period: str, here: Ports, cluster: Ports, folder: Path, now: datetime) -> str:
    read = versions(period, here)
    governance = home_governance(here)
    done = allocate(period, cluster, governance, folder, now)
    ask_for_budgets(f"{period}.{read}", governance, here)
    # Whoever asks for the same versions again asks for what is done.
    here.inbox.finish(f"{ALLOCATE}{period}.{read}", "done by the Spark job")
    return f"{period}: {sum(export.rows for export in done.exports)} allocated rows"
