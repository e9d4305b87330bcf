"""Nothing that others wrote acts in what we send to a forge, as a real Markdown renderer and the forges' own rules see it.

The same text is read twice: as CommonMark with tables and raw HTML, which both forges start from, and line by line for what they add:
commands, mentions, references, keywords, trailers, and links that need no brackets.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.judged_scenarios import KINDS, SCENARIOS, scenario
from tests.judgement import HEAD, NOW, edit, proposal
from tests.property.test_text_laws import HOSTILE
from trimtab.adapters.wording import load_wording
from trimtab.changes import branch_name, commit_message, commit_message_of_group, group_branch_name
from trimtab.lifecycle import State
from trimtab.records import Cluster, PersonId, Proposal, Verdict, VerdictLine
from trimtab.render import slack
from trimtab.render.dashboard import Page, Pending, Reason, TurnedDown, dashboard
from trimtab.render.news import lacking, news, why_not
from trimtab.render.pull_request import LONGEST, body, title
from trimtab.render.text import MOST_LINES, diff_lines, prose
from trimtab.render.wording import Wording

WORDING = load_wording()
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = {
    "field", "kind", "effect", "rule", "currency", "cloud", "capacity_type", "tier", "seen", "nonce", "hash", "previous", "id", "stream",
    "base_ref",
}  # fmt: skip
"""Fields that hold our own words or ids; every other text of a proposal, a cluster and a verdict is somebody else's."""
CORPUS = [
    *HOSTILE, "/close", "/approve\n/merge", "Closes: #1", "fixes SHOP-12", "implements org/repo#1", "see !12 and &3 and $4", "@everyone",
    "user@example.com", "[ci skip]", "[no ci]", "***NO_CI***", "Co-Authored-By: Mallory <m@evil.test>", "<!-- trimtab proposal=x -->",
    "<img src=x onerror=alert(1)>", "<details open>", "\r\n\r\n# big\r\n", "\n\n    indented", "[a]: https://evil.test", "[^1]", "http://evil.test",
    "//evil.test/x", "HTTPS://EVIL.TEST", "ftp://evil.test", "mailto:a@evil.test", "~~~\nfence", "\u2028/merge", "\u200b@org", "\uff20org",
    "`", "``", "\\`", "a`b`c", "]]>", "?> <?php", "${{ secrets.X }}", "\t/merge", "\x85/merge",
    "|---|", "---\n", "===\n", "+++\n", "--- a\n+++ b",
    "@@ -1 +1 @@\n@org/team", "\n@org/team\n", "diff\n```\n/merge\n```", "$`x`$", "$$x$$", ":merge:", "[[wiki]]", "{+ins+}", "[- del -]",
]  # fmt: skip
COMMAND = re.compile(r"(?m)^[\s>*+-]*/[a-z]")
MENTION = re.compile(r"@\w")
REFERENCE = re.compile(r"(?<![\w\\])(?:[#!&$%~]\d|~\w|[\w./-]+[#!&]\d|GH-\d)")
KEYWORD = re.compile(
    r"(?i)\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)\b:?\s+(?:\S*[#!]\d|[A-Z]\w+-\d|\S+://)"
)
LINK = re.compile(r"(?i)\w+://|\bwww\.\w")
SKIPS = re.compile(r"(?i)\[\s*(?:skip|no|ci|actions?)[\s-]|\*NO_CI|^(?:co-authored-by|signed-off-by|skip-checks):", re.MULTILINE)


