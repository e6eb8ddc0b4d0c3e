"""Run reconcile, and send alerts about what it has repaired and what has failed."""

from datetime import datetime, timedelta
from typing import Any

import stripe
from django.utils import timezone

from apps.core.log_filters import redact
from apps.ecommerce.operations.alert_names import RECONCILE_FAILING, RECONCILE_REPAIRED, STRIPE_UNREACHABLE
from apps.ecommerce.operations.alerts import send_alerts
from apps.ecommerce.operations.problems import Problem
from apps.ecommerce.operations.reconcile import Reconciliation, reconcile

MIN_SILENCE = timedelta(minutes=10)  # after the last event, others may still arrive
MAX_FAILURES = 5


def reconcile_and_alert(since: datetime | None = None, **options: Any) -> tuple[Reconciliation, list[str]]:
    try:
        report = reconcile(since, **options)
    except stripe.StripeError as error:
        reason = " ".join(str(error.user_message or error).split())  # the SDK's messages have several lines
        text = f"A request to Stripe failed: {reason}"
        send_alerts({STRIPE_UNREACHABLE: [Problem(STRIPE_UNREACHABLE, text)]})
        raise
    except Exception as error:
        text = f"reconcile_purchases has stopped: {type(error).__name__}: {error}"
        send_alerts({RECONCILE_FAILING: [Problem(RECONCILE_FAILING, text)]})
        raise
    return report, send_alerts(
        {
            STRIPE_UNREACHABLE: [],
            RECONCILE_FAILING: _failures(report),
            RECONCILE_REPAIRED: _repairs(report),
        }
    )


def _failures(report: Reconciliation) -> list[Problem]:
    if not report.failures:
        return []
    shown = redact("; ".join(report.failures[:MAX_FAILURES]))  # the id of a Checkout Session opens it
    text = f"Errors of reconcile_purchases: {len(report.failures)}. {shown}"
    return [Problem(RECONCILE_FAILING, text)]


def _repairs(report: Reconciliation) -> list[Problem]:
    """Return what was repaired because Stripe's events did not arrive."""
    if report.after_restore:
        return []  # the events had arrived after the backup was made
    is_quiet = report.last_event is None or timezone.now() - report.last_event > MIN_SILENCE
    if not (report.late_events or report.found or (report.repaired and is_quiet)):
        return []
    advice = "To find the reason, run: python manage.py stripe_doctor"
    return [
        Problem(
            RECONCILE_REPAIRED,
            f"A Stripe event did not arrive. reconcile_purchases has corrected it: {line}. {advice}",
            about,
        )
        for about, line in report.repairs.items()
    ]
