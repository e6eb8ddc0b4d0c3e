"""Texts about the next charge of a subscription."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.messages.status_messages import message_key
from apps.ecommerce.purchases.messages.values import message_values

RENEWAL_NOTES: dict[str, str | Promise] = {
    Status.TRIALING: _("Trial ends on %(trial_end)s"),
    Status.ACTIVE: _("Renews on %(period_end)s"),
    "collection_paused": _("Payments are paused"),
    "collection_paused_lapsed": _("Payments are paused"),
    "ending": _("Ends on %(cancel_at)s"),
    Status.PAST_DUE: _("Payment failed"),
    "granted": _("Complimentary"),
    "granted_until": _("Complimentary until %(granted_until)s"),
}


def renewal_note(purchase: Purchase) -> str:
    key = message_key(purchase)
    note = RENEWAL_NOTES.get(key, "")
    if key.startswith("collection_paused") and purchase.collection_resumes_at:
        note = _("Payments are paused until %(resumes_at)s")
    return str(note) % message_values(purchase) if note else ""


def billing_note(purchase: Purchase) -> str:
    """Return what Stripe will charge although the last payment was refunded or disputed; "" otherwise."""
    if not (purchase.is_suspended and purchase.has_running_subscription):
        return ""
    if not purchase.will_be_charged_again:
        note = _("Your subscription ends on %(cancel_at)s. You won't be charged again.")
    elif purchase.revoked_at:
        note = _("Your subscription is still active, and you are charged until you cancel it.")
    elif purchase.subscription_status == "past_due":
        note = _(
            "Your subscription is still active (%(price)s). A payment is overdue, and we'll try to charge you "
            "again. You'll get your access back once it succeeds. You can cancel it at any time."
        )
    elif purchase.skips_payments:
        note = _(
            "Your subscription is still active, but its payments are paused.%(resumes)s You can cancel it at any time."
        )
    elif purchase.current_period_end and purchase.next_amount is None:
        note = _(
            "Your subscription is still active and renews on %(period_end)s. You'll get your access back then. "
            "You can cancel it at any time."
        )
    elif purchase.current_period_end:
        note = _(
            "Your subscription is still active and renews on %(period_end)s for %(next)s. You'll get your access "
            "back then. You can cancel it at any time."
        )
    else:
        note = _("Your subscription is still active until you cancel it.")
    return str(note) % message_values(purchase)
