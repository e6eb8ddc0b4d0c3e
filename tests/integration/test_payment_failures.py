"""Buyers read why a payment failed in the shop's words and in their language."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.html import escape

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.messages.payment_failures import OTHER, failure_text
from apps.ecommerce.purchases.messages.status_messages import status_message
from stripe_sandbox import cards
from tests.factories import pay, press_buy

pytestmark = pytest.mark.django_db


DECLINED = [card for card in cards.TABLE if card.decline and not card.challenge]


@pytest.mark.parametrize("card", DECLINED, ids=lambda card: card.label)
def test_decline_is_explained_in_the_shops_words(
    as_ada: Client, icons: ProductConfiguration, card: cards.Card
) -> None:
    assert card.decline
    pay(press_buy(as_ada, icons), card.number)
    purchase = sync_purchase(Purchase.objects.get(), "test")
    assert purchase.failure_code == (card.decline.decline_code or card.decline.code)
    url = f"{purchase.get_absolute_url()}?canceled=1"
    page = as_ada.get(url, headers={"Accept-Language": "de"}).content.decode()
    with translation.override("de"):
        text = failure_text(purchase.failure_code)
        assert text != str(OTHER)
    assert escape(text) in page
    assert purchase.failure_code not in page


def test_reported_cards_look_like_any_declined_card() -> None:
    """https://docs.stripe.com/declines/codes: do not report lost, stolen and fraudulent to the customer."""
    codes = ("lost_card", "stolen_card", "fraudulent", "pickup_card")
    assert {failure_text(code) for code in codes} == {failure_text("generic_decline")}


@pytest.mark.parametrize(
    "code", ["a_code_of_2031", "Your card does not support this. Try again.", "%(amount)s"]
)
def test_unknown_code_gets_a_general_text(as_ada: Client, icons: ProductConfiguration, code: str) -> None:
    press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    purchase.status, purchase.failure_code = "failed", code
    text = str(status_message(purchase).text)
    assert str(OTHER) in text
    assert code not in text


def test_guarantee_is_shown_only_with_refund_days(
    client: Client, icons: ProductConfiguration, settings: Any
) -> None:
    path = icons.get_absolute_url()
    settings.REFUND_DAYS = 37
    assert "37" in client.get(path).content.decode()
    settings.REFUND_DAYS = 0
    response = client.get(path)
    assert response.status_code == 200
    assert "web/_money_back.html" not in [template.name for template in response.templates]
