"""One person, two accounts: each has to say once that they belong together, or owners.yaml could make somebody count twice.

In Slack the person asks for a code, which only they are shown. On the forge they write it into a comment. Both are read where they were
said: the request with Slack's signature, and the comment from the forge itself. What was confirmed is this name with these two accounts:
another account in owners.yaml wants another code.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Refused
from trimtab.flow.governance import read_governance
from trimtab.flow.life import Moved, until_settled
from trimtab.ports import Ports
from trimtab.records import Comment, Entry, Json, Person
from trimtab.settings import Repository

STREAMS = "people/"
VALID = timedelta(hours=1)
"""So long a code may be written on the forge."""
LETTERS = 12
"""Of a code: sixty bits, which nobody guesses within an hour."""
ASKED_AN_HOUR = 5
_SAID = re.compile(rf"`?trimtab confirm ([a-z2-7]{{{LETTERS}}})`?", re.IGNORECASE)


def is_confirmed(person: Person, repo: str, ports: Ports) -> bool:
    """True where both accounts have said so; on a forge that is our own disk there is no account to ask."""
    if ports.settings.repository(repo).forge == "local":
        return True
    head = ports.ledger.head(STREAMS + person.id)
    return head is not None and mark_of(person, ports) in _confirmed(head)


def mark_of(person: Person, ports: Ports) -> str:
    """What stands in the record for this name with these two accounts; it names nobody."""
    text = f"{person.called}\n{person.slack}\n{person.forge.lower()}"
    return ports.people.mark(person.called, text) if ports.people else hashlib.sha256(text.encode()).hexdigest()


# ── in Slack ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def asked(user: str, key: str, ports: Ports, now: datetime) -> str:
    """`/trimtab confirm`: the code goes to that user alone; a sentence for where it was typed. The same request twice is one."""
    found = [(person, repository) for person, repository in everybody(ports) if person.slack == user]
    if not found:
        return "You are not listed in owners.yaml, so there is nothing to confirm."
    waiting = [(person, repository) for person, repository in found if not is_confirmed(person, repository.id, ports)]
    if not waiting:
        return "There is nothing to confirm: your two accounts belong together already."
    person, repository = waiting[0]
    code = _code(key, person, ports)
    if ports.ledger.claim_slot(f"confirm-{person.id}", f"{now:%Y-%m-%dT%H}", ASKED_AN_HOUR, key) is None:
        return f"You asked {ASKED_AN_HOUR} times within the hour: write the newest code that I sent you, or ask again later."
    until_settled(lambda: _offer(person, code, ports, now))
    problem = _tell(person, f"{key}/code", _instructions(person, repository, code, now), ports)
    return problem or "I have sent you a direct message that says how to go on."


def everybody(ports: Ports) -> Iterator[tuple[Person, Repository]]:
    """Everybody whom the rules of a managed repo know, with that repo; a repo whose rules cannot be read knows nobody."""
    for repository in ports.settings.repositories:
        try:
            governance = read_governance(ports, repository.id)
        except BadInput as error:
            ports.log.warning("governance.unreadable", repo=repository.id, input=str(error))
            continue
        yield from ((person, repository) for person in governance.people)


def _code(key: str, person: Person, ports: Ports) -> str:
    """Made of the signed request itself, so that it is the same each time, and nobody knows it who has not seen Slack's signature."""
    request = ports.inbox.read(key)
    if request is None:
        raise BadInput(f"{key}: expired or never received")
    digest = hashlib.sha256(mark_of(person, ports).encode() + request).digest()
    return base64.b32encode(digest).decode().lower()[:LETTERS]


def _offer(person: Person, code: str, ports: Ports, now: datetime) -> str:
    stream = STREAMS + person.id
    head = ports.ledger.head(stream)
    offered = {"code": _digest(code, person, ports), "mark": mark_of(person, ports), "at": now.isoformat()}
    if head is not None and _open_offer(head).get("code") == offered["code"]:
        return "offered before"
    return _write(stream, head, "asked", "a code was given in Slack", person, {"confirmed": _confirmed(head), "offer": offered}, ports, now)


def _instructions(person: Person, repository: Repository, code: str, now: datetime) -> str:
    until = f"{now + VALID:%H:%M} UTC"
    return (
        f"Are you {person.forge} on {repository.forge} too? Then write this as {person.forge}, as a comment of its own, on any open pull "
        f"request of {repository.location} until {until}:\n\ntrimtab confirm {code}\n\nUntil then your clicks and reviews decide nothing. "
        f"If {person.forge} is not you, write nothing and tell whoever keeps owners.yaml."
    )


