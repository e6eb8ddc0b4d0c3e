"""Who may use what. The only place that asks "has this user paid": one predicate, one queryset, one table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import Product, Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import livemode
from apps.users.models import User

# The policy. Move a status between the two tables and the store, the gate and the library all follow.
GRANTS: dict[Status, str] = {
    Status.PAID: "the money is there",
    Status.PARTIALLY_REFUNDED: "a part was given back, the product was kept",
    Status.TRIALING: "the trial is part of the deal",
    Status.ACTIVE: "the period is paid",
    Status.PAST_DUE: "Stripe is still trying the card; for the days of grace only",
}
REFUSES: dict[Status, str] = {
    Status.OPEN: "nobody has paid",
    Status.PROCESSING: "the bank has not paid yet, and may not",
    Status.FAILED: "the bank did not pay",
    Status.EXPIRED: "nobody paid in time",
    Status.REFUNDED: "all the money went back",
    Status.DISPUTED: "the bank is asking for the money back; suspended until that is settled",
    Status.DISPUTE_LOST: "the bank took the money back",
    Status.UNPAID: "Stripe gave up on the renewal",
    Status.PAUSED: "nothing is charged while it is paused",
    Status.INCOMPLETE: "the first payment was never confirmed",
    Status.CANCELED: "the subscription has ended",
}
# What a dispute means for the purchase. https://docs.stripe.com/api/disputes/object#dispute_object-status
# Anything that Stripe may add one day suspends, until a person has looked.
DISPUTES: dict[str, Status | None] = {
    "needs_response": Status.DISPUTED,
    "under_review": Status.DISPUTED,
    "appeal_needs_response": Status.DISPUTED,
    "appeal_under_review": Status.DISPUTED,
    "lost": Status.DISPUTE_LOST,
    "won": None,
    "prevented": None,
    "warning_needs_response": None,  # an inquiry: the bank asks, no money has moved
    "warning_under_review": None,
    "warning_closed": None,
}


def granting(now: datetime | None = None) -> PurchaseQuerySet:
    """Every purchase that opens its product at that moment (UTC; default now), in the mode we sell in."""
    now = now or timezone.now()
    grace = now - timedelta(days=settings.PAST_DUE_GRACE_DAYS)
    always = [status for status in GRANTS if status != Status.PAST_DUE]
    return Purchase.objects.filter(
        Q(status__in=always) | Q(status=Status.PAST_DUE, current_period_start__gt=grace),
        Q(cancel_at=None) | Q(cancel_at__gt=now),
        livemode=livemode(),
    )


def grants(purchase: Purchase, now: datetime | None = None) -> bool:
    """Whether this purchase, as it stands in memory, opens its product. The twin of `granting`."""
    now = now or timezone.now()
    if purchase.status not in GRANTS or purchase.livemode != livemode():
        return False
    if purchase.cancel_at and purchase.cancel_at <= now:
        return False
    if purchase.status != Status.PAST_DUE:
        return True
    grace = now - timedelta(days=settings.PAST_DUE_GRACE_DAYS)
    return purchase.current_period_start is not None and purchase.current_period_start > grace


def owned(user: User | AnonymousUser, product: Product | str) -> Purchase | None:
    """The newest purchase that opens this product for this user, or None."""
    if not user.is_authenticated or not user.is_active:
        return None
    purchases = granting().filter(user=user, product=product)
    return purchases.with_catalogue().order_by("-created_at").first()


def opening(purchases: Sequence[Purchase]) -> dict[str, Purchase]:
    """Of one person's purchases, newest first: product id ▶ the one that opens it."""
    return {row.product_id: row for row in reversed(purchases) if grants(row)}
