"""Any verdict on record, made again from what it was made from: an auditor need not believe the words that were kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from trimtab.errors import BadInput, Broken, Gone
from trimtab.flow.basis import Basis, basis_of, words_of
from trimtab.flow.life import STREAMS, fold, stream_of
from trimtab.ports import Ports
from trimtab.records import Entry, Proposal

_ID = re.compile(r"verdict-([0-9a-f]{12})\.(\d{1,9})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Retold:
    """A judgement on record, and the same made again now."""

    id: str
    entry: Entry
    proposal: Proposal
    basis: Basis
    """Its verdict is the one that was made again."""

    @property
    def is_the_same(self) -> bool:
        """Does judging again give what was said then, to the letter?"""
        return words_of(self.basis.verdict) == self.entry.body.get("verdict")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A judgement that cannot be made again."""

    reason: str
    """Which, and why, in one sentence."""


def verdict_id(entry: Entry) -> str:
    """The id of the verdict that an entry rests on; "" = it rests on none."""
    return f"verdict-{entry.stream.removeprefix(STREAMS).removeprefix('prop-')}.{entry.n}" if entry.body.get("inputs") else ""


def is_recorded(entry: Entry) -> bool:
    """True where the verdict in an entry's state is the one that it rests on; what said nothing new left older words standing."""
    return bool(entry.body.get("verdict")) and entry.body.get("words") == entry.body.get("verdict")


def retell(verdict: str, ports: Ports) -> Retold:
    """Make a verdict again. Raises BadInput where there is none of that id, Gone or Broken where what it was made from is not as it was."""
    match = _ID.fullmatch(verdict)
    if match is None:
        raise BadInput(f"{verdict[:80]!a}: a verdict's id is verdict-<12 hex digits>.<entry>, as trimtab explain prop-… names it")
    entries = ports.ledger.entries(stream_of(f"prop-{match[1]}"))
    number = int(match[2])
    if number >= len(entries):
        raise BadInput(f"{verdict}: no such entry; trimtab explain prop-{match[1]} lists them")
    found = _retold(entries[number], ports)
    if found is None:
        raise BadInput(f"{verdict}: that entry rests on no judgement; trimtab explain prop-{match[1]} names those that do")
    return found


def judgements(stream: str, ports: Ports, since: datetime | None = None) -> Iterator[Retold | Lost]:
    """Every judgement whose words a stream recorded since then, each once, oldest first, made again; or why one cannot be."""
    seen = None
    try:
        entries = ports.ledger.entries(stream)
    except Broken as error:
        yield Lost(reason=f"{stream}: {error}")
        return
    for entry in entries:
        said = (entry.body.get("inputs"), entry.body.get("verdict"))
        if said == seen or not is_recorded(entry):
            continue
        seen = said
        if since is not None and entry.at < since:
            continue
        try:
            found = _retold(entry, ports)
        except (Broken, Gone) as error:
            yield Lost(reason=f"{verdict_id(entry)}: {error}")
            continue
        if found is not None:
            yield found


def _retold(entry: Entry, ports: Ports) -> Retold | None:
    basis = basis_of(entry, ports)
    if basis is None:
        return None
    return Retold(id=verdict_id(entry), entry=entry, proposal=fold(entry).planned(), basis=basis)
