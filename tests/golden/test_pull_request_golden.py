"""The words of pull requests, read in review: TRIMTAB_GOLDEN=write rewrites them."""

import os
from pathlib import Path

import pytest

from tests.judged_scenarios import KINDS, SCENARIOS, scenario
from tests.judgement import NOW, proposal
from trimtab.adapters.wording import load_wording
from trimtab.flow.plans import in_words
from trimtab.render.pull_request import body, title

GOLDEN = Path(__file__).parent / "pull_request"


DELIVERIES = {"terraform-variable": "hcp-terraform", "quota": "atlantis", "workload": "argo"}
"""What applies a merge, where it is not a pipeline on a push."""


@pytest.mark.parametrize("name", [*SCENARIOS, *KINDS])
def test_a_pull_request_reads_as_it_was_approved(name: str) -> None:
    whole, rules, verdict = scenario(name)
    made = proposal(whole)
    delivery, plan = DELIVERIES.get(name, "apply-on-push"), in_words(whole.plan)
    words = body(made, whole.cluster, verdict, rules, NOW, wording=load_wording(), delivery=delivery, plan=plan)
    text = f"{title(made, whole.cluster)}\n\n{words}"
    path = GOLDEN / f"{name}.md"

    if os.environ.get("TRIMTAB_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    assert name in KINDS or verdict.tier == name.removesuffix("-gpu")
    assert text == path.read_text()
