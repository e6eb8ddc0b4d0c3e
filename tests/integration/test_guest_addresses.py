"""The e-mail address of an order without an account, before the payment and while it is corrected."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from apps.ecommerce.models import Mail, ProductConfiguration, Purchase
from tests.factories import pay, url_path
from tests.guest_actions import press_buy

pytestmark = pytest.mark.django_db(transaction=True)

VICTIM = "victim@example.com"


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def test_checkout_that_is_not_paid_sends_no_link(sandbox: Any, icons: ProductConfiguration) -> None:
    """Otherwise anybody could send e-mails to any address, and sign up others, without paying."""
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
