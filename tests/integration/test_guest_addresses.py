"""The e-mail address of an order without an account, before the payment and while it is corrected."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from apps.ecommerce.models import Mail, Price, ProductConfiguration, Purchase
from apps.ecommerce.purchases.guest_orders import claim_orders, repeat_corrections
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
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


@pytest.mark.parametrize("presses_again", [True, False])
def test_upgrade_gets_the_address_that_was_corrected_during_its_payment(
    sandbox: Any, icons: ProductConfiguration, team: Price, presses_again: bool
) -> None:
    """The payment page of the upgrade was opened with the wrong address. The link must not go to another person."""
    browser = Client()
    solo = buy(browser, icons, "wrong@example.com")
    hosted_page = press_buy(browser, icons, team)
    browser.post(f"{solo.get_absolute_url()}address/", {"email": "gina@example.com"})
    if presses_again:
        hosted_page = press_buy(browser, icons, team)
    mail.outbox.clear()
    browser.get(url_path(pay(hosted_page)))
    upgrade = Purchase.objects.get(upgrade_of=solo, status="paid")
    assert upgrade.email == "gina@example.com"
    assert {address for message in mail.outbox for address in message.to} == {"gina@example.com"}
    repeat_corrections()
    session = sandbox.client.v1.checkout.sessions.retrieve(str(upgrade.session_id))
    assert sandbox.client.v1.customers.retrieve(str(session.customer)).email == "gina@example.com"


def test_upgrade_of_an_order_without_an_address_asks_for_one(
    sandbox: Any, icons: ProductConfiguration, team: Price, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe refuses an empty customer_email. An address that is too long is not stored."""
    forward, bodies = InProcessClient.request, []

    def request(client: InProcessClient, method: str, url: str, headers: Any, body: Any = None) -> Any:
        bodies.append(body)
        return forward(client, method, url, headers, body)

    monkeypatch.setattr(InProcessClient, "request", request)
    browser = Client()
    solo = buy(browser, icons)
    Purchase.objects.update(email="")
    hosted_page = press_buy(browser, icons, team)
    upgrade = Purchase.objects.get(upgrade_of=solo)
    assert not any("customer_email" in str(body) for body in bodies)
    browser.get(url_path(pay(hosted_page, email="gina@example.com")))
    upgrade.refresh_from_db()
    assert (upgrade.status, upgrade.email) == ("paid", "gina@example.com")
