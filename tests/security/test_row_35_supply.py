"""What is installed is what was locked: by hash, as wheels, from whatever index the machine uses, with nothing run on the way."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*") if path.is_file())
NPM = sorted(path for path in ROOT.rglob("package.json") if "node_modules" not in path.parts and ".venv" not in path.parts)

pytestmark = pytest.mark.security(35)


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_its_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    requirements = re.split(r"(?m)^(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n?", "", text))

    assert [
        one
        for one in requirements
        if one.strip() and not re.match(r"[\w.\[\]-]+==[\w.+!-]+ ?(;[^\n]*)?\\\n(\s+--hash=sha256:[0-9a-f]{64})", one)
    ] == []
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text)


def test_everything_is_installed_by_hash_and_as_wheels() -> None:
    """A source distribution runs code of its own while it is installed; Apache Spark comes as nothing else, and has a rule of its own."""
    makefile = (ROOT / "Makefile").read_text()
    recipes = makefile.replace("\\\n", " ")
    installs = [line for line in recipes.splitlines() if re.search(r"pip (?:sync|install)\b", line) and "--editable ." not in line]

    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []
    assert [
        line
        for line in installs
        if "--only-binary :all:" not in line and "requirements-uv.txt" not in line and "requirements-spark.txt" not in line
    ] == []


@pytest.mark.parametrize("is_right", [True, False])
def test_a_wheel_with_another_byte_is_refused(tmp_path: Path, *, is_right: bool) -> None:
    wheel = tmp_path / "trifle-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("trifle.py", "")
        archive.writestr("trifle-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: trifle\nVersion: 1.0\n")
        archive.writestr("trifle-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("trifle-1.0.dist-info/RECORD", "")
    locked = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if not is_right:
        wheel.write_bytes(wheel.read_bytes() + b"\0")
    (tmp_path / "lock.txt").write_text(f"trifle==1.0 --hash=sha256:{locked}\n")

    done = subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "install", "--no-index", "--no-deps", "--require-hashes", "--disable-pip-version-check",
         f"--find-links={tmp_path}", f"--target={tmp_path / 'out'}", "-r", str(tmp_path / "lock.txt")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.returncode == 0) == is_right, done.stderr
    assert (tmp_path / "out" / "trifle.py").exists() == is_right


@pytest.mark.parametrize("manifest", NPM, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_npm_runs_no_script_and_knows_each_package_by_its_hash(manifest: Path) -> None:
    lock = json.loads((manifest.parent / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}

    assert "ignore-scripts=true" in (manifest.parent / ".npmrc").read_text().splitlines()
    assert "scripts" not in json.loads(manifest.read_text())
    assert packages
    assert [name for name, one in packages.items() if not str(one.get("integrity", "")).startswith("sha512-")] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert all(re.fullmatch(r"[0-9.]+", wanted) for wanted in json.loads(manifest.read_text()).get("devDependencies", {}).values())
