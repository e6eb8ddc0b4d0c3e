from typing import Any

from apps.ecommerce.models import Purchase
from apps.ecommerce.stripe_api.client import StripeData, expanded, fetch, object_id


def purchases_for_payment(intent_id: str) -> list[Purchase]:
    """Return the purchases of a payment intent, which may be any payment of a subscription.

    https://docs.stripe.com/api/invoice-payment/list
    """
    if known := list(Purchase.objects.filter(payment_intent_id=intent_id)):
        return known
    payment = {"type": "payment_intent", "payment_intent": intent_id}
    rows = fetch("invoice_payments", payment=payment, expand=["data.invoice"])["data"]
    invoices = filter(None, (expanded(row["invoice"]) for row in rows))
    subscriptions = [object_id(invoice_subscription(invoice)) for invoice in invoices]
    return list(Purchase.objects.filter(subscription_id__in=filter(None, subscriptions)))


def invoice_subscription(invoice: StripeData) -> Any:
    parent = expanded(invoice.get("parent")) or {}
    details = expanded(parent.get("subscription_details")) or {}
    return details.get("subscription")
