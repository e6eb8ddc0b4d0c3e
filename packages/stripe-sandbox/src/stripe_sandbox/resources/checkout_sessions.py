"""https://docs.stripe.com/api/checkout/sessions"""

from collections.abc import Callable
from typing import Any

import stripe

from .. import account_state, calls, clock, errors, events, ids, presentment, shapes, storage, switches
from ..calls import Call, empty_to_null, list_page, load
from ..storage import Obj
from . import (
    checkout_rules,
    customer_billing,
    session_amounts,
    session_currency,
    session_items,
    session_options,
    session_recovery,
)

Session = stripe.checkout.Session


def create(call: Call) -> Obj:
    """POST /v1/checkout/sessions, only for Stripe's hosted page."""
    account_state.check_checkout()
    params = {name: value for name, value in call.params.items() if value != {"enabled": False}}
    checkout_rules.check(params)
    lines = [
        checkout_rules.parse_line(row, f"line_items[{index}]")
        for index, row in enumerate(params.pop("line_items"))
    ]
    offers = checkout_rules.parse_optional_items(params)
    checkout_rules.check_lines(params, lines + offers)
    currency = session_currency.choose(params, lines + offers)
    if params["mode"] == "subscription" and params.get("customer"):
        customer_billing.check_currency(params["customer"], currency)
    subscription_data = params.pop("subscription_data", {})
    trial = session_items.has_trial(subscription_data)
    session_id = ids.new("checkout.session")
    items = [session_items.new(line, currency, trial) for line in lines]
    discounts, coupon = session_amounts.parse_discounts(params, items)
    rows, amounts = session_amounts.price_items(items, coupon, "automatic_tax" in params)
    session_items.store(session_id, rows)
    params |= {name: build(params[name]) for name, build in _BUILDERS.items() if name in params}
    params |= {"discounts": discounts, "adaptive_pricing": {"enabled": _is_adaptive(call.params)}}
    defaults = _defaults(params) | amounts
    params["currency"] = currency
    defaults |= {
        "id": session_id,
        "payment_method_types": _methods(params, currency),
        "url": f"{call.origin}/stripe-sandbox/checkout/{session_id}",
    }
    hidden = {
        "payment_intent_data": empty_to_null(params.pop("payment_intent_data", {})),
        "subscription_data": empty_to_null(subscription_data),
        "customer_update": params.pop("customer_update", {}),
        "payment_method_data": params.pop("payment_method_data", {}),
        "offers": params.get("optional_items", []),
        "presentment_currency": _presentment_currency(params, currency, lines),
    }
    return storage.put(shapes.new(Session, defaults, empty_to_null(params)), hidden=hidden)


def retrieve(call: Call) -> Obj:
    expire_due()
    return load("checkout.session", call.args["id"])


def listing(call: Call) -> Obj:
    expire_due()
    return calls.list_objects("checkout.session")(call)


def line_items(call: Call) -> Obj:
    load("checkout.session", call.args["id"])
    return list_page(call, "item", parent=call.args["id"])


def expire(call: Call) -> Obj:
    session = load("checkout.session", call.args["id"])
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of `{session['status']}`."
        )
        raise errors.ApiError(message, param="id")
    return mark_expired(session)


def expire_due(now: int | None = None) -> None:
    sql = (
        "SELECT id FROM objects INDEXED BY sessions_open WHERE object = 'checkout.session'"
        " AND json_extract(json, '$.status') = 'open' AND json_extract(json, '$.expires_at') <= ?"
    )
    for row in storage.query(sql, clock.now() if now is None else now):
        with storage.transaction():
            session = storage.get(row["id"])
            if session and session["status"] == "open":
                mark_expired(session)


def complete(session: Obj, payment_status: str, **fields: Any) -> Obj:
    """Complete the session, and emit checkout.session.completed.

    `fields` are those that the payment sets: customer, customer_details, payment_intent, subscription, invoice, …
    """
    after = storage.put(
        session | {"status": "complete", "payment_status": payment_status, "url": None} | fields
    )
    events.emit("checkout.session.completed", after)
    return after


def mark_expired(session: Obj) -> Obj:
    fields = session_recovery.build_expired_fields(session)
    after = storage.put(session | {"status": "expired", "url": None} | fields)
    events.emit("checkout.session.expired", after)
    return after


# --- defaults of a new session ----------------------------------------------------------------------------


def _is_adaptive(params: Obj) -> bool:
    """Return whether Adaptive Pricing is on. The control panel's switch is the default."""
    on_by_default = bool(switches.current().presentment_currency)
    return bool(params.get("adaptive_pricing", {}).get("enabled", on_by_default))


def _presentment_currency(params: Obj, currency: str, lines: list[Obj]) -> str:
    if not params["adaptive_pricing"]["enabled"] or lines[0]["price"]["custom_unit_amount"]:
        return ""
    customer = storage.get(params.get("customer", ""), "customer") or {}
    return presentment.find_currency(currency, customer.get("email") or params.get("customer_email") or "")


def _automatic_tax(requested: Obj) -> Obj:
    liability = {"account": None, "type": "self"}
    return shapes.fill(
        Session.AutomaticTax,
        **requested | {"liability": liability, "provider": "stripe", "status": "complete"},
    )


def _invoice_creation(requested: Obj) -> Obj:
    data: Obj = {"metadata": {}} | empty_to_null(requested.get("invoice_data", {}))
    return {
        "enabled": requested["enabled"],
        "invoice_data": shapes.fill(Session.InvoiceCreation.InvoiceData, **data),
    }


# parameter ▶ function that builds the session's field
_BUILDERS: dict[str, Callable[[Any], Any]] = {
    "automatic_tax": _automatic_tax,
    "invoice_creation": _invoice_creation,
    "tax_id_collection": lambda requested: {"required": "never"} | requested,
    **session_options.BUILDERS,
}


def _methods(params: Obj, currency: str) -> list[str]:
    """Return the payment methods of the page: cards, and SEPA debit for one-time payments in euros."""
    offered = ["card", "sepa_debit"] if currency == "eur" and params["mode"] == "payment" else ["card"]
    allowed = params.get("allowed_payment_method_types") or offered
    excluded = params.get("excluded_payment_method_types") or []
    methods = [method for method in offered if method in allowed and method not in excluded]
    if not methods:
        message = f"No payment method is left. The sandbox supports {' and '.join(offered)} for this session."
        raise errors.ApiError(message, param="allowed_payment_method_types")
    return methods


def _defaults(params: Obj) -> Obj:
    customer = storage.get(params.get("customer", ""), "customer") or {"email": params.get("customer_email")}
    payment = params["mode"] == "payment"
    details = {name: customer.get(name) for name in ("address", "email", "name", "phone")}
    has_customer = "id" in customer or session_options.creates_customer(params)
    return {
        "automatic_tax": shapes.fill(Session.AutomaticTax, enabled=False),
        "custom_fields": [],
        "custom_text": shapes.fill(Session.CustomText),
        "customer_creation": "if_required" if payment and "id" not in customer else None,
        "customer_details": shapes.fill(Session.CustomerDetails, tax_exempt="none", **details)
        if customer["email"]
        else None,
        "expires_at": clock.now() + checkout_rules.MAX_EXPIRY_SECONDS,
        "invoice_creation": _invoice_creation({"enabled": False}) if payment else None,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "payment_method_collection": "if_required" if payment else "always",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": session_options.saved_methods({}) if has_customer else None,
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
    }
