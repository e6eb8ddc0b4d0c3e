"""E-mails to buyers about their purchases. The layout is in templates/ecommerce/mail/.

An e-mail is a Mail row, created once in the transaction of the change. A task sends it. If the mail server fails,
reconcile_purchases sends it later.
"""

import logging
from datetime import datetime, timedelta
from email.utils import parseaddr
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import LicenceKey, Mail, Payment, Purchase, StatusChange, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.billing_notes import billing_note
from apps.ecommerce.purchases.email_texts import TEXTS
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.mail_errors import is_address_refused, is_server_unusable
from apps.ecommerce.purchases.message_values import format_day, message_values
from apps.ecommerce.purchases.payment_labels import payment_period
from apps.ecommerce.purchases.restored_backup import is_catching_up, was_emailed, was_status_emailed
from apps.ecommerce.purchases.status_messages import status_message

logger = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=1)  # of an address that the mail server refuses
SENDING_TIMEOUT = timedelta(minutes=10)  # then another worker may send the e-mail
# https://docs.stripe.com/api/events/types#event_types-customer.subscription.trial_will_end
TRIAL_NOTICE = timedelta(days=3)
MONTHS = {"month": 1, "year": 12}  # per interval

# New status ▶ e-mail. Other statuses send none.
EMAIL_KINDS: dict[str, Mail.Kind] = {
    Status.PAID: Mail.Kind.CONFIRMED,
    Status.TRIALING: Mail.Kind.CONFIRMED,
    Status.ACTIVE: Mail.Kind.CONFIRMED,
    Status.PROCESSING: Mail.Kind.WAITING,
    Status.FAILED: Mail.Kind.FAILED,
    Status.PAST_DUE: Mail.Kind.RENEWAL_FAILED,
    Status.UNPAID: Mail.Kind.SUSPENDED,
    Status.PAUSED: Mail.Kind.SUSPENDED,
    Status.CANCELED: Mail.Kind.ENDED,
}
WITH_LICENCE = (Mail.Kind.CONFIRMED, Mail.Kind.RESTORED, Mail.Kind.LICENCE_KEY)
# Only a change from one of these statuses is confirmed, so that a purchase is confirmed once.
BEFORE_ACCESS = (Status.OPEN, Status.PROCESSING, Status.INCOMPLETE, Status.FAILED, Status.EXPIRED)


def email_kind(change: StatusChange, suspended_before: str = "") -> Mail.Kind | None:
    """Return the e-mail about a change of status or suspension. E-mails about payments: payment_news.py."""
    if change.from_status == change.to_status:
        is_restored = suspended_before and change.purchase.opens_product
        return Mail.Kind.RESTORED if is_restored else None
    kind = EMAIL_KINDS.get(change.to_status)
    if kind != Mail.Kind.CONFIRMED:
        return kind
    if change.from_status not in BEFORE_ACCESS:
        return None
    return kind if change.purchase.opens_product else Mail.Kind.RECEIPT


def queue_status_email(change: StatusChange, suspended_before: str) -> Mail.Kind | None:
    kind = email_kind(change, suspended_before)
    if kind and not was_status_emailed(change.purchase):
        queue_email(change.purchase, kind, f"v{change.version}")
    return kind


def queue_subscription_email(purchase: Purchase, changes: dict[str, Any], had_end: bool) -> None:
    """Queue the e-mails about another plan, and about the end of a subscription that still runs."""
    if not purchase.subscription_id or purchase.status in BEFORE_ACCESS:
        return
    is_running = purchase.status in (Status.ACTIVE, Status.TRIALING, Status.PAST_DUE)
    is_ending = changes.get("cancel_at") and not had_end and is_running
    kinds = {Mail.Kind.PLAN_CHANGED: "price_id" in changes, Mail.Kind.ENDING: is_ending}
    news = [kind for kind, is_news in kinds.items() if is_news]
    for kind in news if news and not was_status_emailed(purchase) else []:
        queue_email(purchase, kind, f"v{purchase.version}")


def queue_renewal_upcoming_email(purchase: Purchase) -> None:
    """Remind of the renewal of a subscription with long periods."""
    price, months = purchase.price, settings.RENEWAL_NOTICE_MONTHS
    is_long = price.interval in MONTHS and price.interval_count * MONTHS[price.interval] >= months
    is_due = months and is_long and purchase.status == Status.ACTIVE
    if is_due and purchase.next_payment_at and not is_catching_up():
        queue_email(purchase, Mail.Kind.RENEWAL_UPCOMING, f"renewal on {purchase.next_payment_at:%Y-%m-%d}")


def queue_trial_ending_email(purchase: Purchase) -> None:
    if purchase.status != Status.TRIALING or not purchase.trial_end or purchase.cancel_at:
        return
    happened_at = max(filter(None, (purchase.trial_end - TRIAL_NOTICE, purchase.current_period_start)))
    about = f"trial until {purchase.trial_end:%Y-%m-%d}"
    queue_email(purchase, Mail.Kind.TRIAL_ENDING, about, happened_at=happened_at)


def queue_email(
    purchase: Purchase, kind: str, about: str, *, happened_at: datetime | None = None, **values: Any
) -> None:
    """Create and queue an e-mail, unless one of this kind and `about` exists, or it was sent before a restore.

    `values` are columns of its Mail.
    """
    if happened_at and was_emailed(happened_at):
        return
    try:
        with transaction.atomic():
            mail = Mail.objects.create(purchase=purchase, kind=kind, about=about, **values)
    except IntegrityError:
        return
    enqueue(send_email, mail.pk)


