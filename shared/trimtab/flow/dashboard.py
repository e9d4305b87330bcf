"""One issue per repo with everything pending, found again by what the ledger recorded and written only when what it says changes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trimtab.errors import BadInput, Broken, Refused
from trimtab.flow.codec import dump, load
from trimtab.flow.ground import Ground
from trimtab.flow.life import Intent, Life, Moved, lives, until_settled
from trimtab.flow.masks import mask_of_repo
from trimtab.lifecycle import State
from trimtab.policy.masking import masked
from trimtab.ports import Ports
from trimtab.records import ClusterUid, Entry, Governance, Issue, Json, Refusal, Stage
from trimtab.render.dashboard import TITLE, Page, Pending, Reason, TurnedDown, dashboard
from trimtab.render.view import saving_of, titled

STREAMS = "dashboards/"
IN_FLIGHT = timedelta(minutes=3)
"""How long an issue that another function announced may be on its way."""
_PENDING = (State.PLANNED, State.OPEN, State.AWAITING, State.APPROVED, State.MERGING, State.EXPIRED, State.HUMAN_OWNED)
_TURNED_DOWN = (State.REJECTED, State.SNOOZED, State.IGNORED)
_LIMITS = ("limits.", "breaker", "open-limit", "cool-down", "one-at-a-time")
"""How the reasons of what only has to wait for room begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """What the record knows of a repo's page."""

    number: int | None = None
    url: str = ""
    digest: str = ""
    """Of what it says, without its date."""
    nonce: str = ""
    intent: Intent | None = None


def keep_dashboard(repo: str, ground: Ground, actor: str, ports: Ports, now: datetime) -> str:
    """Bring a repo's page up to date; "" where nothing changed, or where nothing may be written there.

    A forge that says no (no issues in that repo, no right to them) is told to the log and stops nothing.
    """
    governance = ground.governance
    if governance is None or not governance.has_dashboard or not _may_write(governance, ports):
        return ""
    text = masked(dashboard(_page(repo, ports), ports.wording), mask_of_repo(governance, ground.rules, ports))
    try:
        return until_settled(lambda: _settle(repo, text, actor, ports, now))
    except Broken:
        raise
    except (BadInput, Refused) as error:
        ports.log.warning("dashboard.refused", repo=repo, input=str(error))
        return ""


def _may_write(governance: Governance, ports: Ports) -> bool:
    """Where everything is only observed, nothing is written to the forge at all."""
    stages = {governance.default_stage, *(rule.stage for rule in governance.stages)}
    return stages != {Stage.OBSERVE} and ports.settings.highest_stage is not Stage.OBSERVE and ports.permit.stop_reason() is None


# ── the issue ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _settle(repo: str, text: str, actor: str, ports: Ports, now: datetime) -> str:
    head = ports.ledger.head(STREAMS + repo)
    board = load(Board, head.state, f"streams/{STREAMS}{repo}: state") if head else Board()
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    if board.digest == digest:
        return ""
    if board.number is not None:
        try:
            ports.forge.edit_issue(repo, board.number, title=TITLE, body=ports.named(_whole(text, board.nonce, now)))
        except Refused:
            if any(issue.number == board.number for issue in ports.forge.issues(repo)):
                raise
            _write(repo, head, "gone", f"{board.url} was deleted", Board(), actor, ports, now)
            return _settle(repo, text, actor, ports, now)
        _write(repo, head, "written", board.url, replace(board, digest=digest), actor, ports, now)
        return f"{board.url} written"
    found = None
    if board.intent is None:
        board = replace(board, nonce=_nonce(repo, head), intent=Intent(nonce=_nonce(repo, head), by=actor, at=now))
        head = _write(repo, head, "intent:issue", TITLE, board, actor, ports, now)
    elif _is_in_flight(board.intent, actor, now):
        return ""
    else:
        found = _found(repo, board.nonce, ports)
    issue = found or ports.forge.open_issue(repo, title=TITLE, body=ports.named(_whole(text, board.nonce, now)))
    # One that was found says what was to be said when it was opened, so it is written once more the next time.
    board = replace(board, number=issue.number, url=issue.url, digest="" if found else digest, intent=None)
    _write(repo, head, "opened", issue.url, board, actor, ports, now)
    return f"{issue.url} opened"


def _is_in_flight(intent: Intent, actor: str, now: datetime) -> bool:
    return intent.by != actor and intent.at is not None and now - intent.at < IN_FLIGHT


