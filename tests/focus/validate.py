"""The official FOCUS validator over files of ours: `python -m tests.focus.validate FILE…`, exit 1 where it finds anything but the known.

Its exit code says nothing, it opens a file of its own relative to the working directory, and it would like to download its rules: so its
JUnit report is read, it runs where it is installed, and it takes the rules that it brings.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.focus import environment
from tests.focus.split_rules import broken_rules

RULES = "1.2.0.1"
FEWEST_PASSED = 250
"""Of 578 rules: a run that checked nothing must not look like one that found nothing."""
CONTRADICTION = ("InvoiceId-C-004-C", "InvoiceId-C-005-C")
"""The model says of every row that its InvoiceId MUST be null and that it MUST NOT be, without the condition that tells them apart (is the
charge on an invoice?). So one of the two always fails: the first for a month that is invoiced, the second for one that is not yet."""
CRITERIA = (
    "ACCOUNT_NAMING", "AVAILABILITY_ZONE", "MULTIPLE_PRICING_CATEGORIES", "MULTIPLE_SUB_ACCOUNT_TYPES", "MULTIPLE_BILLING_ACCOUNT_TYPES",
    "NEGOTIATED_PRICING", "PUBLIC_PRICE_LIST", "USAGE_MEASUREMENT", "UNIT_PRICING", "SUB_ACCOUNT", "BILLING_BASED_ON_PROVISIONED_RESOURCES",
    "RESOURCE_TYPE_ASSIGNMENT", "PRICING_BILLING_CURRENCY_DIFFERENCES", "VIRTUAL_CURRENCY", "REGION", "TAGGING",
)  # fmt: skip
"""All but capacity reservations and commitment discounts: with those, the rules want a status on rows that have none of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the validator found in one file."""

    passed: int
    skipped: int
    failures: dict[str, str]
    """Rule → its message; the contradiction included."""

    @property
    def unexpected(self) -> dict[str, str]:
        """What has to be put right."""
        known = [rule for rule in CONTRADICTION if rule in self.failures]
        return {rule: message for rule, message in self.failures.items() if [rule] != known}


def validate(python: Path, file: Path) -> Verdict:
    """Run it on one Parquet or CSV file. Raises RuntimeError where it did not do its work."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [
            str(python), "-m", "focus_validator.main", "--data-file", str(file.absolute()),
            "--validate-version", RULES, "--block-download", "--applicability-criteria", ",".join(f"{name}_SUPPORTED" for name in CRITERIA),
            "--output-type", "unittest", "--output-destination", str(report),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=_site_packages(python), capture_output=True, text=True, check=False, timeout=600)
        if not report.exists():
            raise RuntimeError(f"{file}: the FOCUS validator wrote no report: {(done.stdout + done.stderr)[-500:]}")
        verdict = read_report(report.read_text())
    if verdict.passed + len(verdict.failures) < FEWEST_PASSED:
        raise RuntimeError(f"{file}: only {verdict.passed} rules passed and {len(verdict.failures)} failed: it did not check the file")
    return verdict


def _site_packages(python: Path) -> Path:
    return next(python.parents[1].glob("lib/python*/site-packages"))


def read_report(junit: str) -> Verdict:
    """The validator's JUnit report, one test case for each rule."""
    cases = [(_rule(case.get("name", "")), case) for case in ET.fromstring(junit).iter("testcase")]  # noqa: S314 -- we made it a second ago
    failures = {rule: message for rule, case in cases if (message := _message(case)) is not None}
    skipped = sum(case.find("skipped") is not None for _, case in cases)
    return Verdict(passed=len(cases) - len(failures) - skipped, skipped=skipped, failures=failures)


def _rule(name: str) -> str:
    """`BilledCost-C-005-C :: Validation` → `BilledCost-C-005-C`."""
    return name.split(" ", 1)[0]


def _message(case: ET.Element) -> str | None:
    found = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
    return None if found is None else " ".join(f"{found.get('message') or ''} {found.text or ''}".split())[:200]


def main(arguments: Sequence[str]) -> int:
    """Validate each file, and check the rules of splitting that the validator does not know."""
    environment.main()
    python, wrong = environment.ready(), 0
    if python is None and environment.suitable_python():
        return 1
    for file in map(Path, arguments):
        for rule, count in broken_rules(file).items():
            print(f"{file}: {rule}: {count}")
            wrong += 1
        if python is None:
            continue
        verdict = validate(python, file)
        print(f"{file}: {verdict.passed} rules passed, {len(verdict.failures)} failed, {verdict.skipped} do not apply")
        for rule, message in verdict.failures.items():
            print(f"  {rule}: {message if rule in verdict.unexpected else 'known: the model contradicts itself here'}")
        wrong += len(verdict.unexpected)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
