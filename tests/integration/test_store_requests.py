"""Check each request that the store sends to Stripe against the SDK's parameter types."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from stripe import params as p
from stripe.params import billing_portal as pb
from stripe.params import checkout as pc

from apps.ecommerce.catalogue.sync import sync_catalogue, sync_product
from apps.ecommerce.models import DiscountCode, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations.doctor import run_checks
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.customers import billing_currency, update_customer_email
from apps.ecommerce.purchases.discount_codes.sync import sync_codes, sync_codes_of_coupon
from apps.ecommerce.purchases.payments.stored_payments import purchases_for_payment
from apps.ecommerce.purchases.personal_data import remove_saved_cards
from apps.users.models import User
from stripe_sandbox import forms, params, scheduled_actions, storage
from stripe_sandbox.testing.sdk_types import check_params
from stripe_sandbox.transport import InProcessClient
from tests.factories import add_price, buy, create_product, first_price, pay, press_buy, signed_in, url_path
from tests.integration.editor_form import ADD, add_to_form, change_url, read_form, save
from tests.integration.test_discount_code_admin import change, make
from tests.integration.test_discount_codes import press_buy_with
from tests.operator_actions import action_url, confirm

pytestmark = pytest.mark.django_db

# The requests that the store may send, and their SDK parameter types. A request that is missing here fails the test.
ROUTES: dict[str, Any] = {
    "GET /v1/products": p.ProductListParams,
    "GET /v1/prices": p.PriceListParams,
    "GET /v1/prices/{id}": p.PriceRetrieveParams,
    "POST /v1/products": p.ProductCreateParams,
    "POST /v1/products/{id}": p.ProductUpdateParams,
    "POST /v1/prices": p.PriceCreateParams,
    "POST /v1/prices/{id}": p.PriceUpdateParams,
    "POST /v1/customers": p.CustomerCreateParams,
    "GET /v1/customers/{id}": p.CustomerRetrieveParams,
    "POST /v1/customers/{id}": p.CustomerUpdateParams,
    "GET /v1/customers/{id}/payment_methods": p.CustomerPaymentMethodListParams,
    "POST /v1/payment_methods/{id}/detach": p.PaymentMethodDetachParams,
    "GET /v1/customers/{id}/tax_ids": p.CustomerTaxIdListParams,
    "POST /v1/customers/{id}/tax_ids": p.CustomerTaxIdCreateParams,
    "DELETE /v1/customers/{id}/tax_ids/{id}": p.CustomerTaxIdDeleteParams,
    "POST /v1/coupons": p.CouponCreateParams,
    "DELETE /v1/coupons/{id}": p.CouponDeleteParams,
    "GET /v1/promotion_codes": p.PromotionCodeListParams,
    "POST /v1/promotion_codes": p.PromotionCodeCreateParams,
    "GET /v1/promotion_codes/{id}": p.PromotionCodeRetrieveParams,
    "POST /v1/promotion_codes/{id}": p.PromotionCodeUpdateParams,
    "POST /v1/checkout/sessions": pc.SessionCreateParams,
    "GET /v1/checkout/sessions/{id}": pc.SessionRetrieveParams,
    "POST /v1/checkout/sessions/{id}/expire": pc.SessionExpireParams,
    "GET /v1/checkout/sessions": pc.SessionListParams,
    "GET /v1/subscriptions": p.SubscriptionListParams,
    "GET /v1/subscriptions/{id}": p.SubscriptionRetrieveParams,
    "POST /v1/subscriptions/{id}": p.SubscriptionUpdateParams,
    "DELETE /v1/subscriptions/{id}": p.SubscriptionCancelParams,
    "POST /v1/subscription_schedules/{id}/release": p.SubscriptionScheduleReleaseParams,
    "GET /v1/invoices": p.InvoiceListParams,
    "GET /v1/invoices/{id}": p.InvoiceRetrieveParams,
    "POST /v1/invoices/create_preview": p.InvoiceCreatePreviewParams,
    "GET /v1/charges": p.ChargeListParams,
    "GET /v1/invoice_payments": p.InvoicePaymentListParams,
    "GET /v1/refunds": p.RefundListParams,
    "POST /v1/refunds": p.RefundCreateParams,
    "GET /v1/disputes": p.DisputeListParams,
    "GET /v1/events": p.EventListParams,
    "POST /v1/billing_portal/sessions": pb.SessionCreateParams,
    "GET /v1/billing_portal/configurations": pb.ConfigurationListParams,
    "POST /v1/billing_portal/configurations": pb.ConfigurationCreateParams,
    "POST /v1/billing_portal/configurations/{id}": pb.ConfigurationUpdateParams,
    "GET /v1/account": p.AccountRetrieveCurrentParams,
    "GET /v1/webhook_endpoints": p.WebhookEndpointListParams,
    "POST /v1/webhook_endpoints": p.WebhookEndpointCreateParams,
    "POST /v1/webhook_endpoints/{id}": p.WebhookEndpointUpdateParams,
}

sent_requests: set[str] = set()


class CheckingClient(InProcessClient):
    """The sandbox, with each request's parameters checked first."""

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        parts = urlsplit(url)
        path = re.sub(r"(prod|cs|we|pm|sub|cus|bpc|txi|in|price|promo)_[A-Za-z0-9_]+", "{id}", parts.path)
        route = f"{method.upper()} {re.sub('coupons/.+', 'coupons/{id}', path)}"
        schema = ROUTES[route]
        tree = forms.decode(post_data or parts.query)
        check_params(params.check(tree, schema, frozenset(tree)), schema)
        if method.upper() == "POST":
            assert headers["Idempotency-Key"]
        assert headers["Stripe-Version"] == "2026-10-28.endive"
        sent_requests.add(route)
        return super().request(method, url, headers, post_data, **more)


