"""The whole flow, driven by a machine that does anything in any order: what must never happen does not, and nothing is lost.

Clocks, clicks, reviews, webhooks, pushes, policy edits, stops and alerts come twice, late and out of order; workers die at any call of a
port, lose answers, find services down, or take turns with another worker. After every step an auditor, who asks no verdict, looks at it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from pydantic import SecretStr

from tests.flow.accidents import Accident, Outage, Turns, Way, hooked
from tests.flow.auditor import APPROVERS, Auditor, Regime, counts, pressable
from tests.flow.flow_world import FREEZE, GITHUB_SECRET, ONE, REPO, TWO, USE_CASES, Died
from tests.flow.group_world import FILE, POOLS, SECOND, TOGETHER, declared, free, group_world, measure, smaller
from tests.judgement import CONFIG, OWNERS, POLICY, UID
from trimtab.adapters.localforge import human_commit, human_merge
from trimtab.adapters.localforge import review as human_review
from trimtab.errors import Upstream
from trimtab.flow.codec import dump
from trimtab.flow.receive import ReceivePorts, receive
from trimtab.flow.runs import Analysis
from trimtab.flow.wake import AGAIN, Wake, serve, served_by, tick_key
from trimtab.ports import Ports
from trimtab.records import Refusal
from trimtab.sources.senders import Request, inbox_key, sign_github

IS_NIGHTLY = bool(os.environ.get("TRIMTAB_NIGHTLY"))
STEPS, EXAMPLES = (60, 480) if IS_NIGHTLY else (40, 64)
AT_LEAST = 20_000 if IS_NIGHTLY else 2_000
PALETTE_SECRET = "palette-secret-of-the-tests"
USERS = ("U0PLATFORM", "U0ML", "U0FINANCE", "U0STRANGER")
AUTHORS = ("platform-team", "platform-team", "platform-team", "ml-owner")
"""Who changes files on main: most often nobody who may approve."""
LOGINS = ("platform-owner", "ml-owner", "finance-owner", "stranger")
_SALE_ENDS = datetime(2026, 11, 20, tzinfo=UTC)


def _policy(content: bytes) -> bytes:
    """Under which a run may touch every pool, and two changes a day may merge by themselves."""
    return free(content).replace(b"auto_merges_per_day: 3", b"auto_merges_per_day: 2")


REGIMES: Mapping[str, tuple[bytes, Regime]] = {
    "by itself": (_policy(POLICY), Regime(asks=0)),
    "one": (_policy(ONE), Regime(asks=1)),
    "two": (_policy(TWO), Regime(asks=2)),
    "frozen": (_policy(FREEZE), Regime(asks=1, frozen_until=_SALE_ENDS)),
    "broken": (b"version: 1\nrules: [", Regime(asks=None)),
}
ACCIDENTS: tuple[Way, ...] = ("before", "after", "lost", "down")
WHO = st.sampled_from(["platform-owner", "ml-owner", "both"])
VIA = st.sampled_from(["slack", "forge", "each their own"])
small = st.integers(min_value=0, max_value=40)


def _config(grouping: str, gate: str, stage: str) -> bytes:
    config = (TOGETHER if grouping == "file" else CONFIG).replace(b"stage: guarded", f"stage: {stage}".encode())
    return config + f"gates:\n  - {{path: '**', gate: {gate}}}\n".encode()


def _regime_of(files: Mapping[str, bytes]) -> Regime:
    """What these files mean, for an auditor."""
    policy, config = files[".trimtab/policy.yaml"], files[".trimtab/config.yaml"].decode()
    regime = next((regime for content, regime in REGIMES.values() if content == policy), Regime(asks=0))
    gate = config.partition("gate: ")[2].partition("}")[0]
    return replace(regime, gate=gate or "both", asks=None if "stage: observe" in config else regime.asks)


class FlowMachine(RuleBasedStateMachine):
    """One tenant, its people, its forge and its cluster; every rule is one thing that may happen."""

    steps: ClassVar[int] = 0
    """Things that happened, whichever rule made them; what they set off in the queues is served besides and not counted."""

    def __init__(self) -> None:
        """A morning on which nothing has happened yet."""
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="flow-machine-"))
        self.presses = 0
        self.is_broken = False
        self.sent: list[Request] = []
        self.clicks: dict[str, tuple[str, str]] = {}
        """Inbox key of each press that was taken → (channel, message) of its card."""
        self.buttons: list[tuple[str, str, dict[str, Any]]] = []
        """Every button that ever stood on a card: stale ones are pressed too."""
        self.crossed: set[str] = set()
        """Keys that two workers had in hand at once."""

    @initialize(
        policy=st.sampled_from(["by itself", "one", "one", "one", "two", "two", "frozen"]),
        grouping=st.sampled_from(["none", "none", "file"]),
        gate=st.sampled_from(["both", "both", "slack", "forge"]),
        found=st.sets(st.sampled_from(POOLS), min_size=1),
    )
    def begin(self, policy: str, grouping: str, gate: str, found: set[str]) -> None:
        self.grouping, self.gate, self.policy = grouping, gate, policy
        self.world = group_world(self.root, POLICY, config=_config(grouping, gate, "guarded"))
        self.world.push_main({".trimtab/policy.yaml": REGIMES[policy][0]}, author="platform-team")
        changed = {"palette_webhook_secret": SecretStr(PALETTE_SECRET)}
        self.world.ports = replace(self.world.ports, settings=self.world.ports.settings.model_copy(update=changed))
        self.auditor = Auditor(self.world, _regime_of)
        self.outage = Outage()
        self._plan_a_run(dict.fromkeys(found, 1), None, self.world.now, Accident(0))
        self.the_queues_are_worked_off()

    def teardown(self) -> None:
        """Everything gets well again; then nothing may be left undone."""
        try:
            if hasattr(self, "world") and not self.is_broken:
                self._ends_well()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    # ── workers ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _ports(self, *accidents: Any) -> Ports:
        return hooked(self.world.ports, *accidents, self.outage, self.auditor)

    def _serve(self, key: str, ports: Ports, body: bytes = b"") -> None:
        self._take(key, ports, body)
        self._look()

    def _take(self, key: str, ports: Ports, body: bytes = b"") -> None:
        function = served_by(key) or ""
        if function in USE_CASES:
            serve(USE_CASES[function], Wake(key=key, body=body), ports, self.world.now)

    def _work(self, step: Callable[[], object]) -> None:
        """A worker takes something in hand; whatever becomes of it, the queue has it still."""
        self.auditor.was_stopped = self.world.ports.permit.stop_reason() is not None
        try:
            step()
        except (Died, Upstream):
            pass
        finally:
            self.auditor.was_stopped = self.auditor.is_crowded = False

    def _waiting(self) -> list[str]:
        return [key for key in self.world.ports.inbox.pending() if served_by(key) in USE_CASES]

    @precondition(lambda self: self._waiting())
    @rule(which=small)
    def a_worker_serves_one(self, which: int) -> None:
        waiting = self._waiting()
        self._work(lambda: self._serve(waiting[which % len(waiting)], self._ports()))

    @rule()
    def the_queues_are_worked_off(self) -> None:
        def all_of_it() -> None:
            for _ in range(4):
                for key in self._waiting():
                    self.auditor.was_stopped = self.world.ports.permit.stop_reason() is not None
                    self._serve(key, self._ports())

        self._work(all_of_it)

    @precondition(lambda self: self._waiting())
    @rule(which=small, k=st.integers(min_value=1, max_value=160), way=st.sampled_from(ACCIDENTS), only_writes=st.booleans())
    def a_worker_has_an_accident(self, which: int, k: int, way: Way, only_writes: bool) -> None:
        waiting = self._waiting()
        accident = Accident(k if not only_writes else 1 + k % 16, way, only_writes)
        self._work(lambda: self._serve(waiting[which % len(waiting)], self._ports(accident)))

    @precondition(lambda self: self._waiting())
    @rule(
        one=small,
        other=small,
        lengths=st.lists(st.integers(min_value=1, max_value=60), max_size=12),
        k=st.integers(min_value=0, max_value=120),
        way=st.sampled_from(ACCIDENTS),
    )
    def two_workers_take_turns(self, one: int, other: int, lengths: list[int], k: int, way: Way) -> None:
        """On the same message or on two; one of them may have an accident meanwhile."""
        waiting = self._waiting()
        keys = (waiting[one % len(waiting)], waiting[other % len(waiting)])
        is_all = any(key.startswith(AGAIN) for key in keys)
        self.crossed |= set(waiting) if is_all else {keys[0]} if keys[0] == keys[1] else set()
        turns = Turns(lengths)
        ports = (self._ports(turns.hook(0), Accident(k, way)), self._ports(turns.hook(1)))

        def both() -> None:
            self.auditor.is_crowded = True
            steps = [lambda: self._take(keys[0], ports[0]), lambda: self._take(keys[1], ports[1])]
            for error in turns.run(steps):
                if error is not None and not isinstance(error, (Died, Upstream)):
                    raise error

        self._work(both)

    @rule(which=small)
    def a_done_mark_is_lost(self, which: int) -> None:
        """As it is when a worker dies between the last effect and the mark."""
        done = [key for key in self.world.objects.keys("done/") if served_by(f"inbox/{key.removeprefix('done/')}") in USE_CASES]
        if done:
            self.world.objects.delete(done[which % len(done)])

    # ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────
    @rule(minutes=st.sampled_from([1, 1, 4, 4, 11, 11, 60, 60, 180, 1440, 4320, 10080]))
    def time_passes(self, minutes: int) -> None:
        self.world.later(minutes=minutes)

    @rule(
        wanted=st.dictionaries(st.sampled_from(POOLS), st.sampled_from([1, 1, 1, 2]), min_size=1),
        right=st.sampled_from([None, None, None, *POOLS]),
        k=st.one_of(st.just(0), st.integers(min_value=0, max_value=60)),
        age=st.sampled_from([0, 0, 0, 1]),
        is_finished=st.sampled_from([True, True, False]),
    )
    def a_run_is_planned(self, wanted: dict[str, int], right: str | None, k: int, age: int, is_finished: bool) -> None:
        """The clock asks for a run, whose analysis says this; an older run may come late."""
        self.world.later(minutes=1)
        self._plan_a_run(wanted, right, self.world.now - timedelta(days=age), Accident(k))
        if is_finished:
            self.the_queues_are_worked_off()

    def _plan_a_run(self, wanted: Mapping[str, int], right: str | None, at: datetime, accident: Accident) -> None:
        now = self._counts()
        findings = tuple(self._finding(name, now[name], less, at) for name, less in wanted.items() if now.get(name, 0) - less > 0)
        refusals = (Refusal(cluster_uid=UID, pool=right, rule="fits", reason="said by the tests"),) if right else ()
        run = f"run-{at:%Y%m%dt%H%Mz}"
        key = f"runs/{run}/{UID}"
        if self.world.ports.documents.find(key) is None:
            said = Analysis(run=run, cluster_uid=UID, findings=findings, refusals=refusals, cluster=self.world.palette.known[0])
            self.world.ports.documents.publish(key, dump(said))
        self._work(lambda: self._serve(tick_key("propose", at), self._ports(accident), b"{}"))

    def _finding(self, name: str, count: int, less: int, at: datetime) -> Any:
        found = smaller(name, self.world, count - less)
        change = replace(found.changes[0], old=str(count))
        # Few points: the record of a long machine is read again and again.
        evidence = replace(found.evidence, end=at.replace(hour=0, minute=0), chart=found.evidence.chart[-4:])
        return replace(found, changes=(change,), nodes_old=count, evidence=evidence)

    @rule(days=st.sampled_from([1, 8, 8]), less=st.sampled_from([1, 1, 2]))
    def some_ordinary_days_go_by(self, days: int, less: int) -> None:
        """What is on main is applied and measured, verified, and another run is made."""
        self.the_pipeline_applies_main()
        self.world.later(days=days)
        measure(self.world)
        self._work(lambda: self._serve(tick_key("verify", self.world.now), self._ports(), b"{}"))
        self._plan_a_run(dict.fromkeys(POOLS, less), None, self.world.now, Accident(0))
        self.the_queues_are_worked_off()

    @rule(k=st.integers(min_value=0, max_value=60), way=st.sampled_from(ACCIDENTS))
    def the_clock_asks_to_verify(self, k: int, way: Way) -> None:
        self._work(lambda: self._serve(tick_key("verify", self.world.now), self._ports(Accident(k, way)), b"{}"))

    # ── people in Slack ──────────────────────────────────────────────────────────────────────────────────────────────
    def _look_at_cards(self) -> None:
        for message in self.world.chat.messages:
            for element in pressable(list(message.blocks)):
                place = (message.ref.channel, message.ref.ts, element)
                if place not in self.buttons:
                    self.buttons.append(place)

    @precondition(lambda self: self.buttons)
    @rule(which=small, user=st.sampled_from(USERS), newest=st.booleans(), other=st.one_of(st.none(), small), option=small)
    def somebody_presses_a_button(self, which: int, user: str, newest: bool, other: int | None, option: int) -> None:
        """Any button that ever was, most often one that is there now; now and then with the value of another card's button."""
        known = self._live() if newest and self._live() else self.buttons
        channel, ts, element = known[-1 - which % len(known)]
        action = {key: element[key] for key in ("action_id", "type")}
        value = element.get("value", "")
        if other is not None and other > 30:
            value = next((each["value"] for _, _, each in self.buttons[other % len(self.buttons) :] if "value" in each), value)
        action |= {"value": value} if "value" in element else {"selected_option": _option(element, option)}
        self._press(user, channel, ts, action)

    @precondition(lambda self: self.buttons)
    @rule(which=small, user=st.sampled_from(USERS[:2]), is_heard=st.booleans())
    def an_owner_approves(self, which: int, user: str, is_heard: bool) -> None:
        """What people mostly do."""
        live = [each for each in self._live() if each[2]["action_id"] == "approve"]
        if live:
            channel, ts, element = live[which % len(live)]
            self._press(user, channel, ts, {key: element[key] for key in ("action_id", "type", "value")}, is_heard=is_heard)

    def _live(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (message.ref.channel, message.ref.ts, element)
            for message in self.world.chat.messages
            for element in pressable(list(message.blocks))
        ]

    def _press(self, user: str, channel: str, ts: str, action: dict[str, Any], *, is_heard: bool = False) -> None:
        self.presses += 1
        payload = {
            "type": "block_actions",
            "user": {"id": user},
            "container": {"channel_id": channel, "message_ts": ts},
            "actions": [{**action, "action_ts": f"{self.world.now.timestamp()}.{self.presses}"}],
        }
        request = self.world.slack(urlencode({"payload": json.dumps(payload)}).encode())
        if self._send(request) == 200:
            self.clicks[inbox_key(request)] = (channel, ts)
        if is_heard:
            self._work(lambda: self._serve(inbox_key(request), self._ports()))

    @rule(text=st.sampled_from(["status", "stop it smells", "nonsense", "", ""]), user=st.sampled_from(USERS))
    def somebody_types_a_command(self, text: str, user: str) -> None:
        """An operator, who may resume, types nothing into Slack for it."""
        if not text:
            self.an_operator_resumes()
            return
        self.presses += 1
        form = {"command": "/trimtab", "text": text, "user_id": user, "channel_id": "C0BATCH", "trigger_id": str(self.presses)}
        self._send(self.world.slack(urlencode(form).encode()))

    def an_operator_resumes(self) -> None:
        self.world.ports.permit.resume(by="platform-owner", reason="it is well again", at=self.world.now)

    # ── what arrives at the door ─────────────────────────────────────────────────────────────────────────────────────
    def _send(self, request: Request) -> int:
        self.sent.append(request)
        return receive(request, ReceivePorts(self.world.ports.inbox, self.world.ports.settings), self.world.now).status

    @precondition(lambda self: self.sent)
    @rule(which=small, how=st.sampled_from(["the same", "the same", "another body", "another signature"]))
    def a_request_comes_again(self, which: int, how: str) -> None:
        """Late, it is not believed any more; in time, it lands on itself; forged, it leaves nothing."""
        request, before = self.sent[-1 - which % len(self.sent)], self.world.ports.inbox.pending()
        if how == "the same":
            self._send(request)
            return
        if how == "another body" and request.path != "/palette":
            request = request._replace(body=request.body + b" ")
        else:
            request = request._replace(headers={name: f"{value}0" for name, value in request.headers.items()})
        status = receive(request, ReceivePorts(self.world.ports.inbox, self.world.ports.settings), self.world.now).status
        assert (status, self.world.ports.inbox.pending()) == (401, before)

    @precondition(lambda self: self._pulls())
    @rule(which=small, action=st.sampled_from(["opened", "synchronize", "closed", "edited"]), is_heard=st.booleans())
    def the_forge_calls(self, which: int, action: str, is_heard: bool) -> None:
        key = self._call_about(self._pull(which).number, action)
        if is_heard:
            self._work(lambda: self._serve(key, self._ports()))

    def _call_about(self, number: int, action: str) -> str:
        self.presses += 1
        about = {"number": number, "head": {"sha": self.world.forge.pull_request(REPO, number).head}}
        event = {"action": action, "number": number, "pull_request": about, "repository": {"full_name": REPO}, "n": self.presses}
        body = json.dumps(event).encode()
        request = Request("/github", {"x-github-event": "pull_request", "x-hub-signature-256": sign_github(GITHUB_SECRET, body)}, body)
        self._send(request)
        return inbox_key(request)

    @rule()
    def palette_raises_an_alert(self) -> None:
        self.presses += 1
        about = {"v": 1, "source": "palette", "project_uid": self.world.palette.known[0].project_uid, "message": f"unwell {self.presses}"}
        self._send(Request("/palette", {"x-trimtab-token": PALETTE_SECRET}, json.dumps(about).encode()))

    @rule(
        name=st.sampled_from(["batch-monthly", "all"]),
        share=st.sampled_from(["24.00", "30.00"]),
        amount=st.sampled_from(["36.69", "37.01"]),
    )
    def a_budget_is_crossed(self, name: str, share: str, amount: str) -> None:
        lines = (
            "AWS Account 123456789012", "", f"Budget Name: {name}", "Budget Type: Cost", "Budgeted Amount: $30.00", "Alert Type: ACTUAL",
            f"Alert Threshold: > ${share}", f"ACTUAL Amount: ${amount}",
        )  # fmt: skip
        notice = json.dumps({"source": "aws-sns", "subject": "AWS Budgets", "message": "\n".join(lines)}, sort_keys=True).encode()
        self.world.ports.inbox.put(f"inbox/notice/{name}-{share}-{amount}".replace(".", "-"), notice)

    # ── people at the forge ──────────────────────────────────────────────────────────────────────────────────────────
    def _pulls(self) -> list[int]:
        return self.world.forge.desk(REPO).numbers()

    def _pull(self, which: int) -> Any:
        numbers = self._pulls()
        return self.world.forge.pull_request(REPO, numbers[-1 - which % len(numbers)])

    @precondition(lambda self: self._pulls())
    @rule(
        which=small,
        login=st.sampled_from(LOGINS),
        state=st.sampled_from(["approved", "approved", "approved", "approved", "changes-requested", "dismissed"]),
        may_write=st.sampled_from([True, True, True, False]),
        is_bot=st.sampled_from([False, False, False, True]),
    )
    def somebody_reviews(self, which: int, login: str, state: Any, may_write: bool, is_bot: bool) -> None:
        pull = self._pull(which)
        if pull.state == "open":
            human_review(self.world.forge, REPO, pull.number, login, state, self.world.now, may_write=may_write, is_bot=is_bot)
            self.the_forge_calls(which, "submitted", is_heard=True)

    @precondition(lambda self: self._pulls())
    @rule(which=small, what=st.sampled_from(["merge", "merge", "close", "push a note", "push the file"]))
    def somebody_meddles(self, which: int, what: str) -> None:
        """They press the forge's own buttons, or push to our branch."""
        pull, now = self._pull(which), self.world.now
        if what == "merge":
            human_merge(self.world.forge, REPO, pull.number, login="ml-owner", at=now)
        elif what == "close":
            self.world.forge.close_pull_request(REPO, pull.number)
        elif pull.state == "open":
            path = FILE if what == "push the file" else "notes.md"
            human_commit(self.world.forge, REPO, pull.head_ref, {path: b"mine\n"}, message="mine", login="ml-owner", at=now)

    @rule(
        where=st.sampled_from(["a comment", "the other file", "a pool"]),
        pool=st.sampled_from(POOLS),
        count=st.sampled_from([3, 5, 6, 7]),
        author=st.sampled_from(AUTHORS),
    )
    def main_moves(self, where: str, pool: str, count: int, author: str) -> None:
        counts = self._counts()
        content = self.auditor.main()[FILE]
        match where:
            case "a comment":
                changed = {FILE: content + f"# looked at {self.world.now:%d %H:%M}\n".encode()}
            case "the other file":
                changed = {SECOND: declared({"edge": count, "spare": count})}
            case _:
                old = f"  - name: {pool}\n    count: {counts.get(pool)}\n"
                changed = {FILE: content.replace(old.encode(), f"  - name: {pool}\n    count: {count}\n".encode())}
        if any(self.auditor.main()[path] != now for path, now in changed.items()):
            self.world.push_main(changed, author=author)

    @rule(
        policy=st.sampled_from(["by itself", "by itself", "one", "one", "one", "two", "frozen", "broken"]),
        gate=st.sampled_from(["both", "both", "slack", "forge"]),
        stage=st.sampled_from(["guarded", "guarded", "guarded", "guarded", "observe"]),
        grouping=st.sampled_from(["none", "file"]),
        what=st.sampled_from(["policy", "policy", "config"]),
        author=st.sampled_from(AUTHORS),
    )
    def the_rules_change(self, policy: str, gate: str, stage: str, grouping: str, what: str, author: str) -> None:
        if what == "policy":
            self.policy = policy
        else:
            self.gate, self.grouping = gate, grouping
        content = REGIMES[self.policy][0]
        config = _config(self.grouping, self.gate, stage)
        changed = {".trimtab/policy.yaml": content, ".trimtab/config.yaml": config, ".trimtab/owners.yaml": OWNERS}
        if any(self.auditor.main()[path] != now for path, now in changed.items()):
            self.world.push_main(changed, author=author)

    @rule(user=st.sampled_from(USERS[:2]), is_here=st.sampled_from(["active", "active", "gone", "guest", None]))
    def somebody_leaves_or_comes_back(self, user: str, is_here: Any) -> None:
        self.world.chat.accounts[user] = is_here

    # ── one after the other ──────────────────────────────────────────────────────────────────────────────────────────
    @precondition(lambda self: self._pulls())
    @rule(which=small, who=WHO, via=VIA, policy=st.sampled_from(["by itself", "one", "two", "frozen"]), back=st.booleans())
    def people_agree_and_then_the_rules_move(self, which: int, who: str, via: str, policy: str, back: bool) -> None:
        """And maybe back again, a day later."""
        before = self.policy
        self._held(which, who, via)
        self.the_rules_change(policy, self.gate, "guarded", self.grouping, "policy", "platform-team")
        self._let_go()
        if back:
            self.world.later(days=1, minutes=1)
            self.the_rules_change(before, self.gate, "guarded", self.grouping, "policy", "platform-team")
            self._let_go()

    @precondition(lambda self: self._pulls())
    @rule(
        which=small,
        who=WHO,
        via=VIA,
        what=st.sampled_from(["nothing", "the file", "demand", "drift", "repave", "production", "somebody leaves", "the brake"]),
        days=st.sampled_from([0, 0, 0, 2]),
    )
    def people_agree_and_then_the_world_moves(self, which: int, who: str, via: str, what: str, days: int) -> None:
        self._held(which, who, via)
        match what:
            case "the file":
                self.main_moves("a comment", "batch", 6, "platform-team")
            case "demand":
                measure(self.world, **dict.fromkeys(POOLS, 45.0))
            case "somebody leaves":
                self.world.chat.accounts[USERS[which % 2]] = "gone"
            case "the brake":
                self.world.ports.permit.stop(by="platform-owner", reason="it smells", at=self.world.now)
            case "drift" | "repave" | "production":
                for pool in POOLS if what == "drift" else POOLS[:1]:
                    self.the_cluster_changes(pool, what)
        self.world.later(days=days)
        self._let_go()

    def _held(self, which: int, who: str, via: str) -> None:
        """While an alert holds everything, somebody says yes."""
        self.palette_raises_an_alert()
        for n, login in enumerate(["platform-owner", "ml-owner"] if who == "both" else [who]):
            if via == "slack" or (via != "forge" and n == 0):
                self.an_owner_approves(which, APPROVERS[login], is_heard=True)
            else:
                self.somebody_reviews(which, login, "approved", may_write=True, is_bot=False)

    def _let_go(self) -> None:
        """The alert is looked into, and everything that waits is judged again."""
        self.world.later(minutes=1)
        self._work(lambda: self._serve(tick_key("verify", self.world.now), self._ports(), b"{}"))
        for number in self._pulls()[-2:]:
            self._call_about(number, "synchronize")
        self.the_queues_are_worked_off()

    # ── the cluster ──────────────────────────────────────────────────────────────────────────────────────────────────
    def _counts(self) -> dict[str, int]:
        return counts(self.auditor.main())

    def the_pipeline_applies_main(self) -> None:
        counts = self._counts()
        (known,) = self.world.palette.known
        pools = tuple(replace(pool, count=counts.get(pool.name, pool.count)) for pool in known.pools)
        self.world.palette.known = (replace(known, pools=pools, is_repave_pending=False, health="Healthy", tags={"env": "dev"}),)

    @rule(pool=st.sampled_from(POOLS), what=st.sampled_from(["well", "well", "drift", "repave", "unwell", "production", "busy"]))
    def the_cluster_changes(self, pool: str, what: str) -> None:
        (known,) = self.world.palette.known
        match what:
            case "well":
                self.the_pipeline_applies_main()
                measure(self.world)
                return
            case "busy":
                measure(self.world, **{pool: 45.0})
                return
            case "drift":
                pools = tuple(replace(each, count=each.count + 1) if each.name == pool else each for each in known.pools)
                known = replace(known, pools=pools)
            case "repave":
                known = replace(known, is_repave_pending=True)
            case "unwell":
                known = replace(known, health="Degraded")
            case _:
                known = replace(known, tags={"env": "production"})
        self.world.palette.known = (known,)

    @rule(port=st.sampled_from(["chat", "forge", "palette", "documents"]))
    def a_service_is_down_for_a_while(self, port: str) -> None:
        """Whatever waits is tried meanwhile, each by itself, and waits on."""
        self.outage.down = {port}
        for key in self._waiting():
            self._work(partial(self._serve, key, self._ports()))
        self.outage.down = set()

    # ── what must hold ───────────────────────────────────────────────────────────────────────────────────────────────
    @invariant()
    def what_must_hold_holds(self) -> None:
        if hasattr(self, "world"):
            FlowMachine.steps += 1
            self._look()

    def _look(self) -> None:
        """Nothing forbidden was done, each thing has one pull request and one live card, and the record is sound."""
        self._check(self.auditor.found)
        if self.auditor.has_moved:
            self.auditor.has_moved = False
            self._look_at_cards()
            self.auditor.bury()
            self._check(self.auditor.doubles())
            self._check(self._broken())

    def _broken(self) -> list[str]:
        return [f"{found.key}: {found.problem}" for found in self.world.ports.ledger.verify()]

    def _ends_well(self) -> None:
        """Services answer, the rules can be read, an operator lets it write, and the clock goes round a few times."""
        self.outage.down = set()
        if self.world.ports.permit.stop_reason():
            self.an_operator_resumes()
        if self.policy == "broken":
            self.the_rules_change("one", "both", "guarded", "none", "policy", "platform-team")
        for _ in range(3):
            self.world.later(hours=1)
            measure(self.world)
            self._serve(tick_key("verify", self.world.now), self._ports(), b"{}")
            self.the_queues_are_worked_off()
        self.auditor.bury()
        self._check(self.auditor.found)
        self._check(self.auditor.doubles())
        self._check(self._broken())
        self._check([f"{key} waits for ever" for key in self._waiting()])
        self._check(self.auditor.unanswered(self.clicks, self.crossed))
        self._check(self.auditor.disagreements())

    def _check(self, found: list[str]) -> None:
        """Fail with what was found, once."""
        if found:
            self.is_broken = True
            raise AssertionError("\n".join(found))


def _option(element: Mapping[str, Any], which: int) -> Any:
    options = element.get("options") or [{"value": ""}]
    return options[which % len(options)]


@pytest.mark.slow
def test_whatever_happens_in_whatever_order_nothing_merges_past_its_gate_and_nothing_is_lost() -> None:
    FlowMachine.steps = 0

    run_state_machine_as_test(
        FlowMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not IS_NIGHTLY,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert FlowMachine.steps >= AT_LEAST