# ── on the forge ─────────────────────────────────────────────────────────────────────────────────────────────────────
def heard(repo: str, number: int, ports: Ports, now: datetime) -> str:
    """Somebody commented: whoever wrote the code that they were given is confirmed. "" = nobody waits, or nobody wrote one."""
    waiting = {stream: entry for stream, entry in ports.ledger.heads(STREAMS).items() if _is_open(entry, now)}
    if not waiting:
        return ""
    people = [person for person in read_governance(ports, repo).people if STREAMS + person.id in waiting]
    comments = ports.forge.comments(repo, number) if people else ()
    confirmed = [person for person in people if until_settled(lambda person=person: _take(person, comments, ports, now))]  # type: ignore[misc]
    return "; ".join(f"the accounts of {person.id} are confirmed" for person in confirmed)


def _take(person: Person, comments: tuple[Comment, ...], ports: Ports, now: datetime) -> str:
    """Confirm one person, if they wrote their code in time; "" = they did not, or they are confirmed already."""
    stream = STREAMS + person.id
    head = ports.ledger.head(stream)
    mark = mark_of(person, ports)
    if head is None or not _is_open(head, now) or _open_offer(head).get("mark") != mark:
        return ""
    if not any(_is_answer(comment, person, head, ports) for comment in comments):
        return ""
    _tell(person, f"{stream}/{head.n}/done", "Your two accounts are confirmed: from now on your clicks and reviews count.", ports)
    state: Json = {"confirmed": [*_confirmed(head), mark]}
    return _write(stream, head, "confirmed", "the code was written on the forge", person, state, ports, now)


def _is_answer(comment: Comment, person: Person, head: Entry, ports: Ports) -> bool:
    """Their own words, written after the code was given, and as they wrote them: whoever may write to a repo may edit others' comments."""
    said = _SAID.fullmatch(comment.text.strip())
    offer = _open_offer(head)
    given = datetime.fromisoformat(offer["at"])
    is_unchanged = comment.edited_by is not None and comment.edited_by.lower() in {"", person.forge.lower()}
    is_theirs = comment.login.lower() == person.forge.lower() and not comment.is_bot and is_unchanged
    is_in_time = given.replace(microsecond=0) <= comment.at <= given + VALID
    return said is not None and is_theirs and is_in_time and _digest(said[1].lower(), person, ports) == offer["code"]


# ── the record ───────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_open(entry: Entry, now: datetime) -> bool:
    """True while a code that was given may still be written; the webhook may be slow."""
    offer = _open_offer(entry)
    return bool(offer) and now <= datetime.fromisoformat(offer["at"]) + 2 * VALID


def _open_offer(entry: Entry) -> dict[str, str]:
    match entry.state.get("offer"):
        case {"code": str(code), "mark": str(mark), "at": str(at)}:
            return {"code": code, "mark": mark, "at": at}
        case _:
            return {}


def _confirmed(head: Entry | None) -> list[str]:
    marks = head.state.get("confirmed") if head else None
    return [str(mark) for mark in marks] if isinstance(marks, list) else []


def _digest(code: str, person: Person, ports: Ports) -> str:
    return hashlib.sha256(f"{mark_of(person, ports)} {code}".encode()).hexdigest()


def _write(stream: str, head: Entry | None, kind: str, reason: str, person: Person, state: Json, ports: Ports, now: datetime) -> str:
    entry = ports.ledger.append(stream, head, kind=kind, at=now, actor=person.id, reason=reason, body={}, state=state)
    if entry is None:
        raise Moved(stream)
    ports.log.info("person", kind=kind, stream=stream, n=entry.n)
    return kind


def _tell(person: Person, about: str, text: str, ports: Ports) -> str:
    """A direct message, once: its nonce is looked for first. "" = it was sent, else why Slack does not take it."""
    nonce = hashlib.sha256(about.encode()).hexdigest()[:20]
    try:
        channel = ports.chat.direct(person.slack)
        if ports.chat.find(channel, nonce) is None:
            block: Json = {"type": "section", "text": {"type": "plain_text", "text": text}}
            ports.chat.post(channel, [block], text, nonce)
    except Refused as error:
        ports.log.warning("person.untold", person=person.id, input=str(error))
        return f"I cannot send you a direct message: {error}."
    return ""
