"""What the clock does about alerts: tells the next one where nobody is on it, once a week whoever is near a limit, and of blind budgets."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from trimtab.attribution.budget_cost import scope_of
from trimtab.errors import BadInput, Broken, NotYet, Refused, Upstream
from trimtab.flow.alarms import Book, Sent, Telling
from trimtab.flow.budgets import Standing, months, owner_of, standings, subject_of_month
from trimtab.flow.governance import home_governance
from trimtab.flow.life import until_settled
from trimtab.flow.telling import IN_FLIGHT, TRIED, arrived, deliver, said, tell_unwatched, tell_week
from trimtab.flow.unwatched import unwatched
from trimtab.ports import Ports
from trimtab.records import Budget, Governance, Team

NOTE_HOUR = 9
"""Hour of Monday, where the team is, from which the week's note is sent."""
LATE = timedelta(days=3)
"""How long after its time an escalation of an earlier month's alert is still looked for: the clock may have stood still."""
NEAR = Decimal("0.8")
"""Share of a budget, spent or forecast, from which it is near its limit."""


def follow_up(key: str, ports: Ports, now: datetime) -> str:
    """All of it, for every budget; one that fails keeps no other from being looked at."""
    governance = home_governance(ports)
    due = {budget.id: partial(_escalated, budget, governance, key, ports, now) for budget in governance.budgets if budget.escalate_to}
    notes = {team.name: partial(_noted, team, governance, key, ports, now) for team in governance.teams if _is_time(team, now)}
    escalated, refused = _each(due, ports)
    noted, failed = _each(notes, ports)
    named, unnamed = _each({"budgets that watch nothing": partial(_named, governance, key, ports, now)}, ports)
    if refused or failed or unnamed:
        raise Upstream("; ".join((*refused, *failed, *unnamed)))
    return f"{escalated} escalated, {noted} weekly notes{', budgets that watch nothing were named' if named else ''}"


def _each(steps: Mapping[str, Callable[[], str]], ports: Ports) -> tuple[int, list[str]]:
    """How many told somebody, and what failed outside; what cannot be done is said by name."""
    done, failures = 0, []
    for name, step in steps.items():
        try:
            done += until_settled(step).startswith("told ")
        except Upstream as error:
            failures.append(f"{name}: {error}")
        except (BadInput, Refused) as error:
            ports.log.warning("alert.follow-up-refused", about=name, input=str(error))
    return done, failures


