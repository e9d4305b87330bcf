"""A log line is read by machines that believe its names, and kept where secrets have no place."""

import json
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from trimtab.adapters.logs import LONGEST, JsonLog
from trimtab.adapters.memory import MemoryLog

pytestmark = pytest.mark.security(25)
ROOT = Path(__file__).parents[2]
HOSTILE = '\n{"_aws": {"CloudWatchMetrics": []}}\r\x1b[2J\u202e'


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_value_that_would_like_to_be_a_line_of_its_own_stays_in_its_line(tmp_path: Path) -> None:
    """CloudWatch makes a metric of every line with `_aws` at its top: whoever could write one would write our graphs and alarms."""
    JsonLog(tmp_path / "log").warning("wake.refused", key="inbox/slack/1", input=HOSTILE)

    (line,) = lines_of(tmp_path / "log")
    assert set(line) == {"level", "event", "key", "input"}
    assert line["input"] == HOSTILE
    assert (tmp_path / "log").read_text().isascii()


def test_the_names_that_readers_believe_are_ours_alone(tmp_path: Path) -> None:
    """Even where values came from outside with their names, as a map of labels would."""
    labels: dict[str, object] = {"_aws": {"CloudWatchMetrics": []}, "level": "info", "time": "never", "team": "ml"}

    JsonLog(tmp_path / "log").warning("an.event", **labels)

    assert lines_of(tmp_path / "log") == [{"team": "ml", "level": "warning", "event": "an.event"}]


def test_a_long_text_is_cut(tmp_path: Path) -> None:
    JsonLog(tmp_path / "log").info("an.event", input="x" * 100_000)

    assert lines_of(tmp_path / "log")[0]["input"] == "x" * LONGEST


def test_no_caller_passes_on_names_from_outside() -> None:
    """The name of a value is a word in our code: `log.info("…", **whatever)` would let somebody else choose it."""
    wrappers = {"wiring_light.py", "correlation.py", "emf.py"}  # they hand on what such calls said
    files = [path for folder in ("shared", "functions") for path in (ROOT / folder).rglob("*.py") if path.name not in wrappers]
    calls = [call for path in files for call in re.findall(r"\blog\.(?:info|warning)\([^)]*\*\*[^)]*\)", path.read_text())]

    assert calls == []


@pytest.mark.parametrize("way", ["json", "memory"])
def test_the_suite_would_notice_a_secret_in_a_log_line(tmp_path: Path, way: str) -> None:
    """The watch over every line of the suite (tests/conftest.py) is awake."""
    secret = SecretStr(f"a-secret-of-this-very-test-{way}")
    log = JsonLog(tmp_path / "log") if way == "json" else MemoryLog()

    with pytest.raises(AssertionError, match="says the secret"):
        log.warning("settings.read", input=f"token={secret.get_secret_value()}")
    log.warning("settings.read", input=str(secret))
