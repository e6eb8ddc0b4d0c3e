"""The production server behind the real Caddy and nginx, with the shipped files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from temporary_shop import Shop, temporary_shop

from .proxying import PROXIES, needs_proxies

pytestmark = needs_proxies

TOKEN = "token-of-the-test"
SHOPPER, OTHER = "127.0.0.2", "127.0.0.3"  # 127.0.0.0/8 is the loopback network
FORGED_IP = "192.0.2.66"
FORGERIES: list[tuple[tuple[str, str], ...]] = [
    (),
    (("X-Forwarded-For", FORGED_IP),),
    (("X-Forwarded-For", FORGED_IP), ("X-Forwarded-For", FORGED_IP)),
    (("X_Forwarded_For", FORGED_IP),),
    (("X-Forwarded_For", FORGED_IP), ("x_forwarded-for", FORGED_IP)),
    (("X_FORWARDED_FOR", FORGED_IP), ("X-Forwarded-For", FORGED_IP), ("_", FORGED_IP)),
    (("X_Forwarded_Proto", "https"), ("X-Forwarded-Proto", "https")),
    (("X_Forwarded_Host", "evil.test"), ("X-Forwarded-Host", "evil.test")),
]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "of the shop behind proxies",
        "DEBUG": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
        "STRIPE_SANDBOX": "true",
        "BEHIND_TLS_PROXY": "true",
        "METRICS_TOKEN": TOKEN,
        "DATABASE_URL": "",  # its own SQLite file: parallel test processes must not share a database
        "CACHE_URL": "",
        "WEB_WORKERS": "1",
    }
    with temporary_shop(["manage.py", "migrate", "-v0"], ["-m", "config.server"], **environment) as shop:
        yield shop


@pytest.fixture(params=PROXIES)
def port(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> Iterator[int]:
    """Return the proxy's port."""
    with PROXIES[request.param](tmp_path, shop.port, tmp_path / "private") as port:
        yield port


def request_readyz(port: int, *sent: tuple[str, str], client: str = SHOPPER) -> dict[str, Any]:
    """Send exactly these headers and return what the site knows of the request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20, source_address=(client, 0))
    connection.putrequest("GET", "/readyz")
    for name, value in (("Authorization", f"Bearer {TOKEN}"), *sent):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    connection.close()
    assert response.status == 200, answer
    return answer


@pytest.mark.parametrize(
    "sent", FORGERIES, ids=lambda sent: ",".join(name for name, _value in sent) or "nothing"
)
def test_client_cannot_change_its_ip_by_headers(port: int, sent: tuple[tuple[str, str], ...]) -> None:
    for client in (SHOPPER, OTHER):
        known = request_readyz(port, *sent, client=client)
        assert known["client_address"] == client
        assert known["hops"][-2:] == [client, "127.0.0.1"]
        assert known["https"] is False
