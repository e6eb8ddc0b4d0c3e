"""Sign in with Google or GitHub, against a local OAuth provider."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core.mail import EmailMessage
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.account_actions import is_kind, link_in, signed_in_as
from tests.factories import first_price
from tests.oauth_provider import Provider

pytestmark = pytest.mark.django_db

GRACE = {
    "sub": "1017",
    "email": "grace@example.com",
    "email_verified": True,
    "given_name": "Grace",
    "family_name": "Hopper",
}


def button(client: Client, page: str, name: str = "google") -> str:
    """Return the URL that the page's sign-in button posts to."""
    found = re.search(rf'action="(/accounts/{name}/login/[^"]*)"', client.get(page).content.decode())
    assert found, f"no button for {name} on {page}"
    return found[1].replace("&amp;", "&")


def authorise(client: Client, url: str) -> str:
    """Press a button and return the callback URL that the provider redirects to."""
    answer = client.post(url)
    assert answer.status_code == 302, answer.content
    back = requests.get(answer["Location"], allow_redirects=False, timeout=5).headers["Location"]
    address = urlsplit(back)
    return f"{address.path}?{address.query}"


def sign_in_with(client: Client, page: str = "/accounts/login/", name: str = "google") -> Any:
    """Complete the sign-in and return the last page."""
    return client.get(authorise(client, button(client, page, name)), follow=True)


def templates_of(page: Any) -> set[str]:
    return {template.name for template in page.templates}


@pytest.fixture
def at_google(social: Provider) -> Provider:
    social.person = GRACE
    return social


@pytest.fixture
def at_github(social: Provider) -> Provider:
    social.person = {"id": 77, "login": "grace", "name": "Grace Hopper", "bio": "Not used by the shop."}
    social.emails = [{"email": "grace@example.com", "primary": True, "verified": True}]
    return social


@pytest.mark.parametrize(("name", "uid"), [("google", "1017"), ("github", "77")])
def test_sign_up_and_sign_in_again(
    client: Client, at_google: Provider, at_github: Provider, name: str, uid: str
) -> None:
    if name == "google":
        at_google.person = GRACE
    sign_in_with(client, "/accounts/signup/", name)
    assert signed_in_as(client) == "grace@example.com"
    person = User.objects.get()
    assert (person.name, person.has_usable_password()) == ("Grace Hopper", False)
    # the provider has verified the address, so no confirmation is sent
    assert EmailAddress.objects.get().verified
    connected = SocialAccount.objects.get()
    assert (connected.uid, connected.extra_data.keys() - {"email", "login", "name"}) == (uid, set())

    other = Client()
    sign_in_with(other, "/accounts/login/", name)
    assert signed_in_as(other) == "grace@example.com"
    assert User.objects.count() == 1


def test_sign_up_continues_to_checkout(
    client: Client, at_google: Provider, icons: ProductConfiguration
) -> None:
    """Buy, sign up with Google, and continue to the payment page with the same price."""
    signup = client.post(f"/store/{icons.slug}/buy/", {"price": first_price(icons).id})["Location"]
    back = authorise(client, button(client, signup))
    arrived = client.get(back)
    assert arrived["Location"] == f"/store/{icons.slug}/buy/"
    assert "/stripe-sandbox/" in client.get(arrived["Location"])["Location"]


