"""The five ports that live on objects, together."""

from collections.abc import Callable
from dataclasses import dataclass

from trimtab.adapters.store.documents import StoreDocuments
from trimtab.adapters.store.inbox import StoreInbox
from trimtab.adapters.store.ledger import StoreLedger
from trimtab.adapters.store.objects import Objects
from trimtab.adapters.store.people import StorePeople
from trimtab.adapters.store.permit import StorePermit


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What one tenant keeps."""

    inbox: StoreInbox
    ledger: StoreLedger
    documents: StoreDocuments
    permit: StorePermit
    people: StorePeople


def state_over(objects: Objects, record: Objects, *, nonce: Callable[[], str]) -> State:
    """The ports over folders that are open already: `record` for everything that is created once, `objects` for documents."""
    return State(
        inbox=StoreInbox(record, nonce),
        ledger=StoreLedger(record, nonce),
        documents=StoreDocuments(objects),
        permit=StorePermit(record, nonce),
        people=StorePeople(record, nonce),
    )
