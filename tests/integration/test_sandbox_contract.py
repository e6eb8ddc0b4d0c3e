"""The sandbox against the official SDK: every route is driven, every answer judged by the SDK's own classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import stripe

from apps.stripe_sandbox import routes, storage
from apps.stripe_sandbox.hosted import outcomes
from apps.stripe_sandbox.hosted.entry import Entry
from apps.stripe_sandbox.transport import InProcessClient
from tests.sdk_types import check_response

V1 = Any  # stripe.V1Services
RETURN = "https://shop.example/return?session_id={CHECKOUT_SESSION_ID}"


class Recorder(InProcessClient):
    """The in-process transport, keeping what was asked and answered."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[tuple[routes.Route, dict[str, Any]]] = []

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **more: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        body, status, answered = super().request(method, url, headers, post_data, **more)
        path = url.partition("?")[0].removeprefix("https://api.stripe.com")
        found = [
            route
            for route in routes.ROUTES
            if route.method == method.upper() and route.regex.fullmatch(path) and status == 200
        ]
        self.exchanges += [(route, json.loads(body)) for route in found[:1]]
        return body, status, answered


class World:
    """A product sold once and by the month, each bought; a declined card; a trial; an open session."""

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
        address = {"line1": "1 High Street", "country": "GB"}
        self.customer = v1.customers.create(
            {"email": "ada@example.com", "address": address, "shipping": {"name": "Ada", "address": address}}
        ).id
        self.paid = self.session(v1, self.price, customer=self.customer)
        self.subscribed = self.session(v1, self.monthly, mode="subscription", customer=self.customer)
        self.trial = self.session(
            v1, self.monthly, mode="subscription", subscription_data={"trial_period_days": 14}
        )
        self.declined = self.session(v1, self.price)
        pay(self.declined, "4000000000009995")
        for session in (self.paid, self.subscribed, self.trial):
            pay(session, "4000002760003184")
            outcomes.authenticate(session, passed=True)
        self.open = self.session(v1, self.price, customer_email="bob@example.com")
        paid = v1.checkout.sessions.retrieve(self.paid, {"expand": ["payment_intent"]})
        self.intent, self.charge = paid.payment_intent.id, paid.payment_intent.latest_charge
        self.method = paid.payment_intent.payment_method
        subscribed = v1.checkout.sessions.retrieve(self.subscribed)
        self.subscription, self.invoice = subscribed.subscription, subscribed.invoice
        self.setup_intent = v1.setup_intents.list().data[0].id
        self.payment = v1.invoice_payments.list().data[0].id
        self.event = v1.events.list().data[0].id
        self.endpoint = v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]}).id

    def session(self, v1: V1, price: str, **params: Any) -> str:
        line = {"price": price, "quantity": 2}
        return str(
            v1.checkout.sessions.create(
                {"mode": "payment", "line_items": [line], "success_url": RETURN, **params}
            ).id
        )


def pay(session: str, number: str) -> None:
    outcomes.pay(
        session, Entry("ada@example.com", number, "12 / 40", "123", "Ada Lovelace", "GB", "SW1A 1AA")
    )


Drive = Callable[[V1, World], object]
DRIVES: dict[tuple[str, str], Drive] = {
    ("GET", "/v1/account"): lambda v1, w: v1.accounts.retrieve_current(),
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
            "unit_amount_decimal": "12.5",
            "product_data": {"name": "Other"},
            "expand": ["product"],
        }
    ),
    ("GET", "/v1/prices/{id}"): lambda v1, w: v1.prices.retrieve(w.price),
    ("POST", "/v1/prices/{id}"): lambda v1, w: v1.prices.update(w.price, {"nickname": "Launch"}),
    ("GET", "/v1/customers"): lambda v1, w: v1.customers.list(
        {"email": "ada@example.com", "expand": ["data.subscriptions"]}
    ),
    ("POST", "/v1/customers"): lambda v1, w: v1.customers.create({"email": "bob@example.com"}),
    ("GET", "/v1/customers/{id}"): lambda v1, w: v1.customers.retrieve(w.customer),
    ("POST", "/v1/customers/{id}"): lambda v1, w: v1.customers.update(
        w.customer,
        {"name": "Ada", "address": {"line1": "2 High Street"}, "invoice_settings": {"footer": "Bye"}},
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
    ("GET", "/v1/charges"): lambda v1, w: v1.charges.list(
        {"payment_intent": w.intent, "expand": ["data.refunds"]}
    ),
    ("GET", "/v1/charges/{id}"): lambda v1, w: v1.charges.retrieve(w.charge),
    ("POST", "/v1/charges/{id}"): lambda v1, w: v1.charges.update(w.charge, {"description": "Icons"}),
    ("GET", "/v1/payment_methods/{id}"): lambda v1, w: v1.payment_methods.retrieve(w.method),
    ("GET", "/v1/setup_intents"): lambda v1, w: v1.setup_intents.list({"expand": ["data.payment_method"]}),
    ("GET", "/v1/setup_intents/{id}"): lambda v1, w: v1.setup_intents.retrieve(w.setup_intent),
    ("GET", "/v1/subscriptions"): lambda v1, w: v1.subscriptions.list(
        {"status": "all", "customer": w.customer}
    ),
    ("GET", "/v1/subscriptions/{id}"): lambda v1, w: v1.subscriptions.retrieve(
        w.subscription, {"expand": ["latest_invoice.payments", "items.data.price.product"]}
    ),
    ("GET", "/v1/invoices"): lambda v1, w: v1.invoices.list({"subscription": w.subscription}),
    ("GET", "/v1/invoices/{id}"): lambda v1, w: v1.invoices.retrieve(
        w.invoice,
        {"expand": ["parent.subscription_details.subscription", "payments.data.payment.payment_intent"]},
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


def test_every_route_is_driven() -> None:
    assert {(route.method, route.path) for route in routes.ROUTES} == DRIVES.keys()


def test_answers_are_objects_of_the_sdk(sandbox: Any) -> None:
    recorder = Recorder()
    v1 = stripe.StripeClient("sk_test_contract", http_client=recorder).v1
    world = World(v1)
    for route in routes.ROUTES:
        DRIVES[route.method, route.path](v1, world)
        last, answer = recorder.exchanges[-1]
        assert last is route
        assert answer.get("data") != [], f"{route.path}: an empty list proves nothing"
    for route, answer in recorder.exchanges:
        check_response(answer, at=f"{route.method} {route.path}")


def test_whatever_is_stored_or_sent_is_complete(sandbox: Any) -> None:
    world = World(sandbox.client.v1)
    for card in ("4000000000000002", "4100000000000019", "4000008400001629", "4000000000000069"):
        pay(world.declined, card)
        outcomes.authenticate(world.declined, passed=True)
    sandbox.client.v1.products.update(world.product, {"active": False, "metadata": {"a": "1"}})
    sandbox.client.v1.customers.delete(world.customer)
    events = sandbox.events()
    assert len(events) > 40
    for event in events:
        check_response(event)
        check_response(event["data"]["object"])
    for row in storage.query("SELECT json FROM objects"):
        check_response(json.loads(row["json"]))
