"""Teams, cost centers and business units out of `owners.yaml` and the CMDB's `owners.csv`, with the days on which each stood where.

A list that is given is complete: with `cost_centers` in owners.yaml a team may only name one of them or one of the CSV's, and with
`business_units` a cost center only one of those. Where both files speak of the same thing on the same day they must say the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise, zip_longest

from trimtab.errors import BadInput
from trimtab.policy.cmdb import OWNERS_CSV, TeamRow
from trimtab.policy.owners_file import CostCenterModel, OwnersFile, PlacedModel, TeamModel
from trimtab.records import CostCenter, Dated, PersonId, Team

OWNERS = ".trimtab/owners.yaml"
Timeline = tuple[Dated, ...]


def organization(owners: OwnersFile, rows: Sequence[TeamRow]) -> tuple[tuple[Team, ...], tuple[CostCenter, ...]]:
    """Every team and cost center of both files. Raises BadInput naming the file and the key or row that is wrong."""
    by_team, by_center = _by(rows, "team"), _by([row for row in rows if row.business_unit], "cost_center")
    centers = _centers(owners, by_center)
    _check_centers(owners, centers)
    teams = _teams(owners, by_team)
    named = [row.cost_center for row in rows]
    _check_teams(owners, teams, {center.id for center in centers} | set(named))
    return teams, centers


def _by(rows: Iterable[TeamRow], column: str) -> dict[str, list[TeamRow]]:
    found: dict[str, list[TeamRow]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return dict(found)


# ── Teams ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _teams(owners: OwnersFile, by_team: Mapping[str, list[TeamRow]]) -> tuple[Team, ...]:
    _check_spelling([team.name for team in owners.teams], by_team)
    declared = [_declared(f"{OWNERS}: teams[{index}]", model, by_team.get(model.name, [])) for index, model in enumerate(owners.teams)]
    known = {team.name for team in declared}
    return (*declared, *(_listed(name, rows) for name, rows in by_team.items() if name not in known))


def _check_spelling(declared: Sequence[str], by_team: Mapping[str, list[TeamRow]]) -> None:
    """`ML` in one file and `ml` in the other, or twice in the CSV, would be two teams that nobody can tell apart."""
    names = {name.lower(): (name, OWNERS) for name in declared}
    for name, rows in by_team.items():
        other, path = names.setdefault(name.lower(), (name, f"{OWNERS_CSV}: row {rows[0].line}"))
        if other != name:
            raise BadInput(f"{OWNERS_CSV}: row {rows[0].line}, team: {name!r} is {other!r} in {path}; write it the same way")


def _declared(place: str, model: TeamModel, rows: Sequence[TeamRow]) -> Team:
    listed = _team_timeline(rows)
    own = _timeline(f"{place}.cost_center", model.cost_center)
    _agree(f"{place}.cost_center", own, listed, rows, "cost_center")
    stays, channel = _together(own, listed), _channel(rows)
    if model.channel and channel and model.channel != channel:
        row = next(row for row in rows if row.channel)
        raise BadInput(f"{OWNERS_CSV}: row {row.line}, channel: {channel!r}, but {place}.channel says {model.channel!r}; make them agree")
    return Team(
        name=model.name, cost_center=_last(stays), cost_centers=stays, channel=model.channel or channel,
        time_zone=model.time_zone, aliases=tuple(model.aliases), valid_from=model.from_, valid_to=model.to,
        holidays=tuple(sorted(set(model.holidays))), email=model.email, teams_webhook=model.teams_webhook,
        people=tuple(PersonId(person) for person in model.people),
    )  # fmt: skip


def _listed(name: str, rows: Sequence[TeamRow]) -> Team:
    """A team that only the CMDB knows: it exists while it has a row."""
    timeline = _team_timeline(rows)
    firsts, lasts = [row.valid_from for row in rows], [row.valid_to for row in rows]
    return Team(
        name=name, cost_center=_last(timeline), cost_centers=timeline, channel=_channel(rows),
        valid_from=None if None in firsts else min(day for day in firsts if day),
        valid_to=None if None in lasts else max(day for day in lasts if day),
    )  # fmt: skip


def _team_timeline(rows: Sequence[TeamRow]) -> Timeline:
    """Where the CMDB says a team stood. Two rows of one day are an error even where they say the same: one of them is a mistake."""
    ordered = sorted(rows, key=lambda row: row.valid_from or date.min)
    for before, after in pairwise(ordered):
        if before.valid_to is None or before.valid_to > (after.valid_from or date.min):
            both = f"rows {min(before.line, after.line)} and {max(before.line, after.line)}"
            raise BadInput(f"{OWNERS_CSV}: {both}, team: {after.team!r} stands there twice on the same days; part them by dates")
    return tuple(Dated(name=row.cost_center, valid_from=row.valid_from, valid_to=row.valid_to) for row in ordered if row.cost_center)


def _channel(rows: Sequence[TeamRow]) -> str:
    told = [row for row in rows if row.channel]
    for row in told[1:]:
        if row.channel != told[0].channel:
            raise BadInput(f"{OWNERS_CSV}: row {row.line}, channel: {row.channel!r}, but row {told[0].line} says {told[0].channel!r}")
    return told[0].channel if told else ""


def _check_teams(owners: OwnersFile, teams: Sequence[Team], known: set[str]) -> None:
    places = {team.name: f"{OWNERS}: teams[{index}].cost_center" for index, team in enumerate(owners.teams)}
    for team in teams if owners.cost_centers else ():
        for stay in team.cost_centers:
            if stay.name not in known:
                raise BadInput(f"{places.get(team.name, OWNERS_CSV)}: no cost center {stay.name!r}; known: {_some(known)}")
    _check_aliases(teams)


def _check_aliases(teams: Sequence[Team]) -> None:
    """A label's value must mean one team: no alias of one may be a name or alias of another."""
    taken = {team.name.lower(): team.name for team in teams}
    for team in teams:
        for alias in team.aliases:
            if taken.setdefault(alias.lower(), team.name) != team.name:
                raise BadInput(f"{OWNERS}: teams: alias {alias!r} of {team.name!r} already means {taken[alias.lower()]!r}")


