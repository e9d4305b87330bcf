"""`.trimtab/` as bytes → Governance: parsed strictly, once, at the door. An error is one line that names file and key."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from trimtab.errors import BadInput, TooLarge
from trimtab.policy.access_rules import access_rules
from trimtab.policy.allocation_rules import ALLOCATION, AllocationFile, allocation_rules
from trimtab.policy.budget_rules import budgets, cloud_budgets
from trimtab.policy.cmdb import OWNERS_CSV, parse_teams_csv
from trimtab.policy.cost_file import COSTS, CostsFile, other_costs
from trimtab.policy.drivers_file import DRIVERS_CSV, parse_drivers
from trimtab.policy.facts import shown
from trimtab.policy.organization import organization
from trimtab.policy.owners_file import DatedModel, OwnerRuleModel, OwnersFile
from trimtab.policy.schema import ConditionModel, ConfigFile, LayoutModel, PolicyFile, WindowModel
from trimtab.policy.ticket_rules import ticket_rules
from trimtab.policy.values import Strict
from trimtab.policy.watch_rules import watch_rules
from trimtab.records import (
    AllocationRules,
    ApproverScope,
    ChangeWindow,
    ClusterUid,
    CommitSha,
    Condition,
    EvidenceFloor,
    FieldUnit,
    Freeze,
    GateRule,
    Governance,
    Layout,
    Limits,
    OwnerRule,
    Person,
    PersonId,
    PolicyRule,
    PoolField,
    Stage,
    StageRule,
    Tier,
)

CONFIG, POLICY, OWNERS = FILES = (".trimtab/config.yaml", ".trimtab/policy.yaml", ".trimtab/owners.yaml")
OPTIONAL = (OWNERS_CSV, COSTS, ALLOCATION, DRIVERS_CSV)
"""Files that a tenant need not have; where they are there they count like the others."""
LARGEST = 256 * 1024
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Model = TypeVar("Model", bound=Strict)


def parse_governance(files: Mapping[str, bytes], commit: CommitSha) -> Governance:
    """The rules of a tenant, from the files of `.trimtab/` at one commit: FILES, and those of OPTIONAL that are there.

    Raises BadInput with one line naming file and key; a tenant whose rules cannot be read has none.
    """
    config = _file(files, CONFIG, ConfigFile)
    policy = _file(files, POLICY, PolicyFile)
    owners = _file(files, OWNERS, OwnersFile)
    _check_unique(CONFIG, "layouts", "name", [layout.name for layout in config.layouts])
    _check_unique(POLICY, "rules", "name", [rule.name for rule in policy.rules])
    _check_unique(POLICY, "freezes", "name", [freeze.name for freeze in policy.freezes])
    _check_owners(owners)
    teams, cost_centers = organization(owners, parse_teams_csv(files[OWNERS_CSV], OWNERS_CSV) if OWNERS_CSV in files else ())
    _check_teams(config, owners, {team.name for team in teams})
    return Governance(
        commit=commit,
        version=version_of(files),
        currency=config.currency,
        default_stage=Stage(config.stage),
        stages=tuple(StageRule(stage=Stage(row.stage), project=row.project, cluster=row.cluster, team=row.team) for row in config.stages),
        gates=tuple(GateRule(path=row.path, gate=row.gate) for row in config.gates),
        layouts=_layouts(config),
        teams=teams,
        cost_centers=cost_centers,
        labels=tuple(config.labels),
        has_dashboard=config.dashboard,
        grouping=config.grouping,
        tickets=ticket_rules(config.tickets),
        annotates_clusters=config.annotations,
        asks_change_requests=config.change_requests,
        other_costs=other_costs(_file(files, COSTS, CostsFile), [team.name for team in teams]) if COSTS in files else (),
        allocation=_allocation(files, [team.name for team in teams]),
        people=tuple(Person(id=PersonId(row.id), slack=row.slack, forge=row.forge) for row in owners.people),
        owner_rules=tuple(_owner_rule(row) for row in owners.rules),
        approvers=_approvers(owners),
        rules=_rules(policy),
        freezes=tuple(Freeze(name=row.name, start=row.start, end=row.end, time_zone=row.time_zone or "UTC") for row in policy.freezes),
        windows=tuple(_window(row) for row in policy.windows),
        limits=Limits(**policy.limits.model_dump()),
        evidence=EvidenceFloor(**policy.evidence.model_dump()),
        watch=watch_rules(config.watch, f"{CONFIG}: watch"),
        access=access_rules(owners.access),
        budgets=budgets(owners.budgets, f"{OWNERS}: budgets", config.currency, [team.name for team in teams]),
        cloud_budgets=cloud_budgets(config.cloud_budgets, f"{CONFIG}: cloud_budgets", [team.name for team in teams]),
    )


def _allocation(files: Mapping[str, bytes], teams: Sequence[str]) -> AllocationRules:
    drivers = parse_drivers(files[DRIVERS_CSV], DRIVERS_CSV) if DRIVERS_CSV in files else {}
    return allocation_rules(_file(files, ALLOCATION, AllocationFile), teams, drivers) if ALLOCATION in files else AllocationRules()


def version_of(files: Mapping[str, bytes]) -> str:
    """sha256 over name, length and bytes of the files that are there, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted({*FILES, *(name for name in OPTIONAL if name in files)}):
        digest.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return digest.hexdigest()


