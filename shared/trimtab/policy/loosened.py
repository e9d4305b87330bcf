"""What newer rules allow that older ones did not, in words, for whoever is told of it before it counts.

Only words: what counts is judged by both versions (`earlier`). So this may name what only looks looser, and should miss nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields

from trimtab.policy.earlier import MORE_IS_TIGHTER
from trimtab.records import ApproverScope, Governance, Limits, StageRule

_Change = Callable[[Governance, Governance], Iterator[str]]


def loosened(old: Governance, new: Governance) -> tuple[str, ...]:
    """A sentence for each; () = it only got stricter, or the same."""
    return tuple(sentence for change in _CHANGES for sentence in change(old, new))


def _people(old: Governance, new: Governance) -> Iterator[str]:
    before = {person.id: person for person in old.people}
    for person in new.people:
        if person.id not in before:
            yield f"{person.id} is new"
        elif (person.slack, person.forge) != (before[person.id].slack, before[person.id].forge):
            yield f"{person.id} has other accounts"


def _approvers(old: Governance, new: Governance) -> Iterator[str]:
    before, after = _scopes(old), _scopes(new)
    for where, scopes in after.items():
        known = before.get(where, [])
        people = {person for scope in scopes for person in (*scope.people, *scope.groups)}
        added = people - {person for scope in known for person in (*scope.people, *scope.groups)}
        if added:
            yield f"{', '.join(sorted(added))} may approve for {where}"
        elif scopes != known:
            yield f"who must approve for {where} changed"
    yield from (f"nobody in particular approves for {where} any more" for where in before if where not in after)


def _scopes(rules: Governance) -> dict[str, list[ApproverScope]]:
    found: dict[str, list[ApproverScope]] = {}
    for scope in rules.approvers:
        named = {"cluster": scope.cluster_uid, "pool": scope.pool, "path": scope.path}
        where = ", ".join(f"{kind} {name}" for kind, name in named.items() if name is not None) or "everything"
        found.setdefault(where, []).append(scope)
    return found


def _stages(old: Governance, new: Governance) -> Iterator[str]:
    if new.default_stage.rank > old.default_stage.rank:
        yield f"the stage of everything is {new.default_stage}"
    yield from (f"the stage of {_where(rule)} is {rule.stage}" for rule in new.stages if rule not in old.stages)
    yield from (f"the stage of {_where(rule)} is {rule.stage} no longer" for rule in old.stages if rule not in new.stages)


def _where(rule: StageRule) -> str:
    named = {"project": rule.project, "cluster": rule.cluster, "team": rule.team}
    return ", ".join(f"{kind} {name}" for kind, name in named.items() if name is not None)


def _rules(old: Governance, new: Governance) -> Iterator[str]:
    after = {rule.name: rule for rule in new.rules}
    yield from (f"the rule {rule.name} {_fate(rule.name in after)}" for rule in old.rules if after.get(rule.name) != rule)


def _freezes(old: Governance, new: Governance) -> Iterator[str]:
    after = {freeze.name: freeze for freeze in new.freezes}
    for freeze in old.freezes:
        now = after.get(freeze.name)
        if now is None or now.start > freeze.start or now.end < freeze.end:
            yield f"the freeze {freeze.name} {_fate(now is not None)}"


def _fate(is_there: bool) -> str:
    return "says something else" if is_there else "is gone"


def _windows(old: Governance, new: Governance) -> Iterator[str]:
    if set(new.windows) - set(old.windows):
        yield "Trimtab may merge by itself at other hours"


def _limits(old: Governance, new: Governance) -> Iterator[str]:
    for field in fields(Limits):
        before, after = getattr(old.limits, field.name), getattr(new.limits, field.name)
        if (after < before) if field.name in MORE_IS_TIGHTER else (after > before):
            yield f"the limit {field.name} is {after:g} instead of {before:g}"


def _evidence(old: Governance, new: Governance) -> Iterator[str]:
    for name in ("days_nonproduction", "days_production", "coverage"):
        before, after = getattr(old.evidence, name), getattr(new.evidence, name)
        if after < before:
            yield f"{name} of evidence is {after:g} instead of {before:g}"


def _places(old: Governance, new: Governance) -> Iterator[str]:
    yield from (f"the layout {layout.name} is new or says something else" for layout in new.layouts if layout not in old.layouts)
    yield from (f"{gate.path} is approved by {gate.gate}" for gate in new.gates if gate not in old.gates)
    yield from (f"{gate.path} is approved by {gate.gate} no longer" for gate in old.gates if gate not in new.gates)


def _outside(old: Governance, new: Governance) -> Iterator[str]:
    if old.asks_change_requests and not new.asks_change_requests:
        yield "change requests are not asked for any more"
    yield from (f"the SLO {slo.name} is gone or says something else" for slo in old.watch.slos if slo not in new.watch.slos)


_CHANGES: tuple[_Change, ...] = (_people, _approvers, _stages, _rules, _freezes, _windows, _limits, _evidence, _places, _outside)
