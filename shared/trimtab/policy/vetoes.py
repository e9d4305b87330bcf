"""What stops a change whatever its risk: each veto is one function, one line of the verdict, in the order of the table at the end.

`blocks` neither opens nor merges; `waits` opens and merges once it holds. A fact that is None never makes a veto hold.
"""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from trimtab import amounts, globs
from trimtab.policy.case import CODE, CONFIG, FORGE, METRICS, PALETTE, POLICY, RECORD, SETTINGS, TICKETS, Case, Effect, line
from trimtab.policy.risk import drift, number, required_days
from trimtab.policy.scope import configured_stage
from trimtab.policy.subjects import is_said_otherwise, live_text, pool_text
from trimtab.records import ChangeRequest, Facts, FieldChange, Layout, PlannedEdit, Stage, VerdictLine

FRESH_FOR = timedelta(days=7)
"""How long evidence may have ended before it is measured again."""
CLOCK_SKEW = timedelta(hours=1)
Veto = Callable[[Case], VerdictLine]


# ── may we act at all ────────────────────────────────────────────────────────────────────────────────────────────────
def run_permit(case: Case) -> VerdictLine:
    """Somebody may have pulled the brake."""
    reason = case.facts.stop_reason
    return line("run-permit", "blocks", held=reason is None, saw=reason or "writing is permitted", wanted="a run permit", source=SETTINGS)


def stage(case: Case) -> VerdictLine:
    """Observing never opens anything."""
    saw = f"{case.stage} (the repo says {configured_stage(case.facts, case.governance)}, the deployment allows {case.facts.highest_stage})"
    wanted = "at least the approve stage"
    return line("stage", "blocks", held=case.stage is not Stage.OBSERVE, saw=saw, wanted=wanted, source=f"{CONFIG}, {SETTINGS}")


# ── is it really this pool, and is it well ───────────────────────────────────────────────────────────────────────────
def cluster_known(case: Case) -> VerdictLine:
    """The measured cluster is the one that Palette shows now."""
    uid, cluster = case.facts.finding.subject.cluster_uid, case.facts.cluster
    saw = "no such cluster" if cluster is None else f"uid {cluster.uid}"
    return line(
        "cluster-known", "blocks", held=cluster is not None and cluster.uid == uid, saw=saw, wanted=f"cluster {uid}", source=PALETTE
    )


def cluster_running(case: Case) -> VerdictLine:
    """A cluster that is being built, changed or deleted is left alone."""
    state = case.facts.cluster.state if case.facts.cluster else "unknown"
    return line("cluster-running", "blocks", held=state.lower() == "running", saw=state or "unknown", wanted="Running", source=PALETTE)


def cluster_healthy(case: Case) -> VerdictLine:
    """Nothing is taken from a cluster in trouble, nor while an alert of its project was not looked into."""
    health = (case.facts.cluster.health if case.facts.cluster else "") or "unknown"
    alerts = case.facts.alerts
    saw = f"{health}, and {len(alerts)} health alert(s) of its project not looked into yet" if alerts else health
    return line("cluster-healthy", "waits", held=health.lower() == "healthy" and not alerts, saw=saw, wanted="Healthy", source=PALETTE)


def no_repave_pending(case: Case) -> VerdictLine:
    """A pending repave blocks every later Terraform update, and approving one is not ours to do."""
    cluster = case.facts.cluster
    saw = "unknown" if cluster is None else "a repave is pending" if cluster.is_repave_pending else "none is pending"
    held = cluster is not None and not cluster.is_repave_pending
    return line("repave-pending", "blocks", held=held, saw=saw, wanted="no repave pending", source=PALETTE)


def pool_known(case: Case) -> VerdictLine:
    """The pool still exists, and it is a pool of workers; a quota still holds, and one cluster can judge it."""
    if case.facts.finding.subject.kind != "pool":
        return _quota_known(case)
    pool, name = case.live_pool, case.facts.finding.subject.pool
    saw = "no such pool" if pool is None else "control plane" if pool.control_plane else f"worker pool {name}"
    held = pool is not None and not pool.control_plane and not (case.facts.declared is not None and case.facts.declared.control_plane)
    return line("worker-pool", "blocks", held=held, saw=saw, wanted="a live pool of workers", source=PALETTE)


