"""Text that we send to GitLab must never be a command there: GitLab would carry it out as Trimtab."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.adapters.gitlab.words import as_sent, disarmed

_COMMAND = re.compile(r"^[\s\u200b\ufeff]*/", re.MULTILINE)


@pytest.mark.security(24)
@pytest.mark.parametrize(
    "text", ["/merge", "fine\n/approve", "fine\r\n/close", "  /merge", "\u200b/merge", "\ufeff/label ~prod", "a\u2028/merge"]
)
def test_a_line_that_starts_with_a_slash_is_no_command_any_more(text: str) -> None:
    sent = disarmed(text)

    assert not _COMMAND.search(sent)
    assert r"\/" in sent


@pytest.mark.security(24)
@given(st.text(alphabet="/\\ \n\r\tab\u2028\u200b"))
def test_what_comes_back_is_what_was_meant(text: str) -> None:
    """Bodies and comments are found again by comparing them."""
    assert as_sent(disarmed(text)) == text
    assert not _COMMAND.search(disarmed(text))


def test_a_slash_within_a_line_stays_as_it_is() -> None:
    text = "nodes/pool: 6 to 4, see a/b\n- /not first"

    assert disarmed(text) == text
