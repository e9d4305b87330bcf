"""What happens to the estate in a week and a half, told once for every cloud: each step does what people, forge, clock and files do.

A cloud brings the events to the functions; here nobody calls a function.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tests.whole.clock import Clock
from tests.whole.estate import APPROVER, APPROVER_IN_SLACK, CLUSTER, POOL, Drops, Estate
from trimtab.attribution.summary import Summary
from trimtab.demo.run import lives
from trimtab.flow.life import Life
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.sources.senders import Request

MORNING = "2026-08-03T04:55:00+00:00"
"""Monday: the estate's newest day is over. The functions work before people come; from eight on changes may be made."""
_CODE = re.compile(r"trimtab confirm ([a-z2-7]{12})")
_OF_THIS_RUN = re.compile(r"\b[0-9a-f]{7,64}\b|trimtab confirm [a-z2-7]{12}|\b\d\d:\d\d(?::\d\d)?\b")
"""Hashes, codes and times of day: no two runs share them."""
_AT_THAT_MOMENT = re.compile(r"touches \d+% of all pools")
"""How many of a run's changes stood when one was judged last goes by the order in which the messages about them came."""
_PEOPLE = re.compile(r"`?[a-z]+-owner`?(?:(?:, | or | and )`?[a-z]+-owner`?)+")
"""They are told in the order of keys that each store makes for itself."""


class Cloud(Protocol):
    """Where the functions run, as the rest of the world sees it."""

    def drop(self, key: str, path: Path) -> None:
        """A file lands in the bucket that exports and usage are delivered to."""

    def due(self, function: str, after: datetime) -> datetime:
        """When the schedule of a function fires next, as it was applied."""

    def tick(self, function: str) -> None:
        """The schedule of a function fires, now."""

    def webhook(self, request: Request) -> int:
        """Somebody outside calls; the status that they get."""

    def settle(self) -> None:
        """Until no queue holds anything that can be delivered."""

    def command(self, *words: str) -> str:
        """What `trimtab` prints for an operator of this deployment."""

    def ports(self) -> Ports:
        """The deployment's store, opened by somebody who only looks."""


@dataclass
class Story:
    """One world, one cloud, and how far they are."""

    estate: Estate
    cloud: Cloud
    clock: Clock
    drops: Drops
    aside: Path
    """An empty folder."""
    told: int = 0
    """Webhooks of the forge that were delivered."""
    moment: datetime = datetime.fromisoformat(MORNING)
    """What time it is in the story; where the machine is slow, the clock is later."""

    def at(self, moment: str) -> None:
        """It is "04 09:00", of August; later, where it is later already."""
        self.moment = datetime.strptime(f"2026-08-{moment} +0000", "%Y-%m-%d %H:%M %z")
        self.clock.move(self.moment)

    def land(self, landings: list[tuple[str, Path]]) -> None:
        """Files are delivered, and everybody does what follows from it."""
        for key, path in landings:
            self.cloud.drop(key, path)
        self.cloud.settle()

    def fires(self, function: str, moment: str) -> None:
        """A schedule fires the next time that it does, for which people count on this moment, and everybody does what follows."""
        due = self.cloud.due(function, self.moment)
        assert f"{due:%d %H:%M}" == moment, f"{function}: after {self.moment} its schedule fires at {due}, and is waited for at {moment}"
        self.at(moment)
        self.cloud.tick(function)
        self.settle()

    def settle(self) -> None:
        """Until nobody has anything to do: queues are empty, and the forge has told everything."""
        self.cloud.settle()
        while due := self.estate.repository.webhooks(self.told):
            self.told += len(due)
            for request in due:
                self.send(request)
            self.cloud.settle()

    def send(self, request: Request) -> None:
        """Somebody calls, and is answered well."""
        status = self.cloud.webhook(request)
        assert status == 200, (request.path, status)

    def every_life(self) -> list[Life]:
        """All proposals."""
        return [life for life in lives(self.cloud.ports()) if life.proposal]

    def life(self) -> Life:
        """The proposal that the story is about."""
        every = self.every_life()
        found = [life for life in every if life.planned().finding.subject.pool == POOL]
        assert len(found) == 1, [life.planned().id for life in every]
        return found[0]


# ── What happens ─────────────────────────────────────────────────────────────────────────────────────────────────────
def an_operator_allows_writing(story: Story) -> None:
    """Without a permit nothing is ever opened."""
    story.cloud.command("resume", "--as", "operator", "--reason", "installed")
    story.fires("verify", "03 05:00")


def usage_lands(story: Story) -> None:
    """Six weeks of it, as a collector inside the cluster leaves it; and the last day, as ours reads it from Prometheus."""
    story.at("03 05:01")
    story.land(story.drops.usage())
    story.fires("collect", "03 05:05")


def the_bill_lands(story: Story) -> None:
    """Three months of it; every period is attributed."""
    story.at("03 05:10")
    story.land(story.drops.bill())
    story.fires("ingest", "03 05:25")
    story.fires("learn", "03 05:40")


def changes_are_proposed(story: Story) -> None:
    """By the clock: plan, analyze, open; the forge tells of each pull request."""
    story.fires("propose", "03 06:00")
    assert story.life().state is State.AWAITING, story.life()
    story.fires("alert", "03 06:10")


def people_come_to_work(story: Story) -> None:
    """From eight on changes may be made: what needs nobody merges by itself."""
    story.at("03 07:55")
    story.fires("verify", "03 08:00")


