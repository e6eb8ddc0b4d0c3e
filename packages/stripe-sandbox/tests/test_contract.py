"""Every route through the official SDK, with responses checked against the SDK's classes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.test import override_settings

from stripe_sandbox import ibans, routes, scheduled_actions, storage
from stripe_sandbox.hosted import payment
from stripe_sandbox.hosted.payment_form import PaymentForm
from stripe_sandbox.resources import empty_lists, refunds
from stripe_sandbox.testing.sdk_types import check_response
from stripe_sandbox.transport import InProcessClient

V1 = Any  # stripe.V1Services
TRIAL = {"trial_period_days": 7}
RETURN = "https://shop.example/return?session_id={CHECKOUT_SESSION_ID}"


class Recorder(InProcessClient):
    """Record requests and responses of the in-process transport."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[tuple[routes.Route, dict[str, Any]]] = []

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **more: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        body, status, response_headers = super().request(method, url, headers, post_data, **more)
        path = url.partition("?")[0].removeprefix("https://api.stripe.com")
        found = [
            route
            for route in routes.ROUTES
            if route.method == method.upper() and route.regex.fullmatch(path) and status == 200
        ]
        self.exchanges += [(route, json.loads(body)) for route in found[:1]]
        return body, status, response_headers


class SampleData:
    """Create one-time and monthly purchases, a declined card, a trial and an open session."""

    def __init__(self, v1: V1) -> None:
        self.product = v1.products.create(
            {
                "name": "Icons",
                "images": ["https://shop.example/icons.png"],
                "marketing_features": [{"name": "SVG"}],
                "package_dimensions": {"height": 1, "length": 1, "weight": 1, "width": 1},
                "default_price_data": {"currency": "usd", "unit_amount": 1900},
            }
        ).id
        self.price = v1.products.retrieve(self.product).default_price
        monthly = {
            "currency": "jpy",
            "unit_amount": 900,
            "product": self.product,
            "recurring": {"interval": "month"},
        }
        self.monthly = v1.prices.create(monthly).id
        self.yearly = v1.prices.create({**monthly, "recurring": {"interval": "year"}}).id
        address = {"line1": "1 High Street", "country": "GB"}
        self.customer = v1.customers.create(
            {"email": "ada@example.com", "address": address, "shipping": {"name": "Ada", "address": address}}
        ).id
        self.tax_id = self.create_tax_id(v1)
        self.paid = self.session(v1, self.price, customer=self.customer)
        self.subscribed = self.session(v1, self.monthly, mode="subscription", customer=self.customer)
        self.trial = self.session(
            v1, self.monthly, mode="subscription", subscription_data={"trial_period_days": 14}
        )
        self.declined = self.session(v1, self.price)
        pay(self.declined, "4000000000009995")
        for session in (self.paid, self.subscribed, self.trial):
            pay(session, "4000002760003184")
            payment.authenticate(session, passed=True)
        self.open = self.session(v1, self.price, customer_email="bob@example.com")
        paid = v1.checkout.sessions.retrieve(self.paid, {"expand": ["payment_intent"]})
        self.intent, self.charge = paid.payment_intent.id, paid.payment_intent.latest_charge
        self.method = paid.payment_intent.payment_method
        subscribed = v1.checkout.sessions.retrieve(self.subscribed)
        self.subscription, self.invoice = subscribed.subscription, subscribed.invoice
        self.setup_intent = v1.setup_intents.list().data[0].id
        self.payment = v1.invoice_payments.list().data[0].id
        disputed = [self.session(v1, self.price) for _ in range(2)]
        for session, card in zip(disputed, ("4000000000000259", "4000000000005423"), strict=True):
            pay(session, card)
        scheduled_actions.run_due(time.time() + 60)
        self.refund = v1.refunds.create({"charge": self.charge, "amount": 500}).id
        self.dispute = v1.disputes.list().data[0].id
        self.warning = v1.radar.early_fraud_warnings.list().data[0].id
        self.coupon = v1.coupons.create({"percent_off": 25, "duration": "once"}).id
        promotion = {"type": "coupon", "coupon": self.coupon}
        self.code = v1.promotion_codes.create({"promotion": promotion, "code": "SPRING"}).id
        self.configuration = v1.billing_portal.configurations.list().data[0].id
        self.event = v1.events.list().data[0].id
        eve = v1.customers.create({"email": "eve@example.com"}).id
        card = v1.payment_methods.attach("pm_card_visa", {"customer": eve}).id
        plan = {"customer": eve, "items": [{"price": self.monthly}], "default_payment_method": card}
        self.member = v1.subscriptions.create(plan)
        self.clock = v1.test_helpers.test_clocks.create({"frozen_time": 1893456000, "name": "2030"}).id
        self.endpoint = v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]}).id

    def create_open_invoice(self, v1: V1) -> str:
        """Return an open invoice: the first one of a subscription whose card was declined."""
        bad = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": self.member.customer}).id
        plan = {
            "customer": self.member.customer,
            "items": [{"price": self.monthly}],
            "default_payment_method": bad,
        }
        return str(v1.subscriptions.create(plan).latest_invoice)

    def create_schedule(self, v1: V1) -> str:
        plan = {"customer": self.customer, "items": [{"price": self.monthly}]}
        subscription = v1.subscriptions.create(plan | TRIAL).id
        return str(v1.subscription_schedules.create({"from_subscription": subscription}).id)

    def create_payment_record(self, v1: V1) -> str:
        """Return a payment of the sample data's customer in cash."""
        cash = {"type": "custom", "custom": {"display_name": "Cash"}}
        reported = {
            "amount_requested": {"currency": "jpy", "value": 300},
            "initiated_at": 1893456000,
            "outcome": "guaranteed",
            "guaranteed": {"guaranteed_at": 1893456000},
            "payment_method_details": cash,
            "processor_details": {"type": "custom", "custom": {"payment_reference": "R-1"}},
            "customer_details": {"customer": self.customer},
        }
        return str(v1.payment_records.report_payment(reported).id)

    def create_open_refund(self) -> str:
        """Return a refund that waits for the buyer's bank details."""
        charge = storage.get(self.charge) or {}
        return str(refunds.create_refund(charge, 100, "refund_requires_action")["id"])

    def list_refunds(self, v1: V1) -> None:
        """Read the second page of the charge's refunds."""
        for _ in range(11):
            v1.refunds.create({"charge": self.charge, "amount": 50})
        charge = v1.charges.retrieve(self.charge, {"expand": ["refunds"]})
        assert sum(refund.amount for refund in charge.refunds.auto_paging_iter()) == charge.amount_refunded

    def create_monthly_price(self, v1: V1) -> str:
        price = {"currency": "jpy", "unit_amount": 200, "product": self.product}
        return str(v1.prices.create({**price, "recurring": {"interval": "month"}}).id)

    def create_tax_id(self, v1: V1) -> str:
        tax_id = v1.customers.tax_ids.create(self.customer, {"type": "eu_vat", "value": "DE123456789"})
        return str(tax_id.id)

    def list_subscriptions(self, v1: V1) -> None:
        """Read the second page of the customer's subscriptions."""
        for _ in range(10):
            v1.subscriptions.create(
                {"customer": self.member.customer, "items": [{"price": self.monthly}]} | TRIAL
            )
        customer = v1.customers.retrieve(self.member.customer, {"expand": ["subscriptions"]})
        assert len(list(customer.subscriptions.auto_paging_iter())) == 11

    def create_invoice_item(self, v1: V1) -> str:
        """Return a pending proration."""
        v1.subscriptions.update(
            self.member.id, {"items": [{"id": self.member["items"].data[0].id, "quantity": 2}]}
        )
        return v1.invoice_items.list({"customer": str(self.member.customer), "pending": True}).data[0].id

    def session(self, v1: V1, price: str, **params: Any) -> str:
        line = {"price": price, "quantity": 2}
        return str(
            v1.checkout.sessions.create(
                {"mode": "payment", "line_items": [line], "success_url": RETURN, **params}
            ).id
        )


