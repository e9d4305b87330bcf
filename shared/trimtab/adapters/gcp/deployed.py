"""What of ours is deployed in a Google Cloud project: functions that carry our label, `trimtab` = prefix.

Only for a person's `trimtab doctor`; no function's account may ask this. What belongs to a function there, Terraform alone knows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from trimtab.errors import Refused, Upstream
from trimtab.ports import Deployed, PartKind

LABEL = "trimtab"
WORKS = "ACTIVE"
WAITED_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GoogleDeployment:
    """Port Deployment by google-cloud-functions; `client` makes its FunctionServiceClient."""

    prefix: str
    project: str
    region: str
    client: Callable[[], Any]
    kinds: tuple[PartKind, ...] = ("function",)

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.prefix} in {self.project}, {self.region}"

    def parts(self) -> tuple[Deployed, ...]:
        """Every function that carries our label. Raises Upstream where Google refuses or fails."""
        with _asking():
            listed = self.client().list_functions(parent=f"projects/{self.project}/locations/{self.region}")
            return tuple(self._part(each) for each in listed if self._is_ours(each))

    def remove(self, part: Deployed) -> None:
        """Remove one, after its label was read again. Raises Refused where it does not carry ours any more, or never did."""
        name = f"projects/{self.project}/locations/{self.region}/functions/{part.name}"
        with _asking():
            client = self.client()
            if not self._is_ours(client.get_function(name=name)):
                raise Refused(f"{part.kind} {part.name}: does not carry the label {LABEL}={self.prefix}, so it is not ours to remove")
            client.delete_function(name=name).result(timeout=WAITED_SECONDS)

    def _is_ours(self, found: Any) -> bool:
        return bool(found.labels.get(LABEL) == self.prefix)

    def _part(self, found: Any) -> Deployed:
        name = found.name.rpartition("/")[2]
        troubles = [] if found.state.name == WORKS else [f"it is {found.state.name.lower().replace('_', ' ')}"]
        if found.build_config.entry_point != "handler":
            troubles.append(f"its entry point is {found.build_config.entry_point!r}")
        return Deployed(kind="function", name=name, function=name.removeprefix(f"{self.prefix}-"), trouble="; ".join(troubles))


@contextmanager
def _asking() -> Iterator[None]:
    """Google's own refusals and failures, in one line of ours."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError) as error:
        raise Upstream(f"Google Cloud: {str(error).splitlines()[0][:200]}") from None


def google_deployment(prefix: str, project: str, region: str) -> GoogleDeployment:
    """With the identity that google-auth finds."""

    def client() -> Any:
        from google.cloud.functions_v2 import FunctionServiceClient

        return FunctionServiceClient(transport="rest")

    return GoogleDeployment(prefix=prefix, project=project, region=region, client=client)
