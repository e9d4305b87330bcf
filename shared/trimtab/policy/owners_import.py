"""People and teams of another system as a piece of owners.yaml to complete and review; it is printed, and taken over by nobody but you."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from trimtab.records import Person

_LONGEST = 63


def owners_yaml(teams: Sequence[tuple[str, Sequence[str]]], slack: Mapping[str, str], known: Iterable[Person] = ()) -> str:
    """`people` and `teams` for owners.yaml, from (team, e-mail addresses) and the Slack ids of those that Slack knows.

    Whom owners.yaml lists with that Slack id already keeps their id there. An account that nobody could find stays empty, which
    owners.yaml does not take: somebody must fill it in.
    """
    listed = {person.slack: person.called for person in known}
    ids = _ids(sorted({address for _, addresses in teams for address in addresses}), slack, listed)
    fresh = [address for address in ids if slack.get(address, "") not in listed]
    people = [_person(ids[address], slack.get(address, "")) for address in fresh]
    rows = [_team(name, [ids[address] for address in addresses]) for name, addresses in teams]
    return "\n".join(["people:", *(people or ["  []"]), "teams:", *(rows or ["  []"]), ""])


def _person(name: str, slack: str) -> str:
    account = slack or '""  # nobody with this address is in Slack'
    return f'  - id: {name}\n    slack: {account}\n    forge: ""  # the login on GitHub or GitLab'


def _team(name: str, people: Sequence[str]) -> str:
    # What Palette calls a team is quoted as JSON, which YAML reads as it is meant.
    return f"  - name: {json.dumps(name)}\n    people: [{', '.join(people)}]"


def _ids(addresses: Sequence[str], slack: Mapping[str, str], listed: Mapping[str, str]) -> dict[str, str]:
    """Address → id in owners.yaml; two people of one name are told apart by a number."""
    taken = set(listed.values())
    ids: dict[str, str] = {}
    for address in addresses:
        if slack.get(address, "") in listed:
            ids[address] = listed[slack[address]]
            continue
        name = _slug(address)
        choices = (name if n == 1 else f"{name}-{n}" for n in range(1, len(addresses) + len(taken) + 2))
        ids[address] = next(choice for choice in choices if choice not in taken)
        taken.add(ids[address])
    return ids


def _slug(address: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", address.partition("@")[0].lower()).strip("-")[: _LONGEST - 5].strip("-")
    return word if word[:1].isalpha() else f"p-{word}".strip("-")
