"""Names of branches and words of commits: outside text is cut down to letters that no forge, shell or bot takes for an order."""

import hashlib
import re
from collections.abc import Sequence

from trimtab.errors import BadInput
from trimtab.records import FieldChange, ProposalId, Subject

_LONGEST = 40
_MARK = 10
"""Hex digits that tell two names apart whose slugs are the same."""
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*")
_MARKED = re.compile(r".*-[0-9a-f]{10}")
_TOKEN = re.compile(r"[A-Za-z0-9._/-]{1,200}")


def branch_name(subject: Subject, cluster: str) -> str:
    """The one branch of a subject: trimtab/<cluster>/<pool>/<field>; long or unusual names end in a hash of themselves."""
    return f"trimtab/{_slug(cluster)}/{_slug(subject.thing)}/{subject.field}"


def group_branch_name(cluster: str, path: str) -> str:
    """The one branch of what is changed together in a file: trimtab/<cluster>/<file>/together; no field has that name."""
    return f"trimtab/{_slug(cluster)}/{_slug(path)}/together"


def commit_message(
    *, subject: Subject, cluster: str, changes: tuple[FieldChange, ...], proposal: ProposalId, nonce: str, verb: str = "set"
) -> str:
    """Title, one line a change, and the trailers that find the commit again."""
    if not (_TOKEN.fullmatch(proposal) and _TOKEN.fullmatch(nonce)):
        raise BadInput("a commit's trailers take letters, digits and . _ / - only")
    title = f"trimtab: {verb} {subject.field} of {safe(cluster)}/{safe(subject.pool)}"
    lines = "\n".join(f"{change.field} from {safe(change.old)} to {safe(change.new)}" for change in changes)
    return f"{title}\n\n{lines}\n\nTrimtab-Proposal: {proposal}\nTrimtab-Nonce: {nonce}\n"


def commit_message_of_group(
    *, cluster: str, path: str, changes: Sequence[tuple[str, FieldChange]], proposal: ProposalId, nonce: str
) -> str:
    """The same for several changes of one file: one line each, with what it is about."""
    if not (_TOKEN.fullmatch(proposal) and _TOKEN.fullmatch(nonce)):
        raise BadInput("a commit's trailers take letters, digits and . _ / - only")
    title = f"trimtab: set {len(changes)} values of {safe(cluster)} in {safe(path)}"
    lines = "\n".join(f"{change.field} of {safe(name)} from {safe(change.old)} to {safe(change.new)}" for name, change in changes)
    return f"{title}\n\n{lines}\n\nTrimtab-Proposal: {proposal}\nTrimtab-Nonce: {nonce}\n"


def safe(text: str) -> str:
    """Outside text with every other character as _, at most 80 long."""
    return re.sub(r"[^A-Za-z0-9._/-]", "_", text)[:80]


def _slug(name: str) -> str:
    """The name itself where git, every disk and every reader take it as it is; else what is left of it, and its hash."""
    is_itself = (
        len(name) <= _LONGEST
        and _SLUG.fullmatch(name) is not None
        and not name.endswith((".", ".lock"))
        # A plain name that looks like a hashed one is hashed too, so that nobody can name a pool into another's branch.
        and _MARKED.fullmatch(name) is None
    )
    if is_itself:
        return name
    left = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[: _LONGEST - _MARK - 1].strip("-") or "x"
    return f"{left}-{hashlib.sha256(name.encode()).hexdigest()[:_MARK]}"
