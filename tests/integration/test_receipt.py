from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from tests.factories import buy, press_buy

pytestmark = pytest.mark.django_db


def receipt(client: Client, purchase: Purchase) -> str:
    """Return the printed text with single spaces."""
    page = client.get(purchase.get_absolute_url()).content.decode()
    (paper,) = re.findall(r'<section class="receipt".*?</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", paper).split())


def test_receipt_contains_what_an_accountant_needs(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.SELLER_ADDRESS = ["Workbench Ltd", "VAT GB123"]
    purchase = buy(as_ada, icons)
    Purchase.objects.update(
        amount_discount=380, amount_tax=304, amount_total=1824, amount_refunded=500, paid_at=timezone.now()
    )
    text = receipt(as_ada, purchase)
    assert text.startswith(
        f"{settings.SITE_NAME} Receipt Sold by {settings.SITE_NAME} Workbench Ltd VAT GB123"
    )
    assert "Sold to Ada Lovelace ada@example.com" in text
    assert str(purchase.public_id) in text
    assert "Icon set One-time payment · $19 1 $19.00" in text
    assert re.search(r"−\$3\.80.*\$3\.04.*\$18\.24.*−\$5\.00.*\$13\.24", text)
    assert "Paid with Visa •••• 4242" in text
    assert f"{settings.SITE_URL}{purchase.get_absolute_url()}" in text


def test_unpaid_order_is_not_called_a_receipt(as_ada: Client, icons: ProductConfiguration) -> None:
    press_buy(as_ada, icons)
    text = receipt(as_ada, Purchase.objects.get())
    assert "Receipt" not in text
    assert "Paid on" not in text
    assert "Status Not paid yet" in text


def test_status_change_updates_the_receipt(as_ada: Client, icons: ProductConfiguration) -> None:
    """The status fragment replaces the receipt together with the rest of the page."""
    purchase = buy(as_ada, icons)
    Purchase.objects.update(status=Status.REFUNDED, amount_refunded=1900)
    fragment = as_ada.get(f"{purchase.get_absolute_url()}status/?view=page").content.decode()
    assert "−$19.00" in fragment
    assert fragment.index('hx-swap-oob="true"') < fragment.index('class="receipt"')


def test_return_from_the_portal_shows_a_message(as_ada: Client, club: ProductConfiguration) -> None:
    purchase = buy(as_ada, club)
    url = purchase.get_absolute_url()
    assert "order__news" in as_ada.get(f"{url}?from=portal").content.decode()
    assert "order__news" not in as_ada.get(url).content.decode()
