"""Who is behind the random names that the record uses for people: one small object each, and the only part of it that can be deleted.

The record is append-only, so it may not say who somebody is. Once the object is gone, nothing in the store names that person any more.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from trimtab.adapters.store.canonical import decode, encode
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken
from trimtab.records import PersonId

_KEY = re.compile(r"\bperson-[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class StorePeople:
    """people/<hash of the name in owners.yaml> = {key, name, salt}."""

    objects: Objects
    random: Callable[[], str]
    """A fresh random text of at least 16 hexadecimal digits on each call."""
    may_add: bool = True
    """False for whoever only reads: then somebody new goes by the name in owners.yaml, and nothing is written."""
    _known: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name → its object: a person's key never changes while it is there."""

    def key_of(self, name: str) -> PersonId:
        """What the record calls the person whom owners.yaml calls so; made when first asked."""
        found = self._known.get(name) or self._read(name) or (self._added(name) if self.may_add else None)
        if found is None:
            return PersonId(name)
        self._known[name] = found
        return PersonId(found["key"])

    def find(self, name: str) -> PersonId | None:
        """The same where it was made already; None = nobody of that name is known."""
        found = self._read(name)
        return None if found is None else PersonId(found["key"])

    def mark(self, name: str, text: str) -> str:
        """A digest of `text` that nobody can guess back without the person's own object."""
        self.key_of(name)
        salt = self._known[name]["salt"] if name in self._known else ""
        return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()

    def named(self, text: str) -> str:
        """The text with people's names for their keys; whoever was erased keeps the key."""
        keys = set(_KEY.findall(text))
        if not keys:
            return text
        if not keys <= {found["key"] for found in self._known.values()}:
            self._known.update((found["name"], found) for found in self._all())
        names = {found["key"]: found["name"] for found in self._known.values()}
        return _KEY.sub(lambda match: names.get(match[0], match[0]), text)

    def erase(self, name: str) -> PersonId | None:
        """Forget who that was; the key that stays behind, or None where nobody of that name was known."""
        found = self._read(name)
        if found is None:
            return None
        self.objects.delete(_place(name))
        self._known.pop(name, None)
        return PersonId(found["key"])

    def _added(self, name: str) -> dict[str, str] | None:
        fresh = self.random()
        body = {"key": f"person-{fresh[:12]}", "name": name, "salt": fresh[12:] + self.random()}
        self.objects.keep(_place(name), encode(body, _place(name)))
        # Whoever wrote first gave the key; both read the same one.
        return self._read(name)

    def _read(self, name: str) -> dict[str, str] | None:
        body = self.objects.read(_place(name))
        return None if body is None else _person(_place(name), body)

    def _all(self) -> Iterator[dict[str, str]]:
        for key, body in self.objects.read_all(self.objects.children("people/")):
            if body is not None:
                yield _person(key, body)


def _place(name: str) -> str:
    return f"people/{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _person(key: str, body: bytes) -> dict[str, str]:
    value = decode(body, key)
    if set(value) != {"key", "name", "salt"} or not all(isinstance(text, str) for text in value.values()):
        raise Broken(f"{key}: not a person of ours")
    return {name: str(text) for name, text in value.items()}
