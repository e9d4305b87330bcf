"""Promise 5 for auditors: whatever was decided can be decided again from what was kept, and comes out the same to the letter."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, World, make_world, shrink
from tests.flow.group_world import each, group_world
from tests.judgement import NOW, OWNERS, commit, facts, governance
from trimtab.adapters.store.people import StorePeople
from trimtab.errors import BadInput, Broken, Gone
from trimtab.flow.basis import INPUTS, basis_of, judged_on, keep
from trimtab.flow.life import STREAMS
from trimtab.flow.verdicts import Lost, Retold, judgements, retell, verdict_id
from trimtab.lifecycle import State
from trimtab.policy.judge import judge
from trimtab.policy.unnamed import unnamed
from trimtab.ports import Documents
from trimtab.records import Governance, Json, Person, PersonId


@dataclass(frozen=True)
class Expired:
    """Documents of which a bucket's own rule has removed one."""

    kept: Documents
    gone: str

    def publish(self, key: str, value: Json) -> None:
        self.kept.publish(key, value)

    def find(self, key: str) -> Json | None:
        return None if key == self.gone else self.kept.find(key)

    def find_all(self, keys: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        return ((key, self.find(key)) for key in keys)

    def publish_text(self, key: str, text: str) -> None:
        self.kept.publish_text(key, text)

    def find_text(self, key: str) -> str | None:
        return self.kept.find_text(key)

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.kept.keys(prefix) if key != self.gone]


def told(world: World) -> list[Retold | Lost]:
    return [found for stream in sorted(world.ports.ledger.heads(STREAMS)) for found in judgements(stream, world.ports)]


