"""What is asked before an address changes or data leaves, and how the owner of the old address undoes a change."""

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
from tests.factories import signed_in
from tests.integration.test_accounts import PASSWORD, is_kind, link_in, sign_in, sign_up, signed_in_as
from tests.integration.test_address_proof import can_sign_in, change_address, confirm, reauthenticate, to
from tests.integration.test_second_factors import ask_for_code, code_in
from tests.oauth_provider import Provider

pytestmark = pytest.mark.django_db

OLD, NEW = "ada@example.com", "evil@example.com"
ADAS = "ada-buys-things"
CHANGED = "account/email/email_changed"


@pytest.fixture
def ada(ada: User) -> User:
    """Her address is proven."""
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return ada


@pytest.fixture
def thief(ada: User, mailoutbox: list[EmailMessage]) -> Client:
    """A client with Ada's password that changed the account's e-mail address."""
    return moved(NEW, mailoutbox)


def moved(
    email: str, outbox: list[EmailMessage], client: Client | None = None, password: str = ADAS
) -> Client:
    if client is None:
        client = Client()
        sign_in(client, OLD, password)
    change_address(client, email, password)
    confirm(client, outbox, email)
    assert User.objects.get(email=email)
    return client


def undo_link(outbox: list[EmailMessage], email: str = OLD) -> str:
    return link_in(to(outbox, email, CHANGED))


# --- the link to the old address ------------------------------------------------------------------------------


def test_the_old_address_takes_the_account_back(
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
        assert not can_sign_in(ADAS, email)
    ask_for_code(client, OLD)
    client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert signed_in_as(client) == OLD
    client.post("/accounts/logout/")
    client.post("/accounts/password/reset/", {"email": OLD})
    assert link_in(mailoutbox[-1]).startswith("/accounts/password/reset/key/")


def test_the_page_after_leads_on_to_a_code_and_to_a_new_password(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    page = client.post(undo_link(mailoutbox)).content.decode()
    for path in ("/accounts/login/code/", "/accounts/password/reset/"):
        form = re.search(rf'action="{path}".*?name="email" value="([^"]+)"', page, re.DOTALL)
        assert form
        assert form[1] == OLD


def test_a_program_that_opens_links_changes_nothing(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    for method in (client.get, client.head):
        assert method(undo_link(mailoutbox)).status_code == 200
    assert Client(enforce_csrf_checks=True).post(undo_link(mailoutbox)).status_code == 403
    assert User.objects.get().email == NEW
    assert signed_in_as(thief) == NEW


def test_the_link_works_once(thief: Client, client: Client, mailoutbox: list[EmailMessage]) -> None:
    link = undo_link(mailoutbox)
    client.post(link)
    User.objects.update(password="!x", email=NEW)
    for answer in (client.get(link), client.post(link)):
        assert answer.context["state"] == "gone"
    assert User.objects.get().email == NEW


def test_the_link_works_for_seven_days(
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
def test_a_forged_link_does_nothing(thief: Client, client: Client, token: str) -> None:
    for answer in (
        client.get(f"/accounts/email/undo/{token}/"),
        client.post(f"/accounts/email/undo/{token}/"),
    ):
        assert answer.status_code in (200, 400, 404)
    assert User.objects.get().email == NEW


def test_a_second_change_does_not_help_a_thief(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    moved("evil2@example.com", mailoutbox, thief)
    thiefs_own = undo_link(mailoutbox, NEW)
    client.post(undo_link(mailoutbox))
    assert User.objects.get().email == OLD
    assert client.post(thiefs_own).context["state"] == "gone"
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


def test_the_thief_can_not_sign_up_with_the_old_address_to_keep_it(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(Client(), OLD)
    assert User.objects.count() == 1
    client.post(undo_link(mailoutbox))
    assert User.objects.get().email == OLD


def test_an_address_that_another_account_has_by_now_is_said_and_nothing_changes(
    thief: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.create_user(OLD)
    assert client.post(undo_link(mailoutbox)).context["state"] == "taken"
    assert User.objects.filter(email=NEW).exists()
    assert signed_in_as(thief) == NEW


def test_the_browser_that_undoes_it_is_signed_out_too(thief: Client, mailoutbox: list[EmailMessage]) -> None:
    thief.post(undo_link(mailoutbox))
    assert signed_in_as(thief) == ""


def test_an_unproven_old_address_gets_no_link_and_no_mail(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, "typo@example.com")
    change_address(client, "grace@example.com", PASSWORD)
    confirm(client, mailoutbox, "grace@example.com")
    assert User.objects.get().email == "grace@example.com"
    assert [mail.to for mail in mailoutbox if is_kind(mail, CHANGED)] == []
    assert not AddressChange.objects.exists()


def test_the_mail_goes_by_the_shops_own_address(
    ada: User, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.SITE_URL = "https://shop.example.com"
    moved(NEW, mailoutbox)
    assert "https://shop.example.com/accounts/email/undo/" in to(mailoutbox, OLD, CHANGED).body


# --- what is asked before ----------------------------------------------------------------------------------------

IMPORTANT = ["/accounts/export/", "/accounts/delete/"]


@pytest.mark.parametrize("path", IMPORTANT)
def test_the_password_is_asked_again_before_data_leaves(ada: User, path: str) -> None:
    client = signed_in(ada)
    asked = client.get(path)
    assert asked["Location"] == f"/accounts/reauthenticate/?next={path.replace('/', '%2F')}"
    answer = client.post(asked["Location"], {"password": ADAS})
    assert answer["Location"] == path
    assert client.get(path).status_code == 200


def test_an_open_browser_is_not_enough_to_delete_or_to_change_the_address(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    client = signed_in(ada)
    client.post("/accounts/delete/", {"password": ADAS})
    answer = client.post("/accounts/email/", {"email": NEW, "action_add": ""})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert User.objects.filter(email=OLD).exists()
    assert not EmailAddress.objects.filter(email=NEW).exists()
    client.post(answer["Location"], {"password": ADAS})  # then the original request continues
    assert EmailAddress.objects.filter(email=NEW).exists()


def test_the_password_of_a_form_is_not_kept_in_the_session(ada: User) -> None:
    client = signed_in(ada)
    client.post("/accounts/delete/", {"password": ADAS})
    assert ADAS not in str(dict(client.session))


WITHOUT_PROOF = [
    ("get", "/accounts/export/", {}),
    ("get", "/accounts/delete/", {}),
    ("post", "/accounts/email/", {"email": "new@example.com", "action_add": ""}),
    ("get", "/accounts/password/set/", {}),
    ("get", "/accounts/reauthenticate/", {}),
    ("get", "/accounts/reauthenticate/code/", {}),
    ("get", "/accounts/2fa/reauthenticate/", {}),
]


@pytest.mark.parametrize(("method", "path", "form"), WITHOUT_PROOF)
def test_who_has_nothing_to_show_is_asked_to_confirm_the_address_first(
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


def test_user_without_proof_cannot_connect_a_provider(social: Provider) -> None:
    from tests.integration.test_social_sign_in import GRACE, sign_in_with

    social.person = GRACE
    client = signed_in(User.objects.create_user("ann@example.com"))
    page = sign_in_with(client, "/accounts/3rdparty/")
    assert page.redirect_chain[-1][0].startswith("/accounts/email/confirm-first/")
    assert not SocialAccount.objects.exists()


def test_reauthenticating_for_somebody_else_is_not_enough(ada: User, bob: User) -> None:
    client = signed_in(bob)
    reauthenticate(client, "bob-looks-around")
    client.post("/accounts/logout/")
    client.force_login(ada)
    assert client.get("/accounts/export/").status_code == 302
