"""What of a project's rules counts as protection; whatever GitLab does not show does not."""

from dataclasses import replace

import pytest

from trimtab.adapters.gitlab.protection import Seen, forge_rules, matches
from trimtab.adapters.gitlab.protocol import ApprovalRule, ApprovalSettings, Level, Project, Protection, User, parsed

WRITER, MERGER = User(id=7, username="project_3_bot_w"), User(id=8, username="project_3_bot_m")
NO_ONE, MAINTAINERS = Level(access_level=0), Level(access_level=40)
MAIN = Protection(
    name="main", push_access_levels=(NO_ONE,), merge_access_levels=(Level(access_level=40, user_id=8),), code_owner_approval_required=True
)
OURS = Protection(
    name="trimtab/*", push_access_levels=(Level(access_level=30, user_id=7),), merge_access_levels=(NO_ONE,), allow_force_push=True
)
STRICT = ApprovalSettings(
    reset_approvals_on_push=True,
    merge_requests_author_approval=False,
    merge_requests_disable_committers_approval=True,
    approvals_before_merge=0,
)
PROJECT = parsed(
    Project,
    {
        "id": 3,
        "path_with_namespace": "acme/gitops",
        "merge_method": "ff",
        "only_allow_merge_if_pipeline_succeeds": True,
        "permissions": {"project_access": {"access_level": 30}, "group_access": None},
    },
    "project",
)
SEEN = Seen(
    branch="main", project=PROJECT, writer=WRITER, merger=MERGER, merger_level=40, protections=(MAIN, OURS), settings=STRICT,
    approval_rules=(), code_owners="/.trimtab/ @acme/platform\n",
)  # fmt: skip


def _project(**changes: object) -> Project:
    return PROJECT.model_copy(update=changes)


@pytest.mark.security(8)
def test_a_project_that_is_closed_to_all_but_the_merger_may_merge_by_itself() -> None:
    rules = forge_rules(replace(SEEN, code_owners="/.trimtab/ @acme/platform\n"))

    assert (rules.requires_our_check, rules.catches_moved_base, rules.may_bypass) == (True, True, False)
    assert (rules.protects_config, rules.guards_our_branches, rules.voids_old_approvals) == (True, True, True)


@pytest.mark.security(8)
@pytest.mark.parametrize(
    "changed",
    [
        {"merger": None},
        {"protections": None},
        {"protections": (MAIN.model_copy(update={"push_access_levels": ()}), OURS)},
        {"protections": (OURS,)},
        {"protections": (MAIN.model_copy(update={"push_access_levels": (MAINTAINERS,)}), OURS)},
        {"protections": (MAIN.model_copy(update={"merge_access_levels": (MAINTAINERS,)}), OURS)},
        {"protections": (MAIN.model_copy(update={"merge_access_levels": ()}), OURS)},
        {"protections": (MAIN, OURS, Protection(name="*", push_access_levels=(MAINTAINERS,), merge_access_levels=(MAINTAINERS,)))},
        {"project": _project(only_allow_merge_if_pipeline_succeeds=False)},
        {"project": _project(allow_merge_on_skipped_pipeline=True)},
    ],
)
def test_where_anybody_else_may_merge_or_push_no_check_of_ours_is_required(changed: dict[str, object]) -> None:
    """A commit status is display on GitLab: every Developer can set it."""
    assert forge_rules(replace(SEEN, **changed)).requires_our_check is False  # type: ignore[arg-type]


@pytest.mark.security(19)
@pytest.mark.parametrize(
    ("method", "train", "catches"), [("ff", False, True), ("merge", True, True), ("merge", None, False), ("rebase_merge", None, False)]
)
def test_only_a_fast_forward_or_a_train_catches_a_moved_base(method: str, train: bool | None, catches: bool) -> None:
    project = _project(merge_method=method, merge_trains_enabled=train)

    assert forge_rules(replace(SEEN, project=project)).catches_moved_base is catches


@pytest.mark.security(8)
@pytest.mark.parametrize(
    "changed",
    [
        {"merger_level": 50},
        {"merger": WRITER},
        {"protections": ()},
        {"protections": (MAIN.model_copy(update={"push_access_levels": (MAINTAINERS,)}), OURS)},
        {"protections": (MAIN.model_copy(update={"push_access_levels": (Level(access_level=40, deploy_key_id=1),)}), OURS)},
        {"protections": (MAIN.model_copy(update={"allow_force_push": True}), OURS)},
        {"protections": (MAIN.model_copy(update={"merge_access_levels": (Level(access_level=30),)}), OURS)},
        {"protections": (MAIN.model_copy(update={"merge_access_levels": (Level(access_level=40, user_id=8), Level())}), OURS)},
        {"project": PROJECT.model_copy(update={"permissions": None})},
    ],
)
def test_a_token_that_can_do_more_than_its_part_bypasses(changed: dict[str, object]) -> None:
    assert forge_rules(replace(SEEN, **changed)).may_bypass is True  # type: ignore[arg-type]


