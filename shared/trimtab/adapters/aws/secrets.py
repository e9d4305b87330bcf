"""Secrets that stay in AWS Secrets Manager: a variable holds the secret's ARN, and its value is fetched when it is needed."""

from collections.abc import Mapping
from functools import cache

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError

from trimtab.errors import Upstream
from trimtab.locations import is_secret_arn


@cache
def provider() -> SecretsProvider:
    """This process's own: it keeps what it fetched."""
    return SecretsProvider()


KEPT_SECONDS = 300
"""How long a fetched value serves: a rotated secret counts within this time, and nobody waits for it with each event."""


def with_secrets(environ: Mapping[str, str], provider: SecretsProvider) -> dict[str, str]:
    """The environment with the values of its secrets. Raises Upstream, naming the variable and never the value."""
    return {name: _value(name, text, provider) if is_secret_arn(name, text) else text for name, text in environ.items()}


def _value(name: str, arn: str, provider: SecretsProvider) -> str:
    try:
        found = provider.get(arn, max_age=KEPT_SECONDS)
    except (GetParameterError, TransformParameterError) as error:
        raise Upstream(f"{name}: Secrets Manager did not give {arn}: {_why(error)}") from None
    if not isinstance(found, str):
        raise Upstream(f"{name}: {arn} holds bytes; store the secret as text")
    return found


def _why(error: Exception) -> str:
    """AWS's own word for it (AccessDeniedException), else what kind of failure it was; never its text, which may quote a value."""
    cause = error.__context__ or error
    response = getattr(cause, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(cause).__name__)