# ── Cost centers and business units ──────────────────────────────────────────────────────────────────────────────────
def _centers(owners: OwnersFile, by_center: Mapping[str, list[TeamRow]]) -> tuple[CostCenter, ...]:
    declared = {model.id: (f"{OWNERS}: cost_centers[{index}]", model) for index, model in enumerate(owners.cost_centers)}
    if len(declared) < len(owners.cost_centers):
        twice = next(name for name, count in Counter(model.id for model in owners.cost_centers).items() if count > 1)
        raise BadInput(f"{OWNERS}: cost_centers: {twice!r} stands there twice; dates of a business unit go into its own list")
    own = [_center(place, model, by_center.get(model.id, [])) for place, model in declared.values()]
    listed = [CostCenter(id=name, business_units=_unit_timeline(rows)) for name, rows in by_center.items() if name not in declared]
    return (*own, *listed)


def _center(place: str, model: CostCenterModel, rows: Sequence[TeamRow]) -> CostCenter:
    own, listed = _timeline(f"{place}.business_unit", model.business_unit or ""), _unit_timeline(rows)
    _agree(f"{place}.business_unit", own, listed, rows, "business_unit")
    if model.parent is not None and listed:
        raise BadInput(
            f"{OWNERS_CSV}: row {rows[0].line}, business_unit: {place}.parent says that {model.id!r} has its parent's; leave one out"
        )
    return CostCenter(
        id=model.id, name=model.name, parent=model.parent, business_units=_together(own, listed), valid_from=model.from_, valid_to=model.to,
    )  # fmt: skip


def _unit_timeline(rows: Sequence[TeamRow]) -> Timeline:
    """The business unit of a cost center, from the rows of all its teams: they may overlap where they agree."""
    stays: list[tuple[Dated, TeamRow]] = []
    for row in sorted(rows, key=lambda row: row.valid_from or date.min):
        before, first = stays[-1] if stays else (None, None)
        if before is None or first is None or not _touches(before, row):
            stays.append((Dated(name=row.business_unit, valid_from=row.valid_from, valid_to=row.valid_to), row))
        elif before.name == row.business_unit:
            ends = None if before.valid_to is None or row.valid_to is None else max(before.valid_to, row.valid_to)
            stays[-1] = (Dated(name=before.name, valid_from=before.valid_from, valid_to=ends), first)
        elif before.valid_to is not None and row.valid_from == before.valid_to:
            stays.append((Dated(name=row.business_unit, valid_from=row.valid_from, valid_to=row.valid_to), row))
        else:
            raise BadInput(
                f"{OWNERS_CSV}: row {row.line}, business_unit: cost center {row.cost_center!r} is in {row.business_unit!r}, but row "
                f"{first.line} says {before.name!r} for some of the same days"
            )
    return tuple(stay for stay, _ in stays)