def test_each_request_matches_the_sdk_parameter_types(
    as_ada: Client, ada: User, as_bob: Client, olive: User, sandbox: Any, settings: Any
) -> None:
    icons = create_product(sandbox.client, "Icon set", 1900)
    club = create_product(sandbox.client, "Club", 900, interval="month", trial_period_days=7)
    letter = create_product(sandbox.client, "Letter", 500, interval="month")
    larger = add_price(sandbox.client, icons.product_id, 4900)
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_store_requests.CheckingClient"
    sent_requests.clear()
    sync_catalogue()
    sync_product(icons.product_id)
    sync_product(sandbox.client.v1.products.create({"name": "Without a price"}).id)
    buy(as_ada, icons, first_price(icons))
    buy(as_ada, club)
    buy(as_bob, letter)
    press_buy(as_bob, icons, first_price(icons))
    fresh = ProductConfiguration.objects.get(pk=icons.pk)
    press_buy(as_bob, fresh, next(price for price in fresh.prices if price.id == larger))
    press_buy(as_ada, fresh, next(price for price in fresh.prices if price.id == larger))  # buys an upgrade
    assert Purchase.objects.count() == 6
    ada.save(update_fields=["email"])
    update_customer_email.func(ada.pk)
    address = {"name": "Ada GmbH", "line1": "Torstr. 1", "city": "Berlin", "country": "DE"}
    for tax_id in ("DE123456789", ""):
        as_ada.post("/accounts/billing-details/", address | {"tax_id": tax_id})
    paid = Purchase.objects.get(status=Status.PAID)
    sandbox.client.v1.refunds.create({"payment_intent": paid.payment_intent_id, "amount": 100})
    disputed = url_path(pay(press_buy(as_bob, fresh), "4000000000000259"))
    scheduled_actions.run_due(time.time() + 10**6)
    as_bob.get(disputed)
    reconcile()
    subscription = Purchase.objects.get(status=Status.TRIALING)
    order = f"/purchases/order/{subscription.public_id}"
    as_ada.post(f"{order}/manage/")
    for interval in ("year", "week"):  # the second one changes the portal's configuration
        plan = add_price(sandbox.client, club.product_id, 1900, interval=interval)
        sync_product(club.product_id)
        assert "/stripe-sandbox/portal/" in as_ada.post(f"{order}/switch/", {"price": plan})["Location"]
    sell_outside_the_store(sandbox, icons, letter)
    reconcile()
    purchases_for_payment("pi_of_an_unknown_renewal")
    assert billing_currency(ada) == "usd"
    v1 = sandbox.client.v1
    v1.subscription_schedules.create({"from_subscription": subscription.subscription_id})
    as_ada.post(f"{order}/cancel/")  # cancel at the end of the period
    sandbox.client.v1.subscriptions.update(subscription.subscription_id, {"cancel_at_period_end": False})
    storage.update(subscription.subscription_id, status="past_due")
    as_ada.get(f"{order}/?from=portal")
    as_ada.post(f"{order}/cancel/")  # cancel at once
    remove_saved_cards(ada)
    refund_and_keep(olive, paid, Purchase.objects.get(product=letter.product, user__email="bob@example.com"))
    write_product(olive)
    write_codes(olive, as_bob)
    settings.SITE_URL = "https://shop.example"
    list(run_checks(fix=True))
    (endpoint, *_own) = sandbox.client.v1.webhook_endpoints.list().data
    sandbox.client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    list(run_checks(fix=True))
    assert sent_requests == ROUTES.keys()


