"""One change in front of the judge, and the shape of a verdict line."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.policy.environment import is_proven_nonproduction
from trimtab.policy.risk import Scales
from trimtab.records import Facts, Governance, Pool, Risk, Stage, VerdictLine

CONFIG = ".trimtab/config.yaml"
POLICY = ".trimtab/policy.yaml"
OWNERS = ".trimtab/owners.yaml"
SETTINGS = "deployment settings"
PALETTE = "Palette, read now"
FORGE = "the forge, read now"
METRICS = "metrics"
RECORD = "Trimtab's record"
TICKETS = "the tenant's change requests, read now"
CODE = "built in"

Effect = Literal["blocks", "waits", "needs-person", "informs"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Facts with the rules that they are held against."""

    facts: Facts
    governance: Governance
    now: datetime
    risk: Risk
    stage: Stage
    undoing: str | None = None
    """Of a rollback, why nobody agreed to it in advance; "" = people did. None = it is no rollback."""

    @property
    def scales(self) -> Scales:
        """What risk weighs with."""
        return Scales(now=self.now, floor=self.governance.evidence)

    @property
    def is_nonproduction(self) -> bool:
        """Proven, by the deployment's list, for long enough."""
        return is_proven_nonproduction(self.facts, self.now)

    @property
    def live_pool(self) -> Pool | None:
        """The pool as its cluster reports it now."""
        cluster = self.facts.cluster
        return cluster.pool_of(self.facts.finding.subject) if cluster else None


def line(rule: str, effect: Effect, *, held: bool, saw: str, wanted: str, source: str) -> VerdictLine:
    """One verdict line."""
    return VerdictLine(rule=rule, saw=saw, wanted=wanted, source=source, held=held, effect=effect)
