"""A store's calls with any stripe-python from 10 on: python python_client.py PORT

Print JSON lines: {"client": …, "api_version": …}, then {"call": …, "error": …} for each call. Fail if one has an error.
"""

import json
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import stripe

URL = f"http://127.0.0.1:{sys.argv[1]}"
stripe.api_key, stripe.api_base, stripe.enable_telemetry = "sk_test_clients", URL, False
VERSION = stripe.api_version or stripe._http_client._api_version
CLIENT = stripe.StripeClient("sk_test_clients", base_addresses={"api": URL})
V1 = getattr(CLIENT, "v1", CLIENT)  # before stripe-python 12.5 there is no `v1`
BEFORE_CLOVER, BEFORE_DAHLIA, BEFORE_ENDIVE = (
    date > VERSION for date in ("2025-09-30", "2026-03-25", "2026-09-30")
)
AUTOMATIC = {"enabled": True, "allow_redirects": "never"}


def control(path, **params):
    body = json.dumps(params).encode()
    request = urllib.request.Request(f"{URL}/control/{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def expect(found, wanted):
    assert found == wanted, f"{found!r}, not {wanted!r}"


def catalogue(s):
    yield "products.create"
    s.product = V1.products.create(
        {"name": "Größe & 100 %", "default_price_data": {"currency": "usd", "unit_amount": 1900}}
    )
    yield "products.retrieve, expanded"
    s.product = V1.products.retrieve(s.product.id, {"expand": ["default_price"]})
    s.price = s.product.default_price.id
    expect(s.product.default_price.unit_amount, 1900)
    yield "products.update"
    expect(V1.products.update(s.product.id, {"metadata": {"a": "1"}}).metadata["a"], "1")
    yield "products.list with auto-paging"
    V1.products.create({"name": "Other"})
    expect(len(list(V1.products.list({"limit": 1}).auto_paging_iter())), 2)
    yield "products.search"
    expect([found.id for found in V1.products.search({"query": "metadata['a']:'1'"}).data], [s.product.id])
    yield "Product.list (global style)"
    expect(len(stripe.Product.list(limit=10).data), 2)
    yield "prices.create"
    plan = {
        "product": s.product.id,
        "currency": "usd",
        "unit_amount": 900,
        "recurring": {"interval": "month"},
    }
    s.monthly = V1.prices.create(plan).id
    yield "prices.list, retrieve, update, search"
    expect([price.id for price in V1.prices.list({"type": "recurring"}).data], [s.monthly])
    expect(V1.prices.update(s.monthly, {"nickname": "Club"}).nickname, "Club")
    expect(V1.prices.retrieve(s.monthly, {"expand": ["product"]}).product.id, s.product.id)
    expect(len(V1.prices.search({"query": f"product:'{s.product.id}'"}).data), 2)
    yield "errors"
    try:
        V1.products.retrieve("prod_nothing")
    except stripe.InvalidRequestError as error:
        expect((error.code, error.http_status), ("resource_missing", 404))
    yield "idempotency key"
    first, second = (V1.customers.create({"name": "Eve"}, {"idempotency_key": "one"}) for _ in range(2))
    expect(first.id, second.id)


def customers(s):
    yield "customers.create, retrieve, update, list, search"
    s.customer = V1.customers.create({"email": "ada@example.com", "address": {"country": "DE"}}).id
    V1.customers.update(s.customer, {"name": "Ada"})
    expand = ["subscriptions", "sources", "tax_ids", "tax"]
    expect(V1.customers.retrieve(s.customer, {"expand": expand}).name, "Ada")
    expect([each.id for each in V1.customers.list({"email": "ada@example.com"}).data], [s.customer])
    expect([each.id for each in V1.customers.search({"query": "name:'ada'"}).data], [s.customer])
    yield "payment_methods.attach, list, detach"
    s.card = V1.payment_methods.attach("pm_card_visa", {"customer": s.customer}).id
    other = V1.payment_methods.attach("pm_card_mastercard", {"customer": s.customer}).id
    expect(len(V1.payment_methods.list({"customer": s.customer, "type": "card"}).data), 2)
    V1.payment_methods.detach(other)
    expect([card.id for card in V1.customers.payment_methods.list(s.customer).data], [s.card])
    V1.customers.update(s.customer, {"invoice_settings": {"default_payment_method": s.card}})
    yield "customers.delete"
    expect(V1.customers.delete(V1.customers.create({}).id).deleted, True)
    yield "customers.tax_ids, payment_sources"
    V1.customers.tax_ids.create(s.customer, {"type": "eu_vat", "value": "DE123456789"})
    expect(len(V1.customers.tax_ids.list(s.customer).data), 1)
    expect(V1.customers.payment_sources.list(s.customer).data, [])


def checkout(s):
    params = {
        "mode": "payment",
        "line_items": [{"price": s.price, "quantity": 2}],
        "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/",
        "client_reference_id": "42",
        "metadata": {"order": "42"},
        "payment_intent_data": {"metadata": {"order": "42"}},
        "ui_mode": "hosted" if BEFORE_DAHLIA else "hosted_page",
    }
    if BEFORE_ENDIVE:
        params["payment_method_types"] = ["card"]
    yield "checkout.sessions.create in payment mode"
    s.session = V1.checkout.sessions.create(params)
    expect((s.session.amount_total, s.session.payment_method_types), (3800, ["card"]))
    yield "checkout.sessions.retrieve with line_items"
    expand = ["line_items.data.price.product", "total_details.breakdown"]
    found = V1.checkout.sessions.retrieve(s.session.id, {"expand": expand})
    expect(found.line_items.data[0].price.product.id, s.product.id)
    yield "checkout.sessions.line_items.list"
    expect(V1.checkout.sessions.line_items.list(s.session.id).data[0].quantity, 2)
    yield "checkout.sessions.list, expire"
    expect(V1.checkout.sessions.expire(s.session.id).status, "expired")
    expect(len(V1.checkout.sessions.list({"status": "expired"}).data), 1)
    yield "checkout.sessions.create in subscription mode"
    plan = {"price": s.monthly, "quantity": 1}
    more = {"mode": "subscription", "line_items": [plan], "customer": s.customer}
    kept = {name: value for name, value in params.items() if name != "payment_intent_data"}
    trial = {"subscription_data": {"trial_period_days": 14, "metadata": {"order": "42"}}}
    expect(V1.checkout.sessions.create({**kept, **more, **trial}).customer, s.customer)
    yield "checkout.Session.create (global style)"
    expect(stripe.checkout.Session.create(**params).status, "open")


def discounts(s):
    yield "coupons.create, retrieve, update, list, delete"
    s.coupon = V1.coupons.create({"percent_off": 25, "duration": "once", "name": "Spring"}).id
    V1.coupons.update(s.coupon, {"name": "Summer"})
    expect(V1.coupons.retrieve(s.coupon, {"expand": ["applies_to"]}).name, "Summer")
    other = V1.coupons.create({"amount_off": 500, "currency": "usd", "duration": "forever"})
    expect(len(V1.coupons.list().data), 2)
    expect(V1.coupons.delete(other.id).deleted, True)
    yield "promotion_codes.create, list, update"
    coupon = {"coupon": s.coupon} if BEFORE_CLOVER else {"promotion": {"type": "coupon", "coupon": s.coupon}}
    code = V1.promotion_codes.create({**coupon, "code": "SPRING"})
    expect([each.id for each in V1.promotion_codes.list({"code": "SPRING"}).data], [code.id])
    expect(V1.promotion_codes.update(code.id, {"active": False}).active, False)


def billing(s):
    yield "subscriptions.create"
    plan = {"customer": s.customer, "items": [{"price": s.monthly}], "discounts": [{"coupon": s.coupon}]}
    s.subscription = V1.subscriptions.create({**plan, "expand": ["latest_invoice"]})
    expect((s.subscription.status, s.subscription.latest_invoice.amount_paid), ("active", 675))
    yield "subscriptions.retrieve, update, list, search"
    item = V1.subscription_items.list({"subscription": s.subscription.id}).data[0]
    change = {"items": [{"id": item.id, "quantity": 2}], "proration_behavior": "none"}
    V1.subscriptions.update(s.subscription.id, change)
    found = V1.subscriptions.retrieve(s.subscription.id, {"expand": ["items.data.price.product"]})
    expect(found["items"].data[0].quantity, 2)
    expect(len(V1.subscriptions.list({"customer": s.customer, "status": "all"}).data), 1)
    expect(len(V1.subscriptions.search({"query": "status:'active'"}).data), 1)
    yield "subscription_items.retrieve"
    expect(V1.subscription_items.retrieve(item.id).quantity, 2)
    if VERSION < "2025-03-31":
        yield "fields before basil"
        old = V1.subscriptions.retrieve(s.subscription.id, {"expand": ["latest_invoice.payment_intent"]})
        expect(old.current_period_end, old["items"].data[0].current_period_end)
        expect((old.latest_invoice.subscription, old.latest_invoice.paid), (old.id, True))
        expect(old.latest_invoice.payment_intent.status, "succeeded")
    yield "invoices.list, retrieve, lines, search"
    s.invoice = V1.invoices.list({"subscription": s.subscription.id}).data[0].id
    found = V1.invoices.retrieve(s.invoice, {"expand": ["discounts", "lines.data.discounts"]})
    expect(found.discounts[0].object, "discount")
    expect(len(list(found.lines.auto_paging_iter())), 1)
    expect(len(V1.invoices.line_items.list(s.invoice).data), 1)
    expect(len(V1.invoices.search({"query": f"subscription:'{s.subscription.id}'"}).data), 1)
    if hasattr(V1.invoices, "create_preview"):
        yield "invoices.create_preview"
        preview = V1.invoices.create_preview({"subscription": s.subscription.id})
        expect((preview.amount_due, len(list(preview.lines.auto_paging_iter()))), (1800, 1))
    if hasattr(V1, "invoice_payments"):
        yield "invoice_payments.list, retrieve"
        paid = V1.invoice_payments.list({"invoice": s.invoice}).data[0]
        expect(V1.invoice_payments.retrieve(paid.id).payment.type, "payment_intent")
        found = V1.invoices.retrieve(s.invoice, {"expand": ["payments"]})
        expect([payment.id for payment in found.payments.auto_paging_iter()], [paid.id])
    yield "billing_portal.configurations and sessions"
    configuration = {"features": {"invoice_history": {"enabled": True}}}
    V1.billing_portal.configurations.create(configuration)
    expect(len(V1.billing_portal.configurations.list().data) > 0, True)
    portal = V1.billing_portal.sessions.create(
        {"customer": s.customer, "return_url": "https://shop.example/"}
    )
    expect(portal.url.startswith(URL), True)
    yield "subscriptions.cancel"
    expect(V1.subscriptions.cancel(s.subscription.id).status, "canceled")


def payments(s):
    yield "payment_intents.list, retrieve, update, search"
    s.intent = V1.payment_intents.list({"customer": s.customer}).data[0].id
    V1.payment_intents.update(s.intent, {"metadata": {"order": "42"}})
    found = V1.payment_intents.retrieve(s.intent, {"expand": ["latest_charge.balance_transaction"]})
    s.charge = found.latest_charge.id
    expect(found.latest_charge.balance_transaction.amount, 675)
    expect(len(V1.payment_intents.search({"query": "metadata['order']:'42'"}).data), 1)
    yield "charges.list, retrieve, search"
    expect([charge.id for charge in V1.charges.list({"payment_intent": s.intent}).data], [s.charge])
    expect(len(V1.charges.search({"query": f"customer:'{s.customer}'"}).data), 1)
    yield "refunds.create, list, retrieve, update"
    refund = V1.refunds.create({"payment_intent": s.intent, "amount": 100})
    expect(V1.refunds.update(refund.id, {"metadata": {"a": "1"}}).status, "succeeded")
    expect([each.id for each in V1.refunds.list({"charge": s.charge}).data], [refund.id])
    expect(V1.charges.retrieve(s.charge, {"expand": ["refunds"]}).refunds.data[0].id, refund.id)
    yield "disputes.list, retrieve, update, close"
    control(f"objects/{s.charge}/dispute", choice="dispute_fraudulent")
    dispute = V1.disputes.list({"charge": s.charge}).data[0]
    V1.disputes.update(dispute.id, {"evidence": {"customer_name": "Ada"}})
    expect(V1.disputes.retrieve(dispute.id).evidence.customer_name, "Ada")
    expect(V1.disputes.close(dispute.id).status, "lost")
    yield "balance_transactions.list, balance, account"
    expect(len(V1.balance_transactions.list({"source": s.charge}).data), 1)
    expect(V1.balance.retrieve().object, "balance")
    expect(V1.accounts.list().data, [])
    own = stripe.Account.retrieve().id
    expect(V1.accounts.retrieve(own).id, own)
    yield "payment_intents.create, confirm, cancel"
    methods = (
        {"payment_method_types": ["card"]} if BEFORE_ENDIVE else {"automatic_payment_methods": AUTOMATIC}
    )
    params = {"amount": 900, "currency": "usd", "customer": s.customer, **methods}
    intent = V1.payment_intents.create(params).id
    expect(V1.payment_intents.confirm(intent, {"payment_method": s.card}).status, "succeeded")
    expect(V1.payment_intents.cancel(V1.payment_intents.create(params).id).status, "canceled")
    yield "setup_intents.create, confirm, list"
    intent = V1.setup_intents.create({"customer": s.customer, **methods}).id
    expect(V1.setup_intents.confirm(intent, {"payment_method": s.card}).status, "succeeded")
    expect([each.id for each in V1.setup_intents.list().data], [intent])
    yield "a declined card"
    bad = V1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": s.customer}).id
    plan = {"customer": s.customer, "items": [{"price": s.monthly}], "default_payment_method": bad}
    unpaid = V1.subscriptions.create(plan)
    try:
        V1.invoices.pay(unpaid.latest_invoice)
    except stripe.CardError as error:
        expect((error.code, error.http_status), ("card_declined", 402))
    else:
        raise AssertionError("no CardError")


def webhooks(s):
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((body, self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield "webhook_endpoints.create, list, update"
    url = f"http://127.0.0.1:{server.server_port}/"
    endpoint = V1.webhook_endpoints.create(
        {"url": url, "enabled_events": ["product.created"], "api_version": VERSION}
    )
    V1.webhook_endpoints.update(endpoint.id, {"description": "client"})
    expect(endpoint.id in [each.id for each in V1.webhook_endpoints.list().data], True)
    yield "a signed webhook"
    product = V1.products.create({"name": "Announced"}).id
    deadline = time.monotonic() + 20
    while not received:
        assert time.monotonic() < deadline, "no webhook"
        time.sleep(0.05)
    event = stripe.Webhook.construct_event(*received[0], endpoint.secret)
    expect((event.type, event.data.object.id), ("product.created", product))
    yield "webhook_endpoints.delete"
    expect(V1.webhook_endpoints.delete(endpoint.id).deleted, True)
    yield "events.list, retrieve"
    found = V1.events.list({"type": "product.created", "limit": 1}).data[0].id
    expect(V1.events.retrieve(found).id, found)


def test_clocks(s):
    yield "test_helpers.test_clocks"
    clocks = V1.test_helpers.test_clocks
    clock = clocks.create({"frozen_time": 1893456000, "name": "2030"}).id
    customer = V1.customers.create({"test_clock": clock}).id
    card = V1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    plan = {"customer": customer, "items": [{"price": s.monthly}], "default_payment_method": card}
    subscription = V1.subscriptions.create(plan).id
    clocks.advance(clock, {"frozen_time": 1893456000 + 32 * 86400})
    deadline = time.monotonic() + 20
    while clocks.retrieve(clock).status != "ready":
        assert time.monotonic() < deadline, "the clock does not become ready"
        time.sleep(0.05)
    expect(len(V1.invoices.list({"subscription": subscription}).data), 2)
    expect(len(clocks.list().data), 1)
    expect(clocks.delete(clock).deleted, True)


class State:
    """Results of earlier calls that later ones need."""


def main():
    state, failed = State(), 0
    print(json.dumps({"client": f"stripe-python {stripe.VERSION}", "api_version": VERSION}), flush=True)
    for part in (catalogue, customers, checkout, discounts, billing, payments, webhooks, test_clocks):
        calls = part(state)
        name, error = next(calls), ""
        while name and not error:
            try:
                following = next(calls, "")
            except Exception as problem:
                following, error, failed = "", f"{type(problem).__name__}: {problem}", failed + 1
            print(json.dumps({"call": name, "error": error}), flush=True)
            name = following
    return failed


if __name__ == "__main__":
    sys.exit(main())
