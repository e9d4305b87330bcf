"""Functions without a key of the forge: they book and tell by what `verify` left in the store, and by nothing older than a day."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.outlook import NOW, RULES, KeptChat, cells, days, documents, store
from trimtab.adapters.localforge import init_bare
from trimtab.adapters.store.kept_rules import StoreRules
from trimtab.errors import BadInput, Broken, Refused, Upstream
from trimtab.flow.governance import keep_rules, read_governance
from trimtab.flow.learn import learn
from trimtab.flow.report import report
from trimtab.flow.verify import verify
from trimtab.flow.wake import Wake
from trimtab.ports import Ports
from trimtab.records import CommitSha, Json

LATER = timedelta(minutes=10)
TICK = Wake(key="inbox/clock/verify/2026-07-21T06:05Z")


@pytest.fixture
def holder(tmp_path: Path) -> Ports:
    """Whoever may read the forge."""
    files = {f".trimtab/{path.name}": path.read_bytes() for path in RULES.iterdir()}
    init_bare(tmp_path / "gitops.git", files, "as the teams left it", NOW)
    repository = {"id": "gitops", "forge": "local", "location": str(tmp_path / "gitops.git")}
    values: dict[str, Any] = {"config_dir": None, "repositories": [repository], "clock": NOW.isoformat()}
    return store(tmp_path / "store", cells("web", days(NOW.date() - timedelta(days=60), [40] * 60)), **values)


def at(ports: Ports, **later: float) -> Ports:
    return replace(ports, kept_rules=StoreRules(ports.documents, lambda: NOW + timedelta(**later)))


def without_forge(ports: Ports, **later: float) -> Ports:
    """The same store, for a function that was given no key."""
    return replace(at(ports, **later), settings=ports.settings.model_copy(update={"rules_from": "store"}), forge=NoForge())  # type: ignore[arg-type]


class NoForge:
    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"forge.{name}: asked without a key")


@pytest.mark.security(28)
def test_cost_is_forecast_and_told_without_a_key_of_the_forge(holder: Ports) -> None:
    keep_rules(at(holder))
    chat = KeptChat()
    ports = replace(without_forge(holder, minutes=10), chat=chat)

    learn(Wake(key="inbox/clock/learn/2026-07-21T06:10Z"), ports, NOW + LATER)
    report(Wake(key="inbox/clock/report/2026-07-21T06:10Z"), ports, NOW + LATER)

    assert {channel for channel, *_ in chat.said} >= {"C0FINANCE"}
    assert documents(ports, "forecasts/")
    assert read_governance(ports, "gitops") == read_governance(holder, "gitops")


def test_the_rules_are_kept_while_changes_are_stopped(holder: Ports) -> None:
    """A stop is about changes; whoever is to be told of cost is still told by today's rules."""
    assert holder.permit.stop_reason()

    with pytest.raises(Refused, match="nothing is verified"):
        verify(TICK, holder, NOW)

    assert read_governance(without_forge(holder), "gitops").teams


def test_a_forge_that_does_not_answer_leaves_the_rules_of_before(holder: Ports, tmp_path: Path) -> None:
    keep_rules(at(holder))
    (tmp_path / "gitops.git").rename(tmp_path / "gone.git")

    keep_rules(at(holder, hours=2))

    assert read_governance(without_forge(holder, hours=2), "gitops").teams


def test_rules_of_the_day_before_yesterday_are_no_rules(holder: Ports) -> None:
    """Somebody may have been taken out of them since."""
    keep_rules(at(holder))

    assert read_governance(without_forge(holder, hours=24), "gitops").teams
    with pytest.raises(Upstream, match=r"docs/rules/gitops\.json: last read from the forge at 2026-07-21 06:00 UTC"):
        read_governance(without_forge(holder, hours=25), "gitops")


def test_what_holds_still_is_written_once_an_hour(holder: Ports) -> None:
    """288 ticks a day, and the rules change once a month."""
    written = []
    for minutes in (0, 5, 55, 60, 65):
        keep_rules(at(holder, minutes=minutes))
        written.append(str((holder.documents.find("rules/gitops") or {})["at"]))

    assert [moment[11:16] for moment in written] == ["06:00", "06:00", "06:00", "07:00", "07:00"]


def test_a_new_commit_is_kept_at_once(holder: Ports) -> None:
    assert holder.kept_rules is not None
    keep_rules(at(holder))

    at(holder, minutes=5).kept_rules.keep("gitops", CommitSha("f" * 40), {".trimtab/owners.yaml": b"x"})  # type: ignore[union-attr]

    assert holder.kept_rules.read("gitops") == ("f" * 40, {".trimtab/owners.yaml": b"x"})


def test_before_the_first_tick_the_message_waits_for_it(holder: Ports) -> None:
    """A first bill may land minutes before the first tick; its message is delivered again."""
    with pytest.raises(Upstream, match="`verify` writes it on its next tick"):
        read_governance(without_forge(holder), "gitops")


def test_rules_of_another_commit_are_not_made_up(holder: Ports) -> None:
    keep_rules(at(holder))

    with pytest.raises(Refused, match="no key of the forge"):
        read_governance(without_forge(holder), "gitops", CommitSha("0" * 40))


def test_a_repo_that_the_settings_do_not_name_has_no_rules(holder: Ports) -> None:
    keep_rules(at(holder))

    with pytest.raises(BadInput, match="no repo with id 'other'"):
        read_governance(without_forge(holder), "other")


@pytest.mark.parametrize("change", [{"at": "yesterday"}, {"files": []}, {"files": {".trimtab/owners.yaml": "no base64!"}}])
def test_a_document_that_is_none_is_named(holder: Ports, change: Json) -> None:
    keep_rules(at(holder))
    holder.documents.publish("rules/gitops", (holder.documents.find("rules/gitops") or {}) | change)

    with pytest.raises(Broken, match=r"docs/rules/gitops\.json"):
        read_governance(without_forge(holder), "gitops")
