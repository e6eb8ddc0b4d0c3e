"""Keep open pages up to date with the purchases of the person who reads them.

A page carries a stamp of the purchases that it shows (templates/ecommerce/_live.html). It asks /purchases/changes/
whether the stamp is still the same: repeatedly while a purchase is pending, otherwise only when its tab becomes visible
again. If the stamp differs, static/js/live.js fetches the page and replaces the parts with another `data-live`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from apps.users.models import User

from . import states
from .entitlements import grants
from .models import Purchase
from .stripe_client import livemode

# What `live` reads of a purchase.
STAMP_FIELDS = ("version", "status", "livemode", "cancel_at", "current_period_start", "returned_at")


@dataclass(frozen=True, slots=True)
class Live:
    seen: str  # the stamp
    delay: int  # seconds between two requests; 0 without a pending purchase


def live(user: User | AnonymousUser, purchases: Iterable[Purchase]) -> Live | None:
    """For a page made of these, which are all that this person has. None for a visitor: nothing can change."""
    if not user.is_authenticated:
        return None
    rows = list(purchases)
    return Live(stamp_of(rows), min(filter(None, map(states.poll_delay, rows)), default=0))


def live_beside(user: User, shown: Purchase) -> Live | None:
    """For a page about one purchase, as it was read a moment ago. One query, for the others."""
    others = Purchase.objects.for_user(user).exclude(pk=shown.pk).only(*STAMP_FIELDS)
    return live(user, [*others, shown])


def stamp_of(purchases: Iterable[Purchase]) -> str:
    """Another one whenever a purchase is new, was written, or the clock has ended what it opens."""
    now, mode = timezone.now(), livemode()
    rows = sorted((row.pk, row.version, grants(row, now)) for row in purchases if row.livemode == mode)
    return sha256(repr(rows).encode()).hexdigest()[:16]
