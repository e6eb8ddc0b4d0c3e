"""Purchases that should not exist. Each needs a person."""

from django.db.models import Count, Exists, Max, OuterRef, Q
from django.db.models.functions import Coalesce

from apps.ecommerce.models import Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import purchases_with_access
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.models import User

COSTLESS = (Status.OPEN, Status.EXPIRED, Status.FAILED, Status.CANCELED)


def buyers_of_several() -> set[str]:
    """Return the addresses of buyers with several orders of one product that may have cost them money.

    Orders that no account has claimed count by their address. Most shops have no such buyers. Counting in the order of
    an index is faster than reading all orders.
    """
    orders = Purchase.objects.exclude(status__in=COSTLESS).order_by()
    counts = orders.filter(user__isnull=False).values("user", "product").annotate(count=Count("*"))
    users = {row["user"] for row in counts.filter(count__gt=1)}
    emails = set(User.objects.filter(pk__in=users).values_list("email", flat=True)) if users else set()
    of_account = orders.filter(user__email=OuterRef("email"), product=OuterRef("product"))
    guests = orders.filter(user=None, email__gt="").values("email", "product").annotate(count=Count("*"))
    return emails | {row["email"] for row in guests.filter(Q(count__gt=1) | Exists(of_account))}


def billed_twice(buyers: set[str] | None = None) -> list[Purchase]:
    """Return the newest purchase of each buyer and product with several subscriptions that will be charged again."""
    purchases = Purchase.objects.to_be_charged_again().filter(livemode=is_livemode())
    return _newest_of_several(purchases, buyers_of_several() if buyers is None else buyers)


def billed_without_account() -> list[Purchase]:
    return list(
        Purchase.objects.to_be_charged_again().filter(user=None, guest_token="", livemode=is_livemode())
    )


def bought_twice(buyers: set[str] | None = None) -> list[Purchase]:
    """Return the newest purchase of each buyer who has paid twice for one product. Upgrades count as one purchase."""
    upgraded = purchases_with_access().exclude(upgrade_of=None).values("upgrade_of")
    paid = purchases_with_access().filter(status=Status.PAID, amount_total__gt=0)
    return _newest_of_several(
        paid.exclude(pk__in=upgraded), buyers_of_several() if buyers is None else buyers
    )


def paid_without_owner() -> list[Purchase]:
    """Return purchases with access that have neither an account nor the e-mail address of a deleted one."""
    return list(purchases_with_access().filter(user=None, email=""))


def _newest_of_several(purchases: PurchaseQuerySet, buyers: set[str]) -> list[Purchase]:
    """Return the newest purchase of each buyer (address) and product that has several of these."""
    if not buyers:
        return []
    is_guest = Q(user=None, guest_token__gt="", email__in=buyers)
    groups = (
        purchases.filter(is_guest | Q(user__email__in=buyers))
        .order_by()
        .values("product", address=Coalesce("user__email", "email"))
        .annotate(newest=Max("pk"), count=Count("pk"))
    )
    return list(Purchase.objects.filter(pk__in=groups.filter(count__gt=1).values("newest")))
