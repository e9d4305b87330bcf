"""Deployment settings: the ceiling that no repo, label or message can lift. The only module that reads the environment.

On a `file://` store the settings are `settings.json` at the root of the store: whoever owns that disk owns the deployment.
Anywhere else they are the JSON text in TRIMTAB_SETTINGS, written by Terraform. Secrets come one variable each, never from the JSON.
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from trimtab.errors import BadInput
from trimtab.locations import local_path
from trimtab.receive_settings import AZURE_MONITOR, ENTRA_ID, SENDER_SECRETS, split_secret
from trimtab.records import BillForm, ClusterUid, ExportPart, ProjectUid, Stage

__all__ = ["SECRETS", "Export", "MetricsEndpoint", "NonProduction", "Repository", "Settings", "Slug", "load", "local_path"]

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Repository(_Strict):
    """A GitOps repo that Trimtab may propose to."""

    id: Slug
    """How everything else names it."""
    forge: Literal["local", "github", "gitlab"]
    location: str
    """Path of the bare repo, or owner/name."""
    branch: str = "main"
    forge_id: int | None = None
    """The forge's own number of the repo: a repo that was moved away and made anew under the same name is another one."""
    only_we_push: bool = False
    """An administrator vouches that nobody but Trimtab may push below `trimtab/`. It counts where the forge does not show that to us, as
    GitHub shows a ruleset's bypass list to its administrators alone; what the forge does show is believed instead."""


class GitHubApp(_Strict):
    """One of the two Apps, as it is installed for the repos; its private key is a secret of its own."""

    app_id: int
    installation_id: int
    kms_key: str | None = None
    """ARN of an asymmetric AWS KMS key that signs for the App; None = its PEM is in TRIMTAB_GITHUB_WRITER_KEY or …_GATE_KEY."""


class GitHub(_Strict):
    """GitHub, or GitHub Enterprise: the writer opens and merges, the gate answers, and neither can do the other's part."""

    url: str = "https://api.github.com"
    """What stands before /repos; GitHub Enterprise Server has https://HOST/api/v3."""
    writer: GitHubApp
    gate: GitHubApp | None = None
    """Only where `merge` runs; None = this function publishes no check."""


class GitLab(_Strict):
    """GitLab, hosted or self-managed; a Developer's token writes, a Maintainer's only merges."""

    url: str = "https://gitlab.com"


EntraId = Annotated[str, Field(pattern=f"^{ENTRA_ID.pattern}$")]


class AzureEntra(_Strict):
    """Whose tokens count on Azure's path: a secure webhook of an action group brings one, of our tenant and for our application."""

    tenant: EntraId
    audience: EntraId
    """Client id of the application that the webhook is registered with."""
    sender: EntraId = AZURE_MONITOR
    """Client id of who calls."""


class NonProduction(_Strict):
    """A cluster that is proven not to be production, by uid, never by name or label."""

    cluster_uid: ClusterUid
    project_uid: ProjectUid
    since: date


class Export(_Strict):
    """A billing export and the account it may speak for."""

    name: Slug
    form: BillForm = "focus"
    prefix: str
    """URL or path below which its files are; manifest keys must stay below it."""
    billing_account: str
    """BillingAccountId that every row must carry; "*" only for a bundle of accounts that is declared so."""
    part: ExportPart = "all"
    """`commitment-purchases`: an ActualCost export of Azure, delivered beside an AmortizedCost one of the same scope."""
    pull: bool = False
    """Look for deliveries on the clock: the bucket is in another cloud or account, and cannot notify us."""
    identity: str | None = None
    """ARN of the role to assume for an S3 bucket of another account; None = the function's own."""
    storage_account: str | None = None
    """Azure storage account of an `az://container/…` prefix."""


