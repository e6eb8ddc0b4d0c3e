"""E-mails to buyers about their purchases, in the layout of templates/ecommerce/mail/.

An e-mail is a row that is created in the transaction of the change, so it exists once, and a task sends it. While the
mail server is away the row waits, and reconcile_purchases sends it later.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Mail, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.billing_notes import billing_note
from apps.ecommerce.purchases.status_messages import message_values, status_message

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # then the worker that was sending the e-mail is considered dead
# https://docs.stripe.com/api/events/types#event_types-customer.subscription.trial_will_end
TRIAL_NOTICE = timedelta(days=3)

# New status ▶ e-mail. A status that is not here sends none.
KINDS: dict[str, Mail.Kind] = {
    Status.PAID: Mail.Kind.CONFIRMED,
    Status.TRIALING: Mail.Kind.CONFIRMED,
    Status.ACTIVE: Mail.Kind.CONFIRMED,
    Status.PROCESSING: Mail.Kind.WAITING,
    Status.FAILED: Mail.Kind.FAILED,
    Status.PAST_DUE: Mail.Kind.RENEWAL_FAILED,
    Status.UNPAID: Mail.Kind.SUSPENDED,
    Status.PAUSED: Mail.Kind.SUSPENDED,
    Status.DISPUTED: Mail.Kind.SUSPENDED,
    Status.CANCELED: Mail.Kind.ENDED,
    Status.PARTIALLY_REFUNDED: Mail.Kind.REFUNDED,
    Status.REFUNDED: Mail.Kind.REFUNDED,
}
# A purchase is confirmed when it comes from one of these, so only once.
BEFORE_ACCESS = (Status.OPEN, Status.PROCESSING, Status.INCOMPLETE, Status.FAILED, Status.EXPIRED)


@dataclass(frozen=True, slots=True)
class EmailText:
    subject: str | Promise
    title: str | Promise
    text: str | Promise
    link: str | Promise
    has_receipt: bool = False
    template: str = "ecommerce/mail/mail"  # .html and .txt


TEXTS: dict[str, EmailText] = {
    Mail.Kind.CONFIRMED: EmailText(
        _("Your purchase: %(product)s"),
        _("%(product)s is yours"),
        _("Thank you! You can open it at any time from your order. Keep this mail as your receipt."),
        _("Open your order"),
        has_receipt=True,
    ),
    Mail.Kind.WAITING: EmailText(
        _("We are waiting for your bank: %(product)s"),
        _("Your order is in"),
        _(
            "Bank payments take up to five working days. Access to %(product)s opens by itself "
            "the moment the money arrives, and we write to you then."
        ),
        _("See your order"),
        has_receipt=True,
    ),
    Mail.Kind.FAILED: EmailText(
        _("The payment for %(product)s did not go through"),
        _("The payment did not go through"),
        _(
            "Your bank did not pay %(amount)s, so nothing was charged.%(why)s You can try again with the same choice."
        ),
        _("Try again"),
    ),
    Mail.Kind.TRIAL_ENDING: EmailText(
        _("Your free trial of %(product)s ends on %(trial_end)s"),
        _("Your free trial ends on %(trial_end)s"),
        _(
            "After that it is %(price)s. If you want to go on there is nothing to do; if not, cancel before that day."
        ),
        _("Manage your subscription"),
    ),
    Mail.Kind.RENEWAL_FAILED: EmailText(
        _("Please update your card for %(product)s"),
        _("Your renewal could not be charged"),
        _(
            "We could not charge %(price)s for %(product)s.%(why)s Please update your card to keep your access."
        ),
        _("Update your card"),
    ),
    Mail.Kind.ENDED: EmailText(
        _("Your subscription to %(product)s has ended"),
        _("Your subscription has ended"),
        _("Nothing more will be charged. Thank you for having been with us; you can come back at any time."),
        _("See your order"),
    ),
    Mail.Kind.REFUNDED: EmailText(
        _("Your refund for %(product)s"),
        _("%(refunded)s is on its way back to you"),
        _("Of the %(amount)s that you paid for %(product)s. Banks take five to ten days to show it."),
        _("See your order"),
    ),
    Mail.Kind.SUSPENDED: EmailText(
        _("Access to %(product)s is suspended"),
        _("Access is suspended"),
        _(
            "There is a problem with the payment for %(product)s. Your order says what it is and what you can do."
        ),
        _("See what to do"),
    ),
}


def email_kind(before: str, after: str) -> Mail.Kind | None:
    """Return the e-mail to send when the status of a purchase changes."""
    kind = KINDS.get(after)
    return None if kind == Mail.Kind.CONFIRMED and before not in BEFORE_ACCESS else kind


def queue_status_email(change: StatusChange) -> None:
    """Call it in the transaction of the change."""
    if kind := email_kind(change.from_status, change.to_status):
        queue_email(change.purchase, kind, f"v{change.version}")


def queue_trial_ending_email(purchase: Purchase) -> None:
    if purchase.status == Status.TRIALING and purchase.trial_end and not purchase.cancel_at:
        queue_email(purchase, Mail.Kind.TRIAL_ENDING, f"trial until {purchase.trial_end:%Y-%m-%d}")


def queue_email(purchase: Purchase, kind: str, about: str) -> None:
    """Create and queue the e-mail, unless there is one of this kind about the same."""
    try:
        with transaction.atomic():
            mail = Mail.objects.create(purchase=purchase, kind=kind, about=about)
    except IntegrityError:
        return
    enqueue(send, mail.pk)


def send_unsent() -> int:
    """Send what the mail server has not taken yet. Return how many e-mails are still unsent."""
    for pk in Mail.objects.filter(sent_at=None).order_by("created_at").values_list("pk", flat=True):
        send.func(pk)
    return Mail.objects.filter(sent_at=None).count()


@task()
def send(mail_id: int) -> None:
    """Send an e-mail unless it is sent or another worker is sending it. Store errors of the mail server."""
    now = timezone.now()
    is_free = Q(sending_at=None) | Q(sending_at__lt=now - LEASE)
    unsent = Mail.objects.filter(is_free, pk=mail_id, sent_at=None)
    if not unsent.update(sending_at=now, attempts=F("attempts") + 1):
        return
    mail = Mail.objects.select_related("purchase__product__configuration", "purchase__price").get(pk=mail_id)
    result: dict[str, Any]
    try:
        compose(mail.kind, mail.purchase).send()
    except Exception as error:  # an error of the mail server must not undo the purchase
        logger.warning("Mail %s (%s) could not be sent: %s", mail.pk, mail.kind, error)
        result = {"error": f"{type(error).__name__}: {error}"[:2000]}
    else:
        result = {"sent_at": timezone.now(), "error": ""}
    Mail.objects.filter(pk=mail.pk).update(**result, sending_at=None)


def compose(kind: str, purchase: Purchase) -> EmailMultiAlternatives:
    """Return the e-mail in text and HTML, in the language in which the buyer bought."""
    is_known = purchase.language in dict(settings.LANGUAGES)
    with translation.override(purchase.language if is_known else settings.LANGUAGE_CODE):
        email, values = TEXTS[kind], message_values(purchase)
        renews = email.has_receipt and purchase.status in (Status.ACTIVE, Status.TRIALING)
        context = {
            "purchase": purchase,
            "product": purchase.product,
            "title": str(email.title) % values,
            "text": str(email.text) % values,
            "link": str(email.link),
            "receipt": email.has_receipt,
            "terms": status_message(purchase).text if renews else billing_note(purchase),
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "support_email": settings.SUPPORT_EMAIL,
            "order_url": f"{settings.SITE_URL}{purchase.get_absolute_url()}",
        }
        message = EmailMultiAlternatives(
            subject=" ".join((str(email.subject) % values).split()),  # a product's name may have line breaks
            body=render_to_string(f"{email.template}.txt", context),
            to=[purchase.email],
            headers={"Auto-Submitted": "auto-generated", "X-Order": str(purchase.public_id)},
        )
        message.attach_alternative(render_to_string(f"{email.template}.html", context), "text/html")
    return message
