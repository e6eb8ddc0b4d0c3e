"""Staff need a second factor for the admin and sign in on the shop's page."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from apps.users.models import User
from tests.account_actions import sign_in
from tests.plugins.clock import Clock, totp_code

pytestmark = pytest.mark.django_db

PASSWORD = "olive-runs-this"


@pytest.fixture(autouse=True)
def _require_mfa(settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = True


def final_path(client: Client, path: str = "/admin/users/user/") -> str:
    """Return the path of the last redirect after a request to the admin."""
    response = client.get(path, follow=True)
    return str(response.redirect_chain[-1][0] if response.redirect_chain else path)


def test_admin_redirects_visitors_to_the_shops_sign_in_page(client: Client) -> None:
    assert final_path(client) == "/accounts/login/?next=/admin/users/user/"
    assert client.post("/admin/login/", {"username": "x", "password": "y"}).status_code == 302


def test_buyer_gets_403_in_the_admin(as_ada: Client) -> None:
    assert as_ada.get("/admin/", follow=True).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_staff_without_second_factor_must_set_one_up(olive: User, client: Client, clock: Clock) -> None:
    sign_in(client, olive.email, PASSWORD)
    page = client.get("/admin/", follow=True)
    assert page.redirect_chain[-1][0] == "/accounts/2fa/"
    assert "warning" in [message.level_tag for message in page.context["messages"]]
    assert final_path(client) == "/accounts/2fa/"

    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    code = totp_code(client.session[totp.SECRET_SESSION_KEY], clock)
    client.post("/accounts/2fa/totp/activate/", {"code": code})
    assert final_path(client) == "/admin/users/user/"


def test_earlier_session_must_confirm_a_new_second_factor(olive: User, client: Client, clock: Clock) -> None:
    sign_in(client, olive.email, PASSWORD)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(olive, secret)
    assert final_path(client) == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2Fusers%2Fuser%2F"
    asked = {"code": totp_code(secret, clock), "next": "/admin/users/user/"}
    assert client.post("/accounts/2fa/reauthenticate/", asked)["Location"] == "/admin/users/user/"
    assert final_path(client) == "/admin/users/user/"


def test_staff_with_second_factor_open_the_admin(olive: User, client: Client, clock: Clock) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(olive, secret)
    sign_in(client, olive.email, PASSWORD, next="/admin/")
    code = {"code": totp_code(secret, clock)}
    assert client.post("/accounts/2fa/authenticate/", code)["Location"] == "/admin/"
    assert final_path(client) == "/admin/users/user/"


def test_sandbox_panel_requires_a_second_factor(olive: User, client: Client) -> None:
    sign_in(client, olive.email, PASSWORD)
    assert client.get("/stripe-sandbox/").status_code == 404


def test_admin_without_mfa_setting_needs_only_a_password(olive: User, client: Client, settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = False
    sign_in(client, olive.email, PASSWORD)
    assert final_path(client) == "/admin/users/user/"
    assert client.get("/stripe-sandbox/").status_code == 200


def test_operator_removes_a_users_second_factor_without_seeing_its_secret(
    olive: User, ada: User, client: Client, settings: Any
) -> None:
    settings.ADMIN_REQUIRES_MFA = False
    secret = totp.generate_totp_secret()
    factor = totp.TOTP.activate(ada, secret).instance
    sign_in(client, olive.email, PASSWORD)
    page = f"/admin/mfa/authenticator/{factor.pk}/"
    assert ada.email in client.get("/admin/mfa/authenticator/?q=ada").content.decode()
    assert secret not in client.get(f"{page}change/").content.decode()
    assert client.get("/admin/mfa/authenticator/add/").status_code == 403
    client.post(f"{page}delete/", {"post": "yes"})
    assert sign_in(Client(), ada.email, "ada-buys-things")["Location"] == "/purchases/"
