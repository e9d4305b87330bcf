"""What a repo's rules mean for merging by ourselves: each unknown is a no, with its sentence."""

from dataclasses import replace
from typing import Any

import pytest

from trimtab.adapters.github.rules import Read, rules_of
from trimtab.policy.codeowners import owners_of

WRITER, GATE = 11, 22
CHECKS = {
    "type": "required_status_checks",
    "ruleset_id": 1,
    "parameters": {
        "strict_required_status_checks_policy": True,
        "required_status_checks": [{"context": "trimtab/gate", "integration_id": GATE}],
    },
}
REVIEWS = {"type": "pull_request", "ruleset_id": 1, "parameters": {"required_approving_review_count": 0, "require_code_owner_review": True}}
GUARDS = tuple({"type": kind, "ruleset_id": 2} for kind in ("creation", "update"))
OURS = {"name": "ours", "current_user_can_bypass": "always", "bypass_actors": [{"actor_type": "Integration", "actor_id": WRITER}]}
GOOD = Read(
    rules=(CHECKS, REVIEWS),
    own_rules=GUARDS,
    rulesets={1: {"name": "main", "current_user_can_bypass": "never"}, 2: OURS},
    codeowners=("CODEOWNERS", b"* @acme/all\n/.trimtab/ @acme/platform\n"),
    codeowners_errors=0,
    writer_app=WRITER,
    gate_app=GATE,
    is_archived=False,
    is_public=False,
)


def _checks(**check: Any) -> dict[str, Any]:
    return {**CHECKS, "parameters": {**CHECKS["parameters"], "required_status_checks": [{"context": "trimtab/gate", **check}]}}  # type: ignore[dict-item]


@pytest.mark.security(6, 19)
def test_a_repo_whose_rules_stop_every_wrong_merge_has_nothing_to_say() -> None:
    found = rules_of(GOOD)

    assert (found.requires_our_check, found.catches_moved_base, found.may_bypass, found.protects_config) == (True, True, False, True)
    assert (found.requires_review, found.guards_our_branches, found.details) == (False, True, ())


@pytest.mark.security(6)
@pytest.mark.parametrize(
    ("read", "problem"),
    [
        (replace(GOOD, rules=(_checks(), REVIEWS)), "required from anybody"),
        (replace(GOOD, rules=(_checks(integration_id=WRITER), REVIEWS)), "required from anybody"),
        (replace(GOOD, rules=(REVIEWS,)), "not a required check"),
        (replace(GOOD, gate_app=None), "no gate App"),
    ],
)
def test_a_check_that_somebody_else_could_set_is_not_ours(read: Read, problem: str) -> None:
    found = rules_of(read)

    assert not found.requires_our_check
    assert any(problem in sentence for sentence in found.details)


@pytest.mark.security(6)
@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"current_user_can_bypass": "always"},
        {"current_user_can_bypass": "pull_requests_only"},
        {"current_user_can_bypass": "exempt"},
    ],
)
def test_only_never_is_never(told: dict[str, str] | None) -> None:
    """Parent rulesets are asked too; what GitHub does not show counts as a bypass."""
    assert rules_of(replace(GOOD, rulesets={1: told, 2: OURS})).may_bypass


def test_without_any_rule_whoever_may_push_bypasses() -> None:
    bare = replace(GOOD, rules=())

    assert rules_of(bare).may_bypass
    assert not rules_of(replace(bare, update_rule={"viewerCanPush": False})).may_bypass


@pytest.mark.security(19)
def test_a_moved_base_is_caught_by_strict_checks_or_a_queue_and_by_nothing_else() -> None:
    lax = {**CHECKS, "parameters": {**CHECKS["parameters"], "strict_required_status_checks_policy": False}}  # type: ignore[dict-item]
    queue = {"type": "merge_queue", "ruleset_id": 1}

    assert not rules_of(replace(GOOD, rules=(lax, REVIEWS))).catches_moved_base
    assert rules_of(replace(GOOD, rules=(lax, REVIEWS, queue))).catches_moved_base
    assert rules_of(replace(GOOD, rules=(lax, REVIEWS, queue))).has_merge_queue
    assert rules_of(replace(GOOD, rules=(lax, REVIEWS), protection={"requiresStrictStatusChecks": True})).catches_moved_base


