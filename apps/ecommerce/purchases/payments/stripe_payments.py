"""Read the payments of a purchase from Stripe: the charge of a Checkout Session, the invoices of a subscription.

https://docs.stripe.com/api/invoices/object and https://docs.stripe.com/api/charges/object
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from apps.ecommerce.models import Payment, Purchase, Refund
from apps.ecommerce.purchases.entitlements import dispute_suspension
from apps.ecommerce.purchases.payments.invoice_lines import (
    describe_lines,
    fetch_lines,
    find_plan_lines,
    is_for_period,
)
from apps.ecommerce.stripe_api.client import StripeData, expanded, fetch_pages, object_id

# Stripe's invoice status ▶ ours. Drafts are not payments yet.
INVOICE_STATUS = {
    "paid": Payment.Status.PAID,
    "open": Payment.Status.OPEN,
    "void": Payment.Status.VOID,
    "uncollectible": Payment.Status.UNCOLLECTIBLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StripePayment:
    """An unsaved Payment with Stripe's current values, and what its e-mails are about."""

    row: Payment
    is_for_addons: bool = False  # only for add-ons of a subscription, not for its plan
    refunds: list[StripeData] = field(default_factory=list)
    dispute: StripeData | None = None

    @property
    def counted_refunds(self) -> list[StripeData]:
        """Return the refunds that were paid or are being paid."""
        return [refund for refund in self.refunds if refund["status"] not in Refund.UNSUCCESSFUL]


def fetch_payments(
    purchase: Purchase, session: StripeData | None, subscription: StripeData | None, plan: StripeData | None
) -> list[StripePayment]:
    """Return all payments, newest first. `plan` is the item that was bought. Raise stripe.StripeError."""
    if subscription and plan:
        return _subscription_payments(subscription, plan)
    if not session or session["status"] != "complete" or session["payment_status"] == "no_payment_required":
        return []  # a coupon may cover the whole price after a card was declined
    return [_session_payment(purchase, session)] if expanded(session["payment_intent"]) else []


def fetch_invoice_payment(invoice: StripeData) -> StripePayment:
    """Return the payment of an invoice that belongs to no subscription. Raise stripe.StripeError."""
    charges = _find_charges(object_id(invoice["customer"]), [invoice])
    payment = _invoice_payment(invoice, fetch_lines(invoice), [], charges)
    payment.row.reason = ""  # one-time payments have no reason
    return payment


def describe_payment_method(method: StripeData) -> str:
    if card := method.get("card"):
        return f"{str(card['brand'] or 'card').replace('_', ' ').title()} •••• {card['last4']}"
    return str(method["type"]).replace("_", " ").capitalize()


