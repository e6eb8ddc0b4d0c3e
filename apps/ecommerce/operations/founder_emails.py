"""E-mails to ADMINS about sales and cancellations. The setting FOUNDER_EMAILS lists which are sent."""

from typing import Any

from django.conf import settings
from django.core.mail import mail_admins
from django.utils import translation

from apps.ecommerce.models import Payment, Purchase
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.emails.payment_news import FIRST_PAYMENT_REASONS
from apps.ecommerce.purchases.signals import payment_succeeded, subscription_changed


def connect() -> None:
    for kind, signal, receiver in (
        ("sale", payment_succeeded, email_sale),
        ("cancellation", subscription_changed, email_cancellation),
    ):
        if kind in settings.FOUNDER_EMAILS:
            signal.connect(receiver)


def email_sale(purchase: Purchase, payment: Payment, **kwargs: Any) -> None:
    if payment.reason in FIRST_PAYMENT_REASONS:
        _send(purchase, f"New sale: {purchase.product_name}, {_paid(payment)}")


def email_cancellation(purchase: Purchase, changed: list[str], **kwargs: Any) -> None:
    if "cancel_at" in changed and purchase.cancel_at:
        _send(purchase, f"Subscription ends on {purchase.cancel_at:%Y-%m-%d}: {purchase.product_name}")
    elif "status" in changed and purchase.subscription_status == "canceled":
        _send(purchase, f"Subscription has ended: {purchase.product_name}")


def _send(purchase: Purchase, subject: str) -> None:
    url = f"{settings.SITE_URL}/admin/ecommerce/purchase/{purchase.pk}/change/"
    mail_admins(
        subject,
        f"{subject}.\n\nBuyer: {purchase.current_email}\nOrder: {purchase.order_number}\n{url}\n",
    )


def _paid(payment: Payment) -> str:
    with translation.override(
        settings.LANGUAGE_CODE
    ):  # not the language of the buyer, whose request this may be
        return format_money(payment.amount_paid, payment.currency)
