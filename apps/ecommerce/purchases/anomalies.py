"""Purchases that should not exist. Each needs a person."""

from django.db.models import Count, Max, Q

from apps.ecommerce.models import Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import purchases_with_access
from apps.ecommerce.stripe_api.client import is_livemode


def billed_twice() -> list[Purchase]:
    """Return the newest purchase of each buyer and product with several subscriptions that will be charged again."""
    purchases = Purchase.objects.to_be_charged_again().filter(user__isnull=False, livemode=is_livemode())
    return _newest_of_several(purchases)


def billed_without_account() -> list[Purchase]:
    return list(Purchase.objects.to_be_charged_again().filter(user=None, livemode=is_livemode()))


def bought_twice() -> list[Purchase]:
    """Return the newest purchase of each buyer who has paid twice for one product. Upgrades count as one purchase."""
    # Counting in the order of an index is faster than reading all paid purchases to find that there are none.
    paid_often = Purchase.objects.filter(user__isnull=False).order_by().values("user", "product")
    paid_often = paid_often.annotate(paid=Count("status", filter=Q(status=Status.PAID))).filter(paid__gt=1)
    buyers = {row["user"] for row in paid_often}
    if not buyers:
        return []
    upgraded = purchases_with_access().exclude(upgrade_of=None).values("upgrade_of")
    paid = purchases_with_access().filter(user__isnull=False, status=Status.PAID, amount_total__gt=0)
    return _newest_of_several(paid.filter(user__in=buyers).exclude(pk__in=upgraded))


def paid_without_owner() -> list[Purchase]:
    """Return purchases with access that have neither an account nor the e-mail address of a deleted one."""
    return list(purchases_with_access().filter(user=None, email=""))


def _newest_of_several(purchases: PurchaseQuerySet) -> list[Purchase]:
    """Return the newest purchase of each buyer and product that has several of these."""
    groups = purchases.order_by().values("user", "product").annotate(newest=Max("pk"), count=Count("pk"))
    return list(Purchase.objects.filter(pk__in=groups.filter(count__gt=1).values("newest")))
