"""Palette's audit trail, and the teams it knows. No I/O."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trimtab.adapters.palette import answers
from trimtab.errors import BadInput
from trimtab.records import AuditEntry, ProjectUid

AUDITS = "/v1/audits"
TEAMS = "/v1/teams"
USERS = "/v1/users"


def window(since: datetime, until: datetime) -> dict[str, str]:
    """The query of a time span; Palette counts in milliseconds."""
    return {"startTime": _text(since), "endTime": _text(until)}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_audits(body: bytes) -> tuple[tuple[AuditEntry, ...], str]:
    """One page of the trail, and the token of the next; "" = there is none."""
    page = answers.json_object(body, "audits")
    return tuple(_entry(item, place) for item, place in answers.objects(page, "items", "audits")), answers.next_page(page)


def _entry(item: Mapping[str, Any], place: str) -> AuditEntry:
    metadata, spec = answers.inner(item, "metadata", place), answers.inner(item, "spec", place)
    resource = answers.maybe(spec, "resource")
    project = answers.maybe(answers.maybe(spec, "actor"), "project")
    return AuditEntry(
        uid=answers.uid_in_path(answers.text(metadata, "uid", f"{place}.metadata"), "audit uid"),
        at=_time(answers.text(metadata, "creationTimestamp", f"{place}.metadata"), f"{place}.metadata.creationTimestamp"),
        action=str(spec.get("actionType") or ""),
        kind=str(resource.get("kind") or ""),
        resource_uid=str(resource.get("uid") or ""),
        resource=str(resource.get("name") or ""),
        project_uid=ProjectUid(str(project.get("uid") or "")),
        message=" ".join(str(spec.get("actionMsg") or spec.get("contentMsg") or "").split())[:300],
    )


def _time(text: str, place: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"Palette: {place}: {text[:40]!a} is no time") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def parse_teams(body: bytes) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], str]:
    """One page of (team's name, uids of its users), and the token of the next."""
    page = answers.json_object(body, "teams")
    return tuple(_team(item, place) for item, place in answers.objects(page, "items", "teams")), answers.next_page(page)


def _team(item: Mapping[str, Any], place: str) -> tuple[str, tuple[str, ...]]:
    name = answers.text(answers.inner(item, "metadata", place), "name", f"{place}.metadata")
    return name, answers.words(answers.maybe(item, "spec"), "users")


def parse_users(body: bytes) -> tuple[tuple[tuple[str, str], ...], str]:
    """One page of (user's uid, e-mail address), and the token of the next; "" = Palette has none."""
    page = answers.json_object(body, "users")
    rows = (
        (answers.inner(item, "metadata", place), answers.maybe(item, "spec"), place)
        for item, place in answers.objects(page, "items", "users")
    )
    found = ((answers.text(metadata, "uid", f"{place}.metadata"), str(spec.get("emailId") or "")) for metadata, spec, place in rows)
    return tuple(found), answers.next_page(page)