class MetricsEndpoint(_Strict):
    """Where one cluster's metrics are read, and as whom: whoever else can write there must not be able to speak for it."""

    cluster_uid: ClusterUid
    url: str
    """What stands before /api/v1/query_range."""
    auth: Literal["none", "bearer", "aws", "google"] = "none"
    """bearer: its token in TRIMTAB_METRICS_SECRETS, or in `token_file`; aws: SigV4; google: OAuth by the function's own identity."""
    tenant: str | None = None
    tenant_header: Literal["X-Scope-OrgID", "THANOS-TENANT"] = "X-Scope-OrgID"
    region: str | None = None
    """AWS region of the workspace; None = as its host says."""
    identity: str | None = None
    """ARN of the role to assume for a workspace of another account; None = the function's own."""
    token_file: str | None = None
    """A file with the bearer token, read with every request: Kubernetes replaces it while we run."""
    ca_file: str | None = None
    """PEM certificates to believe instead of the public ones."""
    client_certificate: str | None = None
    """PEM chain for mutual TLS; its key in TRIMTAB_METRICS_SECRETS, in `client_key`, or in the same file."""
    client_key: str | None = None
    matchers: dict[str, str] = {}
    """Labels that tell its series from others' in a store that several clusters share."""
    jobs: tuple[str, ...] = ()
    """Scrape jobs that are believed, kubelet's and exporters'; () = any, and then no series proves that something is not there."""
    labels_set_by_store: bool = False
    """The store itself puts those labels on, whoever writes; Google does. Without it, clusters may not share a store and tenant."""


class MailServer(_Strict):
    """The SMTP server that mail is handed to; its password is a secret of its own."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """none is for a private host without a password."""
    sender: Annotated[str, Field(pattern=r"^[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9.-]{1,253}$")]
    """Address that alerts are from."""
    user: str = ""
    """Whom the password is of; "" = the sender."""
    ca_file: str | None = None
    """PEM certificates to believe instead of the public ones."""


class TicketSystem(_Strict):
    """Where tickets are written; the token of its account is a secret of its own."""

    kind: Literal["jira", "servicenow"]
    url: str
    """https://acme.atlassian.net, https://acme.service-now.com."""
    user: str = ""
    """Whom the token is of (Jira Cloud: the account's e-mail); "" = the token is a bearer's (Jira Data Center, ServiceNow OAuth)."""


class DeployedAt(_Strict):
    """Where the functions run, as Terraform was told; only `trimtab doctor` asks."""

    cloud: Literal["aws", "gcp"]
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,20}$")]
    """What every name begins with, and the tag `trimtab` says."""
    region: str
    project: str = ""
    """Google Cloud's; AWS has none."""


