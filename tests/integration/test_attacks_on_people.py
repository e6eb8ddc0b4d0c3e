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
from apps.users.models import User
from tests.factories import signed_in
from tests.integration.addresses import Shop, every_address
from tests.integration.test_accounts import link_in, reauthenticate, sign_in, sign_up

pytestmark = pytest.mark.django_db

COVERED_ELSEWHERE = {
    "somebody else's pages": "test_access.py::test_each_role_reads_only_permitted_urls_uncached",
    "the operator's pages": "test_access.py::test_only_operators_open_the_admin",
    "a page of ours in a frame of theirs": "test_headers.py::test_every_answer_of_every_address_has_its_headers",
    "a page that a cache kept": "test_access.py::test_each_role_reads_only_permitted_urls_uncached",
    "a cookie read or set by a neighbour": "test_headers.py::test_cookies_keep_to_this_host_and_to_themselves",
    "passwords tried, for one": "test_rate_limits.py::test_password_is_not_checked_after_five_wrong_ones",
    "codes of an app tried": "test_second_factors.py::test_five_wrong_codes_block_the_right_one",
    "codes out of mails tried": "test_second_factors.py::test_three_wrong_codes_end_the_sign_in",
    "a code that somebody else has read": "test_second_factors.py::test_app_code_works_once",
    "a session that was stolen before the password changed": (
        "test_second_factors.py::test_password_change_ends_all_other_sessions"
    ),
    "ending somebody else's session": "test_second_factors.py::test_users_can_only_end_their_own_sessions",
    "an account elsewhere with somebody's address": (
        "test_social_sign_in.py::test_address_not_verified_on_both_sides_does_not_sign_in"
    ),
    "signing up first with somebody's address": (
        "test_address_proof.py::test_address_proof_removes_credentials_of_earlier_sign_up"
    ),
    "changing the address of a stolen session": (
        "test_address_changes.py::test_the_old_address_takes_the_account_back"
    ),
    "an operator's password alone": "test_admin_access.py::test_staff_without_a_second_factor_are_led_to_set_one_up",
    "passwords tried, for many": "test_rate_limits.py::test_sign_in_sign_up_and_reset_forms_are_limited",
    "passwords tried, from made-up addresses": "test_rate_limits.py::test_invented_ips_do_not_avoid_the_sign_in_limit",
    "passwords tried, at the operator's": "test_rate_limits.py::test_admin_uses_the_shops_sign_in_page",
    "who has an account? (signing in)": "test_accounts.py::test_a_wrong_password_says_no_more_than_that",
    "who has an account? (forgotten password)": "test_accounts.py::test_a_reset_for_an_unknown_address_looks_the_same",
    "taking an account by another spelling": "test_accounts.py::test_one_address_is_one_person_whatever_its_case",
    "an address that is not one's own": "test_accounts.py::test_a_new_address_counts_once_it_is_verified",
    "a link that leads elsewhere": "test_attacks_by_links.py::test_no_open_redirects",
    "making oneself an operator": "test_accounts.py::test_the_name_can_be_changed_but_nothing_else",
    "signing somebody out by a link": "test_accounts.py::test_sign_in_and_sign_out",
    "a reset link used twice": "test_accounts.py::test_a_forgotten_password",
    "one visitor's words in another's page": "test_page_cache.py::test_query_parameters_never_reach_other_visitors",
    "one person's session or cookies in another's page": (
        "test_public_pages.py::test_session_cookie_and_parameter_values_reach_only_their_visitor"
    ),
    "reading the development mailbox": "test_web.py::test_production_has_no_development_tools",
}


def test_tests_listed_in_covered_elsewhere_exist() -> None:
    for attack, place in COVERED_ELSEWHERE.items():
        file, _, name = place.partition("::")
        assert f"def {name}" in (Path(__file__).parent / file).read_text(), attack


# --- forms that another site sends in one's name ----------------------------------------------------------

WITHOUT_TOKEN = {
    "stripe_webhook": "Stripe signs what it sends",
    "webhooks/stripe": "Stripe signs what it sends",
    "language": "a preference: the worst is another language",
    "theme": "a preference: the worst is another colour",
    "stripe_sandbox:rest": "programs bring a key",
    "stripe_sandbox:rest_at_root": "programs bring a key",
}


def test_forms_require_a_csrf_token(open_shop: Shop) -> None:
    client = open_shop.client("owner", enforce_csrf_checks=True)
    for address in every_address():
        response = client.post(open_shop.path(address, "owner"))
        refused = response.status_code == 403 and "403_csrf.html" in [row.name for row in response.templates]
        assert refused is (address.name not in WITHOUT_TOKEN), (
            f"POST {address.name} {'asks for a' if refused else 'needs no'} token: see WITHOUT_TOKEN."
        )


# --- other people's accounts ----------------------------------------------------------------------------------