def pay(session: str, number: str) -> None:
    payment.pay(
        session, PaymentForm("ada@example.com", number, "12 / 40", "123", "Ada Lovelace", "GB", "SW1A 1AA")
    )


Call = Callable[[V1, SampleData], object]
CALLS: dict[tuple[str, str], Call] = {
    ("GET", "/v1/account"): lambda v1, w: v1.accounts.retrieve_current(),
    ("GET", "/v1/accounts"): lambda v1, w: v1.accounts.list(),
    ("GET", "/v1/accounts/{id}"): lambda v1, w: v1.accounts.retrieve(v1.accounts.retrieve_current().id),
    ("GET", "/v1/balance"): lambda v1, w: v1.balance.retrieve(),
    ("GET", "/v1/balance_transactions"): lambda v1, w: v1.balance_transactions.list(
        {
            "source": w.charge,
            "type": "charge",
            "currency": "usd",
            "created": {"gte": 1},
            "expand": ["data.source"],
        }
    ),
    ("GET", "/v1/balance_transactions/{id}"): lambda v1, w: v1.balance_transactions.retrieve(
        v1.balance_transactions.list({"type": "adjustment"}).data[0].id, {"expand": ["source"]}
    ),
    ("GET", "/v1/products"): lambda v1, w: v1.products.list(
        {"active": True, "ids": [w.product], "created": {"gte": 1}, "expand": ["data.default_price"]}
    ),
    ("POST", "/v1/products"): lambda v1, w: v1.products.create({"name": "Bare"}),
    ("GET", "/v1/products/{id}"): lambda v1, w: v1.products.retrieve(
        w.product, {"expand": ["default_price"]}
    ),
    ("POST", "/v1/products/{id}"): lambda v1, w: v1.products.update(w.product, {"description": "More"}),
    ("DELETE", "/v1/products/{id}"): lambda v1, w: v1.products.delete(
        v1.products.create({"name": "Bare"}).id
    ),
    ("GET", "/v1/products/{id}/features"): lambda v1, w: v1.products.features.list(w.product),
    ("GET", "/v1/products/search"): lambda v1, w: v1.products.search({"query": "name:'Icons'"}),
    ("GET", "/v1/prices/search"): lambda v1, w: v1.prices.search({"query": f"product:'{w.product}'"}),
    ("GET", "/v1/prices"): lambda v1, w: v1.prices.list(
        {
            "product": w.product,
            "recurring": {"interval": "month"},
            "type": "recurring",
            "expand": ["data.product"],
        }
    ),
    ("POST", "/v1/prices"): lambda v1, w: v1.prices.create(
        {
            "currency": "eur",
            "custom_unit_amount": {"enabled": True, "minimum": 300},
            "currency_options": {"usd": {"unit_amount_decimal": "12.5"}},
            "product_data": {"name": "Other"},
            "expand": ["product", "currency_options"],
        }
    ),
    ("GET", "/v1/prices/{id}"): lambda v1, w: v1.prices.retrieve(w.price),
    ("POST", "/v1/prices/{id}"): lambda v1, w: v1.prices.update(w.price, {"nickname": "Launch"}),
    ("GET", "/v1/customers"): lambda v1, w: v1.customers.list(
        {"email": "ada@example.com", "expand": ["data.subscriptions"]}
    ),
    ("POST", "/v1/customers"): lambda v1, w: v1.customers.create({"email": "bob@example.com"}),
    ("GET", "/v1/customers/search"): lambda v1, w: v1.customers.search({"query": "email~'ADA@'"}),
    ("GET", "/v1/customers/{id}/payment_methods"): lambda v1, w: v1.customers.payment_methods.list(
        w.member.customer, {"type": "card"}
    ),
    ("GET", "/v1/customers/{id}/payment_methods/{child}"): lambda v1, w: (
        v1.customers.payment_methods.retrieve(w.member.customer, w.member.default_payment_method)
    ),
    ("GET", "/v1/customers/{id}/tax_ids"): lambda v1, w: v1.customers.tax_ids.list(w.customer),
    ("POST", "/v1/customers/{id}/tax_ids"): lambda v1, w: v1.customers.tax_ids.create(
        w.customer, {"type": "gb_vat", "value": "GB123456789", "expand": ["customer"]}
    ),
    ("GET", "/v1/customers/{id}/tax_ids/{child}"): lambda v1, w: v1.customers.tax_ids.retrieve(
        w.customer, w.tax_id
    ),
    ("DELETE", "/v1/customers/{id}/tax_ids/{child}"): lambda v1, w: v1.customers.tax_ids.delete(
        w.customer, w.create_tax_id(v1)
    ),
    ("GET", "/v1/tax_ids"): lambda v1, w: v1.tax_ids.list(
        {"owner": {"type": "customer", "customer": w.customer}}
    ),
    ("GET", "/v1/tax_ids/{id}"): lambda v1, w: v1.tax_ids.retrieve(w.tax_id),
    ("GET", "/v1/plans"): lambda v1, w: v1.plans.list({"active": True, "expand": ["data.product"]}),
    ("GET", "/v1/plans/{id}"): lambda v1, w: v1.plans.retrieve(w.member["items"].data[0].price.id),
    ("GET", "/v1/credit_notes"): lambda v1, w: v1.credit_notes.list({"customer": w.customer}),
    ("GET", "/v1/entitlements/active_entitlements"): lambda v1, w: v1.entitlements.active_entitlements.list(
        {"customer": w.customer}
    ),
    ("GET", "/v1/entitlements/features"): lambda v1, w: v1.entitlements.features.list(),
    ("GET", "/v1/reviews"): lambda v1, w: v1.reviews.list(),
    ("GET", "/v1/subscription_schedules"): lambda v1, w: v1.subscription_schedules.list(
        {"scheduled": False, "customer": v1.subscription_schedules.retrieve(w.create_schedule(v1)).customer}
    ),
    ("POST", "/v1/subscription_schedules"): lambda v1, w: w.create_schedule(v1),
    ("GET", "/v1/subscription_schedules/{id}"): lambda v1, w: v1.subscription_schedules.retrieve(
        w.create_schedule(v1), {"expand": ["subscription", "phases.items.price"]}
    ),
    ("POST", "/v1/subscription_schedules/{id}/release"): lambda v1, w: v1.subscription_schedules.release(
        w.create_schedule(v1)
    ),
    ("GET", "/v1/customers/{id}/sources"): lambda v1, w: v1.customers.payment_sources.list(w.customer),
    ("GET", "/v1/customers/{id}/subscriptions"): lambda v1, w: w.list_subscriptions(v1),
    ("GET", "/v1/customers/{id}"): lambda v1, w: v1.customers.retrieve(w.customer),
    ("POST", "/v1/customers/{id}"): lambda v1, w: v1.customers.update(
        w.customer,
        {"name": "Ada", "address": {"line1": "2 High Street"}, "invoice_settings": {"footer": "Bye"}},
    ),
    ("GET", "/v1/customers/{id}/balance_transactions"): lambda v1, w: v1.customers.balance_transactions.list(
        v1.customers.create({"balance": -500}).id
    ),
    ("DELETE", "/v1/customers/{id}"): lambda v1, w: v1.customers.delete(v1.customers.create({}).id),
    ("GET", "/v1/checkout/sessions"): lambda v1, w: v1.checkout.sessions.list(
        {"payment_intent": w.intent, "expand": ["data.line_items", "data.payment_intent.latest_charge"]}
    ),
    ("POST", "/v1/checkout/sessions"): lambda v1, w: v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": RETURN,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Tip"}},
                }
            ],
            "expand": ["line_items.data.price.product"],
        }
    ),
    ("GET", "/v1/checkout/sessions/{id}"): lambda v1, w: v1.checkout.sessions.retrieve(
        w.subscribed, {"expand": ["subscription.default_payment_method", "invoice.payments", "customer"]}
    ),
    ("POST", "/v1/checkout/sessions/{id}"): lambda v1, w: v1.checkout.sessions.update(
        w.open, {"metadata": {"a": "1"}}
    ),
    ("GET", "/v1/checkout/sessions/{id}/line_items"): lambda v1, w: v1.checkout.sessions.line_items.list(
        w.paid
    ),
    ("POST", "/v1/checkout/sessions/{id}/expire"): lambda v1, w: v1.checkout.sessions.expire(w.open),
    ("GET", "/v1/payment_intents"): lambda v1, w: v1.payment_intents.list({"customer": w.customer}),
    ("GET", "/v1/payment_intents/{id}"): lambda v1, w: v1.payment_intents.retrieve(
        w.intent, {"expand": ["latest_charge", "payment_method"]}
    ),
    ("POST", "/v1/payment_intents/{id}"): lambda v1, w: v1.payment_intents.update(
        w.intent, {"metadata": {"a": "1"}}
    ),
    ("POST", "/v1/payment_intents"): lambda v1, w: v1.payment_intents.create(
        {"amount": 900, "currency": "usd", "customer": w.customer, "payment_method": "pm_card_visa"}
    ),
    ("POST", "/v1/payment_intents/{id}/confirm"): lambda v1, w: v1.payment_intents.confirm(
        v1.payment_intents.create({"amount": 900, "currency": "usd"}).id,
        {"payment_method": "pm_card_authenticationRequired", "return_url": RETURN},
    ),
    ("POST", "/v1/payment_intents/{id}/cancel"): lambda v1, w: v1.payment_intents.cancel(
        v1.payment_intents.create({"amount": 900, "currency": "usd"}).id
    ),
    ("GET", "/v1/payment_intents/search"): lambda v1, w: v1.payment_intents.search(
        {"query": "status:'succeeded' AND amount>100"}
    ),
    ("GET", "/v1/charges/search"): lambda v1, w: v1.charges.search({"query": "-currency:'eur'"}),
    ("GET", "/v1/charges"): lambda v1, w: v1.charges.list(
        {"payment_intent": w.intent, "expand": ["data.refunds"]}
    ),
    ("GET", "/v1/charges/{id}"): lambda v1, w: v1.charges.retrieve(
        w.charge, {"expand": ["balance_transaction"]}
    ),
    ("GET", "/v1/charges/{id}/refunds"): lambda v1, w: w.list_refunds(v1),
    ("POST", "/v1/charges/{id}"): lambda v1, w: v1.charges.update(w.charge, {"description": "Icons"}),
    ("POST", "/v1/payment_methods/{id}"): lambda v1, w: v1.payment_methods.update(
        w.member.default_payment_method, {"allow_redisplay": "always"}
    ),
    ("POST", "/v1/payment_methods/{id}/attach"): lambda v1, w: v1.payment_methods.attach(
        "pm_card_mastercard", {"customer": w.customer}
    ),
    ("POST", "/v1/payment_methods/{id}/detach"): lambda v1, w: v1.payment_methods.detach(
        v1.payment_methods.attach("pm_card_visa", {"customer": w.customer}).id
    ),
    ("GET", "/v1/payment_methods"): lambda v1, w: v1.payment_methods.list(
        {"customer": w.member.customer, "type": "card"}
    ),
    ("GET", "/v1/payment_methods/{id}"): lambda v1, w: v1.payment_methods.retrieve(w.method),
    ("GET", "/v1/setup_intents"): lambda v1, w: v1.setup_intents.list({"expand": ["data.payment_method"]}),
    ("POST", "/v1/setup_intents"): lambda v1, w: v1.setup_intents.create(
        {
            "customer": w.customer,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    ),
    ("POST", "/v1/setup_intents/{id}/confirm"): lambda v1, w: v1.setup_intents.confirm(
        v1.setup_intents.create().id,
        {"payment_method": "pm_card_authenticationRequired", "return_url": RETURN},
    ),
    ("POST", "/v1/setup_intents/{id}/cancel"): lambda v1, w: v1.setup_intents.cancel(
        v1.setup_intents.create().id
    ),
    ("GET", "/v1/setup_intents/{id}"): lambda v1, w: v1.setup_intents.retrieve(w.setup_intent),
    ("GET", "/v1/subscription_items"): lambda v1, w: v1.subscription_items.list(
        {"subscription": w.member.id}
    ),
    ("POST", "/v1/subscription_items"): lambda v1, w: v1.subscription_items.create(
        {"subscription": w.member.id, "price": w.create_monthly_price(v1), "quantity": 2}
    ),
    ("POST", "/v1/subscription_items/{id}"): lambda v1, w: v1.subscription_items.update(
        w.member["items"].data[0].id, {"quantity": 3, "proration_behavior": "none"}
    ),
    ("DELETE", "/v1/subscription_items/{id}"): lambda v1, w: v1.subscription_items.delete(
        v1.subscription_items.create({"subscription": w.member.id, "price": w.create_monthly_price(v1)}).id
    ),
    ("GET", "/v1/subscription_items/{id}"): lambda v1, w: v1.subscription_items.retrieve(
        w.member["items"].data[0].id, {"expand": ["billed_until", "price.product"]}
    ),
    ("GET", "/v1/subscriptions/search"): lambda v1, w: v1.subscriptions.search({"query": "status:'active'"}),
    ("GET", "/v1/subscriptions"): lambda v1, w: v1.subscriptions.list(
        {"status": "all", "customer": w.customer}
    ),
    ("POST", "/v1/subscriptions"): lambda v1, w: v1.subscriptions.create(
        {
            "customer": w.member.customer,
            "items": [{"price": w.monthly, "quantity": 3}],
            "default_payment_method": w.member.default_payment_method,
            "trial_period_days": 7,
            "expand": ["latest_invoice"],
        }
    ),
    ("POST", "/v1/subscriptions/{id}"): lambda v1, w: v1.subscriptions.update(
        w.member.id,
        {
            "items": [{"id": w.member["items"].data[0].id, "price": w.yearly}],
            "cancel_at": "min_period_end",
            "pause_collection": {"behavior": "void"},
            "metadata": {"a": "1"},
        },
    ),
    ("DELETE", "/v1/subscriptions/{id}"): lambda v1, w: v1.subscriptions.cancel(
        w.member.id, {"cancellation_details": {"comment": "Too dear", "feedback": "too_expensive"}}
    ),
    ("POST", "/v1/subscriptions/{id}/pause"): lambda v1, w: v1.subscriptions.pause(w.member.id),
    ("POST", "/v1/subscriptions/{id}/resume"): lambda v1, w: (
        v1.subscriptions.pause(w.member.id),
        v1.subscriptions.resume(w.member.id, {"billing_cycle_anchor": {"type": "unchanged"}}),
    ),
    ("GET", "/v1/subscriptions/{id}"): lambda v1, w: v1.subscriptions.retrieve(
        w.subscription, {"expand": ["latest_invoice.payments", "items.data.price.product"]}
    ),
    ("GET", "/v1/invoices"): lambda v1, w: v1.invoices.list({"subscription": w.subscription}),
    ("GET", "/v1/invoices/search"): lambda v1, w: v1.invoices.search({"query": "status:'paid' OR total>0"}),
    ("GET", "/v1/invoices/{id}/lines"): lambda v1, w: v1.invoices.line_items.list(w.invoice),
    ("GET", "/v1/invoices/{id}"): lambda v1, w: v1.invoices.retrieve(
        w.invoice,
        {"expand": ["parent.subscription_details.subscription", "payments.data.payment.payment_intent"]},
    ),
    ("POST", "/v1/invoices"): lambda v1, w: v1.invoices.create(
        {"customer": w.member.customer, "metadata": {"a": "b"}, "description": "Posters"}
    ),
    ("POST", "/v1/invoiceitems"): lambda v1, w: v1.invoice_items.create(
        {"customer": w.member.customer, "pricing": {"price": w.price}}
    ),
    ("POST", "/v1/invoices/{id}/finalize"): lambda v1, w: v1.invoices.finalize_invoice(
        v1.invoices.create({"customer": w.member.customer}).id
    ),
    ("POST", "/v1/invoices/create_preview"): lambda v1, w: v1.invoices.create_preview(
        {
            "subscription": w.member.id,
            "preview_mode": "next",
            "subscription_details": {"items": [{"id": w.member["items"].data[0].id, "quantity": 2}]},
            "expand": ["customer", "parent.subscription_details.subscription"],
        }
    ),
    ("GET", "/v1/invoiceitems"): lambda v1, w: (
        w.create_invoice_item(v1),
        v1.invoice_items.list({"customer": str(w.member.customer)}),
    ),
    ("GET", "/v1/invoiceitems/{id}"): lambda v1, w: v1.invoice_items.retrieve(w.create_invoice_item(v1)),
    ("POST", "/v1/invoices/{id}/pay"): lambda v1, w: v1.invoices.pay(
        w.create_open_invoice(v1), {"payment_method": w.member.default_payment_method}
    ),
    ("POST", "/v1/invoices/{id}/attach_payment"): lambda v1, w: v1.invoices.attach_payment(
        w.create_open_invoice(v1),
        {"payment_record": w.create_payment_record(v1), "expand": ["payments.data.payment.payment_record"]},
    ),
    ("POST", "/v1/payment_records/report_payment"): lambda v1, w: w.create_payment_record(v1),
    ("GET", "/v1/payment_records/{id}"): lambda v1, w: v1.payment_records.retrieve(
        w.create_payment_record(v1)
    ),
    ("GET", "/v1/test_helpers/test_clocks"): lambda v1, w: v1.test_helpers.test_clocks.list(),
    ("POST", "/v1/test_helpers/test_clocks"): lambda v1, w: v1.test_helpers.test_clocks.create(
        {"frozen_time": 5}
    ),
    ("GET", "/v1/test_helpers/test_clocks/{id}"): lambda v1, w: v1.test_helpers.test_clocks.retrieve(w.clock),
    ("DELETE", "/v1/test_helpers/test_clocks/{id}"): lambda v1, w: v1.test_helpers.test_clocks.delete(
        w.clock
    ),
    ("POST", "/v1/test_helpers/test_clocks/{id}/advance"): lambda v1, w: v1.test_helpers.test_clocks.advance(
        w.clock, {"frozen_time": 1893456001}
    ),
    ("GET", "/v1/invoice_payments"): lambda v1, w: v1.invoice_payments.list(
        {
            "payment": {
                "type": "payment_intent",
                "payment_intent": v1.invoice_payments.list().data[0].payment.payment_intent,
            }
        }
    ),
    ("GET", "/v1/invoice_payments/{id}"): lambda v1, w: v1.invoice_payments.retrieve(w.payment),
    ("GET", "/v1/coupons"): lambda v1, w: v1.coupons.list(),
    ("POST", "/v1/coupons"): lambda v1, w: v1.coupons.create(
        {
            "amount_off": 500,
            "currency": "usd",
            "duration": "repeating",
            "duration_in_months": 3,
            "name": "Spring",
        }
    ),
    ("GET", "/v1/coupons/{id}"): lambda v1, w: v1.coupons.retrieve(w.coupon),
    ("POST", "/v1/coupons/{id}"): lambda v1, w: v1.coupons.update(w.coupon, {"name": "Autumn"}),
    ("DELETE", "/v1/coupons/{id}"): lambda v1, w: v1.coupons.delete(w.coupon),
    ("GET", "/v1/promotion_codes"): lambda v1, w: v1.promotion_codes.list(
        {"code": "SPRING", "coupon": w.coupon, "expand": ["data.promotion.coupon"]}
    ),
    ("POST", "/v1/promotion_codes"): lambda v1, w: v1.promotion_codes.create(
        {
            "promotion": {"type": "coupon", "coupon": w.coupon},
            "restrictions": {"minimum_amount": 100, "minimum_amount_currency": "usd"},
        }
    ),
    ("GET", "/v1/promotion_codes/{id}"): lambda v1, w: v1.promotion_codes.retrieve(w.code),
    ("POST", "/v1/promotion_codes/{id}"): lambda v1, w: v1.promotion_codes.update(w.code, {"active": False}),
    ("POST", "/v1/billing_portal/sessions"): lambda v1, w: v1.billing_portal.sessions.create(
        {
            "customer": w.customer,
            "return_url": "https://shop.example/account",
            "flow_data": {
                "type": "subscription_cancel",
                "subscription_cancel": {"subscription": w.subscription},
                "after_completion": {
                    "type": "redirect",
                    "redirect": {"return_url": "https://shop.example/bye"},
                },
            },
            "expand": ["configuration"],
        }
    ),
    ("GET", "/v1/billing_portal/configurations"): lambda v1, w: v1.billing_portal.configurations.list(
        {"is_default": True}
    ),
    ("POST", "/v1/billing_portal/configurations"): lambda v1, w: v1.billing_portal.configurations.create(
        {
            "features": {"subscription_cancel": {"enabled": True, "mode": "immediately"}},
            "metadata": {"a": "1"},
        }
    ),
    ("GET", "/v1/billing_portal/configurations/{id}"): lambda v1, w: (
        v1.billing_portal.configurations.retrieve(w.configuration)
    ),
    ("POST", "/v1/billing_portal/configurations/{id}"): lambda v1, w: v1.billing_portal.configurations.update(
        w.configuration,
        {"features": {"invoice_history": {"enabled": False}}, "business_profile": {"headline": "Hello"}},
    ),
    ("GET", "/v1/refunds"): lambda v1, w: v1.refunds.list({"charge": w.charge, "expand": ["data.charge"]}),
    ("POST", "/v1/refunds"): lambda v1, w: v1.refunds.create(
        {
            "payment_intent": w.intent,
            "reason": "duplicate",
            "metadata": {"a": "1"},
            "expand": ["charge.refunds"],
        }
    ),
    ("GET", "/v1/refunds/{id}"): lambda v1, w: v1.refunds.retrieve(w.refund, {"expand": ["payment_intent"]}),
    ("POST", "/v1/refunds/{id}"): lambda v1, w: v1.refunds.update(w.refund, {"metadata": {"a": "1"}}),
    ("POST", "/v1/refunds/{id}/cancel"): lambda v1, w: v1.refunds.cancel(w.create_open_refund()),
    ("GET", "/v1/disputes"): lambda v1, w: v1.disputes.list(
        {"created": {"gte": 1}, "expand": ["data.charge"]}
    ),
    ("GET", "/v1/disputes/{id}"): lambda v1, w: v1.disputes.retrieve(
        w.dispute, {"expand": ["balance_transactions.source"]}
    ),
    ("POST", "/v1/disputes/{id}"): lambda v1, w: v1.disputes.update(
        w.dispute, {"evidence": {"uncategorized_text": "winning_evidence"}, "metadata": {"a": "1"}}
    ),
    ("POST", "/v1/disputes/{id}/close"): lambda v1, w: v1.disputes.close(w.dispute),
    ("GET", "/v1/radar/early_fraud_warnings"): lambda v1, w: v1.radar.early_fraud_warnings.list(),
    ("GET", "/v1/radar/early_fraud_warnings/{id}"): lambda v1, w: v1.radar.early_fraud_warnings.retrieve(
        w.warning
    ),
    ("GET", "/v1/events"): lambda v1, w: v1.events.list(
        {"types": ["charge.succeeded"], "delivery_success": False}
    ),
    ("GET", "/v1/events/{id}"): lambda v1, w: v1.events.retrieve(w.event),
    ("GET", "/v1/webhook_endpoints"): lambda v1, w: v1.webhook_endpoints.list(),
    ("POST", "/v1/webhook_endpoints"): lambda v1, w: v1.webhook_endpoints.create(
        {"url": "https://b.example", "enabled_events": ["charge.failed"], "metadata": {"a": "1"}}
    ),
    ("GET", "/v1/webhook_endpoints/{id}"): lambda v1, w: v1.webhook_endpoints.retrieve(w.endpoint),
    ("POST", "/v1/webhook_endpoints/{id}"): lambda v1, w: v1.webhook_endpoints.update(
        w.endpoint, {"disabled": True}
    ),
    ("DELETE", "/v1/webhook_endpoints/{id}"): lambda v1, w: v1.webhook_endpoints.delete(w.endpoint),
}
NEVER_FILLED = {"/v1/accounts", "/v1/products/{id}/features", "/v1/customers/{id}/sources"} | {
    route.path for route in routes.ROUTES if route.handler is empty_lists.listing
}