def _found(repo: str, nonce: str, ports: Ports) -> Issue | None:
    """The issue that was opened before anybody could record it."""
    return next((issue for issue in ports.forge.issues(repo) if _mark(nonce) in issue.body), None)


def _write(repo: str, after: Entry | None, kind: str, reason: str, board: Board, actor: str, ports: Ports, now: datetime) -> Entry:
    entry = ports.ledger.append(STREAMS + repo, after, kind=kind, at=now, actor=actor, reason=reason, body={}, state=dump(board))
    if entry is None:
        raise Moved(STREAMS + repo)
    ports.log.info("dashboard", kind=kind, repo=repo, n=entry.n)
    return entry


def _nonce(repo: str, head: Entry | None) -> str:
    place = f"{STREAMS}{repo}/{head.n if head else -1}/{head.hash if head else ''}"
    return hashlib.sha256(place.encode()).hexdigest()[:20]


def _mark(nonce: str) -> str:
    return f"<!-- trimtab dashboard={nonce} -->"


def _whole(text: str, nonce: str, now: datetime) -> str:
    return f"{text}\nWritten on {now:%Y-%m-%d at %H:%M} UTC.\n\n{_mark(nonce)}\n"


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _page(repo: str, ports: Ports) -> Page:
    ours = [life for life in lives(ports).values() if life.planned().place.repo == repo]
    names = ports.palette.listed()
    mark = "!" if ports.settings.repository(repo).forge == "gitlab" else "#"
    return Page(
        pending=tuple(_pending(life, names, mark) for life in ours if life.state in _PENDING and life.pull_request),
        turned_down=tuple(_turned_down(life, names) for life in ours if life.state in _TURNED_DOWN and life.memory),
        reasons=_reasons(repo, ours, ports),
    )


def _title(life: Life, names: Mapping[ClusterUid, str]) -> str:
    proposal = life.planned()
    return titled(proposal, names.get(proposal.finding.subject.cluster_uid, ""))


def _pending(life: Life, names: Mapping[ClusterUid, str], mark: str) -> Pending:
    proposal, ref = life.planned(), life.pull_request
    if ref is None:
        raise LookupError("what is pending has a pull request")
    reasons = life.verdict.reasons if life.verdict else ()
    return Pending(
        number=f"{mark}{ref.number}",
        title=_title(life, names),
        state=life.state.value,
        since=life.planned_at or proposal.valid_at,
        saving=saving_of(proposal),
        waits=tuple(line for line in reasons if line.effect in ("blocks", "waits")),
        held=life.held,
    )


def _turned_down(life: Life, names: Mapping[ClusterUid, str]) -> TurnedDown:
    last = life.memory[-1]
    return TurnedDown(title=_title(life, names), kind=last.kind, at=last.at, by=last.by, until=last.until, reason=last.reason)


def _reasons(repo: str, ours: list[Life], ports: Ports) -> tuple[Reason, ...]:
    """What the newest run did not propose, most frequent first; of several repos, each hears of its own clusters only."""
    latest = ports.documents.find("runs/latest") or {}
    document = ports.documents.find(f"runs/{latest.get('run')}/refused") or {}
    rows = document.get("reasons")
    known = {life.planned().finding.subject.cluster_uid for life in ours}
    is_alone = [repository.id for repository in ports.settings.repositories] == [repo]
    counted: dict[tuple[str, bool], list[str]] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and (is_alone or row.get("cluster") in known):
            key = (str(row.get("rule")), bool(row.get("is_limit")))
            counted.setdefault(key, []).extend([str(row.get("example"))] * int(str(row.get("count"))))
    ranked = sorted(counted.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(Reason(rule=rule, count=len(told), example=told[0], is_limit=is_limit) for (rule, is_limit), told in ranked)


def reasons_of(refusals: Iterable[Refusal]) -> list[Json]:
    """Refusals of a run, counted per cluster and rule, as its document keeps them for the page."""
    counted: dict[tuple[str, str, bool], list[str]] = {}
    for refusal in refusals:
        is_limit = refusal.rule == "not-opened" and refusal.reason.startswith(_LIMITS)
        rule = refusal.reason.partition(":")[0] if is_limit else refusal.rule
        counted.setdefault((refusal.cluster_uid, rule, is_limit), []).append(refusal.reason)
    return [
        {"cluster": uid, "rule": rule, "is_limit": is_limit, "count": len(told), "example": min(told)}
        for (uid, rule, is_limit), told in sorted(counted.items())
    ]