def _quota_known(case: Case) -> VerdictLine:
    quota = case.facts.quota
    saw = "no such quota" if quota is None else quota.problem or f"quota of {quota.kind} {quota.name}"
    held = quota is not None and not quota.problem
    return line("quota-known", "blocks", held=held, saw=saw, wanted="a live quota", source=PALETTE)


# ── is it exactly the change that was planned ────────────────────────────────────────────────────────────────────────
def edit_planned(case: Case) -> VerdictLine:
    """There is one place in Git, and an edit for it."""
    place, edit = case.facts.place, case.facts.edit
    saw = "no place in Git" if place is None else "no edit" if edit is None else f"one edit of {edit.path}"
    held = place is not None and edit is not None and place.path in {edit.path, *dict(edit.reads)}
    return line("edit-planned", "blocks", held=held, saw=saw, wanted="one edit of the file that declares the pool", source=FORGE)


def edit_exact(case: Case) -> VerdictLine:
    """The edit changes the keys that were found, from the old to the new values, and nothing else."""
    edit = case.facts.edit
    saw = "no edit" if edit is None else ", ".join(f"{path}: {old} to {new}" for path, old, new in edit.changes) or "nothing changes"
    wanted = ", ".join(f"{change.field}: {change.old} to {change.new}" for change in case.facts.finding.changes)
    path, finding = case.facts.place.path if case.facts.place else "", case.facts.finding
    able = [each for each in case.governance.layouts if each.kind == finding.subject.kind and globs.matches(path, each.files)]
    held = edit is not None and _is_exact(edit, finding.changes, able)
    return line("edit-exact", "blocks", held=held, saw=saw, wanted=wanted, source="the edit, read back")


def _is_exact(edit: PlannedEdit, changes: tuple[FieldChange, ...], layouts: list[Layout]) -> bool:
    """One to one, in their order: the same key cannot stand for two fields, nor a second edit hide behind the first."""
    pairs = zip(edit.changes, changes, strict=False)
    return len(edit.changes) == len(changes) and all(_is_change(*edited, change, layouts) for edited, change in pairs)


def _is_change(where: str, old: str, new: str, change: FieldChange, layouts: list[Layout]) -> bool:
    """The key is the field's, and its two texts mean what the finding says; where layouts differ about the unit, nothing is sure."""
    name = change.field
    reading = [layout for layout in layouts if name in layout.fields and _ends_in(where, layout.fields[name])]
    return bool(reading) and all(
        amounts.is_same(name, _bare(text), layout.units, said)
        for layout in reading
        for text, said in ((old, change.old), (new, change.new))
    )


def _ends_in(where: str, key: str) -> bool:
    return where == key or where.endswith(f".{key}")


def _bare(text: str) -> str:
    """A scalar without the quotes that its file gives it."""
    return text.strip().strip("\"'")


def edit_whole(facts: Facts) -> VerdictLine:
    """Of several changes made at once, every value that changes belongs to exactly one, and no two are about the same thing."""
    members = facts.members
    changes = facts.edit.changes if facts.edit else ()
    owned = tuple(change for member in members for change in (member.edit.changes if member.edit else ()))
    things = {(member.finding.subject.cluster_uid, member.finding.subject.thing) for member in members}
    saw = f"{len(changes)} values for {len(members)} changes"
    held = bool(members) and owned == changes and len(things) == len(members)
    return line("edit-whole", "blocks", held=held, saw=saw, wanted="every value is that of one change", source="the edit, read back")


def file_as_measured(case: Case) -> VerdictLine:
    """The file still says what the evidence was made for."""
    facts = case.facts
    says = ", ".join(f"{change.field}: {_declared_text(facts, change)}" for change in facts.finding.changes)
    is_read = facts.declared is not None if facts.finding.subject.kind == "pool" else bool(facts.declared_texts)
    wanted = ", ".join(f"{change.field}: {change.old}" for change in facts.finding.changes)
    held = is_read and not any(is_said_otherwise(facts, change) for change in facts.finding.changes)
    says = says if is_read else "unknown"
    return line("file-as-measured", "blocks", held=held, saw=says, wanted=wanted, source=FORGE)


