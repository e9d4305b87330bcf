"""The one place that knows which adapter carries out which port. Nothing is built at import; heavy parts load when first used."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from trimtab import settings as deployment
from trimtab.adapters.aws.cost_explorer import cost_explorer
from trimtab.adapters.aws.roles import assumed_role
from trimtab.adapters.azure.cost_management import HOST as AZURE
from trimtab.adapters.azure.cost_management import CostManagement
from trimtab.adapters.azure.entra import EntraDirectory
from trimtab.adapters.catalog import BundledCatalog
from trimtab.adapters.http import client
from trimtab.adapters.late import late
from trimtab.adapters.learning import ScikitLearner
from trimtab.adapters.localforge import LocalForge
from trimtab.adapters.logs import JsonLog
from trimtab.adapters.mail import SmtpMail
from trimtab.adapters.named_chat import NamedChat
from trimtab.adapters.palette.catalog import PaletteCatalog
from trimtab.adapters.palette.client import PaletteClient
from trimtab.adapters.progress import Silent
from trimtab.adapters.prometheus.client import PrometheusMetrics
from trimtab.adapters.slack.client import SlackChat
from trimtab.adapters.store import open_state
from trimtab.adapters.store.anchors import StoreAnchors
from trimtab.adapters.store.buckets import StoreBuckets
from trimtab.adapters.store.foreign import Access
from trimtab.adapters.store.kept_rules import StoreRules
from trimtab.adapters.store.named import NamedLedger, NamedPermit
from trimtab.adapters.store.objects import open_objects
from trimtab.adapters.teams import TeamsWebhooks
from trimtab.adapters.tickets import tickets_of
from trimtab.adapters.wording import load_wording
from trimtab.errors import BadInput, Refused
from trimtab.locations import is_secret_arn
from trimtab.ports import CostHistory, Engine, Forge, Lake, Log, Ports, Progress, Usage
from trimtab.settings import Settings, local_path

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def ports() -> Ports:
    """The ports of this process, from its environment; built on the first call, and anew where a secret was rotated."""
    return _built(tuple(sorted(environment().items())))


@lru_cache(maxsize=1)
def _built(environment: tuple[tuple[str, str], ...]) -> Ports:
    return build(deployment.load(dict(environment)))


def forget_ports() -> None:
    """Build them anew on the next call: what is on disk may say something else by then."""
    _built.cache_clear()


def environment() -> dict[str, str]:
    """Our own variables, with the values of those that only say where their secret is."""
    own = {name: text for name, text in os.environ.items() if name.startswith("TRIMTAB_")}
    if not any(is_secret_arn(name, text) for name, text in own.items()):
        return own
    from trimtab.adapters.aws.secrets import provider, with_secrets

    return with_secrets(own, provider())


def now(settings: Settings) -> datetime:
    """The time an entry point runs at: the clock's, or the fixed one of a replay."""
    return settings.clock or datetime.now(UTC)


def build(
    settings: Settings, *, log: Log | None = None, progress: Progress | None = None, is_reading: bool = False, adds_people: bool = True
) -> Ports:
    """Real adapters for these settings; for whoever only reads, the record says people's names.

    Without `adds_people` nobody gets a key who has none.
    """
    scratch = scratch_directory(settings)
    state = open_state(settings, nonce=lambda: secrets.token_hex(8))
    lake = late(lambda: _lake(settings, scratch))
    engine = late(lambda: _engine(settings, scratch))
    palette = PaletteClient.of(settings)
    return Ports(
        settings=settings,
        inbox=state.inbox,
        ledger=NamedLedger(state.ledger.objects, state.ledger.nonce, state.people) if is_reading else state.ledger,
        permit=NamedPermit(state.permit.objects, state.permit.nonce, state.people) if is_reading else state.permit,
        documents=state.documents,
        lake=lake,
        engine=engine,
        buckets=StoreBuckets(settings.mounts, access=_access(settings)),
        palette=palette,
        catalog=PaletteCatalog(palette) if palette.is_configured else BundledCatalog(),
        usage=late(lambda: _usage(lake, engine)),
        forge=forge_of(settings) if settings.rules_from == "forge" else late(_no_forge),
        kept_rules=StoreRules(state.documents, partial(now, settings)),
        chat=SlackChat.of(settings) if is_reading else NamedChat(SlackChat.of(settings), state.people),
        metrics=lambda uid: PrometheusMetrics.of(settings, uid),
        log=log or _log(settings),
        progress=progress or Silent(),
        wording=load_wording(),
        anchors=_anchors(settings),
        tickets=tickets_of(settings),
        token_keys=EntraDirectory.of(settings),
        people=None if is_reading else replace(state.people, may_add=adds_people),
        scratch=scratch,
        learner=ScikitLearner(),
        mail=SmtpMail.of(settings, partial(now, settings)),
        webhooks=TeamsWebhooks.of(settings),
    )


