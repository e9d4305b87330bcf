"""The run permit: writing needs a readable "go" that no function role can write. Anything else is a stop, with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from trimtab.adapters.store.canonical import encode, instant, number_of, numbered, parse
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken, Refused, TrimtabError, Upstream
from trimtab.ports import PermitChange

_ATTEMPTS = 16
STOP = ".stop"
"""How the key of a stop ends: a role that may create only such keys can stop everything, and resume nothing."""


@dataclass(frozen=True, slots=True)
class StorePermit:
    """permit/<n> and permit/<n>.stop; the greatest key counts, and whatever a key that ends so holds, it is a stop.

    Who may write which is the store's own permission.
    """

    objects: Objects
    nonce: Callable[[], str]

    def stop_reason(self) -> str | None:
        """None = writing is allowed; else why not. Absent, unreadable and malformed are reasons."""
        try:
            keys = self.objects.children("permit/")
            if not keys:
                return "no run permit: an operator must resume first"
            return _reason(keys[-1], self.objects.read(keys[-1]))
        except TrimtabError as error:
            return f"the run permit is unreadable: {error}"

    def stop(self, by: str, reason: str, at: datetime) -> None:
        """Forbid writing. It keeps trying: whoever else wrote meanwhile, a stop comes after it."""
        for _ in range(_ATTEMPTS):
            if self._write("stop", by, reason, at, STOP):
                return
        raise Upstream("the run permit changed on every attempt to stop; try again")

    def resume(self, by: str, reason: str, at: datetime) -> None:
        """Allow writing. Tried once: a stop that came meanwhile was not seen by whoever resumes."""
        if not self._write("go", by, reason, at):
            raise Refused("the run permit changed while resuming; read its reason again, then resume")

    def history(self) -> tuple[PermitChange, ...]:
        """Every stop and every resume, oldest first. Raises Broken where one cannot be read."""
        return tuple(_change(key, encoded) for key, encoded in self.objects.read_all(self.objects.children("permit/")))

    def _write(self, state: str, by: str, reason: str, at: datetime, ending: str = "") -> bool:
        numbers = [number for key in self.objects.children("permit/") if (number := _number(key)) is not None]
        key = numbered("permit", max(numbers, default=-1) + 1) + ending
        value = {"state": state, "by": by, "reason": reason, "at": instant(at, key), "nonce": self.nonce()}
        return self.objects.create(key, encode(value, key))


def _reason(key: str, encoded: bytes | None) -> str | None:
    texts = _texts(key, encoded)
    match texts["state"]:
        case "go" if not key.endswith(STOP):
            return None
        case "stop" | "go":
            return f"stopped by {texts['by']} at {texts['at']}: {texts['reason']}"
        case unknown:
            return f"{key}: unknown state {unknown!a}; expected go or stop"


def _change(key: str, encoded: bytes | None) -> PermitChange:
    texts = _texts(key, encoded)
    at = datetime.fromisoformat(texts["at"])
    # A time that an operator wrote by hand may leave its zone out; the store's own times are in UTC.
    return PermitChange(
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        by=texts["by"],
        reason=texts["reason"],
        may_write=texts["state"] == "go" and not key.endswith(STOP),
    )


def _number(key: str) -> int | None:
    return number_of(key.removesuffix(STOP))


def _texts(key: str, encoded: bytes | None) -> dict[str, str]:
    if encoded is None or _number(key) is None:
        raise Broken(f"{key}: not a numbered permit, or gone while reading")
    # Operators may write it by hand, so any spelling of the JSON will do, but every field must be there.
    value = parse(encoded, key)
    texts = {name: text for name in ("state", "by", "reason", "at") if isinstance(text := value.get(name), str) and text}
    if len(texts) != 4:
        raise Broken(f"{key}: needs state, by, reason and at, each a text")
    _check_time(key, texts["at"])
    return texts


def _check_time(key: str, text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise Broken(f"{key}: at: not a time: {text[:40]!a}") from None
