"""Record a successful payment: charge, customer, subscription, completed session and their events."""

from typing import Any

import stripe

from .. import cards, events, shapes, storage
from ..resources import charges, checkout_sessions, payment_methods
from ..storage import Obj
from . import extra_fields, session_customer
from .session_view import SessionView


def settle(order: SessionView, intent: Obj | None, method: Obj | None) -> None:
    """Create what follows a payment, in Stripe's order: the session is last. Needs the transaction of the attempt."""
    buyer = storage.get_hidden(order.session["id"])["buyer"]
    session_customer.update_customer(order, buyer)
    customer = session_customer.get_id(order)
    if intent is not None and method is not None:
        saves = method["customer"] is None and (order.saves_card or buyer.get("saves_card"))
        attaches = bool(customer and saves)
        if attaches:
            method = storage.update(method["id"], customer=customer)
        elif saves:
            payment_methods.allow_attaching(method)
        if intent["object"] == "payment_intent":
            intent = _charge(order, intent, method)
        else:
            intent = storage.update(intent["id"], status="succeeded", last_setup_error=None)
            events.emit("setup_intent.succeeded", intent)
        if attaches:
            events.emit("payment_method.attached", method)
    if order.mode == "subscription":
        created = order.create_subscription(customer, intent, method)
    else:
        created = order.create_invoice(customer, intent, order.redeem(customer))
    total = (storage.get(order.session["id"]) or {})["amount_total"]
    status = "paid" if total else "no_payment_required"
    complete(order, customer, status, buyer, **created, **order.presentment_fields)


def complete(
    order: SessionView, customer: str | None, payment_status: str, buyer: Obj, **created: Any
) -> None:
    details = shapes.fill(
        stripe.checkout.Session.CustomerDetails,
        address=shapes.fill(stripe.checkout.Session.CustomerDetails.Address, **buyer["address"]),
        business_name=buyer.get("business_name"),
        email=buyer["email"],
        name=buyer.get("business_name") or buyer["name"],
        phone=buyer["phone"] or (storage.get(customer or "", "customer") or {}).get("phone"),
        tax_exempt="none",
        tax_ids=buyer.get("tax_ids", []),
    )
    session = storage.get(order.session["id"]) or {}
    checkout_sessions.complete(
        session,
        payment_status,
        customer=customer,
        customer_details=details,
        **extra_fields.session_fields(session, buyer),
        **created,
    )
    storage.update_hidden(session["id"], completed=storage.page("event", limit=1)[0][0]["id"])


def billing_details(buyer: Obj) -> Obj:
    return {name: buyer[name] for name in ("address", "email", "name")}


def _charge(order: SessionView, intent: Obj, method: Obj) -> Obj:
    challenged = cards.find_by_fingerprint(method["card"]["fingerprint"]).challenge
    card: dict[str, Any] = {}
    if challenged:
        card["three_d_secure"] = shapes.fill(
            stripe.Charge.PaymentMethodDetails.Card.ThreeDSecure,
            authentication_flow="challenge",
            electronic_commerce_indicator="05",
            result="authenticated",
            version="2.2.0",
        )
    charge = charges.new(intent, method, card=card)
    charge = storage.update(charge["id"], receipt_url=order.url(f"receipts/{charge['id']}"))
    events.emit("charge.succeeded", charge)
    intent = storage.update(
        intent["id"],
        amount_received=intent["amount"],
        last_payment_error=None,
        latest_charge=charge["id"],
        status="succeeded",
    )
    events.emit("payment_intent.succeeded", intent)
    return intent
