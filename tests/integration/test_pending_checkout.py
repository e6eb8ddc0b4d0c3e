"""Between Buy and the payment: each page names the product, and each way of signing in continues with it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path

from apps.core.message_storage import HostCookieStorage
from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.decorators import ProductRequiredMixin, product_required
from apps.users.models import User
from apps.users.sign_in import TYPED_EMAIL
from tests.account_actions import PASSWORD, link_in, sign_in, sign_up
from tests.factories import pay, press_buy, signed_in, url_path

pytestmark = pytest.mark.django_db

BUY = "/store/icon-set/buy/"
PAYMENT_PAGE = "checkout/cs_"


@pytest.fixture(autouse=True)
def _accounts_only(settings: Any) -> None:
    settings.GUEST_CHECKOUT = False


@pytest.fixture
def buyer(client: Client, icons: ProductConfiguration) -> Client:
    """Return a visitor who has pressed Buy."""
    assert client.get(BUY, {"price": icons.prices[0].id}).status_code == 303
    return client


def page(client: Client, url: str) -> str:
    return str(client.get(url).content.decode())


def follow(client: Client, response: Any) -> str:
    """Follow the redirects of the shop, and return the URL that is not one of its pages, or the last page's path."""
    while response.status_code in (302, 303):
        url = response["Location"]
        if PAYMENT_PAGE in url or not url.startswith("/"):
            return str(url)
        response = client.get(url)
    return str(response.request["PATH_INFO"])


# --- what the pages say -------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["signup/", "login/", "login/code/", "password/reset/"])
def test_pages_before_the_payment_name_product_price_and_next_step(buyer: Client, url: str) -> None:
    shown = page(buyer, f"/accounts/{url}?next={BUY}")
    assert "Icon set" in shown
    assert "$19" in shown
    assert "Step 2 of 3" in shown
    assert "Next: payment at Stripe" in shown


def test_code_entry_names_the_product(buyer: Client, ada: User) -> None:
    response = buyer.post("/accounts/login/code/", {"email": ada.email, "next": BUY})
    assert "Next: payment at Stripe" in page(buyer, response["Location"])


def test_form_with_an_error_still_names_the_product(buyer: Client, ada: User) -> None:
    assert "Next: payment at Stripe" in sign_in(buyer, ada.email, "wrong", next=BUY).content.decode()


def test_free_product_needs_no_payment(buyer: Client, icons: ProductConfiguration) -> None:
    icons.product.prices.update(unit_amount=0)
    shown = page(buyer, f"/accounts/signup/?next={BUY}")
    assert "Icon set" in shown
    assert "Stripe" not in shown.partition('id="main"')[2].partition("<h1>")[0]


@pytest.mark.parametrize("url", ["/accounts/login/?next=/store/", "/accounts/signup/?next=/purchases/"])
def test_page_that_leads_elsewhere_names_no_purchase(buyer: Client, url: str) -> None:
    assert "Step 2 of 3" not in page(buyer, url)


def test_visitor_without_a_choice_and_signed_in_user_see_no_purchase(
    client: Client, ada: User, icons: ProductConfiguration
) -> None:
    assert "Step 2 of 3" not in page(client, f"/accounts/signup/?next={BUY}")
    assert "Step 2 of 3" not in page(signed_in(ada), "/accounts/reauthenticate/")


@pytest.mark.parametrize(
    "changes", [{"status": "draft"}, {"status": "hidden"}], ids=lambda changes: changes["status"]
)
def test_product_that_is_no_longer_sold_is_not_named(buyer: Client, changes: dict[str, str]) -> None:
    ProductConfiguration.objects.update(**changes)
    assert "Step 2 of 3" not in page(buyer, f"/accounts/signup/?next={BUY}")


# --- every way of signing in continues ----------------------------------------------------------------------


@pytest.mark.parametrize("next_url", [{"next": BUY}, {}], ids=["with next", "without next"])
def test_password_continues(buyer: Client, ada: User, next_url: dict[str, str]) -> None:
    assert PAYMENT_PAGE in follow(buyer, sign_in(buyer, ada.email, "ada-buys-things", **next_url))
    assert Purchase.objects.get().user == ada


def test_sign_up_continues(buyer: Client) -> None:
    assert PAYMENT_PAGE in follow(buyer, sign_up(buyer))


@pytest.mark.parametrize("next_url", [{"next": BUY}, {}], ids=["with next", "without next"])
def test_emailed_code_continues(
    buyer: Client, ada: User, mailoutbox: list[EmailMessage], next_url: dict[str, str]
) -> None:
    response = buyer.post("/accounts/login/code/", {"email": ada.email, **next_url})
    code = re.search(r"[A-Z]{4}-[A-Z]{4}", str(mailoutbox[-1].body))
    assert code
    assert PAYMENT_PAGE in follow(buyer, buyer.post(response["Location"], {"code": code[0], **next_url}))


