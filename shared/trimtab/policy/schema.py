"""`config.yaml` and `policy.yaml` as strict models: what may stand where, and nothing else. Their JSON Schema is for editors."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from trimtab.errors import BadInput
from trimtab.keypaths import LONGEST_PATH
from trimtab.keypaths import parse as parse_key_path
from trimtab.policy.budget_rules import CloudBudgetModel
from trimtab.policy.facts import FACTS
from trimtab.policy.ticket_rules import TicketsModel
from trimtab.policy.values import Name, Pattern, Slug, Strict, Zone
from trimtab.policy.watch_rules import WatchModel


def _moment(value: object, info: ValidationInfo) -> datetime:
    """A date is its first moment where the freeze is; a time without any zone means something else to each reader: refused."""
    zone = info.data.get("time_zone")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"not a date or time: {value!r}; write 2026-12-20 or 2026-12-20T18:00:00Z") from None
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        if zone is None:
            raise ValueError("a time needs its zone; write 2026-12-20T18:00:00Z, or give the freeze a time_zone")
        return value.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.min, ZoneInfo(zone or "UTC")).astimezone(UTC)
    raise ValueError("expected a date or time; write 2026-12-20 or 2026-12-20T18:00:00Z")


def _end(value: object, info: ValidationInfo) -> datetime:
    """The end given as a date includes that day."""
    text = value if isinstance(value, str) and len(value) == len("2026-12-20") else None
    day = _day_of(text) if text else value
    if isinstance(day, date) and not isinstance(day, datetime):
        return _moment(day + timedelta(days=1), info)
    return _moment(value, info)


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Hour = Annotated[int, Field(ge=0, le=24)]
WhenText = Annotated[datetime, Field(json_schema_extra={"type": "string"})]
StageName = Literal["observe", "approve", "guarded"]
TierName = Literal["one-approval", "two-approvals", "report-only"]
"""A rule only ever raises, so there is no rule that gives auto-merge."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Operator = Literal["is", "is-not", "in", "not-in", "at-most", "at-least", "matches"]
LabelText = Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9 ._:/-]|\{risk\}|\{environment\}){1,40}$")]
"""A label as both forges take one; GitLab parts labels at commas."""
Scalar = str | bool | int | float


# ── config.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
class StageModel(Strict):
    """A stage for a scope."""

    stage: StageName
    project: Name | None = None
    cluster: Name | None = None
    team: Name | None = None

    @model_validator(mode="after")
    def _has_scope(self) -> "StageModel":
        if self.project is None and self.cluster is None and self.team is None:
            raise ValueError("needs project, cluster or team; the stage of everything else is the top-level `stage`")
        return self


def _glob(glob: str) -> str:
    """A glob with no placeholder that nothing fills."""
    unknown = [part for part in re.findall(r"\{[^}]*\}?", glob) if part not in {"{cluster}", "{namespace}"}]
    if unknown:
        raise ValueError(f"{unknown[0]}: the placeholders are {{cluster}} and {{namespace}}")
    return glob


class GateModel(Strict):
    """Which gate decides for a path."""

    path: Name
    gate: Literal["forge", "slack", "both"]


def _key_path(path: str) -> str:
    """A key path that can be followed."""
    try:
        parse_key_path(path)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return path


KeyPath = Annotated[str, Field(min_length=1, max_length=LONGEST_PATH), AfterValidator(_key_path)]
Kind = Literal["pool", "namespace", "workspace", "virtual-cluster", "workload"]
UnitName = Literal["cores", "millicores", "bytes", "mib", "gib", "pieces", "quantity"]
_UNITS: dict[str, tuple[UnitName, ...]] = {
    "cpu": ("cores", "millicores", "quantity"),
    "memory": ("bytes", "mib", "gib", "quantity"),
    "gpu": ("pieces", "quantity"),
}


