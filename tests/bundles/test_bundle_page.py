"""docs/bundles.md says what `infra.bundles.measure` would write; sizes and times are those of the last time."""

import re

from infra.bundles.measure import PAGE, Row, page
from infra.bundles.needs import CLOUDS, FUNCTIONS, LIMIT, MB, SMALL, SMALL_FUNCTIONS

ROW = re.compile(r"^\| (\w+) \| (aws|gcp) \| ([\d.]+) \| ([\d.]+) \| (\d+) \| \S.* \|$", re.MULTILINE)


def test_the_page_is_the_one_that_is_written_now() -> None:
    """Run make bundle-page where it is not."""
    rows = [
        Row(function=function, cloud=cloud, zipped=0, unpacked=0, first_import=0, largest=(("x", 0),))
        for cloud in CLOUDS
        for function in FUNCTIONS
    ]

    assert ROW.sub(r"\1 \2", PAGE.read_text()) == ROW.sub(r"\1 \2", page(rows))


def test_no_bundle_was_measured_over_its_limit() -> None:
    found = ROW.findall(PAGE.read_text())

    assert len(found) == len(FUNCTIONS) * len(CLOUDS)
    assert [name for name, _, _, size, *_ in found if float(size) * MB > (SMALL if name in SMALL_FUNCTIONS else LIMIT)] == []
    assert all(int(time) > 0 for *_, time in found)
