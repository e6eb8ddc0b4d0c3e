from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Payment, Price, ProductConfiguration, Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from tests.factories import buy, create_product, first_price, press_buy, signed_in
from tests.stripe_actions import change_plan, put_addon_first, renew

pytestmark = pytest.mark.django_db


def receipt(client: Client, payment: Payment) -> str:
    """Return the text of the sheet with single spaces."""
    page = client.get(payment.get_absolute_url()).content.decode()
    (paper,) = re.findall(r'<article class="receipt".*?</article>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", paper).split())


def test_receipt_contains_what_an_accountant_needs(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.SELLER_ADDRESS = ["Workbench Ltd", "VAT GB123"]
    purchase = buy(as_ada, icons)
    amounts = {"amount_discount": 380, "amount_tax": 304, "amount_total": 1824, "amount_paid": 1824}
    Payment.objects.update(**amounts, amount_refunded=500, invoice_number="INV-7")
    text = receipt(as_ada, Payment.objects.get())
    assert f"Sold by {settings.SITE_NAME} Workbench Ltd VAT GB123" in text
    assert "Sold to Ada Lovelace SW1A 1AA United Kingdom ada@example.com" in text
    assert f"Order number {purchase.order_number} Invoice number INV-7" in text
    assert "Icon set One-time payment 1 $19.00" in text
    assert re.search(r"−\$3\.80.*\$3\.04.*\$18\.24.*−\$5\.00.*\$13\.24", text)
    assert "Paid with Visa •••• 4242" in text
    assert f"{settings.SITE_URL}{purchase.get_absolute_url()}" in text


def test_receipt_of_a_subscription_names_period_and_plan(as_ada: Client, club: ProductConfiguration) -> None:
    buy(as_ada, club)
    payment = Payment.objects.get()
    text = receipt(as_ada, payment)
    assert payment.purchase.price.label in text
    assert f"{payment.period_start:%Y} –" in text


def test_receipt_does_not_show_a_price_that_the_buyer_did_not_pay(
    as_ada: Client, club: ProductConfiguration
) -> None:
    """The plan or the quantity may have changed since then."""
    buy(as_ada, club)
    Payment.objects.update(amount_subtotal=500, amount_total=500, amount_paid=500)
    payment = Payment.objects.get()
    assert payment.purchase.price.label not in receipt(as_ada, payment)


def test_receipt_shows_the_currency_and_the_credit_that_were_used(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)
    Payment.objects.update(amount_paid=1500, presentment_currency="jpy", presentment_amount=2400)
    text = receipt(as_ada, Payment.objects.get())
    assert "−$4.00" in text
    assert "$15.00" in text
    assert "¥2,400" in text


@pytest.mark.parametrize("status", sorted(set(Payment.Status.values) - {Payment.Status.PAID}))
def test_unpaid_payment_has_no_receipt(as_ada: Client, icons: ProductConfiguration, status: str) -> None:
    purchase = buy(as_ada, icons)
    Payment.objects.update(status=status, paid_at=None)
    url = Payment.objects.get().get_absolute_url()
    assert as_ada.get(url).status_code == 404
    assert url not in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_receipt_is_found_only_by_its_buyer_and_below_its_purchase(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    first, second = buy(as_ada, icons), buy(as_ada, club)
    url = first.payments.get().get_absolute_url()
    assert as_ada.get(url).status_code == 200
    other = User.objects.create_user(email="eve@example.com", password="a long password of eve")
    assert signed_in(other).get(url).status_code == 404
    assert as_ada.get(url.replace(str(first.public_id), str(second.public_id))).status_code == 404


def test_paid_order_links_to_its_receipt(as_ada: Client, icons: ProductConfiguration) -> None:
    press_buy(as_ada, icons)
    page = as_ada.get(Purchase.objects.get().get_absolute_url()).content.decode()
    assert "/receipts/" not in page
    purchase = buy(as_ada, icons)
    url = Payment.objects.get().get_absolute_url()
    assert url in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_status_change_updates_the_payments(as_ada: Client, club: ProductConfiguration) -> None:
    """The status fragment replaces the payments together with the rest of the page."""
    purchase = buy(as_ada, club)
    Payment.objects.update(amount_refunded=500)
    fragment = as_ada.get(f"{purchase.get_absolute_url()}status/?view=page").content.decode()
    assert fragment.index('hx-swap-oob="true"') < fragment.index("−$5.00")


def test_return_from_the_portal_shows_a_message(as_ada: Client, club: ProductConfiguration) -> None:
    purchase = buy(as_ada, club)
    url = purchase.get_absolute_url()
    assert "order__news" in as_ada.get(f"{url}?from=portal").content.decode()
    assert "order__news" not in as_ada.get(url).content.decode()


def test_order_and_receipt_keep_what_was_bought(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.SELLER_ADDRESS = ["1 Old Street"]
    sandbox.client.v1.prices.update(icons.prices[0].id, {"nickname": "Solo"})
    sync_product(icons.product_id)
    purchase = buy(as_ada, icons)
    sandbox.client.v1.products.update(icons.product_id, {"name": "Glyphs"})
    sandbox.client.v1.prices.update(icons.prices[0].id, {"nickname": "Duo licence"})
    sync_product(icons.product_id)
    settings.SELLER_ADDRESS = ["2 New Street"]
    sync_purchase(purchase, "later")
    text = receipt(as_ada, Payment.objects.get())
    order = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert "Icon set" in text
    assert "Solo" in text
    assert "1 Old Street" in text
    assert not any(new in text for new in ("Glyphs", "Duo licence", "2 New Street"))
    assert ">Icon set</p>" in order
    assert "Duo licence" not in order


@pytest.mark.parametrize("path", ["", "/purchases/"])
def test_queries_do_not_grow_with_payments(as_ada: Client, club: ProductConfiguration, path: str) -> None:
    purchase = buy(as_ada, club)
    url = path or purchase.get_absolute_url()
    as_ada.get(url)
    with CaptureQueriesContext(connection) as few:
        as_ada.get(url)
    payment = purchase.payments.get()
    for number in range(24):
        payment.pk, payment.stripe_id = None, f"in_{number}"
        payment.save(force_insert=True)
    with CaptureQueriesContext(connection) as many:
        as_ada.get(url)
    assert len(many) == len(few)


def test_payments_keep_what_was_paid_for_after_a_change_of_plan(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    gold = create_product(sandbox.client, "Gold", 2900, interval="month")
    first = purchase.payments.get()
    assert first.description == "1 × Maker club (at $9.00 / month)"
    change_plan(sandbox, purchase, first_price(gold).id)
    sandbox.client.v1.products.update(club.product_id, {"name": "Silver"})
    sync_product(club.product_id)
    Payment.objects.all().delete()
    sync_purchase(purchase, "rebuild")
    purchase.refresh_from_db()
    assert purchase.product_name == "Gold"
    text, order = receipt(as_ada, first), as_ada.get(purchase.get_absolute_url()).content.decode()
    assert first.description in text
    assert first.description in order
    assert not any(new in text for new in ("Gold", "Silver"))


def test_description_names_all_charged_items(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    addon = create_product(sandbox.client, "Seat", 300, interval="month")
    put_addon_first(sandbox, purchase, addon.product_id)
    renew(sandbox, purchase)
    lines = purchase.payments.all()[0].description.splitlines()
    assert [line.partition(" × ")[2].partition(" ")[0] for line in lines] == ["Seat", "Maker"]


def test_one_time_payment_has_the_names_of_the_purchase(as_ada: Client, icons: ProductConfiguration) -> None:
    Price.objects.update(nickname="Solo")
    assert buy(as_ada, icons).payments.get().description == "Icon set · Solo"
