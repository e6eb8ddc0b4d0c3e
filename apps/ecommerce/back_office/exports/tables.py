"""The exports as CSV. Columns and definitions: docs/back-office.md."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.back_office.figures.periods import Period
from apps.ecommerce.back_office.figures.queries import current_mode
from apps.ecommerce.models import Payment, Purchase, Refund, StripeCustomer
from apps.ecommerce.stripe_api.client import is_livemode

from .csv_lines import Cell, csv_chunks
from .rows import Column, Table, country_of, currency_code, is_set, money
from .tax_by_country import TAX_HEADERS, tax_rows


@dataclass(frozen=True, slots=True)
class Export:
    name: str
    label: str | Promise
    description: str | Promise
    headers: list[str]  # never translated, so that programs can rely on them
    rows: Callable[[Period], Iterator[list[Cell]]]

    def chunks(self, period: Period) -> Iterator[str]:
        return csv_chunks(self.headers, self.rows(period))

    def filename(self, period: Period) -> str:
        mode = "" if is_livemode() else "-test"
        return f"{self.name}{mode}-{period.first}-{period.last}.csv"


def _orders() -> QuerySet[Purchase]:
    """Return the orders that were completed: paid, for nothing, with a free trial, or granted without payment."""
    completed = Q(paid_at__isnull=False) | Q(granted_at__isnull=False)
    return Purchase.objects.filter(current_mode(), completed).annotate(country=country_of())


ORDERS = Table(
    _orders,
    "created_at",
    [
        Column("order", "order_number"),
        Column("ordered_at", "created_at"),
        Column("completed_at", "paid_at"),
        Column("status", "status"),
        Column("suspended_by", "suspended_by"),
        Column("revoked_at", "revoked_at"),
        Column("complimentary", "granted_at", is_set),
        Column("subscription", "is_recurring"),
        Column("email", "email"),
        Column("country", "country"),
        Column("product", "product_name"),
        Column("price", "price_name"),
        Column("quantity", "quantity"),
        Column("currency", "currency", currency_code),
        Column("subtotal", "amount_subtotal", money),
        Column("discount", "amount_discount", money),
        Column("tax", "amount_tax", money),
        Column("total", "amount_total", money),
        Column("discount_code", "discount_code__code"),
        Column("payment_method", "payment_method"),
    ],
)


def _payments() -> QuerySet[Payment]:
    rows = Payment.objects.filter(current_mode(), paid_at__isnull=False)
    return rows.annotate(country=country_of("purchase__"))


PAYMENTS = Table(
    _payments,
    "paid_at",
    [
        Column("payment", "stripe_id"),
        Column("paid_at", "paid_at"),
        Column("status", "status"),
        Column("order", "purchase__order_number"),
        Column("invoice_number", "invoice_number"),
        Column("email", "purchase__email"),
        Column("country", "country"),
        Column("product", "product__name"),
        Column("description", "description"),
        Column("period_start", "period_start"),
        Column("period_end", "period_end"),
        Column("currency", "currency", currency_code),
        Column("subtotal", "amount_subtotal", money),
        Column("discount", "amount_discount", money),
        Column("tax", "amount_tax", money),
        Column("total", "amount_total", money),
        Column("paid", "amount_paid", money),
        Column("refunded", "amount_refunded", money),
        Column("dispute_status", "dispute_status"),
        Column("disputed_at", "disputed_at"),
        Column("disputed", "dispute_amount", money),
        Column("payment_method", "payment_method"),
        Column("payment_intent", "payment_intent_id"),
    ],
)


def _refunds() -> QuerySet[Refund]:
    rows = Refund.objects.counted().filter(current_mode())
    return rows.annotate(country=country_of("payment__purchase__"))


REFUNDS = Table(
    _refunds,
    "created_at",
    [
        Column("refund", "stripe_id"),
        Column("refunded_at", "created_at"),
        Column("status", "status"),
        Column("reason", "reason"),
        Column("payment", "payment__stripe_id"),
        Column("paid_at", "payment__paid_at"),
        Column("order", "payment__purchase__order_number"),
        Column("invoice_number", "payment__invoice_number"),
        Column("email", "payment__purchase__email"),
        Column("country", "country"),
        Column("product", "payment__product__name"),
        Column("currency", "currency", currency_code),
        Column("refunded", "amount", money),
    ],
)


def _subscriptions() -> QuerySet[Purchase]:
    return _orders().filter(subscription_id__gt="")


SUBSCRIPTIONS = Table(
    _subscriptions,
    "created_at",
    [
        Column("subscription", "subscription_id"),
        Column("order", "order_number"),
        Column("ordered_at", "created_at"),
        Column("status", "subscription_status"),
        Column("email", "email"),
        Column("country", "country"),
        Column("product", "product_name"),
        Column("price", "price_name"),
        Column("quantity", "quantity"),
        Column("trial_end", "trial_end"),
        Column("period_start", "current_period_start"),
        Column("period_end", "current_period_end"),
        Column("cancel_at", "cancel_at"),
        Column("payments_paused", "collection_paused"),
        Column("currency", "currency", currency_code),
        Column("monthly", "monthly_amount", money),
        Column("next_payment_at", "next_payment_at"),
        Column("next_payment", "next_amount", money),
    ],
)


def _customers() -> QuerySet[StripeCustomer]:
    completed = Purchase.objects.filter(
        current_mode(), user=OuterRef("user"), paid_at__isnull=False, granted_at=None
    )
    orders = completed.order_by().values("user").annotate(count=Count("*")).values("count")
    return StripeCustomer.objects.filter(current_mode()).annotate(orders=Coalesce(Subquery(orders), 0))


CUSTOMERS = Table(
    _customers,
    "created_at",
    [
        Column("customer", "id"),
        Column("created_at", "created_at"),
        Column("email", "user__email"),
        Column("name", "user__name"),
        Column("billing_name", "name"),
        *(Column(name, name) for name in ("line1", "line2", "postal_code", "city", "state", "country")),
        Column("tax_id_type", "tax_id_type"),
        Column("tax_id", "tax_id"),
        Column("orders", "orders"),
    ],
)


EXPORTS = [
    Export(
        "orders",
        _("Orders"),
        _("Completed orders of these days, including free and complimentary ones."),
        ORDERS.headers,
        ORDERS.cells,
    ),
    Export(
        "payments",
        _("Payments"),
        _("What buyers paid on these days, including renewals."),
        PAYMENTS.headers,
        PAYMENTS.cells,
    ),
    Export(
        "refunds",
        _("Refunds"),
        _("Refunds that were created on these days, without failed ones."),
        REFUNDS.headers,
        REFUNDS.cells,
    ),
    Export(
        "subscriptions",
        _("Subscriptions"),
        _("Subscriptions that were ordered on these days, with their current state."),
        SUBSCRIPTIONS.headers,
        SUBSCRIPTIONS.cells,
    ),
    Export(
        "customers",
        _("Customers"),
        _("Customers who were new on these days, with their billing details."),
        CUSTOMERS.headers,
        CUSTOMERS.cells,
    ),
    Export(
        "tax-by-country",
        _("Tax by country"),
        _("The sums of payments, taxes and refunds of these days for each country and currency."),
        TAX_HEADERS,
        tax_rows,
    ),
]
