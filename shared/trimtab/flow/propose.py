"""Turn waste into pull requests that someone may approve, in three steps: plan the run, analyze each cluster, open what is worth it.

Each step is one message, done once: `plan` freezes what the run works with, `analyze` writes its findings beside the run, and the
last cluster to finish wakes `open`, which hands on to a message of its own what it has no time for. A run that dies anywhere is finished
by the next delivery of the same message; a cluster that fails for hours, or that nobody answers for, is named in its end.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from trimtab.errors import BadInput, TrimtabError
from trimtab.flow.analyze import analysis_of
from trimtab.flow.budgets import spent_scopes
from trimtab.flow.codec import dump
from trimtab.flow.governance import home_governance
from trimtab.flow.open_run import open_run
from trimtab.flow.past_cases import past_cases
from trimtab.flow.runs import ANSWERED_WITHIN, Plan, analysis_key, analyzed, find_plan, keep_failure, keep_plan, plan_of
from trimtab.flow.wake import Wake
from trimtab.flow.wakeups import MOST_RUNS_A_DAY, WAKE, asked_clusters, full_of_runs
from trimtab.ports import Ports
from trimtab.records import ClusterUid

PART_SECONDS = 300.0
"""After which a message of `open` hands on: with its last proposal it stays well inside the 540 seconds of Google, and the 900 of AWS."""


def propose(wake: Wake, ports: Ports, now: datetime) -> str:
    """One message of a run: a clock tick or a wake plans, `<run>.analyze.<cluster>` analyzes, `<run>.open` and `<run>.open.<k>` open."""
    name = wake.key.rsplit("/", 1)[1]
    if name.startswith(WAKE):
        return woken(name, wake.key, ports, now)
    if wake.key.startswith("inbox/clock/"):
        return plan(f"run-{name.replace(':', '').replace('-', '').lower()}", ports, now)
    run, _, step = name.partition(".")
    frozen = plan_of(run, ports)
    if step.startswith("analyze."):
        uid = step.removeprefix("analyze.")
        return end_without(frozen, uid, ports) if now - frozen.at >= ANSWERED_WITHIN else analyze_cluster(frozen, uid, ports)
    if step == "open":
        return open_run(frozen, ports, now, most_seconds=PART_SECONDS)
    if step.startswith("open.") and step.removeprefix("open.").isdecimal():
        return open_run(frozen, ports, now, part=int(step.removeprefix("open.")), most_seconds=PART_SECONDS)
    raise BadInput(f"{wake.key}: a propose message is <run>.analyze.<cluster uid>, <run>.open or <run>.open.<part>")


def woken(name: str, key: str, ports: Ports, now: datetime) -> str:
    """A run over the clusters that a wake names, while the day has one left."""
    only = asked_clusters(key, ports)
    if full_of_runs(name, ports, now):
        return f"no run: {MOST_RUNS_A_DAY} were asked for on this day already; the clock's next run goes on"
    return plan(f"run-{name.removeprefix(WAKE).replace('.', '-')}", ports, now, only=only)


# ── plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def plan(run: str, ports: Ports, now: datetime, *, notify: bool = True, only: Collection[ClusterUid] = ()) -> str:
    """Freeze run, rules, commits and versions; one message per cluster. A repeated tick finds the plan and sends the same messages."""
    frozen = find_plan(run, ports) or _freeze(run, ports, now, only)
    for uid in frozen.clusters if notify else ():
        ports.inbox.put(f"inbox/propose/{run}.analyze.{uid}", b"{}")
    return f"{run}: {len(frozen.clusters)} clusters to analyze"


def _freeze(run: str, ports: Ports, now: datetime, only: Collection[ClusterUid]) -> Plan:
    governance = home_governance(ports)
    commits = tuple((repo.id, ports.forge.base_head(repo.id, repo.branch)) for repo in ports.settings.repositories)
    frozen = Plan(
        run=run,
        at=now,
        governance=governance.version,
        commits=commits,
        usage_version=ports.lake.version("usage"),
        # Their names alone: each of them is looked into where it is analyzed.
        clusters=tuple(sorted(uid for uid in ports.palette.listed() if not only or uid in only)),
        is_partial=bool(only),
        spent=spent_scopes(governance, ports, now),
        past=past_cases(ports),
    )
    keep_plan(frozen, ports)
    return frozen


# ── analyze ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def analyze_cluster(frozen: Plan, uid: str, ports: Ports, *, notify: bool = True) -> str:
    """Findings and refusals for every pool of one cluster; the last cluster of the run wakes `open`."""
    seen = analyzed(frozen.run, ports)
    if uid not in seen:
        try:
            said = analysis_of(frozen, ClusterUid(uid), ports)
        except Exception as error:
            # It is delivered again; should it never succeed, the end of the run says why.
            keep_failure(frozen.run, uid, str(error) if isinstance(error, TrimtabError) else repr(error), ports)
            raise
        ports.documents.publish(analysis_key(frozen.run, uid), dump(said))
        # Listed anew: of two that are analyzed at once, each would else wait for the other.
        seen = analyzed(frozen.run, ports) if notify else seen
    if notify and seen.issuperset(frozen.clusters):
        ports.inbox.put(f"inbox/propose/{frozen.run}.open", b"{}")
    return f"{frozen.run}: analyzed {uid}"


def end_without(frozen: Plan, uid: str, ports: Ports) -> str:
    """A cluster's message came, or came again, when its run should long have ended: it ends with what it has, and names who is missing."""
    ports.inbox.put(f"inbox/propose/{frozen.run}.open", b"{}")
    return f"{frozen.run}: {uid} came too late, {ANSWERED_WITHIN // timedelta(hours=1)} hours after it began; the run ends with what it has"
