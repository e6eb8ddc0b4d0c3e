"""Texts for operators about refunds: their effects and their results."""

from collections.abc import Sequence
from copy import copy

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.models import Payment, Purchase
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.values import format_day
from apps.ecommerce.purchases.payments.stored_payments import payment_values
from apps.ecommerce.stripe_api.client import StripeData

_DISPUTED = gettext_lazy(
    "The buyer's bank has opened a dispute and taken the money back, so this payment can't be refunded. "
    "Respond to the dispute in Stripe's Dashboard."
)
_NO_BALANCE = gettext_lazy(
    "Your balance at Stripe is too low for this refund. Add money to it in Stripe's Dashboard, and try again."
)
# https://docs.stripe.com/error-codes
REFUSALS: dict[str, str | Promise] = {
    "charge_already_refunded": gettext_lazy("This payment has already been refunded."),
    "charge_disputed": _DISPUTED,
    "refund_disputed_payment": _DISPUTED,
    "charge_not_refundable": gettext_lazy("Stripe can't refund this payment."),
    "balance_insufficient": _NO_BALANCE,
    "insufficient_funds": _NO_BALANCE,
}
# https://docs.stripe.com/api/refunds/object#refund_object-failure_reason
FAILURES: dict[str, str | Promise] = {
    "lost_or_stolen_card": gettext_lazy("the card is reported as lost or stolen"),
    "expired_or_canceled_card": gettext_lazy("the card has expired or was canceled"),
    "charge_for_pending_refund_disputed": gettext_lazy("the payment was disputed"),
    "insufficient_funds": gettext_lazy("your balance at Stripe was too low"),
    "declined": gettext_lazy("the bank declined it"),
    "merchant_request": gettext_lazy("it was canceled"),
}


def describe_access(purchase: Purchase, payments: Sequence[Payment]) -> str:
    if not has_access(purchase):
        return _("The buyer has no access now. A refund does not change that.")
    closing = [row for row in payments if suspends(purchase, row)]
    if not purchase.is_recurring:
        if closing:
            return _("A full refund ends the buyer's access at once. After a partial refund, they keep it.")
        return _("The buyer keeps access.")
    if not closing:
        return _("The buyer keeps access for the period that is paid.")
    days = ", ".join(format_day(row.paid_at or row.created_at) for row in closing)
    return _(
        "A full refund of the payment of %(days)s pauses the buyer's access until the next payment. After a "
        "partial refund, or one of another period, they keep it."
    ) % {"days": days}


def describe_subscription(purchase: Purchase, charge: str) -> str:
    if settings.CANCEL_AFTER_REFUND:
        return _(
            "The subscription is canceled if the payment for the current period is refunded in full "
            "(CANCEL_AFTER_REFUND). Otherwise it goes on. %(charge)s"
        ) % {"charge": charge}
    return _("A refund does not end the subscription. %(charge)s") % {"charge": charge}


def suspends(purchase: Purchase, payment: Payment) -> bool:
    """Return whether a full refund of the payment suspends access, by the rules of entitlements.py."""
    rows: Sequence[Payment] = [copy(row) for row in purchase.payments.all()]
    for row in rows:
        if row.pk == payment.pk:
            row.amount_refunded = row.amount_paid
    subscription = {"trial_end": None, "status": purchase.subscription_status}
    values = payment_values(rows, subscription if purchase.subscription_id else None)
    return bool(values["suspended_by"])


def success_text(refund: StripeData) -> str:
    amount = {"amount": format_money(refund["amount"], refund["currency"])}
    if refund["status"] == "requires_action":
        return _("Stripe has asked the buyer by e-mail where to send the %(amount)s.") % amount
    if refund["status"] == "pending" and refund.get("pending_reason") == "insufficient_funds":
        return (
            _(
                "The refund of %(amount)s waits, because your balance at Stripe is too low. Stripe sends it as soon as "
                "the balance covers it. Add money to it in Stripe's Dashboard."
            )
            % amount
        )
    if refund["status"] == "pending":
        return _("The refund of %(amount)s is on its way, and Stripe waits for the bank.") % amount
    return _("%(amount)s was refunded.") % amount


def failure_text(refund: StripeData) -> str:
    reason = FAILURES.get(refund.get("failure_reason") or "", gettext_lazy("the bank gives no reason"))
    return _("The refund failed: %(reason)s. Pay the buyer back in another way.") % {"reason": reason}
