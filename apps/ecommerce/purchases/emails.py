"""What a buyer is written, and when: one table of transitions, one mail per transition, however often it is news.

A mail is a row in the transaction of the change, and a task of the queue sends it. When the mail server is away
the row waits, and reconcile_purchases sends it later. The words are in one table below, the looks in
templates/ecommerce/mail/.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

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
from apps.ecommerce.purchases.status_messages import billing_note, state_of, values_of

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # after this, whoever was sending it is taken for dead
TRIAL_NOTICE = timedelta(
    days=3
)  # https://docs.stripe.com/api/events/types: trial_will_end comes three days before

# Where a purchase was before it ever opened anything.
BEFORE = frozenset({Status.OPEN, Status.PROCESSING, Status.INCOMPLETE, Status.FAILED, Status.EXPIRED})
EVERYWHERE = frozenset(Status)

# (from any of, to) ▶ mail. The first row that fits; a transition that is not here is no news for the buyer.
TRANSITIONS: tuple[tuple[Collection[Status], Status, Mail.Kind], ...] = (
    (BEFORE, Status.PAID, Mail.Kind.CONFIRMED),
    (BEFORE, Status.TRIALING, Mail.Kind.CONFIRMED),
    (BEFORE, Status.ACTIVE, Mail.Kind.CONFIRMED),
    (EVERYWHERE, Status.PROCESSING, Mail.Kind.WAITING),
    (EVERYWHERE, Status.FAILED, Mail.Kind.FAILED),
    (EVERYWHERE, Status.PAST_DUE, Mail.Kind.RENEWAL_FAILED),
    (EVERYWHERE, Status.UNPAID, Mail.Kind.SUSPENDED),
    (EVERYWHERE, Status.PAUSED, Mail.Kind.SUSPENDED),
    (EVERYWHERE, Status.DISPUTED, Mail.Kind.SUSPENDED),
    (EVERYWHERE, Status.CANCELED, Mail.Kind.ENDED),
    (EVERYWHERE, Status.PARTIALLY_REFUNDED, Mail.Kind.REFUNDED),
    (EVERYWHERE, Status.REFUNDED, Mail.Kind.REFUNDED),
)


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of mail. The values are those of the truth page (states.values_of)."""

    subject: str | Promise
    title: str | Promise
    text: str | Promise
    link: str | Promise
    receipt: bool = False


WORDS: dict[Mail.Kind, Words] = {
    Mail.Kind.CONFIRMED: Words(
        _("Your purchase: %(product)s"),
        _("%(product)s is yours"),
        _("Thank you! You can open it at any time from your order. Keep this mail as your receipt."),
        _("Open your order"),
        receipt=True,
    ),
    Mail.Kind.WAITING: Words(
        _("We are waiting for your bank: %(product)s"),
        _("Your order is in"),
        _(
            "Bank payments take up to five working days. Access to %(product)s opens by itself "
            "the moment the money arrives, and we write to you then."
        ),
        _("See your order"),
        receipt=True,
    ),
    Mail.Kind.FAILED: Words(
        _("The payment for %(product)s did not go through"),
        _("The payment did not go through"),
        _(
            "Your bank did not pay %(amount)s, so nothing was charged.%(why)s You can try again with the same choice."
        ),
        _("Try again"),
    ),
    Mail.Kind.TRIAL_ENDING: Words(
        _("Your free trial of %(product)s ends on %(trial_end)s"),
        _("Your free trial ends on %(trial_end)s"),
        _(
            "After that it is %(price)s. If you want to go on there is nothing to do; if not, cancel before that day."
        ),
        _("Manage your subscription"),
    ),
    Mail.Kind.RENEWAL_FAILED: Words(
        _("Please update your card for %(product)s"),
        _("Your renewal could not be charged"),
        _(
            "We could not charge %(price)s for %(product)s.%(why)s Please update your card to keep your access."
        ),
        _("Update your card"),
    ),
    Mail.Kind.ENDED: Words(
        _("Your subscription to %(product)s has ended"),
        _("Your subscription has ended"),
        _("Nothing more will be charged. Thank you for having been with us; you can come back at any time."),
        _("See your order"),
    ),
    Mail.Kind.REFUNDED: Words(
        _("Your refund for %(product)s"),
        _("%(refunded)s is on its way back to you"),
        _("Of the %(amount)s that you paid for %(product)s. Banks take five to ten days to show it."),
        _("See your order"),
    ),
    Mail.Kind.SUSPENDED: Words(
        _("Access to %(product)s is suspended"),
        _("Access is suspended"),
        _(
            "There is a problem with the payment for %(product)s. Your order says what it is and what you can do."
        ),
        _("See what to do"),
    ),
}


