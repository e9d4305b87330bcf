"""What may be in which bundle: the few things that imports alone do not say."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Cloud = Literal["aws", "gcp"]
ROOT = Path(__file__).parents[2]
FUNCTIONS = tuple(sorted(entry.parent.name for entry in (ROOT / "functions").glob("*/aws.py")))
CLOUDS: Sequence[Cloud] = ("aws", "gcp")

NOBODY: frozenset[str] = frozenset()
CARRIERS: Mapping[str, frozenset[str]] = {
    "altair": frozenset({"report"}),
    "arro3-core": frozenset({"ingest"}),
    "deltalake": frozenset({"ingest"}),
    "duckdb": frozenset({"collect", "ingest", "propose"}),
    "kubernetes": NOBODY,
    "numpy": frozenset({"learn", "propose"}),
    "py4j": NOBODY,
    "pygithub": frozenset({"propose", "merge", "verify"}),
    "pyspark": NOBODY,
    "python-gitlab": frozenset({"propose", "merge", "verify"}),
    "scikit-learn": frozenset({"learn"}),
    "scipy": frozenset({"learn"}),
    "slack-sdk": frozenset(FUNCTIONS) - {"receive"},
    "sqlglot": NOBODY,
    "typst": frozenset({"report"}),
    "vl-convert-python": frozenset({"report"}),
}
"""Distribution → the functions that may carry it; every other one is carried by whoever imports it.

A module that cannot be imported without what is left out is left out too. Spark clusters get the whole package, not a bundle.
"""
ONLY_ON: Mapping[str, Cloud] = {
    "aws-lambda-powertools": "aws",
    "boto3": "aws",
    "botocore": "aws",
    "cloudevents": "gcp",
    "functions-framework": "gcp",
    "google-auth": "gcp",
}
"""Distribution → the cloud whose bundles carry it."""

APART = frozenset({"pyspark"})
"""Built by itself, from requirements-spark.txt, so maybe not here; no bundle carries it, and its imports begin with its name."""

IMPLIED: Mapping[str, str] = {"zoneinfo": "tzdata"}
"""Module of the standard library → the distribution that it reads where the system has no such data."""
NOT_NEEDED = frozenset({"pyasn1-modules", "pycparser"})
"""Asked for by a distribution that we carry, for what does not happen here: google-auth reads keys with cryptography where that is, and
cffi parses C only while an extension is built."""

MB = 1_000_000
LIMIT = 250 << 20
"""Of what a bundle unpacks to, as Lambda counts: 250 MiB, which is 262 MB."""
SMALL = 50 * MB
SMALL_FUNCTIONS = frozenset({"receive", "merge", "alert"})
"""Somebody waits for them."""

FILES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "trimtab.adapters.catalog": (("shared/trimtab/data/catalog", "trimtab/data/catalog"),),
    "trimtab.adapters.wording": (("gitops_templates/wording", "trimtab/wording"),),
    "trimtab.attribution.model": (("shared/trimtab/attribution/sql", "trimtab/attribution/sql"),),
}
"""Module → folders that it reads at run time, and where they lie in the bundle."""

AWS_SERVICES = ("ce", "kms", "secretsmanager", "sts")
"""The services that we call through boto3. The descriptions of all others are 20 MB of botocore."""

GOOGLES_BUILDER = "functions-framework"
"""What Google's builder installs itself where `requirements.txt` does not name it, from a registry and without hashes. So it is named, with
its dependencies and their wheels beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a bundle runs on, and where the distributions for it are kept."""

    python: str
    """3.12"""
    machine: Literal["x86_64", "aarch64"] = "x86_64"
    cache: Path = ROOT / "build" / "bundles"

    @property
    def platform(self) -> str:
        """As uv names it: wheels for glibc 2.28 run on Amazon Linux 2023 and on Ubuntu 22.04."""
        return f"{self.machine}-manylinux_2_28"

    @property
    def name(self) -> str:
        """For folders."""
        return f"py{self.python}-{self.machine}"


def this_machine() -> str:
    """The architecture that runs this, as wheels name it."""
    return platform.machine()


MACHINES: Mapping[str, Literal["x86_64", "aarch64"]] = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Architectures by Lambda's names → wheels' names."""
