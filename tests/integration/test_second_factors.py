"""Authenticator apps, recovery codes, e-mailed codes and sessions."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.mail import EmailMessage
from django.test import Client

from apps.users.models import User
from tests.account_actions import PASSWORD, is_kind, reauthenticate, sign_in, sign_up, signed_in_as
from tests.plugins.clock import Clock, totp_code

pytestmark = pytest.mark.django_db

PASSWORD_OF_ADA = "ada-buys-things"


@pytest.fixture
def app(ada: User, clock: Clock) -> str:
    """Return the secret of Ada's authenticator app."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    RecoveryCodes.activate(ada)
    return secret


def submit_second_factor(client: Client, code: str) -> Any:
    return client.post("/accounts/2fa/authenticate/", {"code": code}, follow=True)


def client_at_second_factor(ada: User) -> Client:
    """Return a browser after the right password."""
    client = Client()
    assert (
        sign_in(client, ada.email, PASSWORD_OF_ADA, next="/store/")["Location"]
        == "/accounts/2fa/authenticate/"
    )
    assert signed_in_as(client) == ""
    return client


@pytest.mark.django_db(transaction=True)
def test_app_setup_requires_the_password_and_shows_recovery_codes(
    ada: User, clock: Clock, mailoutbox: list[EmailMessage]
) -> None:
    client = Client()
    sign_in(client, ada.email, PASSWORD_OF_ADA)
    response = client.get("/accounts/2fa/totp/activate/")
    assert response["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2F2fa%2Ftotp%2Factivate%2F"
    client.post(response["Location"], {"password": PASSWORD_OF_ADA})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert 'src="data:image/svg+xml;base64,' in page
    secret = re.search(r'qr__key">(\w+)<', page)
    assert secret

    wrong = client.post("/accounts/2fa/totp/activate/", {"code": "000000"})
    assert "code" in wrong.context["form"].errors
    codes = client.post("/accounts/2fa/totp/activate/", {"code": totp_code(secret[1], clock)}, follow=True)
    assert len(re.findall(r'codes__code">(\d+)<', codes.content.decode())) == 10
    assert is_kind(mailoutbox[-1], "mfa/email/totp_activated")


def test_password_alone_does_not_sign_in_with_a_second_factor(ada: User, app: str, clock: Clock) -> None:
    client = client_at_second_factor(ada)
    arrived = submit_second_factor(client, totp_code(app, clock))
    assert arrived.redirect_chain[-1][0] == "/store/"
    assert signed_in_as(client) == ada.email


def test_app_code_works_once(ada: User, app: str, clock: Clock) -> None:
    code = totp_code(app, clock)
    submit_second_factor(client_at_second_factor(ada), code)
    other_client = client_at_second_factor(ada)
    assert "code" in submit_second_factor(other_client, code).context["form"].errors
    clock.now += 30
    assert "code" in submit_second_factor(other_client, code).context["form"].errors
    submit_second_factor(other_client, totp_code(app, clock))
    assert signed_in_as(other_client) == ada.email


def test_recovery_code_works_once(ada: User, app: str) -> None:
    code = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    client = client_at_second_factor(ada)
    submit_second_factor(client, code)
    assert signed_in_as(client) == ada.email
    again = client_at_second_factor(ada)
    assert "code" in submit_second_factor(again, code).context["form"].errors
    assert signed_in_as(again) == ""


def test_five_wrong_codes_block_the_right_one(ada: User, app: str, clock: Clock) -> None:
    """Wrong codes of all browsers count."""
    for _ in range(5):
        assert "code" in submit_second_factor(client_at_second_factor(ada), "000000").context["form"].errors
    client = client_at_second_factor(ada)
    assert "code" in submit_second_factor(client, totp_code(app, clock)).context["form"].errors
    assert signed_in_as(client) == ""


def test_turning_the_app_off_deletes_recovery_codes(ada: User, app: str, clock: Clock) -> None:
    client = client_at_second_factor(ada)
    submit_second_factor(client, totp_code(app, clock))
    assert client.post("/accounts/2fa/totp/deactivate/")["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD_OF_ADA})
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.exists()


def test_unverified_address_cannot_add_a_second_factor(client: Client) -> None:
    """A stranger could sign up with an address and lock its owner out."""
    sign_up(client)
    page = client.get("/accounts/2fa/totp/activate/", follow=True)
    assert "error" in [message.level_tag for message in page.context["messages"]]


# --- codes by e-mail ----------------------------------------------------------------------------------------


def code_in(mail: EmailMessage) -> str:
    found = re.search(r"^([A-Z]{4}-[A-Z]{4})$", str(mail.body), re.MULTILINE)
    assert found, mail.body
    return found[1]


def ask_for_code(client: Client, email: str) -> Any:
    return client.post("/accounts/login/code/", {"email": email, "next": "/store/"}, follow=True)


def test_emailed_code_signs_in_once(ada: User, client: Client, mailoutbox: list[EmailMessage]) -> None:
    page = ask_for_code(client, "Ada@Example.com").content.decode()
    assert 'name="code"' in page
    assert "data-toast" not in page
    code = code_in(mailoutbox[0])
    arrived = client.post("/accounts/login/code/confirm/", {"code": code.lower(), "next": "/store/"})
    assert arrived["Location"] == "/store/"
    assert signed_in_as(client) == ada.email
    client.post("/accounts/logout/")
    client.post("/accounts/login/code/confirm/", {"code": code})
    assert signed_in_as(client) == ""


def test_three_wrong_codes_end_the_sign_in(ada: User, client: Client, mailoutbox: list[EmailMessage]) -> None:
    ask_for_code(client, ada.email)
    for _ in range(3):
        client.post("/accounts/login/code/confirm/", {"code": "AAAA-AAAA"})
    client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[0])})
    assert signed_in_as(client) == ""