class FieldsModel(Strict):
    """Field → key inside a pool, a quota or a container."""

    count: KeyPath | None = None
    min: KeyPath | None = None
    max: KeyPath | None = None
    instance_type: KeyPath | None = None
    capacity_type: KeyPath | None = None
    cpu_cores: KeyPath | None = None
    memory_mib: KeyPath | None = None
    gpu_limit: KeyPath | None = None
    cpu_request: KeyPath | None = None
    cpu_limit: KeyPath | None = None
    memory_request: KeyPath | None = None
    memory_limit: KeyPath | None = None
    gpu_request: KeyPath | None = None

    @property
    def given(self) -> dict[str, str]:
        """Those that are set."""
        return self.model_dump(exclude_none=True)

    @model_validator(mode="after")
    def _has_one(self) -> "FieldsModel":
        if not self.given:
            raise ValueError("names no field; a layout without one can change nothing")
        return self


class UnitsModel(Strict):
    """Field → how the files write it: plain numbers of a unit, or Kubernetes quantities ("8Gi", "500m")."""

    cpu_cores: UnitName | None = None
    memory_mib: UnitName | None = None
    gpu_limit: UnitName | None = None
    cpu_request: UnitName | None = None
    cpu_limit: UnitName | None = None
    memory_request: UnitName | None = None
    memory_limit: UnitName | None = None
    gpu_request: UnitName | None = None

    @property
    def given(self) -> dict[str, str]:
        """Those that are set."""
        return self.model_dump(exclude_none=True)

    @model_validator(mode="after")
    def _fits(self) -> "UnitsModel":
        for name, unit in self.given.items():
            fitting = _UNITS[name.partition("_")[0]]
            if unit not in fitting:
                raise ValueError(f"{name}: {unit!r} does not measure it; expected {', '.join(fitting)}")
        return self


class LayoutModel(Strict):
    """Where files say what a pool, a quota or a container is."""

    name: Name
    files: list[Annotated[Name, AfterValidator(_glob)]] = Field(min_length=1)
    cluster: Annotated[str, Field(max_length=LONGEST_PATH)] = ""
    cluster_name: Name | None = None
    pools: Annotated[str, Field(max_length=LONGEST_PATH)] = ""
    pool_name: KeyPath | None = None
    pool: Name | None = None
    kind: Kind | None = None
    object_: Annotated[str, Field(pattern=r"^([A-Z][A-Za-z0-9]{0,62}|workload)$")] | None = Field(default=None, alias="object")
    fields_: FieldsModel = Field(alias="fields")
    units: UnitsModel = Field(default_factory=UnitsModel)
    delivery: Literal["apply-on-push", "atlantis", "hcp-terraform", "argo"] = "apply-on-push"
    plan_author: Annotated[str, Field(max_length=100)] = ""

    @property
    def is_about(self) -> Kind:
        """The kind; where it is not said, what has such fields."""
        if self.kind is not None:
            return self.kind
        given = set(self.fields_.given)
        return "namespace" if given <= {"cpu_cores", "memory_mib", "gpu_limit"} else "workload" if given <= _CONTAINER else "pool"

    @model_validator(mode="after")
    def _is_sound(self) -> "LayoutModel":
        for path in (self.cluster if self.cluster != "*" else "", self.pools):
            _key_path(path)
        known = _FIELDS_OF[self.is_about]
        strange = sorted(set(self.fields_.given) - known)
        if strange:
            raise ValueError(f"fields.{strange[0]}: a {self.is_about} has no such field; it has {', '.join(sorted(known))}")
        if set(self.units.given) - set(self.fields_.given):
            raise ValueError(f"units.{min(set(self.units.given) - set(self.fields_.given))}: is not among `fields`")
        self._names_its_things()
        return self

    def _names_its_things(self) -> None:
        """A layout that cannot tell one cluster's things from another's would edit the wrong one."""
        by_path = any("{cluster}" in glob for glob in self.files)
        ways = [name for name, is_given in (
            ("cluster", bool(self.cluster)), ("cluster_name", bool(self.cluster_name)), ("{cluster} in files", by_path)
        ) if is_given]  # fmt: skip
        if len(ways) > 1 or (by_path and not all("{cluster}" in glob for glob in self.files)):
            raise ValueError(f"{' and '.join(ways)}: say in one way, the same for all files, which cluster it is")
        if self.cluster == "*" and self.is_about not in {"workspace", "virtual-cluster"}:
            raise ValueError(f"cluster: '*' is for workspaces and virtual clusters; say which cluster a {self.is_about} is of")
        if self.object_ and not ways:
            raise ValueError("cluster: Kubernetes objects do not name it; set cluster_name, or put {cluster} into files")
        if (self.object_ == "workload") != (self.is_about == "workload" and self.pool is None and self.pool_name is None):
            raise ValueError("kind workload: set either `object: workload`, or `pool` with namespace/Kind/name/container")
        # A block of Terraform may be the only one of its resource, and go by the resource's name.
        given = [self.pool is not None, self.pool_name is not None, all(glob.endswith(".tf") for glob in self.files)]
        if self.object_ != "workload" and (not any(given) or all(given[:2])):
            raise ValueError("needs pool_name (the key that names each) or pool (the name of the only one)")


