"""Every row of `make bench` runs at a tiny size, and both of its sides did the same job. No time is judged here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import pools, rightsizing, run, yaml_edit
from tests.bench.month import size_of
from tests.bench.page import page
from tests.bench.results import Failed, Measured, Options, Row, Skipped
from tests.forges.github import description
from trimtab.changes import edit_by_hand
from trimtab.records import FieldChange


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return Options(scratch=tmp_path_factory.mktemp("bench"), tell=lambda _: None, scale=0.01, repeats=1, days=2)


@pytest.mark.parametrize("name", run.ROWS)
def test_a_row_runs_and_its_two_sides_did_the_same_job(name: str, options: Options) -> None:
    """Sums, rows, packings, kept requests, edited bytes: a fast wrong answer is no benchmark."""
    row = run.ROWS[name](options)

    if isinstance(row, Skipped):
        pytest.skip(row.reason)
    assert isinstance(row, Measured)
    assert row.value > 0
    assert [reason for reason in row.missed if "memory" not in reason] == []
    assert json.loads(json.dumps(row.to_json()))["row"] == name


def test_what_cannot_be_measured_says_why(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "is_installed", lambda: False)

    row = run.ROWS["forge-calls-github"](options)

    assert isinstance(row, Skipped)
    assert row.reason


def test_a_full_month_is_what_the_design_says() -> None:
    assert (size_of(1.0).node_hours, size_of(1.0).pod_hours) == (216_000, 6_480_000)


def test_a_packer_that_loses_a_node_is_seen() -> None:
    """The comparison with the plain packer must be able to fail."""
    wrong = rightsizing.contradictions(pools.samples_of(3), lambda *given: pools.plain_first_fit(*given) - 1)

    assert any("packed one by one" in reason for reason in wrong)


def test_an_edit_of_two_lines_is_seen() -> None:
    content = yaml_edit.clusters_file(60)
    change = (FieldChange(field="count", old="6", new="4"), FieldChange(field="instance_type", old="", new="m5.large"))
    edit = edit_by_hand(content, yaml_edit.PATH, yaml_edit.middle_pool(content), "", change)

    assert yaml_edit.contradictions(content, [edit]) == ("the edit touched 2 lines",)


@pytest.mark.parametrize(
    ("value", "is_floor", "missed", "ok"),
    [(2.0, False, (), True), (3.5, False, (), False), (3.5, True, (), True), (2.0, True, (), False), (2.0, False, ("rows lost",), False)],
)
def test_a_row_is_reached_by_its_number_and_by_all_else_it_promises(
    value: float, *, is_floor: bool, missed: tuple[str, ...], ok: bool
) -> None:
    row = Measured(row="r", what="w", value=value, bar=3.0, aim=None, is_floor=is_floor, missed=missed)

    assert row.ok is ok
    assert row.to_json()["ok"] is ok


def test_a_broken_row_fails_the_run_and_the_others_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(options: Options) -> Measured:
        raise ValueError("no such engine")

    code = run.main(["receive-cold", "edit-5000-lines"], {**run.ROWS, "receive-cold": broken})

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 1
    assert lines[0] == {"row": "receive-cold", "ok": False, "error": "ValueError: no such engine"}
    assert lines[1]["row"] == "edit-5000-lines"


def test_the_page_has_a_line_for_every_row_and_no_path_of_this_machine() -> None:
    rows: list[Row] = [
        Measured(row="a", what="one", value=0.25, bar=1 / 3, aim=0.2, detail={"seconds": {"ours": 1.5}}),
        Skipped(row="b", reason="nothing to count"),
        Failed(row="c", error="it broke"),
    ]

    text = page(rows, 1.0, [row.row for row in rows])

    assert "| a | one | 0.25× | ≤ 0.333× | ≤ 0.2× | yes |" in text
    assert "| b | not measured: nothing to count |" in text
    assert "| c | failed: it broke |" in text
    assert str(Path(__file__).parents[2]) not in text


def test_a_row_that_was_not_measured_anew_stays_on_the_page() -> None:
    old = [Measured(row=name, what="w", value=2.0, bar=3.0, aim=None, detail={"repeats": 3}) for name in ("one", "two", "gone")]
    before = page(old, 1.0, ["one", "two", "gone"])

    after = page([replace(old[1], value=1.0, detail={"repeats": 5})], 2.0, ["one", "two"], before)

    assert "| one | w | 2× |" in after
    assert "| two | w | 1× |" in after
    assert (after.count("### one"), after.count("repeats: 3"), after.count("repeats: 5"), after.count("gone")) == (1, 1, 1, 0)
