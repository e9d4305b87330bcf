"""What a verdict was made from, kept once under the hash of its content, so that any verdict can be made again.

The ledger's entry holds the hash, and the chain holds the entry: whoever changes what was kept is found out.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.errors import Broken, Gone
from trimtab.flow.codec import dump, load
from trimtab.policy.deciding import deciding
from trimtab.policy.earlier import Earlier, counting
from trimtab.policy.judge import judge
from trimtab.policy.unnamed import unnamed
from trimtab.ports import Ports
from trimtab.records import Entry, Facts, Governance, Json, Verdict

INPUTS = "inputs/"
"""inputs/<sha256 of the document>: facts with the hashes of the rules that they were held against, or such rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """A verdict with everything that made it; people go by the record's words for them."""

    facts: Facts
    governance: Governance | None
    """None = the rules could not be read."""
    verdict: Verdict
    earlier: tuple[Earlier, ...] = ()
    """Rules of the last day, which counted too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptEarlier:
    """An earlier version, with the hash of its rules."""

    until: datetime | None
    commit: str
    rules: str
    """"" = they could not be read, for the reason beside it."""
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What is kept under `inputs/`: facts, and the hashes of the rules beside them."""

    facts: Facts
    rules: str
    """"" = there were none that could be read."""
    earlier: tuple[KeptEarlier, ...] = ()


def judged_on(facts: Facts, governance: Governance | None, now: datetime, earlier: Sequence[Earlier] = ()) -> Basis:
    """Judge; the verdict that counts is the one that can be made again."""
    if governance is None:
        # Who is whom is not known then, and nothing is judged by it.
        bare = without_content(replace(facts, commits=(), recent_authors=None))
        return Basis(facts=bare, governance=None, verdict=judge(bare, None, now))
    had_a_say = counting(earlier, now)
    told, (rules, *others) = unnamed(without_content(facts), (governance, *(each.governance for each in had_a_say if each.governance)))
    said = iter(others)
    before = tuple(replace(each, governance=next(said)) if each.governance else each for each in had_a_say)
    return Basis(facts=told, governance=rules, verdict=judge(told, rules, now, before), earlier=before)


def keep(basis: Basis, ports: Ports) -> Json:
    """Keep what a verdict was made from; what an entry says of it. Keeping it twice is keeping it once."""
    rules = _keep_rules(basis.governance, ports) if basis.governance else ""
    earlier = tuple(_kept(each, ports) for each in basis.earlier)
    document = dump(Kept(facts=basis.facts, rules=rules, earlier=earlier))
    ports.documents.publish(INPUTS + hash_of(document), document)
    return {
        "inputs": hash_of(document),
        "judged_at": basis.verdict.judged_at.isoformat(),
        "policy": basis.verdict.policy_version,
        "rule": deciding(basis.verdict, basis.governance, is_open=basis.facts.pull_request is not None),
        "verdict": words_of(basis.verdict),
    }


def _kept(earlier: Earlier, ports: Ports) -> KeptEarlier:
    rules = _keep_rules(earlier.governance, ports) if earlier.governance else ""
    return KeptEarlier(until=earlier.until, commit=earlier.commit, rules=rules, problem=earlier.problem)


def _taken(kept: KeptEarlier, ports: Ports) -> Earlier:
    rules = rules_of(kept.rules, ports) if kept.rules else None
    return Earlier(until=kept.until, commit=kept.commit, governance=rules, problem=kept.problem)


def carried(head: Entry | None) -> Json:
    """What a stream's newest entry says of the last judgement; {} = nobody has judged it."""
    return {name: head.body[name] for name in _SAID if name in head.body} if head else {}


_SAID = ("inputs", "judged_at", "policy", "rule", "verdict")


def _keep_rules(governance: Governance, ports: Ports) -> str:
    document = dump(governance)
    key = INPUTS + hash_of(document)
    if ports.documents.find(key) is None:
        ports.documents.publish(key, document)
    return hash_of(document)


def words_of(verdict: Verdict | None) -> str:
    """The hash of a verdict's own words; "" = there is none."""
    return hash_of(dump(verdict)) if verdict else ""


def hash_of(document: Json) -> str:
    """sha256 of a document, however it was written down."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def without_content(facts: Facts) -> Facts:
    """Facts without the bytes of the file: Git has them under the blob ids that stay."""
    edit = replace(facts.edit, content=b"", diff="") if facts.edit else None
    pull_request = replace(facts.pull_request, body="") if facts.pull_request else None
    return replace(facts, edit=edit, pull_request=pull_request, members=tuple(without_content(member) for member in facts.members))


# ── made again ───────────────────────────────────────────────────────────────────────────────────────────────────────
def basis_of(entry: Entry, ports: Ports) -> Basis | None:
    """What the judgement behind an entry was made from, and the verdict made again from it; None = it names no judgement.

    Raises Gone where it is no longer kept, and Broken where it is not what the entry's hash stands for.
    """
    said, at = entry.body.get("inputs"), entry.body.get("judged_at")
    if not isinstance(said, str) or not isinstance(at, str):
        return None
    kept = load(Kept, _document(said, ports), INPUTS + said)
    governance = rules_of(kept.rules, ports) if kept.rules else None
    earlier = tuple(_taken(each, ports) for each in kept.earlier)
    verdict = judge(kept.facts, governance, datetime.fromisoformat(at), earlier)
    return Basis(facts=kept.facts, governance=governance, verdict=verdict, earlier=earlier)


def rules_of(digest: str, ports: Ports) -> Governance:
    """Rules that were kept. Raises Gone or Broken, as `basis_of`."""
    return load(Governance, _document(digest, ports), INPUTS + digest)


def _document(digest: str, ports: Ports) -> Json:
    key = INPUTS + digest
    document = ports.documents.find(key)
    if document is None:
        raise Gone(f"{key}: no longer kept, so the verdict cannot be made again")
    if hash_of(document) != digest:
        raise Broken(f"{key}: is not what its hash stands for")
    return document
