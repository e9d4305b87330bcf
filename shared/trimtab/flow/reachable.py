"""Do calls of Slack and the forge get through to `receive`, and does it believe none that is unsigned? One is sent, and its answer says."""

from collections.abc import Callable, Iterator

from trimtab.errors import TrimtabError
from trimtab.flow.preflight import Item
from trimtab.receive_settings import SENDER_SECRETS
from trimtab.settings import Settings

Ask = Callable[[str], int]
"""Sends a POST without a signature to a path; the status of the answer. Raises Upstream where none comes."""
UNBELIEVED, NOT_HERE = 401, 404


def webhooks(settings: Settings, ask: Ask) -> Iterator[Item]:
    """One item for each sender that this deployment lives from."""
    for sender in _senders(settings):
        about = f"webhook /{sender}"
        try:
            status = ask(f"/{sender}")
        except TrimtabError as error:
            yield Item(about=about, color="red", detail=str(error), todo="look at settings.webhooks_url, and at what stands before receive")
            continue
        if status == UNBELIEVED:
            yield Item(about=about, color="green", detail="is reached, and believes no unsigned call")
        elif status == NOT_HERE:
            todo = f"give receive its secret, TRIMTAB_{SENDER_SECRETS[sender].upper()}, and apply: the path is only there with it"
            yield Item(about=about, color="red", detail="nobody is served there", todo=todo)
        else:
            detail = f"answered {status} to an unsigned call, where receive says {UNBELIEVED}"
            yield Item(about=about, color="red", detail=detail, todo="see who answers at settings.webhooks_url")


def _senders(settings: Settings) -> list[str]:
    forges = {repository.forge for repository in settings.repositories}
    return [*(["slack"] if settings.slack_token else []), *sorted(forges & SENDER_SECRETS.keys())]
