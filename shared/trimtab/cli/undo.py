"""Taking back what was merged, and what proposes nothing because it was taken back: rollback, freeze."""

from datetime import datetime
from typing import Annotated

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import print_json, print_table, say
from trimtab.cli.session import Session, deciding, reading
from trimtab.errors import BadInput, Refused
from trimtab.flow.freezes import every_freeze, freeze_rule, lift, lifted_line, rule_on
from trimtab.flow.governance import read_governance
from trimtab.flow.life import fold, rollback_id, stream_of
from trimtab.flow.merge import settle_one
from trimtab.flow.rollback import ask_to_undo
from trimtab.ports import Ports
from trimtab.records import Person, ProposalId

AsOption = Annotated[str | None, typer.Option("--as", help="who decides: a person's id in owners.yaml; file:// stores only")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="why; it is remembered")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("rollback", help="Undo a merged change by a pull request of its own.")(rollback)
    app.command("freeze", help="What proposes or merges nothing now; freeze a rule on a cluster, or lift that.")(freeze)


def rollback(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="prop-…")],
    who: Annotated[str, typer.Option("--as", help="who asks: a person's id in owners.yaml; file:// stores only")],
    reason: Annotated[str, typer.Option("--reason", help="why; it is remembered")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Restore the exact values from before; whoever approved the change agreed to that."""
    with deciding(store, config, elsewhere=f"type `/trimtab rollback {proposal} REASON` in Slack") as session:
        person = _person(who, session.ports)
        told = ask_to_undo(ProposalId(proposal), person.id, reason, session.ports, session.now)
        back = rollback_id(fold(session.ports.ledger.head(stream_of(proposal))).planned())
        if fold(session.ports.ledger.head(stream_of(back))).pull_request is not None:
            # What was agreed on in advance merges now: no queue serves a store on our own disk.
            told = settle_one(back, session.ports, session.now)
        typer.echo(session.ports.named(told))


def freeze(
    what: Annotated[
        str | None, typer.Argument(metavar="CLUSTER/RULE", help="a rule on a cluster; leave it out to see what is frozen")
    ] = None,
    lifted: Annotated[bool, typer.Option("--lift", help="let the rule propose again")] = False,
    who: AsOption = None,
    reason: ReasonOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show, freeze or lift."""
    if what is None:
        with reading(store, config) as session:
            rows = _rows(session.ports, session.now)
        headings = ("where", "what", "since", "until", "why")
        if output is Format.JSON:
            print_json([dict(zip(headings, row, strict=True)) for row in rows])
        else:
            print_table("Frozen", headings, rows)
        return
    if who is None or reason is None:
        raise BadInput("freeze: needs --as WHO and --reason WHY; both are remembered")
    elsewhere = f"type `/trimtab lift {what} REASON` in Slack" if lifted else "write a freeze into .trimtab/policy.yaml"
    with deciding(store, config, elsewhere=elsewhere) as session:
        _decide(what, lifted, _person(who, session.ports), reason, session)


def _decide(what: str, lifted: bool, person: Person, reason: str, session: Session) -> None:
    ports, cluster = session.ports, what.rpartition("/")[0]
    uid, rule = rule_on(what, ports)
    if not lifted:
        freeze_rule(uid, rule, f"{person.id} {session.now:%Y-%m-%dT%H:%M:%SZ}", reason, ports, session.now)
        say(f"{rule} proposes nothing on {cluster} until somebody lifts that")
    elif lift(uid, rule, person.id, reason, ports, session.now):
        say(lifted_line(what))
    else:
        raise Refused(f"{what} is not frozen")


def _rows(ports: Ports, now: datetime) -> list[tuple[str, str, str, str, str]]:
    """Stops, freezes of the policy that are in force, and rules that were rolled back."""
    stopped = ports.permit.stop_reason()
    rows = [("everything", "writing", "", "until resumed", stopped)] if stopped else []
    for repository in ports.settings.repositories:
        try:
            freezes = read_governance(ports, repository.id).freezes
        except BadInput as error:
            rows.append((repository.id, "merges", "", "", f"the rules cannot be read: {error}"))
            continue
        in_force = [each for each in freezes if each.start <= now < each.end]
        rows += [(repository.id, "merges", f"{each.start:%Y-%m-%d}", f"{each.end:%Y-%m-%d %H:%M} UTC", each.name) for each in in_force]
    for uid, frozen in every_freeze(ports).items():
        rows += [(uid, each.rule, f"{each.since:%Y-%m-%d}", "until lifted", ports.named(each.reason)) for each in frozen]
    return rows


def _person(who: str, ports: Ports) -> Person:
    """By the rules of any managed repo; the same person is the same in all of them."""
    people = [person for repository in ports.settings.repositories for person in read_governance(ports, repository.id).people]
    for person in people:
        if person.called == who:
            return person
    raise Refused(f"--as {who}: owners.yaml lists {', '.join(sorted({person.called for person in people})) or 'nobody'}")
