"""Sign-up, sign-in, sign-out, password reset, e-mail verification, data export and account deletion."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.db import IntegrityError, models
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users import personal_data
from apps.users.models import AddressChange, User
from tests.account_actions import PASSWORD, is_kind, link_in, reauthenticate, sign_in, sign_up, signed_in_as
from tests.factories import buy, save_in_admin

pytestmark = pytest.mark.django_db


def test_sign_up_signs_in_and_sends_a_confirmation_link(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(client, "Grace@Example.com")
    assert signed_in_as(client) == "grace@example.com"
    assert "badge--wait" in client.get("/accounts/").content.decode()

    (mail,) = mailoutbox
    assert mail.to == ["grace@example.com"]
    assert is_kind(mail, "account/email/email_confirmation")
    page = client.get(link_in(mail))
    assert "grace@example.com" in page.content.decode()
    assert not EmailAddress.objects.get().verified  # mail scanners open links with GET
    client.post(link_in(mail))
    assert EmailAddress.objects.get().verified
    assert "badge--wait" not in client.get("/accounts/").content.decode()


def test_invalid_confirmation_link_shows_an_error(client: Client) -> None:
    page = client.get("/accounts/confirm-email/nonsense/")
    assert not page.context["can_confirm"]


def test_form_errors_are_linked_to_their_fields(client: Client) -> None:
    page = client.post("/accounts/signup/", {"email": "not-an-address", "password1": "123"}).content.decode()
    for field in ("id_email", "id_password1"):
        assert f'id="{field}_error"' in page
        assert re.search(rf'aria-describedby="[^"]*{field}_error', page)
    assert page.count('aria-invalid="true"') == 2
    assert 'autocomplete="new-password"' in page
    assert 'autocomplete="email"' in page


@pytest.mark.parametrize(
    "email",
    ['"ada lovelace"@example.com', "ada@[127.0.0.1]", "ada@exämple.com", "ada@localhost", "ada@example.c"],
)
def test_sign_up_refuses_addresses_that_stripe_refuses(client: Client, email: str) -> None:
    page = sign_up(client, email)
    assert page.context["form"].errors["email"]
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "email", ["o'hara+shop@mail.example.co.uk", "a_b-c.d%e@sub-domain.museum", "x@xn--bcher-kva.example"]
)
def test_sign_up_accepts_unusual_addresses(client: Client, email: str) -> None:
    sign_up(client, email)
    assert User.objects.get().email == email


def test_sign_up_with_a_registered_email_creates_no_user(ada: User, client: Client) -> None:
    page = sign_up(client, "ADA@example.com")
    assert page.status_code == 200
    assert User.objects.count() == 1
    assert signed_in_as(client) == ""


def test_sign_in_and_sign_out(ada: User, client: Client) -> None:
    sign_in(client, "Ada@example.com", "ada-buys-things")
    assert signed_in_as(client) == ada.email
    assert client.get("/accounts/logout/").status_code == 200
    assert signed_in_as(client) == ada.email  # a GET request does not sign out
    client.post("/accounts/logout/")
    assert signed_in_as(client) == ""


def test_wrong_password_and_unknown_email_show_the_same_error(ada: User, client: Client) -> None:
    wrong = sign_in(client, ada.email, "nonsense").content.decode()
    unknown = sign_in(client, "nobody@example.com", "nonsense").content.decode()
    alert = re.compile(r'role="alert">(.+?)</div></div>', re.DOTALL)
    assert alert.findall(wrong) == alert.findall(unknown) != []
    assert signed_in_as(client) == ""


def test_inactive_user_cannot_sign_in(ada: User, client: Client) -> None:
    User.objects.update(is_active=False)
    sign_in(client, ada.email, "ada-buys-things")
    assert signed_in_as(client) == ""


@pytest.mark.parametrize("page", ["login", "signup"])
def test_next_url_survives_sign_in_and_sign_up(ada: User, client: Client, page: str) -> None:
    wanted = "/store/?q=icons&page=2"
    form = client.get(f"/accounts/{page}/", {"next": wanted}).content.decode()
    assert 'name="next"' in form
    assert "/store/?q=icons&amp;page=2" in form
    other = "signup" if page == "login" else "login"
    assert f"/accounts/{other}/?next=%2Fstore%2F%3Fq%3Dicons%26page%3D2" in form
    if page == "login":
        response = sign_in(client, ada.email, "ada-buys-things", next=wanted)
    else:
        response = sign_up(client, next=wanted)
    assert response["Location"] == wanted


def test_sign_in_link_contains_the_current_page(client: Client) -> None:
    assert 'href="/accounts/login/?next=%2Frefunds%2F"' in client.get("/refunds/").content.decode()


def test_password_reset_link_sets_a_new_password_once(
    ada: User, client: Client, mailoutbox: list[EmailMessage]
) -> None:
    response = client.post("/accounts/password/reset/", {"email": ada.email}, follow=True)
    assert response.redirect_chain == [("/accounts/password/reset/done/", 302)]
    link = link_in(mailoutbox[0])

    form = client.get(link, follow=True)
    assert not form.context.get("token_fail")
    address = form.redirect_chain[-1][0]
    client.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    assert ada.email in email_after_sign_in(ada.email, PASSWORD)
    assert email_after_sign_in(ada.email, "ada-buys-things") == ""

    assert client.get(link, follow=True).context["token_fail"]


def email_after_sign_in(email: str, password: str) -> str:
    client = Client()
    sign_in(client, email, password)
    return signed_in_as(client)


def test_password_reset_for_an_unknown_email_shows_the_same_page(
    client: Client, mailoutbox: list[EmailMessage]
) -> None:
    response = client.post("/accounts/password/reset/", {"email": "nobody@example.com"}, follow=True)
    assert response.redirect_chain == [("/accounts/password/reset/done/", 302)]
    assert "/accounts/signup/" in mailoutbox[0].body


def test_new_email_is_used_after_verification(
    ada: User, as_ada: Client, mailoutbox: list[EmailMessage]
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    reauthenticate(as_ada)
    as_ada.post("/accounts/email/", {"email": "lovelace@example.com", "action_add": ""})
    page = as_ada.get("/accounts/email/")
    assert page.context["new_emailaddress"].email == "lovelace@example.com"
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"

    as_ada.post(link_in(mailoutbox[-1]))
    ada.refresh_from_db()
    assert ada.email == "lovelace@example.com"


def test_password_change_keeps_the_user_signed_in(as_ada: Client, ada: User) -> None:
    form = {"oldpassword": "ada-buys-things", "password1": PASSWORD, "password2": PASSWORD}
    as_ada.post("/accounts/password/change/", form)
    assert signed_in_as(as_ada) == ada.email
    assert email_after_sign_in(ada.email, PASSWORD) == ada.email


VISITOR_PAGES = [
    "login/",
    "signup/",
    "password/reset/",
    "password/reset/done/",
    "password/reset/key/done/",
    "confirm-email/",
]
ACCOUNT_PAGES = ["", "email/", "password/change/", "logout/", "reauthenticate/"]


@pytest.mark.parametrize("page", VISITOR_PAGES)
def test_visitor_pages_use_the_shop_layout(client: Client, page: str) -> None:
    response = client.get(f"/accounts/{page}")
    assert response.status_code == 200
    assert "site-header" in response.content.decode()
    assert response.content.count(b"<h1") == 1


@pytest.mark.parametrize("page", ACCOUNT_PAGES)
def test_account_pages_require_sign_in(as_ada: Client, client: Client, page: str) -> None:
    response = as_ada.get(f"/accounts/{page}")
    assert response.status_code == 200
    assert response.content.count(b"<h1") == 1
    assert client.get(f"/accounts/{page}").status_code == 302


def test_account_form_changes_only_the_name(as_ada: Client, ada: User) -> None:
    as_ada.post("/accounts/", {"name": "Countess", "email": "evil@example.com", "is_staff": "on"})
    ada.refresh_from_db()
    assert (ada.name, ada.email, ada.is_staff) == ("Countess", "ada@example.com", False)


def test_export_contains_account_and_purchases_of_the_user(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    reauthenticate(as_ada)
    reauthenticate(as_bob, "bob-looks-around")
    response = as_ada.get("/accounts/export/")
    assert response["Content-Disposition"] == 'attachment; filename="my-data.json"'
    data = response.json()
    assert data["account"]["email"] == "ada@example.com"
    assert [row["order"] for row in data["purchases"]] == [purchase.order_number]
    assert as_bob.get("/accounts/export/").json()["purchases"] == []


def test_account_deletion_keeps_the_purchase(as_ada: Client, ada: User, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    reauthenticate(as_ada)
    page = as_ada.post("/accounts/delete/", {"password": "nonsense"})
    assert "password" in page.context["form"].errors
    assert User.objects.filter(pk=ada.pk).exists()

    page = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"}, follow=True)
    assert page.redirect_chain[0] == ("/", 302)
    assert signed_in_as(as_ada) == ""
    assert not User.objects.filter(pk=ada.pk).exists()
    left = Purchase.objects.get(pk=purchase.pk)
    assert (left.user, left.email, left.amount_total) == (None, "ada@example.com", 1900)


def test_user_without_a_password_confirms_deletion_with_the_email(
    ada: User, mailoutbox: list[EmailMessage]
) -> None:
    ada.set_unusable_password()
    ada.save()
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    client = Client()
    client.force_login(ada)
    asked = client.get("/accounts/delete/")
    assert asked["Location"] == "/accounts/reauthenticate/code/?next=%2Faccounts%2Fdelete%2F"
    client.post(asked["Location"], {"recipient": ada.email})
    code = re.search(r"^([A-Z]{4}-[A-Z]{4})$", str(mailoutbox[-1].body), re.MULTILINE)
    assert code
    client.post("/accounts/reauthenticate/code/confirm/", {"code": code[1]})
    client.post("/accounts/delete/", {"email": "bob@example.com"})
    assert User.objects.filter(pk=ada.pk).exists()
    client.post("/accounts/delete/", {"email": " Ada@example.com "})
    assert not User.objects.filter(pk=ada.pk).exists()


def test_running_subscription_blocks_account_deletion(
    as_ada: Client, ada: User, club: ProductConfiguration
) -> None:
    buy(as_ada, club)
    reauthenticate(as_ada)
    assert personal_data.shown_deletion_blockers(ada) != []
    page = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"})
    assert club.product.name in page.content.decode()
    assert User.objects.filter(pk=ada.pk).exists()


@pytest.mark.parametrize("on_delete", [models.PROTECT, models.RESTRICT])
def test_protected_records_block_account_deletion(
    as_ada: Client, ada: User, on_delete: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A model of apps/shop may refer to a user with this on_delete."""
    user_field: Any = AddressChange._meta.get_field("user")
    monkeypatch.setattr(user_field.remote_field, "on_delete", on_delete)
    AddressChange.objects.create(user=ada, old_email="ada@old.example", new_email=ada.email)
    reauthenticate(as_ada)
    page = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"}).content.decode()
    assert str(AddressChange._meta.verbose_name_plural) in page
    assert settings.SUPPORT_EMAIL in page
    assert User.objects.filter(pk=ada.pk).exists()


