"""A second opinion on every merge, reckoned from Git, the forge's reviews and the raw signed requests alone: no verdict is asked.

It knows the rules only by the names that the machine gave them, and says less than the policy does: what it forbids must never happen.
"""

import hmac
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.flow.accidents import Call, Do
from tests.flow.flow_world import REPO, SLACK_SECRET, World
from tests.judgement import BOT, UID
from trimtab.adapters.memory import Message
from trimtab.flow.life import Life
from trimtab.lifecycle import State
from trimtab.ports import MessageRef
from trimtab.records import CommitSha, Merged, PullRequest

APPROVERS = {"platform-owner": "U0PLATFORM", "ml-owner": "U0ML"}
"""Who may approve here, by forge login, with their Slack id; the id in the rules is the login too."""
NODE = 8.0
"""Cores of one node, as the evidence of the tests counts them."""
_COUNT = re.compile(rb"  - name: (\w+)\n    count: (\d+)\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """What the files in `.trimtab/` say, as far as the auditor understands them."""

    asks: int | None
    """How many people; None = nothing merges."""
    gate: str = "both"
    frozen_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Yes:
    """A person's yes, as its own bytes or the forge prove it."""

    login: str
    via: str


@dataclass(slots=True)
class Auditor:
    """Stands between the flow and the world and writes down what must never happen."""

    world: World
    regime_of: Callable[[Mapping[str, bytes]], Regime]
    """What the files of a commit say."""
    found: list[str] = field(default_factory=list)
    was_stopped: bool = False
    """The permit as it was when the wake began that is going on."""
    has_moved: bool = True
    """The flow wrote something since whoever asks looked last."""
    is_crowded: bool = False
    """Two workers are at it: both may look for a message before either has sent it."""
    seen_with: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    """Inbox key of a click → the files on main that it was looked at with, until it was finished."""
    finished: set[str] = field(default_factory=set)
    buried: set[int] = field(default_factory=set)
    """Pull requests that a person, or newer evidence, turned down."""
    noted: list[tuple[datetime, Regime]] = field(default_factory=list)
    """Every version of the rules that was put on record, and when: the one before counts for a day more."""
    by_itself: list[datetime] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)

    def __call__(self, call: Call, do: Do) -> object:
        """Every call of a port passes here."""
        self.has_moved |= call.is_write and call.port in ("ledger", "forge", "chat")
        if self.was_stopped and call.is_write and call.port in ("forge", "palette"):
            self.found.append(f"{call} while Trimtab is stopped")
        if call.port == "inbox" and call.given and str(call.given[0]).startswith("inbox/slack/"):
            self._hear(call.name, str(call.given[0]))
        if str(call) == "ledger.append" and str(call.given[0]).startswith("rules/") and call.named["kind"] == "version":
            self._note(call)
        if str(call) == "forge.merge":
            return self._merging(call, do)
        if str(call) == "chat.post":
            self._posting(call)
        return do()

    def _note(self, call: Call) -> None:
        self.noted.append((call.named["at"], self.regime_of(self._files(str(call.named["body"]["commit"])))))

    @property
    def regime(self) -> Regime:
        """The most careful of what main says now and of all that counted less than a day ago."""
        now = self.world.now
        ends = [at for at, _ in self.noted[1:]]
        earlier = [regime for (_, regime), end in zip(self.noted, ends, strict=False) if now < end + timedelta(days=1)]
        newest = [regime for _, regime in self.noted[-1:]]
        regimes = [self.regime_of(self.main()), *newest, *earlier]
        asks = None if any(each.asks is None for each in regimes) else max(each.asks or 0 for each in regimes)
        gates = {each.gate for each in regimes}
        frozen = max((each.frozen_until for each in regimes if each.frozen_until), default=None)
        return Regime(asks=asks, gate="forge" if "forge" in gates else "slack" if "slack" in gates else "both", frozen_until=frozen)

    def _hear(self, name: str, key: str) -> None:
        if name == "finish":
            self.finished.add(key)
        elif name == "read" and key not in self.finished:
            self.seen_with.setdefault(key, []).append(self.main())

    # ── the merge ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _merging(self, call: Call, do: Do) -> object:
        number, head = int(call.given[1]), CommitSha(call.named["head"])
        pull, before = self.world.forge.pull_request(REPO, number), self.main()
        problems = self.problems(pull, head)
        changed = self.changed(pull)
        is_alone = not self.yeses(pull)
        answer = do()
        if isinstance(answer, Merged):
            self.merged.append(number)
            self.by_itself += [self.world.now] if is_alone else []
            self.found += [f"#{number} was merged, but {problem}" for problem in problems]
            self.found += [f"#{number} was merged, and {wrong}" for wrong in _differences(before, self.main(), changed)]
        return answer

    def problems(self, pull: PullRequest, head: CommitSha) -> list[str]:
        """Why this head may not be merged now; [] = nothing that this auditor knows of."""
        world, regime = self.world, self.regime
        found = []
        if world.ports.permit.stop_reason():
            found.append("Trimtab is stopped")
        if regime.asks is None:
            found.append("the rules let nothing merge")
        if regime.frozen_until and world.now < regime.frozen_until:
            found.append("there is a freeze")
        if pull.number in self.buried:
            found.append("it was turned down")
        if (pull.state, pull.author, pull.base_ref, pull.head) != ("open", BOT, "main", head):
            found.append(f"it is {pull.state}, by {pull.author}, into {pull.base_ref}, at {pull.head[:8]} and not {head[:8]}")
        found += self._not_ours(pull)
        found += [problem for name, old, new in self.changed(pull) for problem in self._about_pool(name, old, new)]
        found += self._not_well()
        return found + self._not_agreed(pull)

    def _not_ours(self, pull: PullRequest) -> list[str]:
        """One commit, by us, that changes counts in one file, and none of them to nothing."""
        git = self.world.forge.git(REPO)
        commits = git.commits(pull.base, pull.head)
        if [(commit.author, commit.committer) for commit in commits] != [(BOT, BOT)]:
            return [f"its commits are by {[commit.author for commit in commits]}"]
        files = git.changed(commits[0].parents[0], pull.head)
        changes = self.changed(pull)
        if len(files) != 1 or not changes:
            return [f"it touches {sorted(files)} and changes {changes}"]
        return [f"it makes {name} {new} of {old}" for name, old, new in changes if new < 1]

    def changed(self, pull: PullRequest) -> list[tuple[str, int, int]]:
        """(pool, old, new) of every count that the head has otherwise than its parent."""
        before, after = counts(self._files(self._parent(pull))), counts(self._files(pull.head))
        return [(name, before[name], after[name]) for name in sorted(before) if name in after and before[name] != after[name]]

    def _parent(self, pull: PullRequest) -> str:
        """What its commits begin on."""
        commits = self.world.forge.git(REPO).commits(pull.base, pull.head)
        return commits[0].parents[0] if commits else pull.base

    def _about_pool(self, name: str, old: int, new: int) -> list[str]:
        """The live pool, the file on main, and what runs there now."""
        found = []
        (cluster,) = self.world.palette.known or (None,)
        live = cluster.pool(name) if cluster else None
        if live is None or live.count != old:
            found.append(f"Palette shows {live.count if live else 'no'} nodes of {name}, the change is from {old}")
        if counts(self.main()).get(name) != old:
            found.append(f"main does not say {old} for {name}")
        demand = self.world.ports.documents.find(f"demand/{UID}") or {}
        pools = demand.get("pools")
        wanted = pools[name]["CPU cores"] if isinstance(pools, dict) and name in pools else None
        if wanted is None or wanted > NODE * new or self.world.now - datetime.fromisoformat(str(demand["hour"])) > timedelta(hours=36):
            found.append(f"{wanted} cores are wanted on {name}, {NODE * new} would be there, as of {demand.get('hour')}")
        return found

    def _not_well(self) -> list[str]:
        (cluster,) = self.world.palette.known or (None,)
        if cluster is None:
            return ["Palette has no such cluster"]
        is_well = (cluster.state, cluster.health, cluster.is_repave_pending) == ("Running", "Healthy", False)
        return [] if is_well else [f"the cluster is {cluster.state}, {cluster.health}, repave {cluster.is_repave_pending}"]

    # ── the people ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _not_agreed(self, pull: PullRequest) -> list[str]:
        regime, said = self.regime, self.yeses(pull)
        people = {yes.login for yes in said}
        if regime.asks == 2:
            has_review = any(yes.via == "forge" for yes in said)
            return [] if len(people) >= 2 and has_review else [f"two people are asked for, one of them by a review, and there is {said}"]
        if regime.asks == 1 or people:
            return [] if people else ["one person is asked for, and nobody said yes"]
        return self._not_by_itself()

    def _not_by_itself(self) -> list[str]:
        now = self.world.now
        (cluster,) = self.world.palette.known or (None,)
        today = [at for at in self.by_itself if at.date() == now.date()]
        found = []
        if now.weekday() > 3 or not 9 <= now.hour < 16:
            found.append(f"it merges by itself on a {now:%A} at {now:%H:%M}")
        if cluster is None or cluster.tags.get("env") != "dev":
            found.append("it merges by itself where something says production")
        if len(today) >= 2:
            found.append(f"it is the third that merges by itself on {now:%Y-%m-%d}")
        return found

    def yeses(self, pull: PullRequest) -> set[Yes]:
        """Everybody whose yes to this very head can be proven now."""
        newest = {review.login: review for review in self.world.forge.reviews(REPO, pull.number)}
        reviews = {
            Yes(login, "forge")
            for login, review in newest.items()
            if (review.state, review.commit, review.may_write, review.is_bot) == ("approved", pull.head, True, False)
            and login in APPROVERS
            and self.world.now - review.at <= timedelta(days=7)
        }
        clicks = {Yes(login, "slack") for login, user in APPROVERS.items() if self._clicked(user, pull)}
        regime = self.regime
        ways = {"both": ("slack", "forge"), "forge": ("forge",), "slack": ("slack", "forge") if regime.asks == 2 else ("slack",)}
        able = self._able(pull)
        return {yes for yes in reviews | clicks if yes.via in ways[regime.gate] and yes.login in able}

    def _able(self, pull: PullRequest) -> set[str]:
        """Who is here on both sides, did not ask for it, and changed neither the rules nor this file within a week."""
        asked = {person for life in self.world.lives() if _is_of(life, pull) for person in life.planned().requested_by}
        here = {login for login, user in APPROVERS.items() if self.world.chat.account(user) == "active"}
        here = {login for login in here if self.world.forge.account(REPO, login) == "active"}
        return here - asked - self._hands({*self.world.forge.git(REPO).changed(self._parent(pull), pull.head)})

    def _hands(self, paths: set[str]) -> set[str]:
        """Who made a change of the rules or of these files on main in the last week, as the commits on its first line say."""
        log = self.world.forge.git(REPO).run("log", "--first-parent", "-m", "--name-only", "--format=%x00%ct%n%an%n%cn", "main").decode()
        found: set[str] = set()
        for record in log.split("\0")[1:]:
            stamp, author, committer, *names = record.strip().splitlines()
            is_recent = self.world.now.timestamp() - int(stamp) <= timedelta(days=7).total_seconds()
            if is_recent and any(name in paths or name.startswith(".trimtab/") for name in names):
                found |= {author, committer}
        return found

    def _clicked(self, user: str, pull: PullRequest) -> bool:
        """There is a signed press of Approve by that user, on a card of this very commit, looked at with the rules and file of now."""
        for key, kept in self.raw().items():
            action = _pressed(kept, user)
            if action is None or action.get("action_id") != "approve" or not self._was_seen_as_now(key, pull):
                continue
            at = datetime.fromisoformat(str(kept["received_at"]))
            is_recent = timedelta(0) <= self.world.now - at <= timedelta(days=7)
            if is_recent and str(action["value"]).split(" ")[1:] == [pull.head] and self.is_about(str(action["value"]), pull):
                return True
        return False

    def _was_seen_as_now(self, key: str, pull: PullRequest) -> bool:
        """It was looked at with the rules that hold now, and with the touched file as it is now."""
        touched = set(self.world.forge.git(REPO).changed(self._parent(pull), pull.head))

        def bound(files: Mapping[str, bytes]) -> dict[str, bytes]:
            return {path: content for path, content in files.items() if path.startswith(".trimtab/") or path in touched}

        return bound(self.main()) in [bound(files) for files in self.seen_with.get(key, ())]

    def is_about(self, value: str, pull: PullRequest) -> bool:
        """The commit names its proposal, and so does the button."""
        message = self.world.forge.git(REPO).run("log", "-1", "--format=%B", pull.head).decode()
        return value.split(" ", maxsplit=1)[0] in message

    def raw(self) -> Mapping[str, Mapping[str, object]]:
        """Every request of Slack's as it was kept, by its inbox key."""
        keys = self.world.objects.keys("inbox/slack/")
        return {key: json.loads(self.world.objects.read(key) or b"{}") for key in keys}

    # ── what a decision is made on ───────────────────────────────────────────────────────────────────────────────────
    def main(self) -> dict[str, bytes]:
        return self._files(self.world.forge.base_head(REPO, "main"))

    def _files(self, commit: str) -> dict[str, bytes]:
        git = self.world.forge.git(REPO)
        return {path: git.blob(entry.blob) for path, entry in git.files(commit).items()}

    # ── after every step ─────────────────────────────────────────────────────────────────────────────────────────────
    def bury(self) -> None:
        """Remember the pull requests of what was turned down: they never merge any more."""
        ended = [life.pull_request for life in self.world.lives() if life.state in _TURNED_DOWN]
        self.buried |= {ref.number for ref in ended if ref}

    def doubles(self) -> list[str]:
        """Two open pull requests about one thing, two live cards of one proposal."""
        pulls = [pull for pull in self.world.forge.open_pull_requests(REPO) if pull.author == BOT]
        things = [name for pull in pulls for name, _, _ in self.changed(pull)] + [pull.head_ref for pull in pulls]
        live = [words for message in self.world.chat.messages for words in _asked(message)]
        return [f"two of {name}" for name in sorted(set(things)) if things.count(name) > 1] + [
            f"two live cards of {proposal}" for proposal in sorted(set(live)) if live.count(proposal) > 1
        ]

    # ── when all is quiet ────────────────────────────────────────────────────────────────────────────────────────────
    def unanswered(self, clicks: Mapping[str, tuple[str, str]], crossed: set[str]) -> list[str]:
        """Every click has one answer in the thread of its card; the answer carries the beginning of the click's own hash."""
        found = []
        for key, place in clicks.items():
            own = key.rpartition("/")[2]
            answers = [message for message in self.world.chat.messages if len(message.nonce) >= 16 and own.startswith(message.nonce)]
            placed = [message for message in answers if message.thread == MessageRef(*place)]
            if len(placed) != 1 and not (placed and key in crossed):
                found.append(f"{key} has {len(placed)} answers")
        return found

    def disagreements(self) -> list[str]:
        """Record, pull request and card say the same, and nothing that was announced is still open."""
        found = []
        for life in self.world.lives():
            ref, name = life.pull_request, life.planned().id
            if life.merge_intent or (life.card_intent and not life.card):
                found.append(f"{name} is {life.state} and announced something: {life.merge_intent or life.card_intent}")
            if ref is None:
                continue
            state = self.world.forge.pull_request(REPO, ref.number).state
            if state != _EXPECTED.get(life.state, state):
                found.append(f"{name} is {life.state}, and #{ref.number} is {state}")
            live = [words for message in self.world.chat.messages for words in _asked(message) if words == name]
            if live and life.state not in _ASKING:
                found.append(f"{name} is {life.state}, and its card still asks")
        return found

    # ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _posting(self, call: Call) -> None:
        """The same message is never sent twice, but by two who are at it at the same moment; a live card not even then, says `doubles`."""
        if self.is_crowded:
            return
        channel, nonce = str(call.given[0]), call.given[3] if len(call.given) > 3 else call.named["nonce"]
        if any(message.ref.channel == channel and message.nonce == nonce for message in self.world.chat.messages):
            self.found.append(f"a message was sent twice to {channel}: {call.given[2]}")


