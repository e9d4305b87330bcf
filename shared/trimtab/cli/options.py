"""The options that every command takes."""

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="file://, s3:// or gs:// URL (default: TRIMTAB_STORE, else file://./trimtab-store)", metavar="URL"),
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="read config.yaml, policy.yaml and owners.yaml from this folder instead of the repo", metavar="DIR"),
]
FormatOption = Annotated[Format, typer.Option("--format", help="table for people, json for scripts")]
PeriodOption = Annotated[str | None, typer.Option("--period", help="YYYY-MM (default: every period)", metavar="YYYY-MM")]
ViewerOption = Annotated[
    str | None, typer.Option("--as", help="show what this person of owners.yaml may see (default: everything)", metavar="WHO")
]
