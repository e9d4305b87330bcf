"""What owner suggestions look at besides a name."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.outlook import cells
from trimtab.attribution.surroundings import MOST_LABELS, Observed, family, surroundings

DAY = {date(2026, 7, 1): Decimal(1)}


def test_a_namespace_stands_among_its_accounts_pools_families_project_and_labels() -> None:
    some = [replace(cell, account="1111") for cell in cells("ml", DAY, namespace="train", cluster="prod", pool="gpu")]
    seen = Observed(
        pools=frozenset({("prod", "gpu", "p4d.24xlarge", "research"), ("prod", "web", "m5.large", "research")}),
        labels=frozenset({("prod", "train", '{"app":"bert","pod-template-hash":"5d4f","app.kubernetes.io/version":"3"}')}),
    )

    assert surroundings(some, seen) == {
        "prod/train": ["account:1111", "family:p4d", "label:app=bert", "pool:prod/gpu", "project:research"],
    }  # fmt: skip


def test_cost_outside_clusters_stands_nowhere() -> None:
    assert surroundings(cells("ml", DAY, namespace="", cluster=""), Observed()) == {}


def test_only_the_labels_of_most_groups_are_kept() -> None:
    texts = frozenset(("prod", "a", f'{{"run":"{number}","team":"x"}}') for number in range(100))

    kept = surroundings([], Observed(labels=texts))["prod/a"]

    assert len(kept) == MOST_LABELS
    assert "label:team=x" in kept


def test_what_two_exports_saw_is_seen() -> None:
    one, two = (Observed(labels=frozenset({("prod", "a", f'{{"app":"{name}"}}')})) for name in "xy")

    assert surroundings([], one | two)["prod/a"] == ["label:app=x", "label:app=y"]


@pytest.mark.parametrize(
    ("instance_type", "name"),
    [("m5.xlarge", "m5"), ("n2-standard-8", "n2"), ("Standard_D8s_v5", "dsv5"), ("VM.Standard.E4.Flex", "vm.standard.e4.flex"), ("", "")],
)
def test_the_family_of_an_instance_type(instance_type: str, name: str) -> None:
    assert family(instance_type) == name
