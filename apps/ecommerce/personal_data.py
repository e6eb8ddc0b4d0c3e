"""What the store tells the account page about a person: their purchases, and why they can't leave just now."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.users.models import User
from apps.users.personal_data import JSON

from .models import Purchase
from .models import PurchaseStatus as Status

# A deleted account could not cancel these, and the card would go on being charged.
RUNNING = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID, Status.PAUSED, Status.INCOMPLETE)


def purchases_of(user: User) -> JSON:
    """Every purchase, for the export. Amounts in minor units, times ISO 8601 in UTC."""
    return [
        {
            "order": str(purchase.public_id),
            "product": purchase.product.name,
            "status": purchase.status,
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


def running_subscription(user: User) -> str | None:
    """Why the account can't be deleted yet, or None."""
    running = (
        Purchase.objects.filter(user=user, status__in=RUNNING, cancel_at=None)
        .select_related("product")
        .first()
    )
    if running is None:
        return None
    words = _("Your subscription to %(product)s is still running. Please cancel it first, in My purchases.")
    return words % {"product": running.product}
