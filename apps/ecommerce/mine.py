"""What one person has bought: nearly every page of theirs asks."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from apps.prepared import Select
from apps.users.models import User

from .models import Purchase
from .stripe_client import livemode

_all_of = Select(Purchase, "user", "livemode")
_one_of = Select(Purchase, "user", "public_id")


def purchases_of(user: User | AnonymousUser) -> list[Purchase]:
    """All of them in the mode we sell in, newest first. One query; none, and no purchase, for a visitor."""
    return [] if user.pk is None else _all_of(user.pk, livemode())


def library_of(user: User) -> list[Purchase]:
    """The same with product, price and configuration: a join, so a queryset says it. One query."""
    return list(Purchase.objects.with_catalogue().filter(user=user, livemode=livemode()))


def purchase_of(user: User, public_id: UUID) -> Purchase:
    """One of theirs. Raises Http404: somebody else's does not exist."""
    for purchase in _one_of(user.pk, public_id):
        return purchase
    raise Http404("This person has no such purchase.")
