"""Decide whether a user has access to a product."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import Product, Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.models import User

# The statuses with access to the product.
ACCESS_STATUSES = frozenset(
    {
        Status.PAID,
        Status.PARTIALLY_REFUNDED,
        Status.TRIALING,
        Status.ACTIVE,
        Status.PAST_DUE,  # for PAST_DUE_GRACE_DAYS, while Stripe retries the card
    }
)
# Stripe's dispute status ▶ the purchase's status; None does not change it. Unknown ones suspend access.
# https://docs.stripe.com/api/disputes/object#dispute_object-status
DISPUTE_STATUS: dict[str, Status | None] = {
    "needs_response": Status.DISPUTED,
    "under_review": Status.DISPUTED,
    "appeal_needs_response": Status.DISPUTED,
    "appeal_under_review": Status.DISPUTED,
    "lost": Status.DISPUTE_LOST,
    "won": None,
    "prevented": None,
    "warning_needs_response": None,  # an inquiry: the bank has not taken the money back
    "warning_under_review": None,
    "warning_closed": None,
}


def purchases_with_access(now: datetime | None = None) -> PurchaseQuerySet:
    """Filter by the same rule as `has_access`."""
    now = now or timezone.now()
    return Purchase.objects.filter(
        Q(status__in=ACCESS_STATUSES - {Status.PAST_DUE})
        | Q(status=Status.PAST_DUE, current_period_start__gt=_start_of_grace(now)),
        Q(cancel_at=None) | Q(cancel_at__gt=now),
        livemode=is_livemode(),
    )


def has_access(purchase: Purchase, now: datetime | None = None) -> bool:
    now = now or timezone.now()
    if purchase.status not in ACCESS_STATUSES or purchase.livemode != is_livemode():
        return False
    if purchase.cancel_at and purchase.cancel_at <= now:
        return False
    if purchase.status != Status.PAST_DUE:
        return True
    return bool(purchase.current_period_start and purchase.current_period_start > _start_of_grace(now))


def owned(user: User | AnonymousUser, product: Product | str) -> Purchase | None:
    """Return the user's newest purchase with access to the product, or None."""
    if not user.is_authenticated or not user.is_active:
        return None
    return purchases_with_access().filter(user=user, product=product).with_catalogue().first()


def newest_with_access(purchases: Sequence[Purchase]) -> dict[str, Purchase]:
    """Return, by product id, the newest purchase with access. `purchases` are one user's, newest first."""
    return {purchase.product_id: purchase for purchase in reversed(purchases) if has_access(purchase)}


def _start_of_grace(now: datetime) -> datetime:
    return now - timedelta(days=settings.PAST_DUE_GRACE_DAYS)
