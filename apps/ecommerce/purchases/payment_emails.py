"""E-mails about payments: a receipt for each, a notice of each refund and of each dispute."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from apps.ecommerce.models import Mail, Payment, Purchase
from apps.ecommerce.purchases.emails import queue_email
from apps.ecommerce.purchases.entitlements import dispute_suspension
from apps.ecommerce.purchases.payments import PaymentChanges
from apps.ecommerce.purchases.stripe_payments import StripePayment, to_datetime

# The confirmation of the order is the receipt of its first payment.
FIRST_PAYMENT_REASONS = ("", "subscription_create")


@dataclass(frozen=True, slots=True)
class PaymentNews:
    kind: Mail.Kind
    payment: Payment
    about: str  # Stripe's id of what happened
    amount: int = 0  # refunded, in minor units


def payment_news(changes: PaymentChanges, since: datetime) -> list[PaymentNews]:
    """Return what the buyer has to know about changed payments. What happened before `since` is no news."""
    both: list[tuple[Payment | None, StripePayment]] = [(None, payment) for payment in changes.created]
    both += [(row, payment) for row, payment, _names in changes.changed]
    return [news for before, payment in both for news in _news(before, payment, since)]


def queue_payment_emails(purchase: Purchase, news: list[PaymentNews]) -> None:
    for item in news:
        queue_email(purchase, item.kind, item.about, payment=item.payment, amount=item.amount)


def _news(before: Payment | None, payment: StripePayment, since: datetime) -> list[PaymentNews]:
    row, news = payment.row, []
    stored = before or row
    was_paid = before.is_paid if before else bool(row.paid_at and row.paid_at < since)
    is_renewal = row.reason not in FIRST_PAYMENT_REASONS and settings.RENEWAL_RECEIPTS
    if row.is_paid and row.amount_paid and is_renewal and not was_paid:
        news.append(PaymentNews(Mail.Kind.RECEIPT, stored, row.stripe_id))
    for refund in payment.refunds:
        created = to_datetime(refund["created"])
        if created and created >= since:
            news.append(PaymentNews(Mail.Kind.REFUNDED, stored, refund["id"], refund["amount"]))
    if payment.dispute and dispute_suspension(row.dispute_status):
        created = to_datetime(payment.dispute["created"])
        was_known = (
            bool(dispute_suspension(before.dispute_status)) if before else not created or created < since
        )
        if not was_known:
            news.append(PaymentNews(Mail.Kind.DISPUTED, stored, payment.dispute["id"]))
    return news
