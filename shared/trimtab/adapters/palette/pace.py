"""Palette's rate limits, kept by ourselves: so many requests a second, per source address and per resource prefix.

Source: the rate-limit table of Palette's API introduction: 10 requests a second with a burst, 50 for a few prefixes; past it, 429.
"""

from dataclasses import dataclass, field

FAST = 50
SLOW = 10
BURST = 5
"""Requests at once per 10 a second: the documented burst is larger, and other clients may share our address."""
PREFIXES = {
    "/v1/cloudconfigs": FAST, "/v1/spectroclusters": FAST, "/v1/clusterprofiles": FAST, "/v1/events/components": FAST,
    "/v1/spectroclusters/cost": SLOW, "/v1/spectroclusters/usage": SLOW,
}  # fmt: skip
"""Sub-paths count together, the longest prefix that fits; every other prefix is its first two words at the slow rate."""


def prefix_of(path: str) -> str:
    """What a path counts under."""
    fitting = [prefix for prefix in PREFIXES if path == prefix or path.startswith(f"{prefix}/")]
    return max(fitting, key=len) if fitting else "/".join(path.split("/")[:3])


@dataclass(slots=True)
class Pace:
    """One address's standing with Palette."""

    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Prefix → (requests that may go at once, when that was so)."""

    def wait(self, path: str, now: float) -> float:
        """Seconds to wait before asking for `path` at `now` (any clock that only goes forward); the request counts from here on."""
        prefix = prefix_of(path)
        rate = PREFIXES.get(prefix, SLOW)
        most = rate / SLOW * BURST
        left, at = self._left.get(prefix, (most, now))
        left = min(most, left + max(0.0, now - at) * rate) - 1
        self._left[prefix] = (left, now)
        return max(0.0, -left / rate)
