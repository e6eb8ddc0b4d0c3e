"""Store the refunds of payments, which the figures and the exports read."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db.models import Q

from apps.ecommerce.models import Payment, Refund
from apps.ecommerce.purchases.payments.stripe_payments import StripePayment
from apps.ecommerce.stripe_api.client import StripeData

COPIED_FIELDS = ("amount", "currency", "status", "reason", "created_at")


def compare_refunds(payments: Sequence[tuple[Payment, StripePayment]]) -> list[Refund]:
    """Return the rows that are to be written. Each payment comes with the same one at Stripe."""
    concerned = [(row, payment) for row, payment in payments if row.amount_refunded or payment.refunds]
    fetched = {refund["id"]: (row, refund) for row, payment in concerned for refund in payment.refunds}
    if not concerned:
        return []
    stored = Q(payment__in=[row.pk for row, _payment in concerned if row.pk]) | Q(stripe_id__in=fetched)
    known = {refund.stripe_id: refund for refund in Refund.objects.filter(stored)}
    changed = []
    for key, (row, data) in fetched.items():
        refund, current = known.pop(key, None), _build_refund(row, data)
        if refund is None:
            changed.append(current)
        elif any(getattr(refund, name) != getattr(current, name) for name in COPIED_FIELDS):
            current.pk = refund.pk
            changed.append(current)
    # Stripe does not list it any more.
    for refund in known.values():
        if refund.counts:
            refund.status = "failed"
            changed.append(refund)
    return changed


def save_refunds(refunds: list[Refund]) -> None:
    for refund in refunds:
        if refund.pk is not None:
            refund.save(force_update=True)
    Refund.objects.bulk_create(refund for refund in refunds if refund.pk is None)


def _build_refund(payment: Payment, refund: StripeData) -> Refund:
    return Refund(
        payment=payment,
        stripe_id=refund["id"],
        amount=refund["amount"],
        currency=refund["currency"],
        status=refund["status"] or "",
        reason=refund["reason"] or "",
        created_at=datetime.fromtimestamp(refund["created"], UTC),
    )
