"""Log lines that are metrics too: CloudWatch makes metrics of lines in its embedded format, and these are the only ones that we write.

Names, units and dimensions come from the table in `meters.py`; no text from outside gets into such a line (a top-level `_aws` in any
other line would be somebody's forged metric, so `JsonLog` never writes one).
"""

from collections.abc import Callable
from dataclasses import dataclass

from aws_lambda_powertools.metrics import EphemeralMetrics

from trimtab.meters import Reading, readings
from trimtab.ports import Log


@dataclass(frozen=True, kw_only=True, slots=True)
class MeteredLog:
    """Port Log on AWS Lambda: each line as it is, with the trace that X-Ray gave the invocation; then the metrics that are made of it."""

    log: Log
    namespace: str
    trace: Callable[[], str]
    """The invocation's trace header; "" = it is not traced."""

    def info(self, event: str, **values: object) -> None:
        """One decision."""
        self.log.info(event, **self._traced(values))
        self._measure(event, values)

    def warning(self, event: str, **values: object) -> None:
        """Something a person should look at."""
        self.log.warning(event, **self._traced(values))
        self._measure(event, values)

    def _traced(self, values: dict[str, object]) -> dict[str, object]:
        trace = self.trace()[:200]
        return values | {"trace": trace} if trace else values

    def _measure(self, event: str, values: dict[str, object]) -> None:
        for reading in readings(event, values):
            _write(reading, self.namespace)


def _write(reading: Reading, namespace: str) -> None:
    """One line on stdout, which Lambda puts beside the others."""
    metrics = EphemeralMetrics(namespace=namespace)
    for name, value in reading.labels.items():
        metrics.add_dimension(name, value)
    metrics.add_metric(reading.meter.name, reading.meter.unit, reading.value)
    metrics.flush_metrics()
