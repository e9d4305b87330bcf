"""Slots of rate limits and leases: create-only objects that several writers race for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.adapters.store.canonical import decode, encode, instant, number_of, numbered
from trimtab.adapters.store.objects import Objects
from trimtab.errors import BadInput, Broken

_GRACE = timedelta(seconds=60)


def claim_slot(objects: Objects, limit: str, window: str, capacity: int, holder: str, nonce: str) -> int | None:
    """A slot number of the window, the same one on every retry of `holder`; None = the window is full."""
    folder = f"slots/{limit}/{window}"
    taken = objects.children(f"{folder}/")
    for key, encoded in objects.read_all(taken):
        if _slot_holder(key, encoded) == holder:
            return number_of(key)
    if len(taken) >= capacity:
        return None
    # Slots are taken in order and never given back: two tries of one holder meet at the same number.
    for k in range(capacity):
        key = numbered(folder, k)
        if key in taken:
            continue
        claim = {"limit": limit, "window": window, "k": k, "holder": holder, "nonce": nonce}
        if objects.create(key, encode(claim, key)) or _slot_holder(key, objects.read(key)) == holder:
            return k
    return None


def check_slot(key: str, encoded: bytes | None) -> None:
    """Raise Broken, naming the key, where a slot's object is not the claim that its key says."""
    _slot_holder(key, encoded)


def _slot_holder(key: str, encoded: bytes | None) -> str:
    claim = decode(encoded or b"", key)
    folder, _, _ = key.rpartition("/")
    holder, nonce = claim.get("holder"), claim.get("nonce")
    place = f"slots/{claim.get('limit')}/{claim.get('window')}"
    if set(claim) != {"limit", "window", "k", "holder", "nonce"} or place != folder or not isinstance(nonce, str):
        raise Broken(f"{key}: not a claim of this limit and window")
    if claim["k"] != number_of(key) or not isinstance(holder, str):
        raise Broken(f"{key}: not the claim of this slot")
    return holder


@dataclass(frozen=True, slots=True)
class _Lease:
    holder: str
    until: datetime


def acquire_lease(objects: Objects, name: str, holder: str, now: datetime, seconds: int, nonce: str) -> bool:
    """True where `holder` has the lease until now + seconds + 60 s."""
    if seconds < 0:
        raise BadInput(f"lease {name!a}: {seconds} seconds; a lease cannot end before it starts")
    until = now + timedelta(seconds=seconds) + _GRACE
    newest, lease = _newest_lease(objects, name)
    if lease and lease.until > now and lease.holder != holder:
        return False
    if lease and lease.until >= until:
        return True
    return _write_lease(objects, name, newest + 1, holder, until, nonce)


def release_lease(objects: Objects, name: str, holder: str, now: datetime, nonce: str) -> None:
    """Give the lease back, if it is still ours; where somebody else wrote meanwhile, it is not."""
    newest, lease = _newest_lease(objects, name)
    if lease and lease.holder == holder and lease.until > now:
        _write_lease(objects, name, newest + 1, holder, now, nonce)


def _write_lease(objects: Objects, name: str, n: int, holder: str, until: datetime, nonce: str) -> bool:
    key = numbered(f"leases/{name}", n)
    return objects.create(key, encode({"holder": holder, "until": instant(until, key), "nonce": nonce}, key))


def _newest_lease(objects: Objects, name: str) -> tuple[int, _Lease | None]:
    """The newest number (-1 = none yet) and its lease; None where it says nothing that holds anybody off."""
    keys = [key for key in objects.children(f"leases/{name}/") if number_of(key) is not None]
    if not keys:
        return -1, None
    n = number_of(keys[-1]) or 0
    return n, _read_lease(keys[-1], objects.read(keys[-1]))


def _read_lease(key: str, encoded: bytes | None) -> _Lease | None:
    # An unreadable lease holds nobody off: leases save work, and one bad object must not stop a function for good.
    try:
        value = decode(encoded or b"", key)
        until = datetime.fromisoformat(str(value.get("until")))
    except (Broken, ValueError):
        return None
    return _Lease(str(value.get("holder")), until) if until.tzinfo else None