def test_every_route_has_a_scenario() -> None:
    assert {(route.method, route.path) for route in routes.ROUTES} == CALLS.keys()


@pytest.fixture(scope="module")
def populated_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleData, Recorder]:
    """Create a sandbox file with sample data; each route's test gets a copy."""
    file, recorder = tmp_path_factory.mktemp("data") / "stripe_sandbox.sqlite3", Recorder()
    with override_settings(
        STRIPE_SANDBOX_DB=file, STRIPE_SANDBOX_DELIVERY="manual", STRIPE_SANDBOX_DEMO=False
    ):
        data = SampleData(stripe.StripeClient("sk_test_contract", http_client=recorder).v1)
        storage.close_idle()
    return file, data, recorder


def test_setup_responses_match_sdk_types(populated_file: tuple[Path, SampleData, Recorder]) -> None:
    for route, answer in populated_file[2].exchanges:
        check_response(answer, at=f"{route.method} {route.path}")


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_route_responses_match_sdk_types(
    route: routes.Route, populated_file: tuple[Path, SampleData, Recorder], tmp_path: Path, settings: Any
) -> None:
    settings.STRIPE_SANDBOX_DB = shutil.copy(populated_file[0], tmp_path / "stripe_sandbox.sqlite3")
    recorder = Recorder()
    v1 = stripe.StripeClient("sk_test_contract", http_client=recorder).v1
    CALLS[route.method, route.path](v1, populated_file[1])
    last, answer = recorder.exchanges[-1]
    assert last is route
    assert answer.get("data") != [] or route.path in NEVER_FILLED, "the list is empty"
    for _, each in recorder.exchanges:
        check_response(each)
    client = stripe.StripeClient("sk_test_contract", http_client=recorder)
    for nested in find_nested_lists(answer):
        found = client.deserialize(client.raw_request("get", nested["url"]), api_mode="V1")
        assert [row["id"] for row in found["data"]] == [row["id"] for row in nested["data"]], nested["url"]