def governance_schema() -> dict[str, Any]:
    """JSON Schema of the three files, by path, for editors."""
    models: dict[str, type[Strict]] = {
        CONFIG: ConfigFile, POLICY: PolicyFile, OWNERS: OwnersFile, COSTS: CostsFile, ALLOCATION: AllocationFile,
    }  # fmt: skip
    return {path: model.model_json_schema(by_alias=True) for path, model in models.items()}


# ── bytes → model ────────────────────────────────────────────────────────────────────────────────────────────────────
def _file(files: Mapping[str, bytes], path: str, model: type[Model]) -> Model:
    if path not in files:
        raise BadInput(f"{path}: missing; without it nothing opens and nothing merges")
    try:
        return model.model_validate(_yaml(files[path], path))
    except ValidationError as error:
        raise BadInput(_first(error, path)) from None


def _yaml(content: bytes, path: str) -> object:
    """Plain values only. Sizes are bounded first: a file of rules has no need to be large."""
    if len(content) > LARGEST:
        raise TooLarge(f"{path}: {len(content)} bytes; at most {LARGEST} are read")
    try:
        return YAML(typ="safe", pure=True).load(BytesIO(content))
    except (YAMLError, ValueError, RecursionError, TypeError) as error:
        raise BadInput(f"{path}: not YAML: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}: " if mark is not None else ""
    return place + str(getattr(error, "problem", None) or error or type(error).__name__).split("\n", maxsplit=1)[0][:200]


def _first(error: ValidationError, path: str) -> str:
    """`.trimtab/policy.yaml: rules[2].when[0].fact: …` for the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    place, message = _place(first["loc"]), first["msg"].removeprefix("Value error, ")
    message = {"extra_forbidden": "unknown key", "missing": "missing"}.get(first["type"], message)
    inner = _INNER.match(message) if first["type"] == "value_error" else None
    if inner:
        place, message = _joined(place, inner.group(1)), message[inner.end() :]
    return f"{path}: {place}: {_short(message)}" if place else f"{path}: {_short(message)}"


_INNER = re.compile(r"([a-z-]+): ")
"""A check over several keys names the one that is wrong in front of its sentence."""


def _short(message: str) -> str:
    """One line of plain ASCII: what a file says comes back in its error."""
    return ascii(message)[1:-1][:400]


def _place(parts: Iterable[int | str]) -> str:
    place = ""
    for part in parts:
        place = f"{place}[{part}]" if isinstance(part, int) else _joined(place, part)
    return place


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


# ── what no single key can say ───────────────────────────────────────────────────────────────────────────────────────
def _check_unique(path: str, table: str, key: str, values: list[str]) -> None:
    counts = Counter(value.lower() for value in values)
    for index, value in enumerate(values):
        if counts[value.lower()] > 1 and value.lower() in {other.lower() for other in values[:index]}:
            raise BadInput(f"{path}: {table}[{index}].{key}: {value!r} stands there twice; upper and lower case count as the same")


def _check_teams(config: ConfigFile, owners: OwnersFile, teams: set[str]) -> None:
    """A stage or rule for a team that neither owners.yaml nor the CMDB's CSV knows would silently never match."""
    for index, row in enumerate(config.stages):
        _check_known(f"{CONFIG}: stages[{index}].team", row.team, teams, "team")
    for place, rule in enumerate(owners.rules):
        _check_known(f"{OWNERS}: rules[{place}].team", rule.team, teams, "team")


def _check_owners(owners: OwnersFile) -> None:
    """One person is one Slack id and one forge login, or two approvals would not be two persons."""
    for key in ("id", "slack", "forge"):
        _check_unique(OWNERS, "people", key, [getattr(person, key) for person in owners.people])
    _check_unique(OWNERS, "teams", "name", [team.name for team in owners.teams])
    _check_rule_ids(owners.rules)
    people = {person.id for person in owners.people}
    for index, scope in enumerate(owners.approvers):
        _check_all_known(f"{OWNERS}: approvers[{index}].people", scope.people, people)
        _check_all_known(f"{OWNERS}: approvers[{index}].owners", scope.owners, people)
    _check_all_known(f"{OWNERS}: access.see_all", owners.access.see_all, people)
    for index, team in enumerate(owners.teams):
        _check_all_known(f"{OWNERS}: teams[{index}].people", team.people, people)


def _check_all_known(place: str, named: Sequence[str], people: set[str]) -> None:
    for position, person in enumerate(named):
        _check_known(f"{place}[{position}]", person, people, "person")


def _check_rule_ids(rules: Sequence[OwnerRuleModel]) -> None:
    """A rule that changes keeps its id: its versions have dates that do not overlap."""
    seen: dict[str, list[OwnerRuleModel]] = {}
    for index, rule in enumerate(rules):
        versions = seen.setdefault(rule.id, [])
        if any(_begin(rule) < _end(other) and _begin(other) < _end(rule) for other in versions):
            raise BadInput(f"{OWNERS}: rules[{index}].id: {rule.id!r} stands there twice on the same days; part them by from and to")
        versions.append(rule)


def _begin(row: DatedModel) -> date:
    return row.from_ or date.min


def _end(row: DatedModel) -> date:
    return row.to or date.max


def _check_known(place: str, name: str | None, known: set[str], kind: str) -> None:
    if name is not None and name not in known:
        raise BadInput(f"{place}: no {kind} {name!r}; known: {', '.join(sorted(known)) or 'none'}")


# ── model → record ───────────────────────────────────────────────────────────────────────────────────────────────────
def parse_layout(content: bytes, path: str) -> Layout:
    """One layout in a file of its own, as `trimtab edit --layout` takes it."""
    return _layout(_file({path: content}, path, LayoutModel))


def _layouts(config: ConfigFile) -> tuple[Layout, ...]:
    return tuple(_layout(row) for row in config.layouts)


def _layout(row: LayoutModel) -> Layout:
    return Layout(
        name=row.name,
        files=tuple(row.files),
        cluster=row.cluster,
        cluster_name=row.cluster_name or "",
        pools=row.pools,
        pool_name=row.pool_name or "",
        pool=row.pool or "",
        kind=row.is_about,
        object=row.object_ or "",
        fields=cast("dict[PoolField, str]", row.fields_.given),
        units=cast("dict[PoolField, FieldUnit]", row.units.given),
        delivery=row.delivery,
        plan_author=row.plan_author,
    )


def _rules(policy: PolicyFile) -> tuple[PolicyRule, ...]:
    return tuple(
        PolicyRule(
            name=row.name,
            when=tuple(_condition(condition) for condition in row.when),
            tier=Tier(row.tier) if row.tier else None,
            holds=row.holds,
            time_zone=row.time_zone,
        )
        for row in policy.rules
    )


def _condition(row: ConditionModel) -> Condition:
    operator, value = row.operator
    wanted = tuple(shown(item) for item in value) if isinstance(value, list) else value
    return Condition(fact=row.fact, operator=operator, value=wanted)


def _window(row: WindowModel) -> ChangeWindow:
    days = tuple(sorted({_WEEKDAYS.index(day) for day in row.weekdays}))
    return ChangeWindow(weekdays=days, from_hour=row.from_, to_hour=row.to, time_zone=row.time_zone)


def _owner_rule(row: OwnerRuleModel) -> OwnerRule:
    return OwnerRule(
        id=row.id,
        labels=row.labels,
        annotations=row.annotations,
        namespace=row.namespace,
        cluster=row.cluster,
        project=row.project,
        account=row.account,
        tag=(row.tag.key, row.tag.value) if row.tag else None,
        team=row.team,
        valid_from=row.from_,
        valid_to=row.to,
    )


def _approvers(owners: OwnersFile) -> tuple[ApproverScope, ...]:
    return tuple(
        ApproverScope(
            cluster_uid=None if row.cluster_uid is None else ClusterUid(row.cluster_uid),
            pool=row.pool,
            people=tuple(PersonId(person) for person in row.people),
            groups=tuple(row.groups),
            owners=tuple(PersonId(person) for person in row.owners),
            path=row.path,
        )
        for row in owners.approvers
    )