class Settings(_Strict):
    """Everything that only a deployment may decide."""

    tenant: Slug = "default"
    store: str = "file://./trimtab-store"
    ledger: str | None = None
    """Another URL for the ledger, so that it can be locked; None = the store's."""
    anchor: str | None = None
    """URL of a second place, best in another account, where Trimtab may only add: the roots of seals go there. None = nowhere."""
    highest_stage: Stage = Stage.OBSERVE
    repositories: tuple[Repository, ...] = ()
    nonproduction: tuple[NonProduction, ...] = ()
    exports: tuple[Export, ...] = ()
    github: GitHub | None = None
    gitlab: GitLab | None = None
    azure_entra: AzureEntra | None = None
    """None = notices from Azure prove themselves with the secret in their URL, where one was chosen; else with a token alone."""
    palette_url: str | None = None
    slack_url: str = "https://slack.com/api/"
    metrics_url: str | None = None
    """Prometheus API per cluster; `{cluster_uid}` stands for the cluster, so that no cluster can speak for another."""
    metrics: tuple[MetricsEndpoint, ...] = ()
    """Clusters whose endpoint is not as `metrics_url` says, one each."""
    collect_buffer: str | None = None
    """Folder for drops that the store did not take; the next run delivers them. None = a store that does not answer ends the run."""
    private_hosts: tuple[str, ...] = ()
    """Hosts that may have private addresses and plain http: a self-hosted Palette, a Prometheus inside the network."""
    mounts: dict[str, str] = {}
    """URL prefix → directory that stands in for it, for replays; only a `file://` store may have any."""
    default_channel: str = ""
    finance_channel: str = ""
    mail_server: MailServer | None = None
    """None = nobody is told by e-mail."""
    ticket_system: TicketSystem | None = None
    """None = no tickets are written, and no change requests looked up."""
    clock: AwareDatetime | None = None
    """A fixed "now", for replays; only a `file://` store may have it."""
    rules_from: Literal["forge", "store"] = "forge"
    """store: this function holds no key of the forge, and reads `.trimtab/` as `verify` leaves it in the store every few minutes."""
    config_dir: str | None = None
    """Read `.trimtab/`'s files from this folder instead of a repo: for attribution on a laptop, never for a change."""
    is_demo: bool = False
    """Made by `trimtab demo`: its secrets are refused everywhere but on its own disk."""
    attribute_hours: Annotated[int, Field(ge=1, le=24)] = 6
    """How often the clock asks for periods whose bill, usage or rules changed; a bill that arrives has its period attributed at once."""
    memory_mb: int = 512
    """What DuckDB may use."""
    meters_namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$")] | None = None
    """CloudWatch namespace that the functions' own metrics go to, by way of their logs; None = there is no CloudWatch."""
    webhooks_url: str | None = None
    """What stands before /slack and /github where strangers call; `trimtab doctor` calls it too. None = it does not."""
    deployed_at: DeployedAt | None = None
    """None = `trimtab doctor` does not compare what is deployed with what the code expects."""
    spark_above_mb: int = 1000
    """A delivery whose files are together larger, or a period whose bill in the lake is, is not read here; in 10^6 bytes."""
    has_spark: bool = False
    """A Spark job takes what is larger (inbox/spark); without one, it is refused."""

    slack_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    github_webhook_secret: SecretStr | None = None
    gitlab_webhook_secret: SecretStr | None = None
    github_writer_key: SecretStr | None = None
    """PEM private key of the writer App."""
    github_gate_key: SecretStr | None = None
    """PEM private key of the gate App; only `merge` has it."""
    gitlab_writer_token: SecretStr | None = None
    """Project or group access token, Developer."""
    gitlab_merger_token: SecretStr | None = None
    """Project or group access token, Maintainer; only `merge` has it."""
    smtp_password: SecretStr | None = None
    ticket_token: SecretStr | None = None
    """API token, personal access token, password or OAuth token, as the system wants it."""
    teams_webhooks: SecretStr | None = None
    """JSON: name → URL of a Microsoft Teams workflow webhook; only `alert` has it."""
    palette_webhook_secret: SecretStr | None = None
    azure_webhook_secret: SecretStr | None = None
    alertmanager_webhook_secret: SecretStr | None = None
    openmetrics_token: SecretStr | None = None
    """Bearer token of whoever scrapes the local page; without one of 16 characters and more, nobody does."""
    palette_api_key: SecretStr | None = None
    palette_write_key: SecretStr | None = None
    """A second key, which may change cluster metadata; only `verify` has it, and only where clusters are annotated."""
    metrics_secrets: SecretStr | None = None
    """JSON: cluster uid → {"token": …, "client_key": PEM}; each goes to that cluster's endpoint and nowhere else."""
    azure_sas: SecretStr | None = None
    """Shared access signature that may read and list the `az://` prefixes of exports; without one, workload identity is used."""
    azure_token: SecretStr | None = None
    """Bearer token for Cost Management, only for `trimtab history`."""

    @property
    def ledger_url(self) -> str:
        """Where streams, slots, seals, inbox and done marks are."""
        return self.ledger or self.store

    @property
    def is_local(self) -> bool:
        """True on a disk of our own: there, and only there, `--as` and the local page may decide."""
        return self.store.startswith("file://") and self.ledger_url.startswith("file://")

    def secrets_of(self, source: str) -> tuple[str, ...]:
        """The secrets that a sender may prove itself with; none where nothing usable is configured."""
        secret: SecretStr | None = getattr(self, SENDER_SECRETS[source])
        return split_secret(source, secret.get_secret_value() if secret else "", is_local=self.is_local)

    def metrics_endpoint(self, cluster_uid: ClusterUid) -> MetricsEndpoint | None:
        """The one endpoint that may speak for a cluster; None = it has none. Raises BadInput where two clusters could be confused."""
        own = [endpoint for endpoint in self.metrics if endpoint.cluster_uid == cluster_uid]
        if len(own) > 1:
            raise BadInput(f"settings.metrics: cluster {cluster_uid} is there {len(own)} times; one endpoint speaks for it")
        if own:
            _check_apart(own[0], self.metrics)
            return own[0]
        if self.metrics_url is None:
            return None
        if "{cluster_uid}" not in self.metrics_url:
            raise BadInput("settings.metrics_url: no {cluster_uid} in it: clusters would read each other's; list each in settings.metrics")
        return MetricsEndpoint(cluster_uid=cluster_uid, url=self.metrics_url.replace("{cluster_uid}", quote(cluster_uid, safe="")))

    def repository(self, repo: str) -> Repository:
        """The repo of that id; Refused by the caller where there is none."""
        for repository in self.repositories:
            if repository.id == repo:
                return repository
        raise BadInput(f"settings.repositories: no repo with id {repo!r}")


