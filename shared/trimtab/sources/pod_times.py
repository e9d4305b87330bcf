"""How long a pod was really there within an hour: by the times of its own events where they are exported, else by scrapes.

A pod that ran for 30 seconds is seen by one scrape a minute, or by none; its start and completion times are exact. What a scrape
missed is missed by all alike, so without event times its share of the possible scrapes is the measure.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from trimtab.records import MetricSeries
from trimtab.sources.metric_points import HOUR, STEP, ByStep, Labels, Pod, exported, pod_of, scrapes, steps_of, summed

Life = tuple[Pod, str]
"""(pod, uid): a StatefulSet gives the same name to the next pod."""


class PodTimes:
    """Seconds and shares of pods, nodes and whatever else is scraped, by hour."""

    def __init__(self, found: Mapping[str, Sequence[MetricSeries]]) -> None:
        self.full = scrapes(found.get("node", ()))
        self.ended = summed(found.get("ended", ()), _life)
        self.started_at = _times(found.get("started_at", ()))
        self.completed_at = _times(found.get("completed_at", ()))
        lives = summed(found.get("pod", ()), lambda labels: (_life(labels), exported(labels, "node")))
        self.lives: dict[tuple[Pod, str], dict[str, ByStep]] = defaultdict(dict)
        for ((pod, uid), node), steps in lives.items():
            self.lives[pod, node][uid] = self._alive((pod, uid), steps)

    def shares(self, steps: ByStep, hour: int) -> ByStep:
        """Which share of each step something was there: its scrapes over those that were possible."""
        return {step: min(1.0, steps[step] / self.full[step]) for step in steps_of(hour) if steps.get(step) and self.full.get(step)}

    def there(self, pod: Pod, node: str, hour: int) -> ByStep:
        """The same for all pods of that name on that node."""
        together: ByStep = {}
        for steps in self.lives[pod, node].values():
            for step, count in steps.items():
                together[step] = together.get(step, 0.0) + count
        return self.shares(together, hour)

    def seconds(self, pod: Pod, node: str, hour: int) -> int:
        """How long a pod of that name was on that node; "" waits for one."""
        lives = self.lives[pod, node].items()
        return min(HOUR, round(sum(self._seconds((pod, uid), steps, hour, is_placed=bool(node)) for uid, steps in lives)))

    def sampled(self, steps: ByStep, hour: int) -> int:
        """How long by scrapes alone."""
        return round(STEP * sum(self.shares(steps, hour).values()))

    def _seconds(self, life: Life, steps: ByStep, hour: int, *, is_placed: bool) -> float:
        start = self.started_at.get(life)
        sampled = STEP * sum(self.shares(steps, hour).values())
        if start is None or not is_placed:
            return sampled
        until = self.completed_at.get(life, max((step for step, count in steps.items() if count), default=hour))
        if life not in self.completed_at and until < hour + HOUR:
            # It went away unseen: nobody wrote down when, so the scrapes say how much of the hour, and the start at most how much.
            return max(0.0, min(sampled, hour + HOUR - max(start, hour)))
        return max(0.0, min(until, hour + HOUR) - max(start, hour))

    def _alive(self, life: Life, steps: ByStep) -> ByStep:
        """Without the time in which a pod was over but not yet deleted; where phases are not exported, it counts as running."""
        ended = self.ended.get(life)
        return {step: max(0.0, count - ended.get(step, 0.0)) for step, count in steps.items()} if ended else dict(steps)


def _life(labels: Labels) -> Life:
    return pod_of(labels), labels.get("uid", "")


def _times(every: Sequence[MetricSeries]) -> dict[Life, float]:
    """Life → the time that its series says, seconds since 1970; 0 is no time."""
    return {_life(series.labels): value for series in every for _, value in series.points if value > 0}
