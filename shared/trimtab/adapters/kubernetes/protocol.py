"""The Kubernetes API as far as it is asked: paths of lists, and what an answer that is no list means. No I/O."""

from collections.abc import Mapping

from trimtab.errors import TrimtabError, Upstream
from trimtab.sources.kube_objects import Kind

LISTS: Mapping[Kind, str] = {
    "namespace": "/api/v1/namespaces",
    "node": "/api/v1/nodes",
    "pod": "/api/v1/pods",
    "replica_set": "/apis/apps/v1/replicasets",
    "job": "/apis/batch/v1/jobs",
    "budget": "/apis/policy/v1/poddisruptionbudgets",
    "autoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "volume": "/api/v1/persistentvolumes",
    "claim": "/api/v1/persistentvolumeclaims",
}
"""Kind → where all of them are listed; the rights that docs/collect.md asks for are these and no more."""
MOST_OBJECTS = 200_000
"""Of one kind; Kubernetes itself is tested with 150,000 pods."""
LONGEST_WAIT = 60.0


class NotRead(TrimtabError):
    """This kind cannot be read, and asking again will not help."""


class Gone(TrimtabError):
    """The state that a list began with is gone (410); it must be read from its start."""


class Wait(TrimtabError):
    """Busy: ask again, after so many seconds where the server said so."""

    def __init__(self, message: str, seconds: float | None) -> None:
        super().__init__(message)
        self.seconds = seconds


def answer_of(status: int | None, headers: Mapping[str, str] | None, reason: str) -> TrimtabError:
    """What a status means for a list."""
    said = " ".join(f"HTTP {status} {reason}".split())[:200]
    match status:
        case 401:
            return NotRead(f"{said}: the login does not hold; log in again")
        case 403:
            return NotRead(f"{said}: the account may not list them; docs/collect.md has the role it needs")
        case 404:
            return NotRead(f"{said}: this cluster does not serve them")
        case 410:
            return Gone(said)
        case 429 | 500 | 502 | 503 | 504:
            return Wait(said, _seconds(headers))
        case _:
            return Upstream(said)


def _seconds(headers: Mapping[str, str] | None) -> float | None:
    text = str((headers or {}).get("Retry-After") or "")
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() else None


__all__ = ["LISTS", "MOST_OBJECTS", "Gone", "NotRead", "Wait", "answer_of"]
