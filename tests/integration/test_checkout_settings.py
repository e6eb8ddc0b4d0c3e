"""Each optional feature of Checkout has a setting."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from tests.factories import buy, press_buy
from tests.stripe_actions import last_session

pytestmark = pytest.mark.django_db


def test_optional_checkout_features_are_off_by_default(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    press_buy(as_ada, icons)
    created = last_session(sandbox)
    assert not created.allow_promotion_codes
    assert not created.automatic_tax.enabled
    for extra in ("tax_id_collection", "invoice_creation"):
        assert not getattr(getattr(created, extra, None), "enabled", False)


def test_setting_allows_promotion_codes(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    press_buy(as_ada, icons)
    assert last_session(sandbox).allow_promotion_codes


def test_automatic_tax_is_stored_and_shown(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.CHECKOUT_AUTOMATIC_TAX = True
    purchase = buy(as_ada, icons)
    assert purchase.amount_subtotal == 1900
    assert purchase.amount_tax > 0
    assert purchase.amount_total == 1900 + purchase.amount_tax
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert "<dt>Tax</dt>" in page


def test_settings_turn_on_tax_ids_and_invoices(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_TAX_IDS = settings.CHECKOUT_INVOICES = True
    purchase = buy(as_ada, icons)
    created = last_session(sandbox)
    assert created.tax_id_collection.enabled
    invoice = sandbox.client.v1.invoices.retrieve(created.invoice)
    assert purchase.payments.get().invoice_url == invoice.hosted_invoice_url
    assert Purchase.objects.get().status == Status.PAID
