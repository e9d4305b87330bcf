"""The estate's PromQL answers as Prometheus would, or not at all: a wrong number would teach the collector a wrong lesson."""

from collections.abc import Sequence

import pytest

from trimtab.demo.estate.promql import PromError, Series
from trimtab.demo.estate.promql_text import duration, parse

TIMES = [60.0 * minute for minute in range(1, 11)]


def _source(metric: str) -> Sequence[Series]:
    found = {
        "requests_total": [Series(labels={"pod": "a", "zone": "x"}, times=TIMES, values=[120.0 * n for n in range(1, 11)])],
        "temperature": [
            Series(labels={"pod": "a", "zone": "x"}, times=TIMES, values=[float(n) for n in range(10)]),
            Series(labels={"pod": "b", "zone": "y"}, times=TIMES, values=[10.0] * 10),
        ],
        "short": [Series(labels={"pod": "c"}, times=[60.0], values=[1.0])],
    }
    return found.get(metric, [])


def _answer(query: str, at: float = 600.0) -> dict[str, float]:
    value = parse(query).at(at, _source)
    if isinstance(value, float):
        return {"": value}
    return {dict(sample.labels).get("pod", dict(sample.labels).get("zone", "")): sample.value for sample in value}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("temperature", {"a": 9, "b": 10}),
        ('temperature{pod="a"}', {"a": 9}),
        ('temperature{pod!="a"}', {"b": 10}),
        ('temperature{zone=~"x|y",pod!~"b.*"}', {"a": 9}),
        ("{__name__=\"temperature\", pod='b'}", {"b": 10}),
        ("avg_over_time(temperature[5m])", {"a": 7, "b": 10}),
        ("max_over_time(temperature[10m])", {"a": 9, "b": 10}),
        ("count_over_time(temperature[5m])", {"a": 5, "b": 5}),
        ("rate(requests_total[5m])", {"a": 2}),
        ("increase(requests_total[5m])", {"a": 600}),
        ("max_over_time(rate(requests_total[2m])[5m:1m])", {"a": 2}),
        ("sum(temperature)", {"": 19}),
        ("sum by (zone) (temperature)", {"x": 9, "y": 10}),
        ("max(temperature) by (pod)", {"a": 9, "b": 10}),
        ("avg without (pod) (temperature)", {"x": 9, "y": 10}),
        ("1000 * temperature / 2 - 1", {"a": 4499, "b": 4999}),
        ("2 + 3 * 4", {"": 14}),
        ("(2 + 3) * 4", {"": 20}),
        ("nothing_of_that_name", {}),
    ],
)
def test_a_query_gives_what_prometheus_would(query: str, expected: dict[str, float]) -> None:
    assert _answer(query) == pytest.approx(expected)


def test_a_sample_older_than_five_minutes_is_not_there_any_more() -> None:
    assert _answer("short", at=359.0) == {"c": 1}
    assert _answer("short", at=361.0) == {}


def test_a_rate_needs_two_samples() -> None:
    """One sample says nothing about growth, and nothing is not zero."""
    assert _answer("rate(short[5m])", at=60.0) == {}


def test_a_counter_that_was_reset_never_gives_a_negative_rate() -> None:
    def source(_: str) -> Sequence[Series]:
        return [Series(labels={}, times=[60.0, 120.0, 180.0], values=[100.0, 5.0, 10.0])]

    value = parse("increase(restarted_total[3m])").at(180.0, source)

    assert isinstance(value, list)
    assert value[0].value > 0


@pytest.mark.parametrize(
    "query",
    [
        "", "temperature{", "temperature{pod}", 'temperature{pod="a"} or up', "histogram_quantile(0.9, x)", "temperature[5m]",
        "rate(temperature)", "temperature * on(pod) requests_total", "temperature * temperature", "sum(1)", "rate(sum(temperature)[5m])",
        "temperature offset 5m", "{pod='a'}", "topk(3, temperature)", "§",
    ],
)  # fmt: skip
def test_what_it_does_not_understand_it_refuses(query: str) -> None:
    with pytest.raises(PromError):
        parse(query).at(600.0, _source)


def test_a_duration_is_read_in_prometheus_words_or_in_seconds() -> None:
    assert [duration(text) for text in ("90s", "5m", "1h", "2d", "30", "0.5")] == [90, 300, 3600, 172800, 30, 0.5]
    with pytest.raises(PromError):
        duration("1 hour")
