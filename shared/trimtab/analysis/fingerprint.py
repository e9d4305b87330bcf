"""What a person remembers of a finding: subject, rule and roughly the target. A rejected "6 to 4" must not come back as "6 to 4.1"."""

import hashlib
from math import log

from trimtab.records import Finding

_STEP = log(1.25)
"""Targets within about a quarter of each other are the same wish."""
_STAY = 0.75
"""In buckets: how far a target may drift before it leaves the bucket it was remembered in (0.5 = no hysteresis)."""

_SUFFIXES = (("m", 0.001), ("Ki", 2.0**10), ("Mi", 2.0**20), ("Gi", 2.0**30))


def fingerprint(finding: Finding, remembered: str = "") -> str:
    """Subject + rule + bucket of the target; `remembered` is kept while the target has not clearly left its bucket."""
    place = _place(finding)
    if place is None:
        return _hash(finding, finding.changes[0].new)
    bucket = round(place)
    for near in (bucket - 1, bucket + 1):
        if abs(place - near) <= _STAY and _hash(finding, str(near)) == remembered:
            return remembered
    return _hash(finding, str(bucket))


def _place(finding: Finding) -> float | None:
    """Where the target stands on a scale whose steps are a quarter; None for a target that is not a number."""
    target = _number(finding.changes[0].new)
    if target is None:
        return None
    return log(target) / _STEP if target > 0 else -1.0


def _number(text: str) -> float | None:
    """A plain number or a Kubernetes quantity: 6, 250m, 512Mi."""
    for suffix, unit in _SUFFIXES:
        if text.endswith(suffix):
            text, scale = text.removesuffix(suffix), unit
            break
    else:
        scale = 1.0
    try:
        return float(text) * scale
    except ValueError:
        return None


def _hash(finding: Finding, bucket: str) -> str:
    subject = finding.subject
    text = f"{subject.cluster_uid}\n{subject.thing}\n{subject.field}\n{finding.rule}\n{bucket}"
    return hashlib.sha256(text.encode()).hexdigest()
