"""A review list: what people answer is kept, learned from, and books nothing."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.bills import bill, estate, node, pod
from tests.outlook import NOW, WORDS, days, documents, nobodys, owned, store
from trimtab.errors import BadInput
from trimtab.flow.learn import learn
from trimtab.flow.suggestions import Answer, answer, owner_rule, read_answers, review_list
from trimtab.flow.wake import Wake
from trimtab.policy.rules import parse_governance
from trimtab.ports import Ports
from trimtab.records import CommitSha
from trimtab.units import GIB

TICK = Wake(key="inbox/clock/learn/2026-07-21T06:00Z")
JULY = days(date(2026, 7, 1), [10] * 5)


def shop(root: Path, *unowned: str) -> Ports:
    """Two teams with namespaces on two clusters, and namespaces that nobody owns, after one learning."""
    ports = store(root, owned(JULY), *(nobodys(name, JULY) for name in unowned))
    learn(TICK, ports, NOW)
    return ports


def rows(ports: Ports) -> list[dict[str, Any]]:
    found: Any = review_list(ports)["suggested"]
    return list(found)


def say(ports: Ports, said: Any, team: str | None = None, suggestion: str = "", by: str = "web-owner") -> Answer:
    return answer(suggestion or rows(ports)[0]["id"], said, team, by, ports, NOW)


def test_the_list_tells_how_right_it_has_been_and_on_how_many_that_rests(tmp_path: Path) -> None:
    told: Any = review_list(shop(tmp_path, "cart-ui"))["quality"]

    assert told["trials"] == 24
    assert told["says"].startswith(f"{told['answered_right']} of {told['answered']} answered held-out namespaces were right")
    assert {"accuracy", "coverage", "calibration_error", "bins"} <= told.keys()
    assert sum(one["trials"] for one in told["bins"]) == 24


def test_a_yes_gives_the_rule_and_books_nothing(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui")
    before = documents(ports, "summaries/")

    given = say(ports, "accepted")
    learn(TICK, ports, NOW)

    assert (given.team, given.place) == ("web", "prod/cart-ui")
    assert rows(ports) == []
    waiting: Any = review_list(ports)["answered"]
    assert [(item["place"], item["team"], item["by"], item["rule"]) for item in waiting] == [
        ("prod/cart-ui", "web", "web-owner", given.rule)
    ]
    assert documents(ports, "summaries/") == before


def test_the_rule_of_a_yes_is_one_that_the_rules_accept(tmp_path: Path) -> None:
    rule = owner_rule("prod.eu/cart+ui", "web shop")
    owners = f"version: 1\nteams: [{{name: web shop}}]\nrules:\n{rule}\n"
    files = {f".trimtab/{name}.yaml": b"version: 1\n" for name in ("config", "policy")} | {".trimtab/owners.yaml": owners.encode()}

    (parsed,) = parse_governance(files, CommitSha("0" * 40)).owner_rules

    assert (parsed.team, parsed.namespace, parsed.cluster) == ("web shop", "cart\\+ui", "prod\\.eu")


def test_an_accepted_namespace_is_an_example_from_then_on(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui", "zzz")
    say(ports, "accepted")

    learn(TICK, ports, NOW)

    assert review_list(ports)["learned_from"] == 25


def test_a_no_is_never_suggested_again(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui")

    say(ports, "rejected")
    learn(TICK, ports, NOW)

    assert rows(ports) == []
    told: Any = review_list(ports)["not_suggested"]
    assert [item["namespace"] for item in told] == ["cart-ui"]


def test_another_team_is_a_yes_for_it_and_a_no_for_the_suggested_one(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui")

    given = say(ports, "accepted", "ml")
    learn(TICK, ports, NOW)

    assert (given.suggested, given.team) == ("web", "ml")
    assert '"ml"' in given.rule
    assert rows(ports) == []


def test_the_same_answer_twice_is_one_entry_and_a_changed_mind_is_two(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui")
    one = rows(ports)[0]["id"]

    say(ports, "rejected", suggestion=one)
    say(ports, "rejected", suggestion=one, by="ml-owner")
    say(ports, "accepted", suggestion=one)

    entries = ports.ledger.entries(f"suggestions/{one}")
    assert [(entry.kind, entry.actor) for entry in entries] == [("rejected", "web-owner"), ("accepted", "web-owner")]
    assert [item.said for item in read_answers(ports)] == ["accepted"]
    assert ports.ledger.verify() == []


def test_an_answer_to_what_was_never_suggested_is_refused(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui")

    with pytest.raises(BadInput, match="own-000000000000: no such suggestion"):
        say(ports, "accepted", suggestion="own-000000000000")
    assert read_answers(ports) == []


def test_of_two_owners_named_for_one_place_the_last_counts(tmp_path: Path) -> None:
    ports = shop(tmp_path, "cart-ui")
    first = rows(ports)[0]["id"]
    say(ports, "accepted")
    document = review_list(ports)
    ports.documents.publish(
        "suggestions/latest", {**document, "suggested": [{"id": other_id(), "cluster": "prod", "namespace": "cart-ui", "team": "ml"}]}
    )

    later = answer(other_id(), "accepted", None, "ml-owner", ports, NOW + timedelta(hours=1))

    assert first != later.id
    assert [(item.place, item.team) for item in read_answers(ports)] == [("prod/cart-ui", "ml")]


def other_id() -> str:
    from trimtab.attribution.suggest import suggestion_id

    return suggestion_id("prod/cart-ui", "ml")


def test_attribution_publishes_what_stands_around_namespaces() -> None:
    """The list is learned from it: accounts, pools, families, projects, labels; no amounts."""
    usage = [node(project="research"), pod("a", cpu=4000, memory=16 * GIB, labels='{"app":"bert"}')]
    place = estate([bill("1")], usage)

    place.allocate()

    assert place.documents.kept["places/p-2026-07"] == {
        "period": "p-2026-07",
        "places": {"prod/ns1": ["account:444455556666", "family:m5", "label:app=bert", "pool:prod/workers", "project:research"]},
    }


def test_learning_reads_what_stands_around_namespaces(tmp_path: Path) -> None:
    ports = shop(tmp_path, "zzz")
    places = {f"{cluster}/{word}-{kind}": [f"account:{team}"] for team, words in WORDS.items() for word in words
              for kind in ("api", "batch") for cluster in ("prod", "staging")}  # fmt: skip
    ports.documents.publish("places/p-2026-07", {"period": "p-2026-07", "places": {**places, "prod/zzz": ["account:web"]}})

    learn(TICK, ports, NOW)

    assert [(row["namespace"], row["team"]) for row in rows(ports)] == [("zzz", "web")]
