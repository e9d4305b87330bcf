"""The story of `test_aws.py` with GitLab: its settings and secrets in Terraform, its signatures, its merge requests; the same is asserted.

It is a module of its own so that it runs beside the other one.
"""

from typing import Any

import pytest

from tests.infra.iam_policies import FUNCTIONS
from tests.whole.test_aws import (
    WHOLE,
    pytestmark,
    test_every_function_dies_of_its_calls_to_the_cloud_the_forge_slack_and_palette,
    test_every_period_is_allocated_to_the_cent,
    test_killed_in_the_middle_and_delivered_twice_it_comes_to_the_same_end,
    test_no_function_asked_for_more_than_its_role_allows,
    test_one_change_is_proposed_approved_merged_and_its_saving_verified,
    test_one_merged_pull_request_and_one_card_stand_for_the_change,
    test_the_record_holds_and_nothing_waits_or_died_unserved,
    told,
)

__all__ = [
    "pytestmark",
    "test_every_function_dies_of_its_calls_to_the_cloud_the_forge_slack_and_palette",
    "test_every_period_is_allocated_to_the_cent",
    "test_killed_in_the_middle_and_delivered_twice_it_comes_to_the_same_end",
    "test_no_function_asked_for_more_than_its_role_allows",
    "test_one_change_is_proposed_approved_merged_and_its_saving_verified",
    "test_one_merged_pull_request_and_one_card_stand_for_the_change",
    "test_the_record_holds_and_nothing_waits_or_died_unserved",
]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told(tmp_path_factory.mktemp("aws-gitlab"), list(FUNCTIONS), "gitlab", WHOLE)
