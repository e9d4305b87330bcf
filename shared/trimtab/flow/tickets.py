"""Findings that need somebody's attention become tickets in the tenant's own system: one for each wish, however often it is found.

A ticket is announced before it is opened and found again by its mark; a system may not show for minutes what it just took, so a ticket
that was announced a moment ago is left alone until it can be looked for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.analysis.fingerprint import fingerprint
from trimtab.analysis.ranking import worth
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.flow.bills import Bills
from trimtab.flow.codec import dump, load
from trimtab.flow.life import Intent, Life, Moved
from trimtab.flow.masks import mask_of_messages
from trimtab.policy.masking import Mask, masked
from trimtab.ports import Ports, Tickets
from trimtab.records import Cluster, Entry, Finding, Governance, TicketRules
from trimtab.render.text import shown

STREAMS = "tickets/"
MOST = 20
"""Tickets that one run opens; what is left is found again by the next one."""
SHOWS_WITHIN = timedelta(minutes=30)
"""A run announces with the time that it began at, which may be a quarter of an hour ago."""
MOST_FAILURES = 3
"""A system that does not answer is not waited for once for each wish: the next run tries again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """What a wish's stream says, folded."""

    fingerprint: str = ""
    key: str = ""
    """The ticket's own; "" = none is known yet."""
    url: str = ""
    intent: Intent | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A finding, where it is, and whose it is."""

    finding: Finding
    cluster: Cluster
    owners: tuple[str, ...] | None
    """Teams that share its cost; () = nobody does, None = such a thing has no owners on record."""


def keep_tickets(
    findings: Sequence[Finding], clusters: Sequence[Cluster], known: Sequence[Life], governance: Governance, ports: Ports, now: datetime
) -> int:
    """Open the tickets that the config asks for; how many were opened. A system that fails keeps nothing else from being done."""
    rules, tickets = governance.tickets, ports.tickets
    if rules is None:
        return 0
    if tickets is None or tickets.system != rules.system:
        ports.log.warning("tickets.not-configured", system=rules.system)
        return 0
    if others := sorted({worth(finding).currency for finding in findings} - {governance.currency}):
        ports.log.warning("tickets.other-currency", wanted=governance.currency, input=", ".join(others))
    opened = failures = 0
    mask = mask_of_messages(governance, ports)
    urls = {part.finding.subject: life.pull_request.url for life in known if life.pull_request for part in life.planned().parts}
    for wish in _wishes(findings, clusters, ports):
        why = _reason(wish, rules, governance.currency)
        if opened >= MOST or failures >= MOST_FAILURES:
            break
        if not why:
            continue
        text = masked(_text(wish, why, urls.get(wish.finding.subject, "")), mask)
        try:
            opened += _settle(wish, rules, text, mask, tickets, ports, now)
        except (BadInput, Refused, Upstream, Moved) as error:
            failures += isinstance(error, Upstream)
            ports.log.warning("ticket.refused", cluster=wish.cluster.uid, input=str(error))
    return opened


def _wishes(findings: Sequence[Finding], clusters: Sequence[Cluster], ports: Ports) -> list[Wish]:
    by_uid = {cluster.uid: cluster for cluster in clusters}
    bills = Bills(ports.documents)
    found = []
    for finding in findings:
        cluster = by_uid.get(finding.subject.cluster_uid)
        if cluster is not None:
            is_pool = finding.subject.kind == "pool"
            owners = tuple(team for team, _ in bills.owners(cluster.name, finding.subject.pool)) if is_pool else None
            found.append(Wish(finding=finding, cluster=cluster, owners=owners))
    return found


def _reason(wish: Wish, rules: TicketRules, currency: str) -> str:
    """Why it becomes a ticket; "" = it does not. A saving in another currency is above no amount of this one."""
    saving = worth(wish.finding)
    if saving.currency == currency and saving.amount >= rules.saving_at_least and saving.amount > 0:
        return f"It saves {saving} a month, and tickets begin at {rules.saving_at_least:f}."
    return "No team is known to answer for this pool." if rules.without_owner and wish.owners == () else ""


def _settle(wish: Wish, rules: TicketRules, text: str, mask: Mask, tickets: Tickets, ports: Ports, now: datetime) -> int:
    """Announce, open once, record; 1 where a ticket was opened now."""
    stream = STREAMS + _hash(f"{wish.finding.subject}|{wish.finding.rule}")[:24]
    head = ports.ledger.head(stream)
    book = load(Book, head.state, f"streams/{stream}: state") if head else Book()
    wanted = fingerprint(wish.finding, book.fingerprint) if book.fingerprint else fingerprint(wish.finding)
    if book.key and book.fingerprint == wanted:
        return 0
    is_announced = book.intent is not None and book.fingerprint == wanted
    if is_announced and book.intent and book.intent.at and now - book.intent.at < SHOWS_WITHIN:
        return 0
    mark = f"trimtab-{_hash(wanted)[:20]}"
    announced = Book(fingerprint=wanted, intent=Intent(nonce=mark, by="propose", at=now))
    if not is_announced:
        head = _write(stream, head, "intent:ticket", mark, announced, ports, now)
    found = tickets.find(mark)
    if found is None and is_announced:
        # Sent again now, it may not show for minutes from now; and of two that resume it, one sends it.
        head = _write(stream, head, "intent:ticket", mark, announced, ports, now)
    ticket = found or tickets.open(mark, project=rules.project, title=masked(_title(wish), mask), text=text)
    _write(stream, head, "ticket", ticket.url, Book(fingerprint=wanted, key=ticket.key, url=ticket.url), ports, now)
    return 0 if found else 1


def _write(stream: str, after: Entry | None, kind: str, reason: str, book: Book, ports: Ports, now: datetime) -> Entry:
    entry = ports.ledger.append(stream, after, kind=kind, at=now, actor="propose", reason=reason, body={}, state=dump(book))
    if entry is None:
        raise Moved(stream)
    return entry


def _title(wish: Wish) -> str:
    changes = ", ".join(f"{change.field} {shown(change.old, 40)} to {shown(change.new, 40)}" for change in wish.finding.changes)
    return f"{shown(wish.cluster.name)}/{shown(wish.finding.subject.pool)}: {changes or wish.finding.rule}"


def _text(wish: Wish, why: str, url: str) -> str:
    finding, evidence = wish.finding, wish.finding.evidence
    basis = "" if finding.saving_effective else " at list price"
    unit = shown(evidence.unit, 20)
    lines = (
        f"{_title(wish)} would save {worth(finding)} a month{basis}.",
        why,
        finding.needs_person,
        f"Measured for {evidence.days} days with {100 * evidence.coverage:.1f}% of samples; highest demand {evidence.peak:g} {unit}.",
        f"Cluster {shown(wish.cluster.name)} ({wish.cluster.uid}), project {shown(wish.cluster.project)}.",
        f"Pull request: {url}" if url else "There is no pull request for it yet.",
    )
    return "\n".join(line for line in lines if line)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