_DECIDING = ("approve", "adjust", "reject", "snooze")
_TURNED_DOWN = (State.REJECTED, State.SNOOZED, State.IGNORED, State.SUPERSEDED)
_ASKING = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED, State.MERGING)
_EXPECTED = {
    **dict.fromkeys(_TURNED_DOWN, "closed"),
    **dict.fromkeys((State.MERGED, State.APPLIED, State.VERIFIED, State.ROLLED_BACK), "merged"),
    **dict.fromkeys((State.OPEN, State.AWAITING, State.APPROVED, State.EXPIRED), "open"),
}


def _is_of(life: Life, pull: PullRequest) -> bool:
    return life.pull_request is not None and life.pull_request.number == pull.number


def pressable(value: object) -> list[dict[str, Any]]:
    """Everything that can be pressed in some blocks."""
    if isinstance(value, list):
        return [element for each in value for element in pressable(each)]
    if not isinstance(value, dict):
        return []
    own = [value] if "action_id" in value else []
    return own + [element for each in value.values() for element in pressable(each)]


def _asked(message: Message) -> set[str]:
    """The proposal that a message's buttons decide about."""
    deciding = [element for element in pressable(list(message.blocks)) if element["action_id"] in _DECIDING]
    return {word for element in deciding for word in re.findall(r"prop-[0-9a-f]+", json.dumps(element))}


