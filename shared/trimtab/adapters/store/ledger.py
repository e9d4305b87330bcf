"""The ledger on objects: append-only streams, slots, leases, seals; nothing in it is ever changed or removed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from trimtab.adapters.store import limits
from trimtab.adapters.store.audit import audit
from trimtab.adapters.store.canonical import number_of, numbered
from trimtab.adapters.store.chain import sort_streams, walk
from trimtab.adapters.store.entries import read_entry, stream_folder, write_entry
from trimtab.adapters.store.objects import Objects
from trimtab.adapters.store.seals import newest_seal, read_seal, write_seal
from trimtab.errors import Broken
from trimtab.records import Break, Entry, Json


@dataclass(frozen=True, slots=True)
class StoreLedger:
    """streams/<stream>/<n>, slots/<limit>/<window>/<k>, leases/<name>/<n> and seals/<day>."""

    objects: Objects
    nonce: Callable[[], str]
    """A fresh mark for each object we write: reading it back says who won."""
    _heads: dict[str, tuple[str, Entry]] = field(init=False, default_factory=dict, compare=False, repr=False)
    """Stream → (key, entry) of the newest one that `heads` read: nothing in the ledger ever changes, so it is read once."""

    def head(self, stream: str) -> Entry | None:
        """The newest entry; None = the stream does not exist."""
        keys = self._keys(stream)
        return self._read(stream, keys[-1], self.objects.read(keys[-1])) if keys else None

    def entries(self, stream: str) -> list[Entry]:
        """All entries, oldest first. Raises Broken, naming the key, where a hash or the numbering does not hold."""
        whole: list[Entry] = []
        for link in walk(stream, self.objects.read_all(self._keys(stream))):
            if isinstance(link, Break):
                raise Broken(f"{link.key}: {link.problem}")
            whole.append(link)
        return whole

    def heads(self, prefix: str = "") -> dict[str, Entry]:
        """Head entry of every stream whose name starts with `prefix`: one flat listing, then one read of each that moved.

        What was read before is not read again: an entry that was rewritten is found by `verify` and `seal`, which read all of them.
        """
        return self._newest(prefix, self._heads)

    def _newest(self, prefix: str, known: dict[str, tuple[str, Entry]]) -> dict[str, Entry]:
        """The heads, read where `known` does not have that very key; it learns what was read."""
        folder = prefix.rpartition("/")[0]
        streams, _ = sort_streams(self.objects.keys(f"streams/{folder}/" if folder else "streams/"))
        newest = {stream: keys[-1] for stream, keys in streams.items() if stream.startswith(prefix)}
        fresh = {key: stream for stream, key in newest.items() if known.get(stream, ("",))[0] != key}
        for key, encoded in self.objects.read_all(fresh):
            known[fresh[key]] = key, self._read(fresh[key], key, encoded)
        return {stream: known[stream][1] for stream in newest}

    def append(
        self, stream: str, after: Entry | None, *, kind: str, at: datetime, actor: str, reason: str, body: Json, state: Json
    ) -> Entry | None:
        """Write entry n+1 after `after`; None = somebody else wrote it first: read the head and decide again."""
        n = after.n + 1 if after else 0
        key = numbered(stream_folder(stream), n)
        encoded = write_entry(stream, after, kind=kind, at=at, actor=actor, reason=reason, body=body, state=state, nonce=self.nonce())
        return read_entry(key, stream, n, encoded) if self.objects.create(key, encoded) else None

    def claim_slot(self, limit: str, window: str, capacity: int, holder: str) -> int | None:
        """A slot number of a rate limit's window, the same one on every retry of `holder`; None = the window is full."""
        return limits.claim_slot(self.objects, limit, window, capacity, holder, self.nonce())

    def acquire_lease(self, name: str, holder: str, now: datetime, seconds: int) -> bool:
        """True where `holder` has the lease until now + seconds + 60 s. Saves work; safety never rests on it."""
        return limits.acquire_lease(self.objects, name, holder, now, seconds, self.nonce())

    def release_lease(self, name: str, holder: str, now: datetime) -> None:
        """Give the lease back, if it is still ours."""
        limits.release_lease(self.objects, name, holder, now, self.nonce())

    def seal(self, day: str, at: datetime) -> str:
        """Write seals/<day> over all stream heads, chained to the one before; the root hash. Sealing a day twice is harmless."""
        # Every head is read anew: what was rewritten since must not be sealed.
        return write_seal(self.objects, lambda: self._newest("", {}), day, at, self.nonce())

    def newest_seal(self) -> tuple[str, str] | None:
        """Key and root of the newest seal; None = nothing was sealed yet."""
        newest = newest_seal(self.objects)
        return (newest.key, newest.root) if newest else None

    def roots(self) -> dict[str, str]:
        """Seal key → root, oldest first: what an anchor outside the store keeps, and is compared with. Raises Broken."""
        return {key: read_seal(key, encoded).root for key, encoded in self.objects.read_all(self.objects.children("seals/"))}

    def verify(self) -> list[Break]:
        """Every place where bytes, hashes, numbers, chains or seals do not hold; [] = consistent."""
        return audit(self.objects)

    def _keys(self, stream: str) -> list[str]:
        keys = self.objects.children(f"{stream_folder(stream)}/")
        return [key for key in keys if number_of(key) is not None]

    def _read(self, stream: str, key: str, encoded: bytes | None) -> Entry:
        return read_entry(key, stream, number_of(key) or 0, encoded or b"")