def test_mailbox_gets_at_most_three_codes_a_minute(ada: User, mailoutbox: list[EmailMessage]) -> None:
    for _ in range(4):
        last = ask_for_code(Client(), ada.email)
    assert len(mailoutbox) == 3
    assert "email" in last.context["form"].errors


def test_emailed_code_also_requires_the_second_factor(
    ada: User, app: str, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    ask_for_code(client, ada.email)
    page = client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[0])}, follow=True)
    assert page.redirect_chain[-1][0].startswith("/accounts/2fa/authenticate/")
    assert signed_in_as(client) == ""


@pytest.mark.parametrize("path", ["login/code/", "password/reset/"])
def test_known_and_unknown_addresses_get_the_same_response(
    ada: User, path: str, mailoutbox: list[EmailMessage]
) -> None:
    pages = [
        Client().post(f"/accounts/{path}", {"email": email}, follow=True)
        for email in (ada.email, "eve@example.com")
    ]
    known, unknown = (
        re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page.content.decode()).replace(email, "…")
        for page, email in zip(pages, (ada.email, "eve@example.com"), strict=True)
    )
    assert known == unknown
    assert [mail.to for mail in mailoutbox] == [[ada.email], ["eve@example.com"]]


# --- passkeys: see also test_passkeys_over_http.py and tests/e2e/test_passkeys.py -------------------------------


def test_sign_up_by_passkey_is_refused(client: Client, mailoutbox: list[EmailMessage]) -> None:
    """allauth would create the account before its address is verified."""
    assert "passkey" not in client.get("/accounts/signup/").content.decode()
    assert client.post("/accounts/signup/passkey/", {"email": "grace@example.com"}).status_code == 404
    assert not User.objects.exists()
    assert not mailoutbox


ANSWER = {"id": "AA", "rawId": "AA", "type": "public-key"}
MALFORMED_CREDENTIALS = [
    *(None, [], {}, {"response": {"userHandle": "MQ"}}, ANSWER),
    {
        **ANSWER,
        "response": {
            "clientDataJSON": "e30",
            "authenticatorData": "AA",
            "signature": "AA",
            "userHandle": "MQ",
        },
    },
    {**ANSWER, "response": {"clientDataJSON": "e30", "attestationObject": "AA"}},
]


def test_forged_passkey_is_refused(ada: User, client: Client, settings: Any) -> None:
    settings.MFA_RATE_LIMITS = {"webauthn_login": None}
    login, add = "/accounts/2fa/webauthn/login/", "/accounts/2fa/webauthn/add/"
    known = Client()
    sign_in(known, ada.email, PASSWORD_OF_ADA)
    known.post("/accounts/reauthenticate/", {"password": PASSWORD_OF_ADA})
    for answer in MALFORMED_CREDENTIALS:
        client.get(login, headers={"Accept": "application/json"})
        page = client.post(login, {"credential": json.dumps(answer)}, follow=True)
        assert page.status_code == 200
        known.get(add)
        assert known.post(add, {"name": "x", "credential": json.dumps(answer)}).status_code == 200
    assert signed_in_as(client) == ""
    assert not Authenticator.objects.exists()