def to_datetime(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def decline_code(error: StripeData | None) -> str:
    error = error or {}
    return str(error.get("decline_code") or error.get("code") or error.get("type") or "")[:500]


def _session_payment(purchase: Purchase, session: StripeData) -> StripePayment:
    intent = expanded(session["payment_intent"]) or {}
    charge = expanded(intent.get("latest_charge"))
    invoice = expanded(session["invoice"])  # only with CHECKOUT_INVOICES
    details = session["total_details"] or {}
    is_paid = session["payment_status"] == "paid"
    has_failed = intent.get("status") in ("requires_payment_method", "canceled")
    unpaid_status = Payment.Status.FAILED if has_failed else Payment.Status.PROCESSING
    row = Payment(
        stripe_id=invoice["id"] if invoice else intent["id"],
        payment_intent_id=intent["id"],
        status=Payment.Status.PAID if is_paid else unpaid_status,
        description=" · ".join(filter(None, (purchase.product_name, purchase.price_name))),
        currency=session["currency"],
        amount_total=session["amount_total"],
        amount_subtotal=session["amount_subtotal"] or 0,
        amount_paid=session["amount_total"] if is_paid else 0,
        amount_discount=details.get("amount_discount", 0),
        amount_tax=details.get("amount_tax", 0),
        failure_code=decline_code(intent.get("last_payment_error")) if has_failed else "",
        created_at=datetime.fromtimestamp(intent["created"], UTC),
        paid_at=to_datetime(charge["created"]) if charge and is_paid else None,
    )
    if invoice:
        _copy_invoice_links(row, invoice)
    return _with_charges(row, [charge] if charge else [])


def _subscription_payments(subscription: StripeData, plan: StripeData) -> list[StripePayment]:
    expand = ["data.payments"]
    pages = fetch_pages("invoices", subscription=subscription["id"], expand=expand)
    invoices = [row for page in pages for row in page if row["status"] in INVOICE_STATUS]
    charges = _find_charges(object_id(subscription["customer"]), invoices)
    lines = [fetch_lines(invoice) for invoice in invoices]
    addons = [item for item in subscription["items"]["data"] if item["id"] != plan["id"]]
    plan_lines = find_plan_lines(lines, plan, addons)
    return [_invoice_payment(*row, charges) for row in zip(invoices, lines, plan_lines, strict=True)]


def _find_charges(customer_id: str, invoices: list[StripeData]) -> dict[str, StripeData]:
    """Return the newest charge of each payment intent, and all charges by id."""
    wanted = {key for invoice in invoices for key in _payment_keys(invoice)}
    found: dict[str, StripeData] = {}
    if not wanted:
        return found
    for page in fetch_pages("charges", customer=customer_id, expand=["data.refunds"]):
        for charge in page:
            found[charge["id"]] = charge
            found.setdefault(object_id(charge["payment_intent"]), charge)
        if wanted <= found.keys():
            break
    return found


def _payment_keys(invoice: StripeData) -> list[str]:
    """Return the ids of the payment intents and charges of an invoice.

    A payment outside Stripe has neither, and cancels the payment intent that would have paid.
    https://docs.stripe.com/api/invoice-payment/object#invoice_payment_object-payment
    """
    rows = (invoice["payments"] or {"data": []})["data"]
    if invoice["status"] == "paid":
        rows = [row for row in rows if row["status"] != "canceled"]
    payments = [row["payment"] for row in rows]
    keys = (object_id(payment.get("payment_intent") or payment.get("charge")) for payment in payments)
    return [key for key in keys if key]


def _invoice_payment(
    invoice: StripeData,
    all_lines: list[StripeData],
    plan_lines: list[StripeData],
    charges: dict[str, StripeData],
) -> StripePayment:
    keys = _payment_keys(invoice)
    own_charges = [charges[key] for key in keys if key in charges]
    status = INVOICE_STATUS[invoice["status"]]
    if status == Payment.Status.OPEN and own_charges:
        newest = max(own_charges, key=lambda charge: charge["created"])
        by_charge = {"pending": Payment.Status.PROCESSING, "failed": Payment.Status.FAILED}
        status = by_charge.get(newest["status"], status)
    lines = plan_lines or [line for line in all_lines if is_for_period(line)]
    is_for_addons = bool(lines) and not plan_lines
    transitions = invoice["status_transitions"]
    row = Payment(
        stripe_id=invoice["id"],
        payment_intent_id=next((key for key in keys if key.startswith("pi_")), ""),
        status=status,
        reason=invoice["billing_reason"] or "",
        description=describe_lines(all_lines),
        currency=invoice["currency"],
        amount_total=invoice["total"],
        amount_subtotal=invoice["subtotal"],
        amount_paid=invoice["amount_paid"],
        amount_discount=sum(row["amount"] for row in invoice["total_discount_amounts"] or []),
        amount_tax=sum(row["amount"] for row in invoice["total_taxes"] or []),
        period_start=to_datetime(min((line["period"]["start"] for line in lines), default=None)),
        period_end=to_datetime(max((line["period"]["end"] for line in lines), default=None)),
        created_at=datetime.fromtimestamp(invoice["created"], UTC),
        paid_at=to_datetime(transitions["paid_at"]),
    )
    _copy_invoice_links(row, invoice)
    return replace(_with_charges(row, own_charges), is_for_addons=is_for_addons)


def _copy_invoice_links(row: Payment, invoice: StripeData) -> None:
    row.invoice_id = invoice["id"]
    row.invoice_number = invoice["number"] or ""
    row.invoice_url = invoice["hosted_invoice_url"] or ""
    row.invoice_pdf = invoice["invoice_pdf"] or ""


def _with_charges(row: Payment, charges: Iterable[StripeData]) -> StripePayment:
    """Add the values of the payment's charges to the row. Several charges may pay one invoice."""
    newest_first = sorted(charges, key=lambda charge: charge["created"], reverse=True)
    refunds = [refund for charge in newest_first for refund in _refunds(charge)]
    disputes = [dispute for charge in newest_first for dispute in _disputes(charge)]
    dispute = max(disputes, key=_severity, default=None)
    payment = StripePayment(row=row, refunds=refunds, dispute=dispute)
    # `amount_refunded` of the charge may include failed ones.
    row.amount_refunded = sum(refund["amount"] for refund in payment.counted_refunds)
    if newest_first:
        charge = newest_first[0]
        method: Any = charge["payment_method_details"]
        row.charge_id = charge["id"]
        row.receipt_url = charge["receipt_url"] or ""
        row.payment_method = describe_payment_method(method) if method else ""
        if charge["status"] == "failed" and not row.is_paid:
            outcome = charge["outcome"] or {}
            row.failure_code = row.failure_code or outcome.get("reason") or charge["failure_code"] or ""
        if shown := charge.get("presentment_details"):
            row.presentment_currency = shown["presentment_currency"]
            row.presentment_amount = shown["presentment_amount"]
    if dispute:
        row.dispute_id, row.dispute_reason = dispute["id"], dispute["reason"]
        row.dispute_status = dispute["status"]
        row.dispute_amount = sum(row["amount"] for row in disputes if row["status"] == dispute["status"])
        row.disputed_at = to_datetime(dispute["created"])
        row.dispute_due_by = to_datetime((dispute["evidence_details"] or {}).get("due_by"))
    return payment


def _refunds(charge: StripeData) -> list[StripeData]:
    refunds = expanded(charge.get("refunds"))
    if refunds is not None and not refunds["has_more"]:
        rows: list[StripeData] = refunds["data"]
        return rows
    if refunds is None and not charge["amount_refunded"]:
        return []
    return [refund for page in fetch_pages("refunds", charge=charge["id"]) for refund in page]


def _disputes(charge: StripeData) -> list[StripeData]:
    if not charge["disputed"]:
        return []
    return [dispute for page in fetch_pages("disputes", charge=charge["id"]) for dispute in page]


def _severity(dispute: StripeData) -> tuple[bool, int]:
    return dispute_suspension(dispute["status"]) is not None, dispute["created"]
