"""Update open pages when the user's purchases change.

A page contains a stamp of the purchases that it shows (templates/ecommerce/_live.html) and compares it with
/purchases/changes/: repeatedly while a purchase is pending, otherwise when its tab becomes visible. If the stamp
differs, static/js/live.js fetches the page and replaces the parts whose `data-live` differs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.status_messages import GIVE_UP_AFTER
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.guests import Buyer, is_buyer
from apps.users.models import User

# The columns that `live_updates` uses.
STAMP_FIELDS = (
    *("version", "status", "livemode", "cancel_at", "returned_at"),
    *("suspended_by", "paid_until", "past_due_since", "has_paid"),
    *("granted_at", "granted_until", "revoked_at"),
)
BANK_POLL_SECONDS = 30
# Time since the buyer returned from Stripe ▶ seconds between two polls.
POLL_SECONDS = (
    (timedelta(seconds=20), 1),
    (timedelta(minutes=2), 3),
    (timedelta(minutes=10), 10),
    (GIVE_UP_AFTER, 30),
)


@dataclass(frozen=True, slots=True)
class LiveUpdates:
    stamp: str
    delay: int  # seconds between two polls; 0 without a pending purchase


def live_updates(user: User | AnonymousUser, purchases: Iterable[Purchase]) -> LiveUpdates | None:
    """Return the updates of a page for all `purchases` of a user; None for a visitor."""
    if not is_buyer(user):
        return None
    rows = list(purchases)
    return LiveUpdates(purchases_stamp(rows), min(filter(None, map(poll_delay, rows)), default=0))


def live_updates_for_order(user: Buyer, shown: Purchase) -> LiveUpdates | None:
    """Return the updates of a page that shows one purchase, which is not queried again."""
    others = Purchase.objects.for_user(user).exclude(pk=shown.pk).only(*STAMP_FIELDS).order_by()
    return live_updates(user, [*others, shown])


def purchases_stamp(purchases: Iterable[Purchase]) -> str:
    """Return a hash that changes when a purchase is created, changes, or loses access."""
    now, mode = timezone.now(), is_livemode()
    rows = sorted((row.pk, row.version, has_access(row, now)) for row in purchases if row.livemode == mode)
    return sha256(repr(rows).encode()).hexdigest()[:16]


def poll_delay(purchase: Purchase) -> int:
    """Return the seconds until the next poll; 0 if no change is expected soon."""
    if purchase.status == Status.PROCESSING:
        return BANK_POLL_SECONDS
    if not purchase.is_open or not purchase.returned_at:
        return 0
    waited = timezone.now() - purchase.returned_at
    return next((seconds for limit, seconds in POLL_SECONDS if waited < limit), 0)
