"""Use the official SDK without a socket: `StripeClient(key, http_client=InProcessClient())`."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import stripe
from requests.structures import CaseInsensitiveDict

from . import api, origin


class InProcessClient(stripe.HTTPClient):
    name: ClassVar[str] = "stripe-sandbox"

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """Answer the request. The base URL is ignored: only the path from /v1/ on counts."""
        parts = urlsplit(url)
        path = "/v1/" + parts.path.partition("/v1/")[2]
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        response = api.handle(method.upper(), path, headers or {}, body, parts.query, origin.current())
        return response.body.decode(), response.status, CaseInsensitiveDict(response.headers)

    def close(self) -> None:
        pass
