"""Tell the owner: announced in the record, sent once, recorded; where one way says no, or fails for hours, the next one is taken.

Slack is looked through for a message whose answer was lost. A mailbox shows a message of one id once. Into Teams nobody can look, so what
may have arrived there is not sent there again: it goes another way, which says so.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from trimtab.errors import BadInput, Broken, NotYet, Overloaded, Refused, Upstream
from trimtab.flow.alarms import UNWATCHED, WEEK, Book, Sent, Telling, Way, mark_of, subject, subject_of
from trimtab.flow.fixes import fixes
from trimtab.flow.masks import mask_of_messages
from trimtab.flow.wakeups import wake_propose
from trimtab.policy.masking import masked, masked_json
from trimtab.ports import Mail, MessageRef, Ports, Webhooks
from trimtab.records import BudgetNotice, Governance, Team
from trimtab.render import alerts
from trimtab.render.alerts import Alert, Fix, grown, largest

TOP = 3
"""How many causes a card names; a longer list is not read."""
MOST_PARTS = 1000
IN_FLIGHT = timedelta(minutes=3)
"""How long a message that another wake announced may be on its way."""
TRIED = timedelta(hours=20)
"""How long a way that said no is left alone."""
GIVEN_UP = timedelta(hours=4)
"""How long an alert waits for ways that only fail; from then on it goes the next way."""
Place = tuple[Way, str]
_WEEKS_TEXT = "These budgets of yours are near their limits. There is still time to act."
_UNWATCHED_TEXT = (
    "No cost is known of what these budgets are about, so nobody is ever told of them. Their names in owners.yaml may be wrong."
)


class NobodyTold(Refused):
    """Every way said no."""


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a notice is about, as far as it is known."""

    team: Team | None
    """Who is told; None = the default channel."""
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    """What the parts of its scope cost, as far as whoever is told may see them."""
    currency: str = ""
    clusters: tuple[str, ...] = ()
    """Names of its clusters; () = any."""
    notes: tuple[str, ...] = ()


