"""Which rules were the newest when: one stream per repo, so that what is looser counts only once it has stood for a day.

A version is recorded when it is first seen at the tip of the default branch, and announced once. The first ever counts at once: there is
nothing before it. What cannot be read is no version, and so never ends the say of the one before it. Whoever only reads records nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.errors import BadInput, Broken, Refused, Upstream
from trimtab.flow.codec import dump, load
from trimtab.flow.governance import read_governance
from trimtab.flow.life import ATTEMPTS, Moved
from trimtab.policy.earlier import LOOSER_AFTER, Earlier
from trimtab.policy.loosened import loosened
from trimtab.ports import Ports
from trimtab.records import CommitSha, Entry, Governance, Json
from trimtab.render.text import shown

STREAMS = "rules/"
MOST = 12
"""So many versions of one day are read again; after more of them nothing merges until they are a day old."""
MOST_TOLD = 12
_LONGEST = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One content of `.trimtab/`, and the commit at which it was first seen."""

    version: str
    commit: CommitSha
    seen: datetime
    until: datetime | None = None
    """When a newer one was first seen; None = it is the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The versions that may still have a say, the newest last."""

    versions: tuple[Version, ...]
    dropped: Version | None = None
    """The newest of those that are not kept here, for there were too many of them within a day."""
    is_announced: bool = True
    """Whether people were told of the newest."""

    @property
    def newest(self) -> Version:
        """The one at the tip when somebody last looked."""
        return self.versions[-1]


def history_of(repo: str, ports: Ports) -> History | None:
    """What the record knows; None = nobody has looked yet."""
    head = ports.ledger.head(STREAMS + repo)
    return _history(head) if head else None


def _history(head: Entry) -> History:
    return load(History, head.state, f"streams/{head.stream}/{head.n}: state")


def is_noted(history: History | None, governance: Governance) -> bool:
    """True where these rules are on record as the newest, and people were told."""
    return history is not None and history.newest.version == governance.version and history.is_announced


# ── what had a say before ────────────────────────────────────────────────────────────────────────────────────────────
def earlier_rules(repo: str, history: History | None, governance: Governance, ports: Ports) -> tuple[Earlier, ...]:
    """Every other version on record that may still count, oldest first; read from the forge, at the commit where it was seen."""
    if history is None:
        return ()
    others = [version for version in history.versions if version.version != governance.version]
    lost = (_unread(history.dropped, f"there were over {MOST} versions within a day"),) if history.dropped else ()
    return (*lost, *(_read(repo, version, ports) for version in others))


def _read(repo: str, version: Version, ports: Ports) -> Earlier:
    try:
        rules = read_governance(ports, repo, version.commit)
    except (BadInput, Refused) as error:
        ports.log.warning("rules.unreadable", repo=repo, commit=version.commit, input=str(error))
        return _unread(version, "they cannot be read any more")
    if rules.version != version.version:
        return _unread(version, "their commit holds other rules than it did")
    return Earlier(until=version.until, commit=version.commit, governance=rules)


def _unread(version: Version, problem: str) -> Earlier:
    return Earlier(until=version.until, commit=version.commit, governance=None, problem=problem)


# ── keeping it ───────────────────────────────────────────────────────────────────────────────────────────────────────
def note_rules(repo: str, commit: CommitSha, governance: Governance, ports: Ports, now: datetime) -> None:
    """Record rules that were not seen before at the tip, and tell people of them; doing it twice is doing it once."""
    for _ in range(ATTEMPTS):
        head = ports.ledger.head(STREAMS + repo)
        history = _history(head) if head else None
        if is_noted(history, governance):
            return
        if history is None or history.newest.version != governance.version:
            if history is not None and not _is_tip(repo, commit, ports):
                return
            _append(repo, head, "version", _followed(history, governance, commit, now), governance.version[:12], ports, now)
        elif not _is_told(repo, head, history, governance, ports):
            return
        else:
            _append(repo, head, "announced", replace(history, is_announced=True), governance.version[:12], ports, now)
    raise Moved(f"gave up after {ATTEMPTS} tries: another writer of {STREAMS}{repo} is always first")


def _is_tip(repo: str, commit: CommitSha, ports: Ports) -> bool:
    """What was read a while ago may be old rules by now: they must not come back as new ones."""
    ports.forge.forget()
    return ports.forge.base_head(repo, ports.settings.repository(repo).branch) == commit


def _followed(history: History | None, governance: Governance, commit: CommitSha, now: datetime) -> History:
    new = Version(version=governance.version, commit=commit, seen=now)
    if history is None:
        return History(versions=(new,))
    ended = (*history.versions[:-1], replace(history.newest, until=now))
    counting = tuple(version for version in ended if version.until is not None and now < version.until + LOOSER_AFTER)
    dropped = counting[-MOST - 1] if len(counting) > MOST else history.dropped
    return History(versions=(*counting[-MOST:], new), dropped=dropped, is_announced=False)


def _append(repo: str, head: Entry | None, kind: str, history: History, reason: str, ports: Ports, now: datetime) -> None:
    """Where another writer was first, the head is read again."""
    body: Json = {"commit": history.newest.commit, "version": history.newest.version}
    ports.ledger.append(STREAMS + repo, head, kind=kind, at=now, actor="trimtab", reason=reason, body=body, state=dump(history))


# ── telling people ───────────────────────────────────────────────────────────────────────────────────────────────────
def _is_told(repo: str, head: Entry | None, history: History, governance: Governance, ports: Ports) -> bool:
    """Say it in the log and in the deployment's channel; False = Slack does not answer, so that whoever looks next says it."""
    before = [each.governance for each in earlier_rules(repo, history, governance, ports) if each.governance is not None]
    looser = tuple(dict.fromkeys(sentence for rules in before for sentence in loosened(rules, governance)))
    text = ports.named(announcement(repo, history.newest, looser))
    channel = ports.settings.default_channel
    nonce = hashlib.sha256(f"{STREAMS}{repo}/{history.newest.seen}/{head.hash if head else ''}".encode()).hexdigest()[:20]
    try:
        if channel and ports.chat.is_configured and ports.chat.find(channel, nonce) is None:
            ports.chat.post(channel, [{"type": "section", "text": {"type": "plain_text", "text": text[:3000]}}], text, nonce)
    except Broken:
        raise
    except Refused as error:
        ports.log.warning("rules.not-told", repo=repo, input=str(error))
    except Upstream as error:
        ports.log.warning("rules.not-told", repo=repo, input=str(error))
        return False
    ports.log.info("rules.changed", repo=repo, version=history.newest.version, commit=history.newest.commit, input=list(looser))
    return True


def announcement(repo: str, newest: Version, looser: Sequence[str]) -> str:
    """What people are told: what is looser counts tomorrow, so that whoever did not expect it can still say stop."""
    counts = f"{newest.seen + LOOSER_AFTER:%Y-%m-%d %H:%M} UTC"
    head = f"The rules of {shown(repo)} changed with commit {newest.commit[:10]}. What is stricter counts now."
    if not looser:
        return f"{head} Nothing is looser."
    named = [f"- {shown(sentence, _LONGEST)}" for sentence in looser[:MOST_TOLD]]
    more = [f"- and {len(looser) - MOST_TOLD} more"] if len(looser) > MOST_TOLD else []
    return "\n".join([f"{head} What is looser counts from {counts}:", *named, *more, "If nobody meant this: /trimtab stop"])