def refund_and_keep(olive: User, paid: Purchase, subscription: Purchase) -> None:
    """Refund a payment and undo a cancellation in the admin."""
    operator, payment = signed_in(olive), paid.payments.get()
    fields = {"payment": payment.stripe_id, "amount": "1", "reason": "requested_by_customer"}
    assert confirm(operator, action_url(paid, "refund"), **fields).status_code == 302
    assert confirm(operator, action_url(subscription, "cancel"), when="period_end").status_code == 302
    assert confirm(operator, action_url(subscription, "keep")).status_code == 302


def write_product(olive: User) -> None:
    """Create a product with all kinds of prices in the product editor, and change all of it."""
    client = signed_in(olive)
    prices = [
        {"amount": "90", "kind": "year", "currency": "usd", "trial_days": "14", "nickname": "Yearly"},
        {"kind": "custom", "currency": "usd", "minimum": "5", "preset": "9", "maximum": "99"},
    ]
    texts = {"features": "Paper", "payment_text": "A notebook."}
    form = add_to_form(read_form(client, ADD) | texts, "prices", prices) | {"name": "Field notes"}
    assert save(client, ADD, form, "_publish").status_code == 302
    row = ProductConfiguration.objects.get(product__name="Field notes")
    form = read_form(client, change_url(row)) | {"name": "Notes", "features": "", "payment_text": ""}
    form |= {"prices-0-amount": "80", "prices-1-nickname": "Yours"}
    assert save(client, change_url(row), form).status_code == 302


def write_codes(olive: User, buyer: Client) -> None:
    """Make codes in the admin, one of which Stripe refuses, and open a checkout with one."""
    operator = signed_in(olive)
    make(operator, max_redemptions="5", last_day="2099-01-01", minimum_usd="9", first_purchase_only="on")
    make(operator, code="HALF", percent_off="50", duration="repeating", months="2")
    code = DiscountCode.objects.get(code="HALF")
    change(operator, code, "save", note="Newsletter")
    DiscountCode.objects.filter(pk=code.pk).delete()
    assert make(operator, code="HALF").status_code == 200
    sync_codes()
    sync_codes_of_coupon(code.coupon_id)
    press_buy_with(buyer, ProductConfiguration.objects.get(product__name="Notes"), "HALF")
    assert Purchase.objects.latest("pk").discount_code == code


def sell_outside_the_store(sandbox: Any, icons: ProductConfiguration, letter: ProductConfiguration) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "eve@example.com"}).id
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    items = [{"price": letter.prices[0].id}]
    v1.subscriptions.create({"customer": customer, "items": items, "default_payment_method": method})
    invoice = v1.invoices.create({"customer": customer, "default_payment_method": method}).id
    special = v1.prices.create({"product": icons.product_id, "currency": "usd", "unit_amount": 1000}).id
    item = {"customer": customer, "invoice": invoice, "pricing": {"price": special}}
    v1.invoice_items.create(item)
    v1.invoices.finalize_invoice(invoice)
    v1.invoices.pay(invoice)
