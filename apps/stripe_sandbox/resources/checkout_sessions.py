"""https://docs.stripe.com/api/checkout/sessions"""

from typing import Any

import stripe

from .. import calls, clock, errors, events, ids, shapes, storage
from ..calls import Call, listed, load, unset
from ..storage import Obj
from . import checkout_rules

Session = stripe.checkout.Session


def create(call: Call) -> Obj:
    """POST /v1/checkout/sessions, for Stripe's hosted page."""
    params = {name: value for name, value in call.params.items() if value != {"enabled": False}}
    checkout_rules.check(params)
    lines = [
        checkout_rules.line(row, f"line_items[{index}]") for index, row in enumerate(params.pop("line_items"))
    ]
    checkout_rules.check_lines(params["mode"], lines)
    subscription_data = params.pop("subscription_data", {})
    trial = "trial_end" in subscription_data or "trial_period_days" in subscription_data
    session_id = ids.new("checkout.session")
    rows = [_item(line, trial) for line in lines]
    total = sum(row["amount_total"] for row in rows)
    checkout_rules.check_total(total, rows[0]["currency"])
    for row in reversed(rows):
        storage.put(row, parent=session_id)
    defaults = _defaults(params) | {
        "id": session_id,
        "amount_subtotal": total,
        "amount_total": total,
        "currency": rows[0]["currency"],
        "url": f"{call.origin}/stripe-sandbox/checkout/{session_id}",
    }
    hidden = {
        "payment_intent_data": unset(params.pop("payment_intent_data", {})),
        "subscription_data": unset(subscription_data),
        "customer_update": params.pop("customer_update", {}),
    }
    return storage.put(shapes.new(Session, defaults, unset(params)), hidden=hidden)


def retrieve(call: Call) -> Obj:
    """GET /v1/checkout/sessions/{id}"""
    expire_due()
    return load("checkout.session", call.args["id"])


def listing(call: Call) -> Obj:
    """GET /v1/checkout/sessions"""
    expire_due()
    return calls.listing("checkout.session")(call)


def line_items(call: Call) -> Obj:
    """GET /v1/checkout/sessions/{id}/line_items"""
    load("checkout.session", call.args["id"])
    return listed(call, "item", parent=call.args["id"])


def expire(call: Call) -> Obj:
    """POST /v1/checkout/sessions/{id}/expire"""
    session = load("checkout.session", call.args["id"])
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of `{session['status']}`."
        )
        raise errors.ApiError(message, param="id")
    return _expire(session)


def expire_due(now: int | None = None) -> None:
    """Expire every open session whose time has come, with its event. Cheap when there is none."""
    sql = (
        "SELECT id FROM objects INDEXED BY sessions_open WHERE object = 'checkout.session'"
        " AND json_extract(json, '$.status') = 'open' AND json_extract(json, '$.expires_at') <= ?"
    )
    for row in storage.query(sql, clock.now() if now is None else now):
        with storage.transaction():
            session = storage.get(row["id"])
            if session and session["status"] == "open":
                _expire(session)


def complete(session: Obj, payment_status: str, **fields: Any) -> Obj:
    """The buyer has paid (or need not): complete, with checkout.session.completed. Gives the session back.

    `fields` are what the page has learnt: customer, customer_details, payment_intent, subscription, invoice …
    """
    after = storage.put(
        session | {"status": "complete", "payment_status": payment_status, "url": None} | fields
    )
    events.emit("checkout.session.completed", after)
    return after


def _expire(session: Obj) -> Obj:
    after = storage.put(session | {"status": "expired", "url": None})
    events.emit("checkout.session.expired", after)
    return after


# --- what a new session looks like ------------------------------------------------------------------------


def _item(line: Obj, trial: bool) -> Obj:
    price, quantity = line["price"], line["quantity"]
    amount = 0 if trial and price["recurring"] else (price["unit_amount"] or 0) * quantity
    defaults = {
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": line["product"]["name"],
        "metadata": line["metadata"],
        "price": price,
        "quantity": quantity,
    }
    return shapes.new(stripe.LineItem, defaults, {})


def _defaults(params: Obj) -> Obj:
    customer = storage.get(params.get("customer", ""), "customer") or {"email": params.get("customer_email")}
    payment = params["mode"] == "payment"
    invoice_data = shapes.fill(Session.InvoiceCreation.InvoiceData, metadata={})
    details = {name: customer.get(name) for name in ("address", "email", "name", "phone")}
    return {
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": shapes.fill(Session.AutomaticTax, enabled=False),
        "custom_fields": [],
        "custom_text": shapes.fill(Session.CustomText),
        "customer_creation": "if_required" if payment and "id" not in customer else None,
        "customer_details": shapes.fill(Session.CustomerDetails, tax_exempt="none", **details)
        if customer["email"]
        else None,
        "expires_at": clock.now() + checkout_rules.LATEST,
        "invoice_creation": {"enabled": False, "invoice_data": invoice_data} if payment else None,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "payment_method_collection": "if_required" if payment else "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    }
