"""`python -m infra.running`: write docs/running-cost.md from what was measured; every assumption is an option (see --help)."""

import sys
from pathlib import Path

from infra.running.assumptions import parsed
from infra.running.page import page
from infra.running.work import measured

PAGE = Path(__file__).parents[2] / "docs" / "running-cost.md"


def main() -> int:
    """Exit 0 = it is written."""
    PAGE.write_text(page(measured(), parsed(sys.argv[1:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