def a_person_confirms_their_accounts(story: Story) -> None:
    """They ask in Slack, and write the code that only they were sent on the forge."""
    story.at("03 08:45")
    slack, now = story.estate.slack, story.clock.now()
    story.send(slack.command("confirm", user=APPROVER_IN_SLACK, channel="C0FINOPS", at=now))
    story.settle()
    direct = slack.messages(f"D{APPROVER_IN_SLACK[1:]}")
    found = [code for message in direct for code in _CODE.findall(json.dumps(message["blocks"]))]
    assert len(found) == 1, direct
    ref = story.life().pull_request
    assert ref is not None
    story.estate.repository.people.comment(ref.number, f"trimtab confirm {found[0]}", APPROVER)
    story.settle()


def the_approver_clicks(story: Story) -> None:
    """On each card that still asks; the changes are merged and nobody else is asked."""
    story.at("03 09:00")
    for life in [each for each in story.every_life() if each.state is not State.MERGED]:
        assert life.card is not None
        story.send(story.estate.slack.click(life.card, "approve", user=APPROVER_IN_SLACK, at=story.clock.now()))
        story.settle()
    assert {life.state for life in story.every_life()} == {State.MERGED}, story.every_life()


def the_pipeline_applies_main(story: Story) -> None:
    """The repository's own pipeline; the next ticks of `verify` see it, and the pool is well."""
    story.at("03 09:50")
    moved = story.estate.apply()
    assert [line for line in moved if line.startswith(f"{CLUSTER.cluster.name}/{POOL}:")], moved
    story.fires("verify", "03 09:55")
    story.at("03 11:55")
    story.fires("verify", "03 12:00")
    assert story.life().state is State.APPLIED, story.life()


def ten_days_pass(story: Story) -> None:
    """The bill of the days since then lands, and tells what was saved."""
    story.at("13 08:55")
    story.fires("verify", "13 09:00")
    story.land(story.drops.week_later(story.aside, story.clock.now(), story.estate.sizes()))
    story.at("13 09:55")
    story.fires("verify", "13 10:00")
    assert story.life().state is State.VERIFIED, story.life()


def the_week_is_reported(story: Story) -> None:
    """Showback, to files and to Slack, before people come to work on the next Monday."""
    story.at("17 07:20")
    story.fires("verify", "17 07:25")
    story.fires("report", "17 07:30")


STEPS: tuple[Callable[[Story], None], ...] = (
    an_operator_allows_writing,
    usage_lands,
    the_bill_lands,
    changes_are_proposed,
    people_come_to_work,
    a_person_confirms_their_accounts,
    the_approver_clicks,
    the_pipeline_applies_main,
    ten_days_pass,
    the_week_is_reported,
)


# ── What is left of it ───────────────────────────────────────────────────────────────────────────────────────────────
def end(story: Story) -> dict[str, Any]:
    """All that matters when it is over, without what no two runs share."""
    ports, repository = story.cloud.ports(), story.estate.repository
    people, main = repository.people, repository.people.head("main")
    assert main is not None
    return {
        "proposals": sorted(_told(life) for life in lives(ports) if life.proposal),
        "pull requests": [[branch, state] for _, branch, state in people.pull_requests()],
        "texts": [_plain(text) for number, _, _ in people.pull_requests() for text in repository.texts(number)],
        "main": {
            path: (people.bytes_of(main, path) or b"").decode() for path in repository.git.files(main) if path.startswith("clusters/")
        },
        "messages": {channel.name: _said(story, channel.name) for channel in sorted((story.estate.slack.root / "messages").iterdir())},
        "cards": {life.planned().finding.subject.pool: _cards(story, life) for life in lives(ports) if life.proposal},
        "bill": [_reconciled(ports, key) for key in ports.documents.keys("summaries/all/")],
        "broken": [f"{each.key}: {each.problem}" for each in ports.ledger.verify()],
        "waiting": list(ports.inbox.pending()),
    }


def _told(life: Life) -> list[str]:
    planned, outcome = life.planned(), life.outcome
    return [
        planned.id, str(life.state), planned.finding.subject.pool, str(life.generation), life.merged_by,
        *(f"{each.kind} by {each.by}" for each in life.memory), *(f"{each.person} in {each.via}" for each in life.approvals),
        f"{outcome.is_healthy} {outcome.measured}" if outcome else "",
    ]  # fmt: skip


def _said(story: Story, channel: str) -> list[str]:
    messages = story.estate.slack.messages(channel)
    return sorted(_plain(json.dumps([message["text"], message["blocks"], "thread_ts" in message])) for message in messages)


def _cards(story: Story, life: Life) -> int:
    """Messages of its channel that stand by themselves and say what its card says."""
    assert life.card is not None
    messages = story.estate.slack.messages(life.card.channel)
    own = next(message for message in messages if message["ts"] == life.card.ts)
    return len([message for message in messages if message["text"] == own["text"] and "thread_ts" not in message])


def _plain(text: str) -> str:
    text = _AT_THAT_MOMENT.sub("touches #% of all pools", _OF_THIS_RUN.sub("#", text))
    return _PEOPLE.sub(lambda named: " ".join(sorted(re.findall(r"[a-z]+-owner", named[0]))), text)


def _reconciled(ports: Ports, key: str) -> list[str]:
    document = ports.documents.find(key)
    assert document is not None
    summary = Summary.from_json(document)
    return [summary.period, *(f"{each.measure} {each.currency} {each.billed} {each.difference}" for each in summary.reconciliations)]
