"""What the store tells the account page about a person: their purchases, and why they can't leave just now."""

from __future__ import annotations

import stripe
from django.utils.translation import gettext as _

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.checkout import give_up
from apps.ecommerce.purchases.foreign_subscriptions import running_subscriptions
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import livemode
from apps.ecommerce.stripe_api.transport import somebody_waits
from apps.users.models import User
from apps.users.personal_data import JSON, NotReady


def purchases_of(user: User) -> JSON:
    """Every purchase, for the export. Amounts in minor units, times ISO 8601 in UTC."""
    return [
        {
            "order": str(purchase.public_id),
            "product": purchase.product.name,
            "status": purchase.status,
            "subscription_status": purchase.subscription_status,
            "amount_total": purchase.amount_total,
            "currency": purchase.currency,
            "email": purchase.email,
            "bought": purchase.created_at.isoformat(),
            "paid": purchase.paid_at.isoformat() if purchase.paid_at else None,
            "changes": [
                {"to": change.to_status, "at": change.at.isoformat()} for change in purchase.changes.all()
            ],
        }
        for purchase in Purchase.objects.filter(user=user)
        .select_related("product")
        .prefetch_related("changes")
    ]


def reason_to_stay(user: User) -> str | None:
    """Return why the account can't be deleted yet, or None. A deleted user could neither cancel nor open a purchase."""
    purchases = Purchase.objects.filter(user=user).select_related("product")
    for purchase in purchases.with_running_subscription():
        if purchase.will_be_charged_again:
            words = _(
                "Your subscription to %(product)s is still running. Please cancel it first, in My purchases."
            )
            return words % {"product": purchase.product}
    if processing := purchases.filter(status=Status.PROCESSING).first():
        words = _(
            "Your bank payment for %(product)s is still on its way. You can delete your account once it has arrived "
            "or failed; we write to you then."
        )
        return words % {"product": processing.product}
    return None


def finish_checkouts(user: User) -> None:
    """Close the user's open payment pages and refresh what decides whether they may leave.

    Raises NotReady when Stripe can't be asked, or when one of the pages has just been paid.
    """
    waiting = Purchase.objects.filter(
        user=user, livemode=livemode(), status__in=[Status.OPEN, Status.PROCESSING]
    )
    subscribed = Purchase.objects.filter(user=user, livemode=livemode()).with_running_subscription()
    try:
        with somebody_waits():
            running_subscriptions(user, "account deletion")  # those that were made elsewhere get a purchase
            for purchase in waiting:
                _close(purchase)
            for purchase in subscribed:
                sync_purchase(purchase, "account deletion")
    except stripe.StripeError as error:
        words = _(
            "We could not ask Stripe whether payments of yours are on their way. Please try again in a minute."
        )
        raise NotReady(words) from error


def _close(purchase: Purchase) -> None:
    refresh = give_up if purchase.is_open else sync_purchase
    after = refresh(purchase, "account deletion")
    if after.is_open:
        words = _("Your checkout of %(product)s is still open. Please finish or cancel it first.")
        raise NotReady(words % {"product": after.product})
    if after.paid_at and not purchase.paid_at:
        words = _(
            "Your payment for %(product)s has just arrived. Nothing was deleted; please look at your order first."
        )
        raise NotReady(words % {"product": after.product})


def refuse_open_checkouts(user: User) -> None:
    """Raise NotReady if another tab has opened a payment page: a purchase paid there would have no owner."""
    if Purchase.objects.filter(user=user, status=Status.OPEN, livemode=livemode()).exists():
        raise NotReady(_("A checkout was opened in another tab. Nothing was deleted; please try again."))
