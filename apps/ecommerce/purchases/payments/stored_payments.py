"""The payments of a purchase: compute its columns from them, store them, and find the purchase of an event."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from apps.ecommerce.models import Payment, Purchase, Refund
from apps.ecommerce.purchases.entitlements import suspension
from apps.ecommerce.purchases.payments.refunds import compare_refunds, save_refunds
from apps.ecommerce.purchases.payments.stripe_payments import StripePayment, to_datetime
from apps.ecommerce.stripe_api.client import StripeData, expanded, fetch, object_id

UNPAID = (Payment.Status.OPEN, Payment.Status.FAILED, Payment.Status.UNCOLLECTIBLE)
# The reasons of invoices that pay for a period even if it costs nothing. A plan change that costs nothing does not.
# https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason
PERIOD_REASONS = ("subscription_create", "subscription_cycle")


def payment_values(
    payments: Sequence[Payment], subscription: StripeData | None, addons: Collection[str] = ()
) -> dict[str, Any]:
    """Return the purchase's columns that follow from its payments, newest first.

    `addons` are the ids of payments that are only for add-ons, which have periods of their own.
    """
    paid = [payment for payment in payments if payment.is_paid]
    values: dict[str, Any] = {"has_paid": any(payment.amount_paid for payment in paid)}
    current, earlier = paid, []
    if subscription:
        paid_end, paid_until = _paid_period([row for row in paid if row.stripe_id not in addons])
        current = _current_payments([row for row in paid if _pays_for_period(row)], paid_end)
        earlier = [row for row in paid if row not in current]
        # An operator may extend a trial or start one, for which nothing is paid.
        ends = filter(None, (paid_until, to_datetime(subscription["trial_end"])))
        values["paid_until"] = max(ends, default=None)
        is_past_due = subscription["status"] == "past_due"
        values["past_due_since"] = _past_due_since(payments, addons) if is_past_due else None
    values["amount_refunded"] = sum(payment.amount_refunded for payment in current)
    values["suspended_by"] = suspension(current, earlier)
    return values


@dataclass(frozen=True, slots=True)
class PaymentChanges:
    """The differences between the stored payments of a purchase and Stripe's."""

    created: list[StripePayment]
    changed: list[tuple[Payment, StripePayment, list[str]]]
    unchanged: list[tuple[Payment, StripePayment]]
    refunds: list[Refund]  # new and changed refunds

    def __bool__(self) -> bool:
        return bool(self.created or self.changed)

    def save(self, purchase: Purchase, product_id: str) -> None:
        """`product_id` is what the new payments have paid for."""
        for payment in self.created:
            payment.row.purchase, payment.row.product_id = purchase, product_id
            payment.row.livemode = purchase.livemode
            payment.row.save(force_insert=True)
        for row, payment, names in self.changed:
            row.copy_from(payment.row, names)
            row.save(update_fields=names)
        self.save_refunds(purchase)

    def save_refunds(self, purchase: Purchase) -> None:
        for refund in self.refunds:
            refund.livemode = purchase.livemode
        save_refunds(self.refunds)


def compare_payments(purchase: Purchase, payments: Sequence[StripePayment]) -> PaymentChanges:
    known = _known_payments(purchase, payments)
    created = [payment for payment in reversed(payments) if payment.row.stripe_id not in known]
    both = [(known[payment.row.stripe_id], payment) for payment in payments if payment.row.stripe_id in known]
    compared = [(row, payment, row.differing_fields(payment.row)) for row, payment in both]
    changed = [change for change in compared if change[2]]
    unchanged = [(row, payment) for row, payment, names in compared if not names]
    refunds = compare_refunds([*((payment.row, payment) for payment in created), *both])
    return PaymentChanges(created, changed, unchanged, refunds)


def _known_payments(purchase: Purchase, payments: Sequence[StripePayment]) -> dict[str, Payment]:
    """Return the stored payments by their id at Stripe.

    Stripe creates the invoice of a one-time payment after the payment, which then gets the invoice's id.
    """
    known = {row.stripe_id: row for row in purchase.payments.all()} if payments else {}
    for payment in payments:
        if payment.row.stripe_id not in known and payment.row.payment_intent_id in known:
            known[payment.row.stripe_id] = known.pop(payment.row.payment_intent_id)
    return known


def purchases_for_payment(intent_id: str) -> list[Purchase]:
    """Return the purchases of a payment intent, which may be any payment of an invoice or a subscription.

    https://docs.stripe.com/api/invoice-payment/list
    """
    if known := list(Purchase.objects.filter(payment_intent_id=intent_id)):
        return known
    if known := list(Purchase.objects.filter(payments__payment_intent_id=intent_id).distinct()):
        return known
    payment = {"type": "payment_intent", "payment_intent": intent_id}
    rows = fetch("invoice_payments", payment=payment, expand=["data.invoice"])["data"]
    invoices = [invoice for row in rows if (invoice := expanded(row["invoice"]))]
    subscriptions = filter(None, (object_id(invoice_subscription(invoice)) for invoice in invoices))
    of_invoice = Q(invoice_id__in=[invoice["id"] for invoice in invoices])
    return list(Purchase.objects.filter(of_invoice | Q(subscription_id__in=subscriptions)))


def purchases_for_charge(charge_id: str) -> list[Purchase]:
    """Return the purchases of a charge without payment intent, if it is the newest charge of its payment."""
    return list(Purchase.objects.filter(payments__charge_id=charge_id).distinct())


def invoice_subscription(invoice: StripeData) -> Any:
    """Return the subscription of an invoice, expanded or not; None if it has none.

    Events have the API version of their endpoint: invoices of one before basil have no `parent`.
    """
    parent = expanded(invoice.get("parent")) or {}
    details = expanded(parent.get("subscription_details")) or {}
    return details.get("subscription") or invoice.get("subscription")


def _paid_period(paid: Sequence[Payment]) -> tuple[datetime | None, datetime | None]:
    """Return the end of the newest paid period, and the end of access.

    A change to a shorter plan may end it earlier: the customer gets a credit at Stripe for the rest.
    https://docs.stripe.com/billing/subscriptions/prorations
    """
    credited: list[datetime] = []
    for payment in paid:
        if payment.period_end and _pays_for_period(payment):
            return payment.period_end, min([payment.period_end, *credited])
        if payment.period_end and _ends_later(payment):
            credited.append(payment.period_end)
    return None, None


def _current_payments(paid: Sequence[Payment], end: datetime | None) -> list[Payment]:
    """Return the payments for the period until `end`, and the longer ones whose credit has paid for it."""
    current = [row for row in paid if row.period_end == end]
    if any(row.amount_credit > 0 for row in current):
        current += [row for row in paid if row.period_end and end and row.period_end > end]
    return current


def _pays_for_period(payment: Payment) -> bool:
    """Return whether a paid invoice is for a period, also if a credit at Stripe or a coupon paid for it."""
    return _ends_later(payment) and (payment.reason in PERIOD_REASONS or payment.amount_subtotal > 0)


def _ends_later(payment: Payment) -> bool:
    return payment.period_end is not None and payment.period_end > payment.created_at


def _past_due_since(payments: Sequence[Payment], addons: Collection[str]) -> datetime | None:
    """Return when the first unpaid invoice after the newest paid period was created."""
    since = None
    for payment in payments:
        if payment.is_paid and _pays_for_period(payment) and payment.stripe_id not in addons:
            break
        if payment.status in UNPAID:
            since = payment.created_at
    return since
