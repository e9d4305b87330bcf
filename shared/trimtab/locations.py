"""Where things are that settings name: apart from `settings`, so that `receive` needs no pydantic to find them."""

from pathlib import Path
from urllib.parse import unquote, urlparse

from trimtab.errors import BadInput


def local_path(url: str) -> Path:
    """The directory of a `file://` URL; relative ones are relative to the working directory."""
    parsed = urlparse(url)
    if parsed.scheme != "file":
        raise BadInput(f"{url}: not a file:// URL")
    return Path(unquote(parsed.netloc + parsed.path)).absolute()


def is_secret_arn(name: str, text: str) -> bool:
    """True where a variable of ours does not hold a secret, but says where AWS Secrets Manager has it."""
    return name.startswith("TRIMTAB_") and text.startswith("arn:aws") and ":secretsmanager:" in text
