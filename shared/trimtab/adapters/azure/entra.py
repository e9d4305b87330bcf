"""The public keys of a Microsoft Entra directory, as it publishes them."""

from dataclasses import dataclass

import httpx

from trimtab.adapters.http import client
from trimtab.errors import Upstream
from trimtab.settings import Settings

HOST = "login.microsoftonline.com"
_LARGEST = 256 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class EntraDirectory:
    """Port TokenKeys."""

    http: httpx.Client
    tenant: str
    url: str = f"https://{HOST}"

    @classmethod
    def of(cls, settings: Settings) -> "EntraDirectory | None":
        """The tenant's directory; None = no tokens are asked for."""
        rules = settings.azure_entra
        return None if rules is None else cls(http=client([HOST]), tenant=rules.tenant)

    def published(self) -> bytes:
        """The JSON Web Key Set. Raises Upstream where it cannot be had."""
        response = self.http.get(f"{self.url}/{self.tenant}/discovery/v2.0/keys")
        if response.status_code != httpx.codes.OK or len(response.content) > _LARGEST:
            raise Upstream(f"{HOST}: HTTP {response.status_code} for the keys of tenant {self.tenant}")
        return response.content
