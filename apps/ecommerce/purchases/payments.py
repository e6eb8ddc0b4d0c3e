"""The payments of a purchase at Stripe, with their refunds and disputes.

A subscription's payments are found by its invoices: https://docs.stripe.com/api/invoice-payment
"""

from collections.abc import Mapping
from typing import Any

from apps.ecommerce.models import Purchase
from apps.ecommerce.stripe_api.client import StripeData, expanded, object_id, read, read_pages


def payment_intents(
    session: StripeData | None, subscription: StripeData | None
) -> tuple[StripeData | None, StripeData | None]:
    """Return the newest payment intent, and the one that decides access: the last that paid for a period."""
    if not subscription:
        intent = expanded(session["payment_intent"]) if session else None
        return intent, intent
    invoice = expanded(subscription["latest_invoice"])
    newest = _invoice_intent(invoice) if invoice else None
    if invoice and _settles_a_period(invoice):
        return newest, newest
    # An unpaid renewal does not undo the refund or dispute of the payment before it.
    settled = _last_settled_invoice(subscription["id"])
    return newest, (_invoice_intent(settled) if settled else None) or newest


def refunded_amount(charge: StripeData) -> int:
    """Return the minor units that were refunded or are on their way, without refunds that failed."""
    if not charge["amount_refunded"]:
        return 0
    refunds = [refund for page in read_pages("refunds", charge=charge["id"]) for refund in page]
    return sum(refund["amount"] for refund in refunds if refund["status"] not in ("failed", "canceled"))


def dispute_status(charge: StripeData) -> str | None:
    """Return the status of the newest dispute, or None."""
    disputes = read("disputes", charge=charge["id"], limit=1)["data"] if charge["disputed"] else None
    return disputes[0]["status"] if disputes else None


def purchases_for_payment(intent_id: str) -> list[Purchase]:
    """Return the purchases that a payment intent belongs to. It may be any payment of a subscription.

    Raises stripe.StripeError if Stripe has to be asked and can't be.
    """
    if known := list(Purchase.objects.filter(payment_intent_id=intent_id)):
        return known
    payment = {"type": "payment_intent", "payment_intent": intent_id}
    rows = read("invoice_payments", payment=payment, expand=["data.invoice"])["data"]
    invoices = filter(None, (expanded(row["invoice"]) for row in rows))
    subscriptions = [object_id(invoice_subscription(invoice)) for invoice in invoices]
    return list(Purchase.objects.filter(subscription_id__in=filter(None, subscriptions)))


def invoice_subscription(invoice: Mapping[str, Any]) -> Any:
    """Return the subscription that an invoice bills, as its id or expanded, or None."""
    parent = expanded(invoice.get("parent")) or {}
    details = expanded(parent.get("subscription_details")) or {}
    return details.get("subscription")


def _settles_a_period(invoice: StripeData) -> bool:
    """Return whether the invoice is paid and pays for a period. A change of plan that costs nothing does not.

    https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason
    """
    begins_period = invoice["billing_reason"] in ("subscription_create", "subscription_cycle")
    return invoice["status"] == "paid" and (begins_period or invoice["amount_paid"] > 0)


def _last_settled_invoice(subscription_id: str) -> StripeData | None:
    pages = read_pages("invoices", subscription=subscription_id, status="paid")
    return next((invoice for page in pages for invoice in page if _settles_a_period(invoice)), None)


def _invoice_intent(invoice: StripeData) -> StripeData | None:
    """Return the payment intent that paid an invoice, or else its newest."""
    expand = ["data.payment.payment_intent.latest_charge"]
    payments = read("invoice_payments", invoice=invoice["id"], expand=expand)["data"]
    payments = sorted(payments, key=lambda payment: payment["status"] != "paid")
    intents = (expanded(payment["payment"].get("payment_intent")) for payment in payments)
    return next(filter(None, intents), None)
