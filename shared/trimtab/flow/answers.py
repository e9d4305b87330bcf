"""Answers to people in Slack: where they asked, else to themselves; each carries a mark of the request that it answers."""

from collections.abc import Sequence

from trimtab.errors import Refused, Upstream
from trimtab.ports import MessageRef, Ports
from trimtab.records import Json

_STRANGERS = {"guest": "a guest's", "external": "of another workspace", "bot": "a bot's", "gone": "deactivated"}
"""Whoever asks from such an account is answered and heard no further, whatever owners.yaml says."""


def stranger(user: str, ports: Ports) -> str:
    """What is wrong with an account in Slack, to be told to its holder; "" = nothing that Slack says."""
    word = _STRANGERS.get(ports.chat.account(user) or "")
    return f"Your Slack account is {word}" if word else ""


def is_answered(key: str, user: str, place: tuple[str, MessageRef | None], ports: Ports) -> bool:
    """True where this request's answer stands in its place or, where that cannot be read, among what only the person reads."""
    channel, thread = place
    try:
        return ports.chat.find(channel, nonce_of(key), thread) is not None
    except Refused:
        return _is_told(user, key, ports)


def _is_told(user: str, key: str, ports: Ports) -> bool:
    try:
        return ports.chat.find(ports.chat.direct(user), nonce_of(key)) is not None
    except Refused:
        return False


def answer(key: str, user: str, place: tuple[str, MessageRef | None], said: tuple[Sequence[Json], str], ports: Ports) -> None:
    """Post `said` (blocks and text) in `place` (channel and thread). Where that message is gone or its channel closed, tell the person.

    It is the last effect of a request, so whoever finds it there has nothing left to do.
    """
    (channel, thread), (blocks, text) = place, said
    try:
        ref = ports.chat.post(channel, blocks, text, nonce_of(key), thread)
    except Refused as error:
        ports.log.warning("answer.elsewhere", key=key, input=str(error))
        _tell(user, blocks, text, key, ports)
        return
    _leave_one(ref, thread, key, ports)


def _leave_one(ref: MessageRef, thread: MessageRef | None, key: str, ports: Ports) -> None:
    """Of two that served one request in the same moment each has answered: whoever was second takes theirs back.

    Nobody waits for the other before: whoever died over an answer would be waited for as well.
    """
    try:
        first = ports.chat.find(ref.channel, nonce_of(key), thread)
        # Only ever the later one: were the other's what is found and this one the first, both would be gone.
        if first is not None and first.ts < ref.ts:
            ports.chat.withdraw(ref)
    except (Refused, Upstream) as error:
        ports.log.warning("answer.not-looked-for", key=key, input=str(error))


def _tell(user: str, blocks: Sequence[Json], text: str, key: str, ports: Ports) -> None:
    try:
        ref = ports.chat.post(ports.chat.direct(user), blocks, text, nonce_of(key))
    except Refused as error:
        ports.log.warning("answer.refused", key=key, input=str(error))
        return
    _leave_one(ref, None, key, ports)


def nonce_of(key: str) -> str:
    """The mark of the answer to a request; the same request has the same one."""
    return key.rsplit("/", 1)[1][:20]
