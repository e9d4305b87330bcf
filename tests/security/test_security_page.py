"""The page of what is kept is as true as its tests: made from them, and behind nothing."""

from pathlib import Path

from tests.security.page import PAGE, page, parts, proofs_of_rows

PROVEN = (3, 6, 7, 8, 9, 15, 24, 35, 37)
"""Rows that the way of a change to its merge hangs on: each has its test."""


def test_the_page_is_as_the_tests_are_now() -> None:
    assert PAGE.read_text() == page(), "run: make security"


def test_every_row_is_there_once_and_every_mark_is_a_row() -> None:
    rows = [row for part in parts() for row in part.rows]

    assert rows == list(range(1, 39))
    assert set(proofs_of_rows()) <= set(rows)


def test_each_row_that_a_merge_hangs_on_has_a_test() -> None:
    proofs = proofs_of_rows()

    assert [row for row in PROVEN if row not in proofs] == []


def test_a_mark_is_found_on_a_test_a_class_and_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "import pytest\n"
        "@pytest.mark.security(1, 2)\ndef test_one(): ...\n"
        "def test_none(): ...\n"
        "@pytest.mark.security(3)\nclass TestIt:\n    @pytest.mark.security(4)\n    def test_two(self): ...\n"
    )
    (tmp_path / "tests" / "test_b.py").write_text(
        "import pytest\npytestmark = [pytest.mark.slow, pytest.mark.security(2)]\ndef test_three(): ...\ndef no_test(): ...\n"
    )

    assert proofs_of_rows(tmp_path / "tests") == {
        1: ["tests/test_a.py::test_one"],
        2: ["tests/test_a.py::test_one", "tests/test_b.py::test_three"],
        3: ["tests/test_a.py::TestIt::test_two"],
        4: ["tests/test_a.py::TestIt::test_two"],
    }
