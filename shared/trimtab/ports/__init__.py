"""What the use cases ask of the world, in our words; every adapter and every fake fits one of these.

A port raises `Upstream` when the world fails and returns a value when the world says no. None of them retries a write.
"""

from trimtab.ports.chat import Chat, Mail, MessageRef, Ticket, Tickets, Webhooks
from trimtab.ports.deployment import DeadLetter, DeadLetters, Deployed, Deployment, PartKind
from trimtab.ports.forge import Forge, KeptRules
from trimtab.ports.lake import Columnar, Compacting, Engine, Lake, Session, Superseded, Watched
from trimtab.ports.ledger import Anchors, Ledger
from trimtab.ports.palette import Catalog, Palette
from trimtab.ports.people import People, TokenKeys
from trimtab.ports.permit import Permit, PermitChange
from trimtab.ports.store import Buckets, Documents, Inbox, InboxItem, StoredObject, Waiting
from trimtab.ports.telling import Log, Progress
from trimtab.ports.together import Ports
from trimtab.ports.usage import CostHistory, Kubernetes, Learner, Metrics, Usage

__all__ = [
    "Anchors", "Buckets", "Catalog", "Chat", "Columnar", "Compacting", "CostHistory", "DeadLetter", "DeadLetters", "Deployed",
    "Deployment", "Documents", "Engine", "Forge", "Inbox", "InboxItem", "KeptRules", "Kubernetes", "Lake", "Learner", "Ledger", "Log",
    "Mail", "MessageRef", "Metrics", "Palette", "PartKind", "People", "Permit", "PermitChange", "Ports", "Progress", "Session",
    "StoredObject", "Superseded", "Ticket", "Tickets", "TokenKeys", "Usage", "Waiting", "Watched", "Webhooks",
]  # fmt: skip