@pytest.mark.parametrize(
    ("read", "problem"),
    [
        (replace(GOOD, codeowners=None, codeowners_errors=None), "no CODEOWNERS file"),
        (replace(GOOD, codeowners=("CODEOWNERS", b"/clusters/ @acme/all\n")), "names no owner"),
        (replace(GOOD, codeowners=("CODEOWNERS", b"* @acme/platform\n*.yaml\n")), "names no owner of .trimtab/"),
        (replace(GOOD, codeowners=("CODEOWNERS", b"* @acme/platform\n*.csv\n")), "names no owner of .trimtab/"),
        (replace(GOOD, codeowners=("CODEOWNERS", b"/.trimtab/ @acme/platform\n")), "no owner of .github/CODEOWNERS, CODEOWNERS, so"),
        (replace(GOOD, codeowners=("CODEOWNERS", b"* @acme/platform\n/.github/\n")), "no owner of .github/CODEOWNERS, so"),
        (replace(GOOD, codeowners_errors=None), "not told"),
        (replace(GOOD, codeowners_errors=2), "2 errors"),
        (replace(GOOD, rules=(CHECKS,)), "not required"),
    ],
)
def test_config_that_nobody_must_review_is_not_protected(read: Read, problem: str) -> None:
    found = rules_of(read)

    assert not found.protects_config
    assert any(problem in sentence for sentence in found.details)


@pytest.mark.security(9)
@pytest.mark.parametrize(
    ("rulesets", "own_rules", "answer"),
    [
        ({1: {"current_user_can_bypass": "never"}, 2: OURS}, (), False),
        ({1: {"current_user_can_bypass": "never"}, 2: OURS}, GUARDS[:1], False),
        ({1: {"current_user_can_bypass": "never"}, 2: None}, GUARDS, None),
        ({1: {"current_user_can_bypass": "never"}, 2: {**OURS, "bypass_actors": None}}, GUARDS, None),
        ({1: {"current_user_can_bypass": "never"}, 2: {**OURS, "bypass_actors": []}}, GUARDS, False),
        ({1: {"current_user_can_bypass": "never"}, 2: OURS}, GUARDS, True),
    ],
)
def test_our_branches_are_guarded_where_the_writer_alone_may_make_and_move_them(
    rulesets: dict[int, dict[str, Any] | None], own_rules: tuple[dict[str, Any], ...], answer: bool | None
) -> None:
    assert rules_of(replace(GOOD, rulesets=rulesets, own_rules=own_rules)).guards_our_branches is answer


@pytest.mark.parametrize(
    ("pattern", "path", "is_taken"),
    [
        ("*", ".trimtab/policy.yaml", True),
        ("/.trimtab/", ".trimtab/policy.yaml", True),
        (".trimtab/", "a/.trimtab/policy.yaml", True),
        ("/.trimtab/", "a/.trimtab/policy.yaml", False),
        ("/.trimtab", ".trimtab/deep/policy.yaml", True),
        (".trimtab/*", ".trimtab/policy.yaml", True),
        (".trimtab/*", ".trimtab/deep/policy.yaml", False),
        (".trimtab/**", ".trimtab/deep/policy.yaml", True),
        ("**/policy.yaml", ".trimtab/policy.yaml", True),
        ("*.yaml", ".trimtab/policy.yaml", True),
        ("/*.yaml", ".trimtab/policy.yaml", False),
        ("/.trimtab-old/", ".trimtab/policy.yaml", False),
        ("policy?yaml", ".trimtab/policy.yaml", True),
    ],
)
def test_codeowners_patterns_are_read_as_github_reads_them(pattern: str, path: str, is_taken: bool) -> None:
    assert bool(owners_of(f"{pattern} @acme/platform\n".encode(), path, "github")) is is_taken


def test_the_last_line_that_takes_a_path_owns_it() -> None:
    content = b"* @acme/all\n/.trimtab/ @acme/platform # who decides\n# comment\n/.trimtab/notes.md\n"

    assert owners_of(content, ".trimtab/policy.yaml", "github") == ("@acme/platform",)
    assert owners_of(content, ".trimtab/notes.md", "github") == ()


def test_a_hostile_pattern_in_codeowners_costs_no_time() -> None:
    """Whoever can write that file could otherwise keep every merge busy until it is killed."""
    hostile = b"/.trimtab/" + b"**" * 60 + b"x @acme/platform\n"

    assert not rules_of(replace(GOOD, codeowners=("CODEOWNERS", hostile))).protects_config
