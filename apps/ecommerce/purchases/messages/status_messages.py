"""Choose the message about a purchase's status. The texts are in status_texts.py."""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from apps.ecommerce.models import ACCESS_STATUSES, Purchase, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.status_texts import MESSAGES, WITHOUT_AMOUNT, StatusMessage
from apps.ecommerce.purchases.messages.values import message_values
from apps.ecommerce.purchases.upgrades import upgrade_note

SLOW_AFTER = timedelta(seconds=20)  # after that, the message "slow" replaces "confirming"
GIVE_UP_AFTER = timedelta(hours=1)  # after that, an open purchase counts as not paid


def status_message(purchase: Purchase, *, canceled: bool = False) -> StatusMessage:
    """Return the message for the buyer. `canceled`: the buyer has just left the payment page by its back link."""
    key = message_key(purchase, canceled=canceled)
    message, values = MESSAGES[key], message_values(purchase)
    text = message.text if values["next"] else WITHOUT_AMOUNT.get(key, message.text)
    text = upgrade_note(purchase) or str(text) % values
    return replace(message, title=str(message.title) % values, text=text, key=str(key))


def message_key(purchase: Purchase, *, canceled: bool = False) -> str:
    if purchase.is_open:
        if canceled:
            return "canceled_by_buyer"
        waited = timezone.now() - purchase.returned_at if purchase.returned_at else GIVE_UP_AFTER
        return "open" if waited >= GIVE_UP_AFTER else "slow" if waited > SLOW_AFTER else "confirming"
    if purchase.is_suspended:
        has_one_text = purchase.suspension in (Suspension.DISPUTED, Suspension.REVOKED)
        is_running = purchase.has_running_subscription and not has_one_text
        return f"{purchase.suspension}_running" if is_running else purchase.suspension
    if purchase.granted_at:
        return _granted_key(purchase)
    if purchase.status in (Status.ACTIVE, Status.TRIALING) and purchase.cancel_at:
        return "ending"
    if purchase.skips_payments:
        return "collection_paused" if has_access(purchase) else "collection_paused_lapsed"
    if purchase.status in ACCESS_STATUSES and not has_access(purchase):
        return "lapsed"  # the period is unpaid, and PAST_DUE_GRACE_DAYS are over
    if purchase.status == Status.PAID and not purchase.amount_total:
        return "free"
    if purchase.status == Status.PAID and purchase.amount_refunded:
        return "partially_refunded"
    return purchase.status


def _granted_key(purchase: Purchase) -> str:
    end = purchase.granted_until
    if purchase.status == Status.CANCELED or (end and end <= timezone.now()):
        return "granted_ended"
    return "granted_until" if end else "granted"
