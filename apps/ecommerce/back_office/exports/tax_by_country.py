"""The sums of payments and refunds by country and currency."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from django.db.models import Count, Q, Sum

from apps.ecommerce.back_office.figures.periods import Period
from apps.ecommerce.back_office.figures.queries import current_mode
from apps.ecommerce.models import Payment, Refund
from apps.ecommerce.money import to_major
from apps.ecommerce.purchases.recurring_revenue import round_half_up

from .csv_lines import Cell
from .rows import country_of, read_pages

UNKNOWN = "unknown"
TAX_HEADERS = [
    *("country", "currency", "payments", "paid", "tax"),
    *("refunds", "refunded", "tax_of_refunds", "paid_after_refunds", "tax_after_refunds"),
]
REFUND_FIELDS = ["country", "currency", "amount", "payment__amount_tax", "payment__amount_total"]


@dataclass(slots=True)
class Sums:
    payments: int = 0
    paid: int = 0
    tax: int = 0
    refunds: int = 0
    refunded: int = 0
    tax_of_refunds: int = 0


def tax_rows(period: Period) -> Iterator[list[Cell]]:
    groups = fetch_sums(period)
    for country, currency in sorted(groups, key=lambda key: (key[0] == "", *key)):
        sums = groups[country, currency]

        def money(amount: int, currency: str = currency) -> Cell:
            return to_major(amount, currency)

        yield [
            *(country or UNKNOWN, currency.upper()),
            *(sums.payments, money(sums.paid), money(sums.tax)),
            *(sums.refunds, money(sums.refunded), money(sums.tax_of_refunds)),
            *(money(sums.paid - sums.refunded), money(sums.tax - sums.tax_of_refunds)),
        ]


def fetch_sums(period: Period) -> dict[tuple[str, str], Sums]:
    """Return the sums of payments and refunds of the period by country and currency."""
    groups: dict[tuple[str, str], Sums] = defaultdict(Sums)
    payments = Payment.objects.filter(current_mode(), paid_at__gte=period.start, paid_at__lt=period.end)
    for country, currency, count, paid, tax in (
        payments.annotate(country=country_of("purchase__"))
        .order_by()
        .values("country", "currency")
        .annotate(
            count=Count("pk", filter=Q(amount_paid__gt=0)), paid=Sum("amount_paid"), tax=Sum("amount_tax")
        )
        .values_list("country", "currency", "count", "paid", "tax")
    ):
        groups[country, currency] = Sums(count, paid, tax)
    refunds = Refund.objects.counted().filter(current_mode())
    refunds = refunds.annotate(country=country_of("payment__purchase__"))
    for row in read_pages(refunds, "created_at", period, REFUND_FIELDS):
        sums = groups[row["country"], row["currency"]]
        sums.refunds += 1
        sums.refunded += row["amount"]
        sums.tax_of_refunds += tax_share(
            row["amount"], row["payment__amount_tax"], row["payment__amount_total"]
        )
    return dict(groups)


def tax_share(refunded: int, tax: int, total: int) -> int:
    """Return the tax in a refund: the same share as in the payment, because Stripe does not report it."""
    return round_half_up(Fraction(refunded * tax, total)) if total > 0 else 0
