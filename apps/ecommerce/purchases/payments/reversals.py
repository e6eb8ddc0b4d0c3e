"""Refunded and disputed payments: cancel their subscriptions, close payment pages that credit their value.

https://docs.stripe.com/disputes/responding and https://docs.stripe.com/api/subscriptions/cancel
"""

import logging
from collections.abc import Collection

import stripe
from django.conf import settings

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Purchase, PurchaseQuerySet, PurchaseStatus, Suspension
from apps.ecommerce.purchases.upgrades import credits_too_much
from apps.ecommerce.stripe_api.client import expire_session, get_client, is_livemode

logger = logging.getLogger(__name__)

# Columns that change the credit of an upgrade.
UPGRADE_CHANGES = {"suspended_by", "amount_refunded", "revoked_at"}


def reversed_but_billed() -> PurchaseQuerySet:
    """Filter subscriptions that Stripe will charge again although their current payment was refunded or disputed."""
    reasons = (Suspension.REFUNDED, Suspension.DISPUTE_LOST)
    return Purchase.objects.to_be_charged_again().filter(suspended_by__in=reasons, livemode=is_livemode())


def revoked_but_billed() -> PurchaseQuerySet:
    """Filter subscriptions that Stripe will charge again although an operator has ended the access."""
    return Purchase.objects.to_be_charged_again().filter(revoked_at__isnull=False, livemode=is_livemode())


def queue_cancellation(purchase: Purchase) -> None:
    if _is_to_be_canceled(purchase):
        enqueue(cancel_reversed, purchase.pk)


def cancel_reversed_subscriptions() -> None:
    """Repeat cancellations that failed."""
    for purchase in reversed_but_billed():
        try:
            cancel_reversed.func(purchase.pk)
        except stripe.StripeError:
            logger.exception("Subscription %s could not be canceled", purchase.subscription_id)


@task()
def cancel_reversed(purchase_id: int) -> None:
    """Cancel the subscription at Stripe, depending on the settings. Its event updates the purchase."""
    purchase = Purchase.objects.get(pk=purchase_id)
    if not _is_to_be_canceled(purchase):
        return
    try:
        get_client().v1.subscriptions.cancel(purchase.subscription_id)
    except stripe.InvalidRequestError as error:  # the subscription has already ended
        logger.info("Subscription %s was not canceled: %s", purchase.subscription_id, error)


def queue_upgrade_closing(purchase: Purchase, changes: Collection[str]) -> bool:
    """Queue the closing of open upgrades after a refund or a dispute. Return whether there are upgrades."""
    is_concerned = not purchase.is_recurring and UPGRADE_CHANGES & set(changes)
    has_upgrades = bool(is_concerned) and purchase.upgrades.exists()
    if has_upgrades:
        enqueue(close_upgrades, purchase.pk)
    return has_upgrades


@task()
def close_upgrades(purchase_id: int) -> None:
    """Expire the open payment pages that credit this purchase with its former value. Events update the upgrades."""
    for upgrade in Purchase.objects.filter(upgrade_of=purchase_id):
        if not upgrade.is_open:
            close_upgrades.func(upgrade.pk)  # the credit of a later upgrade includes the earlier ones
        elif upgrade.session_id:
            expire_session(upgrade.session_id)


def close_outdated_upgrades() -> None:
    """Expire payment pages that credit too much, because closing them after a refund has failed."""
    opened = Purchase.objects.filter(status=PurchaseStatus.OPEN, session_id__gt="", livemode=is_livemode())
    for upgrade in opened.exclude(upgrade_of=None).select_related("upgrade_of"):
        if not credits_too_much(upgrade):
            continue
        try:
            expire_session(str(upgrade.session_id))
        except stripe.APIError:
            logger.exception("The payment page of %s could not be closed", upgrade.order_number)


def _is_to_be_canceled(purchase: Purchase) -> bool:
    is_wanted = {
        Suspension.DISPUTE_LOST: settings.CANCEL_AFTER_LOST_DISPUTE,
        Suspension.REFUNDED: settings.CANCEL_AFTER_REFUND,
    }
    return purchase.will_be_charged_again and bool(is_wanted.get(purchase.suspended_by))  # type: ignore[call-overload]
