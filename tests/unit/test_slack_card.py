"""The card: one per proposal, within Slack's limits, with buttons only while a decision is asked for."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.judgement import CONFIG, HEAD, NOW, POLICY, RULES, cluster, edit, evidence, facts, finding, governance, pool, proposal
from trimtab.adapters.wording import load_wording
from trimtab.lifecycle import State
from trimtab.policy.judge import judge
from trimtab.records import Facts, FieldChange, Json, Stage
from trimtab.render import pull_request, slack
from trimtab.render.blocks import MOST_BLOCKS

WORDING = load_wording()
ASKING = POLICY.replace(b"rules: []", b"rules:\n  - {name: a-person, when: [{fact: change.field, is: count}], tier: one-approval}")
TWO_PEOPLE = ASKING.replace(b"one-approval", b"two-approvals")
URL = "https://forge.example/gitops/7"


def card(changed: Facts | None = None, state: State = State.AWAITING, ended: str = "") -> list[Json]:
    changed = changed or facts(highest_stage=Stage.APPROVE)
    verdict = judge(changed, governance(), NOW)
    return slack.card(proposal(changed), changed.cluster, verdict, state=state, head=HEAD, wording=WORDING, url=URL, ended=ended)


def elements(blocks: list[Json]) -> dict[str, Any]:
    actions: Any = [block["elements"] for block in blocks if block["type"] == "actions"]
    return {element["action_id"]: element for element in (actions[0] if actions else [])}


def said(blocks: list[Json]) -> str:
    return json.dumps(blocks)


def test_a_card_asks_with_four_actions_about_exactly_this_commit() -> None:
    buttons = elements(card())

    assert list(buttons) == ["approve", "reject", "snooze", "evidence"]
    assert buttons["approve"]["value"] == f"prop-0123456789ab {HEAD}"
    assert buttons["reject"]["options"][0]["value"] == f"prop-0123456789ab {HEAD} too-risky"


@pytest.mark.security(23)
def test_approving_asks_again_and_names_cluster_pool_change_and_risk() -> None:
    """Security 23: who clicks in a hurry reads at least this."""
    confirm = elements(card())["approve"]["confirm"]["text"]["text"]

    assert confirm == "Approve for cluster 64b0c0ffee64b0c0ffee0001, pool batch: node count from 6 to 5. Risk: low."


def test_a_namespaces_quota_is_not_asked_about_as_a_pool() -> None:
    """It may have the name of one."""
    quota = finding(
        subject=replace(finding().subject, field="cpu_cores", kind="namespace"),
        changes=(FieldChange(field="cpu_cores", old="40", new="32"),),
    )
    blocks = card(facts(finding=quota, highest_stage=Stage.APPROVE))

    assert "Namespace: batch" in said(blocks)
    assert "Pool: batch" not in said(blocks)


@pytest.mark.parametrize("state", [state for state in State if state not in {State.OPEN, State.AWAITING}])
def test_no_button_stays_after_the_question_is_over(state: State) -> None:
    blocks = card(state=state)

    assert elements(blocks) == {}
    assert len(said(blocks)) > 100


def test_an_end_says_who_and_when_in_one_line() -> None:
    blocks = card(state=State.REJECTED, ended="Rejected by ml-owner on 2026-11-18: needed-soon.")

    assert "Rejected by ml-owner on 2026-11-18: needed-soon." in said(blocks)


@pytest.mark.parametrize(
    "changed",
    [
        facts(highest_stage=Stage.OBSERVE),
        facts(forge_rules=replace(RULES, requires_review=True)),
    ],
)
def test_there_is_no_approve_where_a_click_would_not_count(changed: Facts) -> None:
    assert "approve" not in elements(card(changed))
    assert URL in said(card(changed))


@pytest.mark.security(23)
@pytest.mark.parametrize(
    "changed",
    [
        facts(finding=finding(changes=tuple(FieldChange(field="count", old="6", new="5") for _ in range(4)))),
        facts(edit=edit(*[("node_groups[1].count", "6", "5")] * 60)),
        facts(finding=finding(changes=(FieldChange(field="instance_type", old="m6i.2xlarge", new="x" * 100),))),
        facts(finding=finding(subject=replace(finding().subject, pool="bätch"))),
    ],
)
def test_what_does_not_fit_on_the_card_whole_cannot_be_approved_on_it(changed: Facts) -> None:
    """Security 23: nobody may approve what they were not shown."""
    blocks = card(changed)

    assert "approve" not in elements(blocks)
    assert "It does not fit on a card whole" in said(blocks)


def walk(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in walk(item))]
    return [found for item in value for found in walk(item)] if isinstance(value, list) else []


HUGE = facts(
    finding=finding(
        evidence=evidence(lines=tuple("a long sentence " * 30 for _ in range(40)), source="s" * 500),
        disruption=tuple(f"workload-{index} is a bare pod." for index in range(60)),
        price_source="p" * 4000,
    ),
    owners=tuple((f"team-{index}" * 10, 0.02) for index in range(50)),
    cluster=cluster(pool(), name="c" * 300),
)


@pytest.mark.parametrize(
    "blocks",
    [
        card(),
        card(HUGE),
        card(HUGE, State.MERGED, "x" * 5000),
        slack.evidence(proposal(HUGE), wording=WORDING, cluster=HUGE.cluster, verdict=judge(HUGE, governance(), NOW)),
        slack.digest("h" * 400, ["l" * 900] * 200, NOW),
    ],
)
def test_slacks_limits_hold(blocks: list[Json]) -> None:
    assert len(blocks) <= MOST_BLOCKS
    for block in blocks:
        assert block["type"] in {"header", "section", "rich_text", "actions", "context"}
    for part in walk(blocks):
        if part.get("type") == "header":
            assert len(part["text"]["text"]) <= 150
        if part.get("type") in {"plain_text", "text"}:
            assert 0 < len(part["text"]) <= 3000
        if part.get("type") == "button":
            assert len(part["text"]["text"]) <= 75
            assert len(part["value"]) <= 2000
        if part.get("type") == "static_select":
            assert all(len(option["value"]) <= 150 and len(option["text"]["text"]) <= 75 for option in part["options"])
        assert part.get("type") != "mrkdwn"


def test_the_evidence_is_drawn_in_the_thread() -> None:
    whole = facts()

    blocks = slack.evidence(proposal(whole), wording=WORDING, cluster=whole.cluster, verdict=judge(whole, governance(), NOW))

    assert "proposed 40" in said(blocks)
    assert "CPU decides the size" in said(blocks)


def test_a_digest_counts_what_it_leaves_out() -> None:
    assert "and 3 more" in said(slack.digest("15 proposals", [f"line {index}" for index in range(15)], NOW))


@pytest.mark.parametrize("gate", ["forge", "slack", "both"])
@pytest.mark.parametrize("policy", [POLICY, ASKING, TWO_PEOPLE])
def test_where_there_is_no_slack_a_pull_request_speaks_of_no_card_and_no_button(gate: str, policy: bytes) -> None:
    """Whoever is told to press a button that is not there waits for good."""
    rules = governance(CONFIG + f"gates: [{{path: 'clusters/**', gate: {gate}}}]\n".encode(), policy)
    whole = facts()

    text = pull_request.body(proposal(whole), whole.cluster, judge(whole, rules, NOW), rules, NOW, wording=WORDING, has_card=False)

    assert "card" not in text
    assert "press" not in text.lower()


def test_a_card_whose_gate_is_the_forge_links_there_and_says_why() -> None:
    blocks = card(facts(forge_rules=replace(RULES, requires_review=True), highest_stage=Stage.APPROVE))

    assert "Review it on the forge" in said(blocks)
    assert "It is approved with a review on the forge, not here, because this repo's rules or its config ask for one." in said(blocks)
