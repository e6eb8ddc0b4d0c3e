"""Which purchase a payment belongs to: payment intent ▶ invoice payment ▶ invoice ▶ subscription.

https://docs.stripe.com/api/invoice-payment/list
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.ecommerce.models import Purchase
from apps.ecommerce.stripe_api.client import read
from apps.ecommerce.stripe_api.expandable import expanded, object_id


def purchases_of_payment(intent_id: str) -> list[Purchase]:
    """Return the purchases that a payment intent paid for, whichever of their payments it is; Stripe may be asked.

    Raises stripe.StripeError when Stripe can't be asked.
    """
    if known := list(Purchase.objects.filter(payment_intent_id=intent_id)):
        return known
    payment = {"type": "payment_intent", "payment_intent": intent_id}
    rows = read("invoice_payments", payment=payment, expand=["data.invoice"])["data"]
    invoices = [invoice for row in rows if (invoice := expanded(row["invoice"]))]
    subscriptions = [object_id(found) for invoice in invoices if (found := subscription_of(invoice))]
    return list(Purchase.objects.filter(subscription_id__in=subscriptions)) if subscriptions else []


def subscription_of(invoice: Mapping[str, Any]) -> Any:
    """Return the subscription that an invoice bills, as its id or expanded, or None."""
    parent = expanded(invoice.get("parent")) or {}
    details = expanded(parent.get("subscription_details")) or {}
    return details.get("subscription")
