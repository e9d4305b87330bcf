"""What GitHub says becomes ours only as far as GitHub itself vouches for it."""

from typing import Any

import pytest

from trimtab.adapters.github.answers import checks_of, commit_of, comparison_of, login_of, repo_of, reviews_of
from trimtab.adapters.github.memory import MOST_FILES, Memory
from trimtab.errors import Upstream

US = "trimtab-writer[bot]"


def commit(author: str | None, committer: str | None, *, is_verified: bool, name: str = "somebody") -> dict[str, Any]:
    """A commit as REST tells it: accounts by address, and whether the signature holds."""
    return {
        "sha": "1" * 40,
        "author": {"login": author} if author else None,
        "committer": {"login": committer} if committer else None,
        "parents": [{"sha": "0" * 40}],
        "commit": {
            "tree": {"sha": "2" * 40},
            "author": {"name": name},
            "committer": {"name": name},
            "verification": {"verified": is_verified},
        },
    }


@pytest.mark.security(9)
@pytest.mark.parametrize(
    ("raw", "author", "committer"),
    [
        (commit(US, "web-flow", is_verified=True), US, US),
        (commit(US, US, is_verified=True), US, US),
        (commit(US, "web-flow", is_verified=False), f"{US} (not verified)", "web-flow"),
        (commit(US, US, is_verified=False), f"{US} (not verified)", f"{US} (not verified)"),
        (commit(US, "mallory", is_verified=True), f"{US} (not verified)", "mallory"),
        (commit("mallory", "web-flow", is_verified=True), "mallory", "web-flow"),
        (commit(None, "web-flow", is_verified=True, name=US), f"{US} (not verified)", "web-flow"),
        (commit(None, None, is_verified=True, name=US), f"{US} (not verified)", f"{US} (not verified)"),
        (commit("", "", is_verified=False, name="By Hand"), "By Hand", "By Hand"),
    ],
)
def test_a_commit_is_ours_only_where_github_signed_it_for_our_app(raw: dict[str, Any], author: str, committer: str) -> None:
    """Anybody can write our address into a commit, and GitHub shows our name beside it."""
    found = commit_of(raw, US)

    assert (found.author, found.committer) == (author, committer)


def test_a_bots_login_is_the_one_that_rest_gives() -> None:
    """GraphQL leaves the `[bot]` away, so a person could be called as an App's slug."""
    assert login_of({"__typename": "Bot", "login": "trimtab-writer"}) == US
    assert login_of({"__typename": "User", "login": "trimtab-writer"}) == "trimtab-writer"
    assert login_of(None) == "ghost"


def _review(login: str, state: str) -> dict[str, Any]:
    author = {"__typename": "User", "login": login}
    at = "2026-03-02T09:00:00Z"
    return {"author": author, "state": state, "submittedAt": at, "authorCanPushToRepository": True, "commit": {"oid": "1" * 40}}


def _page(*nodes: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"pageInfo": {"hasNextPage": more}, "nodes": list(nodes)}


def test_a_comment_takes_no_opinion_back() -> None:
    found = reviews_of(_page(_review("a", "CHANGES_REQUESTED")), _page(_review("a", "COMMENTED"), _review("b", "COMMENTED")))

    assert {review.login: review.state for review in found} == {"a": "changes-requested", "b": "commented"}


def test_an_approval_that_was_given_again_and_then_dismissed_is_dismissed() -> None:
    """Whichever of its two lists GitHub leaves a dismissed review out of, the older approval is not the newest."""
    found = reviews_of(_page(_review("a", "APPROVED")), _page(_review("a", "DISMISSED")))

    assert [review.state for review in found] == ["dismissed"]


def test_more_reviews_than_a_page_are_not_taken_for_all() -> None:
    with pytest.raises(Upstream, match="100 people"):
        reviews_of(_page(more=True), _page())


def _run(number: int, conclusion: str | None, *, status: str = "COMPLETED", app: str = "ci") -> dict[str, Any]:
    about = {"title": "", "summary": "", "url": "", "checkSuite": {"app": {"slug": app}}}
    return {"__typename": "CheckRun", "databaseId": number, "name": "plan", "status": status, "conclusion": conclusion, **about}


def test_the_newest_check_of_a_name_and_app_counts_and_what_is_not_done_is_pending() -> None:
    runs = [_run(2, None, status="IN_PROGRESS"), _run(1, "SUCCESS"), _run(3, "SKIPPED", app="other"), _run(4, "TIMED_OUT", app="third")]

    found = checks_of({"contexts": _page(*runs)})

    assert {check.by: check.conclusion for check in found or ()} == {"ci[bot]": "pending", "other[bot]": "neutral", "third[bot]": "failure"}
    assert checks_of({"contexts": _page(more=True)}) is None


def test_a_renamed_file_is_gone_and_new() -> None:
    rows = [
        {"status": "renamed", "previous_filename": "old", "filename": "new", "sha": "a" * 40},
        {"status": "removed", "filename": "x", "sha": "b" * 40},
    ]
    page = {"merge_base_commit": {"sha": "0" * 40}, "commits": [], "files": rows}

    assert comparison_of([page], US).files == {"old": None, "new": "a" * 40, "x": None}


def test_three_hundred_files_may_be_more() -> None:
    rows = [{"status": "added", "filename": f"f{n}", "sha": "a" * 40} for n in range(300)]

    assert not comparison_of([{"merge_base_commit": {"sha": "0" * 40}, "commits": [], "files": rows}], US).is_complete


def test_an_answer_of_another_shape_is_githubs_failure() -> None:
    with pytest.raises(Upstream, match="cannot be read"):
        repo_of({"id": "R_1"})


def test_large_trees_push_each_other_out_of_memory() -> None:
    """A warm function sees a new tree with every commit of the base; two hundred large ones are more than it has room for."""
    memory = Memory()
    for n in range(5):
        memory.fixed(n, lambda: dict.fromkeys(range(MOST_FILES // 2)))
    again = [memory.fixed(n, dict[int, None]) for n in (4, 3, 2)]

    assert [len(tree) for tree in again] == [MOST_FILES // 2, MOST_FILES // 2, 0]
