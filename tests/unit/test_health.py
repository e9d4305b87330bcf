"""What got worse is told from what was so before, from what is noise and from what nobody measured."""

import pytest

from trimtab.records import MetricSeries, Slo
from trimtab.savings.health import Watched, compare, health_of, lasting, palette_trouble
from trimtab.sources.health_queries import breaches, counts, slo_question

GRID = range(0, 1500, 300)
BEFORE = {"pending-pods": 1.0}


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ((0.0, 5.0, 0.0), 0.0),
        ((0.0, 5.0, 3.0, 0.0), 3.0),
        ((2.0, None, 7.0), None),
        ((), None),
        ((4.0, 4.0), 4.0),
    ],
    ids=["one-spike", "two-in-a-row", "a-hole-between", "nothing", "all-along"],
)
def test_what_lasts_is_the_worst_that_held_for_so_many_looks(values: tuple[float | None, ...], held: float | None) -> None:
    assert lasting(values, 2) == held


def test_worse_than_anything_that_lasted_on_the_day_before_is_a_regression() -> None:
    found = compare(BEFORE, {"pending-pods": (0.0, 3.0, 2.0)}, 2)

    assert found.worse == ("pods without a place for over two minutes: 2, on the day before at most 1",)


@pytest.mark.parametrize("values", [(0.0, 1.0, 1.0), (0.0, 9.0, 0.0)], ids=["as-before", "noise"])
def test_what_was_so_before_and_what_was_there_once_are_no_regression(values: tuple[float, ...]) -> None:
    assert compare(BEFORE, {"pending-pods": values}, 2) == Watched()


def test_a_signal_that_is_not_there_now_is_unknown_and_no_health() -> None:
    found = compare(BEFORE, {"pending-pods": (0.0, 0.0, 0.0, None, None)}, 2)

    assert health_of(found, "Running", "Healthy").is_healthy is None


def test_without_a_day_before_only_nothing_is_no_trouble() -> None:
    none, some = ({"pending-pods": values} for values in ((0.0, 0.0), (1.0, 1.0)))

    assert compare({}, none, 2) == Watched()
    assert health_of(compare({}, some, 2), "Running", "Healthy").is_healthy is None


def test_too_few_looks_say_nothing_yet() -> None:
    assert compare(BEFORE, {"pending-pods": (0.0,)}, 2).is_new


@pytest.mark.parametrize(
    ("state", "health", "well"),
    [("Running", "Healthy", True), ("Running", "Unknown", None), (None, None, None), ("Provisioning", "", None)],
)
def test_health_needs_palette_to_say_so_too(state: str | None, health: str | None, well: bool | None) -> None:
    assert health_of(Watched(), state, health).is_healthy is well


def test_palettes_own_trouble_is_said_in_its_words() -> None:
    assert palette_trouble("Running", "UnHealthy") == "Palette says the cluster is Running and UnHealthy"
    assert palette_trouble("Running", "Healthy") == ""


# ── numbers from series ──────────────────────────────────────────────────────────────────────────────────────────────
def series(namespace: str, *points: tuple[int, float], exported: str = "") -> MetricSeries:
    labels = {"namespace": namespace} | ({"exported_namespace": exported} if exported else {})
    return MetricSeries(labels=labels, points=points)


SCRAPED = {0: 1.0, 300: 1.0, 600: 1.0}


def test_nothing_counts_as_zero_only_where_there_was_a_scrape() -> None:
    assert counts((), SCRAPED, GRID, lambda _: True) == (0.0, 0.0, 0.0, None, None)


def test_only_namespaces_that_count_are_added_under_the_name_that_the_exporter_gave_them() -> None:
    found = (series("kube-system", (300, 2.0), exported="web"), series("web", (600, 3.0)), series("other", (300, 9.0)))

    assert counts(found, SCRAPED, GRID, lambda namespace: namespace == "web")[1:3] == (2.0, 3.0)


SLO = Slo(name="latency", cluster=None, query="slow{pool=$pool} > 0 or up{pool=$pool}", bad="above", threshold=0.5)


def test_an_slo_is_broken_on_the_wrong_side_of_its_number() -> None:
    answer = (MetricSeries(labels={}, points=((0, 0.5), (300, 0.6))),)

    assert breaches(SLO, answer, GRID)[:3] == (0.0, 1.0, None)


def test_an_slo_that_answers_with_several_series_says_nothing() -> None:
    answer = (MetricSeries(labels={"a": "1"}, points=((0, 0.1),)), MetricSeries(labels={"a": "2"}, points=((0, 0.9),)))

    assert breaches(SLO, answer, GRID)[0] is None


@pytest.mark.security(18)
def test_a_pools_name_is_quoted_wherever_a_query_asks_for_it() -> None:
    asked = slo_question(SLO, 'x"} or vector(1) #', {})

    assert asked == 'slow{pool="x\\"} or vector(1) #"} > 0 or up{pool="x\\"} or vector(1) #"}'


def test_an_slo_in_a_shared_store_is_held_to_its_clusters_own_series() -> None:
    assert slo_question(SLO, "web", {"cluster": "a"}) == 'slow{pool="web", cluster="a"} > 0 or up{pool="web", cluster="a"}'
