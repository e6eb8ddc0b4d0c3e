"""E-mails to buyers about their purchases.

An e-mail is a Mail row, created once in the transaction of the change. A task sends it. If the mail server fails,
reconcile_purchases sends it later. Texts are in texts.py, messages.py builds the message.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parseaddr
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Mail, Purchase, StatusChange, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.emails.errors import is_address_refused, is_server_unusable
from apps.ecommerce.purchases.emails.messages import OutdatedEmail, build_email
from apps.ecommerce.purchases.emails.texts import TEXTS
from apps.ecommerce.purchases.restored_backup import is_catching_up, was_emailed, was_status_emailed
from apps.ecommerce.stripe_api.client import is_livemode

logger = logging.getLogger(__name__)

MAX_KIND_LENGTH = Mail._meta.get_field("kind").max_length or 0
GIVE_UP_AFTER = timedelta(days=1)  # for an address that the mail server refuses
MAX_UPDATES_PER_RUN = 500  # for each run of reconcile_purchases, every ten minutes
SENDING_TIMEOUT = timedelta(minutes=10)  # after that, another worker may send the e-mail
# https://docs.stripe.com/api/events/types#event_types-customer.subscription.trial_will_end
TRIAL_NOTICE = timedelta(days=3)
MONTHS = {"month": 1, "year": 12}  # in an interval; other intervals are shorter

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
# Only a change from one of these statuses is confirmed, so that a purchase is confirmed once.
BEFORE_ACCESS = (Status.OPEN, Status.PROCESSING, Status.INCOMPLETE, Status.FAILED, Status.EXPIRED)


def email_kind(change: StatusChange, suspended_before: str = "") -> Mail.Kind | None:
    """Return the e-mail about a change of status or suspension. E-mails about payments: payment_news.py."""
    if change.from_status == change.to_status:
        by_payment = suspended_before not in ("", Suspension.REVOKED)  # operators choose whether to e-mail
        return Mail.Kind.RESTORED if by_payment and change.purchase.opens_product else None
    kind = None if change.purchase.granted_at else EMAIL_KINDS.get(change.to_status)
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


def upcoming_renewal(purchase: Purchase) -> str:
    """Return the `about` of the e-mail about the next renewal; "" if no e-mail is about it."""
    price, months = purchase.price, settings.RENEWAL_NOTICE_MONTHS
    is_long = price.interval in MONTHS and price.interval_count * MONTHS[price.interval] >= months
    is_due = months and is_long and purchase.status == Status.ACTIVE and purchase.next_payment_at
    return f"renewal on {purchase.next_payment_at:%Y-%m-%d}" if is_due else ""


def queue_renewal_upcoming_email(purchase: Purchase) -> None:
    """Queue a reminder of the next renewal of a subscription with long periods."""
    about = upcoming_renewal(purchase)
    if about and not is_catching_up():
        queue_email(purchase, Mail.Kind.RENEWAL_UPCOMING, about)


def queue_trial_ending_email(purchase: Purchase) -> None:
    if purchase.status != Status.TRIALING or not purchase.trial_end or purchase.cancel_at:
        return
    happened_at = max(filter(None, (purchase.trial_end - TRIAL_NOTICE, purchase.current_period_start)))
    about = f"trial until {purchase.trial_end:%Y-%m-%d}"
    queue_email(purchase, Mail.Kind.TRIAL_ENDING, about, happened_at=happened_at)


def queue_missing_trial_notices() -> None:
    """Queue e-mails for `trial_will_end` events that did not arrive."""
    trials = Purchase.objects.filter(status=Status.TRIALING, livemode=is_livemode())
    for purchase in trials.filter(trial_end__lte=timezone.now() + TRIAL_NOTICE):
        queue_trial_ending_email(purchase)


def queue_email(
    purchase: Purchase, kind: str, about: str, *, happened_at: datetime | None = None, **values: Any
) -> None:
    """Create and queue an e-mail, unless one of this kind and `about` exists, or it was sent before a restore.

    `values` are columns of its Mail.
    """
    if kind not in TEXTS or len(kind) > MAX_KIND_LENGTH:  # SQLite would store a kind that is too long
        raise ValueError(
            f"{kind!r} is no kind of e-mail. A kind is a key of TEXTS with at most {MAX_KIND_LENGTH} characters."
        )
    if happened_at and was_emailed(happened_at):
        return
    try:
        with transaction.atomic():
            mail = Mail.objects.create(purchase=purchase, kind=kind, about=about, **values)
    except IntegrityError:
        return
    enqueue(send_email, mail.pk)


def send_unsent() -> int:
    """Send the e-mails that are due, and return how many are left. Stop if the mail server can't be used."""
    due = Mail.objects.filter(sent_at=None, given_up_at=None)
    keys = due.order_by("created_at").values_list("pk", flat=True)
    send_in_turn(keys.exclude(kind=Mail.Kind.UPDATED))
    send_in_turn(keys.filter(kind=Mail.Kind.UPDATED)[:MAX_UPDATES_PER_RUN])
    return due.count()


def send_in_turn(mail_ids: Iterable[int]) -> None:
    """Send these e-mails until the mail server can't be used."""
    for pk in mail_ids:
        error = _send(pk)
        if error and is_server_unusable(error):
            break


@task()
def send_emails(mail_ids: list[int]) -> None:
    send_in_turn(mail_ids)


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
        message = build_email(mail.kind, mail.purchase, mail.payment, mail.amount, mail.about)
        message.extra_headers["Message-ID"] = _message_id(mail)
        message.send()
    except OutdatedEmail:
        mail.delete()
        return None
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
    """Return the same id for each try, so that mailboxes show an e-mail once if the server had accepted it before.

    An e-mail that an operator sends again has another id.
    """
    repeat = f" {mail.pk}" if mail.repeat_of_id else ""
    about = sha256(f"{mail.kind} {mail.about}{repeat}".encode()).hexdigest()[:16]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{mail.purchase.public_id}.{about}@{domain}>"
