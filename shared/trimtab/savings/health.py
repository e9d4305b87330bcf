"""Did it get worse? What is measured after a change against what lasted as long on the day before it. What is not known is not health.

The same measure is taken on both sides: the worst value that held for several looks in a row. A rush hour that was there yesterday is
no regression, a single bad point is noise, and a hole in the metrics is neither good nor bad.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SIGNALS: Mapping[str, str] = {
    "pending-pods": "pods without a place for over two minutes",
    "oom-kills": "containers killed for memory within a quarter of an hour, in namespaces with more than one",
    "evictions": "evicted pods",
    "at-maximum": "autoscalers of workloads at their maximum",
    "quota-denials": "deployments whose pods are not let in, as by a quota",
}
"""Name → what its number counts; an SLO of the config is a signal too, 1 while it is broken."""
BROKEN_STATES = frozenset({"error", "failed", "unhealthy"})
SLO = "slo:"
"""Begin of the names of those."""
Values = Sequence[float | None]
"""One value for each look, oldest first; None = not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What a watch says so far."""

    worse: tuple[str, ...] = ()
    """What got worse and stayed so, a sentence each: a regression."""
    unknown: tuple[str, ...] = ()
    """What cannot be said, and why."""
    is_new: bool = False
    """Nothing was looked at often enough yet; that is nobody's failure."""
    hurt: tuple[str, ...] = ()
    """What of several changed things got worse; () = nobody can tell it apart, so all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Whether a change left what it touched well, and the sentence that says so."""

    is_healthy: bool | None
    """None = it cannot be said; never taken for health."""
    note: str
    hurt: tuple[str, ...] = ()
    """As of `Watched`."""

    def of(self, thing: str) -> "Health":
        """That of one of several changed things: one that is known not to be hurt is well."""
        is_spared = self.is_healthy is False and bool(self.hurt) and thing not in self.hurt
        return Health(is_healthy=True, note=f"{thing} is well; others that were changed with it are not.") if is_spared else self


def health_of(watched: Watched, state: str | None, health: str | None) -> Health:
    """False where something got worse, None where anything is not known, True only where all is known and good.

    `state` and `health` are Palette's words for the cluster; None = it shows none.
    """
    if watched.worse:
        return Health(is_healthy=False, note=f"It got worse: {'; '.join(watched.worse)}.", hurt=watched.hurt)
    if watched.unknown:
        return Health(is_healthy=None, note=f"Whether it is well cannot be said: {'; '.join(watched.unknown)}.")
    if watched.is_new:
        return Health(is_healthy=None, note="It was not looked at for long enough yet.")
    if (state or "").lower() != "running" or (health or "").lower() != "healthy":
        words = f"{state or 'nothing of its state'} and {health or 'nothing of its health'}"
        return Health(is_healthy=None, note=f"Palette says {words}: health is unknown.")
    return Health(is_healthy=True, note="The cluster is Running and healthy, and nothing got worse.")


def palette_trouble(state: str | None, health: str | None) -> str:
    """What Palette itself calls broken; "" = nothing."""
    is_broken = {word.lower() for word in (state, health) if word} & BROKEN_STATES
    return f"Palette says the cluster is {state or 'in an unknown state'} and {health or 'of unknown health'}" if is_broken else ""


def lasting(values: Values, looks: int) -> float | None:
    """The worst value that held for that many looks in a row; None = nowhere were there so many in a row."""
    runs = (values[start : start + looks] for start in range(len(values) - looks + 1))
    whole = [[value for value in run if value is not None] for run in runs]
    return max((min(run) for run in whole if len(run) == looks), default=None)


def compare(before: Mapping[str, float | None], after: Mapping[str, Values], looks: int) -> Watched:
    """Every signal of `after` against what lasted before; `looks` in a row count, and the newest ones must be there."""
    if all(len(values) < looks for values in after.values()):
        return Watched(is_new=True)
    worse, unknown = [], []
    for name, values in after.items():
        held, known = lasting(values, looks), before.get(name)
        if held is not None and known is not None and held > known:
            worse.append(_worse(name, held, known))
        elif held is not None and known is None and held > 0:
            unknown.append(f"{words(name)}: {held:g}, and nothing is known of the day before")
        elif lasting(values[-looks - 1 :], looks) is None:
            unknown.append(f"{words(name)}: not measured now")
    return Watched(worse=tuple(worse), unknown=tuple(unknown))


def _worse(name: str, held: float, known: float) -> str:
    if name.startswith(SLO):
        return f"{words(name)} is broken, and was not on the day before"
    return f"{words(name)}: {held:g}, on the day before at most {known:g}"


def words(name: str) -> str:
    """A signal for people."""
    return f"SLO {name.removeprefix(SLO)}" if name.startswith(SLO) else SIGNALS[name]