def tell(notice: BudgetNotice, about: About, governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    """Tell of a notice, unless its threshold in its period was told before; a heartbeat tells nobody."""
    if notice.is_heartbeat:
        return "a heartbeat: no threshold was crossed"
    book = Book.open(ports, subject_of(notice, f"{now:%Y-%m}"), key, now)
    if book.alarm.speaks_for(notice):
        return f"told before: {notice.name}"
    begun, known = _begun(notice, about, book), book.alarm.telling(mark_of(notice))
    # Nobody has it yet: it is said as it is now, to whoever is told now, and what was tried stays tried.
    telling = replace(begun, at=known.at, sent=known.sent) if known else begun
    if known is None:
        # Before anything is announced, so that a wake that dies in between is not lost; waking twice is waking once.
        wake_propose(f"team {telling.team}" if telling.team else notice.name, about.clusters, ports, now)
    message, telling = _sent(book, telling, about.team, governance, ports)
    book.write("told", _where(message), replace(book.put(telling), parts=_most(about.parts), parts_at=now))
    return f"told {message.place}: {telling.name}"


def tell_week(team: Team, lines: tuple[str, ...], governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    """The week's note to a team whose budgets are near their limits; once a week, whatever they do meanwhile."""
    # Monday's morning in Auckland is Sunday's evening in UTC: the week is the one where the team is.
    year, week, _ = now.astimezone(ZoneInfo(team.time_zone)).isocalendar()
    book = Book.open(ports, subject("week", team.name, f"{year}-W{week:02d}"), key, now)
    telling = book.alarm.telling(WEEK) or _week_begun(team, lines, book)
    if telling.is_told:
        return f"told before: {team.name}"
    message, telling = _sent(book, telling, team, governance, ports)
    book.write("told", _where(message), book.put(telling))
    return f"told {message.place}: {len(lines)} budgets near their limits"


def _week_begun(team: Team, lines: tuple[str, ...], book: Book) -> Telling:
    return Telling(mark=WEEK, name=f"budgets of {team.name}", at=book.now, team=team.name, causes=("Budgets near their limits", lines))


def tell_unwatched(whys: Mapping[str, str], governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    """Name the budgets that watch nothing, each once a month, in the default channel: whose they are may be what is wrong."""
    book = Book.open(ports, subject("unwatched", "", f"{now:%Y-%m}"), key, now)
    named = {line.partition(":")[0] for known in book.alarm.tellings if known.is_told for line in known.causes[1]}
    lines = tuple(f"{budget}: {why}" for budget, why in sorted(whys.items()) if budget not in named)
    if not lines:
        return "told before"
    mark = f"{UNWATCHED}-{hashlib.sha256(repr(lines).encode()).hexdigest()[:8]}"
    begun = Telling(mark=mark, name="budgets that watch nothing", at=now, causes=("Budgets that watch nothing", lines))
    message, telling = _sent(book, book.alarm.telling(mark) or begun, None, governance, ports)
    book.write("told", _where(message), book.put(telling))
    return f"told {message.place}: {len(lines)} budgets watch nothing"


def _where(message: Sent) -> str:
    return f"{message.way} {message.place} {message.ts}".rstrip()


def _begun(notice: BudgetNotice, about: About, book: Book) -> Telling:
    return Telling(
        mark=mark_of(notice),
        name=notice.name,
        notice=notice,
        at=book.now,
        team=about.team.name if about.team else None,
        causes=_causes(about, book),
        notes=about.notes,
        clusters=about.clusters,
    )


def _most(parts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The largest parts: an entry of the record is no table of a whole estate."""
    top = sorted(parts.items(), key=lambda part: (-part[1], part[0]))[:MOST_PARTS]
    return dict(top)


def _causes(about: About, book: Book) -> tuple[str, tuple[str, ...]]:
    """What grew since somebody was told last of this budget and period; at first, what costs most."""
    since = book.alarm.parts_at
    if since is None:
        return "What costs most", largest(about.parts, about.currency, TOP)
    lines = grown(about.parts, book.alarm.parts, about.currency, TOP)
    return f"What grew since the alert of {since:%Y-%m-%d}", lines or ("Nothing that is attributed has grown since.",)


# ── the ways ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _places(team: Team | None, ports: Ports) -> list[Place]:
    """Where the team is told, the best way first; last, the deployment's default channel."""
    found: list[Place] = []
    if team is not None:
        found += [("slack", team.channel)] if team.channel else []
        found += [("teams", team.teams_webhook)] if team.teams_webhook else []
        found += [("mail", team.name)] if team.email else []
    default = ports.settings.default_channel
    return [*found, *([("slack", default)] if default and ("slack", default) not in found else [])]  # type: ignore[list-item]


def _sent(book: Book, telling: Telling, team: Team | None, governance: Governance, ports: Ports) -> tuple[Sent, Telling]:
    """The message that somebody has now. Raises NobodyTold where no way is left, NotYet while another wake is at it."""
    places = _places(team, ports)
    if not places:
        raise BadInput(f"budget {telling.name!r}: no team has this name and settings.default_channel is empty, so nobody can be told")
    for way, place in places:
        known = next((message for message in telling.sent if (message.way, message.place) == (way, place)), None)
        if known is not None and known.state in {"refused", "unknown"} and book.now - known.at < TRIED:
            continue
        is_resumed = known is not None and known.state == "announced"
        if known is None or not is_resumed:
            known = Sent(way=way, place=place, nonce=book.nonce(f"{telling.mark}/{way}"), by=book.actor, at=book.now)
            telling = _with(telling, known)
            book.write("intent:alert", f"{telling.name} to {way} {place}", book.put(telling))
        elif known.by != book.actor and book.now - known.at < IN_FLIGHT:
            raise NotYet(f"{telling.name}: another wake announced this alert at {known.at:%H:%M:%S}; again later")
        is_last = (way, place) == places[-1]
        message = _attempt(book, telling, known, governance, ports, is_resumed=is_resumed, is_last=is_last)
        telling = _with(telling, message)
        if message.state == "done":
            return message, telling
        book.write("not-told", f"{way} {place}: {message.why}", book.put(telling))
    why = "; ".join(f"{message.way} {message.place}: {message.why}" for message in telling.sent)
    raise NobodyTold(f"budget {telling.name!r}: nobody could be told: {why}")


def _with(telling: Telling, message: Sent) -> Telling:
    others = tuple(known for known in telling.sent if (known.way, known.place) != (message.way, message.place))
    return replace(telling, sent=(*others, message))


def _attempt(book: Book, telling: Telling, message: Sent, governance: Governance, ports: Ports, *, is_resumed: bool, is_last: bool) -> Sent:
    """Send it, or find that it was sent. A way that says no is an answer; one that fails is raised, until there was time enough."""
    if is_resumed and message.way == "teams":
        why = "it may have arrived there already, and nobody can look; so it is told another way"
        return replace(message, state="unknown", why=why)
    alert = said(book.subject, telling, governance, ports)
    try:
        ref = deliver(message, alert, governance, ports, is_resumed=is_resumed)
    except Broken:
        raise
    except Upstream as error:
        if not is_last and book.now - telling.at >= GIVEN_UP:
            ports.log.warning("alert.given-up", way=message.way, place=message.place, input=str(error))
            # Of a way that was only busy it is known that it took nothing.
            return replace(message, state="refused" if isinstance(error, Overloaded) else "unknown", why=f"given up: {error}"[:300])
        if not isinstance(error, Overloaded):
            raise
        # It was not taken: announced no longer, it is sent by the next delivery of the same wake.
        book.write("not-sent", f"{message.way} {message.place} is busy", book.put(replace(telling, sent=_without(telling, message))))
        raise
    except (BadInput, Refused) as error:
        ports.log.warning("alert.refused", way=message.way, place=message.place, input=str(error))
        return replace(message, state="refused", why=str(error)[:300])
    return arrived(message, ref)


def arrived(message: Sent, ref: MessageRef | None) -> Sent:
    """The message as it is after it was sent, with where it stands."""
    return replace(message, state="done", channel=ref.channel if ref else "", ts=ref.ts if ref else "")


def _without(telling: Telling, message: Sent) -> tuple[Sent, ...]:
    return tuple(known for known in telling.sent if known != message)


def deliver(message: Sent, alert: Alert, governance: Governance, ports: Ports, *, is_resumed: bool) -> MessageRef | None:
    """One message the way it goes; where it stands in Slack, None elsewhere."""
    mask = mask_of_messages(governance, ports, message.place if message.way == "slack" else "")
    match message.way:
        case "slack":
            found = ports.chat.find(message.place, message.nonce) if is_resumed else None
            blocks, text = masked_json(alerts.slack_blocks(alert), mask), masked(alert.text, mask)
            return found or ports.chat.post(message.place, blocks, text, message.nonce)
        case "teams":
            _webhooks(ports).post(message.place, masked_json([alerts.adaptive_card(alert)], mask)[0])
        case "mail":
            subject, text = alerts.mail(alert)
            # The record knows the team; its address, which may be somebody's, stands in owners.yaml alone.
            to = next((team.email for team in governance.teams if team.name == message.place), "")
            _mail(ports).send(to, masked(subject, mask), masked(text, mask), message.nonce)
    return None


def _webhooks(ports: Ports) -> Webhooks:
    if ports.webhooks is None:
        raise Refused("this function has no webhook of Microsoft Teams; set TRIMTAB_TEAMS_WEBHOOKS")
    return ports.webhooks


def _mail(ports: Ports) -> Mail:
    if ports.mail is None or not ports.mail.is_configured:
        raise Refused("no mail server is configured; set settings.mail_server")
    return ports.mail


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────────────
def said(subject: str, telling: Telling, governance: Governance, ports: Ports) -> Alert:
    """The alert as it is shown now: its causes as they were, what would help as it is, and who is on it."""
    team = next((team for team in governance.teams if team.name == telling.team), None)
    helps, notes = fixes(ports, team, telling.clusters), (*telling.notes, *_failed(telling))
    if telling.notice is None:
        return _note(telling, helps, notes)
    return alerts.alert(
        telling.notice,
        wording=ports.wording,
        drivers=telling.causes,
        fixes=helps,
        notes=notes,
        is_masked=governance.access.mask != "none",
        button=f"{subject} {telling.mark}",
        status=f"{telling.on_it} is on it since {telling.on_it_at:%Y-%m-%d %H:%M} UTC." if telling.on_it and telling.on_it_at else "",
    )


def _note(telling: Telling, helps: tuple[Fix, ...], notes: tuple[str, ...]) -> Alert:
    """About several budgets; what nobody knows the cost of, no proposal lowers."""
    title, lines = telling.causes
    is_unwatched = telling.mark.startswith(UNWATCHED)
    text = _UNWATCHED_TEXT if is_unwatched else _WEEKS_TEXT
    return Alert(headline=title, text=text, drivers_title=title, drivers=lines, fixes=None if is_unwatched else helps, notes=notes)


def _failed(telling: Telling) -> tuple[str, ...]:
    """Which ways failed before this one: whoever reads it may be able to mend them. Why, in others' words, stands in the record alone."""
    words = {"refused": "It could not be told by {}: that way needs mending.", "unknown": "It may also have arrived by {}."}
    return tuple(words[message.state].format(f"{message.way} {message.place}") for message in telling.sent if message.state in words)
