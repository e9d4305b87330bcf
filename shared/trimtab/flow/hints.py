"""A forge's webhook is a hint: which of our proposals to look at again, which pull request to answer. All of it is read anew."""

from datetime import datetime

from trimtab.flow.gate import CHECK, answer
from trimtab.flow.life import Life, lives
from trimtab.ports import Ports
from trimtab.records import ProposalId
from trimtab.settings import Repository
from trimtab.sources.forge_events import ForgeEvent


def repository_of(event: ForgeEvent, source: str, ports: Ports) -> Repository | None:
    """The managed repo that an event is about: by its forge and name and, where both are known, by the forge's own number."""
    return next((repository for repository in ports.settings.repositories if _is_it(repository, event, source)), None)


def _is_it(repository: Repository, event: ForgeEvent, source: str) -> bool:
    if repository.forge == "local":
        return event.repo == repository.id
    is_same = repository.forge == source and event.repo.lower() == repository.location.lower()
    return is_same and (repository.forge_id is None or event.repo_id in {None, repository.forge_id})


def proposals_of(event: ForgeEvent, repository: Repository, ports: Ports) -> list[ProposalId]:
    """Ours that the event may be about: by the pull request's number, else by the commit that it names."""
    return [life.planned().id for life in lives(ports).values() if _is_about(life, event, repository)]


def _is_about(life: Life, event: ForgeEvent, repository: Repository) -> bool:
    ref = life.pull_request
    if ref is None or ref.repo != repository.id:
        return False
    return ref.number == event.number if event.number is not None else event.head is not None and event.head == ref.head


def is_our_own_echo(event: ForgeEvent) -> bool:
    """True where the forge only tells us what our own check says."""
    return event.kind == "checks" and event.name == CHECK


def answer_hint(event: ForgeEvent, repository: Repository, ports: Ports, now: datetime) -> str:
    """The gate's answer to the pull request of an event; "" for an event that changes no pull request's content or state."""
    if event.kind != "pull-request" or event.number is None:
        return ""
    return answer(repository.id, event.number, ports, now)
