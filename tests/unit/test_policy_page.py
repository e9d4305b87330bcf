"""docs/policy.md says what the code does: its tables are made from it, and its examples are read by it."""

import re

from tests.judgement import governance
from tests.policy_page import PAGE, page
from tests.security.reasons import reasons


def test_the_tables_are_as_the_code_is_now() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.policy_page"


def test_every_name_that_the_policy_can_say_is_on_the_page() -> None:
    """What a person reads on a pull request can be looked up."""
    named = {name.rstrip(":").removesuffix(" until") for name in re.findall(r"`([a-z-]+(?:: | until )?)", PAGE.read_text())}

    assert {reason.name.rstrip(":").removesuffix(" until") for reason in reasons()} - {name.rstrip(": ") for name in named} == set()


def test_the_examples_of_the_page_are_rules_that_can_be_read() -> None:
    rules, times = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)

    read = governance(policy=(rules + times).encode())

    assert [(rule.name, rule.tier, rule.holds) for rule in read.rules] == [
        ("gpu-pools", "two-approvals", False),
        ("no-fridays", None, True),
    ]
    assert [freeze.name for freeze in read.freezes] == ["year-end-close"]
    assert len(read.windows) == 1
