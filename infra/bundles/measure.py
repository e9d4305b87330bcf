"""docs/bundles.md: what the bundles weigh and how long they take to import.

`python -m infra.bundles.measure` builds them, measures, and writes the page.
"""

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.bundles.alone import Unpacked, interpreter, unpacked
from infra.bundles.build import bundle
from infra.bundles.needs import CARRIERS, CLOUDS, FUNCTIONS, LIMIT, MB, ONLY_ON, ROOT, SMALL, SMALL_FUNCTIONS, Cloud, Target
from trimtab.errors import TrimtabError

PAGE = ROOT / "docs" / "bundles.md"
RUNS = 3
_IMPORT = """
import time, importlib
begun = time.process_time()
importlib.import_module(sys.argv[1])
print(time.process_time() - begun)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One bundle, measured."""

    function: str
    cloud: Cloud
    zipped: int
    unpacked: int
    first_import: float
    """Seconds of processor time until its handler is imported, from sources: a function's disk keeps no bytecode."""
    largest: tuple[tuple[str, int], ...]
    """Distribution and bytes, largest first."""


def measured(function: str, cloud: Cloud, target: Target, python: str) -> Row:
    """Build one, unpack it and import it, each time in a fresh process."""
    made = bundle(function, cloud, target)
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        path = made.write(Path(folder))
        here = unpacked(path, Path(folder) / function, python, target.python)
        return Row(
            function=function,
            cloud=cloud,
            zipped=path.stat().st_size,
            unpacked=made.unpacked,
            first_import=median(_seconds(here, f"functions.{function}.{cloud}") for _ in range(RUNS)),
            largest=tuple(sorted(((name, size) for name, size in made.sizes.items() if size >= MB), key=lambda one: -one[1])[:3]),
        )


def _seconds(here: Unpacked, module: str) -> float:
    return float(here.run(_IMPORT, module))


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    *some, last = sorted(SMALL_FUNCTIONS)
    return _PAGE.format(
        table="\n".join(map(_line, rows)), limit=f"{LIMIT / MB:.0f}", small=f"{', '.join(some)} and {last}", small_limit=SMALL // MB,
        carriers="\n".join(f"| {name} | {', '.join(sorted(who)) or 'nobody'} |" for name, who in sorted(CARRIERS.items())),
        clouds="\n".join(f"| {name} | those for {cloud} |" for name, cloud in sorted(ONLY_ON.items())),
    )  # fmt: skip


def _line(row: Row) -> str:
    largest = ", ".join(f"{name} {size / MB:.0f}" for name, size in row.largest)
    return f"| {row.function} | {row.cloud} | {row.zipped / MB:.1f} | {row.unpacked / MB:.1f} | {row.first_import * 1000:.0f} | {largest} |"


_PAGE = """\
# Bundles

`make bundle` writes one zip per function and cloud: `dist/aws/<function>.zip` and `dist/gcp/<function>.zip`, with `dist/SHA256SUMS` beside
them. In each is what the function imports and nothing else: our own modules by their imports, libraries from `requirements.lock` by their
hashes, as wheels for Python 3.12 on Linux. The same checkout gives the same bytes, in any folder. Each bundle is then unpacked and imported
alone, by a Python 3.12 that sees nothing else; where there is none, the build says so.

    make bundle                                         # all of them, for x86_64
    make bundle ARCHITECTURE=arm64                      # Lambda on Graviton; Google's functions are x86_64 either way
    make bundle BUNDLES="receive merge"                 # only these
    make arm64                                          # those for Graviton, imported under emulation where no such machine is
    (cd dist && sha256sum --check SHA256SUMS)           # before they are deployed

## What they weigh, and how long they take to import

`python -m infra.bundles.measure` measured this. Sizes are in MB of 10^6 bytes; times are milliseconds of processor time that a fresh
Python 3.12 takes until the handler is imported, the median of three. A function's disk keeps no bytecode, so every cold start compiles
what it imports, and that is in the figure. Libraries that only some events need are loaded with the first such event.

| function | cloud | zip | unpacked | import | largest parts |
|---|---|---:|---:|---:|---|
{table}

No bundle may unpack to more than {limit} MB (Lambda's own limit: it says 250 MB and counts 250 MiB); {small} not to more than
{small_limit} MB, because somebody waits for them. A build that goes over says which function it was and what is largest in it.

## Who carries what

A few large libraries may be carried by some functions alone, and what belongs to one cloud is not carried to the other. A module of ours
that cannot be imported without a library that is left out is left out too. A build refuses a function that imports such a library at once.

| library | carried by |
|---|---|
{carriers}
{clouds}

Left out of every bundle: tests, type stubs, bytecode, headers, descriptions of AWS services that are not called, and the symbol tables of
shared objects (14 MB in `merge`). Parts of libraries that nothing of ours reaches are named in `infra/bundles/vendor.py`.

## What lies in them

- **AWS**: everything at the root of the zip; the handler is `functions.<function>.aws.handler`. boto3 is carried, not taken from Lambda's
  runtime: that one changes under a function without a deployment, and no hash of ours is for it.
- **Google Cloud**: `main.py` with the entry point `handler`; everything else at the root too, but for the runtime. Google's builder
  would install its `functions-framework` itself, from a registry and without hashes. So `requirements.txt` names it and what it needs, by
  hash, and the wheels lie in `wheels/`: set the build variable `GOOGLE_VENDOR_PIP_DEPENDENCIES=wheels`, and nothing is fetched. What the
  builder unpacks from there is not counted above: it is the platform's own.
- **Both**: `LICENSE` and `NOTICE`, `LICENCES.txt` with the licence of every library and where its text lies, and `sbom.cdx.json`, a
  CycloneDX 1.6 bill of materials.

## Signed code on AWS

AWS Signer takes a zip from a versioned bucket and puts a signed copy beside it; with a code signing configuration that enforces, Lambda
refuses every other one.

    aws signer put-signing-profile --profile-name trimtab --platform-id AWSLambda-SHA384-ECDSA
    aws s3api put-object --bucket BUCKET --key unsigned/receive.zip --body dist/aws/receive.zip      # prints the VersionId
    aws signer start-signing-job --profile-name trimtab \\
        --source 's3={{bucketName=BUCKET,key=unsigned/receive.zip,version=VERSION}}' \\
        --destination 's3={{bucketName=BUCKET,prefix=signed/}}'

Compare the checksums before you upload: a signed zip has other bytes than the one that was built.
"""


def main() -> int:
    """Exit 0 = the page is written."""
    target = Target(python="3.12")
    python = interpreter(target.python)
    if python is None:
        sys.stderr.write(f"bundles: no Python {target.python} on this machine to measure with; install one\n")
        return 2
    try:
        rows = [measured(function, cloud, target, python) for cloud in CLOUDS for function in FUNCTIONS]
    except TrimtabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    PAGE.write_text(page(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
