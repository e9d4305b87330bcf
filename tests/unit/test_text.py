"""Outside text is shown and never acts."""

import pytest

from trimtab.render.text import inline, is_shown_whole, prose, ref, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("m6i.2xlarge", "m6i.2xlarge"),
        ("node_groups[12].count", "node_groups[12].count"),
        ("pool[/]", "pool\\x5b/\\x5d"),
        ("by github-actions[bot] of this", "by github-actions[bot] of this"),
        ('this["web"]: gone', 'this\\x5b"web"\\x5d: gone'),
        ('of this["web"], gone', 'of this["web"], gone'),
        ("a[b](c)", "a\\x5bb\\x5d(c)"),
        ("a[b][c]", "a\\x5bb\\x5d[c]"),
        ("fixes SHOP-12", "fixes SHOP\\x2d12"),
        ("a\nb", "a\\x0ab"),
        ("`rm -rf`", "\\x60rm -rf\\x60"),
        ("@org/team", "\\x40org/team"),
        ("closes #1", "closes \\x231"),
        ("closes GH-1", "closes GH\\x2d1"),
        ("<!channel>", "\\x3c\\x21channel\\x3e"),
        ("-->", "-\\x2d\\x3e"),
        ("https://evil.test/x", "https:\\x2f/evil.test/x"),
        ("www.evil.test", "www\\x2eevil.test"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("caf\u00e9", "caf\\xe9"),
        ("\U0001f600", "\\U0001f600"),
        ("Co-authored-by: x", "Co\\x2dauthored-by: x"),
        ("%1", "\\x251"),
        ("", "(empty)"),
    ],
)
def test_unusual_characters_are_shown_as_their_code(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_long_text_is_cut_and_says_so() -> None:
    assert shown("x" * 81) == "x" * 77 + "..."
    assert not is_shown_whole("x" * 81)
    assert is_shown_whole("x" * 80)


def test_an_escaped_bracket_is_not_unescaped() -> None:
    assert shown("\\x5b1\\x5d") == "\\x5cx5b1\\x5cx5d"


def test_inline_is_a_code_span_and_prose_has_no_markup() -> None:
    assert inline("a`b") == "`a\\x60b`"
    assert prose("_a_ *b* [c](d)") == "\\_a\\_ \\\\x2ab\\\\x2a \\\\x5bc\\\\x5d(d)"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("/merge", "\\\\x2fmerge"),
        ("- item", "\\\\x2d item"),
        ("1. one", "\\\\x31. one"),
        ("=== x", "\\\\x3d== x"),
        ("3.5 nodes", "3.5 nodes"),
        ("-5 USD", "-5 USD"),
        ("2026-11-18 was a Wednesday", "2026-11-18 was a Wednesday"),
    ],
)
def test_a_sentence_begins_no_line_as_a_command_or_a_list(text: str, seen: str) -> None:
    assert prose(text) == seen


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("gpu-train", "gpu-train"),
        ("../../etc", "etc"),
        ("a..b", "a.b"),
        ("[skip ci]", "skip-ci"),
        ("closes #1", "closes-1"),
        ("GH-1", "GH1"),
        ("@org/team", "org/team"),
        ("--force", "force"),
        ("-- -", "unnamed"),
        ("x" * 99, "x" * 40),
        ("www.evil.test", "wwwevil.test"),
        ("main.lock", "main"),
    ],
)
def test_a_ref_keeps_only_letters_that_act_nowhere(text: str, kept: str) -> None:
    assert ref(text) == kept