def find_nested_lists(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the lists in an object, and in the objects of a list."""
    if isinstance(node, dict):
        for value in node.values():
            if isinstance(value, dict) and value.get("object") == "list":
                yield value
            yield from find_nested_lists(value)
    elif isinstance(node, list):
        for value in node:
            yield from find_nested_lists(value)


def create_varied_purchases(v1: V1, data: SampleData) -> list[str]:
    """Create paid bank debits with invoices, and a subscription with discount, tax, tax id and setup fee."""
    eur = v1.prices.create({"currency": "eur", "unit_amount": 2400, "product": data.product}).id
    debits = [data.session(v1, eur, invoice_creation={"enabled": True}) for _ in range(2)]
    for session, account in zip(debits, ibans.TABLE[:2], strict=True):
        payment.pay(session, PaymentForm("ada@example.com", paymentMethod="sepa_debit", iban=account.number))
    fee = v1.prices.create({"currency": "jpy", "unit_amount": 500, "product": data.product}).id
    subscribed = data.session(
        v1,
        data.monthly,
        mode="subscription",
        line_items=[{"price": price, "quantity": 1} for price in (data.monthly, fee)],
        discounts=[{"promotion_code": data.code}],
        automatic_tax={"enabled": True},
        tax_id_collection={"enabled": True},
    )
    entry = PaymentForm(
        "ada@example.com", "4242424242424242", "12 / 40", "123", "Ada", "DE", taxId="DE123456789"
    )
    payment.pay(subscribed, entry)
    return [*debits, subscribed]


def create_all_kinds(sandbox: Any) -> None:
    """Create objects in all of their states."""
    data = SampleData(sandbox.client.v1)
    for card in ("4000000000000002", "4100000000000019", "4000008400001629", "4000000000000069"):
        pay(data.declined, card)
        payment.authenticate(data.declined, passed=True)
    for session in create_varied_purchases(sandbox.client.v1, data):
        scheduled_actions.run_for(session)
    for evidence, card in (
        ("losing_evidence", "259"),
        ("winning_evidence", "2685"),
        ("escalate_inquiry_evidence", "1976"),
    ):
        session = data.session(sandbox.client.v1, data.price)
        pay(session, f"400000000000{card:0>4}")
        scheduled_actions.run_due(time.time() + 60)
        dispute = sandbox.client.v1.disputes.list().data[0].id
        sandbox.client.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": evidence}})
    for card in ("4000000000007726", "4000000000005126"):
        session = data.session(sandbox.client.v1, data.price)
        pay(session, card)
        intent = sandbox.client.v1.checkout.sessions.retrieve(session).payment_intent
        sandbox.client.v1.refunds.create({"payment_intent": intent})
    scheduled_actions.run_due(time.time() + 60)
    sandbox.client.v1.products.update(data.product, {"active": False, "metadata": {"a": "1"}})
    sandbox.client.v1.customers.delete(data.customer)


def test_stored_objects_and_events_match_sdk_types(sandbox: Any) -> None:
    create_all_kinds(sandbox)
    events = sandbox.events()
    assert len(events) > 40
    for event in events:
        check_response(event)
        check_response(event["data"]["object"])
    for row in storage.query("SELECT json FROM objects"):
        check_response(json.loads(row["json"]))
