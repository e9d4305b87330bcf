"""Owner rules through the real engine: each charge by the rules of its own day, by annotations and projects, with what stands above."""

from dataclasses import replace
from datetime import date, timedelta

from tests.bills import HOUR, Row, bill, estate, governance, node, pod
from trimtab.records import CostCenter, Dated, Governance, OwnerRule, Team
from trimtab.units import GIB

NEXT = HOUR + timedelta(days=1)
SECOND = NEXT.date()
WHOLE = {"cpu": 4000, "memory": 16 * GIB}


def two_days(**about: object) -> tuple[list[Row], list[Row]]:
    """One node on two days, one pod of ns1 that takes all of it; and a database outside clusters on both."""
    bills = [bill("1", hour=hour) for hour in (HOUR, NEXT)] + [bill("5", hour=hour, ResourceId="db-1") for hour in (HOUR, NEXT)]
    usage = [row for hour in (HOUR, NEXT) for row in (node(hour=hour), pod("a", hour=hour, **WHOLE, **about))]  # type: ignore[arg-type]
    return bills, usage


def owners(rules: Governance, **about: object) -> list[tuple[object, ...]]:
    """(day, team, cost center, business unit, rule) of every allocated row."""
    place = estate(*two_days(**about))
    place.allocate(rules)
    found = place.rows()
    assert sum(row["EffectiveCost"] for row in found) == 12  # type: ignore[misc]
    columns = ("x_Team", "x_CostCenter", "x_BusinessUnit", "x_OwnerRule")
    return sorted(((str(row["ChargePeriodStart"])[:10], *(row[column] for column in columns)) for row in found), key=repr)


def test_each_charge_is_decided_by_the_rules_of_its_own_day() -> None:
    """Both days in one run: the second must not inherit what was decided for the same pods and tags on the first."""
    rules = governance(
        OwnerRule(id="old", namespace="ns1", team="ML", valid_to=SECOND),
        OwnerRule(id="new", namespace="ns1", team="Shop", valid_from=SECOND),
        OwnerRule(id="db-old", account="444455556666", team="Shop", valid_to=SECOND),
        OwnerRule(id="db-new", account="444455556666", team="ML", valid_from=SECOND),
    )

    assert owners(rules) == [
        ("2026-07-01", "ML", "cc", None, "old"), ("2026-07-01", "Shop", "cc", None, "db-old"),
        ("2026-07-02", "ML", "cc", None, "db-new"), ("2026-07-02", "Shop", "cc", None, "new"),
    ]  # fmt: skip


def test_a_team_that_moves_takes_its_cost_along_from_that_day_only() -> None:
    team = Team(
        name="ML", cost_center="CC2", channel="", cost_centers=(Dated(name="CC1", valid_to=SECOND), Dated(name="CC2", valid_from=SECOND))
    )
    rules = replace(
        governance(OwnerRule(id="all", cluster="prod", team="ML"), OwnerRule(id="db", account=".*", team="ML")), teams=(team,),
        cost_centers=(CostCenter(id="CC1", business_units=(Dated(name="Research"),)), CostCenter(id="CC2", parent="CC1")),
    )  # fmt: skip

    found = owners(rules)

    assert [row[2:4] for row in found if row[0] == "2026-07-01"] == [("CC1", "Research")] * 2
    assert [row[2:4] for row in found if row[0] == "2026-07-02"] == [("CC2", "Research")] * 2


def test_a_past_period_run_again_gives_the_same_owners_after_a_reorganization() -> None:
    """The rules of August are added; July's rows do not change by it."""
    july = OwnerRule(id="july", namespace="ns1", team="ML")
    august = OwnerRule(id="august", namespace="ns1", team="Shop", valid_from=date(2026, 8, 1))

    assert owners(governance(july)) == owners(governance(august, replace(july, valid_to=date(2026, 8, 1))))


def test_an_annotation_may_name_the_team() -> None:
    rules = governance(OwnerRule(id="note", annotations=("acme.io/owner",)), OwnerRule(id="db", tag=("app", "x"), team="ML"))

    found = owners(rules, annotations='{"acme.io/owner":"shop"}')

    assert [row[1] for row in found if row[4] == "note"] == ["Shop", "Shop"]


def test_pods_that_differ_in_an_annotation_alone_are_told_apart() -> None:
    usage = [
        node(),
        *(pod(name, cpu=2000, memory=8 * GIB, annotations=f'{{"owner":"{team}"}}') for name, team in (("a", "ml"), ("b", "shop"))),
    ]
    place = estate([bill("2")], usage)

    place.allocate(governance(OwnerRule(id="note", annotations=("owner",))))

    assert {row["x_Pod"]: row["x_Team"] for row in place.rows()} == {"a": "ML", "b": "Shop"}


def test_the_palette_project_of_a_cluster_may_decide() -> None:
    rules = governance(OwnerRule(id="by-project", project="research-.*", team="ML"))
    bills, usage = two_days(project="research-eu")
    place = estate(bills, usage)

    place.allocate(rules)

    assert [row["x_Team"] for row in place.rows() if row["x_Namespace"]] == ["ML", "ML"]


def test_a_cluster_of_two_projects_in_one_period_is_neithers_by_project() -> None:
    """Which of the two a row belongs to is not known, and an owner is never guessed."""
    rules = governance(OwnerRule(id="by-project", project="research-.*", team="ML"))
    usage = [
        row
        for hour, project in ((HOUR, "research-eu"), (NEXT, "shop"))
        for row in (node(hour=hour, project=project), pod("a", hour=hour, project=project, cpu=4000, memory=16 * GIB))
    ]
    place = estate([bill("1"), bill("1", hour=NEXT)], usage)

    place.allocate(rules)

    assert [row["x_Team"] for row in place.rows()] == [None, None]
