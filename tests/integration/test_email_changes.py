"""Sensitive account actions require reauthentication, and the old e-mail address can undo an e-mail change."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from django.core.mail import EmailMessage
from django.test import Client

from apps.users.email_changes import UNDO_PERIOD
from apps.users.models import AddressChange, User
from tests.account_actions import PASSWORD, is_kind, link_in, sign_in, sign_up, signed_in_as
from tests.factories import signed_in
from tests.integration.test_email_verification import can_sign_in, change_email, confirm, reauthenticate, to
from tests.integration.test_second_factors import ask_for_code, code_in
from tests.oauth_provider import Provider

pytestmark = pytest.mark.django_db

OLD, NEW = "ada@example.com", "evil@example.com"
PASSWORD_OF_ADA = "ada-buys-things"
CHANGED = "account/email/email_changed"


@pytest.fixture
def ada(ada: User) -> User:
    """Return Ada with a verified e-mail address."""
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return ada


@pytest.fixture
def thief(ada: User, mailoutbox: list[EmailMessage]) -> Client:
    """A client with Ada's password that changed the account's e-mail address."""
    return change_and_confirm_email(NEW, mailoutbox)


def change_and_confirm_email(
    email: str, outbox: list[EmailMessage], client: Client | None = None, password: str = PASSWORD_OF_ADA
) -> Client:
    if client is None:
        client = Client()
        sign_in(client, OLD, password)
    change_email(client, email, password)
    confirm(client, outbox, email)
    assert User.objects.get(email=email)
    return client


def undo_link(outbox: list[EmailMessage], email: str = OLD) -> str:
    return link_in(to(outbox, email, CHANGED))


# --- the undo link sent to the old address ----------------------------------------------------------------------------


def test_undo_link_restores_the_email_and_removes_credentials(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    user = User.objects.get()
    SocialAccount.objects.create(user=user, provider="google", uid="the thief's")
    totp.TOTP.activate(user, totp.generate_totp_secret())
    page = client.get(undo_link(mailoutbox)).content.decode()
    assert OLD in page
    assert NEW in page
    assert client.post(undo_link(mailoutbox)).context["state"] == "done"

    assert User.objects.get().email == OLD
    assert [(row.email, row.verified) for row in EmailAddress.objects.all()] == [(OLD, True)]
    assert not Authenticator.objects.exists()
    assert not SocialAccount.objects.exists()
    assert signed_in_as(thief) == ""
    for email in (OLD, NEW):
        assert not can_sign_in(PASSWORD_OF_ADA, email)
    ask_for_code(client, OLD)
    client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert signed_in_as(client) == OLD
    client.post("/accounts/logout/")
    client.post("/accounts/password/reset/", {"email": OLD})
    assert link_in(mailoutbox[-1]).startswith("/accounts/password/reset/key/")


def test_page_after_undo_offers_a_code_and_a_password_reset(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    page = client.post(undo_link(mailoutbox)).content.decode()
    for path in ("/accounts/login/code/", "/accounts/password/reset/"):
        form = re.search(rf'action="{path}".*?name="email" value="([^"]+)"', page, re.DOTALL)
        assert form
        assert form[1] == OLD


def test_undo_needs_a_post_with_csrf_token(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    for method in (client.get, client.head):
        assert method(undo_link(mailoutbox)).status_code == 200
    assert Client(enforce_csrf_checks=True).post(undo_link(mailoutbox)).status_code == 403
    assert User.objects.get().email == NEW
    assert signed_in_as(thief) == NEW


def test_undo_link_works_once(thief: Client, client: Client, mailoutbox: list[EmailMessage]) -> None:
    link = undo_link(mailoutbox)
    client.post(link)
    User.objects.update(password="!x", email=NEW)
    for answer in (client.get(link), client.post(link)):
        assert answer.context["state"] == "gone"
    assert User.objects.get().email == NEW


def test_undo_link_expires_after_the_undo_period(
    thief: Client, client: Client, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = AddressChange.objects.get()
    change.created_at -= UNDO_PERIOD - timedelta(minutes=1)
    change.save()
    assert client.get(undo_link(mailoutbox)).context["state"] == "asks"
    change.created_at -= timedelta(minutes=2)
    change.save()
    assert client.post(undo_link(mailoutbox)).context["state"] == "gone"
    assert User.objects.get().email == NEW


@pytest.mark.parametrize("token", ["nonsense", "MQ:1xXBXw:forged", "x" * 3000, "%00", "é"])
def test_forged_undo_link_changes_nothing(thief: Client, client: Client, token: str) -> None:
    for answer in (
        client.get(f"/accounts/email/undo/{token}/"),
        client.post(f"/accounts/email/undo/{token}/"),
    ):
        assert answer.status_code in (200, 400, 404)
    assert User.objects.get().email == NEW


def test_first_email_can_be_restored_after_a_second_change(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    change_and_confirm_email("evil2@example.com", mailoutbox, thief)
    link_for_the_thief = undo_link(mailoutbox, NEW)
    client.post(undo_link(mailoutbox))
    assert User.objects.get().email == OLD
    assert client.post(link_for_the_thief).context["state"] == "gone"
    assert User.objects.get().email == OLD


def test_code_requested_before_the_undo_is_invalid(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    waiting = Client()
    ask_for_code(waiting, NEW)
    code = code_in(to(mailoutbox, NEW, "account/email/login_code"))
    client.post("/accounts/password/reset/", {"email": NEW})
    reset = link_in(to(mailoutbox, NEW, "account/email/password_reset_key"))
    client.post(undo_link(mailoutbox))
    waiting.post("/accounts/login/code/confirm/", {"code": code})
    assert signed_in_as(waiting) == ""
    assert waiting.get(reset, follow=True).context["token_fail"]


def test_old_email_cannot_sign_up_while_undo_is_possible(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(Client(), OLD)
    assert User.objects.count() == 1
    client.post(undo_link(mailoutbox))
    assert User.objects.get().email == OLD


def test_undo_is_refused_if_another_account_has_the_old_email(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.create_user(OLD)
    assert client.post(undo_link(mailoutbox)).context["state"] == "taken"
    assert User.objects.filter(email=NEW).exists()
    assert signed_in_as(thief) == NEW


def test_undo_signs_out_the_browser_that_requests_it(thief: Client, mailoutbox: list[EmailMessage]) -> None:
    thief.post(undo_link(mailoutbox))
    assert signed_in_as(thief) == ""


def test_unverified_old_email_gets_no_undo_link(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, "typo@example.com")
    change_email(client, "grace@example.com", PASSWORD)
    confirm(client, mailoutbox, "grace@example.com")
    assert User.objects.get().email == "grace@example.com"
    assert [mail.to for mail in mailoutbox if is_kind(mail, CHANGED)] == []
    assert not AddressChange.objects.exists()


def test_undo_link_starts_with_site_url(ada: User, settings: Any, mailoutbox: list[EmailMessage]) -> None:
    settings.SITE_URL = "https://shop.example.com"
    change_and_confirm_email(NEW, mailoutbox)
    assert "https://shop.example.com/accounts/email/undo/" in to(mailoutbox, OLD, CHANGED).body


# --- reauthentication --------------------------------------------------------------------------------------------

SENSITIVE_PAGES = ["/accounts/export/", "/accounts/delete/"]


@pytest.mark.parametrize("path", SENSITIVE_PAGES)
def test_sensitive_pages_ask_for_the_password_again(ada: User, path: str) -> None:
    client = signed_in(ada)
    asked = client.get(path)
    assert asked["Location"] == f"/accounts/reauthenticate/?next={path.replace('/', '%2F')}"
    answer = client.post(asked["Location"], {"password": PASSWORD_OF_ADA})
    assert answer["Location"] == path
    assert client.get(path).status_code == 200


def test_deletion_and_email_change_require_reauthentication(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    client = signed_in(ada)
    client.post("/accounts/delete/", {"password": PASSWORD_OF_ADA})
    answer = client.post("/accounts/email/", {"email": NEW, "action_add": ""})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert User.objects.filter(email=OLD).exists()
    assert not EmailAddress.objects.filter(email=NEW).exists()
    # After that, the original request continues.
    client.post(answer["Location"], {"password": PASSWORD_OF_ADA})
    assert EmailAddress.objects.filter(email=NEW).exists()


def test_submitted_password_is_not_stored_in_the_session(ada: User) -> None:
    client = signed_in(ada)
    client.post("/accounts/delete/", {"password": PASSWORD_OF_ADA})
    assert PASSWORD_OF_ADA not in str(dict(client.session))


SENSITIVE_REQUESTS = [
    ("get", "/accounts/export/", {}),
    ("get", "/accounts/delete/", {}),
    ("post", "/accounts/email/", {"email": "new@example.com", "action_add": ""}),
    ("get", "/accounts/password/set/", {}),
    ("get", "/accounts/reauthenticate/", {}),
    ("get", "/accounts/reauthenticate/code/", {}),
    ("get", "/accounts/2fa/reauthenticate/", {}),
]


@pytest.mark.parametrize(("method", "path", "form"), SENSITIVE_REQUESTS)
def test_user_without_any_credential_must_verify_the_email_first(
    method: str, path: str, form: dict[str, str], mailoutbox: list[EmailMessage]
) -> None:
    user = User.objects.create_user("grace@example.com")
    client = signed_in(user)
    page = getattr(client, method)(path, form, follow=True)
    assert page.redirect_chain[-1][0].startswith("/accounts/email/confirm-first/")
    button = re.search(
        r'name="email" value="([^"]+)".*?name="(action_send)"', page.content.decode(), re.DOTALL
    )
    assert button
    client.post("/accounts/email/", {"email": button[1], button[2]: ""})
    client.post(link_in(mailoutbox[-1]))
    assert EmailAddress.objects.get().verified
    answer = client.get("/accounts/export/")
    assert answer["Location"].startswith("/accounts/reauthenticate/code/")
    assert client.get("/accounts/email/confirm-first/")["Location"] == "/accounts/"


def test_user_without_a_verified_email_cannot_connect_a_provider(social: Provider) -> None:
    from tests.integration.test_social_sign_in import GRACE, sign_in_with

    social.person = GRACE
    client = signed_in(User.objects.create_user("ann@example.com"))
    page = sign_in_with(client, "/accounts/3rdparty/")
    assert page.redirect_chain[-1][0].startswith("/accounts/email/confirm-first/")
    assert not SocialAccount.objects.exists()


def test_reauthentication_of_another_user_does_not_count(ada: User, bob: User) -> None:
    client = signed_in(bob)
    reauthenticate(client, "bob-looks-around")
    client.post("/accounts/logout/")
    client.force_login(ada)
    assert client.get("/accounts/export/").status_code == 302
