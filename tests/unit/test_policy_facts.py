"""What a policy rule may ask, and that what cannot be known never spares a change from a rule."""

from dataclasses import replace
from typing import Any

import pytest

from tests.judgement import CONFIG, NOW, POLICY, cluster, evidence, facts, governance, line_of, pool, with_finding
from trimtab.errors import BadInput
from trimtab.policy.facts import FACTS, View, is_met
from trimtab.policy.judge import judge
from trimtab.policy.risk import Scales
from trimtab.policy.schema import OPERATORS
from trimtab.records import ChangeRequest, Condition, Facts, Governance, PersonId, Tier

ASKED_BY = {"requested_by": (PersonId("ml-owner"), PersonId("platform-owner"))}
CHANGE = {"change_request": ChangeRequest(number="CHG0030001", state="implement", approval="approved")}


def ruled(when: str, more: str = "tier: two-approvals", config: bytes = CONFIG) -> Governance:
    return governance(config, POLICY.replace(b"rules: []", f"rules: [{{name: extra, when: [{when}], {more}}}]".encode()))


@pytest.mark.parametrize(
    ("when", "whole", "is_met"),
    [
        ("{fact: pool.name, is-not: batch}", {}, False),
        ("{fact: pool.name, is-not: web}", {}, True),
        ("{fact: pool.name, not-in: [web, batch]}", {}, False),
        ("{fact: pool.name, not-in: [web, db]}", {}, True),
        ("{fact: change.nodes_new, is-not: 5}", {}, False),
        ("{fact: change.nodes_new, not-in: [4, 6]}", {}, True),
        ("{fact: change.repave, is-not: true}", {}, True),
        ("{fact: change.kind, is: pool}", {}, True),
        ("{fact: risk.headroom, at-least: 1}", {}, False),
        ("{fact: risk.headroom, is: 0}", {}, True),
        ("{fact: risk.availability, is: 0}", {}, True),
        ("{fact: risk.reversibility, is: 1}", {}, True),
        ("{fact: risk.blast_radius, at-most: 1}", {}, True),
        ("{fact: risk.data_quality, at-most: 1}", {}, True),
        ("{fact: risk.step_size, at-least: 2}", {}, False),
        ("{fact: risk.mapping, is: 0}", {}, True),
        ("{fact: place.delivery, is: apply-on-push}", {}, True),
        ("{fact: place.delivery, in: [argo, atlantis]}", {}, False),
        ("{fact: place.path, matches: 'clusters/dev/.*'}", {}, True),
        ("{fact: time.weekday, is: wed}", {}, True),
        ("{fact: time.weekday, in: [sat, sun]}", {}, False),
        ("{fact: time.hour, is: 10}", {}, True),
        ("{fact: time.date, is: '2026-11-18'}", {}, True),
        ("{fact: time.date, matches: '.*-12-2[0-9]'}", {}, False),
        ("{fact: actors.requested_by, is: ml-owner}", ASKED_BY, True),
        ("{fact: actors.requested_by, is: finance-owner}", ASKED_BY, False),
        ("{fact: actors.requested_by, is-not: finance-owner}", ASKED_BY, True),
        ("{fact: actors.requested_by, is-not: ml-owner}", ASKED_BY, False),
        ("{fact: actors.requested_by, not-in: [finance-owner, ml-owner]}", ASKED_BY, False),
        ("{fact: actors.requested_by, in: [ml-owner]}", {}, False),
        ("{fact: actors.requested_by, matches: '.*'}", {}, False),
        ("{fact: actors.recent_authors, at-least: 1}", {}, False),
        ("{fact: actors.recent_authors, at-least: 2}", {"recent_authors": ("a", "b")}, True),
        ("{fact: change-request.state, is: implement}", CHANGE, True),
        ("{fact: change-request.approval, is-not: approved}", CHANGE, False),
        ("{fact: slo.burning, is: checkout}", {"burning": ("checkout",)}, True),
        ("{fact: slo.burning, matches: '.*'}", {}, False),
    ],
)
def test_a_rule_asks_for_what_it_names(when: str, whole: dict[str, Any], is_met: bool) -> None:
    verdict = judge(facts(**whole), ruled(when), NOW)

    assert (verdict.tier is Tier.TWO) is is_met
    assert line_of(verdict, "policy: extra").held is not is_met


