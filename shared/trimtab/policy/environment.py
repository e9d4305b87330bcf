"""Is this production? Yes, unless the deployment's own list has long said no, and nothing about it says otherwise."""

import re
from datetime import datetime, timedelta

from trimtab.records import Facts

LISTED_FOR = timedelta(days=14)
"""How long a cluster must have been on the deployment's list before it counts as non-production."""
_PRODUCTION = re.compile(r"(?<![a-z])(?<!non)(?<!non[-_. /])(prod|production|prd)(?![a-z])")


def is_proven_nonproduction(facts: Facts, now: datetime) -> bool:
    """True only where the list has named this cluster for long enough; names, labels and paths never help, they only veto."""
    return is_listed(facts, now) and not production_marks(facts)


def is_listed(facts: Facts, now: datetime) -> bool:
    """On the deployment's list, by uid, for long enough."""
    since = facts.nonproduction_since
    return since is not None and (now.date() - since) >= LISTED_FOR


def production_marks(facts: Facts) -> tuple[str, ...]:
    """Names, paths, tags, labels and namespaces that say production."""
    cluster = facts.cluster
    pool = cluster.pool_of(facts.finding.subject) if cluster else None
    named = {
        "path": (facts.place.path,) if facts.place else (),
        "pool": (facts.finding.subject.pool,),
        "cluster": (cluster.name,) if cluster else (),
        "project": (cluster.project,) if cluster else (),
        "tag": tuple(f"{key}={value}" for key, value in sorted(cluster.tags.items())) if cluster else (),
        "label": tuple(f"{key}={value}" for key, value in sorted(pool.labels.items())) if pool else (),
        "namespace": cluster.namespaces if cluster else (),
    }
    return tuple(f"{kind} {text}" for kind, texts in named.items() for text in texts if _PRODUCTION.search(text.lower()))
