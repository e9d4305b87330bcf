"""python -m infra.bundles [FUNCTION ...]: write the bundles into dist/, with their checksums, and import each of them alone."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.bundles.alone import interpreter, unpacked
from infra.bundles.archive import write_checksums
from infra.bundles.build import Bundle, bundle
from infra.bundles.needs import CLOUDS, FUNCTIONS, MACHINES, MB, ROOT, Target, this_machine
from trimtab.errors import Broken, TrimtabError


def main(arguments: Sequence[str]) -> int:
    """Exit 0 = all were written, and each can be imported."""
    asked = _parser().parse_args(arguments)
    written: list[Path] = []
    try:
        for cloud in asked.cloud or CLOUDS:
            target = Target(python=asked.python, machine=MACHINES[asked.architecture] if cloud == "aws" else "x86_64", cache=asked.cache)
            for old in [f"{name}.zip" for name in asked.function] or ["*.zip"]:
                _remove(asked.out / cloud, old)
            for function in asked.function or FUNCTIONS:
                made = bundle(function, cloud, target)
                path = made.write(asked.out)
                tried = _try(made, path, target, asked.interpreter)
                written.append(path)
                sizes = f"{path.stat().st_size / MB:5.1f} MB, unpacked {made.unpacked / MB:5.1f} MB"
                sys.stdout.write(f"{path.relative_to(asked.out).as_posix():16} {sizes}, {tried}\n")
                sys.stdout.flush()
    except TrimtabError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    finally:
        write_checksums(asked.out, written)
    return 0


def _remove(folder: Path, pattern: str) -> None:
    """What is not built this time, or not any more, must not be deployed."""
    for path in folder.glob(pattern):
        path.unlink()


def _try(made: Bundle, path: Path, target: Target, given: str | None) -> str:
    python = given or (interpreter(target.python) if target.machine == this_machine() else None)
    if python is None:
        return f"NOT TRIED: no Python {target.python} for {target.machine} here"
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        try:
            unpacked(path, Path(folder), python, target.python).try_imports(made.imports)
        except Broken as error:
            path.unlink()
            raise Broken(f"bundle {made.function} ({made.cloud}): cannot be imported alone: {error}") from None
    return "imports alone"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infra.bundles", description="Write the bundles into dist/.")
    parser.add_argument("function", nargs="*", metavar="FUNCTION", help=f"which of {', '.join(FUNCTIONS)}; all unless named")
    parser.add_argument("--cloud", choices=CLOUDS, action="append", help="for which; both unless named")
    parser.add_argument("--architecture", choices=list(MACHINES), default="x86_64", help="of the Lambda functions; Google has x86_64 alone")
    parser.add_argument("--python", default="3.12", help="version of the runtime")
    parser.add_argument("--interpreter", help="a Python of that version for that architecture; one of this machine unless named")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder to write into")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "bundles", help="folder with what was installed before")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
