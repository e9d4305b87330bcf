"""The words of pull requests, read in review: TRIMTAB_GOLDEN=write rewrites them."""

import os
from pathlib import Path

import pytest

from tests.judged_scenarios import SCENARIOS, scenario
from tests.judgement import NOW, proposal
from trimtab.adapters.wording import load_wording
from trimtab.render.pull_request import body, title

GOLDEN = Path(__file__).parent / "pull_request"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_pull_request_reads_as_it_was_approved(name: str) -> None:
    whole, rules, verdict = scenario(name)
    made = proposal(whole)
    text = f"{title(made, whole.cluster)}\n\n{body(made, whole.cluster, verdict, rules, NOW, wording=load_wording())}"
    path = GOLDEN / f"{name}.md"

    if os.environ.get("TRIMTAB_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    assert verdict.tier == name.removesuffix("-gpu")
    assert text == path.read_text()
