"""Links in e-mails and Stripe's return URLs start with SITE_URL for any Host header."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.account_actions import PASSWORD, sign_in, sign_up, signed_in_as
from tests.factories import buy, press_buy, signed_in

pytestmark = pytest.mark.django_db

SITE_URL = "https://shop.example.com"
FORGED_HEADERS = [
    {"host": "other.example.com"},
    {"host": "shop.example.com:8443"},
    {"host": "shop.example.com:1"},
    {"host": "shop.example.com", "x-forwarded-host": "evil.example", "x-forwarded-port": "8443"},
    {
        "host": "other.example.com",
        "forwarded": "host=evil.example;proto=http",
        "x-original-host": "evil.example",
    },
]


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.SITE_URL = SITE_URL
    settings.ALLOWED_HOSTS = ["shop.example.com", "other.example.com", "testserver"]
    settings.ACCOUNT_RATE_LIMITS = {"confirm_email": None}


def request_reset(client: Client, ada: User) -> None:
    client.post("/accounts/password/reset/", {"email": ada.email})


def request_reset_for_unknown_email(client: Client, ada: User) -> None:
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})


def request_code_for_unknown_email(client: Client, ada: User) -> None:
    client.post("/accounts/login/code/", {"email": "nobody@example.com"})


def sign_up_new_email(client: Client, ada: User) -> None:
    sign_up(client)


def sign_up_registered_email(client: Client, ada: User) -> None:
    sign_up(client, ada.email)


def request_confirmation(client: Client, ada: User) -> None:
    client.force_login(ada)
    client.post("/accounts/email/", {"email": ada.email, "action_send": ""})


def request_email_change(client: Client, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    sign_in(client, ada.email, "ada-buys-things")
    client.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    client.post("/accounts/email/", {"email": "lovelace@example.com", "action_add": ""})


@pytest.mark.parametrize("headers", FORGED_HEADERS)
@pytest.mark.parametrize(
    "act",
    [
        request_reset,
        request_reset_for_unknown_email,
        request_code_for_unknown_email,
        sign_up_new_email,
        sign_up_registered_email,
        request_confirmation,
        request_email_change,
    ],
)
def test_links_in_emails_start_with_site_url(
    ada: User,
    act: Callable[[Client, User], None],
    headers: dict[str, str],
    settings: Any,
    mailoutbox: list[Any],
) -> None:
    if act is sign_up_registered_email:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    act(Client(headers=headers), ada)
    assert mailoutbox
    links = re.findall(r"https?://\S+", "\n".join(f"{mail.subject}\n{mail.body}" for mail in mailoutbox))
    assert links
    for link in links:
        assert link.startswith(f"{SITE_URL}/accounts/"), link
    for mail in mailoutbox:
        assert not re.search(r"other\.example|evil|:8443|:1/", mail.message().as_string())


def test_password_reset_link_with_site_url_works(ada: User, client: Client, mailoutbox: list[Any]) -> None:
    request_reset(client, ada)
    path = re.search(rf"{SITE_URL}(/\S+)", mailoutbox[0].body)
    assert path
    form = client.get(path[1], follow=True)
    client.post(form.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD})
    again = Client()
    sign_in(again, ada.email, PASSWORD)
    assert signed_in_as(again) == ada.email


def test_other_hosts_share_the_rate_limit(ada: User, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": "5/5m/key"}
    for port in range(1, 6):
        sign_in(Client(headers={"host": f"shop.example.com:{port}"}), ada.email, "guess")
    client = Client(headers={"host": "other.example.com:99"})
    assert "Too many failed" in sign_in(client, ada.email, "ada-buys-things").content.decode()


@pytest.mark.parametrize("headers", FORGED_HEADERS)
def test_stripe_return_urls_start_with_site_url(
    ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any, headers: dict[str, str]
) -> None:
    client = signed_in(ada, headers=headers)
    session_id = press_buy(client, icons).rpartition("/")[2]
    session = sandbox.client.v1.checkout.sessions.retrieve(session_id)
    assert session.success_url.startswith(f"{SITE_URL}/")
    assert session.cancel_url.startswith(f"{SITE_URL}/")
    purchase = buy(signed_in(ada), club)
    portal = client.post(f"/purchases/order/{purchase.public_id}/manage/")["Location"]
    assert "stripe-sandbox" in portal
    page = Client().get("/" + portal.split("/", 3)[3]).content.decode()
    assert f'href="{SITE_URL}/' in page


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000"])
def test_development_return_url_uses_the_request_host(
    ada: User, icons: ProductConfiguration, sandbox: Any, settings: Any, host: str
) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["*"]
    session_id = press_buy(signed_in(ada, headers={"host": host}), icons).rpartition("/")[2]
    session = sandbox.client.v1.checkout.sessions.retrieve(session_id)
    assert session.success_url.startswith(f"http://{host}/")
