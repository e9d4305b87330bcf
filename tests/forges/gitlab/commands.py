"""Words that act: quick actions, mentions, closing words, `[skip ci]`. Whatever acts is kept in `Site.fired`.

Stricter than GitLab where that is simple: only fenced blocks shield a command, and nothing shields closing words
(GitLab's ClosingIssueExtractor looks at the raw text, code spans included).
"""

import re

from tests.forges.gitlab.records import Site, User

_NAMES = """
add_contacts approve unapprove assign assign_reviewer request_review reviewer award react cc close confidential copy_metadata
create_merge_request done draft ready due duplicate epic estimate iteration label labels link lock merge milestone move promote
publish reassign reassign_reviewer rebase relabel relate remove_label unlabel remove_milestone reopen shrug ship spend
submit_review subscribe tableflip tag target_branch title todo unassign unassign_reviewer unlock unsubscribe weight wip
"""
_COMMAND = re.compile(rf"(?i)/({'|'.join(_NAMES.split())})(?: ([^\n]*))?\s*")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_MENTION = re.compile(r"(?<![\w`/.@])@[A-Za-z0-9_][A-Za-z0-9_./-]*")
_CLOSES = re.compile(
    r"(?i)\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):? +(?:issues? +)?[\w/.-]*#\d+"
)
_SKIP = re.compile(r"(?i)\[(?:skip ci|ci skip|no ci)\]")
_CREDIT = re.compile(r"(?im)^(?:co-authored-by|signed-off-by):.*$")


def commands_in(text: str) -> list[tuple[str, str]]:
    """(command, rest of its line) of every quick action in a text."""
    found: list[tuple[str, str]] = []
    fence = ""
    for line in text.replace("\r", "").split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark.group(1).startswith(fence) and not line.strip(fence[0]).strip() else fence
        elif mark:
            fence = mark.group(1)
        else:
            command = _COMMAND.fullmatch(line)
            found += [(command.group(1).lower(), (command.group(2) or "").strip())] if command else []
    return found


def without_commands(text: str) -> str:
    """What is left of a text: GitLab takes out the commands, every carriage return, and the blanks at its end."""
    lines = text.replace("\r", "").split("\n")
    return "\n".join(line for line in lines if not (commands_in(text) and _COMMAND.fullmatch(line))).rstrip()


def closed_by(text: str) -> list[int]:
    """Issues that a merge with this text closes."""
    return [int(match.rsplit("#", 1)[1]) for match in _CLOSES.findall(text)]


def noticed(site: Site, user: User, text: str, where: str, *, is_commit: bool = False) -> None:
    """Keep what acts in a text without being a command."""
    acts = [match.group() for match in _CLOSES.finditer(text)]
    acts += _MENTION.findall(_without_code(text))
    acts += [*_SKIP.findall(text), *_CREDIT.findall(text)] if is_commit else []
    site.fired += [f"{act} by {user.username} in {where}" for act in acts]


def _without_code(text: str) -> str:
    fences = re.sub(r"(?ms)^(`{3,}|~{3,}).*?^\1", "", text)
    return re.sub(r"(?s)<!--.*?-->|(`+)[^`].*?\1", "", fences)