def test_address_verified_on_both_sides_signs_in_to_the_account(
    client: Client, ada: User, at_google: Provider, mailoutbox: list[EmailMessage]
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    at_google.person = {**GRACE, "email": "Ada@example.com"}
    sign_in_with(client)
    assert signed_in_as(client) == ada.email
    assert SocialAccount.objects.get().user == ada
    assert is_kind(mailoutbox[0], "socialaccount/email/account_connected")
    ada.refresh_from_db()
    assert ada.check_password("ada-buys-things")


@pytest.mark.parametrize("is_verified_here", [True, False])
def test_address_not_verified_on_both_sides_does_not_sign_in(
    client: Client, ada: User, at_google: Provider, is_verified_here: bool
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=is_verified_here, primary=True)
    at_google.person = {**GRACE, "email": ada.email, "email_verified": False}
    page = sign_in_with(client, "/accounts/login/?next=/store/")
    assert page.redirect_chain == [("/accounts/login/?next=/store/", 302)]
    assert "Google" in str(next(iter(page.context["messages"])))
    assert signed_in_as(client) == ""
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()


def test_account_page_connects_and_disconnects_a_provider(ada: User, at_google: Provider) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": ada.email, "password": "ada-buys-things"})
    assert "/accounts/3rdparty/" in client.get("/accounts/").content.decode()
    client.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    page = sign_in_with(client, "/accounts/3rdparty/").content.decode()
    assert "grace@example.com" in page
    account = SocialAccount.objects.get(user=ada)
    client.post("/accounts/3rdparty/", {"account": account.pk})
    assert not SocialAccount.objects.exists()


def test_connection_of_another_user_cannot_be_taken(ada: User, bob: User, at_google: Provider) -> None:
    SocialAccount.objects.create(user=bob, provider="google", uid=GRACE["sub"])
    client = Client()
    client.post("/accounts/login/", {"login": ada.email, "password": "ada-buys-things"})
    client.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    page = sign_in_with(client, "/accounts/3rdparty/")
    assert "error" in [message.level_tag for message in page.context["messages"]]
    assert SocialAccount.objects.get().user == bob


def test_refusing_at_the_provider_changes_nothing(client: Client, at_google: Provider) -> None:
    at_google.consents = False
    assert "socialaccount/login_cancelled.html" in templates_of(sign_in_with(client))
    assert not User.objects.exists()


def test_callback_with_foreign_or_used_state_is_refused(client: Client, at_google: Provider) -> None:
    """The state belongs to the browser that pressed the button, and works once."""
    back = authorise(client, button(client, "/accounts/login/"))
    thief = Client()
    for stranger, url in [
        (thief, back),
        (client, re.sub("state=[^&]*", "state=forged", back)),
        (client, re.sub("&?state=[^&]*", "", back)),
    ]:
        page = stranger.get(url, follow=True)
        assert "socialaccount/authentication_error.html" in templates_of(page)
        assert signed_in_as(stranger) == ""
    client.get(back)
    assert signed_in_as(client) == "grace@example.com"
    client.post("/accounts/logout/")
    client.get(back)
    assert signed_in_as(client) == ""


def test_broken_provider_shows_an_error_page(client: Client, at_google: Provider) -> None:
    back = authorise(client, button(client, "/accounts/login/"))
    at_google._codes.clear()
    assert "socialaccount/authentication_error.html" in templates_of(client.get(back))
    assert signed_in_as(client) == ""


def test_link_to_provider_does_not_sign_in(client: Client, at_google: Provider) -> None:
    """GET shows a form, so an image on another site can't start a sign-in."""
    page = client.get("/accounts/google/login/")
    assert page.status_code == 200
    assert "socialaccount/login.html" in templates_of(page)
    assert signed_in_as(client) == ""
    assert Client(enforce_csrf_checks=True).post("/accounts/google/login/").status_code == 403


def test_social_sign_in_requires_the_second_factor(ada: User, at_google: Provider) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    SocialAccount.objects.create(user=ada, provider="google", uid=GRACE["sub"])
    TOTP.activate(ada, generate_totp_secret())
    client = Client()
    assert sign_in_with(client).redirect_chain[-1][0].startswith("/accounts/2fa/authenticate/")
    assert signed_in_as(client) == ""


def test_primary_address_of_the_provider_is_used(client: Client, at_github: Provider, bob: User) -> None:
    """GitHub lists all addresses, and the profile may contain another. Bob's account has one that is not primary."""
    at_github.person["email"] = "public@example.com"
    at_github.emails = [
        {"email": bob.email, "primary": False, "verified": False},
        {"email": "Grace@example.com", "primary": True, "verified": True},
    ]
    sign_in_with(client, name="github")
    assert signed_in_as(client) == "grace@example.com"
    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.primary) == ("grace@example.com", True, True)


def test_missing_address_is_asked_for(
    client: Client, at_github: Provider, mailoutbox: list[EmailMessage]
) -> None:
    at_github.emails = []
    assert "socialaccount/signup.html" in templates_of(sign_in_with(client, name="github"))
    client.post("/accounts/3rdparty/signup/", {"email": "grace@example.com"})
    assert signed_in_as(client) == "grace@example.com"
    assert not EmailAddress.objects.get().verified
    assert link_in(mailoutbox[0]).startswith("/accounts/confirm-email/")


def test_sign_in_page_has_a_button_for_each_provider(client: Client, at_google: Provider) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Continue with Google" in page
    assert "Continue with GitHub" in page


def test_providers_are_absent_without_their_variables(client: Client, as_ada: Client) -> None:
    for page in (
        client.get("/accounts/login/"),
        client.get("/accounts/signup/"),
        as_ada.get("/accounts/"),
        client.get("/privacy/"),
    ):
        assert "Google" not in page.content.decode()
    for path in ("google/login/", "google/login/callback/", "github/login/", "3rdparty/", "3rdparty/signup/"):
        assert client.get(f"/accounts/{path}").status_code == 404


SHOW = """
from django.conf import settings
import django; django.setup()
from django.urls import reverse
print(reverse("google_callback"), settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"], end=" ")
print(settings.SOCIAL_SIGN_IN, settings.ADMIN_REQUIRES_MFA)
"""


def with_environment(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a production process with these variables added."""
    needed = {
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "k" * 50,
        "DEBUG": "false",
        "ALLOWED_HOSTS": "shop.example.com",
        "SITE_URL": "https://shop.example.com",
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "VAR_DIR": str(folder),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-c", SHOW]
    return subprocess.run(command, env={**needed, **variables}, capture_output=True, text=True, check=False)


def test_two_variables_turn_a_provider_on(tmp_path: Path) -> None:
    shop = with_environment(tmp_path, GOOGLE_CLIENT_ID="id", GOOGLE_CLIENT_SECRET="secret")
    assert shop.stdout.startswith("/accounts/google/login/callback/"), shop.stderr
    assert "'https://accounts.google.com'" in shop.stdout
    assert "github" not in shop.stdout
    assert shop.stdout.endswith("['google'] True\n")  # staff need a second factor in production by default


def test_half_of_a_variable_pair_stops_the_start_and_names_the_other(tmp_path: Path) -> None:
    shop = with_environment(tmp_path, GITHUB_CLIENT_ID="id")
    assert "GITHUB_CLIENT_SECRET is not set" in shop.stderr