def _lake(settings: Settings, scratch: Path) -> Lake:
    from trimtab.adapters.store.lake import DeltaLake

    return DeltaLake(_lake_url(settings), scratch)


def _engine(settings: Settings, scratch: Path) -> Engine:
    from trimtab.adapters.duckdb import DuckDb

    return DuckDb(memory_mb=settings.memory_mb, directories=(scratch, *_lake_directory(settings)), scratch=scratch)


def _usage(lake: Lake, engine: Engine) -> Usage:
    from trimtab.adapters.lake_usage import LakeUsage

    return LakeUsage(lake, engine)


@contextmanager
def on_spark(ports: Ports, spark: "SparkSession") -> Iterator[Ports]:
    """The same ports with Spark as their engine: tables are read where they lie, and a period is one step, however long it is."""
    from trimtab.adapters.spark.engine import Spark
    from trimtab.adapters.spark.exchange import Exchange
    from trimtab.adapters.store.lake import DeltaLake

    settings = ports.settings.model_copy(update={"memory_mb": 1 << 30})
    run = f"spark/{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="spark-", dir=ports.scratch) as folder:
        url = f"file://{folder}" if settings.store.startswith("file://") else f"{settings.store.rstrip('/')}/{settings.tenant}/{run}"
        lake = DeltaLake(_lake_url(settings), ports.scratch, in_place=True)
        engine = Spark(spark=spark, exchange=Exchange(url, ports.buckets, Path(folder)))
        yield replace(ports, settings=settings, lake=lake, engine=engine)


def _anchors(settings: Settings) -> StoreAnchors | None:
    return StoreAnchors(open_objects(settings.anchor).within(settings.tenant)) if settings.anchor else None


def forge_of(settings: Settings) -> Forge:
    """The forge of the named repos; one deployment speaks to one kind."""
    kinds = {repository.forge for repository in settings.repositories}
    if kinds == {"github"}:
        from trimtab.adapters.github import GitHubForge

        return GitHubForge.of(settings)
    if kinds <= {"local"}:
        return LocalForge({repository.id: Path(repository.location) for repository in settings.repositories})
    if kinds == {"gitlab"}:
        from trimtab.adapters.gitlab import GitLabForge

        return GitLabForge.of(settings)
    raise BadInput(f"settings.repositories: {' and '.join(sorted(kinds))} side by side; one deployment speaks to one kind of forge")


def _no_forge() -> Forge:
    raise Refused("settings.rules_from: store: this function holds no key of the forge, and asks it nothing")


def scratch_directory(settings: Settings) -> Path:
    """Where files are copied to before a SQL engine reads them: beside a local store, else the function's own /tmp (or TMPDIR)."""
    is_local = settings.store.startswith("file://")
    directory = local_path(settings.store) / "scratch" if is_local else Path(tempfile.gettempdir()) / "trimtab"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _access(settings: Settings) -> dict[str, Access]:
    """How the exports that lie in another account or cloud are read."""
    sas = {"sas_key": settings.azure_sas.get_secret_value()} if settings.azure_sas else {}
    found: dict[str, Access] = {}
    for export in settings.exports:
        if export.prefix.startswith("az://"):
            account = {"account_name": export.storage_account} if export.storage_account else {}
            found[export.prefix] = Access(options=sas | account)
        elif export.identity:
            found[export.prefix] = Access(credentials=assumed_role(export.identity))
    return found


def _lake_url(settings: Settings) -> str:
    return f"{settings.store.rstrip('/')}/{settings.tenant}/lake"


def _log(settings: Settings) -> Log:
    """Lines, and on AWS the metrics that are made of them."""
    lines = JsonLog(_log_file(settings))
    if settings.meters_namespace is None:
        return lines
    from trimtab.adapters.aws.emf import MeteredLog

    return MeteredLog(log=lines, namespace=settings.meters_namespace, trace=lambda: os.environ.get("_X_AMZN_TRACE_ID", ""))


def _log_file(settings: Settings) -> Path | None:
    """A demo's functions log beside their store; a terminal is for its story."""
    return local_path(settings.store) / "log.jsonl" if settings.is_demo else None


def _lake_directory(settings: Settings) -> tuple[Path, ...]:
    return (local_path(settings.store),) if settings.store.startswith("file://") else ()


def cost_history(settings: Settings, cloud: str, scope: str) -> CostHistory:
    """The billing API of a cloud. Raises BadInput for one that has none here, or that is not set up."""
    if cloud == "aws":
        return cost_explorer()
    if cloud != "azure":
        raise BadInput(f"--from {cloud}: expected aws or azure; other clouds have no API for past days, export them instead")
    if not scope.startswith("/") or settings.azure_token is None:
        raise BadInput("--from azure: needs --scope /subscriptions/… and a token in TRIMTAB_AZURE_TOKEN (az account get-access-token)")
    return CostManagement(http=client([AZURE]), scope=scope, token=settings.azure_token.get_secret_value())
