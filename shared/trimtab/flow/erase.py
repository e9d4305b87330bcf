"""Forget who somebody was. The record stays whole: it never said more than a key, and nothing says any more whose key that is.

What leaves with them: the requests that came from their accounts or name those, what was served and says their name, and last the object
that ties the name to the key: until it is gone, all can be asked for again. An approval whose request is gone proves nothing any more;
what was merged stays merged.
"""

import re
from datetime import datetime
from urllib.parse import unquote_plus

from trimtab.errors import BadInput
from trimtab.flow.governance import home_governance
from trimtab.ports import Ports
from trimtab.records import Person
from trimtab.sources.senders import unwrap

FROM_PEOPLE = ("slack", "github", "gitlab")
"""Whose requests name people."""


def erase(name: str, ports: Ports, now: datetime, accounts: tuple[str, ...] = ()) -> str:
    """Forget a person; what was done, for whoever asked. `accounts` are Slack ids and logins of theirs that owners.yaml no longer lists.

    Raises BadInput where the record knows nobody of that name.
    """
    if ports.people is None:
        raise BadInput(f"{name}: this store calls people by their names; there is no key to forget them by")
    if not all(accounts):
        raise BadInput("--account: expected a Slack id or a login, found nothing")
    key = ports.people.find(name)
    if key is None:
        raise BadInput(f"{name}: the record knows nobody of that name")
    person = _listed(name, ports)
    gone, left = _forget_requests(name, {*accounts, *((person.slack, person.forge) if person else ())}, ports)
    stream = f"people/{key}"
    ports.ledger.append(
        stream, ports.ledger.head(stream), kind="erased", at=now, actor="operator", reason="erased on request", body={}, state={}
    )
    ports.people.erase(name)
    still = "; owners.yaml still lists them, so they will be known under a new key" if person else ""
    waiting = f"; {left} requests of others, not served yet, say their name until they expire" if left else ""
    return f"{key} is nobody's any more; {gone} requests of theirs are gone{waiting}{still}"


def _listed(name: str, ports: Ports) -> Person | None:
    try:
        people = home_governance(ports).people
    except BadInput:
        return None
    return next((person for person in people if person.called == name), None)


def _forget_requests(name: str, accounts: set[str], ports: Ports) -> tuple[int, int]:
    """Everything kept that came from these accounts, or names them; what was not served yet is served to nobody.

    What only says the name, as a card does that somebody else clicks, is left while it waits: it is another person's. (gone, left).
    """
    theirs, naming = _any_of(accounts), _any_of({name})
    gone = left = 0
    for source in FROM_PEOPLE:
        for key in ports.inbox.kept(source):
            text = _text(key, ports)
            if theirs.search(text) or (naming.search(text) and ports.inbox.is_done(key)):
                ports.inbox.finish(key, "erased")
                ports.inbox.forget(key)
                gone += 1
            elif naming.search(text):
                left += 1
    return gone, left


def _any_of(words: set[str]) -> re.Pattern[str]:
    """Any of them as a whole word, however it is spelled: "ann" is neither "joann" nor "ann-b"."""
    either = "|".join(sorted(map(re.escape, words))) or "(?!)"
    return re.compile(rf"(?<![\w-])(?<!\w\.)(?:{either})(?![\w-]|\.\w)", re.IGNORECASE)


def _text(key: str, ports: Ports) -> str:
    """What a request says, forms and line ends in clear; whether its proof still holds is not asked."""
    try:
        body = unwrap(ports.inbox.read(key) or b"")[0].body
    except BadInput:
        return ""
    return re.sub(r"\\[bfnrt]", " ", unquote_plus(body.decode(errors="replace")))
