"""Alerts about problems that the shop can't repair: one e-mail to ADMINS, and the same alert once a day at most.

reconcile_purchases sends them in a process of its own, so that they arrive when the worker or the web server is dead.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import stripe
from django.conf import settings
from django.core.mail import mail_admins
from django.utils import timezone

from apps.core.tasks import is_worker_silent, task
from apps.ecommerce.models import Alert, Mail, Purchase
from apps.ecommerce.operations.reconcile import Reconciliation, reconcile
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases.foreign_subscriptions import billed_twice, billed_without_account

logger = logging.getLogger(__name__)

REPEAT_AFTER = timedelta(days=1)
MAX_MAIL_DELAY = timedelta(minutes=30)
MIN_SILENCE = timedelta(minutes=10)  # after an event, another one may still be in transit


@task()
def reconcile_in_background() -> str:
    """Run reconcile_purchases --background."""
    return str(reconcile_and_alert()[0])


def reconcile_and_alert(since: datetime | None = None, **options: Any) -> tuple[Reconciliation, list[str]]:
    """Return the report and the texts of all alerts. Raise stripe.StripeError if Stripe can't be asked."""
    try:
        report = reconcile(since, **options)
    except stripe.StripeError as error:
        send_alerts({"Stripe unreachable": f"Stripe could not be asked: {error.user_message or error}"})
        raise
    return report, send_alerts(_lost_events(report))


def send_alerts(found: Mapping[str, str] | None = None) -> list[str]:
    """Mail the alerts of CHECKS and of `found` that were not mailed within a day. Return the texts of all alerts.

    If the mail server is unreachable, the next run tries again.
    """
    alerts = {key: text for key, check in CHECKS.items() if (text := check())} | dict(found or {})
    for key, text in alerts.items():
        logger.error("Alert (%s): %s", key, text)
    since = timezone.now() - REPEAT_AFTER
    mailed = set(Alert.objects.filter(key__in=alerts, mailed_at__gt=since).values_list("key", flat=True))
    if new := {key: text for key, text in alerts.items() if key not in mailed}:
        _mail(new)
    return list(alerts.values())


def _mail(alerts: dict[str, str]) -> None:
    lines = [*(f"- {text}" for text in alerts.values()), ""]
    lines += [settings.SITE_URL, "The same alert is not sent again for a day."]
    try:
        mail_admins(f"{settings.SITE_NAME} needs you: {', '.join(alerts)}", "\n".join(lines))
    except Exception as error:  # mail backends raise errors of many types
        logger.error("The alert could not be mailed to ALERT_EMAIL: %s", error)
        return
    for key, text in alerts.items():
        values = {"message": text[:2000], "mailed_at": timezone.now()}
        Alert.objects.update_or_create(key=key, defaults=values)


def _lost_events(report: Reconciliation) -> dict[str, str]:
    """Return an alert if events got lost, and not if they may still be in transit."""
    is_quiet = report.last_event is None or timezone.now() - report.last_event > MIN_SILENCE
    if not (report.late_events or report.found or (report.repaired and is_quiet)):
        return {}
    return {"events lost": f"Stripe's webhooks do not tell everything. {report} Run: manage.py stripe_doctor"}


def _check_webhooks() -> str:
    health = webhook_health()
    if not health.is_silent:
        return ""
    last = "none ever came"
    if health.last_event:
        last = f"the last event came at {health.last_event:%Y-%m-%d %H:%M} UTC"
    return f"{health.waiting} buyers wait for news from Stripe, and {last}. Run: manage.py stripe_doctor"


def _check_events() -> str:
    failing = webhook_health().failing
    text = f"{failing} events of Stripe's could not be processed. See /admin/ecommerce/webhookevent/"
    return text if failing else ""


def _check_mails() -> str:
    unsent = Mail.objects.filter(sent_at=None, created_at__lt=timezone.now() - MAX_MAIL_DELAY).count()
    text = f"{unsent} mails to buyers could not be sent. See /admin/ecommerce/mail/ and EMAIL_URL"
    return text if unsent else ""


def _check_worker() -> str:
    return "Nobody does the queued work. Is manage.py db_worker running?" if is_worker_silent() else ""


def _check_double_billing() -> str:
    rows = billed_twice()
    text = (
        f"{len(rows)} buyers are charged by two subscriptions to one product: {_names(rows)}. Cancel one of each in "
        "Stripe's Dashboard, and refund what was charged twice"
    )
    return text if rows else ""


def _check_billing_without_account() -> str:
    rows = billed_without_account()
    text = (
        f"{len(rows)} subscriptions of deleted accounts are still charged: {_names(rows)}. Their buyers can't cancel "
        "here; cancel them in Stripe's Dashboard"
    )
    return text if rows else ""


def _names(purchases: list[Purchase]) -> str:
    return ", ".join(f"{row.email} ({row.product}, {row.subscription_id})" for row in purchases[:5])


# Each returns the text of an alert, or "".
CHECKS: dict[str, Callable[[], str]] = {
    "webhooks silent": _check_webhooks,
    "events failing": _check_events,
    "mails unsent": _check_mails,
    "worker silent": _check_worker,
    "billed twice": _check_double_billing,
    "billed without account": _check_billing_without_account,
}
