"""`config.yaml` and `policy.yaml` as strict models: what may stand where, and nothing else. Their JSON Schema is for editors."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from trimtab.policy.facts import FACTS
from trimtab.policy.values import Name, Pattern, Slug, Strict, Zone


def _moment(value: object) -> datetime:
    """A date is its first moment in UTC; a time without a zone would mean something else to each reader, so it is refused."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"not a date or time: {value!r}; write 2026-12-20 or 2026-12-20T18:00:00Z") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs its zone; write 2026-12-20T18:00:00Z")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.min, UTC)
    raise ValueError("expected a date or time; write 2026-12-20 or 2026-12-20T18:00:00Z")


def _end(value: object) -> datetime:
    """The end given as a date includes that day."""
    is_date = (isinstance(value, date) and not isinstance(value, datetime)) or (isinstance(value, str) and len(value) == len("2026-12-20"))
    return _moment(value) + timedelta(days=1) if is_date else _moment(value)


Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Hour = Annotated[int, Field(ge=0, le=24)]
WhenText = Annotated[datetime, Field(json_schema_extra={"type": "string"})]
StageName = Literal["observe", "approve", "guarded"]
TierName = Literal["one-approval", "two-approvals", "report-only"]
"""A rule only ever raises, so there is no rule that gives auto-merge."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Operator = Literal["is", "in", "at-most", "at-least", "matches"]
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


class GateModel(Strict):
    """Which gate decides for a path."""

    path: Name
    gate: Literal["forge", "slack", "both"]


class FieldsModel(Strict):
    """Field → key inside a pool."""

    count: Name | None = None
    min: Name | None = None
    max: Name | None = None
    instance_type: Name | None = None
    capacity_type: Name | None = None
    cpu_cores: Name | None = None
    memory_mib: Name | None = None
    gpu_limit: Name | None = None

    @model_validator(mode="after")
    def _has_one(self) -> "FieldsModel":
        if not self.model_dump(exclude_none=True):
            raise ValueError("names no field; a layout without one can change nothing")
        return self


class LayoutModel(Strict):
    """Where files say what a pool is."""

    name: Name
    files: list[Name] = Field(min_length=1)
    cluster: Annotated[str, Field(max_length=120)]
    pools: Name
    pool_name: Name
    fields_: FieldsModel = Field(alias="fields")
    delivery: Literal["apply-on-push", "atlantis", "hcp-terraform", "argo"] = "apply-on-push"


class ConfigFile(Strict):
    """`.trimtab/config.yaml`: how far Trimtab may go, and where things are."""

    version: Literal[1]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    stage: StageName = "observe"
    stages: Annotated[list[StageModel], Field(default_factory=list)]
    gates: Annotated[list[GateModel], Field(default_factory=list)]
    layouts: Annotated[list[LayoutModel], Field(default_factory=list)]


# ── policy.yaml ──────────────────────────────────────────────────────────────────────────────────────────────────────
class ConditionModel(Strict):
    """One predicate: a fact, exactly one operator, a value of the fact's kind."""

    fact: str
    is_: Scalar | None = Field(default=None, alias="is")
    in_: list[str | int | float] | None = Field(default=None, alias="in", min_length=1)
    at_most: int | float | None = Field(default=None, alias="at-most", allow_inf_nan=False)
    at_least: int | float | None = Field(default=None, alias="at-least", allow_inf_nan=False)
    matches: Pattern | None = None

    @property
    def operator(self) -> tuple[Operator, Any]:
        """(operator, value) as given."""
        return next((alias, value) for alias, value in self._operators().items() if value is not None)

    def _operators(self) -> dict[Operator, object]:
        return {"is": self.is_, "in": self.in_, "at-most": self.at_most, "at-least": self.at_least, "matches": self.matches}

    @model_validator(mode="after")
    def _is_sound(self) -> "ConditionModel":
        given = [name for name, value in self._operators().items() if value is not None]
        if self.fact not in FACTS:
            raise ValueError(f"fact: no such fact: {self.fact!r}; known: {', '.join(FACTS)}")
        if len(given) != 1:
            raise ValueError(f"needs exactly one of is, in, at-most, at-least, matches; has {', '.join(given) or 'none'}")
        kind, name = FACTS[self.fact].kind, given[0]
        if name not in _OPERATORS[kind] or not _has_kind(self.operator[1], kind, name):
            raise ValueError(f"{name}: {self.fact} is a {kind}; it takes {_TAKES[kind]}")
        return self


_OPERATORS = {"text": ("is", "in", "matches"), "number": ("is", "in", "at-most", "at-least"), "flag": ("is",)}
_TAKES = {
    "text": "is or matches with a text, or in with a list of texts",
    "number": "is, at-most or at-least with a number, or in with a list of numbers",
    "flag": "is with true or false",
}
_KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "flag": (bool,)}


def _has_kind(value: object, kind: str, operator: str) -> bool:
    values = value if operator == "in" and isinstance(value, list) else [value]
    return all(isinstance(item, _KINDS[kind]) and (kind == "flag" or not isinstance(item, bool)) for item in values)


class RuleModel(Strict):
    """If every condition holds, at least this tier."""

    name: Slug
    when: list[ConditionModel] = Field(min_length=1)
    tier: TierName


class FreezeModel(Strict):
    """A time without merges."""

    name: Name
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
    open_at_once: Annotated[int, Field(ge=0)] = 10
    auto_merges_per_day: Annotated[int, Field(ge=0)] = 3
    share_of_pools_per_run: Share = 0.34
    cool_down_days: Annotated[int, Field(ge=0)] = 7


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
