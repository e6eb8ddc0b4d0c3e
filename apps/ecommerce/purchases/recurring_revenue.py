"""The monthly amount of subscriptions, and the ledger of its changes.

Docs: "Recurring revenue" in docs/back-office.md. Stripe: https://docs.stripe.com/billing/subscriptions/analytics
"""

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from fractions import Fraction
from typing import Any

from django.db.models import Min
from django.utils import timezone

from apps.ecommerce.models import Payment, Price, Purchase, SubscriptionChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import StripeData, expanded

PERIODS_PER_MONTH = {
    "day": Fraction(365, 12),
    "week": Fraction(52, 12),
    "month": Fraction(1),
    "year": Fraction(1, 12),
}
# Other subscriptions don't run: Stripe charges nothing for them until the buyer or an operator acts.
RUNNING_STATUSES = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)


def renewal_per_month(subscription: StripeData, preview: StripeData) -> int:
    """Return what the next invoice charges for a month: with discounts, without taxes, prorations and balance."""
    items = {item["id"]: item for item in subscription["items"]["data"]}
    total, billed = Fraction(0), set()
    for line in preview["lines"]["data"]:
        details = (line["parent"] or {}).get("subscription_item_details") or {}
        item = items.get(details.get("subscription_item"))
        if item and not details.get("proration") and _has_fixed_amount(item):
            total += _per_month(_net_amount(line), item)
            billed.add(item["id"])
    # An invoice has only its first ten lines, and items of another interval are on later invoices.
    others = [item for key, item in items.items() if key not in billed]
    return round_half_up(total + _list_amount(others, subscription["currency"]))


def monthly_amount(
    before: Purchase, values: dict[str, Any], subscription: StripeData, renewal: int | None
) -> int | None:
    """Return what the subscription pays in a month; None if it does not run.

    `values` are the purchase's columns that follow from Stripe's objects, `renewal` is renewal_per_month if there is a
    next invoice.
    """
    after = copy(before)
    for name, value in values.items():
        setattr(after, name, value)
    if not _runs(before, after):
        return None
    if after.skips_payments:
        return 0
    if renewal is not None:
        return renewal
    names = ("price_id", "quantity", "item_count")
    is_same = all(getattr(before, name) == getattr(after, name) for name in names)
    if before.monthly_amount and is_same:
        # No next invoice: the subscription ends with its period, or Stripe can't preview it.
        return before.monthly_amount
    return round_half_up(_list_amount(subscription["items"]["data"], subscription["currency"]))


def end_if_not_running(purchase: Purchase, changes: dict[str, Any]) -> None:
    """Add the column to `changes` if their status ends the subscription."""
    is_running = changes.get("status", purchase.status) in RUNNING_STATUSES
    if purchase.monthly_amount is not None and not is_running:
        changes["monthly_amount"] = None


def record_change(purchase: Purchase, before: int | None) -> None:
    """Add a row to the ledger. `before` is the former monthly amount; the purchase and its payments are saved."""
    after = purchase.monthly_amount
    if after == before:
        return
    count_change = (after is not None) - (before is not None)
    SubscriptionChange.objects.create(
        purchase=purchase,
        livemode=purchase.livemode,
        at=_changed_at(purchase, count_change),
        currency=purchase.currency,
        monthly_amount_change=(after or 0) - (before or 0),
        count_change=count_change,
    )


def round_half_up(amount: Fraction) -> int:
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def _runs(before: Purchase, after: Purchase) -> bool:
    """Return whether the subscription runs: from its first paid period after a free trial until it ends.

    A trial that an operator starts later, a refund, a dispute or a failed renewal does not end it.
    """
    if after.status not in RUNNING_STATUSES:
        return False
    if before.monthly_amount is not None:
        return True
    if after.status == Status.TRIALING or after.paid_until is None:
        return False
    return after.trial_end is None or after.paid_until > after.trial_end


def _changed_at(purchase: Purchase, count_change: int) -> datetime:
    """Return when the subscription began or ended, which may be long before the sync, and never before its last row."""
    now = timezone.now()
    last = purchase.subscription_changes.last()
    if count_change == 1 and last is None:
        paid = purchase.payments.filter(status=Payment.Status.PAID, amount_paid__gt=0)
        first_paid = paid.aggregate(at=Min("paid_at"))["at"]
        return max(filter(None, (first_paid, purchase.trial_end)), default=now)
    at = min(filter(None, (now, purchase.cancel_at))) if count_change == -1 else now
    return max(at, last.at) if last else at


def _net_amount(line: StripeData) -> int:
    discounts = sum(row["amount"] for row in line["discount_amounts"] or [])
    taxes = line["taxes"] or []
    included = sum(row["amount"] for row in taxes if row["tax_behavior"] == "inclusive")
    net: int = line["amount"] - discounts - included
    return net


def _list_amount(items: Iterable[StripeData], currency: str) -> Fraction:
    items = [item for item in items if _has_fixed_amount(item)]
    return sum(
        (_per_month(_unit_amount(item, currency) * _quantity(item), item) for item in items), Fraction(0)
    )


def _unit_amount(item: StripeData, currency: str) -> int:
    price = item["price"]
    if price["currency"] == currency:
        amount: int | None = price["unit_amount"]  # None: tiers, or fractions of the smallest unit
        return amount or 0
    known = Price.objects.filter(id=price["id"]).first()
    return (known.amount_in(currency) if known else None) or 0


def _quantity(item: StripeData) -> int:
    quantity: int = item.get("quantity") or 1
    return quantity


def _per_month(amount: int, item: StripeData) -> Fraction:
    recurring = item["price"]["recurring"]
    interval: str = recurring["interval"]
    count: int = recurring["interval_count"]
    return amount * PERIODS_PER_MONTH[interval] / count


def _has_fixed_amount(item: StripeData) -> bool:
    recurring = expanded(item["price"]["recurring"])
    return recurring is not None and recurring["usage_type"] != "metered"