def _named(governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    """Those on which nobody can rely, said before anybody does."""
    whys = unwatched(governance.budgets, ports, now)
    return tell_unwatched(whys, governance, key, ports, now) if whys else "all are watched"


# ── nobody is on it ──────────────────────────────────────────────────────────────────────────────────────────────────
def _escalated(budget: Budget, governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    answers = [_escalate(budget, month, governance, key, ports, now) for month in _months_told(budget, now)]
    return next((answer for answer in answers if answer), "nothing is due")


def _months_told(budget: Budget, now: datetime) -> list[str]:
    """The months of which an alert that waits, or is due, was told: on the 11th the last one is not judged any more, and may be due."""
    waits = timedelta(hours=budget.escalate_after_hours)
    return sorted({month for back in (timedelta(0), waits, waits + LATE) for month in months(now - back)})


def _escalate(budget: Budget, month: str, governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    """Tell the next one of the newest alert that nobody took up in time; that speaks for those before it."""
    book = Book.open(ports, subject_of_month(budget, month), key, now)
    waits = timedelta(hours=budget.escalate_after_hours)
    due = [telling for telling in _untaken(book) if telling.told_at is not None and now - telling.told_at >= waits]
    if not due or any(message.state == "done" for message in due[-1].escalated):
        return ""
    return _told(book, due[-1], budget, governance, ports)


def _untaken(book: Book) -> list[Telling]:
    """Those since the last one that somebody is on, oldest first."""
    told = [telling for telling in book.alarm.tellings if telling.is_told]
    last = max((place for place, telling in enumerate(told) if telling.on_it), default=-1)
    return told[last + 1 :]


def _told(book: Book, telling: Telling, budget: Budget, governance: Governance, ports: Ports) -> str:
    """Tell the next one; where that channel says no, the default one, unless the alert itself stands there."""
    refusals = []
    for place in _next_places(telling, budget, ports):
        known = next((message for message in telling.escalated if message.place == place), None)
        if known is not None and known.state == "refused" and book.now - known.at < TRIED:
            continue
        try:
            return _told_in(place, known, book, telling, budget, governance, ports)
        except (BadInput, Refused) as error:
            if isinstance(error, Broken):
                raise
            refusals.append(f"{place}: {error}")
            telling = book.alarm.telling(telling.mark) or telling
    if refusals:
        raise Refused("; ".join(refusals))
    return ""


def _next_places(telling: Telling, budget: Budget, ports: Ports) -> tuple[str, ...]:
    taken = {"", *(message.place for message in telling.sent if message.state == "done")}
    return tuple(dict.fromkeys((budget.escalate_to, *({ports.settings.default_channel} - taken))))


def _told_in(place: str, known: Sent | None, book: Book, telling: Telling, budget: Budget, governance: Governance, ports: Ports) -> str:
    """Announce, send, record; a channel that says no is recorded and raised."""
    is_resumed = known is not None and known.state == "announced"
    if known is not None and is_resumed and known.by != book.actor and book.now - known.at < IN_FLIGHT:
        raise NotYet(f"{telling.name}: another wake is escalating this alert; again later")
    if known is None or not is_resumed:
        nonce = book.nonce(f"{telling.mark}/escalation")
        known = Sent(way="slack", place=place, nonce=nonce, by=book.actor, at=book.now)
        telling = _with(telling, known)
        book.write("intent:escalation", f"{telling.name} to {known.place}", book.put(telling))
    alert = said(book.subject, telling, governance, ports)
    alert = replace(alert, headline="Nobody has taken up an alert", notes=(*_why(telling, budget), *alert.notes))
    try:
        ref = deliver(known, alert, governance, ports, is_resumed=is_resumed)
    except (BadInput, Refused) as error:
        refused = replace(known, state="refused", why=str(error)[:300])
        book.write("not-escalated", f"{known.place}: {error}", book.put(_with(telling, refused)))
        raise
    message = arrived(known, ref)
    book.write("escalated", f"slack {known.place} {message.ts}", book.put(_with(telling, message)))
    return f"told {known.place}: {telling.name}"


def _with(telling: Telling, message: Sent) -> Telling:
    return replace(telling, escalated=(*(known for known in telling.escalated if known.place != message.place), message))


def _why(telling: Telling, budget: Budget) -> tuple[str, ...]:
    """Who was told before, and which channel should have been told next and could not be."""
    where = ", ".join(f"{message.way} {message.place}" for message in telling.sent if message.state == "done")
    since, hours = telling.told_at or telling.at, budget.escalate_after_hours
    note = f"{where} was told on {since:%Y-%m-%d %H:%M} UTC, and for {hours} hours nobody said that they are on it."
    refused = (message.place for message in telling.escalated if message.state == "refused")
    return (note, *(f"It could not be told by slack {place}: that way needs mending." for place in refused))


# ── near a limit ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _is_time(team: Team, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(team.time_zone))
    return local.weekday() == 0 and local.hour >= NOTE_HOUR


def _noted(team: Team, governance: Governance, key: str, ports: Ports, now: datetime) -> str:
    lines = _near(governance, ports, now).get(team.name, ())
    return tell_week(team, lines, governance, key, ports, now) if lines else "nothing is near its limit"


def _near(governance: Governance, ports: Ports, now: datetime) -> Mapping[str, tuple[str, ...]]:
    """Team → a line for each of its budgets that is near its limit this month, or over it."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for budget in governance.budgets:
        standing = _this_month(budget, ports, now)
        owner = owner_of(standing, governance) if standing is not None else None
        if standing is not None and owner is not None and _is_near(standing):
            found[owner.name] += (_line(standing),)
    return found


def _this_month(budget: Budget, ports: Ports, now: datetime) -> Standing | None:
    """None where nothing is known; one that cannot be read keeps no other out of the note."""
    try:
        return next((standing for standing in standings(budget, ports, now) if standing.month == months(now)[-1]), None)
    except Broken as error:
        ports.log.warning("budget.refused", budget=budget.id, input=str(error))
        return None


def _is_near(standing: Standing) -> bool:
    forecast = standing.forecast.total if standing.forecast else standing.cost.spent
    return max(standing.cost.spent, forecast) >= NEAR * standing.budget.amount


def _line(standing: Standing) -> str:
    budget, spent = standing.budget, standing.cost.spent
    ahead = standing.forecast
    forecast = f", forecast {ahead.total:,.2f} {budget.currency} ({_percent(ahead.total, budget)})" if ahead else ""
    whole = f"of {budget.amount:,.2f} {budget.currency}"
    return f"{budget.id} ({scope_of(budget)}): {spent:,.2f} {budget.currency} spent {whole} ({_percent(spent, budget)}){forecast}"


def _percent(amount: Decimal, budget: Budget) -> str:
    return f"{100 * amount / budget.amount:.0f}%"
