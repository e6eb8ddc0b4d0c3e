"""Invoices of subscriptions, and of one-time sales that ask for one. https://docs.stripe.com/api/invoices"""

from collections.abc import Sequence
from typing import Any

import stripe

from .. import clock, ids, pricing, shapes, storage
from ..storage import Obj
from . import coupons, customer_billing, invoice_items, invoice_lines, tax_ids


def new(
    subscription: Obj,
    reason: str = "subscription_create",
    extra: Sequence[Obj] = (),
    only_pending_items: bool = False,
    **fields: Any,
) -> Obj:
    """Store an invoice for pending items and the current period. `extra` are one-time line items of its checkout.

    Discount and automatic tax are included, a trial costs 0. The invoice is open unless status="draft".
    Callers emit the events, because their order differs.
    """
    free = subscription["status"] == "trialing"
    pending = invoice_items.find_pending(subscription)
    items = [] if only_pending_items else subscription["items"]["data"]
    lines = [invoice_lines.for_proration(item) for item in pending]
    lines += [invoice_lines.for_subscription_item(subscription, item, free) for item in items]
    parent = {
        "quote_details": None,
        "subscription_details": {
            "metadata": subscription["metadata"],
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }
    details = {"billing_reason": reason, "parent": parent, "test_clock": subscription["test_clock"]}
    invoice = create(
        subscription["customer"],
        lines + [invoice_lines.for_sale(item) for item in extra],
        next_discount(subscription),
        subscription["automatic_tax"]["enabled"],
        details | fields,
    )
    for item in pending:
        storage.update(item["id"], invoice=invoice["id"])
    for line in invoice["lines"]["data"]:
        _record_debit(line)
    return invoice


def new_for_sale(
    customer: str | None, items: Sequence[Obj], discount: str, taxed: bool, **fields: Any
) -> Obj:
    """Store an open invoice for a one-time sale. `items` are the line items of the checkout."""
    rows = [invoice_lines.for_sale(item) for item in items]
    return create(customer, rows, discount, taxed, {"billing_reason": "manual"} | fields)


def create(customer_id: str | None, rows: list[Obj], discount: str, taxed: bool, fields: Obj) -> Obj:
    customer = storage.get(customer_id or "", "customer") or {}
    now, invoice_id = clock.now(), fields.get("id") or ids.new("invoice")
    currency = rows[0]["currency"] if rows else fields["currency"]
    coupon = coupons.get_discount_coupon(discount) if discount else None
    priced = [(row.pop("price"), row["subtotal"]) for row in rows]
    discountable = [row.get("discountable", True) for row in rows]
    amounts = pricing.compute_amounts(priced, coupon, taxed, discountable)
    lines = [
        _line(invoice_id, row, sums, discount if coupon and row.get("discountable", True) else "")
        for row, sums in zip(rows, amounts, strict=True)
    ]
    subtotal = sum(sums.subtotal for sums in amounts)
    total = sum(sums.total for sums in amounts)
    total_discount = sum(sums.discount for sums in amounts)
    draft = fields.get("status") == "draft"
    if rows:
        customer_billing.set_currency(customer_id, currency)
    balance, due, _ = customer_billing.compute_amount_due({"balance": 0} | customer, total, currency)
    if not draft:  # the buyer of a Checkout Session has paid the total
        balance, due = 0, total
    defaults = {
        "id": invoice_id,
        "account_country": "US",
        "account_name": "Stripe sandbox",
        "amount_due": due,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": due,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": _automatic_tax(taxed),
        "collection_method": "charge_automatically",
        "currency": currency,
        "customer": customer_id,
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_tax_exempt": "none",
        "customer_tax_ids": tax_ids.for_invoice(customer_id),
        "default_tax_rates": [],
        "discounts": [discount] if coupon else [],
        "effective_at": None if draft else now,
        "ending_balance": None if draft else 0,
        "issuer": shapes.fill(stripe.Invoice.Issuer, type="self"),
        "lines": shapes.list_object(lines, f"/v1/invoices/{invoice_id}/lines"),
        "metadata": {},
        "number": None if draft else next_number(customer_id),
        "payment_settings": shapes.fill(stripe.Invoice.PaymentSettings),
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": balance,
        "status": "open",
        "status_transitions": shapes.fill(
            stripe.Invoice.StatusTransitions, finalized_at=None if draft else now
        ),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - sum(sums.tax for sums in amounts if sums.inclusive),
        "total": total,
        "total_discount_amounts": [{"amount": total_discount, "discount": discount}] if coupon else [],
        "total_excluding_tax": total - sum(sums.tax for sums in amounts),
        "total_pretax_credit_amounts": [],
        "total_taxes": [tax for sums in amounts for tax in _taxes(sums)],
        "webhooks_delivered_at": None if draft else now,
    }
    return storage.put(shapes.new(stripe.Invoice, defaults, fields))


def pay(invoice: Obj, payment_intent: str | None) -> Obj:
    now, amount = clock.now(), invoice["amount_due"]
    if payment_intent:
        payment = get_or_create_payment(invoice, payment_intent)
        times = payment["status_transitions"] | {"paid_at": now}
        paid = {"amount_paid": invoice["amount_remaining"], "status": "paid", "status_transitions": times}
        storage.put(payment | paid)
    transitions = invoice["status_transitions"] | {"paid_at": now}
    settled = {
        "amount_paid": amount,
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": max(invoice["attempt_count"], 1) if payment_intent else 0,
    }
    return storage.put(invoice | settled | {"status": "paid", "status_transitions": transitions})


def record_payment(invoice: Obj, record: Obj) -> Obj:
    """Store the payment of an invoice outside Stripe."""
    now, amount = clock.now(), record["amount_guaranteed"]["value"]
    payment = {
        "amount_paid": amount,
        "amount_requested": amount,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": False,
        "payment": {"payment_record": record["id"], "type": "payment_record"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": now},
    }
    return storage.put(shapes.new(stripe.InvoicePayment, payment, {}))


def get_or_create_payment(invoice: Obj, payment_intent: str) -> Obj:
    known = storage.find(
        "invoice_payment", ("invoice", "=", invoice["id"]), ("payment.payment_intent", "=", payment_intent)
    )
    if known:
        return known[0]
    payment = {
        "amount_requested": invoice["amount_remaining"],
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "payment": {"payment_intent": payment_intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    return storage.put(shapes.new(stripe.InvoicePayment, payment, {}))


def next_number(customer_id: str | None) -> str:
    customer = storage.get(customer_id or "", "customer") or {}
    sequence = customer.get("next_invoice_sequence", 1)
    if "id" in customer:
        storage.update(customer["id"], next_invoice_sequence=sequence + 1)
    return f"{customer.get('invoice_prefix', 'SANDBOX')}-{sequence:04}"


def _line(invoice: str, row: Obj, sums: pricing.Amounts, discount: str) -> Obj:
    defaults = {
        "amount": sums.subtotal,
        "discount_amounts": [{"amount": sums.discount, "discount": discount}] if discount else [],
        "discountable": True,
        "discounts": [discount] if discount else [],
        "invoice": invoice,
        "pretax_credit_amounts": [],
        "quantity_decimal": str(row["quantity"]),
        "taxes": _taxes(sums),
    }
    return storage.put(shapes.new(stripe.InvoiceLineItem, defaults, row), parent=invoice)


def _taxes(sums: pricing.Amounts) -> list[Obj]:
    if not sums.tax:
        return []
    return [
        {
            "amount": sums.tax,
            "tax_behavior": "inclusive" if sums.inclusive else "exclusive",
            "tax_rate_details": None,
            "taxability_reason": "standard_rated",
            "taxable_amount": sums.taxable,
            "type": "tax_rate_details",
        }
    ]


def _automatic_tax(enabled: bool) -> Obj:
    known = {"liability": {"type": "self"}, "provider": "stripe", "status": "complete"} if enabled else {}
    return shapes.fill(stripe.Invoice.AutomaticTax, enabled=enabled, **known)


def _record_debit(line: Obj) -> None:
    """Store what the item's period costs after discounts, because a credit proration is a share of it."""
    details = line["parent"]["subscription_item_details"]
    if details and not details["proration"]:
        net = line["amount"] - sum(row["amount"] for row in line["discount_amounts"])
        source = {"invoice": line["invoice"], "line": line["id"]}
        storage.update_hidden(details["subscription_item"], debit=line["period"] | source | {"amount": net})


def next_discount(subscription: Obj) -> str:
    """Return the discount of the next invoice, or "". A discount with duration `once` ends with its first invoice."""
    discount = next(iter(subscription["discounts"]), "")
    coupon = coupons.get_discount_coupon(discount) if discount else None
    if coupon is None:
        return ""
    earlier = storage.find("invoice", ("parent.subscription_details.subscription", "=", subscription["id"]))
    used = any(
        row["amount"] and row["discount"] == discount
        for old in earlier
        for row in old["total_discount_amounts"]
    )
    return "" if used and coupon["duration"] == "once" else str(discount)
