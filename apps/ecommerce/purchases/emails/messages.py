"""Build e-mails to buyers from texts.py. The layout is in templates/ecommerce/mail/."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import LicenceKey, Mail, Payment, Purchase, Suspension, latest_consents
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.emails.texts import TEXTS, EmailDetails, EmailText
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.billing_notes import billing_note
from apps.ecommerce.purchases.messages.payment_labels import payment_period
from apps.ecommerce.purchases.messages.status_messages import status_message
from apps.ecommerce.purchases.messages.values import format_day, message_values
from apps.ecommerce.purchases.order_links import ORDER, order_link
from apps.ecommerce.purchases.payments.receipts import order_seller, seller_lines

WITH_GOODS = (Mail.Kind.CONFIRMED,)  # their button opens the goods, and a second link the order
WITH_LICENCE = (Mail.Kind.CONFIRMED, Mail.Kind.RESTORED, Mail.Kind.LICENCE_KEY, Mail.Kind.GRANTED)

WITH_CONSENT = (Mail.Kind.CONFIRMED, Mail.Kind.WAITING, Mail.Kind.PLAN_CHANGED)


class OutdatedEmail(Exception):
    """The buyer no longer wants the e-mail, or it is about something that no longer exists."""


def buyer_language(purchase: Purchase) -> str:
    """Return the language of the purchase, or the default if the shop no longer offers it."""
    return purchase.language if purchase.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def build_email(
    kind: str, purchase: Purchase, payment: Payment | None = None, amount: int = 0, about: str = ""
) -> EmailMultiAlternatives:
    """Return an e-mail about the purchase, or about one of its payments. `amount` was refunded, in minor units.

    `about` is that of its Mail, or empty in previews. Raise OutdatedEmail if the buyer no longer wants or needs it.
    """
    with translation.override(buyer_language(purchase)):
        email, details = TEXTS[kind], _get_details(TEXTS[kind], purchase, about)
        values = message_values(purchase) | _payment_values(purchase, payment, amount)
        values.update(details.values)
        has_terms = email.has_receipt and not purchase.is_suspended
        renews = has_terms and purchase.status in (Status.ACTIVE, Status.TRIALING)
        consents = latest_consents(purchase) if kind in WITH_CONSENT else []
        context = {
            "purchase": purchase,
            "payment": payment or purchase,
            "period": payment_period(payment) if payment else "",
            "product": purchase.product,
            "title": str(email.title) % values,
            "text": (str(email.text) % values).strip(),
            "link": str(email.link),
            "receipt": email.has_receipt,
            "seller": seller_lines(payment) if payment and payment.pk else order_seller(purchase),
            "licence": LicenceKey.objects.for_purchase(purchase).first() if kind in WITH_LICENCE else None,
            "terms": status_message(purchase).text if renews else billing_note(purchase),
            "consents": consents,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "support_email": settings.SUPPORT_EMAIL,
            "order_url": _link_url(kind, purchase, payment),
            "has_signed_links": _verifies_address(kind, purchase),
            **details.context,
        }
        message = EmailMultiAlternatives(
            subject=" ".join((str(email.subject) % values).split()),  # a product's name may have line breaks
            body=render_to_string(f"{email.template}.txt", context),
            to=[purchase.current_email],
            reply_to=[settings.SUPPORT_EMAIL],
            headers={
                "Auto-Submitted": "auto-generated",
                "X-Order": purchase.order_number,
                **details.headers,
            },
        )
        message.attach_alternative(render_to_string(f"{email.template}.html", context), "text/html")
        for consent in consents:
            if consent.document:  # the law requires that buyers get the terms on a durable medium
                message.attach("terms.txt", consent.document.text, "text/plain")
    return message


def _get_details(email: EmailText, purchase: Purchase, about: str) -> EmailDetails:
    if email.details is None:
        return EmailDetails()
    details = email.details(purchase, about)
    if details is None:
        raise OutdatedEmail
    return details


def _verifies_address(kind: str, purchase: Purchase) -> bool:
    """Return whether the link of the e-mail opens the order without a password."""
    return purchase.is_unclaimed or kind == Mail.Kind.LINK


def _link_url(kind: str, purchase: Purchase, payment: Payment | None) -> str:
    if _verifies_address(kind, purchase):
        return order_link(purchase, ORDER if kind in WITH_GOODS else "")
    is_receipt = kind == Mail.Kind.RECEIPT and payment and payment.is_paid
    path = payment.get_absolute_url() if payment and is_receipt else purchase.get_absolute_url()
    return f"{settings.SITE_URL}{path}"


def _payment_values(purchase: Purchase, payment: Payment | None, amount: int) -> dict[str, str]:
    paid, currency, paid_at = purchase.amount_total, purchase.currency, purchase.paid_at
    refunded = amount or purchase.amount_refunded
    if payment:
        paid, currency = payment.amount_paid or payment.amount_total, payment.currency
        refunded, paid_at = amount or payment.amount_refunded, payment.paid_at or payment.created_at
    refund = _("the %(amount)s") if refunded >= paid else _("%(refunded)s of the %(amount)s")
    keeps_access = _("You have access to %(product)s until then.")
    amounts = {"amount": format_money(paid, currency), "refunded": format_money(refunded, currency)}
    return {
        **amounts,
        "refund": str(refund) % amounts,
        "paid_on": format_day(paid_at),
        "access": _access_text(purchase),
        "after_failure": _failure_text(purchase),
        "keeps_access": f" {keeps_access % {'product': purchase.product_name}}"
        if has_access(purchase)
        else "",
    }


def _failure_text(purchase: Purchase) -> str:
    """Return what the buyer can do after a renewal that failed."""
    if purchase.revoked_at:
        return str(
            _("We have ended your access. If you don't want to be charged again, cancel the subscription.")
        )
    return str(_("Update your payment method to keep access."))


def _access_text(purchase: Purchase) -> str:
    """Return what a refund or a dispute does to access. A purchase may have ended before."""
    if has_access(purchase):
        return str(_("You still have access."))
    if not purchase.is_suspended:
        return ""
    if purchase.revoked_at:
        return str(_("You no longer have access."))
    if purchase.suspended_by == Suspension.DISPUTED:
        return str(_("Until it is resolved, your access is paused."))
    is_running = purchase.has_running_subscription
    return str(_("Your access is paused.") if is_running else _("You no longer have access."))
