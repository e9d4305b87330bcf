"""The run permit: writing needs a readable "go" that no function role can write. Anything else is a stop, with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from trimtab.adapters.store.canonical import encode, instant, number_of, numbered, parse
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken, Refused, TrimtabError, Upstream

_ATTEMPTS = 16


@dataclass(frozen=True, slots=True)
class StorePermit:
    """permit/<n>; the greatest number counts. Who may call `stop` and `resume` is the store's own permission."""

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
            if self._write("stop", by, reason, at):
                return
        raise Upstream("the run permit changed on every attempt to stop; try again")

    def resume(self, by: str, reason: str, at: datetime) -> None:
        """Allow writing. Tried once: a stop that came meanwhile was not seen by whoever resumes."""
        if not self._write("go", by, reason, at):
            raise Refused("the run permit changed while resuming; read its reason again, then resume")

    def _write(self, state: str, by: str, reason: str, at: datetime) -> bool:
        numbers = [number for key in self.objects.children("permit/") if (number := number_of(key)) is not None]
        key = numbered("permit", max(numbers, default=-1) + 1)
        value = {"state": state, "by": by, "reason": reason, "at": instant(at, key), "nonce": self.nonce()}
        return self.objects.create(key, encode(value, key))


def _reason(key: str, encoded: bytes | None) -> str | None:
    if encoded is None or number_of(key) is None:
        raise Broken(f"{key}: not a numbered permit, or gone while reading")
    # Operators may write it by hand, so any spelling of the JSON will do, but every field must be there.
    value = parse(encoded, key)
    texts = {name: value.get(name) for name in ("state", "by", "reason", "at")}
    if not all(isinstance(text, str) and text for text in texts.values()):
        raise Broken(f"{key}: needs state, by, reason and at, each a text")
    _check_time(key, str(texts["at"]))
    match texts["state"]:
        case "go":
            return None
        case "stop":
            return f"stopped by {texts['by']} at {texts['at']}: {texts['reason']}"
        case unknown:
            return f"{key}: unknown state {unknown!a}; expected go or stop"


def _check_time(key: str, text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise Broken(f"{key}: at: not a time: {text[:40]!a}") from None
