"""The queries of the figures. Each reads an index only, and takes the same time for each period."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum, Value, Window
from django.db.models.functions import Coalesce, RowNumber

from apps.ecommerce.models import ExternalSale, Payment, Product, Purchase, Refund, SubscriptionChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import is_livemode

from .measures import Checkouts, Money, ProductSales, Subscriptions
from .periods import Period

MAX_TOP_PRODUCTS = 5  # maximum for each currency
MAX_LATEST_ORDERS = 8
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)

Ranges = list[tuple[datetime, datetime]]


def fetch_money(ranges: Ranges) -> list[dict[str, Money]]:
    """Return the amounts of each range by currency."""
    result: list[dict[str, Money]] = [defaultdict(Money) for _range in ranges]
    sales = Payment.objects.filter(current_mode(), amount_paid__gt=0)
    for n, currency, amount, count in _by_range(
        sales, "paid_at", ranges, amount=Sum("amount_paid"), count=Count("*")
    ):
        result[n][currency].sales, result[n][currency].orders = amount, count
    refunds = Refund.objects.counted().filter(current_mode())
    for n, currency, amount in _by_range(refunds, "created_at", ranges, amount_sum=Sum("amount")):
        result[n][currency].refunds = amount
    lost = Payment.objects.filter(current_mode(), dispute_status="lost")
    for n, currency, amount in _by_range(lost, "disputed_at", ranges, amount=Sum("dispute_amount")):
        result[n][currency].disputes = amount
    return [dict(row) for row in result]


def fetch_subscriptions(ranges: Ranges) -> list[Subscriptions]:
    rows = SubscriptionChange.objects.filter(current_mode())
    result = [Subscriptions() for _range in ranges]
    running, mrr = 0, defaultdict[str, int](int)
    found: dict[int, list[tuple[str, int, int, int]]] = defaultdict(list)
    for n, *values in _by_range(
        rows,
        "at",
        [(BEGINNING, ranges[0][0]), *ranges],
        amount=Sum("monthly_amount_change"),
        began=Count("count_change", filter=Q(count_change__gt=0)),
        stopped=Count("count_change", filter=Q(count_change__lt=0)),
    ):
        found[n].append(tuple(values))
    for n in range(len(ranges) + 1):
        row = result[n - 1] if n else Subscriptions()
        for currency, amount, began, stopped in found[n]:
            row.new, row.ended = row.new + began, row.ended + stopped
            mrr[currency] += amount
        running += row.new - row.ended
        row.running, row.mrr = running, dict(mrr)
    return result


def fetch_checkouts(period: Period) -> tuple[Checkouts, Checkouts]:
    """Return the checkouts of the period and of the previous one. Sales outside the store have none."""
    created = Purchase.objects.filter(current_mode())
    refused = created.filter(session_id=None)
    sold_outside = ExternalSale.objects.filter(purchase__isnull=False).values("purchase")
    # Coalesce makes both databases begin with the few sales outside the store, not with the many purchases.
    outside = Purchase.objects.filter(pk__in=sold_outside, livemode=is_livemode(), session_id__isnull=False)
    outside = outside.annotate(created=Coalesce("created_at", "paid_at"))
    numbers = [
        _count_paid(created, period, "created_at", "paid_at"),
        _count_paid(refused, period, "created_at", "paid_at"),
        _count_paid(outside, period, "created", "paid_at"),
    ]
    started, paid, started_before, paid_before = (
        count - refused_count - outside_count
        for count, refused_count, outside_count in zip(*numbers, strict=True)
    )
    return Checkouts(started, paid), Checkouts(started_before, paid_before)


def fetch_top_products(period: Period) -> dict[str, list[ProductSales]]:
    """Return the products with the highest sales in the period, by currency."""
    in_period = Q(paid_at__gte=period.start, paid_at__lt=period.end)
    # Without paid_at in WHERE, SQLite reads the index in the order of the groups, instead of sorting a long period.
    sums = (
        Payment.objects.filter(current_mode(), amount_paid__gt=0)
        .order_by()
        .values("product", "currency")
        .annotate(amount=Sum("amount_paid", filter=in_period), orders=Count("paid_at", filter=in_period))
        .filter(orders__gt=0)
    )
    rank = Window(RowNumber(), partition_by=F("currency"), order_by=(F("amount").desc(), F("product")))
    rows = list(sums.annotate(rank=rank).filter(rank__lte=MAX_TOP_PRODUCTS).order_by("currency", "rank"))
    products = Product.objects.select_related("configuration").in_bulk([row["product"] for row in rows])
    found: dict[str, list[ProductSales]] = defaultdict(list)
    for row in rows:
        found[row["currency"]].append(ProductSales(products[row["product"]], row["amount"], row["orders"]))
    return dict(found)


def latest_orders() -> QuerySet[Payment]:
    paid = Payment.objects.filter(current_mode(), amount_paid__gt=0, paid_at__isnull=False)
    return paid.select_related("purchase").order_by("-paid_at", "-pk")[:MAX_LATEST_ORDERS]


def count_trials() -> int:
    return Purchase.objects.filter(current_mode(), status=Status.TRIALING).count()


def _count_paid(rows: QuerySet[Any], period: Period, created: str, paid: str) -> list[int]:
    """Return the numbers of all and of paid rows in the period, then in the previous one."""
    in_period = Q(**{f"{created}__gte": period.start})
    found = rows.filter(**{f"{created}__gte": period.previous.start, f"{created}__lt": period.end}).aggregate(
        a=Count(created, filter=in_period),
        b=Count(paid, filter=in_period),
        c=Count(created, filter=~in_period),
        d=Count(paid, filter=~in_period),
    )
    return [found[name] for name in "abcd"]


def current_mode() -> Q:
    """Filter by the current mode (test, live). For `livemode=False`, "NOT livemode", SQLite uses no index."""
    return Q(livemode__in=[is_livemode()])


def _by_range(rows: QuerySet[Any], column: str, ranges: Ranges, **sums: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the number of the range, the currency and the sums, where there are rows.

    One query reads a part of the index for each range. That is faster than grouping by Trunc, for which SQLite calls a
    Python function for each row, or by Case, which sorts all rows.
    """
    branches = [
        rows.filter(**{f"{column}__gte": start, f"{column}__lt": end})
        .order_by()
        .annotate(range=Value(n))
        .values("range", "currency")
        .annotate(**sums)
        .values_list("range", "currency", *sums)
        for n, (start, end) in enumerate(ranges)
    ]
    return iter(branches[0].union(*branches[1:], all=True))
