"""Behind each supported proxy, every shopper has their own IP address and cannot choose it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory

from apps.core.client_ip import client_ip
from apps.ecommerce.operations.doctor_proxies import FORGED_IP
from apps.users.models import User
from tests.proxies import PROXIES, Proxy, configure, shipped_environment, through

pytestmark = pytest.mark.django_db

IP_OF_ADA, IP_OF_BOB = "198.51.100.7", "198.51.100.8"


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest, settings: Any) -> Proxy:
    """Configure the shop with the shipped settings for each proxy."""
    configure(settings, shipped_environment(request.param))
    return PROXIES[request.param]


FORGERIES: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": FORGED_IP},
    {"X-Forwarded-For": f"{FORGED_IP}, {FORGED_IP}, {FORGED_IP}, {FORGED_IP}"},
    {"X-Forwarded-For": "nonsense"},
    {"X-Forwarded-For": ""},
    {
        "x-forwarded-for": FORGED_IP,
        "Forwarded": f"for={FORGED_IP}",
        "X-Real-IP": FORGED_IP,
        "Client-IP": FORGED_IP,
    },
    {"X_Forwarded_For": FORGED_IP, "X-Forwarded_For": FORGED_IP, "Fly_Client_IP": FORGED_IP},
    {"CF_Connecting_IP": FORGED_IP, "X_Real_IP": FORGED_IP},
    {"Fly-Client-IP": FORGED_IP, "CF-Connecting-IP": FORGED_IP, "True-Client-IP": FORGED_IP},
]


@pytest.mark.parametrize("sent", FORGERIES, ids=lambda sent: ",".join(sent) or "nothing")
def test_client_ip_comes_from_the_proxy_not_from_the_client(
    proxy: Proxy, sent: dict[str, str], rf: RequestFactory
) -> None:
    addresses = {client_ip(rf.get("/", **through(proxy, client, sent))) for client in (IP_OF_ADA, IP_OF_BOB)}
    assert addresses == {IP_OF_ADA, IP_OF_BOB}


def test_password_guesses_lock_out_only_their_sender(proxy: Proxy, ada: User, client: Client) -> None:
    wrong = {"login": "nobody@example.com", "password": "guess"}
    for number in range(12):
        # a new IP address each time, if the header were trusted
        sent = {"X-Forwarded-For": f"192.0.2.{number}"}
        page = client.post(
            "/accounts/login/", {**wrong, "login": f"{number}@example.com"}, **through(proxy, IP_OF_BOB, sent)
        )
    assert "Too many failed" in page.content.decode()
    right = {"login": ada.email, "password": "ada-buys-things"}
    assert client.post("/accounts/login/", right, **through(proxy, IP_OF_ADA)).status_code == 302


def test_scheme_comes_from_the_proxy(proxy: Proxy, rf: RequestFactory) -> None:
    for sent in ({}, {"X-Forwarded-Proto": "http"}, {"X_Forwarded_Proto": "http"}):
        assert rf.get("/", **through(proxy, IP_OF_ADA, sent)).is_secure()


def test_host_does_not_come_from_the_proxys_header(proxy: Proxy, rf: RequestFactory, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    request = rf.get(
        "/", **through(proxy, IP_OF_ADA, {"X-Forwarded-Host": "evil.example", "Host": "shop.example.com"})
    )
    assert request.get_host() == "shop.example.com"


@pytest.mark.parametrize(
    ("header", "value", "address"),
    [
        ("Fly-Client-IP", IP_OF_ADA, IP_OF_ADA),
        ("fly-client-ip", IP_OF_ADA, IP_OF_ADA),
        ("Fly-Client-IP", f"{FORGED_IP}, {IP_OF_ADA}", IP_OF_ADA),  # a proxy that adds instead of setting
        ("Fly-Client-IP", "nonsense", "203.0.113.7"),
        ("Fly-Client-IP", "", "203.0.113.7"),  # a request that did not pass the proxy
        ("Fly-Client-IP", "2001:db8::1", "2001:db8::"),
    ],
)
def test_client_ip_is_read_from_the_header(
    rf: RequestFactory, settings: Any, header: str, value: str, address: str
) -> None:
    settings.CLIENT_IP_HEADER = header
    request = rf.get("/", headers={"Fly-Client-IP": value} if value else {}, REMOTE_ADDR="203.0.113.7")
    assert client_ip(request) == address
