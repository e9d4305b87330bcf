"""What a judge is told, without the accounts of people whom owners.yaml lists: they go by the record's own word for them.

A verdict is written down for good, and so is what it was made from; neither may keep the name of somebody who is forgotten later.
Whoever is who is judged as before: the same account has the same word everywhere, and another one has another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab.records import Facts, Governance


def unnamed(facts: Facts, rules: Sequence[Governance]) -> tuple[Facts, tuple[Governance, ...]]:
    """Facts, and rules of now and earlier, with people's logins and Slack ids replaced by words made from their ids."""
    logins, slacks = _words(facts, rules)
    return _facts(facts, logins), tuple(_rules(each, logins, slacks) for each in rules)


def _words(facts: Facts, rules: Sequence[Governance]) -> tuple[dict[str, str], dict[str, str]]:
    """Login → word, and Slack id → word; what a person had in earlier rules only is told apart from what they have now."""
    # Nobody may come to be called as we are: what we did ourselves is known by that name.
    ours = facts.our_login.lower()
    logins: dict[str, str] = {ours: facts.our_login}
    slacks: dict[str, str] = {}
    for age, each in enumerate(rules):
        for person in each.people:
            word = person.id if age == 0 else f"{person.id} ({age} earlier)"
            if person.id.lower() != ours:
                logins.setdefault(person.forge.lower(), word)
                slacks.setdefault(person.slack, word)
    return logins, slacks


def _rules(rules: Governance, logins: Mapping[str, str], slacks: Mapping[str, str]) -> Governance:
    people = tuple(
        replace(person, slack=slacks.get(person.slack, person.slack), forge=_called(logins, person.forge), name="")
        for person in rules.people
    )
    return replace(rules, people=people, teams=tuple(replace(team, email="") for team in rules.teams))


def _facts(facts: Facts, logins: Mapping[str, str]) -> Facts:
    commits = tuple(
        replace(commit, author=_called(logins, commit.author), committer=_called(logins, commit.committer)) for commit in facts.commits
    )
    pull_request, recent = facts.pull_request, facts.recent_authors
    return replace(
        facts,
        commits=commits,
        pull_request=replace(pull_request, author=_called(logins, pull_request.author)) if pull_request else None,
        recent_authors=None if recent is None else _authors(recent, logins),
        plan=replace(facts.plan, by=_called(logins, facts.plan.by)) if facts.plan else None,
        members=tuple(_facts(member, logins) for member in facts.members),
    )


def _authors(recent: Sequence[str], logins: Mapping[str, str]) -> tuple[str, ...]:
    """Of whom owners.yaml lists nowhere only the number counts: they cannot approve, and nobody could erase their names."""
    known = [logins[login.lower()] for login in recent if login.lower() in logins]
    return (*sorted(known), *(f"unlisted {number}" for number in range(1, len(recent) - len(known) + 1)))


def _called(logins: Mapping[str, str], login: str) -> str:
    return logins.get(login.lower(), login)