def _check_apart(own: MetricsEndpoint, every: tuple[MetricsEndpoint, ...]) -> None:
    """A label that a cluster writes itself could say another cluster's name, so it does not tell them apart."""
    here = (own.url.rstrip("/"), own.tenant)
    for other in every:
        if other is not own and (other.url.rstrip("/"), other.tenant) == here:
            told_apart = own.labels_set_by_store and other.labels_set_by_store and own.matchers and own.matchers != other.matchers
            if not told_apart:
                both = f"clusters {own.cluster_uid} and {other.cluster_uid}"
                raise BadInput(
                    f"settings.metrics: {both} have one URL and tenant; give each its own tenant, or matchers on labels that the store "
                    "itself sets (labels_set_by_store)"
                )


SECRETS = tuple(name for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation))


def load(environ: Mapping[str, str], store: str | None = None) -> Settings:
    """Settings from the environment and, on a local store, its settings.json.

    `store` is the command line's `--store`. Raises BadInput that names the key.
    """
    url = store or environ.get("TRIMTAB_STORE") or "file://./trimtab-store"
    text = environ.get("TRIMTAB_SETTINGS")
    place = "TRIMTAB_SETTINGS"
    if text is None and url.startswith("file://"):
        path = local_path(url) / "settings.json"
        place = str(path)
        text = _text_of(path) if path.exists() else None
    values: dict[str, object] = _object(text, place) if text else {}
    for name in SECRETS:
        secret = environ.get(f"TRIMTAB_{name.upper()}")
        if secret is not None:
            values[name] = secret
        elif name in values and not url.startswith("file://"):
            raise BadInput(f"{place}.{name}: a secret may not stand here; set TRIMTAB_{name.upper()}")
    for name in ("clock", "palette_url", "slack_url", "metrics_url", "ledger", "rules_from"):
        if environ.get(f"TRIMTAB_{name.upper()}"):
            values[name] = environ[f"TRIMTAB_{name.upper()}"]
    _same_place(values.get("store"), url, place)
    values["store"] = f"file://{local_path(url)}" if url.startswith("file://") else url
    settings = _validated(values, place)
    if not settings.is_local and (settings.clock or settings.is_demo or settings.mounts):
        raise BadInput(f"{place}: clock, is_demo and mounts are for file:// stores only, this one is {settings.store}")
    return settings


def _same_place(said: object, url: str, place: str) -> None:
    """A copied store still names the first one's repository and exports: working on the copy would change the first."""
    if place == "TRIMTAB_SETTINGS" or not isinstance(said, str) or not said.startswith("file://"):
        return
    if local_path(said).resolve() != local_path(url).resolve():
        raise BadInput(f"{place}: store says {said}, so this is a copy of that one; write its own place, here and in every other path")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {type(error).__name__}") from None


def _object(text: str, place: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{place}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput(f"{place}: expected a JSON object")
    return value


def _validated(values: dict[str, object], place: str) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{place}: {path}: {first['msg']}") from None
