"""What `alert` carries: it speaks of budgets and computes none of them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "duckdb", "deltalake", "sklearn", "github", "gitlab", "trimtab.analysis.rightsize")
SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT / "shared")!r})
import trimtab.flow.alert
print(",".join(name for name in {HEAVY!r} if name in sys.modules))
"""


def test_the_use_case_loads_nothing_that_only_an_analysis_needs() -> None:
    """Its bundle has none of it: the first alert would be an import error."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
