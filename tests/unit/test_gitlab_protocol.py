"""GitLab's answers in our words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trimtab.adapters.gitlab.protocol import Diff, MergeRequest, RawCommit, User, parsed
from trimtab.adapters.gitlab.values import commit_of, pull_request_of, refused_by, refused_with
from trimtab.errors import Upstream
from trimtab.records import CommitSha

HEAD, BASE = CommitSha("a" * 40), CommitSha("b" * 40)


def _request(**changes: Any) -> MergeRequest:
    known: dict[str, Any] = {
        "iid": 5, "web_url": "https://gitlab.test/acme/gitops/-/merge_requests/5", "title": "t", "description": None, "state": "opened",
        "author": {"id": 7, "username": "bot"}, "source_branch": "trimtab/a", "target_branch": "main", "sha": HEAD, "source_project_id": 3,
        "target_project_id": 3, "detailed_merge_status": "mergeable", "updated_at": datetime(2026, 3, 2, tzinfo=UTC),
    }  # fmt: skip
    return parsed(MergeRequest, known | changes, "merge request")


@pytest.mark.parametrize(
    ("status", "mergeable"),
    [
        ("mergeable", True),
        ("not_approved", True),
        ("ci_must_pass", True),
        ("need_rebase", True),
        ("conflict", False),
        ("checking", None),
        ("unchecked", None),
        ("preparing", None),
        ("approvals_syncing", None),
    ],
)
def test_whether_it_merges_is_only_known_once_gitlab_has_worked_it_out(status: str, mergeable: bool | None) -> None:
    assert pull_request_of("gitops", _request(detailed_merge_status=status), BASE).is_mergeable is mergeable


@pytest.mark.parametrize(("state", "ours"), [("opened", "open"), ("locked", "open"), ("closed", "closed"), ("merged", "merged")])
def test_what_is_being_merged_is_open_until_it_is(state: str, ours: str) -> None:
    assert pull_request_of("gitops", _request(state=state), BASE).state == ours


def test_a_state_that_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(Upstream, match="'frozen'"):
        pull_request_of("gitops", _request(state="frozen"), BASE)


@pytest.mark.parametrize("source", [4, None])
def test_a_head_in_another_project_is_a_forks(source: int | None) -> None:
    """None: the fork was deleted."""
    assert pull_request_of("gitops", _request(source_project_id=source), BASE).is_from_fork


@pytest.mark.parametrize(("merge", "squash", "commit"), [("c" * 40, None, "c" * 40), (None, "d" * 40, "d" * 40), (None, None, HEAD)])
def test_what_it_became_is_the_merge_the_squash_or_the_head_itself(merge: str | None, squash: str | None, commit: str) -> None:
    request = _request(state="merged", merge_commit_sha=merge, squash_commit_sha=squash)

    assert pull_request_of("gitops", request, BASE).merge_commit == commit


@pytest.mark.security(9)
@pytest.mark.parametrize("name", ["project_3_bot_w", "Project_3_Bot_W ", " project_3_bot_w"])
def test_our_name_on_a_commit_is_not_us(name: str) -> None:
    commit = commit_of(RawCommit(id=HEAD, parent_ids=(BASE,), author_name=name, committer_name=name), "project_3_bot_w", is_ours=False)

    assert "project_3_bot_w" not in (commit.author, commit.committer)
    assert commit.author.lower().strip() != "project_3_bot_w"


@pytest.mark.parametrize(
    ("diff", "name"),
    [
        ({"a_mode": "100644", "b_mode": "100644"}, "new"),
        ({"a_mode": "100755", "b_mode": "100755"}, "new"),
        ({"a_mode": "100644", "b_mode": "100755"}, "new (mode 100755)"),
        ({"a_mode": "0", "b_mode": "100644", "new_file": True}, "new"),
        ({"a_mode": "0", "b_mode": "120000", "new_file": True}, "new (mode 120000)"),
        ({"a_mode": "100644", "b_mode": "0", "deleted_file": True}, "old (deleted)"),
    ],
)
def test_a_change_that_no_plan_makes_has_a_name_that_no_plan_has(diff: dict[str, Any], name: str) -> None:
    assert Diff(old_path="old", new_path="new", **diff).name == name


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("conflict", "conflict"),
        ("need_rebase", "base-moved"),
        ("ci_still_running", "checks"),
        ("not_approved", "not-allowed"),
        ("new_one", "not-allowed"),
    ],
)
def test_why_gitlab_would_not_merge(status: str, reason: str) -> None:
    refusal = refused_by(status)

    assert refusal is not None
    assert refusal.reason == reason


@pytest.mark.parametrize(
    ("code", "reason"), [(401, "not-allowed"), (405, "unknown"), (406, "conflict"), (409, "head-moved"), (422, "unknown"), (418, "unknown")]
)
def test_why_gitlab_did_not_merge(code: int, reason: str) -> None:
    assert refused_with(code, "text").reason == reason


@pytest.mark.parametrize("username", ["project_3_bot", "project_3_bot_0a1b", "group_5_bot_x", "service_account_group_5_ab"])
def test_gitlabs_own_names_of_bots_are_known(username: str) -> None:
    assert User(id=1, username=username).looks_like_bot


@pytest.mark.parametrize("username", ["ml-owner", "robot", "bot", "project_manager"])
def test_a_persons_name_is_not_a_bots(username: str) -> None:
    assert not User(id=1, username=username).looks_like_bot