def counts(files: Mapping[str, bytes]) -> dict[str, int]:
    """Pool → count, over all clusters' files."""
    return {name.decode(): int(count) for content in files.values() for name, count in _COUNT.findall(content)}


def _differences(before: Mapping[str, bytes], after: Mapping[str, bytes], changed: list[tuple[str, int, int]]) -> list[str]:
    """How main differs from what it was with just these counts written in."""
    wanted = dict(before)
    for name, old, new in changed:
        line = f"  - name: {name}\n    count: "
        wanted = {path: content.replace(f"{line}{old}\n".encode(), f"{line}{new}\n".encode()) for path, content in wanted.items()}
    return [f"{path} is not as planned" for path in sorted({*wanted, *after}) if wanted.get(path) != after.get(path)]


def _pressed(kept: Mapping[str, object], user: str) -> Mapping[str, object] | None:
    """The one action in a request that Slack signed and that this user made; None = it is no such thing."""
    headers, body = kept.get("headers"), b64decode(str(kept.get("body", "")))
    if not isinstance(headers, dict):
        return None
    stamp = str(headers.get("x-slack-request-timestamp", ""))
    signed = "v0=" + hmac.new(SLACK_SECRET.encode(), f"v0:{stamp}:".encode() + body, "sha256").hexdigest()
    if signed != headers.get("x-slack-signature"):
        return None
    fields = parse_qs(body.decode())
    payload = json.loads(fields["payload"][0]) if "payload" in fields else {}
    return payload["actions"][0] if payload.get("user", {}).get("id") == user else None
