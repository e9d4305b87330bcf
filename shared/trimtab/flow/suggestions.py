"""Owners to confirm for namespaces that nobody owns: a list for a person, their answers, and what is learned from those.

Nothing here books anything: a yes gives the rule to add to owners.yaml, and cost moves when that rule is merged and the period run again.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from trimtab.attribution.owners import slugged
from trimtab.attribution.proof import Quality, quality
from trimtab.attribution.suggest import (
    About,
    Example,
    NoSuggestion,
    OwnerModel,
    Suggestion,
    owned,
    refused,
    suggest,
    suggestion_id,
    taught,
    too_little,
    unowned,
)
from trimtab.attribution.summary import Summary
from trimtab.errors import BadInput
from trimtab.flow.codec import dump, load
from trimtab.ports import Ports
from trimtab.records import Entry, Json

MODEL = "models/owners"
LATEST = "suggestions/latest"
STREAMS = "suggestions/"
"""Ledger streams, one a suggestion: who answered what."""
REMEMBERED = 6
"""Periods whose surroundings are read; an older namespace without newer cost keeps its name alone."""
Said = Literal["accepted", "rejected"]
Left = Sequence[tuple[str, str, Decimal]]
"""(cluster/namespace, currency, cost without owner)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A person's word on one suggestion; the newest of a stream counts."""

    id: str
    said: Said
    place: str
    """cluster/namespace."""
    suggested: str
    team: str
    """Whose it is: the suggested team, another one, or "" after a plain no."""
    by: str
    at: str

    @property
    def rule(self) -> str:
        """The line for owners.yaml; "" after a no."""
        return owner_rule(self.place, self.team) if self.said == "accepted" else ""


# ── Suggest ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def suggest_owners(summaries: Mapping[str, Sequence[Summary]], ports: Ports) -> int:
    """suggestions/<period> of the newest period and suggestions/latest: a list for a person to review. How many are on it."""
    whole = summaries.get("all", ())
    if not whole:
        return 0
    newest = whole[-1]
    teams = [summary for scope, own in summaries.items() if scope != "all" for summary in own]
    answers = read_answers(ports)
    about = _surroundings([summary.period for summary in whole], ports)
    examples = owned(teams, about, {answer.place: answer.team for answer in answers if answer.said == "accepted"})
    left = unowned(newest, [summary for summary in teams if summary.period == newest.period])
    document = _document(newest.period, examples, left, about, answers, ports)
    ports.documents.publish(f"suggestions/{newest.period}", document)
    ports.documents.publish(LATEST, document)
    return len(document["suggested"]) if isinstance(document["suggested"], list) else 0


def _surroundings(periods: Sequence[str], ports: Ports) -> dict[str, list[str]]:
    """What the newest periods tell; the newest one wins."""
    found: dict[str, list[str]] = {}
    for period in periods[-REMEMBERED:]:
        document = ports.documents.find(f"places/{period}") or {}
        places = document.get("places")
        found |= {place: list(about) for place, about in places.items()} if isinstance(places, dict) else {}
    return found


def _document(period: str, examples: Sequence[Example], left: Left, about: About, answers: Sequence[Answer], ports: Ports) -> Json:
    settled = {answer.place for answer in answers if answer.said == "accepted"}
    open_ones = [item for item in left if item[0] not in settled]
    made, abstained, proof = _suggested(examples, open_ones, about, answers, ports)
    waiting = [answer for answer in answers if answer.said == "accepted" and answer.place in {item[0] for item in left}]
    return {
        "period": period, "learned_from": len(taught(examples)[0]), "quality": None if proof is None else _told(proof),
        "suggested": [dump(item) for item in made], "not_suggested": [dump(item) for item in abstained],
        "answered": [{**asdict(answer), "rule": answer.rule} for answer in waiting],
    }  # fmt: skip


def _suggested(
    examples: Sequence[Example], left: Left, about: About, answers: Sequence[Answer], ports: Ports
) -> tuple[list[Suggestion], list[NoSuggestion], Quality | None]:
    reason = too_little(examples)
    if reason or not left:
        return [], refused(left, reason), None
    model = _model(examples, ports)
    no = frozenset((answer.place, answer.suggested) for answer in answers if answer.team != answer.suggested)
    made, abstained = suggest(model, examples, left, about, no)
    return made, abstained, quality(model.trials)