def test_confirmation_link_continues_with_mandatory_verification(
    buyer: Client, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    response = sign_up(buyer, next=BUY)
    assert "Next: payment at Stripe" in page(buyer, response["Location"])
    response = buyer.post(link_in(mailoutbox[-1]))
    if "/login/" in response["Location"]:
        response = sign_in(buyer, "grace@example.com", PASSWORD)
    assert PAYMENT_PAGE in follow(buyer, response)


def test_pending_purchase_is_forgotten_after_signing_in_for_another_page(buyer: Client, ada: User) -> None:
    assert follow(buyer, sign_in(buyer, ada.email, "ada-buys-things", next="/store/")) == "/store/"
    assert follow(buyer, buyer.get("/accounts/login/")) == "/purchases/"
    assert not Purchase.objects.exists()


# --- an address that has an account -------------------------------------------------------------------------


def test_sign_in_is_one_press_away_and_shows_the_typed_address(buyer: Client, ada: User) -> None:
    assert "Sign in and continue" in page(buyer, f"/accounts/signup/?next={BUY}")
    form = {"email": ada.email, "password1": "typed before", "next": BUY}
    response = buyer.post("/accounts/signup/sign-in/", form)
    assert response.status_code == 302
    assert "@" not in response["Location"]
    assert quote(ada.email) not in response["Location"]
    shown = page(buyer, response["Location"])
    assert f'value="{ada.email}"' in shown
    assert "typed before" not in shown
    assert f'value="{ada.email}"' in page(buyer, f"/accounts/login/code/?next={BUY}")
    assert PAYMENT_PAGE in follow(buyer, sign_in(buyer, ada.email, "ada-buys-things", next=BUY))


def test_typed_address_does_not_outlive_the_sign_in(buyer: Client, ada: User) -> None:
    buyer.post("/accounts/signup/sign-in/", {"email": ada.email})
    sign_in(buyer, ada.email, "ada-buys-things")
    assert TYPED_EMAIL not in buyer.session


@pytest.mark.parametrize("email", ["", "nobody@example.com", "<b>@", "x" * 5000 + "@example.com"])
def test_sign_in_page_is_the_same_for_any_address(buyer: Client, ada: User, email: str) -> None:
    response = buyer.post("/accounts/signup/sign-in/", {"email": email, "next": BUY})
    assert response["Location"] == f"/accounts/login/?next={quote(BUY, safe='')}"
    shown = page(buyer, response["Location"])
    assert "<b>@" not in shown
    assert len(shown) < 100_000


def test_sign_in_instead_redirects_to_no_other_site(client: Client) -> None:
    response = client.post("/accounts/signup/sign-in/", {"next": "https://evil.example.com/"})
    assert response["Location"] in ("/accounts/login/", "/accounts/login/?next=%2F")


def test_email_to_a_known_address_offers_to_sign_in_and_continues_in_any_browser(
    buyer: Client, ada: User, icons: ProductConfiguration, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    sign_up(buyer, ada.email, next=BUY)
    (message,) = mailoutbox
    assert "Icon set" in str(message.body)
    link = link_in(message)
    assert link.startswith("/accounts/login/?next=")
    other = Client()
    assert other.get(link).status_code == 200
    assert follow(other, sign_in(other, ada.email, "ada-buys-things", next=BUY)) == "/store/icon-set/"
    assert PAYMENT_PAGE in follow(buyer, sign_in(buyer, ada.email, "ada-buys-things", next=BUY))


def test_known_and_unknown_address_show_the_same_page_with_a_pending_purchase(
    ada: User, icons: ProductConfiguration, settings: Any
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    shown = []
    for email in (ada.email, "grace@example.com"):
        client = Client()
        client.get(BUY, {"price": icons.prices[0].id})
        response = sign_up(client, email, next=BUY)
        text = page(client, response["Location"]).replace(email, "")
        shown.append(re.sub(r'value="[^"]{40,}"|nonce="[^"]*"', "", text))
    assert shown[0] == shown[1]


# --- after the payment --------------------------------------------------------------------------------------


def test_page_after_the_payment_shows_only_warnings_from_before(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    back = url_path(pay(press_buy(as_ada, icons)))
    storage, stored = HostCookieStorage(RequestFactory().get("/")), HttpResponse()
    storage.add(messages.INFO, "You need Icon set")
    storage.add(messages.SUCCESS, "Signed in as Ada")
    storage.add(messages.WARNING, "Other browsers were signed out")
    storage.update(stored)
    as_ada.cookies.update(stored.cookies)
    shown = page(as_ada, back)
    assert "Other browsers were signed out" in shown
    assert "You need Icon set" not in shown
    assert "Signed in as Ada" not in shown
    assert "Other browsers" not in page(as_ada, "/store/")


# --- from the gate ------------------------------------------------------------------------------------------


@product_required(product_slug="icon-set")
def _gated(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class _Gated(ProductRequiredMixin):
    product_slug = "icon-set"

    @classmethod
    def as_view(cls) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        view.view_class = cls  # type: ignore[attr-defined]
        return view


class Urls:
    urlpatterns = [
        path("club/", _gated),
        path("club/class/", _Gated.as_view()),
        path("", include("config.urls")),
    ]


@pytest.mark.parametrize("url", ["/purchases/icon-set/", "/club/", "/club/class/"])
def test_sign_in_from_the_gate_names_the_product(
    client: Client, icons: ProductConfiguration, settings: Any, url: str
) -> None:
    settings.ROOT_URLCONF = Urls
    shown = page(client, f"/accounts/login/?next={url}")
    assert "Sign in to open Icon set" in shown
    assert 'href="/store/icon-set/"' in shown
    again = client.post("/accounts/login/", {"login": "nobody@example.com", "password": "x", "next": url})
    assert "Sign in to open Icon set" in again.content.decode()


@pytest.mark.parametrize(
    "url", ["/purchases/", "/purchases/nothing/", "/nothing/", "https://evil.example.com/"]
)
def test_sign_in_for_other_pages_names_no_product(
    client: Client, icons: ProductConfiguration, url: str
) -> None:
    assert "Icon set" not in page(client, f"/accounts/login/?next={url}")


@pytest.mark.parametrize("status", ["draft", "hidden"])
def test_product_that_is_not_in_the_store_is_not_named(
    client: Client, icons: ProductConfiguration, status: str
) -> None:
    ProductConfiguration.objects.update(status=status)
    assert "Icon set" not in page(client, "/accounts/login/?next=/purchases/icon-set/")
