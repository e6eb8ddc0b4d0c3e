"""Announce each payment, refund and dispute of a purchase by e-mails and signals."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from django.conf import settings

from apps.ecommerce.models import Mail, Payment, Purchase
from apps.ecommerce.purchases.emails.queue import BEFORE_ACCESS, queue_email
from apps.ecommerce.purchases.entitlements import dispute_suspension
from apps.ecommerce.purchases.payments.stored_payments import PaymentChanges
from apps.ecommerce.purchases.payments.stripe_payments import StripePayment, to_datetime
from apps.ecommerce.purchases.signals import queue_signal

FIRST_PAYMENT_REASONS = ("", "subscription_create")


class News(Enum):
    PAID = "paid"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class PaymentNews:
    kind: News
    payment: Payment
    about: str  # Stripe's id of the payment, refund or dispute
    happened_at: datetime
    amount: int = 0  # paid or refunded, in minor units


def payment_news(changes: PaymentChanges, since: datetime) -> list[PaymentNews]:
    """Return what has happened to payments since then. Earlier changes are left out.

    An unchanged payment has news if a refund has failed and another one of the same amount has followed.
    """
    both: list[tuple[Payment | None, StripePayment]] = [(None, payment) for payment in changes.created]
    both += [(row, payment) for row, payment, _names in changes.changed]
    both += changes.unchanged
    return [news for before, payment in both for news in _news(before, payment, since)]


def announce_payments(
    purchase: Purchase, news: list[PaymentNews], status_email: Mail.Kind | None = None
) -> None:
    """Queue the e-mails and signals in the current transaction. Each is sent once.

    `status_email` was queued before.
    """
    for item in news:
        values: dict[str, Any] = {"payment": item.payment, "happened_at": item.happened_at}
        match item.kind:
            case News.PAID:
                if _needs_receipt(purchase, item.payment, status_email):
                    queue_email(purchase, Mail.Kind.RECEIPT, item.about, **values)
                queue_signal("payment_succeeded", purchase, item.about, payment=item.payment)
            case News.REFUNDED:
                queue_email(purchase, Mail.Kind.REFUNDED, item.about, **values, amount=item.amount)
                arguments = {"amount": item.amount}
                queue_signal("payment_refunded", purchase, item.about, arguments, payment=item.payment)
            case News.DISPUTED:
                queue_email(purchase, Mail.Kind.DISPUTED, item.about, **values)
                queue_signal("payment_disputed", purchase, item.about, payment=item.payment)


def _needs_receipt(purchase: Purchase, payment: Payment, status_email: Mail.Kind | None) -> bool:
    """Return whether to send a receipt. The confirmation is the receipt of the first payment.

    There is no confirmation if the order was, for example, past due before the store knew of its payment.
    """
    if payment.reason not in FIRST_PAYMENT_REASONS:
        return settings.RENEWAL_RECEIPTS
    is_confirmed = status_email in (None, Mail.Kind.CONFIRMED, Mail.Kind.RECEIPT)
    return not is_confirmed and purchase.status not in BEFORE_ACCESS


def _news(before: Payment | None, payment: StripePayment, since: datetime) -> list[PaymentNews]:
    row, news = payment.row, []
    stored = before or row
    was_paid = before.is_paid if before else bool(row.paid_at and row.paid_at < since)
    if row.is_paid and row.amount_paid and not was_paid:
        news.append(
            PaymentNews(News.PAID, stored, row.stripe_id, row.paid_at or row.created_at, row.amount_paid)
        )
    for refund in payment.counted_refunds:
        created = to_datetime(refund["created"])
        if created and created >= since:
            news.append(PaymentNews(News.REFUNDED, stored, refund["id"], created, refund["amount"]))
    if payment.dispute and dispute_suspension(row.dispute_status):
        created = to_datetime(payment.dispute["created"])
        was_known = (
            bool(dispute_suspension(before.dispute_status)) if before else not created or created < since
        )
        if not was_known:
            news.append(PaymentNews(News.DISPUTED, stored, payment.dispute["id"], created or row.created_at))
    return news
