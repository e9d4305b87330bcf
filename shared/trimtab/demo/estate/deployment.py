"""The settings of the estate's deployment: what `settings.json` at the root of its store says, secrets apart."""

from datetime import date
from pathlib import Path

from trimtab.demo.estate.clusters import CLUSTERS
from trimtab.demo.estate.model import AS_OF, BILLING_ACCOUNT
from trimtab.records import Json

LISTED_SINCE = date(2026, 5, 1)
PALETTE_URL = "https://palette.estate.invalid"
METRICS_URL = "https://prometheus.estate.invalid/{cluster_uid}"
"""Names that can never resolve: both are answered by transports, and a slip goes nowhere."""


def settings(root: Path) -> Json:
    """Everything that only a deployment may decide, for a store at `root`."""
    store = root.absolute()
    return {
        "tenant": "estate",
        "store": f"file://{store}",
        "highest_stage": "guarded",
        "repositories": [{"id": "gitops", "forge": "local", "location": str(store / "gitops.git"), "branch": "main"}],
        "nonproduction": [
            {"cluster_uid": cluster.cluster.uid, "project_uid": cluster.cluster.project_uid, "since": LISTED_SINCE.isoformat()}
            for cluster in CLUSTERS
            if cluster.cluster.project in {"staging", "development"}
        ],
        "exports": [
            {"name": "estate", "form": "focus", "prefix": f"file://{store}/exports/estate", "billing_account": BILLING_ACCOUNT},
            {"name": "focus-sample", "form": "focus", "prefix": f"file://{store}/exports/focus-sample", "billing_account": "*"},
        ],
        "palette_url": PALETTE_URL,
        "metrics_url": METRICS_URL,
        "default_channel": "C0FINOPS",
        "clock": AS_OF.isoformat(),
        "is_demo": True,
        "memory_mb": 512,
    }