_CONTAINER = frozenset({"cpu_request", "cpu_limit", "memory_request", "memory_limit", "gpu_request"})
_QUOTA = frozenset({"cpu_cores", "memory_mib", "gpu_limit"})
_FIELDS_OF: dict[Kind, frozenset[str]] = {
    "pool": frozenset({"count", "min", "max", "instance_type", "capacity_type"}) | _QUOTA,
    "namespace": _QUOTA | (_CONTAINER - {"gpu_request"}),
    "workspace": _QUOTA,
    "virtual-cluster": _QUOTA,
    "workload": _CONTAINER,
}


class ConfigFile(Strict):
    """`.trimtab/config.yaml`: how far Trimtab may go, and where things are."""

    version: Literal[1]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    stage: StageName = "observe"
    stages: Annotated[list[StageModel], Field(default_factory=list)]
    gates: Annotated[list[GateModel], Field(default_factory=list)]
    labels: Annotated[list[LabelText], Field(max_length=10, default_factory=lambda: ["trimtab", "cost"])]
    dashboard: bool = True
    grouping: Literal["none", "file"] = "none"
    layouts: Annotated[list[LayoutModel], Field(default_factory=list)]
    watch: WatchModel = Field(default_factory=WatchModel)
    cloud_budgets: Annotated[list[CloudBudgetModel], Field(default_factory=list)]
    tickets: TicketsModel | None = None
    annotations: bool = False
    """Whether clusters in Palette say what is proposed for them; where Terraform manages a cluster, its plan shows that as a difference."""
    change_requests: bool = False
    """Whether each proposal needs a change request in ServiceNow whose correlation id is the proposal's."""


# ── policy.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
class ConditionModel(Strict):
    """One predicate: a fact, exactly one operator, a value of the fact's kind."""

    fact: str
    is_: Scalar | None = Field(default=None, alias="is")
    is_not: Scalar | None = Field(default=None, alias="is-not")
    in_: list[str | int | float] | None = Field(default=None, alias="in", min_length=1)
    not_in: list[str | int | float] | None = Field(default=None, alias="not-in", min_length=1)
    at_most: int | float | None = Field(default=None, alias="at-most", allow_inf_nan=False)
    at_least: int | float | None = Field(default=None, alias="at-least", allow_inf_nan=False)
    matches: Pattern | None = None

    @property
    def operator(self) -> tuple[Operator, Any]:
        """(operator, value) as given."""
        return next((alias, value) for alias, value in self._operators().items() if value is not None)

    def _operators(self) -> dict[Operator, object]:
        return {
            "is": self.is_,
            "is-not": self.is_not,
            "in": self.in_,
            "not-in": self.not_in,
            "at-most": self.at_most,
            "at-least": self.at_least,
            "matches": self.matches,
        }

    @model_validator(mode="after")
    def _is_sound(self) -> "ConditionModel":
        given = [name for name, value in self._operators().items() if value is not None]
        if self.fact not in FACTS:
            raise ValueError(f"fact: no such fact: {self.fact!r}; known: {', '.join(FACTS)}")
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(self._operators())}; has {', '.join(given) or 'none'}")
        kind, name = FACTS[self.fact].kind, given[0]
        if name not in OPERATORS[kind] or not _has_kind(self.operator[1], kind, name):
            raise ValueError(f"{name}: {self.fact} is a {kind}; it takes {_TAKES[kind]}")
        return self


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "text": ("is", "is-not", "in", "not-in", "matches"),
    "texts": ("is", "is-not", "in", "not-in", "matches"),
    "number": ("is", "is-not", "in", "not-in", "at-most", "at-least"),
    "flag": ("is", "is-not"),
}
"""Kind of fact → what it may be asked."""
_TAKES = {
    "text": "is, is-not or matches with a text, or in or not-in with a list of texts",
    "texts": "is, is-not or matches with a text, or in or not-in with a list of texts",
    "number": "is, is-not, at-most or at-least with a number, or in or not-in with a list of numbers",
    "flag": "is or is-not with true or false",
}
_KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "texts": (str,), "number": (int, float), "flag": (bool,)}


