"""A verdict on record as people read it: what was decided, by which rule, on what, and whether judging again agrees."""

from collections.abc import Callable, Iterator

from trimtab.cli.options import Format
from trimtab.cli.output import plain, print_gap, print_json, print_table, renamed, say
from trimtab.errors import Broken
from trimtab.flow.basis import Basis
from trimtab.flow.verdicts import Retold, retell
from trimtab.ports import Ports
from trimtab.records import Facts


def explain_verdict(verdict: str, ports: Ports, output: Format) -> None:
    """Print it. Raises Broken where judging the same facts by the same rules says something else."""
    story = retell(verdict, ports)
    told = _row(story) | {"facts": story.basis.facts, "rules": story.basis.governance, "verdict": story.basis.verdict}
    if output is Format.JSON:
        print_json(renamed(plain(told), ports.named))
    else:
        _print(story, ports.named)
    if not story.is_the_same:
        raise Broken(f"{verdict}: judged again on the same facts and rules it is another verdict; this version of Trimtab judges otherwise")
    say("judged again on the same facts, by the same rules: the same verdict, to the letter")


def _row(story: Retold) -> dict[str, object]:
    entry, made = story.entry, story.basis.verdict
    return {
        "id": story.id,
        "proposal": story.proposal.id,
        "change": ", ".join(f"{path}: {old} → {new}" for path, old, new in story.proposal.edit.changes),
        "judged_at": made.judged_at,
        "tier": made.tier,
        "may_open": made.may_open,
        "may_merge": made.may_merge,
        "decided_by": entry.body.get("rule"),
        "policy": made.policy_version,
        "head": entry.body.get("head"),
        "inputs": entry.body.get("inputs"),
        "entry": f"{entry.stream}/{entry.n} {entry.hash}",
        "judged_again": "the same" if story.is_the_same else "another",
    }


def _print(story: Retold, named: Callable[[str], str]) -> None:
    print_table(story.id, ("what", "value"), [(name, named(str(value))) for name, value in _row(story).items() if name != "id"])
    print_gap()
    print_table("What it was made from", ("fact", "value"), [(name, named(str(value))) for name, value in _facts(story.basis)])
    print_gap()
    lines = sorted(story.basis.verdict.lines, key=lambda line: line.held)
    rows = [("yes" if line.held else "no", line.rule, named(line.saw), named(line.wanted), line.effect, line.source) for line in lines]
    print_table("What each rule saw, those that did not hold first", ("held", "rule", "saw", "wanted", "effect", "from"), rows)


def _facts(basis: Basis) -> Iterator[tuple[str, object]]:
    """The facts that people ask about; --format json has all of them."""
    facts = basis.facts
    yield "cluster", f"{facts.cluster.name} ({facts.cluster.uid}), {facts.cluster.state}" if facts.cluster else "not known to Palette"
    yield "non-production since", facts.nonproduction_since or "not on the deployment's list: production"
    yield "highest stage allowed", facts.highest_stage
    yield "demand now", _demand(facts)
    yield "owners", ", ".join(f"{team} {share:.0%}" for team, share in facts.owners) or "nobody is known"
    yield "pull request", f"{facts.pull_request.url} at {facts.pull_request.head}" if facts.pull_request else "none yet"
    yield "approvals", ", ".join(f"{yes.person} ({yes.via}, {yes.at:%Y-%m-%d %H:%M})" for yes in facts.approvals) or "none"
    yield "rules", f"{basis.governance.version} at {basis.governance.commit}" if basis.governance else "unreadable"
    for before in basis.earlier:
        yield "rules of the last day", f"{before.governance.version if before.governance else before.problem} at {before.commit}"


def _demand(facts: Facts) -> str:
    if facts.demand_now is None:
        return "not known"
    wanted, capacity = facts.demand_now
    return f"{wanted:g} of {capacity:g} {facts.finding.evidence.unit} after the change"
