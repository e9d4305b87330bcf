"""The page of what is kept is as true as its tests: made from them, and behind nothing."""

from pathlib import Path

from tests.security.page import PAGE, page, parts, proofs_of_rows
from tests.security.reasons import Reason, proofs_of_reasons, reasons

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


def test_each_veto_ask_and_named_reason_has_a_test() -> None:
    """What stops a person has been seen to stop one."""
    names = {reason.name for reason in reasons()}
    proofs = proofs_of_reasons(names)

    assert len(names) > 60
    assert sorted(names - set(proofs)) == []


def test_a_reason_is_found_in_a_line_and_in_a_table_of_why_a_yes_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "vetoes.py").write_text(
        "from trimtab.policy.case import line\n"
        "def freeze(case): return line('freeze', 'waits', held=False)\n"
        "def demand(case, effect): return line('demand-fits', effect, held=False)\n"
        "def rule(case): return line(f'policy: {case}', 'needs-person', held=False)\n"
    )
    (tmp_path / "approvals.py").write_text("VOID_PERSONS = {'own-change': None}\nOTHER = {'a': None}\n")
    (tmp_path / "files.py").write_text("def line(text): ...\nline('not a reason')\n")

    assert reasons(tmp_path) == [
        Reason("demand-fits", "vetoes", "blocks, waits"),
        Reason("freeze", "vetoes", "waits"),
        Reason("own-change", "approvals", "void"),
        Reason("policy:", "vetoes", "needs-person"),
    ]


def test_a_reason_is_shown_by_a_test_of_the_policy_that_says_its_name(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "import pytest\nfrom tests.judgement import facts\n"
        "CASES = [('own-change: wrote or opened it', 1)]\n"
        "def test_one(): assert 'freeze' in line\n"
        "@pytest.mark.parametrize(('saw', 'n'), CASES)\ndef test_two(saw, n): ...\n"
        "def test_three(): assert 'freezes' in 'own-changed'\n"
    )
    (tmp_path / "tests" / "test_b.py").write_text("def test_four(): assert 'freeze' in 'a word of something else'\n")

    assert proofs_of_reasons({"freeze", "own-change"}, tmp_path / "tests") == {
        "freeze": ["tests/test_a.py::test_one"],
        "own-change": ["tests/test_a.py::test_two"],
    }
