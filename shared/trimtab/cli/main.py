"""The `trimtab` command: exit codes, and the list of commands.

Exit codes: 0 done, 1 the answer is no, 2 bad input, 3 an upstream failed (errors.py). JSON goes to stdout alone.
"""

import sys

import typer

from trimtab.cli import (
    audit,
    backtest,
    changes,
    cluster,
    collect,
    cost,
    demo,
    doctor,
    export,
    forecasts,
    history,
    ledger,
    operate,
    owners,
    people,
    policy,
    replay,
    undo,
    usage,
)
from trimtab.cli.output import say
from trimtab.errors import TrimtabError

app = typer.Typer(
    name="trimtab",
    help="Cloud bills and cluster metrics in; attributed cost and small, reviewed Git changes to Palette machine pools out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    demo,
    doctor,
    cost,
    export,
    usage,
    collect,
    cluster,
    changes,
    backtest,
    audit,
    forecasts,
    history,
    ledger,
    operate,
    owners,
    people,
    policy,
    replay,
    undo,
):
    group.register(app)


def run() -> None:
    """Run the command line; an error becomes one line and an exit code."""
    try:
        app()
    except TrimtabError as error:
        say(f"trimtab: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        say(f"trimtab: {error.filename or ''}: {error.strerror or error}")
        sys.exit(2)


if __name__ == "__main__":
    run()
