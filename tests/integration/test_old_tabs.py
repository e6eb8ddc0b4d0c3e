"""Forms of pages that were opened before the user signed in or out in another tab."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.shop.tests import access
from apps.users.models import User
from tests.factories import create_product, first_price
from tests.guest_actions import OWN_PAGE
from tests.integration.test_account_attacks import WITHOUT_TOKEN
from tests.integration.urls import Shop

pytestmark = pytest.mark.django_db

PAGE = {**OWN_PAGE, "Referer": "http://testserver/purchases/?page=2"}
OLD_TOKEN = "a" * 64


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def test_purchase_goes_on_after_signing_in_in_another_tab(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    """Visitors' pages have no token. The purchase belongs to the account that has signed in since then."""
    browser = Client(enforce_csrf_checks=True)
    form = {"price": first_price(icons).id}
    browser.get(f"/store/{icons.slug}/")
    browser.force_login(ada)
    response = browser.post(f"/store/{icons.slug}/buy/", form, headers=OWN_PAGE)
    assert "/stripe-sandbox/" in response["Location"]
    assert Purchase.objects.get().user == ada


def test_purchase_goes_on_after_signing_out_in_another_tab(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    page = browser.get(f"/store/{icons.slug}/")
    form = {"price": first_price(icons).id, "csrfmiddlewaretoken": page.context["csrf_token"]}
    browser.logout()
    response = browser.post(f"/store/{icons.slug}/buy/", form, headers=OWN_PAGE)
    assert "/stripe-sandbox/" in response["Location"]
    assert Purchase.objects.get().user is None


def test_free_product_goes_to_the_account_that_has_signed_in(sandbox: Any, ada: User) -> None:
    product = create_product(sandbox.client, "Wallpaper", 0)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    form = {"price": first_price(product).id, "email": "gina@example.com"}
    browser.post(f"/store/{product.slug}/buy/", form, headers=OWN_PAGE)
    assert [row.user for row in Purchase.objects.all()] == [ada]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver", "Referer": "http://testserver/"},
        {"Origin": "https://evil.example", "Referer": "http://testserver/"},
        {"Origin": "null"},
        {"Referer": "https://testserver.evil.example/"},
    ],
)
def test_other_sites_can_not_buy_for_a_signed_in_user(
    sandbox: Any, icons: ProductConfiguration, ada: User, headers: dict[str, str]
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    browser.get("/accounts/")  # sets the cookie of the token
    form = {"price": first_price(icons).id}
    assert browser.post(f"/store/{icons.slug}/buy/", form, headers=headers).status_code == 403
    assert not Purchase.objects.exists()


def test_page_without_tls_can_not_buy_on_a_site_with_tls(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    """An attacker in the network can forge http:// pages of the shop. Old browsers send Origin only."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    url, form = f"/store/{icons.slug}/buy/", {"price": first_price(icons).id}
    for headers in ({"Origin": "http://testserver"}, {"Referer": "http://testserver/store/"}):
        assert browser.post(url, form, headers=headers, secure=True).status_code == 403
    assert not Purchase.objects.exists()
    response = browser.post(url, form, headers={"Origin": "https://testserver"}, secure=True)
    assert response.status_code == 303


def test_page_of_an_earlier_sign_in_is_shown_again(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    """The page belongs to another account, so the buyer sees who will pay before pressing again."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    browser.get("/accounts/")
    url = f"/store/{icons.slug}/"
    form = {"price": first_price(icons).id, "csrfmiddlewaretoken": OLD_TOKEN}
    headers = {**OWN_PAGE, "Referer": f"http://testserver{url}"}
    response = browser.post(f"{url}buy/", form, headers=headers)
    assert (response.status_code, response["Location"]) == (302, url)
    page = browser.get(url)
    assert "This page was out of date. Please try again." in page.content.decode()
    form["csrfmiddlewaretoken"] = page.context["csrf_token"]
    assert "/stripe-sandbox/" in browser.post(f"{url}buy/", form, headers=headers)["Location"]


def test_every_form_leads_back_to_its_page(populated_shop: Shop) -> None:
    client = populated_shop.client("owner", enforce_csrf_checks=True)
    client.get("/accounts/")
    tested = 0
    for url, path in populated_shop.urls("owner"):
        if url.name in WITHOUT_TOKEN | access.WITHOUT_CSRF_TOKEN:
            continue
        response = client.post(path, {"csrfmiddlewaretoken": OLD_TOKEN}, headers=PAGE)
        assert (response.status_code, response["Location"]) == (302, "/purchases/?page=2"), url.name
        tested += 1
    assert tested > 30


def test_sign_in_form_of_another_tab_opens_its_destination(icons: ProductConfiguration, ada: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    browser.get("/accounts/")
    url = "/accounts/login/?next=/accounts/"
    form = {"login": "ada@example.com", "password": "x", "csrfmiddlewaretoken": OLD_TOKEN}
    headers = {**OWN_PAGE, "Referer": f"http://testserver{url}"}
    response = browser.post(url, form, headers=headers, follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/"
    assert "Please try again" not in response.content.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {**OWN_PAGE, "Referer": "https://evil.example/"},
        {**OWN_PAGE, "Referer": "http://testserver//evil.example/"},
        {**OWN_PAGE, "Referer": "http://testserver/\\evil.example/"},
        {**OWN_PAGE, "Referer": "http://testserver"},
        {**OWN_PAGE, "Referer": "http://["},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site", "Referer": "http://testserver/accounts/"},
        OWN_PAGE,
        {},
    ],
)
def test_unknown_page_is_not_opened(ada: User, headers: dict[str, str]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    browser.get("/accounts/")
    response = browser.post("/accounts/", {"name": "Eve", "csrfmiddlewaretoken": OLD_TOKEN}, headers=headers)
    assert response.status_code == 403
    ada.refresh_from_db()
    assert ada.name != "Eve"


def test_browser_without_cookies_is_told_so(ada: User) -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a"}, headers=PAGE)
    assert response.status_code == 403
    assert "allow cookies" in response.content.decode()


def test_wrong_settings_of_a_proxy_are_reported(ada: User) -> None:
    """Otherwise all forms of a site behind a TLS proxy would lead back without a reason."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    token = browser.get("/accounts/").context["csrf_token"]
    headers = {**PAGE, "Origin": "https://testserver", "Referer": "https://testserver/accounts/"}
    response = browser.post("/accounts/", {"name": "Ada", "csrfmiddlewaretoken": token}, headers=headers)
    assert response.status_code == 403


def test_signing_in_again_leads_to_a_page(populated_shop: Shop) -> None:
    """A user who signed out in another tab signs in and returns to the page of the form, never to a 405."""
    visitor = Client()
    tested = 0
    for url, path in populated_shop.urls("owner"):
        if not url.is_shop and "login" not in url.name and "logout" not in url.name:
            response = visitor.post(path, headers=PAGE)
            location = urlsplit(response.headers.get("Location", ""))
            if location.path == "/accounts/login/" and location.query:
                [after] = parse_qs(location.query)["next"]
                assert populated_shop.client("owner").get(after).status_code != 405, url.name
                tested += 1
            visitor.cookies.clear()
    assert tested > 20


def test_form_of_a_signed_out_user_leads_back_to_its_page(
    populated_shop: Shop,
) -> None:
    [path] = [path for url, path in populated_shop.urls("owner") if url.name == "purchase_manage"]
    visitor = Client()
    response = visitor.post(path, headers=PAGE)
    assert response["Location"] == "/accounts/login/?next=/purchases/%3Fpage%3D2"
    assert "You are not signed in any more" in visitor.get(response["Location"]).content.decode()
