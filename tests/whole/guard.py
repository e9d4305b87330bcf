"""IAM before AWS: who calls is read from the key, what is called from the request, and both from then on decide as they would there.

moto asks nobody for permission. Here the policies that Terraform wrote, of roles and of buckets, are asked for each call.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.infra.aws_front import Front
from tests.infra.iam_policies import allows, denies
from tests.whole.deaths import When

Statements = Sequence[Mapping[str, Any]]
OBJECTS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject", "DELETE": "s3:DeleteObject"}
DENIED = "<Error><Code>AccessDenied</Code><Message>{}</Message></Error>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of AWS."""

    who: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)


@dataclass(slots=True)
class Guard:
    """A WSGI application before AWS's front. Keys that are nobody's may do everything: they are the test's own."""

    front: Front
    roles: dict[str, Statements] = field(default_factory=dict)
    """Access key → what its role's policies say."""
    calls: set[Call] = field(default_factory=set)
    """What was called and allowed."""
    refused: list[Call] = field(default_factory=list)
    accident: Callable[[str, str], When | None] = lambda _who, _call: None
    """(access key, what it asks for) → when whoever calls dies of it: asked once for each call."""
    kill: Callable[[str], None] = lambda _who: None
    """How they die."""

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Ask, then let it through."""
        who = _who(environ)
        for call in _calls(environ, who) if who in self.roles else ():
            if not self.allows(call):
                self.refused.append(call)
                start("403 Forbidden", [("Content-Type", "application/xml")])
                return [DENIED.format(f"{call.who}: {call.action} on {call.resource}").encode()]
            self.calls.add(call)
        return self._passed(environ, start, who, self.accident(who, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"))

    def _passed(self, environ: dict[str, Any], start: Callable[..., Any], who: str, dies: When | None) -> Iterable[bytes]:
        if dies == "before":
            self.kill(who)
            start("500 Internal Server Error", [])
            return [b""]
        answer = self.front(environ, start)
        if dies == "after":
            answer = [b"".join(answer)]
            self.kill(who)
        return answer

    def allows(self, call: Call) -> bool:
        """Whether the role allows it and the bucket does not forbid it."""
        bucket = call.resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        policy = json.loads(self.front.policies.get(bucket, b'{"Statement": []}'))["Statement"]
        context = {"aws:SecureTransport": "true", **call.context}
        return allows(self.roles[call.who], call.action, call.resource, context) and not denies(policy, call.action, call.resource, context)


def _who(environ: Mapping[str, Any]) -> str:
    """The access key in a signature of version 4; "" = there is none."""
    return str(environ.get("HTTP_AUTHORIZATION", "")).partition("Credential=")[2].partition("/")[0]


def _calls(environ: dict[str, Any], who: str) -> Iterator[Call]:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        service, _, action = target.partition(".")
        asked = json.loads(_body(environ) or b"{}")
        yield Call(who=who, action=f"{service}:{action}", resource=str(asked.get("SecretId") or asked.get("QueueUrl") or "*"))
    else:
        yield from _of_objects(environ, who)


def _of_objects(environ: dict[str, Any], who: str) -> Iterator[Call]:
    method, query = environ["REQUEST_METHOD"], parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
    place = f"arn:aws:s3:::{bucket}"
    if not key:
        # One request may take many away; each is a call of its own.
        if "delete" in query:
            keys = [part.partition("</Key>")[0] for part in _body(environ).decode().split("<Key>")[1:]]
            yield from (Call(who=who, action="s3:DeleteObject", resource=f"{place}/{each}") for each in keys)
        else:
            yield Call(who=who, action="s3:ListBucket", resource=place)
        return
    action = "s3:AbortMultipartUpload" if method == "DELETE" and "uploadId" in query else OBJECTS[method]
    context = {"s3:if-none-match": environ["HTTP_IF_NONE_MATCH"]} if "HTTP_IF_NONE_MATCH" in environ else {}
    yield Call(who=who, action=action, resource=f"{place}/{key}", context=context)
    if "HTTP_X_AMZ_COPY_SOURCE" in environ:
        yield Call(who=who, action="s3:GetObject", resource=f"arn:aws:s3:::{unquote(environ['HTTP_X_AMZ_COPY_SOURCE']).lstrip('/')}")


def _body(environ: dict[str, Any]) -> bytes:
    """What was sent; whoever comes next can read it again."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body
