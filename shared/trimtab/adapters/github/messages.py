"""Commit messages as GitHub takes them: a headline and a body."""


def split(message: str) -> tuple[str, str]:
    """The first line, and what follows it."""
    headline, _, body = message.strip().partition("\n")
    return headline, body.strip("\n")
