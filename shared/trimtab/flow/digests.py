"""One message per channel and run about everything new in it, so that many cards are read in one look."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from trimtab.errors import BadInput, Broken, Refused, Upstream
from trimtab.flow.life import Life, lives, stream_of
from trimtab.lifecycle import State
from trimtab.ports import Ports
from trimtab.records import ProposalId
from trimtab.render.slack import digest
from trimtab.render.view import title

AT_LEAST = 2
"""A single card says all of it by itself."""
_ASKING = (State.OPEN, State.AWAITING)


def tell_digests(run: str, opened: Sequence[ProposalId], ports: Ports, now: datetime, untold: list[str]) -> None:
    """Post what this run opened, by channel, each once; where Slack does not answer, that is added to `untold`."""
    if not ports.chat.is_configured:
        return
    known = lives(ports)
    new = [life for proposal in opened if (life := known.get(stream_of(proposal))) and _is_of(life, run)]
    channels = sorted({life.card.channel for life in new if life.card})
    for channel in channels:
        mine = [life for life in new if life.card and life.card.channel == channel]
        try:
            _tell(run, channel, mine, ports, now)
        except Upstream as error:
            untold.append(f"digest of {run} in {channel}: {error}")


def _is_of(life: Life, run: str) -> bool:
    return life.planned().run == run and life.state in _ASKING and life.card is not None


def _tell(run: str, channel: str, mine: Sequence[Life], ports: Ports, now: datetime) -> None:
    if len(mine) < AT_LEAST:
        return
    nonce = hashlib.sha256(f"digest/{run}/{channel}".encode()).hexdigest()[:20]
    headline = f"{len(mine)} new proposals, each with a card of its own"
    try:
        if ports.chat.find(channel, nonce) is None:
            ports.chat.post(channel, digest(headline, [_line(life, ports) for life in mine], now), headline, nonce)
    except Broken:
        raise
    except (BadInput, Refused) as error:
        ports.log.warning("digest.refused", run=run, input=str(error))


def _line(life: Life, ports: Ports) -> tuple[str, str]:
    proposal = life.planned()
    url = life.pull_request.url if life.pull_request else ""
    return title(proposal, ports.palette.cluster(proposal.finding.subject.cluster_uid)), url
