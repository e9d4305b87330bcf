"""`trimtab doctor`: would what the rules ask for really happen? Green, yellow or red for each thing, and what to do."""

from collections.abc import Callable
from typing import Annotated

import typer

from trimtab.cli.options import ConfigOption, Format, FormatOption, StoreOption
from trimtab.cli.output import print_json, print_table, say
from trimtab.cli.session import acting
from trimtab.errors import BadInput, Refused
from trimtab.ports import Deployment
from trimtab.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", help="Green, yellow or red: what works, what would be approved and still be stuck, and what to do.")(doctor)


def doctor(
    prune: Annotated[
        bool, typer.Option("--prune", help="remove what is deployed and of no function any more, after you typed its name")
    ] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Look at everything; exit 1 where something is red."""
    from trimtab.flow.deployed import compare
    from trimtab.flow.preflight import preflight
    from trimtab.flow.reachable import webhooks

    with acting(store, config) as session:
        deployment = deployment_of(session.ports.settings)
        if prune:
            remove_orphans(deployment)
        settings = session.ports.settings
        items = (
            *preflight(session.ports, session.now),
            *(webhooks(settings, unsigned(settings.webhooks_url, settings)) if settings.webhooks_url else ()),
            *(compare(deployment) if deployment else ()),
        )
        named = session.ports.named
        rows = [(item.color, item.about, named(item.detail), item.todo) for item in items]
    if output is Format.JSON:
        print_json([{"color": color, "about": about, "detail": detail, "todo": todo} for color, about, detail, todo in rows])
    else:
        print_table("Doctor", ("", "what", "is", "to do"), rows, whole=("",))
    red = [about for color, about, _, _ in rows if color == "red"]
    if red:
        raise Refused(f"red: {', '.join(red)}")


def deployment_of(settings: Settings) -> Deployment | None:
    """Where the settings say that the functions run; None = they do not say."""
    at = settings.deployed_at
    if at is None:
        return None
    if at.cloud == "gcp":
        from trimtab.adapters.gcp.deployed import google_deployment

        return google_deployment(at.prefix, at.project, at.region)
    from trimtab.adapters.aws.deployed import aws_deployment

    return aws_deployment(at.prefix, at.region)


def unsigned(url: str, settings: Settings) -> Callable[[str], int]:
    """Sends an empty call without a signature to a path below the URL; the status of the answer."""
    from trimtab.adapters.http import client_for

    client = client_for(url, settings)
    return lambda path: client.post(f"{url.rstrip('/')}{path}", content=b"{}").status_code


def remove_orphans(deployment: Deployment | None) -> None:
    """Show what would go, ask for the deployment's name, and remove it. Raises Refused for another name, and where some of it stayed."""
    from trimtab.flow.deployed import orphans
    from trimtab.flow.deployed import prune as removed

    if deployment is None:
        raise BadInput("--prune: settings.deployed_at does not say where the functions run")
    found = orphans(deployment)
    if not found:
        say(f"{deployment.place}: nothing is left over")
        return
    for part in found:
        say(f"{part.kind} {part.name}{f': {part.trouble}' if part.trouble else ''}")
    typed = typer.prompt(
        f"These {len(found)} are removed for good, with what is in them. Type the deployment's name, {deployment.prefix}", err=True
    )
    if typed != deployment.prefix:
        raise Refused("nothing was removed: another name was typed")
    stayed = []
    for part, why in removed(found, deployment):
        say(f"{part.kind} {part.name}: {why or 'removed'}")
        stayed += [part.name] if why else []
    if stayed:
        raise Refused(f"not removed: {', '.join(stayed)}")
