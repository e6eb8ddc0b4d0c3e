"""What the founder is written when the shop can't mend itself: one mail, and the same thing once a day.

Called by reconcile_purchases, in a process of its own: a dead worker or web server can't keep it quiet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from apps.queue import worker_is_silent

from .foreign_subscriptions import billed_twice, billed_without_account
from .models import Alarm, Mail
from .webhook_health import webhook_health

logger = logging.getLogger(__name__)

REPEAT_AFTER = timedelta(days=1)
MAIL_PATIENCE = timedelta(minutes=30)


def raise_alarms(also: dict[str, str] | None = None) -> list[str]:
    """Mails ALERT_EMAIL what is wrong now and was not told within a day. Gives everything that is wrong.

    `also` are findings of the caller's: key ▶ words. A mail server that is away is no error: the next run tries again.
    """
    wrong = {key: words for key, check in CHECKS.items() if (words := check())} | (also or {})
    for key, words in wrong.items():
        logger.error("Alarm (%s): %s", key, words)
    since = timezone.now() - REPEAT_AFTER
    told = set(Alarm.objects.filter(key__in=wrong, mailed_at__gt=since).values_list("key", flat=True))
    if news := {key: words for key, words in wrong.items() if key not in told}:
        _mail(news)
    return list(wrong.values())


def _webhooks_silent() -> str:
    health = webhook_health()
    if not health.is_silent:
        return ""
    last = (
        f"the last event came at {health.last_event:%Y-%m-%d %H:%M} UTC"
        if health.last_event
        else "none ever came"
    )
    return f"{health.waiting} buyers wait for news from Stripe, and {last}. Run: manage.py stripe_doctor"


def _events_failing() -> str:
    failing = webhook_health().failing
    return (
        f"{failing} events of Stripe's could not be processed. See /admin/ecommerce/webhookevent/"
        if failing
        else ""
    )


def _mails_unsent() -> str:
    unsent = Mail.objects.filter(sent_at=None, created_at__lt=timezone.now() - MAIL_PATIENCE).count()
    return (
        f"{unsent} mails to buyers could not be sent. See /admin/ecommerce/mail/ and EMAIL_URL"
        if unsent
        else ""
    )


def _worker_silent() -> str:
    return "Nobody does the queued work. Is manage.py db_worker running?" if worker_is_silent() else ""


def _billed_twice() -> str:
    rows = billed_twice()
    named = ", ".join(f"{row.email} ({row.product}, {row.subscription_id})" for row in rows[:5])
    return (
        f"{len(rows)} buyers are charged by two subscriptions to one product: {named}. Cancel one of each in Stripe's "
        "Dashboard, and refund what was charged twice"
        if rows
        else ""
    )


def _billed_without_account() -> str:
    rows = billed_without_account()
    named = ", ".join(f"{row.email} ({row.product}, {row.subscription_id})" for row in rows[:5])
    return (
        f"{len(rows)} subscriptions of deleted accounts are still charged: {named}. Their buyers can't cancel here; "
        "cancel them in Stripe's Dashboard"
        if rows
        else ""
    )


# Each gives words when something is wrong, and "" when it is not.
CHECKS: dict[str, Callable[[], str]] = {
    "webhooks silent": _webhooks_silent,
    "events failing": _events_failing,
    "mails unsent": _mails_unsent,
    "worker silent": _worker_silent,
    "billed twice": _billed_twice,
    "billed without account": _billed_without_account,
}


def _mail(news: dict[str, str]) -> None:
    subject = f"{settings.SITE_NAME} needs you: {', '.join(news)}"
    lines = [
        *(f"- {words}" for words in news.values()),
        "",
        settings.SITE_URL,
        "The same is not told again for a day.",
    ]
    try:
        EmailMessage(subject, "\n".join(lines), to=[settings.ALERT_EMAIL]).send()
    except Exception as error:  # whatever a mail server may say; the log has it all
        logger.error("The alarm could not be mailed to ALERT_EMAIL: %s", error)
        return
    for key, words in news.items():
        Alarm.objects.update_or_create(key=key, defaults={"words": words[:2000], "mailed_at": timezone.now()})
