"""The rules with people called as the record calls them: what is written down for good says nobody's name."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from trimtab.records import ApproverScope, Governance, PersonId


def keyed(governance: Governance, key_of: Callable[[str], PersonId]) -> Governance:
    """The same rules, each person under their key; what owners.yaml calls them stays with them as `name`."""

    def keys(people: Iterable[str]) -> tuple[PersonId, ...]:
        return tuple(key_of(person) for person in people)

    def scope(row: ApproverScope) -> ApproverScope:
        return replace(row, people=keys(row.people), owners=keys(row.owners))

    return replace(
        governance,
        people=tuple(replace(person, id=key_of(person.id), name=person.id) for person in governance.people),
        approvers=tuple(scope(row) for row in governance.approvers),
        teams=tuple(replace(team, people=keys(team.people)) for team in governance.teams),
        access=replace(governance.access, see_all=keys(governance.access.see_all)),
    )
