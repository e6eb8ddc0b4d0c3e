"""Attacks that try to take over an account or to act as another user.

COVERED_ELSEWHERE lists attacks that other modules test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from apps.shop.tests import access
from apps.users.models import User
from tests.account_actions import link_in, reauthenticate, sign_in, sign_up
from tests.factories import signed_in
from tests.integration.urls import Shop

pytestmark = pytest.mark.django_db

COVERED_ELSEWHERE = {
    "another user's pages": "test_access.py::test_each_role_reads_only_permitted_urls_uncached",
    "the operator's pages": "test_access.py::test_only_operators_open_the_admin",
    "clickjacking in a frame": "test_headers.py::test_every_url_sends_the_security_headers",
    "a page of another user from a cache": "test_access.py::test_each_role_reads_only_permitted_urls_uncached",
    "a cookie read or set by another site": "test_headers.py::test_cookies_are_host_only_and_secure",
    "guessing one user's password": "test_rate_limits.py::test_password_is_not_checked_after_five_wrong_ones",
    "guessing codes of an authenticator app": "test_second_factors.py::test_five_wrong_codes_block_the_right_one",
    "guessing e-mailed codes": "test_second_factors.py::test_three_wrong_codes_end_the_sign_in",
    "replaying a code": "test_second_factors.py::test_app_code_works_once",
    "a session that was stolen before the password changed": (
        "test_second_factors.py::test_password_change_ends_all_other_sessions"
    ),
    "ending another user's session": "test_second_factors.py::test_users_can_only_end_their_own_sessions",
    "a provider account with the victim's e-mail address": (
        "test_social_sign_in.py::test_address_not_verified_on_both_sides_does_not_sign_in"
    ),
    "signing up first with the victim's e-mail address": (
        "test_email_verification.py::test_verification_removes_credentials_of_an_earlier_sign_up"
    ),
    "changing the e-mail address in a stolen session": (
        "test_email_changes.py::test_undo_link_restores_the_email_and_removes_credentials"
    ),
    "an operator's password alone": "test_admin_access.py::test_staff_without_second_factor_must_set_one_up",
    "guessing many users' passwords": "test_rate_limits.py::test_sign_in_sign_up_and_reset_forms_are_limited",
    "forged IP addresses while guessing": "test_rate_limits.py::test_invented_ips_do_not_avoid_the_sign_in_limit",
    "guessing the operator's password": "test_rate_limits.py::test_admin_uses_the_shops_sign_in_page",
    "finding accounts by sign-in": "test_accounts.py::test_wrong_password_and_unknown_email_show_the_same_error",
    "finding accounts by password reset": (
        "test_accounts.py::test_password_reset_for_an_unknown_email_shows_the_same_page"
    ),
    "another spelling of an e-mail address": "test_accounts.py::test_email_is_unique_regardless_of_case",
    "an unverified e-mail address": "test_accounts.py::test_new_email_is_used_after_verification",
    "an open redirect": "test_link_attacks.py::test_no_open_redirects",
    "making oneself staff": "test_accounts.py::test_account_form_changes_only_the_name",
    "signing a user out by a link": "test_accounts.py::test_sign_in_and_sign_out",
    "a reset link used twice": "test_accounts.py::test_password_reset_link_sets_a_new_password_once",
    "query parameters in another page": "test_page_cache.py::test_query_parameters_never_reach_other_visitors",
    "session or cookies in another user's page": (
        "test_public_pages.py::test_session_cookie_and_parameter_values_reach_only_their_visitor"
    ),
    "reading the development mailbox": "test_web.py::test_production_has_no_development_tools",
}


def test_tests_listed_in_covered_elsewhere_exist() -> None:
    for attack, test in COVERED_ELSEWHERE.items():
        file, _, name = test.partition("::")
        assert f"def {name}" in (Path(__file__).parent / file).read_text(), attack


# --- cross-site request forgery ---------------------------------------------------------------------------

WITHOUT_TOKEN = {
    "licence_validate": "programs call it, without cookies",
    "licence_activate": "programs call it, without cookies",
    "licence_deactivate": "programs call it, without cookies",
    "stripe_webhook": "Stripe signs its requests",
    "webhooks/stripe": "Stripe signs its requests",
    "unsubscribe": "the signed URL is the permission; e-mail programs have no token",
    "language": "it only sets the language",
    "theme": "it only sets the theme",
    "stripe_sandbox:rest": "API clients send a key",
    "stripe_sandbox:rest_at_root": "API clients send a key",
}


def test_forms_require_a_csrf_token(populated_shop: Shop) -> None:
    client = populated_shop.client("owner", enforce_csrf_checks=True)
    without_token = WITHOUT_TOKEN | access.WITHOUT_CSRF_TOKEN
    for url, path in populated_shop.urls("owner"):
        response = client.post(path)
        refused = response.status_code == 403 and "403_csrf.html" in [row.name for row in response.templates]
        table = "WITHOUT_CSRF_TOKEN in apps/shop/tests/access.py" if url.is_shop else "WITHOUT_TOKEN"
        assert refused is (url.name not in without_token), (
            f"POST {url.name} {'requires a' if refused else 'requires no'} CSRF token: see {table}."
        )


# --- other people's accounts ----------------------------------------------------------------------------------


def test_unknown_email_hashes_one_password_and_sends_one_email(
    ada: User, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    """The response time must not show whether an account exists."""
    settings.AUTHENTICATION_BACKENDS = settings.TEMPLATE_SETTINGS["AUTHENTICATION_BACKENDS"]
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def record_and_encode(self: Any, password: str, *args: Any) -> str:
        hashed.append(password)
        return encode(self, password, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", record_and_encode)
    for email in (ada.email, "nobody@example.com"):
        sign_in(client, email, "a wrong guess")
        assert hashed == ["a wrong guess"], email
        hashed.clear()
        client.post("/accounts/password/reset/", {"email": email})
        assert mailoutbox.pop().to == [email]


def test_sign_up_reveals_no_account_with_mandatory_verification(
    ada: User, settings: Any, mailoutbox: list[Any]
) -> None:
    """With "optional", the default, a new user is signed in at once; see SECURITY.md."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answers = [sign_up(Client(), email) for email in (ada.email, "grace@example.com")]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, "/accounts/confirm-email/")
    ] * 2
    assert len(mailoutbox) == 2


