"""What a run's opening has done so far: each part hands it on to the next, and every part may be delivered again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from trimtab.flow.adopt import familiar
from trimtab.flow.codec import dump, load
from trimtab.flow.groups import Group, may_be_open, turned_down
from trimtab.flow.life import Life
from trimtab.ports import Ports
from trimtab.records import Finding, Proposal, ProposalId, Refusal

FULL = ("limits.pull_requests_per_hour", "breaker", "open-limit")
"""How a reason begins that holds for every other new change of that repo in the same run: what is open only becomes more."""


@dataclass(kw_only=True, slots=True)
class Opening:
    """Everything that the parts before this one did."""

    done: set[str] = field(default_factory=set)
    """Subjects, and ids of groups, that were opened, renewed or refused."""
    opened: list[ProposalId] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    full: dict[str, str] = field(default_factory=dict)
    """Repo → the limit that lets nothing new be opened there in this run."""
    is_begun: bool = False
    """This part did something: however little time there is, each part does."""

    def is_done(self, item: Proposal | Group) -> bool:
        """True where a part before this one answered it."""
        return (item.id if isinstance(item, Group) else str(item.finding.subject)) in self.done

    def add(self, item: Proposal | Group, answers: Sequence[ProposalId | Refusal]) -> None:
        """It is done, and this came of it."""
        self.refusals += [answer for answer in answers if isinstance(answer, Refusal)]
        self.opened += [answer for answer in answers if not isinstance(answer, Refusal)]
        self.done |= (
            {item.id, *(str(part.finding.subject) for part in item.parts)} if isinstance(item, Group) else {str(item.finding.subject)}
        )
        self.is_begun = True

    def full_everywhere(self, repos: Collection[str]) -> str:
        """What lets nothing new be opened in any of these repos; "" = in one of them there is room, or nobody has tried yet."""
        reasons = [self.full.get(repo, "") for repo in repos]
        return "; ".join(dict.fromkeys(reasons)) if reasons and all(reasons) else ""

    def full_for(self, proposal: Proposal, known: Mapping[str, Life], now: datetime) -> Refusal | None:
        """The limit that stops this one too, without judging it: of a thousand new changes a handful are opened in an hour."""
        reason, life = self.full.get(proposal.place.repo), known.get(proposal.stream)
        if not reason or (life is not None and (may_be_open(life) or _is_remembered(life, proposal, now))):
            return None
        return refused(proposal.finding, "not-opened", reason)

    def note_full(self, proposal: Proposal, answer: ProposalId | Refusal) -> None:
        """Whether what was answered lets nothing new be opened in that repo."""
        if isinstance(answer, Refusal) and answer.rule == "not-opened":
            # A limit that is reached when everything else spoke for it is the whole answer; others stand among what speaks against it.
            whole = answer.reason if answer.reason.startswith(FULL[0]) else ""
            limit = whole or next((reason for reason in answer.reason.split("; ") if reason.startswith(FULL)), "")
            self.full |= {proposal.place.repo: limit} if limit else {}

    def note_full_of(self, group: Group, answers: Sequence[ProposalId | Refusal]) -> None:
        """The same of several that come together.

        Each was judged with those before it counted: what stopped the first one holds for all others, what stopped another one only where
        those before it are open now.
        """
        lead = next((refused(part.finding, "not-opened", "") for part in group.parts), None)
        for answer in answers:
            is_lead = isinstance(answer, Refusal) and replace(answer, reason="") == lead
            if group.parts and (is_lead or group.id in answers):
                self.note_full(group.parts[0], answer)


def opening_of(run: str, part: int, ports: Ports) -> Opening:
    """What the parts before this one did."""
    key = _key(run, part)
    document = ports.documents.find(key) if part else None
    return replace(load(Opening, document, key), is_begun=False) if document else Opening()


def keep_opening(run: str, part: int, opening: Opening, ports: Ports) -> None:
    """Hand on to a part."""
    ports.documents.publish(_key(run, part), dump(opening))


def refused(finding: Finding, rule: str, reason: str) -> Refusal:
    """A finding that is not opened, and why."""
    subject = finding.subject
    return Refusal(cluster_uid=subject.cluster_uid, pool=subject.pool, rule=rule, reason=reason, kind=subject.kind)


def _is_remembered(life: Life, proposal: Proposal, now: datetime) -> bool:
    """True where people turned it down: then that is what is said of it."""
    return bool(turned_down(replace(proposal, fingerprint=familiar(life, proposal)), life.memory, now))


def _key(run: str, part: int) -> str:
    return f"runs/{run}/parts/{part}"