def send_unsent() -> int:
    """Send all e-mails that are due, and return how many are left. Stop if the mail server can't be used."""
    due = Mail.objects.filter(sent_at=None, given_up_at=None)
    for pk in due.order_by("created_at").values_list("pk", flat=True):
        error = _send(pk)
        if error and is_server_unusable(error):
            break
    return due.count()


@task()
def send_email(mail_id: int) -> None:
    """Send an e-mail, unless it was sent or another worker is sending it. Errors are stored in the row."""
    _send(mail_id)


def _send(mail_id: int) -> Exception | None:
    """Return the error, if there was one."""
    now = timezone.now()
    is_free = Q(sending_at=None) | Q(sending_at__lt=now - SENDING_TIMEOUT)
    unsent = Mail.objects.filter(is_free, pk=mail_id, sent_at=None)
    if not unsent.update(sending_at=now, attempts=F("attempts") + 1):
        return None
    related = ("purchase__product__configuration", "purchase__price", "purchase__user", "payment")
    mail = Mail.objects.select_related(*related).get(pk=mail_id)
    result: dict[str, Any]
    failure = None
    try:
        message = build_email(mail.kind, mail.purchase, mail.payment, mail.amount)
        message.extra_headers["Message-ID"] = _message_id(mail)
        message.send()
    except Exception as error:  # mail backends raise errors of many types
        logger.warning("Mail %s (%s) could not be sent: %s", mail.pk, mail.kind, error)
        failure, result = error, {"error": f"{type(error).__name__}: {error}"[:2000]}
        if is_address_refused(error) and mail.created_at < now - GIVE_UP_AFTER:
            result["given_up_at"] = now
    else:
        result = {"sent_at": timezone.now(), "error": "", "given_up_at": None}
    Mail.objects.filter(pk=mail.pk).update(**result, sending_at=None)
    return failure


def _message_id(mail: Mail) -> str:
    """Return the same id for each try, so that mailboxes show an e-mail once if the server had accepted it before."""
    about = sha256(f"{mail.kind} {mail.about}".encode()).hexdigest()[:16]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{mail.purchase.public_id}.{about}@{domain}>"


def buyer_language(purchase: Purchase) -> str:
    """Return the language of the purchase, or the default if the shop no longer offers it."""
    return purchase.language if purchase.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def build_email(
    kind: str, purchase: Purchase, payment: Payment | None = None, amount: int = 0
) -> EmailMultiAlternatives:
    """Return an e-mail about the purchase, or about one of its payments. `amount` was refunded, in minor units."""
    with translation.override(buyer_language(purchase)):
        email, values = TEXTS[kind], message_values(purchase) | _payment_values(purchase, payment, amount)
        has_terms = email.has_receipt and not purchase.is_suspended
        renews = has_terms and purchase.status in (Status.ACTIVE, Status.TRIALING)
        context = {
            "purchase": purchase,
            "payment": payment or purchase,
            "period": payment_period(payment) if payment else "",
            "product": purchase.product,
            "title": str(email.title) % values,
            "text": (str(email.text) % values).strip(),
            "link": str(email.link),
            "receipt": email.has_receipt,
            "licence": LicenceKey.objects.for_purchase(purchase).first() if kind in WITH_LICENCE else None,
            "terms": status_message(purchase).text if renews else billing_note(purchase),
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "support_email": settings.SUPPORT_EMAIL,
            "order_url": f"{settings.SITE_URL}{_link_path(kind, purchase, payment)}",
        }
        message = EmailMultiAlternatives(
            subject=" ".join((str(email.subject) % values).split()),  # a product's name may have line breaks
            body=render_to_string(f"{email.template}.txt", context),
            to=[purchase.current_email],
            reply_to=[settings.SUPPORT_EMAIL],
            headers={"Auto-Submitted": "auto-generated", "X-Order": purchase.order_number},
        )
        message.attach_alternative(render_to_string(f"{email.template}.html", context), "text/html")
    return message


def _link_path(kind: str, purchase: Purchase, payment: Payment | None) -> str:
    is_receipt = kind == Mail.Kind.RECEIPT and payment and payment.is_paid
    return payment.get_absolute_url() if payment and is_receipt else purchase.get_absolute_url()


def _payment_values(purchase: Purchase, payment: Payment | None, amount: int) -> dict[str, str]:
    paid, currency, paid_at = purchase.amount_total, purchase.currency, purchase.paid_at
    refunded = amount or purchase.amount_refunded
    if payment:
        paid, currency = payment.amount_paid or payment.amount_total, payment.currency
        refunded, paid_at = amount or payment.amount_refunded, payment.paid_at or payment.created_at
    refund = _("the %(amount)s") if refunded >= paid else _("%(refunded)s of the %(amount)s")
    amounts = {"amount": format_money(paid, currency), "refunded": format_money(refunded, currency)}
    return {
        **amounts,
        "refund": str(refund) % amounts,
        "paid_on": format_day(paid_at),
        "access": _access_text(purchase),
    }


def _access_text(purchase: Purchase) -> str:
    """Return what a refund or a dispute does to access. A purchase may have ended before."""
    if has_access(purchase):
        return str(_("You still have access."))
    if not purchase.is_suspended:
        return ""
    if purchase.suspended_by == Suspension.DISPUTED:
        return str(_("Until it is resolved, your access is paused."))
    is_running = purchase.has_running_subscription
    return str(_("Your access is paused.") if is_running else _("You no longer have access."))
