"""What others wrote may be read on the page, and may never act or hide there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError, TemplateAssertionError
from markupsafe import Markup

from tests.judgement import evidence
from trimtab.records import ChartPoint
from trimtab.render.page import Bar, Page, bar_svg, demand_svg, diff_lines, stacked_svg, visible
from trimtab.render.page.charts import in_words, scale


def page(template: str) -> Page:
    return Page({"page.html": template})


@pytest.mark.security(26)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("</script><img onerror=x>", "&lt;/script&gt;&lt;img onerror=x&gt;"),
        ('" autofocus onfocus="x', "&#34; autofocus onfocus=&#34;x"),
        ("batch\u202egp.exe", r"batch\u202egp.exe"),
        ("a\x00\x1b[31m\nb", r"a\x00\x1b[31m\x0ab"),
        ("pr\u043ed", r"pr\u043ed"),
        ("6 → 4", "6 → 4"),
        (None, "–"),
        (Decimal("-1234.5"), "−1,234.50"),
    ],
)
def test_foreign_text_is_shown_and_does_nothing(text: object, told: str) -> None:
    assert page("{{ text }}").filled("page.html", {"text": text}) == told


@given(st.text())
def test_no_text_at_all_leaves_a_character_that_hides_or_acts(text: str) -> None:
    told = page("{{ text }}").filled("page.html", {"text": text})

    assert not set(told) & set("<>\"'")
    assert all(character.isprintable() for character in told)


def test_a_name_of_any_length_stays_short() -> None:
    assert len(visible("x" * 100_000)) == 600


def test_no_template_can_call_foreign_text_safe() -> None:
    """The filter that turns escaping off does not exist here."""
    with pytest.raises(TemplateAssertionError, match="safe"):
        page("{{ text | safe }}").filled("page.html", {"text": "<b>"})


@pytest.mark.security(15)
def test_templates_reach_no_python() -> None:
    with pytest.raises(SecurityError):
        page("{{ ''.__class__.__mro__ }}").filled("page.html", {})


# ── the chart ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_gap_is_drawn_as_a_gap() -> None:
    """Two runs of measured steps are two lines; one line across the gap would be invented demand."""
    drawn = demand_svg(evidence(), width=800, height=260)

    assert drawn.count('class="demand"') == 2
    assert drawn.count('class="gap"') == 1


def test_demand_that_would_not_fit_is_marked() -> None:
    start = datetime(2026, 8, 1, tzinfo=UTC)
    points = tuple(
        ChartPoint(at=start + timedelta(days=day), demand=9.0 if day == 2 else 3.0, capacity_old=12, capacity_new=8) for day in range(6)
    )

    drawn = demand_svg(evidence(chart=points, start=start, end=start + timedelta(days=6), judged_days=2), width=800, height=260)

    assert drawn.count('class="over"') == 1
    assert "now 12" in drawn
    assert "proposed 8" in drawn
    assert "judged 2 days" in drawn


def test_a_change_that_moves_no_capacity_says_so() -> None:
    """Spot instead of on-demand: two names on one line would be read as a difference."""
    points = tuple(replace(point, capacity_new=point.capacity_old) for point in evidence().chart)

    drawn = demand_svg(evidence(chart=points), width=800, height=260)

    assert "both 48" in drawn
    assert ">proposed" not in drawn


def test_nothing_measured_is_said_and_never_drawn_as_zero() -> None:
    points = tuple(replace(point, demand=None) for point in evidence().chart)

    assert 'class="demand"' not in demand_svg(evidence(chart=points), width=800, height=260)
    assert f"{len(points)} of {len(points)} steps not measured" in in_words(evidence(chart=points))


def test_no_chart_is_no_picture() -> None:
    assert demand_svg(evidence(chart=()), width=800, height=260) == Markup("")


def test_a_unit_that_would_like_to_run_is_text() -> None:
    assert "<script" not in demand_svg(evidence(unit="</text><script>x()</script>"), width=800, height=260)


@given(st.floats(min_value=0.01, max_value=1e7))
def test_the_scale_begins_at_zero_and_ends_just_above_the_highest(highest: float) -> None:
    ticks = scale(highest)

    assert ticks[0] == 0
    assert highest <= ticks[-1]
    assert ticks[-2] < highest * 1.05
    assert len(ticks) <= 6


# ── bars and diffs ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_shares_of_a_bar_are_shares_of_what_can_be_drawn() -> None:
    """A credit is below zero: its number stands in the table, and the bar does not lie about the rest."""
    bars = [Bar(name="allocated", amount=Decimal(75), style="a"), Bar(name="idle", amount=Decimal(25), style="b")]

    drawn = stacked_svg([*bars, Bar(name="credits", amount=Decimal(-10), style="c")])

    assert 'aria-label="allocated 75.0%, idle 25.0%"' in drawn
    assert 'class="c"' not in drawn


def test_a_bar_of_nothing_is_empty() -> None:
    assert 'class="fill" width="0.000%"' in bar_svg(Decimal(0), Decimal(0))


def test_a_diff_is_read_line_by_line_without_its_file_header() -> None:
    diff = "--- a/x.yaml\n+++ b/x.yaml\n@@ -1,2 +1,2 @@\n   - name: cpu\n-    count: 3\n+    count: 2\n"

    kinds = [(line.kind, line.text.strip()) for line in diff_lines(diff)]

    assert kinds == [("place", "@@ -1,2 +1,2 @@"), ("same", "- name: cpu"), ("removed", "count: 3"), ("added", "count: 2")]