def approved(tmp_path: Path) -> World:
    """A proposal that was opened, approved in Slack and merged."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.webhook()
    world.click("approve")
    assert world.life().state is State.MERGED
    return world


def test_every_move_says_what_it_was_judged_on_by_which_policy_at_which_commit_and_by_which_rule(tmp_path: Path) -> None:
    world = approved(tmp_path)

    moves = {entry.kind: entry for entry in world.entries()}

    for kind in ("asked", "approval", "approved", "merging", "merged"):
        body = moves[kind].body
        assert world.ports.documents.find(INPUTS + str(body["inputs"]))
        assert body["policy"] == world.life().verdict.policy_version  # type: ignore[union-attr]
        assert body["head"] == world.pull().head
        assert body["rule"] == "policy: a-person"


def test_every_verdict_on_record_is_made_again_to_the_letter(tmp_path: Path) -> None:
    found = told(approved(tmp_path))

    assert len(found) >= 3
    assert all(isinstance(one, Retold) and one.is_the_same for one in found)


def test_a_verdict_on_several_changes_at_once_is_made_again_too(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.propose(*each(world))

    found = told(world)

    assert found
    assert all(isinstance(one, Retold) and one.basis.facts.members and one.is_the_same for one in found)


def test_a_verdict_without_readable_rules_is_made_again_too(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.push_main({".trimtab/policy.yaml": b"version: 9\n"})
    world.later(minutes=20)
    world.webhook("synchronize")

    last = told(world)[-1]

    assert isinstance(last, Retold)
    assert last.basis.governance is None
    assert last.is_the_same


def test_rules_of_the_last_day_had_a_say_and_have_it_again(tmp_path: Path) -> None:
    """A loosened policy counts a day later; what is kept must know that it did not count yet."""
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.push_main({".trimtab/policy.yaml": ONE.replace(b"auto_merges_per_day: 2", b"auto_merges_per_day: 3")})
    world.later(minutes=20)
    world.webhook("synchronize")

    last = told(world)[-1]

    assert isinstance(last, Retold)
    assert last.basis.earlier
    assert last.is_the_same


def test_a_verdict_is_found_by_its_id_and_an_id_that_is_none_is_told_so(tmp_path: Path) -> None:
    world = approved(tmp_path)
    merging = next(entry for entry in world.entries() if entry.kind == "merging")

    assert retell(verdict_id(merging), world.ports).basis.verdict.may_merge
    for wrong in ("verdict-../x.1", f"{verdict_id(merging)}99", "verdict-000000000000.1", "verdict-", verdict_id(world.entries()[0])):
        with pytest.raises(BadInput):
            retell(wrong, world.ports)


def test_inputs_that_were_changed_afterwards_are_found_out(tmp_path: Path) -> None:
    """The entry holds their hash and the chain holds the entry: more headroom, invented later, does not pass."""
    world = approved(tmp_path)
    merging = next(entry for entry in world.entries() if entry.kind == "merging")
    key = INPUTS + str(merging.body["inputs"])
    forged = json.loads(json.dumps(world.ports.documents.find(key)))
    forged["facts"]["open_count"] = 7
    world.ports.documents.publish(key, forged)

    with pytest.raises(Broken, match="not what its hash stands for"):
        retell(verdict_id(merging), world.ports)


def test_inputs_that_are_gone_are_said_to_be_gone_and_hide_no_other(tmp_path: Path) -> None:
    world = approved(tmp_path)
    merging = next(entry for entry in world.entries() if entry.kind == "merging")
    world.ports = replace(world.ports, documents=Expired(world.ports.documents, INPUTS + str(merging.body["inputs"])))

    with pytest.raises(Gone, match="no longer kept"):
        retell(verdict_id(merging), world.ports)

    found = told(world)
    assert any(isinstance(one, Lost) for one in found)
    assert any(isinstance(one, Retold) for one in found)


def test_what_began_anew_rests_on_no_judgement_of_what_was_before(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    world.later(days=1)
    world.measure()
    world.propose(shrink(4, end=world.now.replace(hour=0)))

    replanned = next(entry for entry in world.entries() if entry.kind == "replanned")

    assert "inputs" not in replanned.body


def test_a_body_that_names_no_judgement_gives_none(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())

    assert basis_of(world.entries()[0], world.ports) is None


# ── whose names are kept ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.security(38)
def test_what_is_kept_names_no_listed_persons_accounts(tmp_path: Path) -> None:
    """A person can be forgotten, and what verdicts were made from stays: so it never said who they were."""
    owners = OWNERS.replace(b"platform-owner, slack: U0PLATFORM, forge: platform-owner", b"pia, slack: U0PIA, forge: Pia-Login")
    owners = owners.replace(b"people: [platform-owner, ml-owner]", b"people: [pia, ml-owner]")
    world = make_world(tmp_path, ONE, owners=owners)
    numbers = iter(range(1 << 30))
    people = StorePeople(world.objects, lambda: f"{next(numbers):032x}")
    world.ports = replace(world.ports, people=people)
    world.propose(shrink())
    world.review("pia-login")
    world.push_main({"README.md": b"hello"}, author="Pia-Login")
    world.webhook("synchronize")

    kept = json.dumps([world.ports.documents.find(key) for key in world.ports.documents.keys(INPUTS)]).lower()

    assert kept
    assert "pia-login" not in kept
    assert "u0pia" not in kept
    assert '"pia"' not in kept


def with_people(*people: Person) -> Governance:
    return replace(governance(), people=people)


def test_nobody_is_called_as_we_are_by_being_listed_so() -> None:
    """A person listed under our own account's name would else turn their commits into ours."""
    evil = Person(id=PersonId("Trimtab[bot]"), slack="U0EVIL", forge="evil")
    case = facts(commits=(replace(commit(), author="evil", committer="evil"),))

    told_so, _ = unnamed(case, (with_people(evil),))

    assert told_so.commits[0].author == "evil"
    assert not judged_on(case, with_people(evil), NOW).verdict.may_merge


def test_who_had_another_account_yesterday_is_still_told_apart() -> None:
    """Rules of a day ago count too, and a person is only the same where both accounts are."""
    now, then = (with_people(Person(id=PersonId("ann"), slack=slack, forge=login)) for slack, login in (("U1", "ann-1"), ("U2", "ann-2")))

    _, (mine, before) = unnamed(facts(), (now, then))

    assert mine.people[0].forge != before.people[0].forge
    assert mine.people[0].slack != before.people[0].slack
    assert "ann-2" not in before.people[0].forge


def test_the_words_for_people_change_no_verdict() -> None:
    author = next(person for person in governance().people if person.id == "ml-owner")
    rules = with_people(*(replace(person, id=PersonId(f"key-{number}")) for number, person in enumerate(governance().people)))
    case = facts(commits=(replace(commit(), author=author.forge),))

    plain, made = judge(case, rules, NOW), judged_on(case, rules, NOW).verdict

    assert [(line.rule, line.held, line.effect) for line in plain.lines] == [(line.rule, line.held, line.effect) for line in made.lines]
    assert (plain.tier, plain.approvers) == (made.tier, made.approvers)


def test_keeping_twice_is_keeping_once(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    basis = judged_on(facts(), governance(), NOW)

    first: Json = keep(basis, world.ports)
    keys = world.ports.documents.keys(INPUTS)

    assert keep(basis, world.ports) == first
    assert world.ports.documents.keys(INPUTS) == keys