def kind_of(before: str, after: str) -> Mail.Kind | None:
    """The mail that a change of status is worth, if any. Pure."""
    return next((kind for froms, to, kind in TRANSITIONS if to == after and before in froms), None)


def enqueue_mails(change: StatusChange) -> None:
    """Owes the buyer the mail of this change. Call it in the change's transaction."""
    if kind := kind_of(change.from_status, change.to_status):
        owe(change.purchase, kind, f"v{change.version}")


def owe(purchase: Purchase, kind: Mail.Kind, about: str) -> None:
    """One mail, once: the same kind about the same thing is never written twice."""
    try:
        with transaction.atomic():
            mail = Mail.objects.create(purchase=purchase, kind=kind, about=about)
    except IntegrityError:
        return
    enqueue(send, mail.pk)


def owe_trial_ending(purchase: Purchase) -> None:
    """Owes the notice of a trial that is about to end and to be charged; Stripe's event or reconcile says when."""
    if purchase.status == Status.TRIALING and purchase.trial_end and not purchase.cancel_at:
        owe(purchase, Mail.Kind.TRIAL_ENDING, f"trial until {purchase.trial_end:%Y-%m-%d}")


def send_unsent() -> int:
    """Sends what a mail server that was away has left. Gives how many are still waiting."""
    for pk in Mail.objects.filter(sent_at=None).order_by("created_at").values_list("pk", flat=True):
        send.func(pk)
    return Mail.objects.filter(sent_at=None).count()


@task()
def send(mail_id: int) -> None:
    """Sends one owed mail, unless it is sent or somebody is at it. A failing server is noted, never raised."""
    now = timezone.now()
    free = Q(sending_at=None) | Q(sending_at__lt=now - LEASE)
    mine = Mail.objects.filter(free, pk=mail_id, sent_at=None)
    if not mine.update(sending_at=now, attempts=F("attempts") + 1):
        return
    mail = Mail.objects.select_related("purchase__product__configuration", "purchase__price").get(pk=mail_id)
    try:
        compose(mail.kind, mail.purchase).send()
    except Exception as error:  # whatever a mail server may say, the purchase stands
        logger.warning("Mail %s (%s) could not be sent: %s", mail.pk, mail.kind, error)
        Mail.objects.filter(pk=mail.pk).update(
            sending_at=None, error=f"{type(error).__name__}: {error}"[:2000]
        )
    else:
        Mail.objects.filter(pk=mail.pk).update(sent_at=timezone.now(), sending_at=None, error="")


def compose(kind: str, purchase: Purchase) -> EmailMultiAlternatives:
    """The mail in text and HTML, as it would be sent now: in the language that the buyer read when buying."""
    known = purchase.language in dict(settings.LANGUAGES)
    with translation.override(purchase.language if known else settings.LANGUAGE_CODE):
        return _compose(kind, purchase)


def _compose(kind: str, purchase: Purchase) -> EmailMultiAlternatives:
    words, values = WORDS[Mail.Kind(kind)], values_of(purchase)
    renews = words.receipt and purchase.status in (Status.ACTIVE, Status.TRIALING)
    context = {
        "purchase": purchase,
        "product": purchase.product,
        "title": str(words.title) % values,
        "text": str(words.text) % values,
        "link": str(words.link),
        "receipt": words.receipt,
        # When the next charge comes, and how much; of a refunded or disputed subscription, too.
        "terms": state_of(purchase).text if renews else billing_note(purchase),
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "support_email": settings.SUPPORT_EMAIL,
        "order_url": f"{settings.SITE_URL}{purchase.get_absolute_url()}",
    }
    mail = EmailMultiAlternatives(
        subject=" ".join((str(words.subject) % values).split()),  # a name of Stripe's may hold anything
        body=render_to_string("ecommerce/mail/mail.txt", context),
        to=[purchase.email],
        headers={"Auto-Submitted": "auto-generated", "X-Order": str(purchase.public_id)},
    )
    mail.attach_alternative(render_to_string("ecommerce/mail/mail.html", context), "text/html")
    return mail


def html_of(mail: EmailMultiAlternatives) -> str:
    """The HTML part of a composed mail."""
    return next(str(content) for content, kind in mail.alternatives if kind == "text/html")