def poisoned(value: Any, text: str) -> Any:
    """The same value with every text of others replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: poisoned(getattr(value, one.name), text) for one in fields(value) if one.init and one.name not in OURS}
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if isinstance(value, dict):
        return {text: text} if value else value
    return text if isinstance(value, str) and not isinstance(value, Enum) else value


def written(name: str, text: str, wording: Wording = WORDING) -> tuple[str, str]:
    """Title and body of a scenario in which all that others may name is `text`."""
    made, cluster, verdict = sick(name, text)
    _, rules, _ = scenario(name)
    return title(made, cluster), body(made, cluster, verdict, rules, NOW, wording=wording, delivery="apply-on-push", plan=text)


def sick(name: str, text: str) -> tuple[Proposal, Cluster, Verdict]:
    whole, _, verdict = scenario(name)
    made = poisoned(proposal(whole), text)
    # The diff as a file with such lines would give it, and as something that is no diff at all.
    diff = f"--- a/{text}\n+++ b/{text}\n@@ -1,2 +1,2 @@\n {text}\n-{text}\n+{text}\n{text}\n"
    made = replace(made, edit=replace(made.edit, diff=diff, unsure=(text,), reads=((text, text), (f"{text}2", text))))
    return made, poisoned(whole.cluster, text), poisoned(verdict, text)


def tokens(text: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def skeleton(text: str) -> list[str]:
    """What a renderer makes of it, without the words."""
    return [
        f"{token.type} {token.tag} {token.level}"
        for token in tokens(text)
        if token.type not in {"text", "softbreak", "code_inline", "inline"}
    ]


@cache
def harmless(name: str) -> list[str]:
    """The same scenario with a name that nobody minds."""
    return skeleton(written(name, "plain")[1])


def prose_of(text: str) -> str:
    """What a forge looks for references and mentions in: the words outside code."""
    return "\n".join(token.content for token in tokens(text) if token.type in {"text", "text_special"})


WIDE = ("one-approval-gpu", "two-approvals", "workload", "plan-loses-cluster", "group")
"""Together they fill every template of a pull request but a few words of the other kinds, which get the loudest of the corpus."""
LOUD = [
    "\n/merge\n",
    "closes #1",
    "@org/team",
    "[skip ci]",
    "Co-authored-by: x <x@y>",
    "-->",
    "</details><script>",
    "| a | b |",
    "```\n/merge",
]
CASES = [(name, text) for name in WIDE for text in CORPUS] + [
    (name, text) for name in (*SCENARIOS, *KINDS) if name not in WIDE for text in LOUD
]


@pytest.mark.security(24)
@pytest.mark.parametrize(("name", "text"), CASES)
def test_no_word_of_others_acts_in_a_pull_request(name: str, text: str) -> None:
    """Both forges: no mention, reference, keyword, link, image, HTML or command, and not one block that a harmless name would not have."""
    headline, whole = written(name, text)
    words = prose_of(whole)

    assert skeleton(whole) == harmless(name)
    assert {token.content.strip() for token in tokens(whole) if token.type.startswith("html")} <= html_of_ours(whole)
    assert not [token for token in tokens(whole) if token.type in {"link_open", "image"}]
    assert not re.search(r"(?m)^(?:~~~|\$\$)", whole)
    for part in (headline, whole):
        assert not COMMAND.search(part)
        assert not MENTION.search(part)
        assert not LINK.search(part)
        assert not KEYWORD.search(part)
        assert not SKIPS.search(part)
        assert part.isprintable() or set(part) - {"\n"} <= {letter for letter in part if letter.isprintable()}
    assert not REFERENCE.search(headline)
    assert not REFERENCE.search(words)


def html_of_ours(whole: str) -> set[str]:
    """The one fold and the one marker."""
    marker = whole.rstrip().splitlines()[-1]
    assert re.fullmatch(r"<!-- trimtab proposal=[\w./-]+ fingerprint=[\w./-]+ valid_at=[\dTZ:-]+ -->", marker)
    return {"<details>\n<summary>Every rule that looked at this</summary>", "</details>", marker}


def pending(text: str) -> Page:
    """The page of everything pending, in which all that others may name is `text`."""
    line = VerdictLine(rule="freeze", saw=text, wanted=text, source=text, held=False, effect="waits")
    return Page(
        pending=(Pending(number="#17", title=text, state="awaiting", since=NOW, saving=None, waits=(line,), held=text),),
        turned_down=(TurnedDown(title=text, kind="rejected", at=NOW, by=text, reason=text),),
        reasons=(Reason(rule=text, count=3, example=text), Reason(rule=text, count=2, example=text, is_limit=True)),
    )


@pytest.mark.security(24)
@pytest.mark.parametrize("text", CORPUS)
def test_no_word_of_others_acts_on_the_page_of_everything_pending(text: str) -> None:
    whole = dashboard(pending(text), WORDING)

    assert skeleton(whole) == skeleton(dashboard(pending("plain"), WORDING))
    assert not [token for token in tokens(whole) if token.type in {"link_open", "image"} or token.type.startswith("html")]
    for pattern in (COMMAND, MENTION, LINK, KEYWORD, SKIPS):
        assert not pattern.search(whole)
    assert not REFERENCE.search(prose_of(whole).replace("#17", ""))


NEWS = (
    "voided", "replanned", "adjusted", "refused", "merged", "applied", "verified", "regressed", "rolled-back", "expired",
    "human-commit", "closed-by-human", "superseded", "failed", "decided",
)  # fmt: skip


@pytest.mark.security(24)
@pytest.mark.parametrize("text", CORPUS)
def test_no_word_of_others_acts_in_the_comment_that_says_why_it_is_not_merged(text: str) -> None:
    """One comment holds every reason that a rule can give; a name that nobody minds makes the same blocks."""
    comment, plain = (
        f"Not merged yet: {prose(why_not(of_people(word), WORDING))}. Trimtab looks again by itself." for word in (text, "plain")
    )

    assert skeleton(comment) == skeleton(plain)
    assert not [token for token in tokens(comment) if token.type in {"link_open", "image"} or token.type.startswith("html")]
    for pattern in (COMMAND, MENTION, LINK, KEYWORD, SKIPS):
        assert not pattern.search(comment)
    assert not REFERENCE.search(prose_of(comment))


@pytest.mark.security(24)
@pytest.mark.parametrize("text", CORPUS)
def test_news_of_a_thread_is_plain_text_in_one_line(text: str) -> None:
    told = [news(kind, text, text, WORDING) for kind in NEWS]

    for blocks, line in told:
        assert blocks == [{"type": "section", "text": {"type": "plain_text", "text": line, "emoji": False}}]
        assert line.isprintable()
    assert lacking(of_people(text), WORDING).isprintable()


def of_people(text: str) -> Verdict:
    """A verdict in which every rule that asks people waits, and something else is in the way, all in the words of others."""
    _, _, verdict = scenario("two-approvals")
    words = {"saw": text, "wanted": text, "source": text, "held": False}
    asked = [VerdictLine(rule=rule, effect="waits", **words) for rule in ("approvals", "forge-review", "owner-approval", "freeze")]  # type: ignore[arg-type]
    return replace(verdict, lines=(*asked, VerdictLine(rule="drain-safe", effect="blocks", **words)))  # type: ignore[arg-type]


@pytest.mark.security(24)
@pytest.mark.parametrize("text", CORPUS)
def test_no_word_of_others_acts_in_a_commit_or_a_branch(text: str) -> None:
    made, _, _ = sick("auto-merge", text)
    subject, changes = made.finding.subject, made.finding.changes

    alone = commit_message(subject=subject, cluster=text, changes=changes, proposal=made.id, nonce="n-1")
    named = [(text, change) for change in changes]
    together = commit_message_of_group(cluster=text, path=text, changes=named, proposal=made.id, nonce="n-1")

    for message in (alone, together):
        assert not re.search(r"(?im)[@#!\[\]<>`]|://|skip ci|^co-authored-by:", message)
    for branch in (branch_name(subject, text), group_branch_name(text, text)):
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", branch)


@pytest.mark.security(37)
@pytest.mark.parametrize("name", [*SCENARIOS, *KINDS])
def test_no_body_names_a_store_an_address_or_a_picture(name: str) -> None:
    """Forges show public addresses only and fetch them for whoever reads; our stores are not public, so charts are text."""
    _, whole = written(name, "s3://bucket/x.png?X-Amz-Signature=1 gs://bucket/y file:///etc/passwd https://storage.googleapis.com/b/o")

    assert not LINK.search(whole)
    assert not [token for token in tokens(whole) if token.type in {"link_open", "image"}]
    assert "```text" in whole


def test_every_template_of_a_pull_request_and_a_card_was_filled_in_these_tests() -> None:
    """A template that nobody fills here could print anything."""
    marked = Wording({name: f"⟦{name}⟧{text}" for name, text in WORDING.templates.items()})
    seen = [part for name in [*SCENARIOS, *KINDS] for part in written(name, "plain", marked)]
    for name in [*SCENARIOS, *KINDS]:
        whole, _, verdict = scenario(name)
        seen += [str(slack.card(proposal(whole), whole.cluster, verdict, state=state, head=HEAD, wording=marked)) for state in State]
    seen += [
        dashboard(pending("plain"), marked),
        lacking(of_people("plain"), marked),
        *(news(kind, "plain", "merge", marked)[1] for kind in NEWS),
    ]
    filled = set(re.findall(r"⟦([a-z_.0-9]+)⟧", "".join(seen)))

    elsewhere = {"alert.j2", "showback.css.j2", "showback.html.j2"}
    assert set(WORDING.templates) - filled - elsewhere == set()


def test_a_text_that_no_forge_would_take_is_shortened_and_says_so() -> None:
    """65,536 characters are GitHub's limit: what changes, why and what it needs stay; the longest lists go first."""
    whole, rules, verdict = scenario("two-approvals")
    long = tuple(f"{number}: {'_x' * 300}" for number in range(900))
    huge = replace(
        whole.finding,
        disruption=long,
        unknowns=long,
        evidence=replace(whole.finding.evidence, lines=long),
        needs_person=long[0],
        runner_up=long[1],
    )
    changes = tuple((f"node_groups[{number}].{'x' * 200}", "6", "5") for number in range(900))
    made = proposal(replace(whole, finding=huge, edit=edit(*changes)), owners=tuple((f"team-{n}" * 20, 0.001) for n in range(900)))
    loud = replace(verdict, lines=verdict.lines * 90, approvers=tuple(PersonId(f"person-{n}" * 20) for n in range(900)))

    text = body(made, whole.cluster, loud, rules, NOW, wording=WORDING)

    assert len(text) <= LONGEST
    assert "This text is shortened" in text
    assert "### What changes" in text
    assert text.rstrip().endswith("-->")


