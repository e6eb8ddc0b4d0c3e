"""Problems that need a person. The line of each says what happened, and links to the page that solves it.

The alerts in operations/shop_checks.py are about the same problems.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from apps.ecommerce.models import ExternalSale, Mail, Payment, Purchase, Refund
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import format_money
from apps.ecommerce.operations.dispute_checks import UNANSWERED_DISPUTES
from apps.ecommerce.operations.refund_checks import failed_refunds
from apps.ecommerce.operations.shop_checks import given_up_mails, unsent_mails
from apps.ecommerce.purchases.anomalies import (
    billed_twice,
    billed_without_account,
    bought_twice,
    buyers_of_several,
    paid_without_owner,
)
from apps.ecommerce.purchases.payments.reversals import reversed_but_billed, revoked_but_billed
from apps.ecommerce.stripe_api.client import is_livemode

from . import shop_attention as shop
from .attention_items import Item, about, last_line, limited, order_url
from .figures.queries import current_mode

MAX_BANK_TIME = timedelta(days=14)  # https://docs.stripe.com/payments/bank-debits


def find_items() -> list[Item]:
    """Return the lines, those that cost money first."""
    kinds = (
        *(
            shop.refused_sales,
            _disputes,
            shop.withdrawals,
            shop.system,
            shop.stored_alerts,
            _stuck_payments,
            _charged_by_mistake,
            _failed_refunds,
            shop.events,
            _mails,
        ),
        *(
            _unassigned_sales,
            shop.unsellable_prices,
            shop.unsellable_products,
            shop.missing_keys,
            shop.receivers,
        ),
    )
    return [item for kind in kinds for item in kind()]


def _disputes() -> Iterator[Item]:
    rows = Payment.objects.filter(current_mode(), dispute_status__in=UNANSWERED_DISPUTES)
    rows = rows.order_by(F("dispute_due_by").asc(nulls_last=True), "pk").select_related("purchase")

    def describe(payment: Payment) -> Item:
        amount = format_money(payment.dispute_amount or payment.amount_paid, payment.currency)
        is_inquiry = payment.dispute_status.startswith("warning_")
        title = (
            _("A bank asks about a payment of %(amount)s") if is_inquiry else _("Dispute about %(amount)s")
        )
        return Item(
            title % {"amount": amount},
            f"{_deadline(payment.dispute_due_by)} · {about(payment.purchase)}",
            order_url(payment.purchase),
            is_urgent=True,
        )

    yield from limited(
        rows, describe, "admin:ecommerce_payment_changelist", "dispute_status__exact=needs_response"
    )


def _deadline(due_by: datetime | None) -> str:
    if due_by is None:
        return _("Respond at Stripe")
    shown = date_format(timezone.localtime(due_by), "DATETIME_FORMAT")
    if due_by < timezone.now():
        return _("The response was due on %(date)s") % {"date": shown}
    return _("Respond at Stripe by %(date)s") % {"date": shown}


def _stuck_payments() -> Iterator[Item]:
    """Yield purchases whose buyers have come back from Stripe, or whose bank does not answer."""
    now = timezone.now()
    returned = Q(
        returned_at__lt=now - timedelta(minutes=settings.WEBHOOK_SILENCE_MINUTES), status=Status.OPEN
    )
    at_bank = Q(status=Status.PROCESSING, created_at__lt=now - MAX_BANK_TIME)
    waiting = Purchase.objects.filter(livemode=is_livemode(), status__in=(Status.OPEN, Status.PROCESSING))
    rows = waiting.filter(returned | at_bank).order_by("created_at")

    def describe(purchase: Purchase) -> Item:
        title = _("A bank does not confirm a payment")
        since = purchase.created_at
        if purchase.is_open and purchase.returned_at:
            title = _("A buyer returned from Stripe, but the payment is not confirmed")
            since = purchase.returned_at
        detail = _("For %(time)s. Refresh the order from Stripe.") % {"time": timesince(since)}
        return Item(title, f"{detail} {about(purchase)}", order_url(purchase))

    yield from limited(rows, describe, "admin:ecommerce_purchase_changelist", "status__exact=open")


def _charged_by_mistake() -> Iterator[Item]:
    buyers = buyers_of_several()
    kinds = [
        (
            billed_twice(buyers),
            _("A buyer pays for two subscriptions to one product"),
            _("Cancel one, and refund its payments."),
        ),
        (bought_twice(buyers), _("A buyer has paid twice for one product"), _("Refund one of the two.")),
        (
            list(reversed_but_billed()),
            _("A subscription goes on after a refund or a lost dispute"),
            _("Cancel it, or ask the buyer."),
        ),
        (
            list(revoked_but_billed()),
            _("A subscription goes on although you have ended its access"),
            _("Cancel it, or restore the access."),
        ),
        (
            billed_without_account(),
            _("A subscription goes on although its account was deleted"),
            _("Cancel it."),
        ),
        (
            paid_without_owner(),
            _("An order is paid and has no owner"),
            _("Find its buyer in Stripe's Dashboard."),
        ),
    ]
    for rows, title, advice in kinds:
        yield from limited(rows, partial(_mistake, title, advice), "admin:ecommerce_purchase_changelist")


def _mistake(title: str, advice: str, purchase: Purchase) -> Item:
    return Item(title, f"{advice} {about(purchase)}", order_url(purchase))


def _failed_refunds() -> Iterator[Item]:
    def describe(refund: Refund) -> Item:
        title = _("A refund of %(amount)s failed") % {"amount": format_money(refund.amount, refund.currency)}
        return _mistake(title, _("Pay it to the buyer in another way."), refund.payment.purchase)

    yield from limited(failed_refunds(), describe, "admin:ecommerce_payment_changelist")


def _mails() -> Iterator[Item]:
    def describe(mail: Mail) -> Item:
        title = _("An e-mail is not sent: %(kind)s")
        if mail.given_up_at:
            title = _("The mail server refuses an address: %(kind)s")
        url = (
            order_url(mail.purchase)
            if mail.given_up_at
            else reverse("admin:ecommerce_mail_change", args=[mail.pk])
        )
        error = last_line(mail.error) or _("It waits for the worker.")
        return Item(title % {"kind": mail.get_kind_display()}, f"{error} {about(mail.purchase)}", url)

    for rows in (unsent_mails(), given_up_mails()):
        rows = rows.select_related("purchase__user")
        yield from limited(rows, describe, "admin:ecommerce_mail_changelist", "sent_at__isempty=1")


def _unassigned_sales() -> Iterator[Item]:
    rows = ExternalSale.objects.unassigned()
    yield from limited(
        rows.select_related("price__product"),
        lambda sale: Item(
            _("A sale outside the store has no account"),
            f"{format_money(sale.amount, sale.currency)} · {sale.price.product} · {sale.email}",
            reverse("admin:ecommerce_externalsale_assign", args=[sale.pk]),
        ),
        "admin:ecommerce_externalsale_changelist",
        "state=waiting",
    )
