"""The threat model names every row of what is kept, and its tables are those of the code."""

import json
import re
from pathlib import Path

import pytest

from tests.security.page import parts

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "threat-model.md").read_text()
TREE = ROOT / "infra" / "terraform"


def anchor(heading: str) -> str:
    """As forges make one of a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.strip().lower()).replace(" ", "-")


def test_every_row_of_what_is_kept_is_named_and_leads_to_its_part() -> None:
    text, _, definitions = PAGE.partition("\n[1]: ")
    linked = {(int(row), part) for row, part in re.findall(r"(?m)^\[(\d+)\]: security\.md#([\w-]+)$", f"[1]: {definitions}")}
    kept = {(row, anchor(part.name)) for part in parts() for row in part.rows}

    assert linked == kept
    assert {int(row) for row in re.findall(r"\[(\d+)\]", text)} == {row for row, _ in kept}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_every_link_leads_somewhere(target: str) -> None:
    path, _, part = target.partition("#")
    text = (DOCS / path).read_text() if path else PAGE

    assert not part or part in {anchor(heading) for heading in re.findall(r"(?m)^#+ (.*)$", text)}


def test_every_sender_that_strangers_could_play_is_in_the_picture() -> None:
    front = (TREE / "aws" / "api.tf").read_text()
    senders = re.findall(r"(?m)^    (\w+) += \"\w+_(?:signing|webhook)_secret\"", front)
    picture = re.search(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)

    assert len(senders) == 6
    assert picture
    assert [sender for sender in senders if sender not in picture[1].lower()] == []


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_what_leaks_with_a_function_is_what_it_is_given(cloud: str) -> None:
    rights = json.loads((TREE / cloud / "rights.json").read_text())
    section = PAGE.partition("## If a function's role leaks")[2].partition("\n## ")[0]
    rows = {
        name: set(re.findall(r"`(\w+)`", secrets)) for name, secrets, _ in re.findall(r"(?m)^\| `(\w+)` \| (.*?) \| (.*?) \|$", section)
    }

    assert rows == {name: set(each["secrets"]) for name, each in rights.items()}


def test_who_can_stop_is_who_it_says() -> None:
    rights = json.loads((TREE / "aws" / "rights.json").read_text())
    stopping = [name for name, each in rights.items() if any("ledger:permit/*.stop" in right["on"] for right in each["rights"])]
    writing = {place for each in rights.values() for right in each["rights"] if "s3:PutObject" in right["actions"] for place in right["on"]}

    assert len(stopping) == 3
    assert "three can write a stop" in PAGE
    assert {place for place in writing if place.startswith("ledger:permit")} == {"ledger:permit/*.stop"}


def test_what_a_day_of_flood_costs_is_what_its_prices_come_to() -> None:
    """Rates and sizes are the trees', prices the page's own."""
    aws, google = ((TREE / cloud / "variables.tf").read_text() for cloud in ("aws", "gcp"))
    per_second = int(_found(r"per_second = (\d+), burst", aws))
    per_minute = int(_found(r'variable "webhook_rate".*?default     = (\d+)', google))
    on_aws, on_google = (json.loads((TREE / cloud / "functions.json").read_text())["receive"] for cloud in ("aws", "gcp"))
    memory = on_aws["memory_mb"] / 1024
    a_day, a_google_day = per_second * 86_400, per_minute * 1_440
    second_of_google = on_google["cpus"] * 0.000024 + on_google["memory_mb"] / 1024 * 0.0000025

    costs = [float(amount) for amount in re.findall(r"(?m)\| \$(\d+\.\d\d) \|$", PAGE)]

    assert costs == [
        round(a_day * ((1.00 + 0.20) / 1e6 + 0.010 * memory * 0.0000166667), 2),
        round(a_day * ((20 * 1.00 + 0.20) / 1e6 + 0.100 * memory * 0.0000166667), 2),
        round(a_google_day * ((0.75 + 0.40) / 1e6 + 0.100 * second_of_google), 2),
        round(on_google["instances"] * 86_400 * second_of_google, 2),
    ]
    assert f"its {on_google['instances']} instances" in PAGE.replace("\n", " ")


def test_the_sizes_that_it_says_are_those_that_are_taken() -> None:
    from trimtab.flow.receive import LARGEST

    assert (min(LARGEST.values()), max(LARGEST.values())) == (64 << 10, 5 << 20)
    assert "(64 KiB to 5 MiB, by sender)" in PAGE.replace("\n", " ")
    assert "most_bytes = 5 * 1024 * 1024" in (TREE / "gcp" / "front.tf").read_text()


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    assert found, pattern
    return found[1]
