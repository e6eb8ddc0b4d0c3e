"""Fields that are only present if they are expanded."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from stripe_sandbox import includables
from stripe_sandbox.testing import Sandbox
from stripe_sandbox.testing.sdk_types import check_response


def create_session(sandbox: Sandbox, coupon: str) -> Any:
    data: Any = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Icons"}}
    params: Any = {
        "mode": "payment",
        "success_url": "https://shop.example",
        "line_items": [{"price_data": data, "quantity": 1}],
        "discounts": [{"coupon": coupon}],
        "automatic_tax": {"enabled": True},
    }
    return sandbox.client.v1.checkout.sessions.create(params)


def test_session_expands_discounts_and_taxes(sandbox: Sandbox) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 25, "duration": "once"}).id
    session = create_session(sandbox, coupon)
    expand = ["total_details.breakdown", "line_items.data.discounts", "line_items.data.taxes"]
    found = sandbox.client.v1.checkout.sessions.retrieve(session.id, {"expand": expand})
    check_response(found.to_dict(for_json=True))
    breakdown = found.total_details.breakdown
    assert [(row.amount, row.discount.source.coupon) for row in breakdown.discounts] == [(250, coupon)]
    assert [(row.amount, row.taxable_amount, row.rate.percentage) for row in breakdown.taxes] == [
        (75, 750, 10)
    ]
    (item,) = found.line_items.data
    assert [row.amount for row in item.discounts] == [250]
    assert [row.amount for row in item.taxes] == [75]


def test_customer_expands_its_fields(sandbox: Sandbox) -> None:
    product = sandbox.product(recurring={"interval": "month"})
    v1 = sandbox.client.v1
    customer = v1.customers.create({"address": {"country": "DE"}, "balance": -500}).id
    plan: Any = {"customer": customer, "trial_period_days": 7, "items": [{"price": product.default_price}]}
    v1.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    v1.subscriptions.cancel(v1.subscriptions.create(plan).id)
    running = v1.subscriptions.create(plan).id
    names = [field for kind, field in includables.FIELDS if kind == "customer"]
    found = v1.customers.retrieve(customer, {"expand": names})
    check_response(found.to_dict(for_json=True))
    assert [subscription.id for subscription in found.subscriptions.data] == [running]
    assert found.tax.automatic_tax == "supported"
    assert found.invoice_credit_balance.to_dict() == {"usd": -500}
    assert found.sources.data == []
    assert [tax_id.value for tax_id in found.tax_ids.data] == ["DE123456789"]


def test_coupon_expands_its_fields(sandbox: Sandbox) -> None:
    coupon = sandbox.client.v1.coupons.create({"amount_off": 500, "currency": "usd", "duration": "once"}).id
    found = sandbox.client.v1.coupons.retrieve(coupon, {"expand": ["currency_options", "applies_to"]})
    assert found.to_dict()["currency_options"] == {"usd": {"amount_off": 500}}
    assert found.applies_to is None


def test_open_invoice_has_a_confirmation_secret(sandbox: Sandbox) -> None:
    product = sandbox.product(recurring={"interval": "month"})
    v1 = sandbox.client.v1
    customer = v1.customers.create({}).id
    card = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    plan: Any = {
        "customer": customer,
        "default_payment_method": card,
        "items": [{"price": product.default_price}],
    }
    expand = ["latest_invoice.confirmation_secret", "latest_invoice.payments"]
    invoice = v1.subscriptions.create({**plan, "expand": expand}).latest_invoice
    intent = v1.payment_intents.retrieve(invoice.payments.data[0].payment.payment_intent)
    assert invoice.confirmation_secret.client_secret == intent.client_secret


def test_price_without_tiers_expands_tiers(sandbox: Sandbox) -> None:
    price = sandbox.product().default_price
    assert sandbox.client.v1.prices.retrieve(price, {"expand": ["tiers"]}).tiers is None


def test_unknown_field_is_refused(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        sandbox.client.v1.customers.retrieve(customer, {"expand": ["nothing"]})
