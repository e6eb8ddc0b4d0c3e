"""Decide whether a user has access to a product: the policy about payments, refunds and disputes."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import Payment, Product, Purchase, PurchaseQuerySet, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.guests import Buyer
from apps.users.models import User

# Stripe's dispute status ▶ what suspends access; None does not. Unknown ones suspend it.
# https://docs.stripe.com/api/disputes/object#dispute_object-status
DISPUTE_SUSPENSION: dict[str, Suspension | None] = {
    "needs_response": Suspension.DISPUTED,
    "under_review": Suspension.DISPUTED,
    "appeal_needs_response": Suspension.DISPUTED,
    "appeal_under_review": Suspension.DISPUTED,
    "lost": Suspension.DISPUTE_LOST,
    "won": None,
    "prevented": None,
    "warning_needs_response": None,  # an inquiry: the bank has not taken the money back
    "warning_under_review": None,
    "warning_closed": None,
}
# Stripe creates the invoice of a renewal when the period ends, and charges about an hour later.
# https://docs.stripe.com/billing/invoices/subscription#sub-invoice-lifecycle
RENEWAL_MARGIN = timedelta(hours=3)


def purchases_with_access(now: datetime | None = None) -> PurchaseQuerySet:
    """Filter by the same rule as `has_access`."""
    now = now or timezone.now()
    in_grace = now - _grace()
    paid = Q(status=Status.PAID)
    subscribed = Q(status__in=(Status.TRIALING, Status.ACTIVE)) & (
        Q(paid_until__gt=now - RENEWAL_MARGIN) | Q(paid_until__gt=in_grace, has_paid=True)
    )
    past_due = Q(status=Status.PAST_DUE) & (
        Q(paid_until__gt=now) | Q(past_due_since__gt=in_grace, paid_until__gt=in_grace, has_paid=True)
    )
    return Purchase.objects.filter(
        paid | subscribed | past_due,
        Q(cancel_at=None) | Q(cancel_at__gt=now),
        Q(granted_until=None) | Q(granted_until__gt=now),
        suspended_by="",
        revoked_at=None,
        livemode=is_livemode(),
    )


def has_access(purchase: Purchase, now: datetime | None = None) -> bool:
    """Return whether the user has access to the product now.

    A subscription includes access for its paid period. After that, people who have paid for it before have
    PAST_DUE_GRACE_DAYS to pay for the next one.
    """
    now = now or timezone.now()
    if not purchase.opens_product or purchase.livemode != is_livemode():
        return False
    if any(end and end <= now for end in (purchase.cancel_at, purchase.granted_until)):
        return False
    if purchase.status == Status.PAID:
        return True
    grace = _grace() if purchase.has_paid else timedelta(0)
    if purchase.status == Status.PAST_DUE:
        # After a pause, the first unpaid invoice may be much newer than the paid period.
        starts = (purchase.paid_until, purchase.past_due_since)
        is_in_grace = all(start and now < start + grace for start in starts)
        return bool(is_in_grace or (purchase.paid_until and now < purchase.paid_until))
    return bool(purchase.paid_until and now < purchase.paid_until + max(grace, RENEWAL_MARGIN))


def access_until(purchase: Purchase) -> datetime | None:
    """Return when access to a subscription ends if nothing more is paid: with its paid period, or after the grace."""
    end = purchase.paid_until
    return end + _grace() if end and end <= timezone.now() and purchase.has_paid else end


def owned(user: User | AnonymousUser, product: Product | str, plans: Collection[str] = ()) -> Purchase | None:
    """Return the user's newest purchase with access to the product, or None. `plans` limits it to these plans."""
    if user.is_authenticated and not user.is_active:
        return None
    purchases = purchases_with_access().for_user(user).filter(product=product)
    if plans:
        purchases = purchases.filter(plan__in=plans)
    return purchases.with_catalogue().first()


def owned_plans(user: User | AnonymousUser, product: Product | str) -> set[str]:
    """Return the plans of the user's purchases with access; a purchase without a plan adds ""."""
    if user.is_authenticated and not user.is_active:
        return set()
    purchases = purchases_with_access().for_user(user).filter(product=product)
    return set(purchases.order_by().values_list("plan", flat=True))


def has_bought(user: Buyer, product: Product) -> bool:
    """Return whether the user has access that was paid for. With complimentary access, they can still buy it."""
    return purchases_with_access().bought().for_user(user).filter(product=product).exists()


def newest_with_access(purchases: Sequence[Purchase]) -> dict[str, Purchase]:
    """Return, by product id, the newest purchase with access, or given access if there is no purchase.

    `purchases` are one user's, newest first.
    """
    rows = [purchase for purchase in reversed(purchases) if has_access(purchase)]
    given = {row.product_id: row for row in rows if row.granted_at}
    return given | {row.product_id: row for row in rows if not row.granted_at}


def suspension(current: Sequence[Payment], earlier: Sequence[Payment]) -> str:
    """Return why the payments suspend access, a Suspension, or "".

    `current` are the payments for the current period, or of a one-time purchase; `earlier` those of earlier periods.
    """
    decisive = [*current, *(earlier if settings.LOST_DISPUTES_SUSPEND_LATER_PERIODS else [])]
    by_dispute = {dispute_suspension(payment.dispute_status) for payment in current}
    if any(payment.dispute_status == "lost" for payment in decisive):
        by_dispute.add(Suspension.DISPUTE_LOST)
    for suspended_by in (Suspension.DISPUTE_LOST, Suspension.DISPUTED):
        if suspended_by in by_dispute:
            return suspended_by
    paid = sum(payment.amount_paid for payment in current)
    is_refunded = 0 < paid <= sum(payment.amount_refunded for payment in current)
    return Suspension.REFUNDED if is_refunded else ""


def inherited_suspension(purchase: Purchase) -> str:
    """Return why the purchase that this one upgrades is suspended, or "": its payment is a part of the upgrade's."""
    if purchase.upgrade_of_id is None:
        return ""
    upgraded = Purchase.objects.filter(pk=purchase.upgrade_of_id)
    return upgraded.values_list("suspended_by", flat=True).first() or ""


def dispute_suspension(dispute_status: str) -> Suspension | None:
    return DISPUTE_SUSPENSION.get(dispute_status, Suspension.DISPUTED) if dispute_status else None


def _grace() -> timedelta:
    return timedelta(days=settings.PAST_DUE_GRACE_DAYS)
