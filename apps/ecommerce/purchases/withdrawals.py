"""Receive withdrawals from contracts (setting WITHDRAWAL_FORM), and confirm their receipt by e-mail.

Visitors can enter any order number and any address, so neither the page nor the e-mail shows whether they exist.
"""

import logging
import re
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.core.rate_limits import consume
from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Purchase, Withdrawal
from apps.ecommerce.models.order_numbers import ALPHABET, LENGTH, PREFIX
from apps.users.emails import normalize_mailbox

logger = logging.getLogger(__name__)
Confirmation = Withdrawal.Confirmation

HALF = f"([{ALPHABET}]{{{LENGTH // 2}}})"
ORDER_NUMBER = re.compile(rf"\b{PREFIX}[\s-]?{HALF}[\s-]?{HALF}\b", re.IGNORECASE)


def receive_withdrawal(token: UUID, name: str, contract: str, email: str) -> Withdrawal:
    """Store the withdrawal once for this token and content, and queue the e-mail that confirms its receipt.

    After Back, a browser sends the same token with another contract.
    """
    withdrawal, is_new = Withdrawal.objects.get_or_create(
        token=uuid5(token, "\n".join((name, contract, email))),
        defaults={
            "name": name,
            "contract": contract,
            "email": email,
            "language": get_language() or settings.LANGUAGE_CODE,
            "purchase": find_purchase(contract),
            "received_at": timezone.now(),
        },
    )
    if is_new:
        confirm(withdrawal)
    return withdrawal


def find_purchase(contract: str) -> Purchase | None:
    found = ORDER_NUMBER.search(contract.upper())
    number = f"{PREFIX}-{found[1]}-{found[2]}" if found else ""
    return Purchase.objects.filter(order_number=number).first() if number else None


def confirm(withdrawal: Withdrawal) -> None:
    """Queue the confirmation, unless too many were sent to this address today."""
    if consume("withdrawal_mail", key=normalize_mailbox(withdrawal.email)):
        logger.warning("Withdrawal %s is not confirmed: RATE_LIMITS['withdrawal_mail']", withdrawal.pk)
        Withdrawal.objects.filter(pk=withdrawal.pk).update(confirmation=Confirmation.LIMITED)
        return
    enqueue(send_confirmation, withdrawal.pk)


@task()
def send_confirmation(withdrawal_id: int) -> None:
    """Send the confirmation. reconcile_purchases tries again if the mail server fails."""
    withdrawal = Withdrawal.objects.get(pk=withdrawal_id)
    fields: dict[str, Any] = {"confirmation": Confirmation.SENT, "error": ""}
    try:
        build_confirmation(withdrawal).send()
    except Exception as error:  # backends raise errors of different libraries
        logger.exception("The confirmation of withdrawal %s could not be sent", withdrawal.pk)
        fields = {"confirmation": Confirmation.FAILED, "error": str(error) or type(error).__name__}
    else:
        fields["confirmed_at"] = timezone.now()
    Withdrawal.objects.filter(pk=withdrawal.pk).update(**fields)


def send_missing_confirmations() -> None:
    """Send the confirmations that the mail server has refused or no worker has sent, the oldest first."""
    missing = (Confirmation.WAITING, Confirmation.FAILED)
    rows = Withdrawal.objects.filter(confirmation__in=missing, done_at=None).order_by("received_at")
    for pk in rows.values_list("pk", flat=True)[:50]:
        send_confirmation.func(pk)


def build_confirmation(withdrawal: Withdrawal) -> EmailMultiAlternatives:
    """Return the e-mail with what was entered, and when it arrived."""
    language = withdrawal.language if withdrawal.language in dict(settings.LANGUAGES) else ""
    with translation.override(language or settings.LANGUAGE_CODE):
        title = _("We have received your withdrawal")
        context = {
            "withdrawal": withdrawal,
            "title": title,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "support_email": settings.SUPPORT_EMAIL,
        }
        message = EmailMultiAlternatives(
            subject=title,
            body=render_to_string("ecommerce/mail/withdrawal.txt", context),
            to=[withdrawal.email],
            reply_to=[settings.SUPPORT_EMAIL],
            headers={"Auto-Submitted": "auto-generated"},
        )
        html = render_to_string("ecommerce/mail/withdrawal.html", context)
        message.attach_alternative(html, "text/html")
    return message
