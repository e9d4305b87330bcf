"""The git pushes that we make: a branch moves from one commit to another, or goes, if and only if it is still at the first.

GitLab's REST API cannot say "only if": git itself can. Both commits are on the server already, so the pack is empty and what travels is
a line per branch. The protocol is git's own (pack-protocol and protocol-common in git's documentation); no I/O here.
"""

import hashlib
from collections.abc import Mapping

from trimtab.errors import Upstream
from trimtab.records import CommitSha

REQUEST = "application/x-git-receive-pack-request"
NOTHING = "0" * 40
_FLUSH = b"0000"
_HEADER = b"PACK" + (2).to_bytes(4) + (0).to_bytes(4)
_EMPTY_PACK = _HEADER + hashlib.sha1(_HEADER, usedforsecurity=False).digest()
_CAPABILITIES = b"report-status side-band-64k agent=trimtab"


def move(branch: str, old: CommitSha, new: CommitSha, *, staged: str) -> bytes:
    """Move `branch` from `old` to `new`, and delete the branch on which `new` was made."""
    first = f"{old} {new} refs/heads/{branch}".encode() + b"\0" + _CAPABILITIES
    second = f"{new} {NOTHING} refs/heads/{staged}".encode()
    return _line(first) + _line(second) + _FLUSH + _EMPTY_PACK


def delete(branch: str, old: CommitSha) -> bytes:
    """Delete `branch`, if it is still at `old`; a push that only deletes carries no pack."""
    return _line(f"{old} {NOTHING} refs/heads/{branch}".encode() + b"\0" + _CAPABILITIES) + _FLUSH


def outcome(answer: bytes, branch: str) -> str | None:
    """None = it moved; else why not, in the server's words. Raises Upstream where the answer does not say."""
    bands = _bands(answer)
    results = _results(bands[1])
    said = results.get(f"refs/heads/{branch}")
    if said is None:
        raise Upstream(f"git push: no word on {branch}: {_first_line(bands[3] or bands[2]) or 'an empty answer'}")
    return None if said == "ok" else f"{said}: {_first_line(bands[2])}".rstrip(": ")


def _results(report: bytes) -> Mapping[str, str]:
    """Ref → "ok", or the reason."""
    lines = [line.decode(errors="replace").rstrip("\n") for line in _lines(report)]
    words = [line.split(" ", 2) for line in lines]
    return {each[1]: "ok" if each[0] == "ok" else each[-1] for each in words if each[0] in ("ok", "ng") and len(each) > 1}


def _bands(answer: bytes) -> dict[int, bytes]:
    """1: the report, 2: what the server tells people, 3: why it gave up."""
    found = {1: b"", 2: b"", 3: b""}
    for line in _lines(answer):
        if line[:1] not in (b"\x01", b"\x02", b"\x03"):
            # Without bands the answer is the report itself.
            return {1: answer, 2: b"", 3: b""}
        found[line[0]] += line[1:]
    return found


def _lines(text: bytes) -> list[bytes]:
    lines, at = [], 0
    while at + 4 <= len(text):
        try:
            size = int(text[at : at + 4], 16)
        except ValueError:
            raise Upstream("git push: the answer is not git's") from None
        if at + size > len(text):
            raise Upstream("git push: the answer breaks off")
        if size >= 4:
            lines.append(text[at + 4 : at + size])
        at += max(size, 4)
    return [line for line in lines if line]


def _line(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def _first_line(text: bytes) -> str:
    """The first line that says something; GitLab draws a frame around it."""
    lines = (line.strip(" =\r") for line in text.decode(errors="replace").splitlines())
    told = (line.removeprefix("remote:").removeprefix("GitLab:").strip() for line in lines)
    return next((line for line in told if line), "")[:200]