def _declared_text(facts: Facts, change: FieldChange) -> str | None:
    if facts.finding.subject.kind != "pool":
        return dict(facts.declared_texts).get(change.field)
    return pool_text(facts.declared, change.field) if facts.declared else None


def live_equals_file(case: Case) -> VerdictLine:
    """Where Git and the cluster disagree, somebody is in the middle of something."""
    declared, live = case.facts.declared, case.live_pool
    if case.facts.finding.subject.kind != "pool":
        differences = _quota_differences(case.facts)
    else:
        differences = ("unknown",) if declared is None or live is None else drift(declared, live)
    saw = "; ".join(differences) or "they agree"
    return line("live-equals-file", "blocks", held=not differences, saw=saw, wanted="the live pool as Git declares it", source=PALETTE)


def _quota_differences(facts: Facts) -> tuple[str, ...]:
    if facts.quota is None or not facts.declared_texts:
        return ("unknown",)
    pairs = [(field, said, live_text(facts, field)) for field, said in facts.declared_texts]
    return tuple(f"{field}: Git says {said}, Palette {live or 'nothing'}" for field, said, live in pairs if said != live)


def base_unmoved(case: Case) -> VerdictLine:
    """The touched file is still the one that the edit was made for."""
    known = case.facts.is_base_blob_unmoved
    saw = {True: "unchanged", False: "changed since", None: "not read yet"}[known]
    return line("base-unmoved", "waits", held=known is True, saw=saw, wanted="the file as it was planned on", source=FORGE)


def merge_exact(case: Case) -> VerdictLine:
    """What a merge would change in the base is the planned edit."""
    known = case.facts.is_merge_exactly_the_plan
    saw = {True: "exactly the plan", False: "something else", None: "not read yet"}[known]
    return line("merge-exact", "waits", held=known is True, saw=saw, wanted="a merge that changes the planned lines only", source=FORGE)


# ── is it measured well enough ───────────────────────────────────────────────────────────────────────────────────────
def never_to_zero(case: Case) -> VerdictLine:
    """A pool is made smaller, never away; a quota of 0 would shut its namespace."""
    finding = case.facts.finding
    is_pool = finding.subject.kind == "pool"
    zeroed = [change.field for change in finding.changes if number(change.new) == 0]
    saw = f"{', '.join(zeroed)} to 0" if zeroed else f"{finding.nodes_new} nodes stay" if is_pool else "something is left"
    held = not zeroed and (finding.nodes_new > 0 or not is_pool)
    return line("never-to-zero", "blocks", held=held, saw=saw, wanted="at least one node" if is_pool else "more than 0", source=CODE)


def demand_fits(case: Case) -> VerdictLine:
    """Never below what runs and waits right now; unknown waits, too much blocks."""
    now, unit = case.facts.demand_now, case.facts.finding.evidence.unit
    saw = "not known right now" if now is None else f"{now[0]:g} of {now[1]:g} {unit}"
    fits = now is not None and now[0] <= now[1]
    effect: Effect = "waits" if now is None else "blocks"
    return line("demand-fits", effect, held=fits, saw=saw, wanted="running and waiting requests fit after the change", source=METRICS)


def evidence_days(case: Case) -> VerdictLine:
    """Enough days; production needs more of them."""
    evidence, days = case.facts.finding.evidence, required_days(case.facts, case.scales)
    held = evidence.days >= days
    environment = "proven non-production" if case.is_nonproduction else "production"
    return line("evidence-days", "blocks", held=held, saw=f"{evidence.days} days", wanted=f"{days} days for {environment}", source=POLICY)


def evidence_coverage(case: Case) -> VerdictLine:
    """Gaps are not idle time."""
    coverage, floor = case.facts.finding.evidence.coverage, case.governance.evidence.coverage
    held = coverage >= floor
    return line(
        "evidence-coverage",
        "blocks",
        held=held,
        saw=f"{100 * coverage:.1f}% of samples",
        wanted=f"at least {100 * floor:g}%",
        source=POLICY,
    )


