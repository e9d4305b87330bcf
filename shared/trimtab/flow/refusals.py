"""Why something that people agreed on is not merged: said by its names on the pull request and in the card's thread, once for each."""

from trimtab.flow.judging import Judged
from trimtab.flow.life import Journal
from trimtab.flow.notes import say_once
from trimtab.ports import Ports
from trimtab.render.news import in_the_way, is_agreed, why_not
from trimtab.render.text import inline, prose

REVIEWED = " (forge): "
_SEEN_THERE = ("moved", "too-old")
"""What the forge itself shows beside the review."""


def say_why_not(journal: Journal, judged: Judged, ports: Ports) -> None:
    """Where everybody who was asked has said yes, name what is still in the way."""
    names = ", ".join(line.rule for line in in_the_way(judged.verdict))
    if names and is_agreed(judged.verdict):
        say_refused(journal, names, why_not(judged.verdict, ports.wording), ports)


def say_uncounted(journal: Journal, judged: Judged, ports: Ports) -> None:
    """Tell whoever gave a review that does not count that it does not, and why; a click is answered when it is made."""
    ref = journal.life.pull_request
    void = [line.saw.partition(REVIEWED) for line in judged.verdict.lines if line.rule == "approval-void" and REVIEWED in line.saw]
    for person, _, reason in void:
        name = reason.partition(":")[0]
        if ref is not None and name not in _SEEN_THERE:
            said = f"The review by {inline(person)} does not count: {prose(reason)}."
            say_once(journal, ref.number, f"uncounted/{person}/{name}", said, ports)


def say_refused(journal: Journal, names: str, why: str, ports: Ports) -> None:
    """Tell the pull request and the thread, unless they were told of the same for the same commit; numbers in it may move."""
    ref = journal.life.pull_request
    told = f"{names} for {ref.head[:10]}" if ref else ""
    if ref is None or journal.life.refused == told:
        return
    say_once(journal, ref.number, f"refused/{told}", f"Not merged yet: {prose(why)}. Trimtab looks again by itself.", ports)
    journal.note("refused", why, refused=told)
