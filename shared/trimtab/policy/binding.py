"""What an approval is bound to, and how two of those differ, in words."""

from collections.abc import Callable
from dataclasses import fields

from trimtab.errors import Refused
from trimtab.records import Binding, Facts, FieldChange, Governance, Tier


def binding_of(facts: Facts, governance: Governance, tier: Tier) -> Binding:
    """Everything that a yes given now would be a yes to. Raises Refused where there is no pull request or edit to say yes to."""
    if facts.pull_request is None or facts.edit is None:
        raise Refused(f"{facts.proposal}: nothing to approve yet: there is no pull request")
    return Binding(
        repo=facts.pull_request.repo,
        pull_request=facts.pull_request.number,
        base_ref=facts.pull_request.base_ref,
        head=facts.pull_request.head,
        semantic_digest=facts.edit.semantic_digest,
        base_blobs=((facts.edit.path, facts.edit.base_blob), *facts.edit.reads),
        policy_version=governance.version,
        tier=tier,
        rollback=restored(facts, lambda change: change.old),
    )


def restored(facts: Facts, value: Callable[[FieldChange], str]) -> tuple[tuple[str, str], ...]:
    """(field, value) of every change: what its rollback restores, or what it restores itself; of several, each with what it is about."""
    if not facts.members:
        return tuple((change.field, value(change)) for change in facts.finding.changes)
    findings = (member.finding for member in facts.members)
    return tuple((f"{finding.subject.thing} {change.field}", value(change)) for finding in findings for change in finding.changes)


def moved(then: Binding, now: Binding) -> tuple[str, ...]:
    """What differs, a sentence each; () = the approval still stands for exactly this."""
    return tuple(
        f"{_WORDS[field.name]} moved from {_shown(then, field.name)} to {_shown(now, field.name)}"
        for field in fields(Binding)
        if getattr(then, field.name) != getattr(now, field.name)
    )


_WORDS = {
    "repo": "the repo",
    "pull_request": "the pull request",
    "base_ref": "the base branch",
    "head": "the head commit",
    "semantic_digest": "the change itself",
    "base_blobs": "the file below the change",
    "policy_version": "the policy",
    "tier": "what it needs",
    "rollback": "what a rollback restores",
}


def _shown(binding: Binding, name: str) -> str:
    value = getattr(binding, name)
    if isinstance(value, tuple):
        return ", ".join(f"{key} {text[:10]}" for key, text in value)
    return str(value)[:10] if name in {"head", "semantic_digest", "policy_version"} else str(value)
