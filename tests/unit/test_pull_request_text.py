"""The pull request says what happens, why, what it needs and from whom; and the words are pinned by goldens next door."""

from dataclasses import replace

import pytest

from tests.judgement import CONFIG, NOW, POLICY, RULES, cluster, evidence, facts, finding, governance, proposal
from trimtab.adapters.wording import load_wording
from trimtab.errors import BadInput
from trimtab.policy.judge import judge
from trimtab.records import Facts, FieldChange, Governance, Stage, Subject
from trimtab.render.charts import demand_chart
from trimtab.render.pull_request import body, read_marker, title
from trimtab.render.wording import Ours, Wording

WORDING = load_wording()


def written(changed: Facts, rules: Governance | None = None, **more: object) -> str:
    rules = rules or governance()
    return body(replace(proposal(changed), **more), changed.cluster, judge(changed, rules, NOW), rules, NOW, wording=WORDING)  # type: ignore[arg-type]


def titled(name: str, old: str, new: str, rule: str = "idle-nodes", nodes: tuple[int, int] = (6, 5)) -> str:
    made = finding(
        rule=rule,
        subject=Subject(cluster_uid=finding().subject.cluster_uid, pool="batch", field=name),  # type: ignore[arg-type]
        changes=(FieldChange(field=name, old=old, new=new),),  # type: ignore[arg-type]
        nodes_old=nodes[0],
        nodes_new=nodes[1],
    )
    return title(proposal(facts(finding=made)), cluster())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (titled("count", "6", "5"), "Shrink dev-east/batch from 6 to 5 nodes"),
        (titled("count", "5", "6", nodes=(5, 6)), "Grow dev-east/batch from 5 to 6 nodes"),
        (titled("count", "5", "6", "rollback", (5, 6)), "Restore node count of dev-east/batch from 5 to 6"),
        (titled("min", "3", "2"), "Lower the smallest number of nodes of dev-east/batch from 3 to 2"),
        (titled("max", "3", "9"), "Raise the largest number of nodes of dev-east/batch from 3 to 9"),
        (titled("instance_type", "m6i.2xlarge", "m6i.xlarge"), "Move dev-east/batch from m6i.2xlarge to m6i.xlarge"),
        (titled("gpu_limit", "8", "6"), "Lower the GPU quota of dev-east/batch from 8 to 6"),
    ],
)
def test_a_title_says_what_happens(words: str, expected: str) -> None:
    assert words == expected


def test_an_automatic_merge_says_that_it_is_one_and_how_to_stop_it() -> None:
    text = written(facts())

    assert "This **merges by itself**" in text
    assert "To stop it" in text


def test_a_waiting_approval_says_from_whom() -> None:
    text = written(facts(highest_stage=Stage.APPROVE))

    assert "This does **not merge by itself**, because this cluster is at the stage `approve`" in text
    assert "It waits for **one person**, `ml-owner` or `platform-owner`: approve with a review here" in text


def test_two_approvals_say_that_one_is_a_review() -> None:
    text = written(facts(owners=()))

    assert "It waits for **two people** out of" in text
    assert "At least one of them approves with a review here" in text


def test_a_forge_gate_does_not_mention_a_button_that_is_not_there() -> None:
    text = written(facts(forge_rules=replace(RULES, requires_review=True)))

    assert "press Approve" not in text


def test_a_freeze_is_named_with_its_end() -> None:
    rules = governance(policy=POLICY + b"freezes: [{name: year-end-close, start: 2026-11-16, end: 2026-11-20}]\n")

    assert "It waits for the freeze `year-end-close until 2026-11-21 00:00 UTC` to end" in written(facts(), rules)


def test_a_saving_that_the_bill_does_not_know_is_said_to_be_at_list_price() -> None:
    text = written(facts(finding=finding(saving_effective=None)))

    assert "**280 USD a month** at list price (what you really pay is not known)" in text


def test_growth_says_what_it_costs() -> None:
    grown = finding(
        saving_list=-finding().saving_list, saving_effective=None, changes=(FieldChange(field="count", old="6", new="7"),), nodes_new=7
    )

    assert "It costs about **280 USD a month more**" in written(facts(finding=grown))


def test_what_was_not_known_is_listed() -> None:
    text = written(facts(finding=finding(unknowns=("Local volumes were not read.",))))

    assert "### What Trimtab did not know\n\n- Local volumes were not read." in text
    assert "### What Trimtab did not know" not in written(facts())


@pytest.mark.security(37)
def test_nothing_links_to_a_store_or_anywhere() -> None:
    """Security 37: forges render public addresses only, and ours are not public."""
    text = written(facts())

    assert "://" not in text
    assert "](" not in text


def test_the_body_is_the_same_when_nothing_changed() -> None:
    assert written(facts()) == written(facts())


