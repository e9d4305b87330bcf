"""One issue per repo with everything pending and why, updated in place; nothing that others wrote can act in it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flow.flow_world import ONE, REPO, WORDING, World, fits, make_world, shrink
from tests.flow.forge_doubles import Counting, on
from tests.judgement import CONFIG, NOW
from trimtab.errors import Refused
from trimtab.records import Refusal, Stage
from trimtab.render.dashboard import LONGEST, TITLE, Page, Pending, Reason, TurnedDown, dashboard


def page(world: World) -> str:
    (issue,) = world.forge.issues(REPO)
    return issue.body


def test_what_is_pending_stands_there_with_why_it_waits(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    world.propose(shrink(), refusals=(fits("metrics-missing", "spare"),))

    assert "- #1, Shrink dev-east/batch from 6 to 5 nodes: awaiting-approval since 2026-11-18" in page(world)
    assert "approvals (it saw `nobody yet`)" in page(world)
    assert "1 times metrics-missing, for example: said by the tests" in page(world)


def test_the_same_again_writes_nothing_and_a_change_is_written_in_place(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    first = page(world)
    forge = Counting(world.forge)
    on(world, forge)
    world.later(hours=2)

    world.tick_verify()
    unchanged = page(world)
    world.click("snooze")
    world.later(hours=1)
    world.tick_verify()

    assert unchanged == first
    assert forge.writes.count("edit_issue") == 1
    assert "snoozed on 2026-11-18 by `platform-owner`" in page(world)
    assert "It may come back after 2026-12-02" in page(world)


def test_limits_that_held_something_back_are_named(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE.replace(b"auto_merges_per_day: 2", b"pull_requests_per_hour: 0"))

    world.propose(shrink())

    assert "### Held back by limits" in page(world)
    assert "limits.pull\\_requests\\_per\\_hour: 0 were opened in this hour" in page(world)


@pytest.mark.parametrize("mode", ["before", "after", "lost"])
@pytest.mark.parametrize("of", ["forge.open_issue", "ledger.append"])
def test_whoever_dies_while_opening_it_there_is_one_issue(tmp_path: Path, of: str, mode: str) -> None:
    world = make_world(tmp_path, ONE)
    world.dying(of, lambda: world.propose(shrink()), mode)  # type: ignore[arg-type]

    world.deliver()
    world.later(hours=1)
    world.tick_verify()

    assert "#1, Shrink" in page(world)


def test_an_issue_with_a_copied_text_is_not_taken_for_ours(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)
    world.propose(shrink())
    copy = world.forge.open_issue(REPO, title="Mine", body=page(world).replace("dashboard=", "dashboard=0"))
    world.click("snooze")
    world.later(hours=1)

    world.tick_verify()

    texts = {issue.number: issue.body for issue in world.forge.issues(REPO)}
    assert texts[copy.number] == copy.body
    assert "snoozed" in texts[1]


@pytest.mark.parametrize(
    ("config", "stage"),
    [
        (CONFIG + b"dashboard: false\n", Stage.GUARDED),
        (CONFIG, Stage.OBSERVE),
        (CONFIG.replace(b"stage: approve", b"stage: observe").replace(b"stage: guarded", b"stage: observe"), Stage.GUARDED),
    ],
)
def test_where_it_is_not_wanted_or_all_is_only_observed_no_issue_is_opened(tmp_path: Path, config: bytes, stage: Stage) -> None:
    world = make_world(tmp_path, ONE, config=config, stage=stage)

    world.propose(shrink())
    world.tick_verify()

    assert world.forge.issues(REPO) == ()


def test_a_repo_without_issues_stops_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path, ONE)

    class WithoutIssues(Counting):
        def open_issue(self, repo: str, **_text: str) -> None:
            raise Refused(f"{repo}: issues are disabled")

    on(world, WithoutIssues(world.forge)).propose(shrink())

    assert world.pull().state == "open"
    assert any(event == "dashboard.refused" for event, _ in world.log.said)


HOSTILE = "x` /merge\n/approve closes #1 @acme/all <img src=x> [a](http://evil.test) -->"


@pytest.mark.security(24)
def test_nothing_that_others_wrote_acts_on_the_page() -> None:
    turned = TurnedDown(title=HOSTILE, kind="rejected", at=NOW, by=HOSTILE, reason=HOSTILE)
    reasons = (Reason(rule=HOSTILE, count=2, example=HOSTILE), Reason(rule="limits", count=1, example=HOSTILE, is_limit=True))
    pending = Pending(number="#1", title=HOSTILE, state="open", since=NOW, saving=None, held=HOSTILE)

    text = dashboard(Page(pending=(pending,), turned_down=(turned,), reasons=reasons), WORDING)

    assert not [line for line in text.splitlines() if line.lstrip().startswith("/")]
    for acts in ("@acme", "closes #1", "<img", "](http", "-->", "http://"):
        assert acts not in text


def test_a_page_that_would_be_too_long_counts_what_it_leaves_out() -> None:
    rows = tuple(Pending(number=f"#{n}", title="Shrink " + "x" * 70, state="open", since=NOW, saving=None) for n in range(3000))
    down = tuple(TurnedDown(title="Shrink", kind="rejected", at=NOW - timedelta(days=n), by="a", reason="r" * 400) for n in range(3000))

    text = dashboard(Page(pending=rows, turned_down=down, reasons=()), WORDING)

    assert len(text) <= LONGEST
    assert "- and 2" in text


def test_each_of_several_repos_hears_of_its_own_clusters_only(tmp_path: Path) -> None:
    """Who may read one repo need not be told what another one's clusters are called."""
    world = make_world(tmp_path, ONE)
    other = world.ports.settings.repositories[0].model_copy(update={"id": "other"})
    both = world.ports.settings.model_copy(update={"repositories": (*world.ports.settings.repositories, other)})
    world.ports = replace(world.ports, settings=both)
    world.forge.repositories["other"] = world.forge.repositories[REPO]  # type: ignore[index]
    secret = Refusal(cluster_uid=shrink().subject.cluster_uid, pool="batch", rule="metrics-missing", reason="secret-cluster has none")

    world.propose(refusals=(secret,))

    assert [issue.title for issue in world.forge.issues(REPO)] == [TITLE, TITLE]
    assert not [issue for issue in world.forge.issues(REPO) if "secret-cluster" in issue.body]


def test_a_page_that_somebody_deleted_is_opened_anew(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.propose(shrink())
    for path in (world.forge.desk(REPO).root / "issues").glob("*"):
        path.unlink()

    world.later(days=1)
    world.measure()
    world.propose(refusals=(fits(),))

    assert [issue.number for issue in world.forge.issues(REPO)] == [1]
    assert "gone" in [entry.kind for entry in world.ports.ledger.entries("dashboards/gitops")]