@pytest.mark.security(9)
@pytest.mark.parametrize(
    ("protections", "guarded"),
    [
        (None, None),
        ((MAIN,), False),
        ((OURS,), True),
        ((OURS.model_copy(update={"push_access_levels": ()}),), False),
        ((OURS.model_copy(update={"push_access_levels": (Level(access_level=30),)}),), False),
        ((OURS.model_copy(update={"merge_access_levels": (MAINTAINERS,)}),), False),
        ((OURS, Protection(name="trimtab/training*", push_access_levels=(MAINTAINERS,))), False),
        ((OURS, Protection(name="tri*", push_access_levels=(MAINTAINERS,))), False),
        ((OURS.model_copy(update={"name": "trimtab/training/*"}),), False),
        ((OURS.model_copy(update={"name": "trimtab/*/count"}),), False),
    ],
)
def test_our_branches_are_guarded_only_where_the_writer_alone_gets_in(
    protections: tuple[Protection, ...] | None, guarded: bool | None
) -> None:
    assert forge_rules(replace(SEEN, protections=protections)).guards_our_branches is guarded


@pytest.mark.security(3)
def test_config_is_not_protected_where_the_rule_names_nobody_who_may_not_push() -> None:
    assert forge_rules(SEEN).protects_config
    assert not forge_rules(replace(SEEN, protections=(MAIN.model_copy(update={"push_access_levels": ()}), OURS))).protects_config


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        ({}, True),
        ({"protected_branches": [{"name": "main"}]}, True),
        ({"protected_branches": [{"name": "release/*"}]}, False),
        ({"protected_branches": [{"name": "release/*"}], "applies_to_all_protected_branches": True}, True),
        ({"approvals_required": 0}, False),
    ],
)
def test_a_review_is_asked_for_where_a_rule_is_for_that_branch(rule: dict[str, object], asks: bool) -> None:
    rules = parsed(list[ApprovalRule], [{"approvals_required": 1, **rule}], "rules")

    assert forge_rules(replace(SEEN, approval_rules=rules, code_owners=None)).requires_review is asks


@pytest.mark.parametrize(
    ("login", "looks"),
    [
        ("project_3_bot_4ffca233d8298ea1", True),
        ("group_12_bot_4ffca233d8298ea1", True),
        ("service_account_group_12_4ffca2", True),
        ("project_abbott", False),
        ("group_robot", False),
    ],
)
def test_a_person_with_bot_in_their_name_is_a_person(login: str, looks: bool) -> None:
    assert User(id=1, username=login).looks_like_bot is looks


@pytest.mark.security(8)
@pytest.mark.parametrize("key", ["reset_approvals_on_push", "merge_requests_author_approval", "merge_requests_disable_committers_approval"])
@pytest.mark.parametrize("unknown", [True, False])
def test_one_setting_amiss_and_approvals_count_for_nothing(key: str, unknown: bool) -> None:
    settings = STRICT.model_copy(update={key: None if unknown else not getattr(STRICT, key)})

    assert forge_rules(replace(SEEN, settings=settings)).voids_old_approvals is False


def test_a_tier_without_approval_settings_is_said() -> None:
    rules = forge_rules(replace(SEEN, settings=None))

    assert rules.voids_old_approvals is False
    assert any("they do not count" in detail for detail in rules.details)


@pytest.mark.security(3)
@pytest.mark.parametrize(
    ("text", "owned"),
    [
        ("* @acme/all", True),
        ("/.trimtab/ @acme/platform", True),
        (".trimtab/ @acme/platform", True),
        (".trimtab/** @acme/platform", True),
        ("/.trimtab/policy.yaml @acme/platform", True),
        ("/.trimtab/owners.yaml @acme/platform", False),
        ("[Config] @acme/platform\n/.trimtab/", True),
        ("^[Config] @acme/platform\n/.trimtab/", False),
        ("* @acme/all\n/.trimtab/", False),
        ("* @acme/all\n!/.trimtab/", False),
        ("[One]\n/.trimtab/ @a\n^[Two]\n/.trimtab/ @b", True),
        ("# /.trimtab/ @acme/platform", False),
        ("/clusters/ @acme/platform", False),
        ("", False),
    ],
)
def test_who_owns_the_rules_of_the_game(text: str, owned: bool) -> None:
    assert forge_rules(replace(SEEN, code_owners=text)).protects_config is owned


def test_a_pattern_of_protected_branches_takes_slashes_too() -> None:
    assert matches("trimtab/*", "trimtab/a/b")
    assert not matches("main", "main2")


def test_what_code_owners_must_review_is_no_rule_of_the_whole_branch() -> None:
    """`.trimtab/` has to have owners before anything merges by itself: other files may have none."""
    rules = forge_rules(SEEN)

    assert (rules.asks_code_owners, rules.requires_review) == (True, False)
    asks_nobody = MAIN.model_copy(update={"code_owner_approval_required": False})
    assert not forge_rules(replace(SEEN, protections=(asks_nobody, OURS))).asks_code_owners
