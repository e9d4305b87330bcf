"""A Palette alert webhook: a wake-up for a project, never a fact.

Palette fills one placeholder, {{message}}, into a body that the user wrote, and nobody says whether it escapes quotes in it. So the
static part of the template is what counts: {"v":1,"source":"palette","tenant":"acme","project_uid":"<uid>","message":"{{message}}"}.
"""

import json
import re
from typing import TYPE_CHECKING, NamedTuple, cast

from trimtab.errors import BadInput

if TYPE_CHECKING:
    from trimtab.records import ProjectUid

_UID = re.compile(r"[A-Za-z0-9-]{1,64}")
_STATIC = re.compile(r'"project_uid"\s*:\s*"([A-Za-z0-9-]{1,64})"')
_MESSAGE = re.compile(r'"message"\s*:\s*"(.*)"\s*\}\s*\Z', re.DOTALL)


class PaletteWake(NamedTuple):
    """A project in which something may have happened."""

    project_uid: "ProjectUid"
    message: str
    """Outside text, for the log only."""


def parse(body: bytes) -> PaletteWake:
    """The project to look at. Raises BadInput where the body names none."""
    text = body.decode("utf-8", "replace")
    try:
        event = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _leniently(text)
    if not isinstance(event, dict):
        raise BadInput("/palette: expected a JSON object")
    uid, message = event.get("project_uid"), event.get("message", "")
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise BadInput("/palette: project_uid: expected a Palette uid; put it into the alert's body template")
    return PaletteWake(cast("ProjectUid", uid), message if isinstance(message, str) else "")


def _leniently(text: str) -> PaletteWake:
    """A quote in the message broke the JSON; what the template says before the message is still ours."""
    found = _STATIC.search(text.partition('"message"')[0])
    if found is None:
        raise BadInput("/palette: neither JSON nor our template with project_uid before message")
    message = _MESSAGE.search(text)
    return PaletteWake(cast("ProjectUid", found[1]), message[1] if message else "")
