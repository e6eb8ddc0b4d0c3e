"""The first verification of an e-mail address removes credentials that others have set on the account."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client

from apps.users.email_verification import remove_unverified_credentials
from apps.users.forms import NameForm
from apps.users.models import User
from tests.account_actions import PASSWORD, is_kind, link_in, sign_in, sign_up, signed_in_as
from tests.factories import signed_in
from tests.integration.test_second_factors import ask_for_code, code_in
from tests.integration.test_social_sign_in import GRACE, sign_in_with
from tests.oauth_provider import Provider

pytestmark = pytest.mark.django_db

EMAIL = "grace@example.com"  # address of the victim, or of an honest shopper
EVIL = "evil@example.com"
RESET = "/accounts/password/reset/"


def to(outbox: list[EmailMessage], email: str, template: str = "") -> EmailMessage:
    """Return the last e-mail to this address, of this kind if `template` is given."""
    mails = [mail for mail in outbox if mail.to == [email]]
    return [mail for mail in mails if not template or is_kind(mail, template)][-1]


def can_sign_in(password: str, email: str = EMAIL) -> bool:
    client = Client()
    sign_in(client, email, password)
    return signed_in_as(client) != ""


def confirm(client: Client, outbox: list[EmailMessage], email: str = EMAIL) -> Any:
    link = link_in(to(outbox, email, "account/email/email_confirmation"))
    client.get(link)
    return client.post(link)


def reauthenticate(client: Client, password: str = PASSWORD) -> None:
    client.post("/accounts/reauthenticate/", {"password": password})


def change_email(client: Client, email: str, password: str = PASSWORD) -> Any:
    reauthenticate(client, password)
    return client.post("/accounts/email/", {"email": email, "action_add": ""})


# --- ways to verify an e-mail address----------------------------------------------------------------------------


def by_link(client: Client, outbox: list[EmailMessage]) -> None:
    confirm(client, outbox)


def by_code(client: Client, outbox: list[EmailMessage]) -> None:
    ask_for_code(client, EMAIL)
    client.post(
        "/accounts/login/code/confirm/", {"code": code_in(to(outbox, EMAIL, "account/email/login_code"))}
    )
    assert signed_in_as(client) == EMAIL


def by_reset(client: Client, outbox: list[EmailMessage]) -> None:
    client.post(RESET, {"email": EMAIL})
    form = client.get(link_in(to(outbox, EMAIL, "account/email/password_reset_key")))["Location"]
    client.post(form, {"password1": "my very own password", "password2": "my very own password"})
    assert can_sign_in("my very own password")


def by_provider(client: Client, outbox: list[EmailMessage]) -> None:
    sign_in_with(client)
    assert signed_in_as(client) == EMAIL


VERIFICATION_METHODS = [by_link, by_code, by_reset, by_provider]
for_each_method = pytest.mark.parametrize("verify", VERIFICATION_METHODS)


@pytest.fixture
def at_google(social: Provider) -> Provider:
    social.person = GRACE
    return social


@pytest.fixture
def thief(mailoutbox: list[EmailMessage]) -> Client:
    """A signed-in client that signed up with Grace's e-mail and added every kind of credential."""
    client = Client()
    sign_up(client, EMAIL)
    user = User.objects.get()
    change_email(client, EVIL)
    SocialAccount.objects.create(user=user, provider="google", uid="the thief's")
    totp.TOTP.activate(user, totp.generate_totp_secret())
    return client