def evidence_fresh(case: Case) -> VerdictLine:
    """Old evidence is measured again; evidence from the future is nonsense."""
    end = case.facts.finding.evidence.end
    held = case.now - FRESH_FOR <= end <= case.now + CLOCK_SKEW
    saw = f"measured until {end:%Y-%m-%d}"
    return line("evidence-fresh", "blocks", held=held, saw=saw, wanted=f"not older than {FRESH_FOR.days} days", source=CODE)


# ── is it the right time ─────────────────────────────────────────────────────────────────────────────────────────────
def freeze(case: Case) -> VerdictLine:
    """A freeze names itself."""
    active = [freeze for freeze in case.governance.freezes if freeze.start <= case.now < freeze.end]
    saw = ", ".join(
        f"{freeze.name} until {freeze.end.astimezone(ZoneInfo(freeze.time_zone)):%Y-%m-%d %H:%M} {freeze.time_zone}" for freeze in active
    )
    saw = saw or "none"
    return line("freeze", "waits", held=not active, saw=saw, wanted="no freeze in force", source=POLICY)


def slo_burning(case: Case) -> VerdictLine:
    """Where users are hurt already, nothing is taken away until they are not."""
    burning = case.facts.burning
    saw = ", ".join(burning) or "none"
    return line(
        "slo-burning", "waits", held=not burning, saw=saw, wanted="no SLO of the config bad right now", source=f"{METRICS}, {CONFIG}"
    )


def change_request(case: Case) -> VerdictLine:
    """Where the tenant asks for change requests, one names this proposal, is approved, and is not over."""
    wanted = "an approved change request that is not over"
    if not case.governance.asks_change_requests:
        return line("change-request", "waits", held=True, saw="not asked for", wanted=wanted, source=CONFIG)
    found = case.facts.change_request
    held = found is not None and found.approval == "approved" and found.state not in {"", "closed", "canceled"}
    saw = _in_words(found) if found else _none_found(case.facts)
    saw = "not read: the ticket system gave no answer" if case.facts.is_change_request_unread else saw
    return line("change-request", "waits", held=held, saw=saw, wanted=wanted, source=TICKETS)


def _none_found(facts: Facts) -> str:
    """Of a rollback also what its change was merged with: that one may cover it."""
    if facts.undoes is None:
        return "none found"
    its = facts.undoes.change_request
    if its is None:
        return "none found, nor one that stands and that the change it undoes was merged with"
    return f"none found, and that of the change it undoes: {_in_words(its)}"


def _in_words(request: ChangeRequest) -> str:
    return f"{request.number} is {request.state or 'in no known state'}, {request.approval or 'approval unknown'}"


def no_other_change(case: Case) -> VerdictLine:
    """One change of a pool at a time."""
    others = [other for other in case.facts.others_open if other != case.facts.proposal]
    saw = ", ".join(others) or "none"
    return line("one-at-a-time", "blocks", held=not others, saw=saw, wanted="no other open proposal for this pool", source=RECORD)


def cool_down(case: Case) -> VerdictLine:
    """After a change the pool is watched before it is touched again."""
    last, days = case.facts.last_change, case.governance.limits.cool_down_days
    held = last is None or case.now - last >= timedelta(days=days)
    saw = f"last changed on {last:%Y-%m-%d}" if last else "no earlier change"
    return line("cool-down", "blocks", held=held, saw=saw, wanted=f"{days} days since the last change", source=POLICY)


def breaker(case: Case) -> VerdictLine:
    """A run that wants to change everything is wrong about something."""
    share, limit = case.facts.share_of_pools, case.governance.limits.share_of_pools_per_run
    saw = f"this run touches {100 * share:.0f}% of all pools"
    return line("breaker", "blocks", held=share <= limit, saw=saw, wanted=f"at most {100 * limit:.0f}%", source=POLICY)


