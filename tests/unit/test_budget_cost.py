"""What a budget counts: exactly the cells of its scope, in its currency, and nothing of anybody else's."""

from decimal import Decimal

import pytest

from tests.judgement import NOW
from trimtab.attribution.budget_cost import BudgetCost, budget_cost
from trimtab.attribution.cube import Cell
from trimtab.attribution.summary import Amounts
from trimtab.errors import Broken
from trimtab.flow.runs import Plan
from trimtab.flow.spent import SpentScope
from trimtab.records import Budget, Cluster, ClusterUid, ProjectUid, Quota

PROJECTS = {"east": frozenset({"research"}), "west": frozenset({"shop"}), "moved": frozenset({"research", "shop"})}


def cell(amount: str, *, cluster: str | None = "east", namespace: str | None = "train", team: str | None = "ml", part: str = "allocated",
         currency: str = "USD", day: str = "2026-11-03", reason: str | None = None) -> Cell:  # fmt: skip
    value = Decimal(amount)
    return Cell(
        currency=currency, export="main", part=part, team=team, cluster=cluster, pool="gpu", namespace=namespace, reason=reason, day=day,
        amounts=Amounts(billed=value, effective=value, list=value * 2),
    )  # fmt: skip


CELLS = (
    cell("10.000000000001"),
    cell("2.5", day="2026-11-04"),
    cell("4", namespace="serve", team="web"),
    cell("3", namespace=None, team=None, part="idle"),
    cell("8", cluster="west"),
    cell("16", cluster="moved"),
    cell("32", cluster=None, namespace=None, part="not-kubernetes", reason="no-cluster"),
    cell("64", currency="EUR"),
)


def cost(**scope: object) -> BudgetCost:
    budget = Budget(id="b", amount=Decimal(100), currency="USD", **scope)  # type: ignore[arg-type]
    return budget_cost(budget, CELLS, PROJECTS, period="p-2026-11", made_at="now")


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ({"team": "ml"}, "68.500000000001"),
        ({"namespace": ("east", "train")}, "12.500000000001"),
        ({"project": "research"}, "19.500000000001"),
        ({"team": "nobody"}, "0"),
    ],
)
def test_a_scope_is_its_own_cells_to_the_last_digit(scope: dict[str, object], spent: str) -> None:
    """A project has its clusters' idle capacity too, and no cluster that was in two projects."""
    found = cost(**scope)

    assert found.spent == Decimal(spent)
    assert sum((part.amount for part in found.parts), Decimal(0)) == found.spent


def test_days_parts_and_clusters_are_told_apart() -> None:
    found = cost(team="ml")

    assert found.days == {"2026-11-03": Decimal("66.000000000001"), "2026-11-04": Decimal("2.5")}
    assert [(part.name, part.amount) for part in found.parts][:2] == [
        ("outside clusters (no-cluster)", Decimal(32)), ("namespace moved/train", Decimal(16)),
    ]  # fmt: skip
    assert found.clusters == ("east", "moved", "west")


def test_another_currency_is_in_no_sum() -> None:
    assert cost(namespace=("east", "train")).others == {"EUR": Decimal(64)}


def test_idle_capacity_of_a_project_is_named() -> None:
    assert ("idle capacity of east/gpu", None) in [(part.name, part.team) for part in cost(project="research").parts]


def test_a_document_comes_back_as_it_was() -> None:
    assert BudgetCost.from_json(cost(team="ml").to_json()) == cost(team="ml")


def test_a_document_that_is_none_of_ours_says_so() -> None:
    with pytest.raises(Broken, match="run `trimtab allocate` again"):
        BudgetCost.from_json({"spent": "5"})


# ── what a spent budget holds ────────────────────────────────────────────────────────────────────────────────────────
HERE = Cluster(
    uid=ClusterUid("u1"), name="east", project_uid=ProjectUid("p1"), project="research", cloud="aws", region="r", state="Running",
    health="", is_repave_pending=False, tags={}, pools=(),
)  # fmt: skip
TRAIN = SpentScope(budget="b", words="budget b", namespaces=(("east", "train"), ("west", "other")))
RESEARCH = SpentScope(budget="p", words="budget p", project="research")


@pytest.mark.parametrize(
    ("spent", "namespaces", "clusters", "words"),
    [
        ((TRAIN,), ("train",), (), "budget b"),
        ((TRAIN,), ("train", "serve"), (), ""),
        ((TRAIN,), ("other",), (), ""),
        ((TRAIN,), (), (), ""),
        ((TRAIN,), ("/.*/",), (), ""),
        ((TRAIN, RESEARCH), ("serve",), (), "budget p"),
        ((RESEARCH,), ("serve",), ("u1", "u2"), ""),
        ((), ("train",), (), ""),
    ],
)
def test_only_a_quota_that_is_all_in_the_scope_is_held(
    spent: tuple[SpentScope, ...], namespaces: tuple[str, ...], clusters: tuple[str, ...], words: str
) -> None:
    """Whoever else is in it would be held too."""
    plan = Plan(run="run-1", at=NOW, governance="", commits=(), usage_version=None, clusters=(), spent=spent)
    quota = Quota(cluster_uid=HERE.uid, kind="namespace", name="q", namespaces=namespaces, clusters=tuple(map(ClusterUid, clusters)))

    assert plan.spent_on(HERE, quota) == words
