"""The state store: inbox, ledger, documents and permit as create-only objects on disk, S3 or Google Cloud Storage."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trimtab.adapters.store.state import State
    from trimtab.settings import Settings


def open_state(settings: "Settings", *, nonce: Callable[[], str], options: Mapping[str, str] | None = None) -> "State":
    """The tenant's state at the URLs of its settings; `nonce` gives a new random text on each call.

    Documents are in the store; the record, with inbox and permit, is where the ledger is, so that it can be locked.
    """
    # Imported here: `receive` uses `objects` alone, and must not pay for the rest.
    from trimtab.adapters.store.objects import open_objects
    from trimtab.adapters.store.state import state_over

    objects = open_objects(settings.store, options=options or {})
    record = objects if settings.ledger_url == settings.store else open_objects(settings.ledger_url, options=options or {})
    return state_over(objects.within(settings.tenant), record.within(settings.tenant), nonce=nonce)
