"""`.trimtab/allocation.yaml`: absent it means the defaults; wrong it is refused with the key that is wrong."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.judgement import files
from trimtab.errors import BadInput
from trimtab.policy.allocation_rules import ALLOCATION
from trimtab.policy.drivers_file import DRIVERS_CSV
from trimtab.policy.rules import governance_schema, parse_governance, version_of
from trimtab.records import AllocationRules, CommitSha, PrivateRate, SharedRule, ShareWeight

COMMIT = CommitSha("c0de" * 10)
WHOLE = b"""
version: 1
idle: share
idle_by: cluster
base_prices: {cpu: "0.9", memory: "0.1", gpu: "9"}
shared:
  - {id: control-plane, service: "Amazon EKS", cluster: "prod.*"}
  - {id: system, namespace: "kube-system|monitoring", split: driver, driver: cpu-seconds}
  - id: support
    category: Purchase
    tag: {key: kind, value: support}
    over: teams
    split: weighted
    weights:
      - {team: ml, weight: "1.5", to: 2026-07-01}
      - {team: batch, weight: "1"}
rates:
  - {id: dc, cluster: "edge-.*", currency: EUR, cpu: "0.02", memory: "0.0025", gpu: "1.1", from: 2026-01-01}
"""


def parsed(content: bytes, drivers: bytes | None = None) -> AllocationRules:
    given = {DRIVERS_CSV: drivers} if drivers else {}
    return parse_governance(files() | {ALLOCATION: content} | given, COMMIT).allocation


def test_without_the_file_the_defaults_hold() -> None:
    assert parse_governance(files(), COMMIT).allocation == AllocationRules()
    assert parsed(b"version: 1\n") == AllocationRules()


def test_a_whole_file_is_read_as_it_says() -> None:
    rules = parsed(WHOLE)

    assert (rules.idle, rules.idle_by) == ("share", "cluster")
    assert (rules.cpu_weight, rules.memory_weight, rules.gpu_weight) == (900_000, 100_000, 9_000_000)
    assert rules.shared == (
        SharedRule(id="control-plane", service="Amazon EKS", cluster="prod.*"),
        SharedRule(id="system", namespace="kube-system|monitoring", split="driver", driver="cpu-seconds"),
        SharedRule(
            id="support", category="Purchase", tag=("kind", "support"), over="teams", split="weighted",
            weights=(ShareWeight(value=1_500_000, team="ml", valid_to=date(2026, 7, 1)), ShareWeight(value=1_000_000, team="batch")),
        ),
    )  # fmt: skip
    assert rules.rates == (
        PrivateRate(
            id="dc", cluster="edge-.*", currency="EUR", cpu=Decimal("0.02"), memory=Decimal("0.0025"), gpu=Decimal("1.1"),
            valid_from=date(2026, 1, 1),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("idle: hide", "idle: Input should be 'show' or 'share'"),
        ("base_prices: {cpu: '0', memory: '0', gpu: '0'}", "base_prices: all three are 0"),
        ("base_prices: {cpu: 0.5}", "base_prices.cpu: Input should be a valid string"),
        ("shared: [{id: a}]", r"shared\[0\]: needs a condition"),
        ("shared: [{id: idle-cpu, cluster: a}]", r"shared\[0\].id: names that begin with idle-"),
        ("shared: [{id: a, cluster: '('}]", r"shared\[0\].cluster: not a regular expression"),
        ("shared: [{id: a, cluster: '(a+)+'}]", r"shared\[0\].cluster: a repeat of a repeat"),
        ("shared: [{id: a, cluster: a}, {id: a, cluster: b}]", r"shared\[1\].id: 'a' stands there twice"),
        ("shared: [{id: a, namespace: a, service: b}]", r"shared\[0\].namespace: shares what namespaces cost"),
        ("shared: [{id: a, cluster: a, split: driver}]", r"shared\[0\].driver: given with `split: driver`"),
        ("shared: [{id: a, cluster: a, driver: gpu-seconds}]", r"shared\[0\].driver: given with `split: driver`"),
        ("shared: [{id: a, cluster: a, split: weighted}]", r"shared\[0\].weights: given with `split: weighted`"),
        ("shared: [{id: a, cluster: a, split: weighted, weights: [{team: ml, weight: '1'}]}]", r"each must have a namespace"),
        (
            "shared: [{id: a, cluster: a, over: teams, split: weighted, weights: [{team: nobody, weight: '1'}]}]",
            r"shared\[0\].weights: no team 'nobody'; known: batch, ml",
        ),
        ("shared: [{id: a, cluster: a, over: teams, split: weighted, weights: [{team: ml, weight: '-1'}]}]", r"weights\[0\].weight"),
        ("rates: [{id: a, currency: EUR, cpu: '1', memory: '1'}]", r"rates\[0\]: needs cluster or project"),
        ("rates: [{id: a, cluster: a, currency: EUR, cpu: '1e400', memory: '1'}]", r"rates\[0\].cpu"),
        ("rates: [{id: a, cluster: a, currency: euro, cpu: '1', memory: '1'}]", r"rates\[0\].currency"),
        ("surprise: 1", "surprise: unknown key"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(content: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        parsed(f"version: 1\n{content}\n".encode())

    assert str(caught.value).startswith(ALLOCATION)


def test_the_version_changes_with_the_file_and_its_schema_is_for_editors() -> None:
    assert version_of(files() | {ALLOCATION: WHOLE}) != version_of(files())
    assert governance_schema()[ALLOCATION]["additionalProperties"] is False


def test_the_starters_file_says_the_defaults_and_its_examples_are_rules() -> None:
    """Whoever takes the leading # away must get what the comment says."""
    text = (Path(__file__).parents[2] / "gitops_templates/starter/.trimtab/allocation.yaml").read_text()
    examples = re.sub(r"^(shared|rates): \[\]\n", "", re.sub(r"^#   (- )", r"  \1", text, flags=re.MULTILINE), flags=re.MULTILINE)
    shared, rates = (examples.index(f"  - {{ id: {name}") for name in ("control-plane", "data-center"))

    whole = f"{examples[:shared]}shared:\n{examples[shared:rates]}rates:\n{examples[rates:]}".replace("team: data", "team: batch")
    rules = parsed(re.sub(r"^# .*\n", "", whole, flags=re.MULTILINE).encode(), b"driver,from,namespace,value\nqueries,2026-07-01,shop,7\n")

    assert parsed(text.encode()) == AllocationRules()
    assert [rule.id for rule in rules.shared] == ["control-plane", "egress", "system", "support", "tax", "search"]
    assert [rate.id for rate in rules.rates] == ["data-center"]
