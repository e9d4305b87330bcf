"""The one place that knows which adapter carries out which port. Nothing is built at import; heavy parts load when first used."""

import os
import secrets
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from trimtab import settings as deployment
from trimtab.adapters.catalog import BundledCatalog
from trimtab.adapters.duckdb import DuckDb
from trimtab.adapters.lake_usage import LakeUsage
from trimtab.adapters.learning import ScikitLearner
from trimtab.adapters.localforge import LocalForge
from trimtab.adapters.logs import JsonLog
from trimtab.adapters.palette.client import PaletteClient
from trimtab.adapters.progress import Silent
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.adapters.slack.client import SlackChat
from trimtab.adapters.store import open_state
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.lake import DeltaLake
from trimtab.adapters.wording import load_wording
from trimtab.errors import BadInput
from trimtab.ports import Forge, Log, Ports, Progress
from trimtab.settings import Settings, local_path


@cache
def ports() -> Ports:
    """The ports of this process, from its environment; built on the first call."""
    return build(deployment.load(os.environ))


def now(settings: Settings) -> datetime:
    """The time an entry point runs at: the clock's, or the fixed one of a replay."""
    return settings.clock or datetime.now(UTC)


def build(settings: Settings, *, log: Log | None = None, progress: Progress | None = None) -> Ports:
    """Real adapters for these settings."""
    scratch = scratch_directory(settings)
    state = open_state(settings, nonce=lambda: secrets.token_hex(8))
    lake = DeltaLake(f"{settings.store.rstrip('/')}/{settings.tenant}/lake", scratch)
    engine = DuckDb(memory_mb=settings.memory_mb, directories=(scratch, *_lake_directory(settings)), scratch=scratch)
    return Ports(
        settings=settings,
        inbox=state.inbox,
        ledger=state.ledger,
        permit=state.permit,
        documents=state.documents,
        lake=lake,
        engine=engine,
        buckets=StoreBuckets(settings.mounts),
        palette=PaletteClient.of(settings),
        catalog=BundledCatalog(),
        usage=LakeUsage(lake, engine),
        forge=forge_of(settings),
        chat=SlackChat.of(settings),
        metrics=lambda uid: PrometheusMetrics.of(settings, uid),
        log=log or JsonLog(_log_file(settings)),
        progress=progress or Silent(),
        wording=load_wording(),
        scratch=scratch,
        learner=ScikitLearner(),
    )


def forge_of(settings: Settings) -> Forge:
    """The forge of the named repos; one deployment speaks to one kind."""
    kinds = {repository.forge for repository in settings.repositories}
    if kinds <= {"local"}:
        return LocalForge({repository.id: Path(repository.location) for repository in settings.repositories})
    raise BadInput(f"settings.repositories: no adapter for {', '.join(sorted(kinds - {'local'}))} in this version; use a local repo")


def scratch_directory(settings: Settings) -> Path:
    """Where files are copied to before a SQL engine reads them: beside a local store, else the function's own /tmp."""
    directory = local_path(settings.store) / "scratch" if settings.store.startswith("file://") else Path("/tmp/trimtab")  # noqa: S108
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _log_file(settings: Settings) -> Path | None:
    """A demo's functions log beside their store; a terminal is for its story."""
    return local_path(settings.store) / "log.jsonl" if settings.is_demo else None


def _lake_directory(settings: Settings) -> tuple[Path, ...]:
    return (local_path(settings.store),) if settings.store.startswith("file://") else ()
