"""What the thread of a card is told: one sentence for each thing that happened, and why something has not happened yet."""

from trimtab.records import Json, Verdict, VerdictLine
from trimtab.render import blocks
from trimtab.render.wording import Ours, Sentence, Wording

_OF_PEOPLE = ("approvals", "forge-review", "owner-approval")
_NOT_READ = ("not read yet", "commits not read", "the forge has not computed it yet")
"""What a look that does not merge may leave unread; the next one reads it."""


def news(kind: str, reason: str, by: str, wording: Wording) -> tuple[list[Json], str]:
    """The message about one entry of the record: blocks, and the one line for a phone's screen."""
    said = reason.rstrip(".")
    values = {"kind": Ours(kind), "reason": Sentence(said), "sentence": Sentence(said[:1].upper() + said[1:]), "by": Ours(by)}
    text = wording.plain("news.j2", values)
    return message(text), text


def message(text: str) -> list[Json]:
    """A message that is nothing but text, which Slack shows as it is."""
    return [{"type": "section", "text": blocks.plain(text, blocks.LONGEST_SECTION)}]


def is_agreed(verdict: Verdict) -> bool:
    """True where people were asked and everybody who is needed has said yes."""
    asked = [line for line in verdict.lines if line.rule in _OF_PEOPLE]
    return bool(asked) and all(line.held for line in asked)


def in_the_way(verdict: Verdict) -> tuple[VerdictLine, ...]:
    """What keeps it from being merged, beside people who were not heard yet; each rule once."""
    stops = [line for line in verdict.reasons if line.effect in ("blocks", "waits") and line.rule not in _OF_PEOPLE]
    read = [line for line in stops if line.saw not in _NOT_READ]
    return tuple({line.rule: line for line in reversed(read)}.values())[::-1]


def why_not(verdict: Verdict, wording: Wording) -> str:
    """The same in words; "" = nothing is in the way."""
    return "; ".join(_in_words(line, wording) for line in in_the_way(verdict))


def lacking(verdict: Verdict, wording: Wording) -> str:
    """Everything that it still needs before it merges, people included; "" = nothing."""
    people = [_of_people(line, wording) for line in verdict.reasons if line.rule in _OF_PEOPLE and line.effect == "waits"]
    return "; ".join(filter(None, (*people, why_not(verdict, wording))))


def _in_words(line: VerdictLine, wording: Wording) -> str:
    if line.effect == "blocks":
        return wording.plain("block.j2", {"line": line})
    return f"it waits for {wording.plain('waits.j2', {'line': line})}"


def _of_people(line: VerdictLine, wording: Wording) -> str:
    return wording.plain("people_lacking.j2", {"line": line})
