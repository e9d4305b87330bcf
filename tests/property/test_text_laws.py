"""Whatever anybody calls a pool, a team or a workload: no forge and no chat obeys it, anywhere that we print it."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judgement import HEAD, NOW, cluster, edit, evidence, facts, finding, governance
from trimtab.adapters.wording import load_wording
from trimtab.lifecycle import State
from trimtab.policy.judge import judge
from trimtab.records import Facts, FieldChange, Place, Proposal, Subject
from trimtab.render import slack
from trimtab.render.pull_request import body, title
from trimtab.render.text import inline, prose, ref, shown

WORDING = load_wording()
HOSTILE = [
    "/merge", "\n/merge\n", "closes #1", "Fixes GH-12", "resolves org/repo#3", "closes https://forge.example/o/r/issues/1", "@org/team",
    "[skip ci]", "Co-authored-by: x <x@y>", "Signed-off-by: x", "--> <b>", "<!channel>", "<@U0PLATFORM>", "<https://evil.test|x>",
    "![x](https://evil.test/p.png)", "[x](javascript:alert(1))", "</details><script>", "`code` **bold**", "```\nfence", "| a | b |",
    "{{ 7*7 }}", "{% include 'x' %}", "\u202eevil", "\x00\x1b[31m", "~~x~~ ~label !12 %3", "*here*", "&lt;!channel&gt;", "www.evil.test",
    ":tada:", "a" * 500, "_x_", "$x$", "# title", "- [ ] task", "1. one", "> quote", "trimtab rollback x; rm -rf /", "\\", "''", '"',
]  # fmt: skip
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=120))
COMMAND = re.compile(r"^\s*/[a-z]", re.MULTILINE)
MENTION = re.compile(r"(?<![\w`/])@\w")
KEYWORD = re.compile(r"(?i)\b(close[sd]?|fix(e[sd])?|resolve[sd]?)\b:?\s+(\S*#\d|GH-\d|\w+-\d+\b|https?://)")
LINK = re.compile(r"(?i)https?://|www\.\w")


@given(hostile)
def test_shown_text_is_one_plain_line(text: str) -> None:
    seen = shown(text)

    assert seen.isascii()
    assert seen.isprintable()
    assert 0 < len(seen) <= 80
    assert not set(seen) & set("`@#<>*[]{}|~&$!^\n") - set("[]")


@given(hostile)
def test_showing_what_is_shown_already_never_wakes_anything(text: str) -> None:
    for seen in (shown(text), inline(text)[1:-1], prose(text)):
        assert not LINK.search(seen)
        assert not MENTION.search(seen)
        assert "-->" not in seen


@pytest.mark.security(24)
@given(hostile)
def test_a_ref_is_one_that_git_takes(text: str) -> None:
    name = ref(text)

    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name)
    assert not re.search(r"\.\.|//|--|/$|\.$|(?i:gh)-\d", name)


def poisoned(text: str) -> tuple[Facts, Proposal]:
    """A change in which everything that somebody else may name has that name."""
    change = FieldChange(field="instance_type", old=text, new=text + "x")
    sick = finding(
        subject=Subject(cluster_uid=text, pool=text, field="instance_type"),  # type: ignore[arg-type]
        changes=(change,),
        instance_type=text,
        price_source=text,
        evidence=evidence(source=text, lines=(text, f"{text} needs 3 nodes."), unit=text),
        disruption=(f"{text} is a bare pod.",),
        unknowns=(text,),
        runner_up=text,
        rule=text,
    )
    whole = facts(
        finding=sick,
        place=Place(repo=text, path=text, cluster=text, pool=text),
        edit=edit((text, text, text), path=text),
        cluster=cluster(name=text, project=text, state=text, tags={text: text}, namespaces=(text,), uid=text),
        stop_reason=text,
        owners=((text, 1.0),),
    )
    made = Proposal(
        id=whole.proposal, stream="s", fingerprint=text, generation=1, finding=sick, place=whole.place, edit=whole.edit,  # type: ignore[arg-type]
        branch="trimtab/x", base_ref="main", base=HEAD, valid_at=NOW, team=text, run=text, owners=whole.owners,
    )  # fmt: skip
    return whole, made


def written(text: str) -> tuple[str, str]:
    whole, made = poisoned(text)
    verdict = replace(judge(whole, governance(), NOW), approvers=(text,))  # type: ignore[arg-type]
    return title(made, whole.cluster), body(made, whole.cluster, verdict, governance(), NOW, wording=WORDING)


@pytest.mark.security(24)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_name_acts_in_a_pull_request(text: str) -> None:
    whole_title, whole = written(text)
    prose_only = re.sub(r"```(text|diff)\n.*?```", "", whole, flags=re.DOTALL)

    for part in (whole_title, whole):
        assert not COMMAND.search(part)
        assert not MENTION.search(part)
        assert not KEYWORD.search(part)
        assert not LINK.search(part)
    assert not re.search(r"(?m)^`[^`]", prose_only)
    assert whole.count("<!--") == whole.count("-->") == 1
    assert whole.count("<details>") == whole.count("</details>") == 1
    assert "<script" not in whole
    assert whole.count("```") in {2, 4}
    assert len(whole_title) < 200


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=100))
def test_no_text_at_all_breaks_a_pull_request(text: str) -> None:
    _, whole = written(text)

    assert whole.count("<!--") == whole.count("-->") == 1
    assert whole.count("</details>") == 1
    assert not COMMAND.search(whole)


def texts(value: object) -> list[str]:
    """Every string anywhere in blocks, with the kind of object it stands in."""
    if isinstance(value, dict):
        return [text for key, item in value.items() if key != "url" for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.security(24)
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("state", [State.AWAITING, State.REJECTED])
def test_no_hostile_name_acts_on_a_card(text: str, state: State) -> None:
    """plain_text and rich_text are not parsed by Slack; what stands in them is harmless even if they were."""
    whole, made = poisoned(text)
    verdict = judge(whole, governance(), NOW)

    blocks = slack.card(made, whole.cluster, verdict, state=state, head=HEAD, wording=WORDING, url=text, ended=text)

    assert "mrkdwn" not in json.dumps(blocks)
    for seen in texts(blocks):
        assert not set(seen) & set("<>@&")
        assert not LINK.search(seen)
