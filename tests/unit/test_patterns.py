"""A pattern that somebody wrote into a rule may be wrong, but it may not hang the function that reads it."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.errors import BadInput
from trimtab.patterns import LONGEST_TEXT, checked, compiled, is_match


@pytest.mark.parametrize(
    "pattern",
    [
        "web|shop", "kube-system|monitoring|ingress", "inference(-.*)?", "[A-Z][a-z]+(SRE|IT|Engineering)", "(.*-)?ml-.*", r"\d{12}",
        "([a-z]{4}){2}", "(?i)Prod-.*", ".*a.*b.*", "(?:a|b)+", "team-(a|b|c)(-dev)?",
    ],
)  # fmt: skip
def test_what_people_write_is_allowed(pattern: str) -> None:
    assert checked(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*)*x", "([a-z]+)*", "(a{1,30}){1,30}x", "((ab?)+)+", "(x?){50}x{50}", "a?" * 30 + "a" * 30,
     ".*.*.*.*x", "(.*a){9}", ".*.*.*([ab][ab]){60}c", "a?" * 24 + "([ab][ab]){90}c", "(|a)" * 24 + "[ab]{90}c"],
)  # fmt: skip
def test_what_may_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match=r"for ever|too many ways"):
        checked(pattern)


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)a", "(?<!a)b", "(?>a+)b", "a++", "(a)?(?(1)b|c)"])
def test_what_no_rule_needs_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(BadInput, match="is not allowed"):
        checked(pattern)


@pytest.mark.parametrize(("pattern", "message"), [("(", "not a regular"), ("a" * 201, "201 characters"), ("(" * 90 + ")" * 90, "")])
def test_what_is_no_pattern_is_said(pattern: str, message: str) -> None:
    if message:
        with pytest.raises(BadInput, match=message):
            checked(pattern)
    else:
        assert compiled(pattern).fullmatch("")


parts = st.sampled_from(["a", "b", ".", "[ab]", "a*", "a+", ".*", ".+", "a?", "(a|ab)", "(a|b)?", "a{2,9}", "(aa)*", "b{0,200}", "(.a)+"])


@settings(max_examples=150, deadline=None)
@given(st.lists(parts, min_size=1, max_size=9).map("".join))
def test_no_allowed_pattern_takes_long_on_the_worst_text(pattern: str) -> None:
    try:
        found = compiled(pattern)
    except BadInput:
        return

    began = time.perf_counter()
    for text in ("a" * LONGEST_TEXT, "a" * (LONGEST_TEXT - 1) + "!", "ab" * (LONGEST_TEXT // 2 - 1) + "!"):
        is_match(found, text)

    assert time.perf_counter() - began < 3


def test_empty_and_too_long_texts_match_nothing() -> None:
    every = re.compile(".*")

    assert [is_match(every, text) for text in ("", "a", "a" * 256, "a" * 257)] == [False, True, True, False]
