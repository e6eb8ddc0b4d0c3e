"""The official SDK without a socket: `StripeClient(key, http_client=InProcessClient())`."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import stripe
from requests.structures import CaseInsensitiveDict

from . import api, origin


class InProcessClient(stripe.HTTPClient):
    """Answers the SDK's requests from this process; commands and tests need no server."""

    name: ClassVar[str] = "stripe-sandbox"

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """Whatever the base address is, the path from /v1/ on counts."""
        address = urlsplit(url)
        path = "/v1/" + address.path.partition("/v1/")[2]
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        response = api.handle(method.upper(), path, headers or {}, body, address.query, origin.current())
        return response.body.decode(), response.status, CaseInsensitiveDict(response.headers)

    def close(self) -> None:
        """Nothing is open."""