def _told(proof: Quality) -> Json:
    return {
        **dump(proof),
        "coverage": round(proof.coverage, 6),
        "accuracy": proof.accuracy and round(proof.accuracy, 6),
        "says": proof.sentence(),
    }


def _model(examples: Sequence[Example], ports: Ports) -> OwnerModel:
    """The stored model where it was learned from just these examples, else a new one."""
    learned_from = hashlib.sha256(repr([(example.place, example.team, example.about) for example in examples]).encode()).hexdigest()
    kept = ports.documents.find(MODEL)
    if kept and kept.get("examples") == learned_from and isinstance(model := kept.get("model"), dict):
        return load(OwnerModel, model, MODEL)
    if ports.learner is None:
        raise BadInput("learn: no learner in this bundle; install trimtab[learn]")
    model = ports.learner.owners(examples)
    ports.documents.publish(MODEL, {"examples": learned_from, "model": dump(model)})
    return model


# ── Answer ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def review_list(ports: Ports) -> Json:
    """The newest list. Raises BadInput where nothing was learned yet."""
    document = ports.documents.find(LATEST)
    if document is None:
        raise BadInput("no suggestions yet: `trimtab allocate`, then the learn function, make them")
    return document


def answer(suggestion: str, said: Said, team: str | None, by: str, ports: Ports, now: datetime) -> Answer:
    """Record a person's answer; giving the same one twice is giving it once. `team` = accepted, but for another team.

    Raises BadInput where no list and no earlier answer has the suggestion.
    """
    head = ports.ledger.head(f"{STREAMS}{suggestion}")
    place, suggested = _asked(suggestion, head, ports)
    owner = (team or suggested) if said == "accepted" else ""
    given = Answer(id=suggestion, said=said, place=place, suggested=suggested, team=owner, by=by, at=now.isoformat())
    if head is not None and (before := _answer(head)) and (before.said, before.team) == (given.said, given.team):
        return before
    reason = f"{by} says that {place} is {owner}'s" if owner else f"{by} says that {place} is not {suggested}'s"
    written = ports.ledger.append(
        f"{STREAMS}{suggestion}", head, kind=said, at=now, actor=by, reason=reason, body=asdict(given), state=asdict(given)
    )
    return given if written is not None else answer(suggestion, said, team, by, ports, now)


def suggested_team(suggestion: str, ports: Ports) -> str:
    """The team that an id suggests. Raises BadInput where no list and no earlier answer has it."""
    return _asked(suggestion, ports.ledger.head(f"{STREAMS}{suggestion}"), ports)[1]


def _asked(suggestion: str, head: Entry | None, ports: Ports) -> tuple[str, str]:
    """(place, team) that an id stands for: from the newest list, or from what was answered before."""
    if head is not None and (before := _answer(head)):
        return before.place, before.suggested
    rows = review_list(ports)["suggested"]
    for row in rows if isinstance(rows, list) else ():
        place = f"{row['cluster']}/{row['namespace']}"
        if row["id"] == suggestion == suggestion_id(place, row["team"]):
            return place, row["team"]
    raise BadInput(f"{suggestion}: no such suggestion; `trimtab suggestions` lists them")


def read_answers(ports: Ports) -> list[Answer]:
    """The newest answer to each suggestion. Of two owners that were named for one place, the one named last counts."""
    found = sorted((_answer(head) for head in ports.ledger.heads(STREAMS).values()), key=lambda one: (one.at, one.id))
    last = {one.place: one for one in found if one.said == "accepted"}
    return [one for one in found if one.said == "rejected" or last[one.place] == one]


def _answer(head: Entry) -> Answer:
    return load(Answer, head.state, head.stream)


def owner_rule(place: str, team: str) -> str:
    """A line for `rules:` of owners.yaml that gives this one namespace to the team."""
    cluster, _, namespace = place.rpartition("/")
    name = f"{slugged(namespace)[:40]}-{hashlib.sha256(place.encode()).hexdigest()[:6]}".strip("-")
    fields = {"namespace": _pattern(namespace), "cluster": _pattern(cluster), "team": team}
    return f"- {{ id: owner-of-{name}, {', '.join(f'{key}: {json.dumps(text)}' for key, text in fields.items() if text)} }}"


def _pattern(text: str) -> str:
    """The text as a pattern that matches nothing else; a dash needs no backslash outside of a set."""
    return re.escape(text).replace("\\-", "-")
