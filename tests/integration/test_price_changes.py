"""What the buyer sees is what Stripe charges, also if the price changes at Stripe in between.

https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import fetch
from stripe_sandbox import amount_limits
from tests.factories import add_price, buy, create_product, pay, press_buy, signed_in, url_path

pytestmark = pytest.mark.django_db


def set_options(sandbox: Any, price_id: str, **amounts: int) -> None:
    options = {code: {"unit_amount": amount} for code, amount in amounts.items()}
    sandbox.client.v1.prices.update(price_id, {"currency_options": options})


def current(configuration: ProductConfiguration) -> ProductConfiguration:
    return ProductConfiguration.objects.get(pk=configuration.pk)


def newest_session() -> Any:
    return fetch("checkout/sessions", str(Purchase.objects.latest("pk").session_id))


def test_currency_that_stripe_chooses_for_a_new_option_is_not_charged(
    icons: ProductConfiguration, sandbox: Any, django_user_model: Any
) -> None:
    """The store has not copied the option yet, so Stripe would choose the currency of the buyer's country."""
    buyer = django_user_model.objects.create_user(email="ada+location_FR@example.com", password="x")
    set_options(sandbox, icons.prices[0].id, eur=99900)
    press_buy(signed_in(buyer), icons)
    assert (newest_session()["currency"], newest_session()["amount_total"]) == ("usd", 1900)
    statuses = [row.status for row in sandbox.client.v1.checkout.sessions.list().data]
    assert statuses == ["open", "expired"]
    assert current(icons).prices[0].amounts == {"usd": 1900, "eur": 99900}


def test_open_checkout_at_an_old_amount_is_replaced(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    price = icons.prices[0]
    set_options(sandbox, price.id, eur=1700)
    sync_product(icons.product_id)
    first = press_buy(as_ada, current(icons), currency="eur")
    assert press_buy(as_ada, current(icons), currency="eur") == first
    set_options(sandbox, price.id, eur=2700)
    sync_product(icons.product_id)
    assert press_buy(as_ada, current(icons), currency="eur") != first
    assert newest_session()["amount_total"] == 2700
    assert Purchase.objects.filter(status=Status.OPEN).count() == 1


def test_open_checkout_of_a_trial_is_kept(as_ada: Client, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 900, interval="month", trial_period_days=7)
    first = press_buy(as_ada, letter)
    assert press_buy(as_ada, letter) == first  # synced: the first payment is 0
    assert press_buy(as_ada, letter) == first


@pytest.mark.parametrize("change", ["archive price", "archive product", "remove option"])
def test_price_that_was_archived_at_stripe_is_not_sold(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, change: str
) -> None:
    price = icons.prices[0]
    if change == "archive price":
        sandbox.client.v1.prices.update(price.id, {"active": False})
    elif change == "archive product":
        sandbox.client.v1.products.update(icons.product_id, {"active": False})
    else:
        Price.objects.filter(pk=price.pk).update(currency_options={"gbp": 1500})
    form = {"price": price.id, "currency": "gbp" if change == "remove option" else ""}
    page = as_ada.post(f"{icons.get_absolute_url()}buy/", form, follow=True).content.decode()
    assert "You have not been charged" in page
    assert not Purchase.objects.filter(status=Status.OPEN).exists()


# --- refusals concern what Stripe has refused ---------------------------------------------------------------------


def test_refused_upgrade_stays_for_sale_to_others(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The difference is too small to be charged, the price is not."""
    team = add_price(sandbox.client, icons.product_id, 1920)
    sync_product(icons.product_id)
    buy(as_ada, current(icons))
    monkeypatch.setattr("apps.ecommerce.purchases.upgrades.MIN_CHARGES", {})
    page = as_ada.post(f"{icons.get_absolute_url()}buy/", {"price": team, "currency": ""}, follow=True)
    assert "You have not been charged" in page.content.decode()
    assert Price.objects.get(id=team).is_sellable


def test_price_is_refused_in_the_currency_that_was_charged(
    as_ada: Client, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription is sold in the currency of the buyer's first one; the form's currency is ignored."""
    letter = create_product(sandbox.client, "Letter", 900, interval="month")
    club = create_product(sandbox.client, "Club", 500, interval="month")
    for row in (letter, club):
        set_options(sandbox, row.prices[0].id, eur=450)
        sync_product(row.product_id)
    as_ada.get(url_path(pay(press_buy(as_ada, current(letter), currency="eur"))))
    monkeypatch.setitem(amount_limits.MIN_CHARGES, "eur", 500)
    as_ada.post(f"{club.get_absolute_url()}buy/", {"price": club.prices[0].id})
    assert current(club).prices[0].amounts == {"usd": 500}
