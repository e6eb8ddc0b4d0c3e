"""The e-mail address of an order without an account, before the payment and while it is corrected."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from apps.ecommerce.models import Mail, ProductConfiguration, Purchase
from apps.ecommerce.purchases.guest_orders import claim_orders
from apps.users.models import User
from tests.factories import pay, url_path
from tests.guest_actions import buy, press_buy

pytestmark = pytest.mark.django_db(transaction=True)

VICTIM = "victim@example.com"


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def test_checkout_that_is_not_paid_sends_no_link(sandbox: Any, icons: ProductConfiguration) -> None:
    """Otherwise visitors could send e-mails to any address, and sign up others, without paying."""
    browser = Client()
    hosted_page = press_buy(browser, icons)
    order = Purchase.objects.get()
    browser.post(f"{order.get_absolute_url()}address/", {"email": VICTIM})
    order.refresh_from_db()
    assert order.email == ""
    assert not Mail.objects.exists()
    assert not mail.outbox
    browser.get(url_path(pay(hosted_page, email="gina@example.com")))
    order.refresh_from_db()
    assert (order.status, order.email) == ("paid", "gina@example.com")


def test_order_whose_address_is_corrected_during_a_claim_stays_with_its_buyer(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    """Between the query that finds the orders and the lock, another request corrects the address."""
    order = buy(Client(), icons, email="wrong@example.com")
    wrong = User.objects.create_user("wrong@example.com")

    def correct_after_query(execute: Any, sql: str, *more: Any) -> Any:
        result = execute(sql, *more)
        if sql.startswith("SELECT") and "wrong@example.com" in more[0] and not corrected:
            corrected.append(order.pk)
            with connection.cursor() as cursor:
                cursor.execute("UPDATE ecommerce_purchase SET email = 'right@example.com'")
        return result

    corrected: list[int] = []
    with connection.execute_wrapper(correct_after_query):
        claimed = claim_orders(Purchase.objects.unclaimed().filter(email="wrong@example.com"), wrong)
    assert corrected
    assert claimed == []
    assert Purchase.objects.unclaimed().get().email == "right@example.com"
