"""The first proof of an address ends what others set on the account. Honest shoppers keep what is theirs."""

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
from tests.factories import signed_in
from tests.integration.test_accounts import PASSWORD, is_kind, link_in, sign_in, sign_up, signed_in_as
from tests.integration.test_second_factors import ask_for_code, code_in
from tests.integration.test_social_sign_in import GRACE, sign_in_with
from tests.oauth_provider import Provider

pytestmark = pytest.mark.django_db

EMAIL = "grace@example.com"  # the address of the victim, or of an honest shopper
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


def change_address(client: Client, email: str, password: str = PASSWORD) -> Any:
    reauthenticate(client, password)
    return client.post("/accounts/email/", {"email": email, "action_add": ""})


# --- the ways to give the proof --------------------------------------------------------------------------------


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


WAYS = [by_link, by_code, by_reset, by_provider]
way = pytest.mark.parametrize("prove", WAYS)


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
    change_address(client, EVIL)
    SocialAccount.objects.create(user=user, provider="google", uid="the thief's")
    totp.TOTP.activate(user, totp.generate_totp_secret())
    return client


@way
def test_address_proof_removes_credentials_of_earlier_sign_up(
    thief: Client, prove: Any, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    assert signed_in_as(thief) == EMAIL
    evil_link = link_in(to(mailoutbox, EVIL))
    prove(Client(), mailoutbox)
    assert signed_in_as(thief) == ""
    assert not can_sign_in(PASSWORD)
    assert not Authenticator.objects.exists()
    assert not SocialAccount.objects.filter(uid="the thief's").exists()
    assert [(row.email, row.verified) for row in EmailAddress.objects.all()] == [(EMAIL, True)]
    thief.post(evil_link)
    assert User.objects.get().email == EMAIL


@way
def test_proving_in_the_browser_that_signed_up_keeps_the_password(
    client: Client, prove: Any, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    if prove is not by_link:
        client.post("/accounts/logout/")
    prove(client, mailoutbox)
    assert can_sign_in("my very own password" if prove is by_reset else PASSWORD)
    assert EmailAddress.objects.get().verified
    assert not [mail for mail in mailoutbox if is_kind(mail, "account/email/first_proof")]
    if prove is not by_reset:
        assert signed_in_as(client) == EMAIL


def test_the_link_in_the_same_browser_keeps_the_password_after_signing_out(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    client.post("/accounts/logout/")
    by_link(client, mailoutbox)
    assert can_sign_in(PASSWORD)


def test_the_link_on_another_device_removes_the_password_and_says_so(
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


def test_signing_in_with_a_strangers_password_does_not_make_it_ones_own(
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


def test_a_password_changed_in_the_browser_that_signed_up_stays(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    form = {"oldpassword": PASSWORD, "password1": "another good one", "password2": "another good one"}
    client.post("/accounts/password/change/", form)
    by_link(client, mailoutbox)
    assert can_sign_in("another good one")


def test_a_password_changed_in_another_browser_goes(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    other = Client()
    sign_in(other, EMAIL, PASSWORD)
    form = {"oldpassword": PASSWORD, "password1": "another good one", "password2": "another good one"}
    other.post("/accounts/password/change/", form)
    by_link(client, mailoutbox)
    assert not can_sign_in("another good one")
    assert signed_in_as(other) == ""


@pytest.mark.parametrize("same", [True, False])
def test_it_is_the_same_where_addresses_are_verified_first(
    settings: Any, same: bool, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    sign_up(client, EMAIL)
    assert signed_in_as(client) == ""
    by_link(client if same else Client(), mailoutbox)
    assert can_sign_in(PASSWORD) is same


def test_a_link_that_was_sent_again_proves_as_well(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    cache.clear()  # three minutes later
    client.post("/accounts/email/", {"email": EMAIL, "action_send": ""})
    assert len([mail for mail in mailoutbox if mail.to == [EMAIL]]) == 2
    by_link(Client(), mailoutbox)
    assert not can_sign_in(PASSWORD)


def test_later_proofs_remove_nothing(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    by_link(client, mailoutbox)
    totp.TOTP.activate(User.objects.get(), totp.generate_totp_secret())
    ask_for_code(Client(), EMAIL)
    phone = Client()
    ask_for_code(phone, EMAIL)
    phone.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert signed_in_as(phone) == ""  # the second step is asked for
    assert can_sign_in(PASSWORD) is False
    assert Authenticator.objects.exists()
    assert User.objects.get().check_password(PASSWORD)
    assert signed_in_as(client) == EMAIL


@pytest.mark.parametrize("prove", [by_code, by_reset])
def test_an_account_that_an_operator_made_keeps_its_password(
    prove: Any, mailoutbox: list[EmailMessage]
) -> None:
    user = User.objects.create_user(EMAIL, PASSWORD)
    prove(Client(), mailoutbox)
    assert EmailAddress.objects.get().verified
    user.refresh_from_db()
    assert user.check_password(PASSWORD) is (prove is by_code)


def test_a_code_by_mail_does_not_remove_an_operators_second_factor(
    olive: User, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    totp.TOTP.activate(olive, totp.generate_totp_secret())
    ask_for_code(client, olive.email)
    client.post("/accounts/login/code/confirm/", {"code": code_in(mailoutbox[-1])})
    assert signed_in_as(client) == ""
    assert Authenticator.objects.exists()


def test_an_operator_who_vouches_for_an_address_ends_what_strangers_set(thief: Client, olive: User) -> None:
    address = EmailAddress.objects.get(email=EMAIL)
    form = {"action": "make_verified", "_selected_action": [str(address.pk)]}
    operator = signed_in(olive)
    assert operator.post("/admin/account/emailaddress/", form).status_code == 302
    assert signed_in_as(operator) == olive.email
    assert signed_in_as(thief) == ""
    assert not can_sign_in(PASSWORD)
    assert not SocialAccount.objects.exists()


# --- providers -------------------------------------------------------------------------------------------------


def test_connecting_a_provider_that_vouches_for_the_address_proves_it(
    client: Client, at_google: Provider
) -> None:
    sign_up(client, EMAIL)
    reauthenticate(client)
    sign_in_with(client, "/accounts/3rdparty/")
    assert EmailAddress.objects.get().verified
    assert SocialAccount.objects.exists()
    assert can_sign_in(PASSWORD)


def test_connecting_a_provider_that_vouches_for_another_address_proves_nothing(
    client: Client, at_google: Provider
) -> None:
    at_google.person = {**GRACE, "email": EVIL}
    sign_up(client, EMAIL)
    reauthenticate(client)
    sign_in_with(client, "/accounts/3rdparty/")
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_an_account_connected_before_the_proof_in_the_same_browser_stays(
    client: Client, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    at_google.person = {**GRACE, "email_verified": False}
    sign_up(client, EMAIL)
    reauthenticate(client)
    sign_in_with(client, "/accounts/3rdparty/")
    assert not EmailAddress.objects.get().verified
    by_link(client, mailoutbox)
    assert SocialAccount.objects.exists()


def test_signing_up_with_a_provider_without_an_address_and_confirming_keeps_the_connection(
    client: Client, social: Provider, mailoutbox: list[EmailMessage]
) -> None:
    social.person = {"id": 77, "login": "grace", "name": "Grace Hopper"}
    sign_in_with(client, name="github")
    client.post("/accounts/3rdparty/signup/", {"email": EMAIL})
    by_link(client, mailoutbox)
    assert SocialAccount.objects.exists()


def test_a_providers_sign_up_without_an_address_ends_when_another_browser_proves_it(
    client: Client, social: Provider, mailoutbox: list[EmailMessage]
) -> None:
    social.person = {"id": 77, "login": "evil", "name": "Not Grace"}
    sign_in_with(client, name="github")
    client.post("/accounts/3rdparty/signup/", {"email": EMAIL})
    by_code(Client(), mailoutbox)
    assert not SocialAccount.objects.exists()
    assert signed_in_as(client) == ""


# --- addresses that somebody only wants to change to ----------------------------------------------------------


@pytest.fixture
def evil(mailoutbox: list[EmailMessage]) -> Client:
    """An account with a proven address that has asked to change to Grace's."""
    client = Client()
    sign_up(client, EVIL)
    confirm(client, mailoutbox, EVIL)
    change_address(client, EMAIL)
    return client


@pytest.mark.parametrize("page", ["/accounts/login/code/", RESET])
def test_a_mail_to_an_address_that_somebody_wants_opens_not_their_account(
    evil: Client, page: str, mailoutbox: list[EmailMessage]
) -> None:
    Client().post(page, {"email": EMAIL})
    assert link_in(mailoutbox[-1]) == "/accounts/signup/"


def test_an_address_that_somebody_wants_is_free_to_sign_up_with(
    evil: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    link = link_in(to(mailoutbox, EMAIL))
    sign_up(client, EMAIL)
    assert signed_in_as(client) == EMAIL
    assert evil.post(link).status_code in (302, 404)
    assert User.objects.filter(email=EVIL).exists()


def test_a_provider_signs_up_with_an_address_that_somebody_else_wants(
    evil: Client, client: Client, at_google: Provider
) -> None:
    sign_in_with(client)
    assert signed_in_as(client) == EMAIL
    assert User.objects.count() == 2


def test_a_providers_sign_up_form_takes_an_address_that_somebody_else_wants(
    evil: Client, client: Client, social: Provider
) -> None:
    social.person = {"id": 77, "login": "grace", "name": "Grace Hopper"}
    sign_in_with(client, name="github")
    client.post("/accounts/3rdparty/signup/", {"email": EMAIL})
    assert signed_in_as(client) == EMAIL


def test_who_confirms_a_change_that_a_stranger_asked_for_has_to_be_signed_in_as_them(
    evil: Client, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    link = link_in(to(mailoutbox, EMAIL))
    answer = client.post(link)
    assert unquote(answer["Location"]) == f"/accounts/login/?next={link}"
    assert User.objects.get().email == EVIL
    evil.post(link)
    assert User.objects.get().email == EMAIL


def test_a_code_for_an_address_that_left_the_account_opens_nothing(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    """Asked for while the address waited, typed after the owner has proven theirs."""
    sign_up(client, EMAIL)
    change_address(client, EVIL)
    later = Client()
    ask_for_code(later, EVIL)
    code = code_in(to(mailoutbox, EVIL))
    by_code(Client(), mailoutbox)
    later.post("/accounts/login/code/confirm/", {"code": code})
    assert signed_in_as(later) == ""
    assert User.objects.get().email == EMAIL


def test_a_password_is_not_stored_over_one_that_was_removed_meanwhile(
    client: Client, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(client, EMAIL)
    check = User.check_password

    def checked_while_the_owner_proves(user: User, password: str) -> bool:
        found = check(user, password)
        monkeypatch.setattr(User, "check_password", check)
        by_link(Client(), mailoutbox)
        return found

    monkeypatch.setattr(User, "check_password", checked_while_the_owner_proves)
    form = {"oldpassword": PASSWORD, "password1": "another good one", "password2": "another good one"}
    client.post("/accounts/password/change/", form)
    assert not User.objects.get().has_usable_password()


def test_two_proofs_at_the_same_time_remove_once(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client, EMAIL)
    read_before = User.objects.get()
    by_link(client, mailoutbox)
    remove_unverified_credentials(client.get("/accounts/").wsgi_request, read_before)
    assert can_sign_in(PASSWORD)


def test_saving_the_name_does_not_bring_a_removed_password_back(
    client: Client, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(client, EMAIL)
    valid = NameForm.is_valid

    def valid_while_the_owner_proves(form: NameForm) -> bool:
        by_link(Client(), mailoutbox)
        return valid(form)

    monkeypatch.setattr(NameForm, "is_valid", valid_while_the_owner_proves)
    client.post("/accounts/", {"name": "Not Grace"})
    assert not User.objects.get().has_usable_password()
    assert not User.objects.get().unproven_signup


# --- correcting an address that was mistyped --------------------------------------------------------------------


def email_page(client: Client) -> str:
    return re.sub(r"\s+", " ", client.get("/accounts/email/").content.decode())


@pytest.mark.parametrize("looks_first", [True, False])
def test_two_shoppers_correct_their_addresses(looks_first: bool, mailoutbox: list[EmailMessage]) -> None:
    for name in ("ann", "ben"):
        shopper = Client()
        sign_up(shopper, f"{name}@exmaple.com")
        if looks_first:
            email_page(shopper)
        answer = change_address(shopper, f"{name}@example.com")
        assert answer.status_code == 302
        user = User.objects.get(email=f"{name}@exmaple.com")
        assert f"{name}@exmaple.com" in email_page(shopper)
        assert f"<dd>{name}@example.com" in email_page(shopper)
        confirm(shopper, mailoutbox, f"{name}@example.com")
        user.refresh_from_db()
        assert user.email == f"{name}@example.com"
        assert can_sign_in(PASSWORD, f"{name}@example.com")
        assert [row.email for row in EmailAddress.objects.filter(user=user)] == [user.email]
        assert not [mail for mail in mailoutbox if mail.to == [f"{name}@exmaple.com"]][
            1:
        ]  # maybe a stranger's


def test_two_shoppers_want_the_same_address_and_the_first_to_prove_it_gets_it(
    mailoutbox: list[EmailMessage],
) -> None:
    shoppers = {name: Client() for name in ("ann", "ben")}
    links = {}
    for name, shopper in shoppers.items():
        sign_up(shopper, f"{name}@exmaple.com")
        cache.clear()  # one mail in three minutes
        change_address(shopper, "shared@example.com")
        links[name] = link_in(to(mailoutbox, "shared@example.com"))
    assert [shoppers[name].post(links[name]).status_code for name in ("ann", "ben")] == [302, 302]
    emails = User.objects.order_by("pk").values_list("email", flat=True)
    assert list(emails) == ["shared@example.com", "ben@exmaple.com"]


def test_an_address_that_another_account_has_is_refused_without_an_error(
    client: Client, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, EMAIL)
    change_address(client, bob.email)
    client.post(link_in(to(mailoutbox, bob.email)))
    client.post("/accounts/email/", {"email": bob.email, "action_primary": ""})
    assert User.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize("email", ["grace@example.com", "new@example.com"])
def test_buttons_of_the_page_leave_the_account_its_address(client: Client, email: str) -> None:
    sign_up(client, EMAIL)
    EmailAddress.objects.update(primary=False)
    change_address(client, "new@example.com")
    for action in ("action_remove", "action_primary"):
        client.post("/accounts/email/", {"email": email, action: ""})
        assert User.objects.get().email == EMAIL
    assert EmailAddress.objects.filter(email=EMAIL).exists()


def test_signing_in_twice_with_a_provider_keeps_the_connection(client: Client, at_google: Provider) -> None:
    sign_up(client, EMAIL)
    for _ in range(2):
        client.post("/accounts/logout/")
        sign_in_with(client)
    assert SocialAccount.objects.count() == 1