def _has_kind(value: object, kind: str, operator: str) -> bool:
    values = value if operator in {"in", "not-in"} and isinstance(value, list) else [value]
    return all(isinstance(item, _KINDS[kind]) and (kind == "flag" or not isinstance(item, bool)) for item in values)


class RuleModel(Strict):
    """If every condition holds: at least this tier, or no merge while they do, or both."""

    name: Slug
    when: list[ConditionModel] = Field(min_length=1)
    tier: TierName | None = None
    holds: bool = False
    time_zone: Zone = "UTC"

    @model_validator(mode="after")
    def _does_something(self) -> "RuleModel":
        if self.tier is None and not self.holds:
            raise ValueError("tier: missing; a rule has a tier, or `holds: true`, or both")
        return self


class FreezeModel(Strict):
    """A time without merges; days and times that name no zone are those of `time_zone`."""

    name: Name
    time_zone: Zone | None = None
    start: Annotated[WhenText, BeforeValidator(_moment)]
    end: Annotated[WhenText, BeforeValidator(_end)]

    @model_validator(mode="after")
    def _is_forward(self) -> "FreezeModel":
        if self.end <= self.start:
            raise ValueError(f"end: {self.end:%Y-%m-%dT%H:%MZ} is not after start {self.start:%Y-%m-%dT%H:%MZ}")
        return self


class WindowModel(Strict):
    """Local hours in which Trimtab may merge by itself."""

    weekdays: list[Weekday] = Field(min_length=1)
    from_: Annotated[int, Field(ge=0, le=23)] = Field(alias="from")
    to: Hour
    time_zone: Zone

    @model_validator(mode="after")
    def _is_forward(self) -> "WindowModel":
        if self.to <= self.from_:
            raise ValueError(f"to: {self.to} is not after from {self.from_}; a window ends on the day it begins")
        return self


class LimitsModel(Strict):
    """Rate limits and breakers."""

    pull_requests_per_hour: Annotated[int, Field(ge=0)] = 4
    commits_per_hour: Annotated[int, Field(ge=0)] = 12
    open_at_once: Annotated[int, Field(ge=0)] = 10
    auto_merges_per_day: Annotated[int, Field(ge=0)] = 3
    share_of_pools_per_run: Share = 0.34
    share_of_pools_per_day: Share = 0.5
    cool_down_days: Annotated[int, Field(ge=0)] = 7
    rollbacks_per_day: Annotated[int, Field(ge=0)] = 3


class EvidenceModel(Strict):
    """How much must have been measured."""

    days_nonproduction: Annotated[int, Field(ge=1)] = 14
    days_production: Annotated[int, Field(ge=1)] = 30
    coverage: Share = 0.95


class PolicyFile(Strict):
    """`.trimtab/policy.yaml`: what a change needs before it may merge."""

    version: Literal[1]
    rules: Annotated[list[RuleModel], Field(default_factory=list)]
    freezes: Annotated[list[FreezeModel], Field(default_factory=list)]
    windows: Annotated[list[WindowModel], Field(default_factory=list)]
    limits: LimitsModel = LimitsModel()
    evidence: EvidenceModel = EvidenceModel()
