"""Purchases that should not exist. Each needs a person."""

from django.db.models import Count, Max

from apps.ecommerce.models import Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import purchases_with_access
from apps.ecommerce.stripe_api.client import is_livemode

COSTLESS = (Status.OPEN, Status.EXPIRED, Status.FAILED, Status.CANCELED)


def buyers_of_several() -> set[int]:
    """Return the buyers with several orders of one product that may have cost them money.

    Most shops have none. Counting in the order of an index is faster than reading all orders.
    """
    orders = Purchase.objects.filter(user__isnull=False).exclude(status__in=COSTLESS).order_by()
    counts = orders.values("user", "product").annotate(count=Count("*"))
    return {row["user"] for row in counts.filter(count__gt=1)}


def billed_twice(buyers: set[int] | None = None) -> list[Purchase]:
    """Return the newest purchase of each buyer and product with several subscriptions that will be charged again."""
    purchases = Purchase.objects.to_be_charged_again().filter(livemode=is_livemode())
    return _newest_of_several(purchases, buyers_of_several() if buyers is None else buyers)


def billed_without_account() -> list[Purchase]:
    return list(
        Purchase.objects.to_be_charged_again().filter(user=None, guest_token="", livemode=is_livemode())
    )


def bought_twice(buyers: set[int] | None = None) -> list[Purchase]:
    """Return the newest purchase of each buyer who has paid twice for one product. Upgrades count as one purchase."""
    upgraded = purchases_with_access().exclude(upgrade_of=None).values("upgrade_of")
    paid = purchases_with_access().filter(status=Status.PAID, amount_total__gt=0)
    return _newest_of_several(
        paid.exclude(pk__in=upgraded), buyers_of_several() if buyers is None else buyers
    )


def paid_without_owner() -> list[Purchase]:
    """Return purchases with access that have neither an account nor the e-mail address of a deleted one."""
    return list(purchases_with_access().filter(user=None, email=""))


def _newest_of_several(purchases: PurchaseQuerySet, buyers: set[int]) -> list[Purchase]:
    """Return the newest purchase of each buyer and product that has several of these."""
    if not buyers:
        return []
    groups = (
        purchases.filter(user__in=buyers)
        .order_by()
        .values("user", "product")
        .annotate(newest=Max("pk"), count=Count("pk"))
    )
    return list(Purchase.objects.filter(pk__in=groups.filter(count__gt=1).values("newest")))
