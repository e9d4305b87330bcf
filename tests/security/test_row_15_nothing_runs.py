"""Nothing that came from outside is ever run: not by an unpickler, not by `eval`, not by a YAML tag, not by a template."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from trimtab.adapters.wording import load_wording
from trimtab.render.wording import Wording

ROOT = Path(__file__).parents[2]
RUFF = Path(sys.executable).parent / "ruff"

pytestmark = pytest.mark.security(15)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("import pickle\n", "TID251"),
        ("from pickle import loads\n", "TID251"),
        ("import joblib\n", "TID251"),
        ("import dill\n", "TID251"),
        ("import shelve\n", "TID251"),
        ("import marshal\n", "TID251"),
        ("import yaml\n", "TID251"),
        ("import yaml\n\nyaml.load('a')\n", "S506"),
        ("import pickle\n\npickle.loads(b'a')\n", "S301"),
        ("eval('1')\n", "S307"),
        ("exec('1')\n", "S102"),
    ],
)
@pytest.mark.parametrize("place", ["shared/trimtab/sources/x.py", "functions/merge/x.py"])
def test_the_linter_refuses_what_runs_foreign_bytes(code: str, rule: str, place: str) -> None:
    """By the project's own configuration, as `make check` runs it."""
    done = subprocess.run(
        [RUFF, "check", "--no-cache", "--output-format=concise", f"--stdin-filename={place}", "-"],
        input=code, capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    assert done.returncode == 1
    assert f" {rule} " in done.stdout


def test_nobody_talks_the_linter_out_of_it() -> None:
    """But for the class of an error, to catch what the Kubernetes client's own reader raises: nothing is read with it."""
    files = [path for folder in ("shared", "functions") for path in (ROOT / folder).rglob("*.py")]
    excused = [
        line.partition("#")[0].strip()
        for path in files
        for line in path.read_text().splitlines()
        if re.search(r"#\s*(?:ruff:\s*)?noqa(?:\s*$|:.*\b(?:S102|S301|S307|S506|TID251|S|TID)\b)", line)
    ]

    assert set(excused) <= {"from yaml import YAMLError"}


def test_every_yaml_reader_is_one_that_makes_no_objects() -> None:
    """`safe` and `rt` build maps, lists and scalars; `unsafe` builds whatever a tag names."""
    calls = [
        call
        for folder in ("shared", "functions")
        for path in (ROOT / folder).rglob("*.py")
        for call in re.findall(r"\bYAML\(([^)]*)\)", path.read_text())
    ]

    assert calls
    assert [call for call in calls if "unsafe" in call or not ("safe" in call or "rt" in call or call == "")] == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ 7 * 7 }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
        "{% include 'body.md.j2' %}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    ],
)
def test_a_template_in_a_value_stays_text(text: str) -> None:
    seen = Wording({"a": "the pool {{ pool }}"}).markdown("a", {"pool": text})

    assert "{{" not in seen
    assert "{%" not in seen
    assert "49" not in seen
    assert "0x7f" not in seen


@pytest.mark.parametrize(
    "template",
    [
        "{{ pool.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ pool.format.__globals__ }}",
        "{{ cycler }}",
        "{{ range(9) }}",
        "{{ people.append('mallory') }}",
    ],
)
def test_even_a_template_reaches_no_python(template: str) -> None:
    """Wording comes from the bundle; and if one were put there, it would be in a sandbox without globals and could change nothing."""
    with pytest.raises((SecurityError, UndefinedError)):
        Wording({"a": template}).markdown("a", {"pool": "x", "people": ["a"]})


def test_wording_is_read_from_beside_the_package_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name where the command happens to run, a checked-out repo for example, says nothing."""
    (tmp_path / "wording").mkdir()
    (tmp_path / "gitops_templates" / "wording").mkdir(parents=True)
    for folder in ("wording", "gitops_templates/wording"):
        (tmp_path / folder / "summary.j2").write_text("Approved by everybody.")
    monkeypatch.chdir(tmp_path)

    assert "Approved by everybody" not in load_wording().templates["summary.j2"]
