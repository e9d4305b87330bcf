"""`trimtab demo`: the whole loop on the bundled estate, offline."""

import time
from typing import Annotated

import typer

from trimtab.cli.options import Format, FormatOption
from trimtab.cli.output import print_json, say
from trimtab.cli.progress import Bar
from trimtab.cli.session import default_store
from trimtab.cli.story import demo_story, print_story


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", help="The whole loop on the bundled estate, offline.")(demo)


def demo(
    store: Annotated[str | None, typer.Option("--store", help="file:// URL of the demo's own store", metavar="URL")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Run it, then tell what happened."""
    from trimtab.demo.run import run

    started = time.monotonic()
    bar = Bar()
    settings = run(store or default_store(), say, lambda done, total, words: bar.step(words if done < total else "done", done, total))
    story = demo_story(settings)
    if form is Format.JSON:
        print_json(story)
    else:
        print_story(story)
    say(f"took {time.monotonic() - started:.0f} s; look closer with: trimtab serve --store {settings.store}")
