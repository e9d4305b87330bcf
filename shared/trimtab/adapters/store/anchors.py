"""Roots of seals in a second place, where Trimtab can only append: they turn "consistent" into "proven up to this seal".

Whoever can rewrite the whole store can rebuild every chain and seal in it; what was anchored elsewhere they cannot.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trimtab.adapters.store.canonical import decode, encode, instant
from trimtab.adapters.store.objects import Objects
from trimtab.errors import Broken
from trimtab.records import Break

_SEAL = re.compile(r"seals/\d{4}-\d{2}-\d{2}(?:\.\d{4})?")


@dataclass(frozen=True, slots=True)
class StoreAnchors:
    """anchors/<name of the seal> holds that seal's root; created once, never replaced."""

    objects: Objects

    def keep(self, seal: str, root: str, at: datetime) -> None:
        """Anchor a seal; twice is once. Raises Broken where another root was anchored for it."""
        key = _key(seal)
        body = encode({"seal": seal, "root": root, "at": instant(at, key)}, key)
        if not self.objects.keep(key, body) and self._root(key) != root:
            raise Broken(f"{seal}: its root is not the one that was anchored as {self.objects.place}/{key}; run ledger verify --anchors")

    def roots(self) -> dict[str, str]:
        """Seal → root, as anchored, oldest first. Raises Broken for what is no anchor of ours."""
        return {_seal(key): self._root(key) for key in self.objects.children("anchors/")}

    def compare(self, roots: Mapping[str, str]) -> list[Break]:
        """Anchored seals that the record lost or has otherwise."""
        found = []
        for seal, root in self.roots().items():
            if seal not in roots:
                found.append(Break(key=seal, problem="an anchor outside the store names it, and it is gone"))
            elif roots[seal] != root:
                found.append(Break(key=seal, problem="is not the seal that was anchored outside the store: it was rewritten"))
        return found

    def _root(self, key: str) -> str:
        value = decode(self.objects.read(key) or b"", key)
        if set(value) != {"seal", "root", "at"} or value["seal"] != _seal(key):
            raise Broken(f"{self.objects.place}/{key}: not an anchor of this seal")
        return str(value["root"])


def _key(seal: str) -> str:
    if not _SEAL.fullmatch(seal):
        raise Broken(f"{seal}: not the name of a seal")
    return f"anchors/{seal.removeprefix('seals/')}"


def _seal(key: str) -> str:
    seal = f"seals/{key.removeprefix('anchors/')}"
    if not _SEAL.fullmatch(seal):
        raise Broken(f"{key}: no name that Trimtab gives an anchor")
    return seal
