"""Changes of one file as one pull request, where a repo asks for it: one review, and nothing merges that one of them alone may not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow.flow_world import ONE, REPO, World, fits
from tests.flow.group_world import FILE, POOLS, SECOND, TOGETHER, apply, declared, each, group_world, measure, smaller
from tests.judgement import CONFIG, OWNERS, POLICY, UID
from trimtab.adapters.localforge import human_commit
from trimtab.cli.page.proposal import proposal_page
from trimtab.cli.story import proposal_row
from trimtab.flow.fixes import fixes
from trimtab.flow.life import Life
from trimtab.flow.past_cases import past_cases
from trimtab.flow.rewake import wake_proposals
from trimtab.lifecycle import State
from trimtab.records import Subject
from trimtab.units import Money


def opened(root: Path, policy: bytes = ONE) -> World:
    world = group_world(root, policy)
    world.propose(*each(world))
    return world


def next_day(world: World, days: int = 1, **wanted: float) -> None:
    world.later(days=days)
    measure(world, **wanted)


def members(life: Life) -> list[str]:
    return [part.finding.subject.pool for part in life.planned().parts]


def main(world: World) -> bytes | None:
    return world.forge.read_file(REPO, world.forge.base_head(REPO, "main"), FILE)


def standing(world: World) -> dict[str, State]:
    return {", ".join(members(life)): life.state for life in world.lives()}


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_changes_of_one_file_are_one_branch_one_pull_request_and_one_card(tmp_path: Path) -> None:
    """Five one-line changes of one cluster are reviewed in one look."""
    world = opened(tmp_path)

    assert world.forge.merge_changes(REPO, world.pull().base, world.pull().head) == {
        FILE: declared({"system": 3, "batch": 5, "ml": 5, "web": 5})
    }
    assert world.pull().title == "Shrink 3 pools of dev-east"
    assert world.pull().head_ref.startswith("trimtab/dev-east/clusters-dev-dev-east-yaml-")
    assert (len(world.cards()), world.life().state, members(world.life())) == (1, State.AWAITING, list(POOLS))


def test_the_text_names_every_change_with_what_it_saves_and_its_evidence(tmp_path: Path) -> None:
    world = opened(tmp_path)
    body = world.pull().body

    for name in POOLS:
        assert f"| pool `{name}` | node count from `6` to `5` | saves 241 USD | low |" in body
        assert f"#### The pool `{name}`" in body
    assert "It saves about **723 USD a month** at what you really pay (841 USD at list price)." in body
    assert body.count("+    count: 5") == len(POOLS)


def test_the_commit_names_every_change(tmp_path: Path) -> None:
    world = opened(tmp_path)

    message = world.forge.git(REPO).run("log", "-1", "--format=%B", world.pull().head).decode()

    assert message.startswith(f"trimtab: set 3 values of dev-east in {FILE}\n\ncount of batch from 6 to 5\ncount of ml from 6 to 5\n")


def test_two_files_are_two_pull_requests(tmp_path: Path) -> None:
    """A change is made in one file; so is a group."""
    world = group_world(tmp_path)

    world.propose(*each(world, "batch", "ml", "edge", "spare"))

    assert standing(world) == {"batch, ml": State.AWAITING, "edge, spare": State.AWAITING}
    paths = [sorted(world.forge.merge_changes(REPO, pull.base, pull.head) or {}) for pull in world.forge.open_pull_requests(REPO)]
    assert sorted(paths) == [[SECOND], [FILE]]


def test_where_nobody_asks_for_it_each_change_comes_alone(tmp_path: Path) -> None:
    world = group_world(tmp_path, config=CONFIG)

    world.propose(*each(world))

    assert standing(world) == dict.fromkeys(POOLS, State.AWAITING)
    assert [life.planned().members for life in world.lives()] == [(), (), ()]


def test_the_same_run_twice_changes_nothing(tmp_path: Path) -> None:
    world = opened(tmp_path)
    before = (world.kinds(), world.pull(), world.chat.messages.copy())

    world.propose(*each(world))
    world.later(minutes=30)
    world.propose(*each(world))

    assert (world.kinds(), world.pull(), world.chat.messages) == before


def test_an_only_change_of_a_file_reads_as_if_it_came_alone(tmp_path: Path) -> None:
    world = group_world(tmp_path)

    world.propose(smaller("batch", world))

    assert (world.pull().title, members(world.life())) == ("Shrink dev-east/batch from 6 to 5 nodes", ["batch"])
    assert "#### The pool" not in world.pull().body


def test_list_page_and_alert_speak_of_every_change(tmp_path: Path) -> None:
    """Whoever decides on the page must not see one of three."""
    world = opened(tmp_path)

    row = proposal_row(world.life())
    page: dict[str, Any] = proposal_page(world.life().planned().id, world.ports, "mark")

    assert (row["pool"], row["change"]) == ("dev-east/batch, ml, web", "; ".join(["count 6 → 5"] * 3))
    assert (str(row["saving_effective"]), page["saving"]["amount"]) == ("723.30", "723 USD")
    assert page["title"] == "Shrink 3 pools of dev-east"
    assert [line.partition(":")[0] for line in page["evidence"]["lines"]] == list(POOLS)
    assert [fix.text.partition(": ")[0] for fix in fixes(world.ports, None)] == [f"dev-east/{name}" for name in POOLS]


# ── who is in it ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_may_not_open_is_left_out_and_said_and_the_others_go(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    measure(world, ml=46.0)

    world.propose(*each(world))

    assert members(world.life()) == ["batch", "web"]
    assert '"pool": "ml"' in world.refused()
    assert "demand-fits: 46 of 40 CPU cores" in world.refused()


def test_a_pool_whose_file_says_something_else_is_left_out(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.push_main({FILE: declared({"system": 3, "batch": 6, "ml": 9, "web": 6})})

    world.propose(*each(world))

    assert members(world.life()) == ["batch", "web"]
    assert "not-in-git" in world.refused()


def test_every_change_counts_against_the_limits(tmp_path: Path) -> None:
    """Else a group would be the way around them."""
    world = group_world(tmp_path, ONE)
    world.push_main(
        {
            ".trimtab/policy.yaml": ONE.replace(
                b"auto_merges_per_day: 2", b"open_at_once: 2, share_of_pools_per_run: 1.0, share_of_pools_per_day: 1.0"
            )
        }
    )

    world.propose(*each(world))

    assert len(members(world.life())) == 2
    assert "open-limit: 2 are open" in world.refused()


def test_a_run_that_wants_too_many_pools_is_held_by_the_breaker_all_the_same(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.push_main({".trimtab/policy.yaml": ONE})

    world.propose(*each(world))

    assert len(members(world.life())) == 2
    assert "breaker: this run touches 50% of all pools" in world.refused()


def test_of_two_changes_of_one_pool_one_is_in_it(tmp_path: Path) -> None:
    """One change of a pool at a time, together or alone."""
    world = group_world(tmp_path)
    other = smaller("batch", world)
    change = replace(other.changes[0], field="instance_type", old="m6i.2xlarge", new="m6i.xlarge")
    other = replace(
        other, rule="instance-type-down", subject=replace(other.subject, field="instance_type"), changes=(change,), nodes_new=6,
        saving_list=Money(other.saving_list.amount / 2, "USD"), saving_effective=None, is_repave=True,
    )  # fmt: skip

    world.propose(*each(world, "batch", "ml"), other)

    assert [life.planned().finding.subject.field for life in world.lives()] == ["count"]
    assert "one-at-a-time: count of it is proposed together with others" in world.refused()


def test_what_nobody_may_approve_together_comes_apart(tmp_path: Path) -> None:
    """Each pool has an approver of its own: together they would wait for ever."""
    apart = OWNERS.replace(
        b"  - {people: [platform-owner, ml-owner]}\n",
        f"  - {{people: [platform-owner]}}\n  - {{cluster_uid: {UID}, pool: ml, people: [ml-owner]}}\n".encode(),
    )
    world = group_world(tmp_path, owners=apart)

    world.propose(*each(world))

    assert standing(world) == {"batch, web": State.AWAITING, "ml": State.AWAITING}


def test_savings_in_two_currencies_do_not_come_together(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    euros = replace(smaller("ml", world), saving_list=Money(smaller("ml", world).saving_list.amount, "EUR"), saving_effective=None)

    world.propose(*each(world, "batch", "web"), euros)

    assert standing(world) == {"batch, web": State.AWAITING, "ml": State.AWAITING}


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_one_approval_merges_all_of_them(tmp_path: Path) -> None:
    world = opened(tmp_path)

    world.click("approve")

    assert (world.life().state, world.merges()) == (State.MERGED, 1)
    assert main(world) == declared({"system": 3, "batch": 5, "ml": 5, "web": 5})
    assert [(memory.kind, memory.about.split("/")[1]) for memory in world.life().memory] == [("merged", name) for name in POOLS]


def test_an_approval_is_bound_to_what_a_rollback_of_each_restores(tmp_path: Path) -> None:
    world = group_world(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.propose(*each(world))

    world.click("approve")

    (approval,) = world.life().approvals
    assert approval.binding.rollback == tuple((f"{name} count", "6") for name in POOLS)
    assert approval.binding.semantic_digest == world.life().planned().edit.semantic_digest


def test_turning_it_down_turns_down_each(tmp_path: Path) -> None:
    """Whoever rejects a group rejects its changes, and none of them comes back by another door."""
    world = opened(tmp_path)
    world.click("reject")
    next_day(world)
    world.push_main({".trimtab/config.yaml": CONFIG})

    world.propose(*each(world))

    assert {memory.about.split("/")[1]: memory.kind for memory in world.life().memory} == dict.fromkeys(POOLS, "rejected")
    assert world.refused().count("rejected on 2026-11-18 by platform-owner") == len(POOLS)
    assert (world.life().state, world.pull().state) == (State.REJECTED, "closed")


def test_the_next_run_groups_what_was_not_turned_down(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    world.click("reject")
    next_day(world)

    world.propose(*each(world))

    assert (members(world.life()), world.life().generation, world.life().state) == (["web"], 2, State.AWAITING)


def test_what_was_turned_down_alone_is_not_grouped(tmp_path: Path) -> None:
    world = group_world(tmp_path, config=CONFIG)
    world.propose(smaller("ml", world))
    world.click("reject")
    next_day(world)
    world.push_main({".trimtab/config.yaml": TOGETHER})

    world.propose(*each(world))

    assert standing(world) == {"ml": State.REJECTED, "batch, web": State.AWAITING}
    assert "rejected on 2026-11-18 by platform-owner" in world.refused()


def test_closing_it_on_the_forge_is_remembered_for_each(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.forge.close_pull_request(REPO, 1)
    next_day(world)

    world.propose(*each(world))

    assert [memory.kind for memory in world.life().memory] == ["closed"] * 3
    assert world.refused().count("was closed unmerged") == len(POOLS)


def test_the_card_has_no_approve_button_for_more_than_it_shows(tmp_path: Path) -> None:
    """What does not fit on a card whole cannot be approved on it (security 23)."""
    world = group_world(tmp_path)
    world.push_main({FILE: declared({"system": 3, **dict.fromkeys((*POOLS, "edge"), 6)}), SECOND: declared({"spare": 6})})

    world.propose(*each(world, "batch", "ml", "web"))
    three = world.buttons()
    next_day(world)
    world.propose(*each(world, "batch", "ml", "web", "edge"))

    assert ("approve" in three, "approve" in world.buttons()) == (True, False)
    assert len(members(world.life())) == 4


# ── merging by itself ────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_group_of_low_risk_merges_by_itself_and_each_change_takes_a_place_of_the_day(tmp_path: Path) -> None:
    world = opened(tmp_path, POLICY)

    world.webhook()

    assert world.life().state is State.MERGED
    assert world.ports.ledger.claim_slot(f"auto-merges-{REPO}", f"{world.now:%Y-%m-%d}", 3, "another") is None


def test_a_group_larger_than_the_day_allows_waits(tmp_path: Path) -> None:
    world = group_world(tmp_path, POLICY)
    world.push_main(
        {
            ".trimtab/policy.yaml": POLICY.replace(
                b"auto_merges_per_day: 2", b"auto_merges_per_day: 2, share_of_pools_per_run: 1.0, share_of_pools_per_day: 1.0"
            )
        }
    )
    world.propose(*each(world))

    world.webhook()

    assert world.merges() == 0


def test_nothing_merges_by_itself_where_one_of_them_needs_a_person(tmp_path: Path) -> None:
    rule = b"rules:\n  - {name: ml-asks, when: [{fact: pool.name, is: ml}], tier: one-approval}"
    world = opened(tmp_path, POLICY.replace(b"rules: []", rule))

    world.webhook()

    assert (world.life().state, world.merges()) == (State.AWAITING, 0)
    assert "your policy rule `ml-asks` asks for it" in world.pull().body


def test_many_small_steps_of_one_cluster_are_a_large_one(tmp_path: Path) -> None:
    """Each takes a ninth of the nodes, all of them a third: together that is no low risk any more."""
    world = group_world(tmp_path, POLICY)
    (known,) = world.palette.known
    world.palette.known = (replace(known, pools=tuple(pool for pool in known.pools if pool.name in POOLS)),)
    world.push_main({FILE: declared(dict.fromkeys(POOLS, 6))})

    world.propose(*(replace(found, nodes_new=4, changes=(replace(found.changes[0], new="4"),)) for found in each(world)))
    world.webhook()

    verdict = world.life().verdict
    assert verdict is not None
    assert (verdict.risk.blast_radius, [risk.blast_radius for _, risk in verdict.risks]) == (2, [1, 1, 1])
    assert world.merges() == 0


# ── later runs ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_newer_run_with_one_change_gone_plans_the_same_pull_request_again(tmp_path: Path) -> None:
    """What was approved is not what stands there any more, so the yes falls."""
    world = group_world(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.propose(*each(world))
    world.click("approve")
    seen, approvals = world.pull().head, len(world.life().approvals)
    next_day(world)

    world.propose(*each(world, "batch", "web"), refusals=(fits(name="ml"),))

    assert (members(world.life()), world.forge.desk(REPO).numbers()) == (["batch", "web"], [1])
    assert (approvals, world.life().approvals, world.pull().head != seen) == (1, (), True)
    assert (world.pull().title, len(world.cards())) == ("Shrink 2 pools of dev-east", 1)


def test_a_change_joins_what_is_open(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    next_day(world)

    world.propose(*each(world))

    assert (members(world.life()), world.forge.desk(REPO).numbers()) == (list(POOLS), [1])


def test_newer_evidence_for_the_same_changes_keeps_the_yes(tmp_path: Path) -> None:
    world = group_world(tmp_path, ONE + b"freezes: [{name: sale, start: 2026-11-17, end: 2026-11-20}]\n")
    world.propose(*each(world))
    world.click("approve")
    seen = world.pull().head
    next_day(world)

    world.propose(*each(world))

    assert (world.pull().head, len(world.life().approvals)) == (seen, 1)
    assert {part.finding.evidence.end.day for part in world.life().planned().parts} == {19}


def test_a_change_that_could_not_be_looked_at_stays_in_it(tmp_path: Path) -> None:
    """Metrics that stop coming are no proof that the pool needs its nodes."""
    world = opened(tmp_path)
    seen = world.pull().head
    next_day(world)

    world.propose(*each(world, "batch", "web"), refusals=(fits("metrics-stale", "ml"),))

    assert (members(world.life()), world.pull().head) == (list(POOLS), seen)


def test_what_could_not_be_looked_at_stays_when_all_others_are_gone(tmp_path: Path) -> None:
    world = opened(tmp_path)
    next_day(world)

    world.propose(refusals=(fits("metrics-stale", "ml"), fits(), fits(name="web")))

    assert (members(world.life()), world.life().state) == (["ml"], State.AWAITING)


def test_what_is_gone_never_merges_because_the_rest_is_stopped(tmp_path: Path) -> None:
    """Nothing could be planned anew, and what was approved before must not merge when the stop is lifted."""
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    next_day(world, ml=46.0)

    world.propose(*each(world, "ml"), refusals=(fits(),))
    measure(world)
    world.webhook("later")

    assert (members(world.life()), world.life().state, world.merges()) == (["ml"], State.AWAITING, 0)
    assert world.pull().title == "Shrink dev-east/ml from 6 to 5 nodes"


def test_what_is_gone_never_merges_because_the_rest_can_no_longer_be_planned(tmp_path: Path) -> None:
    """A second file declares the other pool by now: nothing can be planned anew, so what is open is closed."""
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    next_day(world)
    world.push_main({SECOND: declared({"edge": 6, "spare": 6, "ml": 6})})

    world.propose(*each(world, "ml"), refusals=(fits(),))
    world.click("approve")

    assert (world.life().state, world.pull().state, world.merges()) == (State.SUPERSEDED, "closed", 0)


def test_what_is_gone_never_merges_because_the_rest_may_not_come_together_any_more(tmp_path: Path) -> None:
    """Priced in another currency by now, the other change has to come alone, and waits for what is open."""
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    next_day(world)
    found = smaller("ml", world)

    world.propose(replace(found, saving_list=Money(found.saving_list.amount, "EUR"), saving_effective=None), refusals=(fits(),))

    assert standing(world)["batch, ml"] is State.SUPERSEDED
    assert (world.pull().state, world.merges()) == ("closed", 0)


def test_when_all_of_them_are_gone_it_is_closed(tmp_path: Path) -> None:
    world = opened(tmp_path)
    next_day(world)

    world.propose(refusals=tuple(fits(name=name) for name in POOLS))

    assert (world.life().state, world.pull().state) == (State.SUPERSEDED, "closed")


def test_an_older_run_that_comes_late_never_overwrites_a_newer_one(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    late, older = world.now, each(world)
    next_day(world)
    world.propose(*each(world, "batch"))
    before = world.kinds()

    world.propose(*older, at=late)

    assert (world.kinds(), members(world.life())) == (before, ["batch"])


def test_what_is_found_while_a_group_is_being_verified_goes_by_itself(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    world.click("approve")
    next_day(world)

    world.propose(*each(world, "web"))

    assert standing(world) == {"batch, ml": State.MERGED, "web": State.AWAITING}


def test_what_a_person_has_taken_over_is_left_alone(tmp_path: Path) -> None:
    world = opened(tmp_path)
    human_commit(world.forge, REPO, world.pull().head_ref, {FILE: declared({"batch": 1})}, message="mine", login="ml-owner", at=world.now)
    next_day(world)

    world.propose(*each(world))

    assert (world.life().state, world.pull().state) == (State.HUMAN_OWNED, "open")
    assert world.refused().count("hands off") == len(POOLS)


# ── switched on and off while pull requests are open ─────────────────────────────────────────────────────────────────
def test_switched_on_what_is_open_alone_stays_alone(tmp_path: Path) -> None:
    world = group_world(tmp_path, config=CONFIG)
    world.propose(smaller("ml", world))
    world.push_main({".trimtab/config.yaml": TOGETHER})
    next_day(world)

    world.propose(*each(world))

    assert standing(world) == {"ml": State.AWAITING, "batch, web": State.AWAITING}


def test_switched_off_what_is_open_together_stays_together_and_nothing_joins(tmp_path: Path) -> None:
    world = group_world(tmp_path)
    world.propose(*each(world, "batch", "ml"))
    world.push_main({".trimtab/config.yaml": CONFIG})
    next_day(world)

    world.propose(*each(world))

    assert standing(world) == {"batch, ml": State.AWAITING, "web": State.AWAITING}


def test_what_waited_alone_does_not_open_after_it_was_turned_down_with_others(tmp_path: Path) -> None:
    """Planned while the cluster was being changed, it is still there when the group that took it in is closed."""
    world = group_world(tmp_path, config=CONFIG)
    (known,) = world.palette.known
    world.palette.known = (replace(known, state="Provisioning"),)
    world.propose(smaller("ml", world))
    world.palette.known = (known,)
    world.push_main({".trimtab/config.yaml": TOGETHER})
    next_day(world)
    world.propose(*each(world))
    before = standing(world)
    world.forge.close_pull_request(REPO, 1)
    world.later(minutes=5)

    for cause in ("first", "second"):
        wake_proposals([known.uid], cause, world.ports)
        world.deliver()

    assert before == {"batch, ml, web": State.AWAITING, "ml": State.PLANNED}
    assert (standing(world), world.forge.open_pull_requests(REPO)) == ({"batch, ml, web": State.IGNORED, "ml": State.PLANNED}, ())


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_is_applied_when_every_change_is(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("approve")
    world.later(hours=1)
    measure(world)
    apply(world, "batch", "ml")
    world.tick_verify()
    some = world.life().state
    apply(world, "web")
    world.later(minutes=30)
    measure(world)

    world.tick_verify()

    assert (some, world.life().state) == (State.MERGED, State.APPLIED)


def test_what_it_did_is_known_for_each_and_for_all(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("approve")
    world.later(hours=1)
    measure(world)
    apply(world, *POOLS)

    world.tick_verify()

    outcome = world.life().outcome
    assert outcome is not None
    assert (str(outcome.promised), [str(one.promised) for one in outcome.members]) == ("723.30 USD", ["241.10 USD"] * 3)
    assert outcome.is_healthy is True


def test_one_pool_that_is_not_well_makes_all_of_it_not_well(tmp_path: Path) -> None:
    """All of it is undone, because it was one change; what is learned of each stays apart."""
    world = opened(tmp_path)
    world.click("approve")
    apply(world, *POOLS)
    found = {name: {"pending_pods": 4 if name == "web" else 0, "CPU cores": 17.5} for name in POOLS}
    for _ in range(2):
        world.later(hours=1)
        world.ports.documents.publish(f"demand/{UID}", {"cluster": "dev-east", "hour": world.now.isoformat(), "pools": found})
        world.tick_verify()

    group, back = sorted(world.lives(), key=lambda life: life.planned().undoes is not None)

    assert group.outcome is not None
    assert (group.outcome.is_healthy, [one.is_healthy for one in group.outcome.members]) == (False, [True, True, False])
    assert [past.what for past in past_cases(world.ports)] == ["dev-east/web: count 6 to 5"]
    assert back.state is State.MERGED
    assert [member.finding.changes[0].new for member in back.planned().members] == ["6", "6", "6"]


def test_every_pool_of_it_cools_down(tmp_path: Path) -> None:
    world = opened(tmp_path)
    world.click("approve")
    world.later(hours=1)
    measure(world)
    apply(world, *POOLS)
    world.tick_verify()
    next_day(world)
    resized = smaller("ml", world)
    change = replace(resized.changes[0], field="instance_type", old="m6i.2xlarge", new="m6i.xlarge")

    world.propose(replace(resized, subject=Subject(cluster_uid=UID, pool="ml", field="instance_type"), changes=(change,), is_repave=True))

    assert "cool-down: last changed on 2026-11-18" in world.refused()


@pytest.mark.parametrize("days", [0, 1])
def test_a_wake_of_the_forge_changes_nothing_that_is_agreed(tmp_path: Path, days: int) -> None:
    world = opened(tmp_path)
    before = world.life().planned()
    world.now += timedelta(days=days)

    world.webhook(f"{days}")

    assert world.life().planned() == before
