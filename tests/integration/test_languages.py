"""Pages use the visitor's language, e-mails the buyer's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.checkout_sessions import stripe_locale
from tests.factories import buy, create_product, sent_to_buyers

pytestmark = pytest.mark.django_db


def test_browser_language_is_the_default(client: Client) -> None:
    page = client.get("/terms/", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="de"' in page.content.decode()
    assert page["Content-Language"] == "de"


def test_chosen_language_overrides_the_browsers_and_redirects_back(client: Client) -> None:
    answer = client.post("/language/", {"language": "de", "next": "/store/?type=one_time"})
    assert (answer.status_code, answer["Location"]) == (302, "/store/?type=one_time")
    assert '<html lang="de"' in client.get("/terms/", headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.parametrize(
    "next_page", ["", "//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_language_form_redirects_within_the_shop(client: Client, next_page: str) -> None:
    assert client.post("/language/", {"language": "de", "next": next_page})["Location"] == "/"


def test_unknown_language_changes_nothing(client: Client) -> None:
    assert not client.post("/language/", {"language": "tlh"}).cookies
    assert client.get("/language/").status_code == 405


def test_single_language_shows_no_language_form(client: Client, settings: Any) -> None:
    assert 'action="/language/"' in client.get("/terms/").content.decode()
    settings.LANGUAGES = [("en", "English")]
    assert 'action="/language/"' not in client.get("/terms/").content.decode()


@pytest.mark.django_db(transaction=True)  # e-mails are sent after the commit
def test_emails_and_checkout_use_the_buyers_language(sandbox: Any, as_ada: Client) -> None:
    as_ada.post("/language/", {"language": "de"})
    purchase = buy(as_ada, create_product(sandbox.client))
    as_ada.post("/language/", {"language": "en"})  # the webhook request has no language of the buyer
    sandbox.deliver()
    assert purchase.language == "de"
    (message,) = sent_to_buyers()
    assert "19,00\xa0$" in message.body
    session = sandbox.client.v1.checkout.sessions.retrieve(Purchase.objects.get().session_id)
    assert session.locale == "de"


@pytest.mark.parametrize(
    ("language", "locale"),
    [("de", "de"), ("en-us", "en"), ("en-gb", "en-GB"), ("pt-br", "pt-BR"), ("ar", "auto"), ("", "auto")],
)
def test_stripe_locale_is_one_that_checkout_supports(language: str, locale: str) -> None:
    assert stripe_locale(language) == locale
