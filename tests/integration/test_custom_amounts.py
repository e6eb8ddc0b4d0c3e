"""Pay what you want: the buyer enters the amount on Stripe's page.

https://docs.stripe.com/payments/checkout/pay-what-you-want
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Payment, Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from tests.factories import add_price, create_product, pay, press_buy, sent_to_buyers, url_path

pytestmark = pytest.mark.django_db

LIMITS = {"enabled": True, "minimum": 500, "maximum": 10000, "preset": 1000}


@pytest.fixture
def zine(sandbox: Any) -> ProductConfiguration:
    """Return a product whose buyers choose the amount: $5 to $100, suggested $10."""
    data: Any = {"currency": "usd", "custom_unit_amount": LIMITS}
    product = sandbox.client.v1.products.create({"name": "Zine", "default_price_data": data})
    sync_product(product.id)
    return ProductConfiguration.objects.get(product_id=product.id)


def choose(client: Client, configuration: ProductConfiguration, amount: str) -> Purchase:
    """Buy at this amount, return to the shop, and return the purchase."""
    back = pay(press_buy(client, configuration), customUnitAmount=amount)
    assert back, "the amount was refused"
    client.get(url_path(back))
    return Purchase.objects.latest("pk")


def text_of(client: Client, path: str) -> str:
    page = client.get(path, follow=True).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_store_shows_the_limits(client: Client, zine: ProductConfiguration) -> None:
    assert "From $5" in text_of(client, "/store/")
    page = text_of(client, zine.get_absolute_url())
    assert "From $5 to $100. Suggested: $10." in page
    assert "You enter the amount on the payment page." in page


@pytest.mark.django_db(transaction=True)
def test_buyer_pays_the_amount_entered_at_stripe(
    as_ada: Client, zine: ProductConfiguration, ada: User
) -> None:
    purchase = choose(as_ada, zine, "12.50")
    assert (purchase.status, purchase.currency) == (Status.PAID, "usd")
    assert (purchase.amount_subtotal, purchase.amount_total) == (1250, 1250)
    payment = Payment.objects.get()
    assert (payment.amount_paid, payment.amount_subtotal) == (1250, 1250)
    for path in (purchase.get_absolute_url(), payment.get_absolute_url()):
        shown = text_of(as_ada, path)
        assert "$12.50" in shown
        assert "$10" not in shown
    (message,) = sent_to_buyers()
    assert "$12.50" in message.body


def test_amount_below_the_minimum_is_refused_by_stripe(as_ada: Client, zine: ProductConfiguration) -> None:
    assert pay(press_buy(as_ada, zine), customUnitAmount="4.99") == ""
    assert sync_purchase(Purchase.objects.get(), "test").status == Status.OPEN


def test_open_order_names_no_amount(as_ada: Client, zine: ProductConfiguration) -> None:
    press_buy(as_ada, zine)
    order = text_of(as_ada, f"{Purchase.objects.get().get_absolute_url()}?canceled=1")
    assert "Total Name your price" in order
    assert "$0" not in order


def test_promotion_codes_are_not_offered(
    as_ada: Client, zine: ProductConfiguration, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    press_buy(as_ada, zine)
    press_buy(as_ada, icons)
    sessions = sandbox.client.v1.checkout.sessions.list().data
    # The newest session first.
    assert [bool(session.allow_promotion_codes) for session in sessions] == [True, False]


@pytest.mark.parametrize("setting", ["CHECKOUT_AUTOMATIC_TAX", "CHECKOUT_TAX_IDS", "CHECKOUT_INVOICES"])
def test_custom_amount_works_with_each_checkout_setting(
    as_ada: Client, zine: ProductConfiguration, settings: Any, setting: str
) -> None:
    setattr(settings, setting, True)
    assert choose(as_ada, zine, "8").amount_subtotal == 800


def test_chosen_amount_is_credited_to_an_upgrade(
    as_ada: Client, zine: ProductConfiguration, sandbox: Any
) -> None:
    dear, cheap = (add_price(sandbox.client, zine.product_id, amount) for amount in (4900, 700))
    sync_product(zine.product_id)
    first = choose(as_ada, ProductConfiguration.objects.get(pk=zine.pk), "12.50")
    page = as_ada.get(zine.get_absolute_url())
    offered = [(option.price.id, option.label) for option in page.context["upgrade_options"]]
    assert offered == [(dear, "$36.50")]  # lower prices and custom amounts are no upgrades
    fresh = ProductConfiguration.objects.get(pk=zine.pk)
    as_ada.get(url_path(pay(press_buy(as_ada, fresh, Price.objects.get(id=dear)))))
    upgrade = Purchase.objects.latest("pk")
    assert (upgrade.upgrade_of, upgrade.amount_total) == (first, 4900 - 1250)
    answer = as_ada.post(f"{zine.get_absolute_url()}buy/", {"price": cheap}, follow=True)
    assert "already have access" in answer.content.decode()


def test_owner_of_a_fixed_price_is_not_offered_to_choose_an_amount(
    as_ada: Client, zine: ProductConfiguration, sandbox: Any
) -> None:
    fixed = add_price(sandbox.client, zine.product_id, 200)
    sync_product(zine.product_id)
    fresh = ProductConfiguration.objects.get(pk=zine.pk)
    as_ada.get(url_path(pay(press_buy(as_ada, fresh, Price.objects.get(id=fixed)))))
    custom = Price.objects.get(custom_minimum=500)
    answer = as_ada.post(f"{zine.get_absolute_url()}buy/", {"price": custom.id}, follow=True)
    assert "already have access" in answer.content.decode()
    assert Purchase.objects.count() == 1


def test_search_engines_get_the_minimum(client: Client, zine: ProductConfiguration) -> None:
    page = client.get(zine.get_absolute_url()).content.decode()
    assert '"price":"5.00"' in page.replace(": ", ":")
    assert '"minPrice":"5.00"' in page.replace(": ", ":")


def test_search_engines_are_not_told_that_a_chosen_amount_is_free(client: Client, sandbox: Any) -> None:
    """Stripe's minimum in this currency depends on the account."""
    data: Any = {"currency": "isk", "custom_unit_amount": {"enabled": True}}
    product = sandbox.client.v1.products.create({"name": "Tip", "default_price_data": data})
    sync_product(product.id)
    page = client.get("/store/tip/").content.decode()
    assert "Name your price" in page
    assert '"@type":"Offer"' not in page.replace(": ", ":")


def test_sort_by_price_uses_the_minimum(client: Client, zine: ProductConfiguration, sandbox: Any) -> None:
    create_product(sandbox.client, "Cheap", 400)
    create_product(sandbox.client, "Dear", 600)
    cards = client.get("/store/?sort=price").context["cards"]
    assert [card.configuration.product.name for card in cards] == ["Cheap", "Zine", "Dear"]