def test_the_marker_can_be_read_back_and_a_body_without_one_says_nothing() -> None:
    made = proposal()

    marker = read_marker(written(facts()))

    assert marker is not None
    assert (marker.proposal, marker.fingerprint, marker.valid_at) == (made.id, made.fingerprint, made.valid_at)
    assert read_marker("hello") is None
    assert read_marker("<!-- trimtab proposal=a fingerprint=b valid_at=yesterday -->") is None


def test_a_cluster_that_is_gone_is_named_by_its_uid() -> None:
    assert "64b0c0ffee64b0c0ffee0001" in written(facts(cluster=None))


@pytest.mark.parametrize("name", ["min", "max", "capacity_type", "cpu_cores"])
def test_every_kind_of_change_has_its_own_first_sentence(name: str) -> None:
    subject = Subject(cluster_uid=finding().subject.cluster_uid, pool="batch", field=name)  # type: ignore[arg-type]
    first = written(facts(finding=finding(subject=subject, changes=(FieldChange(field=name, old="3", new="2"),)))).splitlines()[0]  # type: ignore[arg-type]

    assert first.startswith(("The pool", "The quota", "The autoscaler"))
    assert first.endswith("from `3` to `2`.")


def test_a_gap_in_the_chart_stays_a_gap() -> None:
    points = evidence().chart
    gap = tuple(replace(point, demand=None) if 40 <= index < 60 else point for index, point in enumerate(points))

    last_row = demand_chart(evidence(chart=gap)).splitlines()[-3]

    assert "  " in last_row.split("|")[1]


def test_demand_that_would_not_fit_stands_out() -> None:
    tight = tuple(replace(point, capacity_new=20.0) for point in evidence().chart)

    assert "!" in demand_chart(evidence(chart=tight))


@pytest.mark.parametrize("chart", [(), tuple(replace(point, demand=None, capacity_old=0, capacity_new=0) for point in evidence().chart)])
def test_nothing_measured_draws_nothing(chart: tuple[object, ...]) -> None:
    assert demand_chart(evidence(chart=chart)) == ""


def test_a_template_that_was_not_shipped_is_named() -> None:
    with pytest.raises(BadInput, match=r"wording/body\.md\.j2: missing"):
        Wording({}).markdown("body.md.j2", {})


@pytest.mark.parametrize("text", ["{{ 7 * 7 }}", "{{ ''.__class__.__mro__ }}", "{% for x in (1,2) %}{% endfor %}"])
def test_values_are_never_run_as_templates(text: str) -> None:
    assert Wording({"a": "x {{ name }}"}).plain("a", {"name": text}).count("{") == 0


def test_only_our_own_text_is_printed_as_it_is() -> None:
    wording = Wording({"a": "see {{ ours }} and {{ theirs }}, {{ ours ~ theirs }}"})

    assert wording.markdown("a", {"ours": Ours("**b**"), "theirs": "**c**"}) == (
        "see **b** and `\\x2a\\x2ac\\x2a\\x2a`, `\\x2a\\x2ab\\x2a\\x2a\\x2a\\x2ac\\x2a\\x2a`"
    )


def test_a_rule_of_the_policy_is_given_as_the_reason() -> None:
    rules = governance(
        CONFIG, POLICY.replace(b"rules: []", b"rules: [{name: small-steps, when: [{fact: pool.name, is: batch}], tier: one-approval}]")
    )

    assert "because your policy rule `small-steps` asks for it (`pool.name is batch`)" in written(facts(), rules)


def test_two_people_are_joined_by_and() -> None:
    assert "**two people** out of `ml-owner` and `platform-owner`." in written(facts(owners=()))


def test_a_report_offers_no_button_and_no_rollback() -> None:
    text = written(facts(highest_stage=Stage.OBSERVE))

    assert "This is a report: nothing is opened and nothing merges." in text
    assert "Snooze" not in text
    assert "trimtab rollback" not in text


@pytest.mark.parametrize(
    ("field", "old", "new", "sentence"),
    [
        ("max", "20", "15", "may go up to 20 nodes, more than was ever needed"),
        ("min", "1", "2", "may go down to 1 node, and pods often wait while new ones start"),
        ("min", "6", "5", "may not go below 6 nodes, and often would"),
        ("max", "9", "12", "is too small"),
        ("count", "1", "0", "runs 1 node of `m6i.2xlarge` and does not need it:"),
    ],
)
def test_an_autoscalers_bound_is_not_told_as_nodes_that_run(field: str, old: str, new: str, sentence: str) -> None:
    made = finding(
        subject=replace(finding().subject, field=field),  # type: ignore[arg-type]
        changes=(FieldChange(field=field, old=old, new=new),),  # type: ignore[arg-type]
        nodes_old=int(old),
        nodes_new=int(new),
    )

    assert sentence in written(facts(finding=made)).partition("\n")[0]
