"""Buckets of other accounts and clouds that exports are read from; never where our own state is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, ObjectStore, S3Store

from trimtab.adapters.store.objects import open_objects
from trimtab.errors import BadInput

if TYPE_CHECKING:
    from obstore.store import ClientConfig


class Credential(TypedDict):
    """Keys of an assumed role, for as long as they hold."""

    access_key_id: str
    secret_access_key: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How a bucket is opened: the cloud store's own options, and for S3 whose keys, where they are not the function's own."""

    options: Mapping[str, str] = field(default_factory=dict)
    credentials: Callable[[], Credential] | None = None


def open_bucket(root: str, access: Access) -> ObjectStore:
    """The store of `s3://bucket`, `gs://bucket`, `az://container` or `memory://`.

    Azure's account is in the options (`account_name`, else AZURE_STORAGE_ACCOUNT_NAME); so is a SAS (`sas_key`), or the function's
    workload identity is used. Raises BadInput for what cannot be opened.
    """
    parts = urlsplit(root)
    if parts.scheme != "az" and access.credentials is None:
        return open_objects(root, options=access.options).store
    config = {name: value for name, value in access.options.items() if name not in {"allow_http", "timeout"}}
    client: ClientConfig = {
        "connect_timeout": "5s", "timeout": access.options.get("timeout", "30s"), "allow_http": access.options.get("allow_http") == "true",
    }  # fmt: skip
    try:
        if parts.scheme == "az":
            return AzureStore(parts.netloc, config=config, client_options=client)  # type: ignore[arg-type]
        return S3Store(parts.netloc, config=config, client_options=client, credential_provider=access.credentials)  # type: ignore[arg-type]
    except (BaseError, OSError, ValueError) as error:
        raise BadInput(f"{root}: {(str(error).splitlines() or [''])[0][:200]}; see settings.exports") from None
