"""python -m infra.scan: static rules over both Terraform trees (checkov) and the workflows (zizmor); exit 1 where one is broken.

checkov pins libraries that ours are newer than, so it lives in an environment of its own, made once for each lock file, of wheels that are
known by their hashes. An exception to a rule stands beside the line that it is for, with its reason.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "requirements-scan.txt"
HOMES = ROOT / ".venv"
RULES = ROOT / "infra" / "terraform" / ".checkov.yaml"
WORKFLOWS = ROOT / ".github" / "workflows"


def home() -> Path:
    """Where the environment of this lock file is, or will be."""
    return HOMES / f"scan-{hashlib.sha256(LOCKED.read_bytes()).hexdigest()[:12]}"


def environment() -> Path:
    """Its folder of programs, made where it is not there yet. Raises CalledProcessError where it cannot be installed."""
    if not home().exists():
        with tempfile.TemporaryDirectory(prefix="scan-", dir=HOMES) as folder:
            made = Path(folder) / "made"
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
            installing = ["uv", "pip", "install", "--quiet", "--python", str(made / "bin" / "python"), "--no-deps"]
            subprocess.run([sys.executable, "-m", *installing, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCKED)], check=True)
            # Whole or not at all: a half-made one is never used. Its programs are called through its Python, which may be moved.
            made.rename(home())
    return home() / "bin"


def scan_terraform(checkout: Path = ROOT) -> int:
    """Checkov's exit status over the trees of a checkout."""
    asked = [str(environment() / "python"), "-m", "checkov.main", "--config-file", str(RULES)]
    return subprocess.run(asked, cwd=checkout, check=False).returncode


def scan_workflows(folder: Path = WORKFLOWS) -> int:
    """Zizmor's exit status."""
    asked = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress", "--persona=pedantic", str(folder)]
    return subprocess.run(asked, check=False).returncode


def main() -> int:
    """Both are run, whatever the first one finds."""
    return 1 if [status for status in (scan_terraform(), scan_workflows()) if status] else 0


if __name__ == "__main__":
    sys.exit(main())
