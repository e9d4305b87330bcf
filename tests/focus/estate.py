"""The demo estate's closed months as FOCUS files, by the commands' own way: `python -m tests.focus.estate [FOLDER]` validates them too."""

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.focus import validate
from trimtab.cli.session import reading
from trimtab.demo.estate.bill import write_exports
from trimtab.demo.estate.usage import write_usage
from trimtab.flow.allocate import allocate
from trimtab.flow.export import Exported, export_focus
from trimtab.flow.governance import home_governance
from trimtab.flow.ingest import ingest_files
from trimtab.flow.ingest_usage import ingest_usage
from trimtab.settings import Export

MONTHS = ("2026-06", "2026-07")
"""One that is invoiced, and one that is not yet."""
CONFIG = Path(__file__).parents[2] / "shared" / "trimtab" / "demo" / "data" / "gitops" / "trimtab"
DELIVERED = datetime(2026, 8, 3, tzinfo=UTC)


def export_months(root: Path, months: Sequence[str] = MONTHS) -> tuple[Exported, ...]:
    """Bill and usage into a lake below `root`, attributed and written as files, one a month."""
    write_exports(root)
    write_usage(root)
    with reading(f"file://{root}/store", str(CONFIG)) as session:
        scratch = session.ports.scratch
        bills = [root / "exports" / "estate" / "data" / f"BILLING_PERIOD={month}" for month in months]
        target = Export(name="estate", prefix="file:///", billing_account="*")
        ingest_files(bills, target, session.ports, scratch, now=session.now, submitted_at=DELIVERED)
        for marker in sorted(root.glob("usage/*/history/_complete.json")):
            ingest_usage(f"file://{marker}", session.ports, scratch, allow_gaps=True)
        governance = home_governance(session.ports)
        for month in months:
            allocate(f"p-{month}", session.ports, governance, scratch, session.now)
        return export_focus(None, "estate", session.ports, scratch / "focus")


def main(arguments: Sequence[str]) -> int:
    """Make the files in FOLDER, or in one that goes away, and validate them."""
    with tempfile.TemporaryDirectory(prefix="focus-") as folder:
        files = export_months(Path(arguments[0] if arguments else folder).absolute())
        return validate.main([str(file.path) for file in files])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
