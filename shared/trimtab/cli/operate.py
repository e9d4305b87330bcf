"""Running it: status, stop, resume, verify, report, serve, invoke, init."""

import json
import secrets
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from trimtab import wiring
from trimtab.adapters.starter import ForgeName, grants, write_starter
from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption, ViewerOption
from trimtab.cli.output import print_json, print_table, say
from trimtab.cli.session import Session, acting, asking, functions_of, operating, reading, retelling
from trimtab.errors import BadInput, Broken, Refused, Upstream
from trimtab.flow.wake import Wake, tick_key


class CloudName(StrEnum):
    """Whose event shapes and entry points."""

    AWS = "aws"
    GCP = "gcp"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status", help="The permit, the queue, and how far usage reaches per cluster.")(status)
    app.command("stop", help="Stop all writing now; anybody may.")(stop)
    app.command("resume", help="Allow writing again.")(resume)
    app.command("verify", help="Applied, healthy, saved? And sweep what was lost.")(verify)
    app.command("report", help="Showback from summaries.")(report)
    app.command("serve", help="The local page.")(serve)
    app.command("invoke", help="Call a function's entry point with an event file.")(invoke)
    app.command("init", help="A new GitOps repo from the starter.")(init)


def status(who: ViewerOption = None, store: StoreOption = None, config: ConfigOption = None, output: FormatOption = Format.TABLE) -> None:
    """Green or red per item; what is only observed, and would have saved, is for those who may see everybody's cost."""
    with asking(store, config, who, "the status", opened=reading) as (session, asker):
        ports = session.ports
        stopped = ports.permit.stop_reason()
        rows: list[tuple[str, str, str]] = [("writing", "red" if stopped else "green", stopped or "allowed")]
        waiting = ports.inbox.pending()
        rows.append(("inbox", "green" if not waiting else "yellow", f"{len(waiting)} waiting"))
        for key in ports.documents.keys("demand/"):
            document = ports.documents.find(key) or {}
            rows.append((f"usage of {document.get('cluster')}", "green", f"newest hour {document.get('hour')}"))
    rows += _observed(store) if asker.teams is None else []
    print_json(
        [{"item": item, "state": state, "detail": detail} for item, state, detail in rows]
    ) if output is Format.JSON else print_table("Status", ("item", "state", "detail"), rows)


def _observed(store: str | None) -> list[tuple[str, str, str]]:
    """Each scope that only observes, and what it would have had proposed in the last month; a broken record hides no other line."""
    from trimtab.flow.promotion import prospects, sentence
    from trimtab.flow.simulate import past

    with retelling(store) as session:
        since = session.now - timedelta(days=30)
        try:
            found = prospects(past(session.ports, since), session.ports, since, session.now)
        except Broken as error:
            return [("record", "red", str(error))]
    return [(f"at observe: {prospect.scope}", "green", sentence(prospect)) for prospect in found]


def stop(
    reason: Annotated[str, typer.Option("--reason")],
    who: Annotated[str, typer.Option("--as")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a stop."""
    with operating(store, config) as session:
        session.ports.permit.stop(by=_recorded(who, session), reason=reason, at=session.now)
    say(f"stopped by {who}: {reason}")


def resume(
    reason: Annotated[str, typer.Option("--reason")],
    who: Annotated[str, typer.Option("--as")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Take the stop away: for whoever the store lets write its permit, which no function may."""
    with operating(store, config) as session:
        session.ports.permit.resume(by=_recorded(who, session), reason=reason, at=session.now)
    say(f"writing is allowed again, says {who}: {reason}")


def _recorded(who: str, session: Session) -> str:
    """What the record calls them."""
    return session.ports.people.key_of(who) if session.ports.people else who


def verify(store: StoreOption = None, config: ConfigOption = None) -> None:
    """One verify run, now."""
    from trimtab.flow.verify import verify as verify_now

    with acting(store, config) as session:
        # The tick of the hour looks at everything.
        tick = Wake(key=tick_key("verify", session.now.replace(minute=0)))
        typer.echo(verify_now(tick, session.ports, session.now))


def report(
    period: Annotated[str | None, typer.Option("--period", metavar="YYYY-MM")] = None,
    out: Annotated[Path, typer.Option("--out", help="folder for the files")] = Path("report"),
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Render showback files."""
    from trimtab.flow.access import scopes_of
    from trimtab.flow.report import render_files

    with asking(store, config, who, f"reports of {period or 'the newest period'}") as (session, asker):
        files = render_files(session.ports, f"p-{period}" if period else None, scopes_of(asker))
    if not files:
        raise BadInput("no summaries yet: ingest a bill and allocate first")
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        typer.echo(str(path))


def serve(
    port: Annotated[int, typer.Option("--port", help="loopback port")] = 8765,
    who: ViewerOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Serve the page until interrupted; the functions that it wakes find their store in the environment, as in a cloud."""
    from trimtab.cli.page import serve_page

    with asking(store, config, who, "the local page", opened=acting) as (session, asker):
        settings = session.ports.settings
        with functions_of(settings):
            serve_page(session.ports, lambda: wiring.now(settings), port, secrets.token_bytes(32), asker)


def invoke(
    function: Annotated[str, typer.Argument()],
    event: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    cloud: Annotated[CloudName, typer.Option("--cloud", help="whose shape the event has")] = CloudName.AWS,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """What a cloud would do with this event."""
    from trimtab.demo import cloud as local

    try:
        value = json.loads(event.read_text())
    except ValueError as error:
        raise BadInput(f"{event}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput(f"{event}: expected a JSON object")
    if config:
        raise BadInput("--config: an entry point reads the rules of its own deployment; leave it out")
    with acting(store) as session, functions_of(session.ports.settings):
        answer = local.invoke(function, cloud.value, value, session.ports.settings)
    print_json(answer)
    if isinstance(answer, dict) and answer.get("batchItemFailures"):
        raise Upstream(f"{event}: not done; the queue would deliver it again")
    if isinstance(answer, dict) and any(str(outcome).startswith("refused:") for outcome in answer.get("outcomes", ())):
        raise Refused(f"{event}: {'; '.join(map(str, answer['outcomes']))}")


def init(
    folder: Annotated[Path, typer.Argument(help="a new or empty folder")],
    forge: Annotated[ForgeName | None, typer.Option("--forge", help="github or gitlab: only its CI and its steps (default: both)")] = None,
) -> None:
    """Write the starter and say who must grant what."""
    for path in write_starter(folder, forge):
        typer.echo(str(path))
    for line in ("", *grants(forge).splitlines()):
        say(line)
