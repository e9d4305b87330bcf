"""Requests and ticks that wait for their last effect: one put is the record and the enqueue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from trimtab.adapters.store.canonical import encode
from trimtab.adapters.store.objects import Objects
from trimtab.errors import BadInput
from trimtab.ports import Waiting


@dataclass(frozen=True, slots=True)
class StoreInbox:
    """inbox/<source>/<name> holds a request; done/<source>/<name> says that nothing is left to do for it."""

    objects: Objects
    nonce: Callable[[], str]

    def put(self, key: str, body: bytes) -> bool:
        """Keep `body` under `key`; False = it was there already, which is success too."""
        _done(key)
        return self.objects.keep(key, body)

    def read(self, key: str) -> bytes | None:
        """The body, or None where it is not there (expired)."""
        _done(key)
        return self.objects.read(key)

    def waiting(self, source: str = "") -> list[Waiting]:
        """What has no done mark, oldest put first; two listings, however many there are."""
        below = f"{source}/" if source else ""
        done = set(self.objects.keys(f"done/{below}"))
        found = [Waiting(item.key, item.modified) for item in self.objects.listed(f"inbox/{below}") if _done(item.key) not in done]
        return sorted(found, key=lambda item: (item.since, item.key))

    def pending(self, source: str = "") -> list[str]:
        """Keys without a done mark, oldest put first."""
        return [item.key for item in self.waiting(source)]

    def finish(self, key: str, outcome: str) -> None:
        """Mark as done, after the last effect; the first mark stays."""
        self.objects.keep(_done(key), encode({"outcome": outcome, "nonce": self.nonce()}, key))

    def is_done(self, key: str) -> bool:
        """True where nothing is left to do for it."""
        return self.objects.has(_done(key))

    def kept(self, source: str) -> list[str]:
        """Keys of a source that are still there, done or not."""
        return self.objects.keys(f"inbox/{source}/")

    def forget(self, key: str) -> None:
        """Delete a request that is done; its mark stays. Raises BadInput for one that waits: it would be lost."""
        if not self.is_done(key):
            raise BadInput(f"{key}: not done yet, so it cannot be forgotten")
        self.objects.delete(key)

    def expire(self, before: datetime, source: str = "") -> int:
        """Delete requests that were done before then, for stores without lifecycle rules; how many. What waits never expires."""
        below = f"{source}/" if source else ""
        expired = [mark.key for mark in self.objects.listed(f"done/{below}") if mark.modified < before]
        for mark in expired:
            # The mark goes last: a request without its mark would be served again.
            self.objects.delete("inbox/" + mark.removeprefix("done/"))
            self.objects.delete(mark)
        return len(expired)


def _done(key: str) -> str:
    """The key of the done mark."""
    if not key.startswith("inbox/"):
        raise BadInput(f"inbox key {key!a}: expected inbox/<source>/<name>")
    return "done/" + key.removeprefix("inbox/")
