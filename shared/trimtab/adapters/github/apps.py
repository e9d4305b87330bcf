"""The two Apps of the settings as callers: each with its own key, its own rights, and the repos of the settings alone."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from trimtab.adapters.github.access import InstallationToken, app_auth, token_request
from trimtab.adapters.github.client import Caller, Denied, patience, requester
from trimtab.adapters.guarded_requests import session_for
from trimtab.errors import BadInput, Refused
from trimtab.settings import GitHub, GitHubApp, Settings

Clock = Callable[[], datetime]


def app_callers(
    settings: Settings,
    github: GitHub,
    app: GitHubApp,
    role: Literal["writer", "gate"],
    rights: Mapping[str, str],
    *,
    pause: float,
    clock: Clock,
) -> tuple[Caller, Caller]:
    """Requests as the App's installation, and as the App itself. Raises BadInput where it has no key."""
    url = github.url.rstrip("/")
    reads, writes = session_for(url, settings, retries=patience()), session_for(url, settings)
    pem, sign = _key(settings, app, role)
    itself = requester(url, reads, app_auth(app.app_id, pem, sign))
    as_app = Caller(reading=itself, writing=itself)
    repositories = [repository for repository in settings.repositories if repository.forge == "github"]
    wanted = token_request(
        rights,
        [repository.location.rsplit("/", 1)[-1] for repository in repositories],
        [repository.forge_id for repository in repositories if repository.forge_id is not None],
    )

    def issue() -> Mapping[str, Any]:
        try:
            return dict(as_app.send("POST", f"/app/installations/{app.installation_id}/access_tokens", wanted))
        except Denied as error:
            asked = ", ".join(f"{name} {level}" for name, level in rights.items())
            raise Refused(
                f"GitHub gives the {role} App no token: {error.detail}; its installation needs these repos and rights: {asked}"
            ) from None

    token = InstallationToken(issue, clock)
    return Caller(reading=requester(url, reads, token), writing=requester(url, writes, token, pause=pause), credential=token), as_app


def _key(settings: Settings, app: GitHubApp, role: Literal["writer", "gate"]) -> tuple[str, Callable[[dict[str, Any]], str] | None]:
    """Its private key, or what signs with it."""
    if app.kms_key:
        from trimtab.adapters.aws.kms_signer import kms_signer

        return "", kms_signer(app.kms_key)
    key = settings.github_writer_key if role == "writer" else settings.github_gate_key
    if key is None:
        raise BadInput(
            f"TRIMTAB_GITHUB_{role.upper()}_KEY: missing; give it the {role} App's private key, or name a KMS key in settings.github.{role}"
        )
    return key.get_secret_value(), None