@pytest.mark.parametrize(
    ("when", "whole"),
    [
        ("{fact: actors.recent_authors, at-least: 99}", facts(recent_authors=None)),
        ("{fact: change-request.state, is: implement}", facts()),
        ("{fact: change-request.approval, is-not: approved}", facts(change_request=ChangeRequest(number="C", state="new", approval=""))),
        ("{fact: risk.reversibility, is-not: 1}", facts(instance_gpus=None)),
        ("{fact: cluster.name, is-not: dev-east}", facts(cluster=None)),
        ("{fact: cluster.name, not-in: [dev-east]}", facts(cluster=None)),
        ("{fact: place.delivery, is: argo}", facts(place=None)),
        ("{fact: evidence.coverage, at-most: 0.1}", with_finding(evidence=evidence(coverage=float("nan")))),
        ("{fact: owners.first, is: nobody}", facts(owners=())),
        ("{fact: pool.capacity_type, is: spot}", facts(cluster=cluster(pool(name="other")))),
    ],
)
def test_what_is_not_known_counts_as_met_whichever_way_it_is_asked(when: str, whole: Facts) -> None:
    verdict = judge(whole, ruled(when, "tier: report-only"), NOW)

    assert verdict.tier is Tier.REPORT
    assert "unknown" in line_of(verdict, "policy: extra").saw or "nan" in line_of(verdict, "policy: extra").saw


def test_where_two_layouts_of_a_file_disagree_its_delivery_is_not_known() -> None:
    other = CONFIG + CONFIG[CONFIG.index(b"  - name: clusters") :].replace(b"name: clusters", b"name: again") + b"    delivery: argo\n"

    assert judge(facts(), ruled("{fact: place.delivery, is: atlantis}", config=other), NOW).tier is Tier.TWO


# ── where it is which hour ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("zone", "weekday", "hour", "day"),
    [("UTC", "wed", 10, "2026-11-18"), ("Pacific/Auckland", "wed", 23, "2026-11-18"), ("Pacific/Kiritimati", "thu", 0, "2026-11-19")],
)
def test_the_time_is_the_one_where_the_rule_says_it_is(zone: str, weekday: str, hour: int, day: str) -> None:
    when = f"{{fact: time.weekday, is: {weekday}}}, {{fact: time.hour, is: {hour}}}, {{fact: time.date, is: '{day}'}}"

    assert judge(facts(), ruled(when, f"tier: two-approvals, time_zone: {zone}"), NOW).tier is Tier.TWO


def test_a_freeze_in_days_is_in_the_days_of_its_zone_and_says_so() -> None:
    rules = governance(policy=POLICY + b"freezes: [{name: golden-week, time_zone: Asia/Tokyo, start: 2026-11-16, end: 2026-11-18}]\n")
    until = NOW.replace(hour=15)

    assert line_of(judge(facts(), rules, NOW), "freeze").saw == "golden-week until 2026-11-19 00:00 Asia/Tokyo"
    assert line_of(judge(facts(), rules, until), "freeze").held
    assert not line_of(judge(facts(), rules, until.replace(hour=14, minute=59)), "freeze").held


def test_a_time_without_a_zone_is_the_freezes_own() -> None:
    rules = governance(
        policy=b"version: 1\nfreezes: [{name: f, time_zone: Europe/Berlin, start: 2026-07-01T08:00:00, end: '2026-07-01T18:00'}]\n"
    )

    assert [f"{moment:%H:%M %Z}" for moment in (rules.freezes[0].start, rules.freezes[0].end)] == ["06:00 UTC", "16:00 UTC"]


# ── rules that hold ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_rule_that_holds_stops_every_merge_and_no_opening() -> None:
    verdict = judge(facts(), ruled("{fact: time.weekday, is: wed}", "holds: true"), NOW)

    assert (verdict.tier, verdict.may_open, verdict.may_merge) == (Tier.AUTO, True, False)
    assert line_of(verdict, "policy: extra").effect == "waits"
    assert line_of(verdict, "policy: extra").saw == "time.weekday is wed"


