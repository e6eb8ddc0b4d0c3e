"""Copy the state of a purchase from Stripe: `sync_purchase` is the only way in.

Webhooks, the return page, the status poll, reconcile_purchases and the admin call it. It fetches the current state
without holding a lock, computes the purchase's columns and writes them if they changed, so duplicate, reordered and
lost events need no special handling. https://docs.stripe.com/checkout/fulfillment
"""

import logging
from typing import Any

import stripe
from django.db import transaction
from django.utils import timezone

from apps.ecommerce.models import MISSING_SUBSCRIPTION, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.emails import queue_status_email
from apps.ecommerce.purchases.entitlements import GRANTS
from apps.ecommerce.purchases.signals import queue_access_signal
from apps.ecommerce.purchases.stripe_state import RUNNING, purchase_values
from apps.ecommerce.stripe_api.client import expanded, get_client, livemode, read_or_none

logger = logging.getLogger(__name__)

MAX_TRIES = 10
SUBSCRIPTION_EXPAND = ["default_payment_method", "latest_invoice"]
SESSION_EXPAND = ["payment_intent.latest_charge", "invoice"] + [
    f"subscription.{name}" for name in SUBSCRIPTION_EXPAND
]


def sync_purchase(purchase: Purchase, cause: str) -> Purchase:
    """Write what Stripe says about a purchase, and return the purchase as it is now.

    `cause` is kept with a change of status ("event evt_…", "return page"). Safe to call at any time and any number of
    times. Raises stripe.StripeError when Stripe can't be asked; nothing is written then.
    """
    seen = purchase if purchase.session_id else Purchase.objects.get(pk=purchase.pk)
    for _ in range(MAX_TRIES):
        if seen.livemode != livemode() or not (seen.session_id or seen.subscription_id):
            return seen
        session = read_or_none("checkout/sessions", seen.session_id, expand=SESSION_EXPAND)
        if session and session["status"] == "open" and seen.status == Status.EXPIRED:
            expire_session(session["id"])  # abandoned; another purchase may be open in its place
            session = read_or_none("checkout/sessions", seen.session_id, expand=SESSION_EXPAND)
        if session:
            subscription = expanded(session["subscription"])
        else:
            subscription = read_or_none("subscriptions", seen.subscription_id, expand=SUBSCRIPTION_EXPAND)
        is_known = session or subscription
        values = purchase_values(session, subscription) if is_known else _values_if_unknown(seen)
        if written := _write_if_current(seen, values, cause):
            return written
        seen = Purchase.objects.get(pk=purchase.pk)
    raise RuntimeError(f"Purchase {purchase.public_id} was written {MAX_TRIES} times while it was synced.")


def expire_session(session_id: str) -> None:
    """Expire a Checkout Session, so that it can no longer be paid. https://docs.stripe.com/api/checkout/sessions/expire"""
    try:
        get_client().v1.checkout.sessions.expire(session_id)
    except stripe.InvalidRequestError as error:  # it was just paid, or has expired
        logger.info("Session %s was not open any more: %s", session_id, error)


def change_purchase(purchase: Purchase, changes: dict[str, Any], cause: str) -> None:
    """Write changes to a locked purchase. A new status is added to its history and e-mailed to the buyer."""
    before = purchase.status
    if changes.get("status") in GRANTS and not purchase.paid_at:
        changes["paid_at"] = timezone.now()
    changes["version"] = purchase.version + 1
    for name, value in changes.items():
        setattr(purchase, name, value)
    purchase.save(update_fields=changes)
    if purchase.status == before:
        return
    change = StatusChange.objects.create(
        purchase=purchase,
        from_status=before,
        to_status=purchase.status,
        version=purchase.version,
        cause=cause,
    )
    queue_status_email(change)
    queue_access_signal(purchase, before)
    extra = {"purchase": str(purchase.public_id), "from": before, "to": purchase.status, "cause": cause}
    logger.info("purchase %(purchase)s: %(from)s ▶ %(to)s (%(cause)s)", extra, extra=extra)


def _values_if_unknown(purchase: Purchase) -> dict[str, Any]:
    """Return the columns of a purchase that this Stripe account does not know: it was made with another account's key.

    A subscription can neither be charged nor canceled with this key, but gives access until the end of what was paid.
    With the former key, the next sync writes what Stripe says.
    """
    if purchase.is_open:
        return {"status": Status.EXPIRED, "checkout_url": ""}
    if not (purchase.has_running_subscription or purchase.subscription_status == MISSING_SUBSCRIPTION):
        return {}
    values: dict[str, Any] = {"subscription_status": MISSING_SUBSCRIPTION}
    ends = min(filter(None, (purchase.cancel_at, purchase.current_period_end)), default=None)
    if purchase.status in (Status.ACTIVE, Status.TRIALING) and ends and ends > timezone.now():
        values["cancel_at"] = ends
    elif purchase.status in RUNNING:
        values["status"] = Status.CANCELED
    return values


def _write_if_current(seen: Purchase, values: dict[str, Any], cause: str) -> Purchase | None:
    """Write the values that were fetched for `seen`. Return None if the purchase was written or synced since then."""
    with transaction.atomic():
        # Without a join: PostgreSQL finds no row if the price was changed while this query waited for the lock.
        purchase = Purchase.objects.select_for_update().get(pk=seen.pk)
        changes = {name: value for name, value in values.items() if getattr(purchase, name) != value}
        if purchase.version != seen.version or (changes and purchase.synced_at != seen.synced_at):
            return None
        purchase.synced_at = timezone.now()
        if changes:
            change_purchase(purchase, changes | {"synced_at": purchase.synced_at}, cause)
        else:
            purchase.save(update_fields=["synced_at"])
    return purchase
