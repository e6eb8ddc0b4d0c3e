"""Alerts for problems that the shop can't repair: one e-mail to ADMINS, and the same alert at most once a day.

reconcile_purchases sends them, in its own process: a dead worker or web server can't keep them back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.mail import mail_admins
from django.utils import timezone

from apps.core.tasks import is_worker_silent
from apps.ecommerce.models import Alert, Mail
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases.foreign_subscriptions import billed_twice, billed_without_account

logger = logging.getLogger(__name__)

REPEAT_AFTER = timedelta(days=1)
MAX_MAIL_DELAY = timedelta(minutes=30)


def raise_alarms(also: dict[str, str] | None = None) -> list[str]:
    """Mail the problems that were not mailed within a day. Return the texts of all problems.

    `also` holds findings of the caller by key. When the mail server is down, the next run tries again.
    """
    wrong = {key: text for key, check in CHECKS.items() if (text := check())} | (also or {})
    for key, text in wrong.items():
        logger.error("Alert (%s): %s", key, text)
    since = timezone.now() - REPEAT_AFTER
    mailed = set(Alert.objects.filter(key__in=wrong, mailed_at__gt=since).values_list("key", flat=True))
    if news := {key: text for key, text in wrong.items() if key not in mailed}:
        _mail(news)
    return list(wrong.values())


def _mail(news: dict[str, str]) -> None:
    lines = [f"- {text}" for text in news.values()]
    lines += ["", settings.SITE_URL, "The same is not told again for a day."]
    try:
        mail_admins(f"{settings.SITE_NAME} needs you: {', '.join(news)}", "\n".join(lines))
    except Exception as error:  # mail backends raise errors of many kinds; the log has the problems
        logger.error("The alarm could not be mailed to ALERT_EMAIL: %s", error)
        return
    for key, text in news.items():
        Alert.objects.update_or_create(
            key=key, defaults={"message": text[:2000], "mailed_at": timezone.now()}
        )


def _webhooks_silent() -> str:
    health = webhook_health()
    if not health.is_silent:
        return ""
    last = "none ever came"
    if health.last_event:
        last = f"the last event came at {health.last_event:%Y-%m-%d %H:%M} UTC"
    return f"{health.waiting} buyers wait for news from Stripe, and {last}. Run: manage.py stripe_doctor"


def _events_failing() -> str:
    if not (failing := webhook_health().failing):
        return ""
    return f"{failing} events of Stripe's could not be processed. See /admin/ecommerce/webhookevent/"


def _mails_unsent() -> str:
    unsent = Mail.objects.filter(sent_at=None, created_at__lt=timezone.now() - MAX_MAIL_DELAY).count()
    if not unsent:
        return ""
    return f"{unsent} mails to buyers could not be sent. See /admin/ecommerce/mail/ and EMAIL_URL"


def _worker_silent() -> str:
    return "Nobody does the queued work. Is manage.py db_worker running?" if is_worker_silent() else ""


def _billed_twice() -> str:
    if not (rows := billed_twice()):
        return ""
    named = ", ".join(f"{row.email} ({row.product}, {row.subscription_id})" for row in rows[:5])
    return (
        f"{len(rows)} buyers are charged by two subscriptions to one product: {named}. Cancel one of each in Stripe's "
        "Dashboard, and refund what was charged twice"
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


# Each returns a text when something is wrong, else "".
CHECKS: dict[str, Callable[[], str]] = {
    "webhooks silent": _webhooks_silent,
    "events failing": _events_failing,
    "mails unsent": _mails_unsent,
    "worker silent": _worker_silent,
    "billed twice": _billed_twice,
    "billed without account": _billed_without_account,
}
