"""Staff need a second factor for the admin and sign in on the shop's page."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from apps.users.models import User
from tests.integration.test_accounts import sign_in
from tests.plugins.clock import Clock, code_of

pytestmark = pytest.mark.django_db

OLIVES = "olive-runs-this"


@pytest.fixture(autouse=True)
def _strict(settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = True


def where(client: Client, path: str = "/admin/users/user/") -> str:
    """Return the final URL after a request to the admin."""
    response = client.get(path, follow=True)
    return str(response.redirect_chain[-1][0] if response.redirect_chain else path)


def test_a_visitor_signs_in_at_the_shops_own_page(client: Client) -> None:
    assert where(client) == "/accounts/login/?next=/admin/users/user/"
    assert client.post("/admin/login/", {"username": "x", "password": "y"}).status_code == 302


def test_a_shopper_is_turned_away(as_ada: Client) -> None:
    assert as_ada.get("/admin/", follow=True).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_staff_without_a_second_factor_are_led_to_set_one_up(
    olive: User, client: Client, clock: Clock
) -> None:
    sign_in(client, olive.email, OLIVES)
    page = client.get("/admin/", follow=True)
    assert page.redirect_chain[-1][0] == "/accounts/2fa/"
    assert "warning" in [message.level_tag for message in page.context["messages"]]
    assert where(client) == "/accounts/2fa/"

    client.post("/accounts/reauthenticate/", {"password": OLIVES})
    client.get("/accounts/2fa/totp/activate/")
    code = code_of(client.session[totp.SECRET_SESSION_KEY], clock)
    client.post("/accounts/2fa/totp/activate/", {"code": code})
    assert where(client) == "/admin/users/user/"


def test_a_session_from_before_has_to_show_it_once(olive: User, client: Client, clock: Clock) -> None:
    sign_in(client, olive.email, OLIVES)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(olive, secret)
    assert where(client) == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2Fusers%2Fuser%2F"
    asked = {"code": code_of(secret, clock), "next": "/admin/users/user/"}
    assert client.post("/accounts/2fa/reauthenticate/", asked)["Location"] == "/admin/users/user/"
    assert where(client) == "/admin/users/user/"


def test_staff_with_second_factor_open_the_admin(olive: User, client: Client, clock: Clock) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(olive, secret)
    sign_in(client, olive.email, OLIVES, next="/admin/")
    code = {"code": code_of(secret, clock)}
    assert client.post("/accounts/2fa/authenticate/", code)["Location"] == "/admin/"
    assert where(client) == "/admin/users/user/"


def test_sandbox_panel_requires_a_second_factor(olive: User, client: Client) -> None:
    sign_in(client, olive.email, OLIVES)
    assert client.get("/stripe-sandbox/").status_code == 404


def test_admin_without_mfa_setting_needs_only_a_password(olive: User, client: Client, settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = False
    sign_in(client, olive.email, OLIVES)
    assert where(client) == "/admin/users/user/"
    assert client.get("/stripe-sandbox/").status_code == 200


def test_the_operator_helps_whose_phone_is_gone_and_sees_no_secret(
    olive: User, ada: User, client: Client, settings: Any
) -> None:
    settings.ADMIN_REQUIRES_MFA = False
    secret = totp.generate_totp_secret()
    factor = totp.TOTP.activate(ada, secret).instance
    sign_in(client, olive.email, OLIVES)
    page = f"/admin/mfa/authenticator/{factor.pk}/"
    assert ada.email in client.get("/admin/mfa/authenticator/?q=ada").content.decode()
    assert secret not in client.get(f"{page}change/").content.decode()
    assert client.get("/admin/mfa/authenticator/add/").status_code == 403
    client.post(f"{page}delete/", {"post": "yes"})
    assert sign_in(Client(), ada.email, "ada-buys-things")["Location"] == "/purchases/"