@for_each_method
def test_verification_removes_credentials_of_an_earlier_sign_up(
    thief: Client, verify: Any, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    assert signed_in_as(thief) == EMAIL
    evil_link = link_in(to(mailoutbox, EVIL))
    verify(Client(), mailoutbox)
    assert signed_in_as(thief) == ""
    assert not can_sign_in(PASSWORD)
    assert not Authenticator.objects.exists()
    assert not SocialAccount.objects.filter(uid="the thief's").exists()
    assert [(row.email, row.verified) for row in EmailAddress.objects.all()] == [(EMAIL, True)]
    thief.post(evil_link)
    assert User.objects.get().email == EMAIL


@for_each_method
def test_verification_in_the_browser_that_signed_up_keeps_the_password(
    client: Client, verify: Any, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    if verify is not by_link:
        client.post("/accounts/logout/")
    verify(client, mailoutbox)
    assert can_sign_in("my very own password" if verify is by_reset else PASSWORD)
    assert EmailAddress.objects.get().verified
    assert not [mail for mail in mailoutbox if is_kind(mail, "account/email/first_proof")]
    if verify is not by_reset:
        assert signed_in_as(client) == EMAIL


def test_link_in_the_same_browser_keeps_the_password_after_sign_out(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    client.post("/accounts/logout/")
    by_link(client, mailoutbox)
    assert can_sign_in(PASSWORD)


def test_link_on_another_device_removes_the_password_and_says_so(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    phone = Client()
    page = phone.post(link_in(mailoutbox[0]), follow=True)
    assert "warning" in [message.level_tag for message in page.context["messages"]]
    assert to(mailoutbox, EMAIL, "account/email/first_proof")
    assert not can_sign_in(PASSWORD)
    assert signed_in_as(client) == ""
    by_code(phone, mailoutbox)


def test_signing_in_with_a_strangers_password_does_not_keep_it(
    thief: Client, mailoutbox: list[EmailMessage]
) -> None:
    Authenticator.objects.all().delete()
    victim = Client()
    sign_in(victim, EMAIL, PASSWORD)
    assert signed_in_as(victim) == EMAIL
    by_link(victim, mailoutbox)
    assert not can_sign_in(PASSWORD)
    assert (signed_in_as(victim), signed_in_as(thief)) == (EMAIL, "")
    assert UserSession.objects.get().session_key == victim.session.session_key


def test_password_changed_in_the_browser_that_signed_up_is_kept(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    form = {"oldpassword": PASSWORD, "password1": "another good one", "password2": "another good one"}
    client.post("/accounts/password/change/", form)
    by_link(client, mailoutbox)
    assert can_sign_in("another good one")


def test_password_changed_in_another_browser_is_removed(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    other = Client()
    sign_in(other, EMAIL, PASSWORD)
    form = {"oldpassword": PASSWORD, "password1": "another good one", "password2": "another good one"}
    other.post("/accounts/password/change/", form)
    by_link(client, mailoutbox)
    assert not can_sign_in("another good one")
    assert signed_in_as(other) == ""


@pytest.mark.parametrize("same", [True, False])
def test_only_the_same_browser_keeps_the_password_with_mandatory_verification(
    settings: Any, same: bool, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    sign_up(client, EMAIL)
    assert signed_in_as(client) == ""
    by_link(client if same else Client(), mailoutbox)
    assert can_sign_in(PASSWORD) is same


def test_resent_link_verifies_the_email(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    cache.clear()  # three minutes pass
    client.post("/accounts/email/", {"email": EMAIL, "action_send": ""})
    assert len([mail for mail in mailoutbox if mail.to == [EMAIL]]) == 2
    by_link(Client(), mailoutbox)
    assert not can_sign_in(PASSWORD)


def test_later_verifications_remove_nothing(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    by_link(client, mailoutbox)
    totp.TOTP.activate(User.objects.get(), totp.generate_totp_secret())
    ask_for_code(Client(), EMAIL)
    phone = Client()
    ask_for_code(phone, EMAIL)
    phone.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert signed_in_as(phone) == ""  # the second factor is required
    assert can_sign_in(PASSWORD) is False
    assert Authenticator.objects.exists()
    assert User.objects.get().check_password(PASSWORD)
    assert signed_in_as(client) == EMAIL


@pytest.mark.parametrize("verify", [by_code, by_reset])
def test_code_keeps_the_password_of_an_account_made_by_an_operator(
    verify: Any, mailoutbox: list[EmailMessage]
) -> None:
    user = User.objects.create_user(EMAIL, PASSWORD)
    verify(Client(), mailoutbox)
    assert EmailAddress.objects.get().verified
    user.refresh_from_db()
    assert user.check_password(PASSWORD) is (verify is by_code)


def test_emailed_code_does_not_remove_an_operators_second_factor(
    olive: User, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    totp.TOTP.activate(olive, totp.generate_totp_secret())
    ask_for_code(client, olive.email)
    client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert signed_in_as(client) == ""
    assert Authenticator.objects.exists()


def test_verification_in_the_admin_removes_earlier_credentials(thief: Client, olive: User) -> None:
    address = EmailAddress.objects.get(email=EMAIL)
    form = {"action": "make_verified", "_selected_action": [str(address.pk)]}
    operator = signed_in(olive)
    assert operator.post("/admin/account/emailaddress/", form).status_code == 302
    assert signed_in_as(operator) == olive.email
    assert signed_in_as(thief) == ""
    assert not can_sign_in(PASSWORD)
    assert not SocialAccount.objects.exists()


# --- providers -------------------------------------------------------------------------------------------------


def test_connecting_a_provider_with_the_same_email_verifies_it(client: Client, at_google: Provider) -> None:
    sign_up(client, EMAIL)
    reauthenticate(client)
    sign_in_with(client, "/accounts/3rdparty/")
    assert EmailAddress.objects.get().verified
    assert SocialAccount.objects.exists()
    assert can_sign_in(PASSWORD)


def test_connecting_a_provider_with_another_email_verifies_nothing(
    client: Client, at_google: Provider
) -> None:
    at_google.person = {**GRACE, "email": EVIL}
    sign_up(client, EMAIL)
    reauthenticate(client)
    sign_in_with(client, "/accounts/3rdparty/")
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_provider_connected_before_verification_in_the_same_browser_is_kept(
    client: Client, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    at_google.person = {**GRACE, "email_verified": False}
    sign_up(client, EMAIL)
    reauthenticate(client)
    sign_in_with(client, "/accounts/3rdparty/")
    assert not EmailAddress.objects.get().verified
    by_link(client, mailoutbox)
    assert SocialAccount.objects.exists()


def test_provider_sign_up_without_email_keeps_its_connection_after_verification(
    client: Client, social: Provider, mailoutbox: list[EmailMessage]
) -> None:
    social.person = {"id": 77, "login": "grace", "name": "Grace Hopper"}
    sign_in_with(client, name="github")
    client.post("/accounts/3rdparty/signup/", {"email": EMAIL})
    by_link(client, mailoutbox)
    assert SocialAccount.objects.exists()


def test_verification_in_another_browser_removes_a_provider_sign_up(
    client: Client, social: Provider, mailoutbox: list[EmailMessage]
) -> None:
    social.person = {"id": 77, "login": "evil", "name": "Not Grace"}
    sign_in_with(client, name="github")
    client.post("/accounts/3rdparty/signup/", {"email": EMAIL})
    by_code(Client(), mailoutbox)
    assert not SocialAccount.objects.exists()
    assert signed_in_as(client) == ""


# --- requested e-mail changes that are not verified ------------------------------------------------------------


@pytest.fixture
def evil(mailoutbox: list[EmailMessage]) -> Client:
    """Return a client with a verified account that has requested a change to Grace's e-mail address."""
    client = Client()
    sign_up(client, EVIL)
    confirm(client, mailoutbox, EVIL)
    change_email(client, EMAIL)
    return client


@pytest.mark.parametrize("page", ["/accounts/login/code/", RESET])
def test_email_to_a_requested_address_does_not_open_the_requesting_account(
    evil: Client, page: str, mailoutbox: list[EmailMessage]
) -> None:
    Client().post(page, {"email": EMAIL})
    assert link_in(mailoutbox[-1]) == "/accounts/signup/"


def test_requested_address_can_sign_up(evil: Client, client: Client, mailoutbox: list[EmailMessage]) -> None:
    link = link_in(to(mailoutbox, EMAIL))
    sign_up(client, EMAIL)
    assert signed_in_as(client) == EMAIL
    assert evil.post(link).status_code in (302, 404)
    assert User.objects.filter(email=EVIL).exists()


def test_provider_can_sign_up_with_an_address_requested_by_another_account(
    evil: Client, client: Client, at_google: Provider
) -> None:
    sign_in_with(client)
    assert signed_in_as(client) == EMAIL
    assert User.objects.count() == 2


def test_provider_sign_up_form_accepts_an_address_requested_by_another_account(
    evil: Client, client: Client, social: Provider
) -> None:
    social.person = {"id": 77, "login": "grace", "name": "Grace Hopper"}
    sign_in_with(client, name="github")
    client.post("/accounts/3rdparty/signup/", {"email": EMAIL})
    assert signed_in_as(client) == EMAIL


def test_confirming_an_email_change_requires_sign_in_as_its_account(
    evil: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    link = link_in(to(mailoutbox, EMAIL))
    answer = client.post(link)
    assert unquote(answer["Location"]) == f"/accounts/login/?next={link}"
    assert User.objects.get().email == EVIL
    evil.post(link)
    assert User.objects.get().email == EMAIL


def test_code_for_a_removed_address_does_not_sign_in(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    change_email(client, EVIL)
    later = Client()
    ask_for_code(later, EVIL)
    code = code_in(to(mailoutbox, EVIL))
    by_code(Client(), mailoutbox)
    later.post("/accounts/login/code/confirm/", {"code": code})
    assert signed_in_as(later) == ""
    assert User.objects.get().email == EMAIL


def test_password_change_during_verification_does_not_restore_a_password(
    client: Client, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(client, EMAIL)
    check = User.check_password

    def verify_email_after_password_check(user: User, password: str) -> bool:
        found = check(user, password)
        monkeypatch.setattr(User, "check_password", check)
        by_link(Client(), mailoutbox)
        return found

    monkeypatch.setattr(User, "check_password", verify_email_after_password_check)
    form = {"oldpassword": PASSWORD, "password1": "another good one", "password2": "another good one"}
    client.post("/accounts/password/change/", form)
    assert not User.objects.get().has_usable_password()


def test_concurrent_verification_with_a_stale_user_keeps_the_password(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    read_before = User.objects.get()
    by_link(client, mailoutbox)
    remove_unverified_credentials(client.get("/accounts/").wsgi_request, read_before)
    assert can_sign_in(PASSWORD)


def test_saving_the_name_does_not_restore_a_removed_password(
    client: Client, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(client, EMAIL)
    valid = NameForm.is_valid

    def verify_email_before_validation(form: NameForm) -> bool:
        by_link(Client(), mailoutbox)
        return valid(form)

    monkeypatch.setattr(NameForm, "is_valid", verify_email_before_validation)
    client.post("/accounts/", {"name": "Not Grace"})
    assert not User.objects.get().has_usable_password()
    assert not User.objects.get().unproven_signup


# --- correcting a mistyped e-mail address -----------------------------------------------------------------------


def email_page(client: Client) -> str:
    return re.sub(r"\s+", " ", client.get("/accounts/email/").content.decode())


@pytest.mark.parametrize("views_page_first", [True, False])
def test_mistyped_email_can_be_corrected_after_sign_up(
    views_page_first: bool, mailoutbox: list[EmailMessage]
) -> None:
    for name in ("ann", "ben"):
        shopper = Client()
        sign_up(shopper, f"{name}@exmaple.com")
        if views_page_first:
            email_page(shopper)
        answer = change_email(shopper, f"{name}@example.com")
        assert answer.status_code == 302
        user = User.objects.get(email=f"{name}@exmaple.com")
        assert f"{name}@exmaple.com" in email_page(shopper)
        assert f"<dd>{name}@example.com" in email_page(shopper)
        confirm(shopper, mailoutbox, f"{name}@example.com")
        user.refresh_from_db()
        assert user.email == f"{name}@example.com"
        assert can_sign_in(PASSWORD, f"{name}@example.com")
        assert [row.email for row in EmailAddress.objects.filter(user=user)] == [user.email]
        # The mistyped address may belong to a stranger, so it gets one e-mail at most.
        assert len([mail for mail in mailoutbox if mail.to == [f"{name}@exmaple.com"]]) <= 1


def test_first_account_to_verify_a_requested_address_gets_it(
    mailoutbox: list[EmailMessage],
) -> None:
    shoppers = {name: Client() for name in ("ann", "ben")}
    links = {}
    for name, shopper in shoppers.items():
        sign_up(shopper, f"{name}@exmaple.com")
        cache.clear()  # one mail in three minutes
        change_email(shopper, "shared@example.com")
        links[name] = link_in(to(mailoutbox, "shared@example.com"))
    assert [shoppers[name].post(links[name]).status_code for name in ("ann", "ben")] == [302, 302]
    emails = User.objects.order_by("pk").values_list("email", flat=True)
    assert list(emails) == ["shared@example.com", "ben@exmaple.com"]


def test_change_to_another_accounts_email_is_refused(
    client: Client, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    change_email(client, bob.email)
    client.post(link_in(to(mailoutbox, bob.email)))
    client.post("/accounts/email/", {"email": bob.email, "action_primary": ""})
    assert User.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize("email", ["grace@example.com", "new@example.com"])
def test_remove_and_primary_buttons_keep_the_current_email(client: Client, email: str) -> None:
    sign_up(client, EMAIL)
    EmailAddress.objects.update(primary=False)
    change_email(client, "new@example.com")
    for action in ("action_remove", "action_primary"):
        client.post("/accounts/email/", {"email": email, action: ""})
        assert User.objects.get().email == EMAIL
    assert EmailAddress.objects.filter(email=EMAIL).exists()


def test_second_sign_in_with_a_provider_keeps_the_connection(client: Client, at_google: Provider) -> None:
    sign_up(client, EMAIL)
    for _ in range(2):
        client.post("/accounts/logout/")
        sign_in_with(client)
    assert SocialAccount.objects.count() == 1
