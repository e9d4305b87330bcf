"""Changes and the people who decide on them: rightsize, propose, proposals, show, approve, reject, snooze, verify, edit."""

import secrets
from datetime import datetime
from typing import Annotated

import typer

from trimtab.cli.edit import edit
from trimtab.cli.findings import only, print_first, print_whole
from trimtab.cli.findings_form import as_json
from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import print_json, say
from trimtab.cli.session import Session, acting, asking, deciding, reading
from trimtab.cli.story import check_may_see, is_shown, print_proposals, proposal_row, show_proposal
from trimtab.errors import BadInput, Refused
from trimtab.flow.deciding import Decision, decide
from trimtab.flow.life import STREAMS, Life, fold
from trimtab.flow.open_run import open_run
from trimtab.flow.own_pools import own_analyses, own_pools
from trimtab.flow.propose import analyze_cluster, plan
from trimtab.flow.runs import Plan, latest_analyses, plan_of
from trimtab.policy.access_rules import Audience
from trimtab.ports import Ports
from trimtab.records import Person, ProposalId

ProposalArgument = Annotated[str, typer.Argument(metavar="ID", help="prop-…")]
AsOption = Annotated[str, typer.Option("--as", help="who decides: a person's id in owners.yaml; file:// stores only")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("rightsize", help="Findings and refusals, each with its evidence.")(rightsize)
    app.command("propose", help="Plan, analyze, judge and open.")(propose)
    app.command("proposals", help="Every proposal and where it stands.")(proposals)
    app.command("show", help="One proposal as its reviewer sees it.")(show)
    app.command("approve", help="Approve a proposal.")(approve)
    app.command("reject", help="Reject a proposal.")(reject)
    app.command("snooze", help="Leave a proposal alone for two weeks.")(snooze)
    app.command("edit", help="One surgical edit of a file, shown as a diff.")(edit)


def rightsize(
    pool: Annotated[str | None, typer.Option("--pool", help="one pool, with all its evidence", metavar="CLUSTER/POOL")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every finding, not the first ten only")] = False,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Analyze now, without opening anything. Exit 1 where there is nothing but refusals."""
    with asking(store, config, who, f"findings on {pool or 'every pool'}", opened=acting) as (session, asker):
        run = run_name(session.now)
        plan(run, session.ports, session.now, notify=False)
        frozen = plan_of(run, session.ports)
        analyze_all(frozen, session.ports)
        clusters = session.ports.palette.clusters()
        own = own_pools(asker, clusters, session.ports)
        analyses = own_analyses(latest_analyses(run, session.ports), asker, own)
        names = {str(uid): name for uid, name in session.ports.palette.listed().items()}
    if pool is not None:
        analyses = only(analyses, names, pool, [f"{names[uid]}/{name}" for uid, name in own])
    if output is Format.JSON:
        print_json(as_json(frozen, analyses, names))
    elif pool is None:
        print_first(analyses, names, everything=everything)
    else:
        print_whole(analyses, names)
    if not any(analysis.findings for analysis in analyses):
        raise typer.Exit(1)


def analyze_all(frozen: Plan, ports: Ports) -> None:
    """Every cluster of a run, here and now."""
    for number, uid in enumerate(frozen.clusters):
        ports.progress.step("analyzing clusters", number, len(frozen.clusters))
        analyze_cluster(frozen, uid, ports, notify=False)
    ports.progress.step("analyzing clusters", len(frozen.clusters), len(frozen.clusters))


def run_name(now: datetime) -> str:
    """A run made by hand: never the name of a clock's run, and never that of another one."""
    return f"run-{now:%Y%m%dt%H%M}z-{secrets.token_hex(3)}"


def propose(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="analyze and show, open nothing")] = False,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """One whole run, here and now."""
    if dry_run:
        rightsize(None, False, who, store, config, output)
        return
    if config:
        raise BadInput("--config: a change follows the rules in its repo; leave it out, or add --dry-run")
    with asking(store, None, who, "a run, and every proposal", opened=acting) as (session, asker):
        run = run_name(session.now)
        plan(run, session.ports, session.now, notify=False)
        frozen = plan_of(run, session.ports)
        analyze_all(frozen, session.ports)
        say(open_run(frozen, session.ports, session.now))
    with reading(store) as session:
        _print_rows(_rows(asker, session.ports), output)


def proposals(
    who: ViewerOption = None, store: StoreOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE
) -> None:
    """All proposals, newest state."""
    with asking(store, config, who, "every proposal", opened=reading) as (session, asker):
        rows = _rows(asker, session.ports)
    _print_rows(rows, output)


def _rows(asker: Audience, ports: Ports) -> list[dict[str, object]]:
    return [proposal_row(life) for life in all_lives(ports) if is_shown(life.planned(), asker)]


def _print_rows(rows: list[dict[str, object]], output: Format) -> None:
    if output is Format.JSON:
        print_json(rows)
        return
    print_proposals("Proposals", ("id", "pool", "change", "saving_effective", "saving_list", "risk", "state", "waits_for"), rows)


def all_lives(ports: Ports) -> list[Life]:
    """Every proposal's folded state, in the order of their ids."""
    return [life for _, entry in sorted(ports.ledger.heads(STREAMS).items()) if (life := fold(entry)).proposal]


def show(
    proposal: ProposalArgument,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """One proposal with its diff, verdict and evidence."""
    with asking(store, config, who, proposal, opened=reading) as (session, asker):
        check_may_see(proposal, asker, session.ports)
        show_proposal(proposal, session.ports, output)


def approve(proposal: ProposalArgument, who: AsOption, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Approve as a person."""
    _decide("approve", proposal, who, "", store, config)


def reject(
    proposal: ProposalArgument,
    who: AsOption,
    reason: Annotated[str, typer.Option("--reason", help="why; it is remembered")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Reject as a person."""
    _decide("reject", proposal, who, reason, store, config)


def snooze(proposal: ProposalArgument, who: AsOption, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Snooze as a person."""
    _decide("snooze", proposal, who, "", store, config)


def _decide(action: str, proposal: str, who: str, reason: str, store: str | None, config: str | None) -> None:
    with deciding(store, config) as session:
        life = fold(session.ports.ledger.head(f"{STREAMS}{proposal}"))
        if life.proposal is None:
            raise BadInput(f"{proposal}: no such proposal; trimtab proposals lists them")
        key = f"local/{action}/{who}/{life.generation}/{life.pull_request.head if life.pull_request else ''}"
        decision = Decision(proposal=ProposalId(proposal), action=action, person=_person(who, session, life), key=key, reason=reason)
        typer.echo(session.ports.named(decide(decision, session.ports, session.now)))


def _person(who: str, session: Session, life: Life) -> Person:
    from trimtab.flow.governance import read_governance

    people = read_governance(session.ports, life.planned().place.repo).people
    for person in people:
        if person.called == who:
            return person
    raise Refused(f"--as {who}: owners.yaml lists {', '.join(person.called for person in people) or 'nobody'}")
