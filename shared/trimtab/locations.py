"""Where a `file://` URL is on disk; apart from `settings`, so that `receive` can open a store without pydantic."""

from pathlib import Path
from urllib.parse import unquote, urlparse

from trimtab.errors import BadInput


def local_path(url: str) -> Path:
    """The directory of a `file://` URL; relative ones are relative to the working directory."""
    parsed = urlparse(url)
    if parsed.scheme != "file":
        raise BadInput(f"{url}: not a file:// URL")
    return Path(unquote(parsed.netloc + parsed.path)).absolute()