def _touches(before: Dated, row: TeamRow) -> bool:
    return before.valid_to is None or (row.valid_from or date.min) <= before.valid_to


def _check_centers(owners: OwnersFile, centers: Sequence[CostCenter]) -> None:
    by_id, units = {center.id: center for center in centers}, {unit.id for unit in owners.business_units}
    if len(units) < len(owners.business_units):
        twice = next(name for name, count in Counter(unit.id for unit in owners.business_units).items() if count > 1)
        raise BadInput(f"{OWNERS}: business_units: {twice!r} stands there twice")
    for center in centers:
        for stay in center.business_units if owners.business_units else ():
            if stay.name not in units:
                raise BadInput(f"{OWNERS}: business_units: no {stay.name!r}, which cost center {center.id!r} is in; known: {_some(units)}")
        _check_chain(center, by_id)


def _check_chain(center: CostCenter, by_id: Mapping[str, CostCenter]) -> None:
    """Parents exist, and going up ends."""
    seen = [center.id]
    while (parent := by_id[seen[-1]].parent) is not None:
        if parent not in by_id:
            raise BadInput(f"{OWNERS}: cost_centers: {seen[-1]!r} is under {parent!r}, which is not there; known: {_some(set(by_id))}")
        if parent in seen:
            raise BadInput(f"{OWNERS}: cost_centers: {' under '.join([*seen, parent])} goes in a circle")
        seen.append(parent)


# ── Days ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _timeline(place: str, given: str | Sequence[PlacedModel]) -> Timeline:
    """Where something stood when, oldest first; one without dates is always."""
    if isinstance(given, str):
        return (Dated(name=given),) if given else ()
    stays = sorted(
        (Dated(name=row.id, valid_from=row.from_, valid_to=row.to) for row in given), key=lambda stay: stay.valid_from or date.min
    )
    for before, after in pairwise(stays):
        if before.valid_to is None or before.valid_to > (after.valid_from or date.min):
            raise BadInput(f"{place}: {before.name!r} and {after.name!r} hold on the same days; end one where the other begins")
    return tuple(stays)


def _agree(place: str, own: Timeline, listed: Timeline, rows: Sequence[TeamRow], column: str) -> None:
    """On every day on which both files speak they say the same."""
    days = {day for stay in (*own, *listed) for day in (stay.valid_from or date.min, stay.valid_to) if day is not None}
    for day in sorted(days):
        ours, theirs = _on(own, day), _on(listed, day)
        if ours and theirs and ours != theirs:
            row = next(row for row in rows if getattr(row, column) == theirs)
            raise BadInput(f"{OWNERS_CSV}: row {row.line}, {column}: {theirs!r}, but {place} says {ours!r}; make them agree")


def _together(own: Timeline, listed: Timeline) -> Timeline:
    """What both files say, each for the days of which the other says nothing; where both speak they agree."""
    if not own or not listed:
        return own or listed
    days = sorted({date.min, *(day for stay in (*own, *listed) for day in (stay.valid_from, stay.valid_to) if day is not None)})
    stays: list[Dated] = []
    for day, following in zip_longest(days, days[1:]):
        name = _on(own, day) or _on(listed, day)
        if name and stays and (stays[-1].name, stays[-1].valid_to) == (name, day):
            stays[-1] = replace(stays[-1], valid_to=following)
        elif name:
            stays.append(Dated(name=name, valid_from=None if day == date.min else day, valid_to=following))
    return tuple(stays)


def _on(timeline: Timeline, day: date) -> str:
    held = (stay.name for stay in timeline if (stay.valid_from or date.min) <= day and (stay.valid_to is None or day < stay.valid_to))
    return next(held, "")


def _last(timeline: Timeline) -> str:
    return timeline[-1].name if timeline else ""


def _some(names: set[str]) -> str:
    listed = sorted(name for name in names if name)
    return (", ".join(listed[:10]) + (f" and {len(listed) - 10} more" if len(listed) > 10 else "")) or "none"
