"""Webhooks as GitLab sends them: a plain secret, a signature, or both; some get lost, some come twice."""

import json
import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from typing import Any

from tests.forges.gitlab.records import MergeRequest, Pipeline, Project, User

_NAMES = {"push": "Push Hook", "merge_request": "Merge Request Hook", "note": "Note Hook", "pipeline": "Pipeline Hook"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it goes out."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Hooks:
    """One webhook's settings, and everything that it sent."""

    token: str = ""
    """Goes along as it is, in X-Gitlab-Token."""
    signing_key: str = ""
    """whsec_…: signs, in webhook-signature."""
    lost: int = 0
    """How many of the next never come."""
    doubled: int = 0
    """How many of the next come twice."""
    sent: list[Delivery] = field(default_factory=list)

    def hear(self, kind: str, project: Project, user: User, rest: Mapping[str, object]) -> None:
        """Something happened."""
        if self.lost:
            self.lost -= 1
            return
        delivery = self._delivery(kind, _payload(kind, project, user, rest))
        self.sent.append(delivery)
        if self.doubled:
            self.doubled -= 1
            self.sent.append(delivery)

    def _delivery(self, kind: str, payload: Mapping[str, Any]) -> Delivery:
        body = json.dumps(payload).encode()
        headers = {
            "content-type": "application/json",
            "x-gitlab-event": _NAMES[kind],
            "x-gitlab-event-uuid": str(uuid.uuid4()),
            "x-gitlab-webhook-uuid": str(uuid.uuid4()),
            "idempotency-key": str(uuid.uuid4()),
        }
        if self.token:
            headers["x-gitlab-token"] = self.token
        if self.signing_key:
            headers |= _signature(self.signing_key, headers["idempotency-key"], str(int(time.time())), body)
        return Delivery(headers, body)


def _signature(key: str, message_id: str, timestamp: str, body: bytes) -> dict[str, str]:
    """HMAC-SHA256 over "{webhook-id}.{webhook-timestamp}.{body}", as Standard Webhooks has it."""
    mac = digest(b64decode(key.removeprefix("whsec_")), f"{message_id}.{timestamp}.".encode() + body, sha256)
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{b64encode(mac).decode()}"}


def _payload(kind: str, project: Project, user: User, rest: Mapping[str, object]) -> dict[str, Any]:
    """Less than GitLab's own, in its form: what an event names is read again anyway."""
    who = {"id": user.id, "name": user.name, "username": user.username}
    about = {"id": project.id, "name": project.path.rpartition("/")[2], "path_with_namespace": project.path}
    payload: dict[str, Any] = {"object_kind": kind, "event_type": kind, "user": who, "project": about}
    if kind == "push":
        return payload | {"user_username": user.username, "project_id": project.id, "event_name": "push", **rest}
    request, pipeline = rest.get("request"), rest.get("pipeline")
    attributes = _request_attributes(request) if isinstance(request, MergeRequest) else {}
    if kind == "merge_request":
        return payload | {"object_attributes": attributes | {key: rest[key] for key in ("action", "oldrev") if key in rest}}
    more = {"merge_request": attributes} if attributes else {}
    if isinstance(pipeline, Pipeline):
        keys = {"id": pipeline.id, "sha": pipeline.sha, "ref": pipeline.ref, "status": pipeline.status, "source": pipeline.source}
        return payload | {"object_attributes": keys, **more}
    return payload | {"object_attributes": {"note": rest.get("note", ""), "noteable_type": "MergeRequest" if more else "Issue"}, **more}


def _request_attributes(request: MergeRequest) -> dict[str, Any]:
    return {
        "iid": request.iid,
        "state": request.state,
        "title": request.title,
        "source_branch": request.source_branch,
        "target_branch": request.target_branch,
        "last_commit": {"id": request.sha},
        "draft": request.is_draft,
    }
