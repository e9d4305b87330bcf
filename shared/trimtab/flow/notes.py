"""Comments of ours on a pull request: each is said once, and found again by its mark, which a forge keeps where it changes the text."""

import hashlib

from trimtab.flow.life import Journal
from trimtab.flow.masks import masked_in
from trimtab.ports import Ports


def say_once(journal: Journal, number: int, about: str, text: str, ports: Ports) -> None:
    """Comment on a proposal's pull request, unless we said that before. `about` names the occasion, so that a retry has the same mark."""
    repo, mark = journal.life.planned().place.repo, _mark(journal, number, about)
    said = any(mark in comment.text and comment.login == ports.forge.login for comment in ports.forge.comments(repo, number))
    if not said:
        ports.forge.comment(repo, number, f"{masked_in(repo, ports.named(text), ports)}\n\n{mark}", journal.now)


def _mark(journal: Journal, number: int, about: str) -> str:
    place = f"{journal.stream}/{journal.life.generation}/{number}/{about}"
    return f"<!-- trimtab note={hashlib.sha256(place.encode()).hexdigest()[:20]} -->"
