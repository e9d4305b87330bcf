"""The settings in docs/forges.md are settings that load."""

import json
import re
from pathlib import Path

import pytest

from trimtab.settings import load

PAGE = Path(__file__).parents[2] / "docs" / "forges.md"
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_of_the_page_loads(number: int) -> None:
    example = json.loads(EXAMPLES[number])

    settings = load({"TRIMTAB_SETTINGS": EXAMPLES[number], "TRIMTAB_STORE": example["store"]})

    assert [repository.location for repository in settings.repositories] == [row["location"] for row in example["repositories"]]
    assert (settings.github is not None, settings.gitlab is not None) == ("github" in example, "gitlab" in example)


def test_both_kinds_of_forge_are_shown() -> None:
    assert [key for example in EXAMPLES for key in ("github", "gitlab") if key in json.loads(example)] == ["github", "gitlab"]