def test_sign_up_ignores_staff_fields(client: Client) -> None:
    more = {"is_staff": "on", "is_superuser": "on", "groups": "1", "id": "1", "user_permissions": "1"}
    sign_up(client, **more)
    grace = User.objects.get(email="grace@example.com")
    assert (grace.is_staff, grace.is_superuser, grace.groups.count()) == (False, False, 0)


def test_sign_in_replaces_the_session_key(ada: User, icons: ProductConfiguration) -> None:
    browser, attacker = Client(), Client()
    browser.post("/store/icon-set/buy/", {"price": icons.prices[0].id})  # starts a session
    attacker.cookies["sessionid"] = prepared = browser.cookies["sessionid"].value
    sign_in(browser, ada.email, "ada-buys-things")
    assert browser.cookies["sessionid"].value != prepared
    assert attacker.get("/accounts/").status_code == 302
    made_up = Client()
    made_up.cookies["sessionid"] = "a" * 32
    sign_in(made_up, ada.email, "ada-buys-things")
    assert made_up.cookies["sessionid"].value != "a" * 32


def test_sign_out_ends_a_stolen_session(ada: User) -> None:
    thief, browser = Client(), signed_in(ada)
    thief.cookies["sessionid"] = browser.cookies["sessionid"].value
    assert thief.get("/accounts/").status_code == 200
    browser.post("/accounts/logout/")
    assert thief.get("/accounts/").status_code == 302


def test_reset_link_works_for_one_user_until_the_password_changes(
    ada: User, bob: User, client: Client, mailoutbox: list[Any]
) -> None:
    client.post("/accounts/password/reset/", {"email": ada.email})
    link = link_in(mailoutbox[0])
    key = link.rstrip("/").rpartition("/")[2].partition("-")
    bobs = link.replace(f"/{key[0]}-", f"/{bob.pk}-")
    assert bobs != link
    assert client.get(bobs, follow=True).context["token_fail"]
    ada.set_password("another one")
    ada.save()
    assert client.get(link, follow=True).context["token_fail"]


def test_method_override_headers_and_fields_are_ignored(as_ada: Client, icons: ProductConfiguration) -> None:
    for headers in ({"x-http-method-override": "DELETE"}, {"x-method-override": "PUT"}):
        reauthenticate(as_ada)
        as_ada.get("/accounts/delete/", {"_method": "POST", "password": "ada-buys-things"}, headers=headers)
        assert User.objects.filter(email="ada@example.com").exists()


# --- denial of service --------------------------------------------------------------------------------------


def test_large_request_bodies_are_refused(as_ada: Client, olive: User, settings: Any) -> None:
    huge = {"CONTENT_LENGTH": "3000000"}
    assert as_ada.post("/accounts/", **huge).status_code == 413  # type: ignore[arg-type]
    assert Client().post("/webhooks/stripe/", **huge).status_code == 413  # type: ignore[arg-type]
    assert Client().post("/admin/login/", **huge).status_code == 413  # type: ignore[arg-type]
    assert as_ada.post("/admin/ecommerce/product/", **huge).status_code == 413  # type: ignore[arg-type]
    operator = signed_in(olive)
    upload = {"download": SimpleUploadedFile("book.pdf", b"x" * 3_000_000)}
    assert operator.post("/admin/ecommerce/product/", upload).status_code == 200
    assert operator.post("/admin/", CONTENT_LENGTH="3000000000").status_code == 413
    settings.STAFF_UPLOAD_PATHS = ["/accounts/"]
    upload["download"].seek(0)
    assert operator.post("/accounts/", upload).status_code == 200
    assert as_ada.post("/accounts/", **huge).status_code == 413  # type: ignore[arg-type]
    settings.STAFF_UPLOAD_PATHS = []
    many = {f"field{number}": "x" for number in range(1100)}
    assert as_ada.post("/accounts/", many).status_code == 400
    files = {f"file{number}": b"x" for number in range(50)}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\nx\r\n' for name in files
    )
    response = as_ada.generic("POST", "/accounts/", f"{parts}--b--\r\n", "multipart/form-data; boundary=b")
    assert response.status_code == 400


def test_invalid_content_length_causes_no_server_error(client: Client) -> None:
    for length in ("-1", "abc", "1e9", "", " 5", "٣", "0x10"):
        assert client.post("/accounts/login/", {"login": "x"}, CONTENT_LENGTH=length).status_code in (
            200,
            400,
        )


def test_production_error_page_shows_no_secrets(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        password = "hunter2"
        raise ValueError(f"{settings.SECRET_KEY} {settings.STRIPE_SECRET_KEY} {password}")

    settings.DEBUG = False
    monkeypatch.setattr("apps.ecommerce.views.store.paginate", fail)
    page = Client(raise_request_exception=False).get("/store/").content.decode()
    for secret in (
        settings.SECRET_KEY,
        settings.STRIPE_SECRET_KEY,
        "hunter2",
        "Traceback",
        "ValueError",
        "pages.py",
    ):
        assert secret not in page