def test_passkeys_are_not_offered_on_an_ip_address(ada: User, client: Client) -> None:
    known = Client()
    sign_in(known, ada.email, PASSWORD_OF_ADA)
    known.post("/accounts/reauthenticate/", {"password": PASSWORD_OF_ADA})
    add, ip_host = "/accounts/2fa/webauthn/add/", {"headers": {"Host": "127.0.0.1:8000"}}
    page = known.get(add, **ip_host).content.decode()
    assert 'data-passkey="create"' not in page
    assert f'href="http://localhost:8000{add}"' in page
    assert "passkey" not in client.get("/accounts/login/", **ip_host).content.decode()
    assert "passkey" in client.get("/accounts/login/").content.decode()


# --- sessions -----------------------------------------------------------------------------------------------


def test_session_key_changes_at_sign_in(ada: User, client: Client) -> None:
    """A session key that an attacker planted before sign-in must become invalid."""
    client.get("/store/")
    session = client.session
    session["something"] = "planted"
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    sign_in(client, ada.email, PASSWORD_OF_ADA)
    assert signed_in_as(client) == ada.email
    thief = Client()
    thief.cookies["sessionid"] = session.session_key or ""
    assert signed_in_as(thief) == ""


@pytest.mark.parametrize("method", ["change", "reset"])
def test_password_change_ends_all_other_sessions(
    ada: User, method: str, mailoutbox: list[EmailMessage]
) -> None:
    current, other = Client(), Client()
    for client in (current, other):
        sign_in(client, ada.email, PASSWORD_OF_ADA)
    form = {"oldpassword": PASSWORD_OF_ADA, "password1": PASSWORD, "password2": PASSWORD}
    if method == "change":
        current.post("/accounts/password/change/", form)
        assert signed_in_as(current) == ada.email
    else:
        visitor = Client()
        visitor.post("/accounts/password/reset/", {"email": ada.email})
        link = re.search(r"https?://[^/\s]+(/\S+)", str(mailoutbox[-1].body))
        assert link
        visitor.post(visitor.get(link[1])["Location"], form)
    assert signed_in_as(other) == ""


def test_users_can_only_end_their_own_sessions(ada: User, bob: User) -> None:
    phone, laptop, other_user = (Client(headers={"User-Agent": f"Firefox {n} Linux"}) for n in range(3))
    for client in (phone, laptop):
        sign_in(client, ada.email, PASSWORD_OF_ADA)
    sign_in(other_user, bob.email, "bob-looks-around")
    page = phone.get("/accounts/sessions/").content.decode()
    assert page.count("Firefox on Linux</h2>") == 2
    other = re.search(r"/accounts/sessions/(\d+)/end/", page)
    assert other
    assert other_user.post(other[0]).status_code == 404
    assert phone.get(other[0]).status_code == 405
    phone.post(other[0])
    assert [signed_in_as(client) for client in (phone, laptop, other_user)] == [ada.email, "", bob.email]

    sign_in(laptop, ada.email, PASSWORD_OF_ADA)
    phone.post("/accounts/sessions/")
    assert [signed_in_as(client) for client in (phone, laptop, other_user)] == [ada.email, "", bob.email]


def test_export_lists_factors_and_sessions_without_secrets(ada: User, app: str, clock: Clock) -> None:
    client = client_at_second_factor(ada)
    submit_second_factor(client, totp_code(app, clock))
    reauthenticate(client)
    response = client.get("/accounts/export/")
    data = response.json()
    assert {factor["kind"] for factor in data["second_factors"]} == {"totp", "recovery_codes"}
    assert [session["ip"] for session in data["sessions"]] == ["127.0.0.1"]
    assert data["connected_accounts"] == []
    assert app not in response.content.decode()
    client.post("/accounts/delete/", {"password": PASSWORD_OF_ADA})
    assert not Authenticator.objects.exists()
