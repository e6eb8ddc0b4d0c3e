"""https://docs.stripe.com/api/invoices. Those of subscriptions; the API reads them."""

from typing import Any

import stripe

from .. import clock, ids, shapes, storage
from ..storage import Obj


def new(subscription: Obj, reason: str = "subscription_create", **fields: Any) -> Obj:
    """A stored invoice for the current period of a subscription; a trial's is over 0.

    It is finalized and still open; with status="draft" that is for later. Settle it with `pay`. It emits nothing: the
    caller knows Stripe's order of events.
    """
    customer = storage.get(subscription["customer"], "customer") or {}
    now, invoice_id = clock.now(), ids.new("invoice")
    free = subscription["status"] == "trialing"
    lines = [_line(invoice_id, subscription, item, free) for item in subscription["items"]["data"]]
    total = sum(line["amount"] for line in lines)
    draft = fields.get("status") == "draft"
    defaults = {
        "id": invoice_id,
        "account_country": "US",
        "account_name": "Stripe sandbox",
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": shapes.fill(stripe.Invoice.AutomaticTax, enabled=False),
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "effective_at": None if draft else now,
        "ending_balance": 0,
        "issuer": shapes.fill(stripe.Invoice.Issuer, type="self"),
        "lines": shapes.envelope(lines, f"/v1/invoices/{invoice_id}/lines"),
        "metadata": {},
        "number": None if draft else next_number(subscription["customer"]),
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": shapes.fill(stripe.Invoice.PaymentSettings),
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "open",
        "status_transitions": shapes.fill(
            stripe.Invoice.StatusTransitions, finalized_at=None if draft else now
        ),
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": subscription["test_clock"],
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None if draft else now,
    }
    return storage.put(shapes.new(stripe.Invoice, defaults, fields))


def pay(invoice: Obj, payment_intent: str | None) -> Obj:
    """Mark it paid, by a payment intent unless nothing was due, and give it back."""
    now, amount = clock.now(), invoice["amount_due"]
    if payment_intent:
        payment = expect_payment(invoice, payment_intent)
        times = payment["status_transitions"] | {"paid_at": now}
        storage.put(payment | {"amount_paid": amount, "status": "paid", "status_transitions": times})
    transitions = invoice["status_transitions"] | {"paid_at": now}
    settled = {
        "amount_paid": amount,
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": max(invoice["attempt_count"], 1) if payment_intent else 0,
    }
    return storage.put(invoice | settled | {"status": "paid", "status_transitions": transitions})


def expect_payment(invoice: Obj, payment_intent: str) -> Obj:
    """The stored invoice payment that ties this intent to the invoice, open when it is new."""
    known = storage.find(
        "invoice_payment", ("invoice", "=", invoice["id"]), ("payment.payment_intent", "=", payment_intent)
    )
    if known:
        return known[0]
    payment = {
        "amount_requested": invoice["amount_due"],
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "payment": {"payment_intent": payment_intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    return storage.put(shapes.new(stripe.InvoicePayment, payment, {}))


def next_number(customer_id: str | None) -> str:
    """The customer's next invoice number; it is used up."""
    customer = storage.get(customer_id or "", "customer") or {}
    sequence = customer.get("next_invoice_sequence", 1)
    if "id" in customer:
        storage.update(customer["id"], next_invoice_sequence=sequence + 1)
    return f"{customer.get('invoice_prefix', 'SANDBOX')}-{sequence:04}"


def _line(invoice: str, subscription: Obj, item: Obj, free: bool) -> Obj:
    price, quantity = item["price"], item["quantity"]
    product = storage.get(price["product"], "product") or {"name": price["product"]}
    amount = 0 if free else (price["unit_amount"] or 0) * quantity
    about = "Trial period for" if free else f"{quantity} ×"
    origin = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    pricing = {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": "0" if free else price["unit_amount_decimal"],
    }
    defaults = {
        "amount": amount,
        "currency": price["currency"],
        "description": f"{about} {product['name']}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": origin,
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }
    return storage.put(shapes.new(stripe.InvoiceLineItem, defaults, {}), parent=invoice)
