"""All of them in one value."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from trimtab.ports.chat import Chat, Mail, Tickets, Webhooks
from trimtab.ports.forge import Forge, KeptRules
from trimtab.ports.lake import Engine, Lake
from trimtab.ports.ledger import Anchors, Ledger
from trimtab.ports.palette import Catalog, Palette
from trimtab.ports.people import People, TokenKeys
from trimtab.ports.permit import Permit
from trimtab.ports.store import Buckets, Documents, Inbox
from trimtab.ports.telling import Log, Progress
from trimtab.ports.usage import Learner, Metrics, Usage
from trimtab.records import ClusterUid
from trimtab.render.wording import Wording

if TYPE_CHECKING:
    from trimtab.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Everything a use case may touch; `wiring.py` fills it, tests fill it with fakes."""

    settings: "Settings"
    inbox: Inbox
    ledger: Ledger
    permit: Permit
    documents: Documents
    lake: Lake
    buckets: Buckets
    engine: Engine
    palette: Palette
    catalog: Catalog
    usage: Usage
    forge: Forge
    chat: Chat
    metrics: Callable[[ClusterUid], Metrics]
    """The one endpoint that may speak for a cluster."""
    log: Log
    progress: Progress
    wording: Wording
    """The sentences of pull requests and cards."""
    scratch: Path
    """A folder for files that live as long as one wake."""
    learner: Learner | None = None
    """Only `learn` needs one."""
    mail: Mail | None = None
    """None = this function sends none."""
    webhooks: Webhooks | None = None
    tickets: Tickets | None = None
    token_keys: TokenKeys | None = None
    """None = no tokens of Azure are asked for."""
    anchors: Anchors | None = None
    """None = the deployment has no second place, and its record can be called consistent, never proven."""
    people: People | None = None
    """None = people go by their names in owners.yaml everywhere, as for whoever only reads."""
    kept_rules: KeptRules | None = None
    """None = nobody here works without the forge's key."""
    correlation: str = ""
    """What the log lines and entries of one wake have in common with those of the event that began it all; "" = no wake."""
    stopwatch: Callable[[], float] = monotonic
    """Seconds since some moment, for how long a wake took."""

    def named(self, text: str) -> str:
        """What leaves for people's eyes: names for keys."""
        return self.people.named(text) if self.people else text
