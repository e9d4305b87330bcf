"""The cards, in every state that they can be seen in: TRIMTAB_GOLDEN=write rewrites them."""

import json
import os
from pathlib import Path

import pytest

from tests.judged_scenarios import SCENARIOS, scenario
from tests.judgement import HEAD, NOW, proposal
from trimtab.adapters.wording import load_wording
from trimtab.lifecycle import State
from trimtab.render import slack

GOLDEN = Path(__file__).parent / "slack_card"
URL = "https://forge.example/gitops/pull/7"
ENDS = {
    State.MERGED: "Merged by Trimtab, after judging again on 2026-11-18 10:05 UTC as 4f2d4f2d4f.",
    State.REJECTED: "Rejected by ml-owner on 2026-11-18: needed-soon.",
    State.SNOOZED: "Snoozed by ml-owner until 2026-12-02.",
}


def compare(name: str, blocks: object) -> None:
    path = GOLDEN / f"{name}.json"
    text = json.dumps(blocks, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("TRIMTAB_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", [*SCENARIOS, "group"])
def test_a_card_that_asks_reads_as_it_was_approved(name: str) -> None:
    whole, _, verdict = scenario(name)

    compare(name, slack.card(proposal(whole), whole.cluster, verdict, state=State.AWAITING, head=HEAD, wording=load_wording(), url=URL))


@pytest.mark.parametrize("state", [state for state in State if state not in {State.NEW, State.PLANNED, State.OPEN, State.AWAITING}])
def test_a_card_after_the_question_reads_as_it_was_approved(state: State) -> None:
    whole, _, verdict = scenario("one-approval-gpu")
    made = proposal(whole)

    blocks = slack.card(made, whole.cluster, verdict, state=state, head=HEAD, wording=load_wording(), url=URL, ended=ENDS.get(state, ""))

    compare(f"state-{state}", blocks)


def test_the_evidence_in_the_thread_reads_as_it_was_approved() -> None:
    whole, _, verdict = scenario("one-approval-gpu")

    compare("evidence", slack.evidence(proposal(whole), wording=load_wording(), cluster=whole.cluster, verdict=verdict))


def test_a_digest_reads_as_it_was_approved() -> None:
    compare("digest", slack.digest("3 new proposals", ["Shrink ml-dev/gpu-train from 4 to 3 nodes: 3,105 USD a month"], NOW))