def test_an_unknown_address_costs_as_much_work_as_a_known_one(
    ada: User, client: Client, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    """Hashing a password is what takes time; and a mail goes out in either case."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, *args: Any) -> str:
        hashed.append(password)
        return encode(self, password, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for email in (ada.email, "nobody@example.com"):
        sign_in(client, email, "a wrong guess")
        assert hashed == ["a wrong guess"], email
        hashed.clear()
        client.post("/accounts/password/reset/", {"email": email})
        assert mailoutbox.pop().to == [email]


def test_signing_up_does_not_tell_who_is_here_where_addresses_are_verified_first(
    ada: User, settings: Any, mailoutbox: list[Any]
) -> None:
    """With "optional", the default, a new person is signed in at once, and that tells; see SECURITY.md."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answers = [sign_up(Client(), email) for email in (ada.email, "grace@example.com")]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, "/accounts/confirm-email/")
    ] * 2
    assert len(mailoutbox) == 2


def test_nobody_signs_up_as_an_operator(client: Client) -> None:
    more = {"is_staff": "on", "is_superuser": "on", "groups": "1", "id": "1", "user_permissions": "1"}
    sign_up(client, **more)
    grace = User.objects.get(email="grace@example.com")
    assert (grace.is_staff, grace.is_superuser, grace.groups.count()) == (False, False, 0)


def test_a_session_that_somebody_prepared_is_not_the_one_signed_in(
    ada: User, icons: ProductConfiguration
) -> None:
    browser, attacker = Client(), Client()
    browser.post("/store/icon-set/buy/", {"price": icons.prices[0].id})  # a session begins
    attacker.cookies["sessionid"] = prepared = browser.cookies["sessionid"].value
    sign_in(browser, ada.email, "ada-buys-things")
    assert browser.cookies["sessionid"].value != prepared
    assert attacker.get("/accounts/").status_code == 302
    made_up = Client()
    made_up.cookies["sessionid"] = "a" * 32
    sign_in(made_up, ada.email, "ada-buys-things")
    assert made_up.cookies["sessionid"].value != "a" * 32


def test_a_stolen_session_ends_with_signing_out(ada: User) -> None:
    thief, browser = Client(), signed_in(ada)
    thief.cookies["sessionid"] = browser.cookies["sessionid"].value
    assert thief.get("/accounts/").status_code == 200
    browser.post("/accounts/logout/")
    assert thief.get("/accounts/").status_code == 302


def test_a_reset_link_is_for_one_person_and_dies_with_the_old_password(
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


def test_a_method_is_not_changed_by_a_header_or_a_field(as_ada: Client, icons: ProductConfiguration) -> None:
    for headers in ({"x-http-method-override": "DELETE"}, {"x-method-override": "PUT"}):
        reauthenticate(as_ada)
        as_ada.get("/accounts/delete/", {"_method": "POST", "password": "ada-buys-things"}, headers=headers)
        assert User.objects.filter(email="ada@example.com").exists()


# --- wearing the shop down ----------------------------------------------------------------------------------


def test_large_request_bodies_are_refused(as_ada: Client, olive: User) -> None:
    huge = {"CONTENT_LENGTH": "3000000"}
    assert as_ada.post("/accounts/", **huge).status_code == 413  # type: ignore[arg-type]
    assert Client().post("/webhooks/stripe/", **huge).status_code == 413  # type: ignore[arg-type]
    assert Client().post("/admin/login/", **huge).status_code == 413  # type: ignore[arg-type]
    assert as_ada.post("/admin/ecommerce/product/", **huge).status_code == 413  # type: ignore[arg-type]
    operator = signed_in(olive)
    file = SimpleUploadedFile("book.pdf", b"x" * 3_000_000)
    assert operator.post("/admin/ecommerce/product/", {"download": file}).status_code == 200
    assert operator.post("/admin/", CONTENT_LENGTH="3000000000").status_code == 413
    many = {f"field{number}": "x" for number in range(1100)}
    assert as_ada.post("/accounts/", many).status_code == 400
    files = {f"file{number}": b"x" for number in range(20)}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\nx\r\n' for name in files
    )
    upload = as_ada.generic("POST", "/accounts/", f"{parts}--b--\r\n", "multipart/form-data; boundary=b")
    assert upload.status_code == 400


def test_announcing_another_length_confuses_nobody(client: Client) -> None:
    for length in ("-1", "abc", "1e9", "", " 5", "٣", "0x10"):
        assert client.post("/accounts/login/", {"login": "x"}, CONTENT_LENGTH=length).status_code in (
            200,
            400,
        )


def test_the_error_page_of_a_live_shop_tells_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        password = "hunter2"
        raise ValueError(f"{settings.SECRET_KEY} {settings.STRIPE_SECRET_KEY} {password}")

    settings.DEBUG = False
    monkeypatch.setattr("apps.web.views.pages.product_cards", broken)
    page = Client(raise_request_exception=False).get("/").content.decode()
    for secret in (
        settings.SECRET_KEY,
        settings.STRIPE_SECRET_KEY,
        "hunter2",
        "Traceback",
        "ValueError",
        "pages.py",
    ):
        assert secret not in page