def test_a_rule_may_hold_and_ask_for_people_too() -> None:
    verdict = judge(facts(), ruled("{fact: pool.name, is: batch}", "holds: true, tier: two-approvals"), NOW)

    assert (verdict.tier, verdict.may_merge) == (Tier.TWO, False)
    assert line_of(verdict, "policy: extra").wanted == "two-approvals and no merge where this rule matches"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{name: a, when: [{fact: pool.name, is: x}]}", "rules[0].tier: missing; a rule has a tier, or `holds: true`, or both"),
        ("{name: a, when: [{fact: pool.name, is: x, is-not: y}], holds: true}", "has is, is-not"),
        ("{name: a, when: [{fact: change.repave, not-in: [1]}], holds: true}", "not-in: change.repave is a flag"),
        ("{name: a, when: [{fact: time.date, at-least: 3}], holds: true}", "at-least: time.date is a text"),
        ("{name: a, when: [{fact: actors.requested_by, at-least: 3}], holds: true}", "at-least: actors.requested_by is a texts"),
        ("{name: a, when: [{fact: pool.name, is: x}], holds: true, time_zone: Mars/Base}", "rules[0].time_zone: no such time zone"),
    ],
)
def test_a_rule_that_makes_no_sense_names_its_place(rule: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        governance(policy=f"version: 1\nrules: [{rule}]\n".encode())

    assert said in str(caught.value)


# ── vetoes about the world ───────────────────────────────────────────────────────────────────────────────────────────
def test_while_users_are_hurt_nothing_is_taken_away() -> None:
    verdict = judge(facts(burning=("checkout-latency",)), governance(), NOW)

    assert (verdict.may_open, verdict.may_merge) == (True, False)
    assert line_of(verdict, "slo-burning").saw == "checkout-latency"


@pytest.mark.parametrize(
    ("state", "approval", "may_merge"),
    [
        ("implement", "approved", True),
        ("scheduled", "approved", True),
        ("new", "requested", False),
        ("implement", "", False),
        ("", "approved", False),
        ("closed", "approved", False),
        ("canceled", "approved", False),
        ("implement", "rejected", False),
    ],
)
def test_where_change_requests_are_asked_for_only_an_approved_one_that_is_not_over_lets_merge(
    state: str, approval: str, may_merge: bool
) -> None:
    rules = replace(governance(), asks_change_requests=True)
    found = facts(change_request=ChangeRequest(number="CHG0030001", state=state, approval=approval))

    assert judge(found, rules, NOW).may_merge is may_merge


def test_where_change_requests_are_asked_for_and_none_is_found_it_waits() -> None:
    verdict = judge(facts(), replace(governance(), asks_change_requests=True), NOW)

    assert (verdict.may_open, verdict.may_merge) == (True, False)
    assert line_of(verdict, "change-request").saw == "none found"


@pytest.mark.security(22)
@pytest.mark.parametrize(("known", "saw"), [(False, "it does not hold together"), (None, "not read yet")])
def test_a_record_that_does_not_hold_or_was_not_read_lets_nothing_merge(known: bool | None, saw: str) -> None:
    verdict = judge(facts(is_record_sound=known), governance(), NOW)

    assert not verdict.may_merge
    assert line_of(verdict, "record-sound").saw == saw


# ── the table itself ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", FACTS)
def test_every_fact_reads_what_its_kind_says(name: str) -> None:
    """A fact of the wrong kind would never be met, and its rule would let everything through."""
    whole = facts(**ASKED_BY, **CHANGE, burning=("checkout",), recent_authors=("a",))
    view = View(facts=whole, scales=Scales(now=NOW, floor=governance().evidence), layouts=governance().layouts)
    kinds: dict[str, tuple[type, ...]] = {"text": (str,), "texts": (tuple,), "number": (int, float), "flag": (bool,)}

    value = FACTS[name].read(view)

    assert isinstance(value, kinds[FACTS[name].kind])
    assert isinstance(value, bool) is (FACTS[name].kind == "flag")


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("value", ["x", 3, True, ("x", "y"), ()])
def test_a_not_is_the_opposite_of_what_it_denies(kind: str, value: Any) -> None:
    for yes, no, wanted in (("is", "is-not", "x"), ("in", "not-in", ("x", "3"))):
        met, denied = (is_met(Condition(fact="pool.name", operator=each, value=wanted), value) for each in (yes, no))  # type: ignore[arg-type]
        assert met is not denied, kind