def test_a_text_about_very_many_changes_is_shortened_and_counts_the_rest() -> None:
    whole, rules, verdict = scenario("group")
    members = tuple(
        replace(whole.members[0], finding=replace(whole.members[0].finding, subject=replace(whole.finding.subject, pool=f"{'x' * 70}-{n}")))
        for n in range(300)
    )
    changes = tuple((f"node_groups[{number}].count", "6", "5") for number in range(300))
    made = proposal(replace(whole, edit=edit(*changes), members=members))
    named = replace(verdict, risks=tuple((member.finding.subject.pool, verdict.risk) for member in members))

    text = body(made, whole.cluster, named, rules, NOW, wording=WORDING)

    assert len(text) <= LONGEST
    assert re.search(r"And \d+ more, which the changed file shows", text)
    assert "This text is shortened" in text


def test_a_text_that_fits_is_not_shortened() -> None:
    for name in [*SCENARIOS, *KINDS]:
        assert "shortened" not in written(name, "plain")[1]


def test_a_long_diff_keeps_what_changed_and_counts_the_rest() -> None:
    many = "".join(f" context {n}\n-old {n}\n+new {n}\n" for n in range(60))

    lines = diff_lines(many).splitlines()

    assert len(lines) == MOST_LINES + 1
    assert not any(line.startswith(" ") for line in lines)
    assert lines[-1] == f"({120 - MOST_LINES} more lines: see the changed file)"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('-    resource_allocation: { cpu_cores: "24" } # as asked', '-    resource_allocation: { cpu_cores: "24" } # as asked'),
        ("   azs: [us-east-1a, us-east-1b]", "   azs: [us-east-1a, us-east-1b]"),
        ("+  count: *nodes\r", "+  count: *nodes"),
        (" # closes #1, says @org/team", " # closes \\x231, says \\x40org/team"),
        (" # [skip ci]", " # \\x5bskip ci]"),
        ("   /merge", "   \\x2fmerge"),
        (" ```", " \\x60\\x60\\x60"),
        ("+gr\u00f6\u00dfe: 3", "+gr\\xf6\\xdfe: 3"),
        ("\\ No newline at end of file", "\\ No newline at end of file"),
        ("/merge", " \\x2fmerge"),
    ],
)
def test_a_line_of_a_file_is_shown_as_it_is_where_nothing_in_it_acts(line: str, shown: str) -> None:
    assert diff_lines(line) == shown
