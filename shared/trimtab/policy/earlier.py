"""Rules that were in force less than a day ago: until that day is over, whatever they are more careful about still counts.

So nobody makes Trimtab more generous and uses it at once: what is looser, and who is new, is announced a day before it counts.
What is stricter counts from the moment it is seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from trimtab.policy.case import Effect, line
from trimtab.records import Governance, Limits, PersonId, Tier, VerdictLine

LOOSER_AFTER = timedelta(hours=24)
ORDER = (Tier.AUTO, Tier.ONE, Tier.TWO, Tier.REPORT)
"""From the least to the most careful."""
MORE_IS_TIGHTER = frozenset({"cool_down_days"})
"""Limits of which more is tighter; of all others it is less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """One earlier version."""

    until: datetime | None
    """When a newer one was first seen; it has a say for a day from then on. None = that was just now."""
    commit: str
    governance: Governance | None
    """None = nobody knows any more what it would say, and `problem` is why."""
    problem: str = ""


def counting(earlier: Iterable[Earlier], now: datetime) -> tuple[Earlier, ...]:
    """Those that have a say now."""
    return tuple(version for version in earlier if now < (version.until or now) + LOOSER_AFTER)


def careful(governance: Governance, earlier: Iterable[Earlier], now: datetime) -> Governance:
    """The rules with the tightest limits of all versions that count: limits are also held where nothing is judged."""
    all_limits = [governance.limits, *(version.governance.limits for version in counting(earlier, now) if version.governance)]
    tightest = {
        field.name: (max if field.name in MORE_IS_TIGHTER else min)(getattr(limits, field.name) for limits in all_limits)
        for field in fields(Limits)
    }
    return replace(governance, limits=Limits(**tightest))


def earlier_line(
    then: Earlier, until: datetime, now: tuple[Tier, Sequence[VerdictLine]], said: tuple[Tier, Sequence[VerdictLine]] | None
) -> VerdictLine:
    """What an earlier version asks beyond the rules of now, as one line; `now` and `said` are each a tier and its lines."""
    rule, source = f"rules until {until:%Y-%m-%d %H:%M} UTC", f".trimtab/ at {then.commit[:10]}"
    wanted = f"what is looser counts from {until + LOOSER_AFTER:%Y-%m-%d %H:%M} UTC"
    if said is None:
        return line(rule, "blocks", held=False, saw=then.problem, wanted=wanted, source=source)
    named = {entry.rule for entry in now[1] if not entry.held}
    stricter = [entry for entry in said[1] if not entry.held and entry.effect != "informs" and entry.rule not in named]
    is_higher = ORDER.index(said[0]) > ORDER.index(now[0])
    words = [str(said[0])] if is_higher else []
    words += [f"{entry.rule}: {entry.saw}" for entry in stricter]
    return line(rule, _worst(stricter), held=not words, saw="; ".join(words) or "nothing stricter", wanted=wanted, source=source)


def _worst(entries: Sequence[VerdictLine]) -> Effect:
    effects = {entry.effect for entry in entries}
    return "blocks" if "blocks" in effects else "waits" if "waits" in effects else "needs-person"


def known_throughout(governances: Sequence[Governance]) -> frozenset[PersonId]:
    """People who are the same in all of these rules: id, Slack account and forge account."""
    identities = [{(person.id, person.slack, person.forge.lower()) for person in rules.people} for rules in governances]
    return frozenset(identity for identity, _, _ in set.intersection(*identities))
