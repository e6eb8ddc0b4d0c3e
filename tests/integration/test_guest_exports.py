"""Orders of buyers without an account are in the exports like all others."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.personal_data import export_purchases
from apps.users.models import User
from tests.factories import pay, signed_in, url_path
from tests.guest_actions import emailed_link, press_buy
from tests.integration.test_exports import rows_of as rows_of_days

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("orders", "payments", "refunds", "tax-by-country")


@pytest.fixture
def as_olive(olive: User, settings: Any) -> Client:
    settings.GUEST_CHECKOUT = True
    return signed_in(olive)


def rows_of(client: Client, name: str) -> list[dict[str, str]]:
    today = str(timezone.localdate())
    return rows_of_days(client, name, today, today)


def buy_in_austria(browser: Client, product: ProductConfiguration) -> Purchase:
    details = {"email": "gina@example.com", "billingCountry": "AT", "billingPostalCode": ""}
    browser.get(url_path(pay(press_buy(browser, product), **details)))
    return Purchase.objects.latest("pk")


def test_country_is_the_one_that_was_entered_at_stripe(
    sandbox: Any, icons: ProductConfiguration, as_olive: Client
) -> None:
    order = buy_in_austria(Client(), icons)
    sandbox.client.v1.refunds.create({"payment_intent": order.payment_intent_id, "amount": 100})
    sandbox.deliver()
    for _is_claimed in (False, True):
        for name in NAMES:
            [row] = rows_of(as_olive, name)
            assert row["country"] == "AT", name
        Client().post(emailed_link(0))
    assert Purchase.objects.get().user


def test_personal_data_has_the_country(sandbox: Any, icons: ProductConfiguration, as_olive: Client) -> None:
    buy_in_austria(Client(), icons)
    Client().post(emailed_link())
    [order] = export_purchases(User.objects.get(email="gina@example.com"))
    assert order["country"] == "AT"


def test_deleted_account_leaves_the_country(
    sandbox: Any, icons: ProductConfiguration, as_olive: Client
) -> None:
    """Tax returns need the country, which does not identify a person."""
    buy_in_austria(Client(), icons)
    Client().post(emailed_link())
    User.objects.get(email="gina@example.com").delete()
    [row] = rows_of(as_olive, "tax-by-country")
    assert row["country"] == "AT"


def test_country_of_billing_details_comes_first(
    sandbox: Any, icons: ProductConfiguration, as_olive: Client
) -> None:
    buy_in_austria(Client(), icons)
    Client().post(emailed_link())
    User.objects.get(email="gina@example.com").stripe_customers.update(country="CH")
    [row] = rows_of(as_olive, "orders")
    assert row["country"] == "CH"
    User.objects.get(email="gina@example.com").stripe_customers.update(country="")
    [row] = rows_of(as_olive, "orders")
    assert row["country"] == "AT"