def test_email_is_unique_regardless_of_case(ada: User) -> None:
    assert User.objects.get_by_natural_key("ADA@Example.com") == ada
    with pytest.raises(IntegrityError):
        User.objects.bulk_create([User(email="Ada@Example.com")])


def test_user_without_an_email_is_refused() -> None:
    with pytest.raises(ValueError, match="e-mail"):
        User.objects.create_user("")


def test_operator_creates_a_user_in_the_admin(olive: User, client: Client) -> None:
    client.force_login(olive)
    form = {
        "email": "New@Example.com",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    assert save_in_admin(client, "/admin/users/user/add/", form).status_code == 302
    made = User.objects.get(email="new@example.com")
    assert made.check_password(PASSWORD)
    assert client.get(f"/admin/users/user/{made.pk}/change/").status_code == 200
    assert client.get("/admin/users/user/?q=new").status_code == 200


def test_expired_or_unknown_session_is_anonymous(as_ada: Client, settings: Any) -> None:
    assert as_ada.get("/purchases/").status_code == 200
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert as_ada.get("/purchases/").status_code == 302
    as_ada.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    assert as_ada.get("/purchases/").status_code == 302


def test_deactivated_user_is_signed_out_at_once(as_ada: Client, ada: User) -> None:
    assert as_ada.get("/purchases/").status_code == 200
    User.objects.update(is_active=False)
    assert as_ada.get("/purchases/").status_code == 302