def breaker_of_the_day(case: Case) -> VerdictLine:
    """Many small runs can be as wrong together as one large one; what is open already is not stopped by what came after it."""
    share, limit = case.facts.share_of_pools_today, case.governance.limits.share_of_pools_per_day
    held = case.facts.pull_request is not None or share <= limit
    saw = f"the runs of this day touch {100 * share:.0f}% of all pools"
    return line("breaker-of-the-day", "blocks", held=held, saw=saw, wanted=f"at most {100 * limit:.0f}% a day", source=POLICY)


def open_limit(case: Case) -> VerdictLine:
    """Reviewers get a few at a time; one that is open already is not counted against itself."""
    count, limit = case.facts.open_count, case.governance.limits.open_at_once
    held = case.facts.pull_request is not None or count < limit
    return line("open-limit", "blocks", held=held, saw=f"{count} are open", wanted=f"fewer than {limit} open", source=POLICY)


# ── is the pull request ours and ready ───────────────────────────────────────────────────────────────────────────────
def only_ours(case: Case) -> VerdictLine:
    """Where a person has put their hands on the branch, ours come off."""
    facts = case.facts
    strangers = sorted(_strangers(facts))
    is_unread = facts.pull_request is not None and facts.pull_request.state == "open" and not facts.commits
    saw = ", ".join(strangers) if strangers else "commits not read" if is_unread else "only Trimtab's commits"
    effect: Effect = "waits" if is_unread and not strangers else "blocks"
    return line("only-ours", effect, held=not strangers and not is_unread, saw=saw, wanted="no commit by anybody else", source=FORGE)


def _strangers(facts: Facts) -> set[str]:
    """Everybody but us who opened the pull request or wrote or made one of its commits; nameless is a stranger too."""
    pull_request = facts.pull_request
    logins = {login for commit in facts.commits for login in (commit.author, commit.committer)}
    logins |= {pull_request.author} if pull_request else set()
    return {login or "nobody by name" for login in logins if not facts.our_login or login != facts.our_login}


def plan_there(case: Case) -> VerdictLine:
    """Where somebody plans every pull request, nothing merges before its own head is planned."""
    facts, plan = case.facts, case.facts.plan
    if not facts.is_plan_expected or facts.pull_request is None:
        return line("plan-there", "waits", held=True, saw="no plan is expected yet", wanted=_PLANNED, source=FORGE)
    saw = "no plan of this commit" if plan is None else "the plan failed" if plan.is_failed else f"a plan by {plan.by}"
    return line("plan-there", "waits", held=plan is not None and not plan.is_failed, saw=saw, wanted=_PLANNED, source=FORGE)


_PLANNED = "a plan of this very commit, by whom the layout names"


def record_sound(case: Case) -> VerdictLine:
    """What is merged rests on a record that nobody rewrote."""
    known = case.facts.is_record_sound
    saw = {True: "it holds", False: "it does not hold together", None: "not read yet"}[known]
    held = known is True or (known is None and case.facts.pull_request is None)
    return line("record-sound", "waits", held=held, saw=saw, wanted="every entry follows from the one before", source=RECORD)


def pull_request_ready(case: Case) -> VerdictLine:
    """Open, not a draft, and free of conflicts."""
    pull_request = case.facts.pull_request
    if pull_request is None:
        saw = "not opened yet"
    elif pull_request.state != "open":
        saw = pull_request.state
    elif pull_request.is_draft:
        saw = "a draft"
    else:
        saw = {True: "open", False: "it conflicts with its base", None: "the forge has not computed it yet"}[pull_request.is_mergeable]
    return line("pull-request", "waits", held=saw == "open", saw=saw, wanted="open, not a draft, no conflict", source=FORGE)


VETOES: tuple[Veto, ...] = (
    run_permit, stage, cluster_known, cluster_running, no_repave_pending, pool_known, edit_planned, edit_exact, file_as_measured,
    live_equals_file, never_to_zero, demand_fits, evidence_days, evidence_coverage, evidence_fresh, no_other_change, cool_down, breaker,
    breaker_of_the_day, open_limit, only_ours, freeze, slo_burning, change_request, cluster_healthy, base_unmoved, merge_exact,
    plan_there, record_sound, pull_request_ready,
)  # fmt: skip
