"""README.md lists what the sandbox does not support, by the types of the SDK. To write it, set WRITE_README=1."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import sdk_coverage
import stripe
from test_contract import Recorder, create_all_kinds, pay

from stripe_sandbox import routes, storage
from stripe_sandbox.hosted import payment
from stripe_sandbox.hosted.payment_form import PaymentForm
from stripe_sandbox.resources import refunds, session_recovery

README = Path(__file__).parents[1] / "README.md"
START, END = (
    "<!-- not supported: written by tests/test_sdk_coverage.py -->\n",
    "<!-- end of not supported -->\n",
)


def create_rare_fields(v1: Any) -> None:
    """Create objects with fields that the objects of create_all_kinds do not have."""
    clock = v1.test_helpers.test_clocks.create({"frozen_time": 1893456000}).id
    customer = v1.customers.create({"test_clock": clock, "phone": "+1 555 0100"}).id
    card = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    monthly = {"interval": "month", "trial_period_days": 3}
    data = {"currency": "usd", "unit_amount": 900, "recurring": monthly, "nickname": "Club"}
    price = v1.prices.create({**data, "product_data": {"name": "Club"}}).id
    coupon = v1.coupons.create({"percent_off": 5, "duration": "repeating", "duration_in_months": 3}).id
    plan = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    v1.subscriptions.create({**plan, "discounts": [{"coupon": coupon}], "trial_period_days": 3})
    v1.subscriptions.pause(v1.subscriptions.create({**plan, "trial_period_days": 3}).id)
    v1.test_helpers.test_clocks.advance(clock, {"frozen_time": 1893456000 + 5 * 86400})
    session = {
        "mode": "payment",
        "success_url": "https://shop.example",
        "adaptive_pricing": {"enabled": True},
    }
    line = {
        "quantity": 1,
        "price_data": {"currency": "usd", "unit_amount": 900, "product_data": {"name": "Icons"}},
    }
    for recurring in (False, True):
        params: Any = {"customer_email": "ada+location_FR@example.com", "line_items": [line]}
        if recurring:
            params |= {"mode": "subscription", "line_items": [{"quantity": 1, "price": price}]}
        else:
            texts = {"description": "Icons", "footer": "Bye"}
            params["invoice_creation"] = {"enabled": True, "invoice_data": texts}
            intent = {"receipt_email": "ada@example.com", "statement_descriptor": "SHOP"}
            params["payment_intent_data"] = {**intent, "statement_descriptor_suffix": "ICONS"}
        pay(v1.checkout.sessions.create({**session, **params}).id, "4242424242424242")
    paid = next(charge.id for charge in v1.charges.list().data if charge.receipt_email)
    v1.refunds.create({"charge": paid, "amount": 100})
    trial = {"mode": "subscription", "subscription_data": {"trial_period_days": 3}}
    declined = {**session, **trial, "line_items": [{"quantity": 1, "price": price}]}
    pay(v1.checkout.sessions.create(declined).id, "4000000000000002")
    line["adjustable_quantity"] = {"enabled": True}
    consented = {**session, "line_items": [line], "consent_collection": {"terms_of_service": "required"}}
    card_form = ["ada@example.com", "4242424242424242", "12 / 40", "123", "Ada Lovelace", "GB", "SW1A 1AA"]
    form = PaymentForm(*card_form, accepts_terms=True)
    payment.pay(v1.checkout.sessions.create({**consented, "expand": ["line_items"]}).id, form)
    recovery = {"after_expiration": {"recovery": {"enabled": True}}, "line_items": [line]}
    expired = v1.checkout.sessions.expire(v1.checkout.sessions.create({**session, **recovery}).id)
    session_recovery.recover(storage.get(expired.id, "checkout.session") or {})
    requested = {"cancellation_reason": "requested_by_customer"}
    v1.payment_intents.cancel(v1.payment_intents.create({"amount": 900, "currency": "usd"}).id, requested)
    v1.setup_intents.cancel(v1.setup_intents.create().id, requested)
    refunds.create_refund(storage.get(paid, "charge") or {}, 100, "refund_requires_action")
    v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]})


def test_readme_lists_what_is_not_supported(sandbox: Any) -> None:
    recorder = Recorder()
    create_rare_fields(stripe.StripeClient("sk_test_coverage", http_client=recorder).v1)
    create_all_kinds(sandbox)
    objects = [json.loads(row["json"]) for row in storage.query("SELECT json FROM objects")]
    objects += [answer for _, answer in recorder.exchanges]
    section = sdk_coverage.describe(objects)
    before, rest = README.read_text().split(START)
    current, after = rest.split(END)
    if os.environ.get("WRITE_README"):
        README.write_text(before + START + section + END + after)
    else:
        assert current == section, "run: WRITE_README=1 pytest tests/test_sdk_coverage.py"


def test_every_route_is_a_route_of_the_sdk() -> None:
    sdk = sdk_coverage.find_sdk_routes()
    unknown = {
        f"{route.method} {route.path}"
        for route in routes.ROUTES
        if route.method not in sdk.get(route.path.replace("{child}", "{id}"), ())
    }
    # The SDK reads these pages through the `url` of expanded lists.
    assert unknown == {"GET /v1/charges/{id}/refunds", "GET /v1/customers/{id}/subscriptions"}


def test_missing_parameters_are_found() -> None:
    by_path = {(route.method, route.path): sdk_coverage.find_missing_params(route) for route in routes.ROUTES}
    assert "payout" in by_path["GET", "/v1/balance_transactions"]
    assert "billing_scheme=per_unit only" in by_path["POST", "/v1/prices"]
    assert "evidence.receipt" in by_path["POST", "/v1/disputes/{id}"]
    for route in routes.ROUTES:
        assert not {*by_path[route.method, route.path]} & route.supported


def test_empty_fields_are_found() -> None:
    coupon = {"object": "coupon", "id": "a", "name": None, "currency": "usd"}
    missing = sdk_coverage.find_empty_fields([{"data": [coupon]}])["coupon"]
    assert "valid" in missing
    assert not {"id", "currency", "name", "applies_to"} & set(missing)  # `name` is a parameter
