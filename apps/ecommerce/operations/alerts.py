"""E-mail ADMINS about problems that need a person.

reconcile_purchases runs in its own process, so alerts arrive even if the worker or the web server is down.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import stripe
from django.conf import settings
from django.core.mail import mail_admins
from django.db.models import QuerySet
from django.utils import timezone

from apps.core.tasks import is_worker_silent, task
from apps.ecommerce.models import Alert, ExternalSale, Mail, Price, Purchase, ReceiverCall, SalesProblem
from apps.ecommerce.operations.reconcile import Reconciliation, reconcile
from apps.ecommerce.operations.reconcile_schedule import overdue_warning
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases.anomalies import (
    billed_twice,
    billed_without_account,
    bought_twice,
    paid_without_owner,
)
from apps.ecommerce.purchases.licences import purchases_without_key
from apps.ecommerce.purchases.reversals import reversed_but_billed, revoked_but_billed
from apps.ecommerce.purchases.stripe_errors import ADVICE, DEFAULT_ADVICE

logger = logging.getLogger(__name__)

SALES_REFUSED, PRICES_REFUSED = "sales refused", "prices refused"
REPEAT_AFTER = timedelta(days=1)
MAX_MAIL_DELAY = timedelta(minutes=30)
MIN_SILENCE = timedelta(minutes=10)  # after the last event, others may still arrive


@task()
def reconcile_in_background() -> str:
    return str(reconcile_and_alert()[0])


def reconcile_and_alert(since: datetime | None = None, **options: Any) -> tuple[Reconciliation, list[str]]:
    try:
        report = reconcile(since, **options)
    except stripe.StripeError as error:
        send_alerts({"Stripe unreachable": f"A request to Stripe failed: {error.user_message or error}"})
        raise
    except Exception as error:
        send_alerts(
            {"reconcile failing": f"reconcile_purchases has stopped: {type(error).__name__}: {error}"}
        )
        raise
    problems = {"events lost": _describe_lost_events(report)}
    if report.failures:
        problems["reconcile failing"] = (
            f"Errors of reconcile_purchases: {len(report.failures)}. {'; '.join(report.failures[:5])}"
        )
    return report, send_alerts(problems)


def send_alerts(more: Mapping[str, str] | None = None) -> list[str]:
    """E-mail the alerts of check_shop() and `more`, each at most once a day. Return the texts of all alerts."""
    alerts = {key: text for key, text in {**check_shop(), **(more or {})}.items() if text}
    for key, text in alerts.items():
        logger.error("Alert (%s): %s", key, text)
    since = timezone.now() - REPEAT_AFTER
    mailed = set(Alert.objects.filter(key__in=alerts, mailed_at__gt=since).values_list("key", flat=True))
    if new := {key: text for key, text in alerts.items() if key not in mailed}:
        _mail_admins(new)
    return list(alerts.values())


def check_shop() -> dict[str, str]:
    health = webhook_health()
    last_event = f"{health.last_event:%Y-%m-%d %H:%M} UTC" if health.last_event else "never"
    unsent, given_up = unsent_mails().count(), given_up_mails().select_related("purchase__user")
    twice, without_account = billed_twice(), billed_without_account()
    ownerless, paid_twice = paid_without_owner(), bought_twice()
    reversed_purchases, revoked = list(reversed_but_billed()), list(revoked_but_billed())
    failing_calls = ReceiverCall.objects.filter(done_at=None, attempts__gt=0).count()
    sales_problem = SalesProblem.objects.filter(solved_at=None).first()
    refused_prices = Price.objects.filter(active=True).exclude(refusal="").select_related("product")
    unassigned = ExternalSale.objects.unassigned().count()
    overdue, without_key = overdue_warning(), list(purchases_without_key().select_related("user")[:5])
    problems = {
        SALES_REFUSED: (sales_problem, describe_problem(sales_problem) if sales_problem else ""),
        PRICES_REFUSED: (
            refused_prices,
            "The store has stopped offering prices that Stripe refuses to sell: "
            f"{'; '.join(f'{price} ({price.id}): {price.refusal}' for price in refused_prices[:5])} "
            "Correct them in Stripe's Dashboard, and run: python manage.py bootstrap_ecommerce",
        ),
        "webhooks silent": (
            health.is_silent,
            f"Purchases that wait for an event from Stripe: {health.waiting}. Last event: {last_event}. "
            "To find the reason, run: python manage.py stripe_doctor",
        ),
        "reconcile overdue": (overdue, overdue),
        "events failing": (
            health.failing,
            f"Stripe events that could not be processed: {health.failing}. "
            f"See {settings.SITE_URL}/admin/ecommerce/webhookevent/",
        ),
        "mails unsent": (
            unsent,
            f"E-mails to buyers that could not be sent: {unsent}. "
            f"Check EMAIL_URL, and see {settings.SITE_URL}/admin/ecommerce/mail/",
        ),
        "addresses refused": (
            given_up,
            "The mail server refuses these addresses, and the store has stopped trying: "
            f"{', '.join(sorted({mail.purchase.current_email for mail in given_up})[:5])}. "
            f"Ask the buyers by other means, and see {settings.SITE_URL}/admin/ecommerce/mail/",
        ),
        "worker silent": (
            is_worker_silent(),
            "Tasks are waiting, but no worker runs them. Start one: python manage.py db_worker",
        ),
        "billed twice": (
            twice,
            f"Buyers who pay for two subscriptions to the same product: {_list_buyers(twice)}. "
            "Cancel one of the two in Stripe's Dashboard, and refund its payments",
        ),
        "reversed but billed": (
            reversed_purchases,
            f"Subscriptions that are still charged although their last payment was refunded or lost to a dispute: "
            f"{_list_buyers(reversed_purchases)}. Cancel them in Stripe's Dashboard, or ask the buyers",
        ),
        "revoked but billed": (
            revoked,
            f"Subscriptions that are still charged although you have ended the access: {_list_buyers(revoked)}. "
            "Cancel them, or restore the access",
        ),
        "receivers failing": (
            failing_calls,
            f"Calls of your receivers that failed: {failing_calls}. "
            f"See {settings.SITE_URL}/admin/ecommerce/receivercall/",
        ),
        "paid without owner": (
            ownerless,
            f"Paid purchases without an owner: {', '.join(row.order_number for row in ownerless[:5])}. "
            f"Find their buyers in Stripe's Dashboard, and see {settings.SITE_URL}/admin/ecommerce/purchase/",
        ),
        "sales unassigned": (
            unassigned,
            f"Sales outside the store that belong to no account yet: {unassigned}. "
            f"Assign or ignore them: {settings.SITE_URL}/admin/ecommerce/externalsale/?state=waiting",
        ),
        "paid twice": (
            paid_twice,
            f"Buyers who paid twice for the same product: {_list_buyers(paid_twice)}. "
            "Refund one of the two in Stripe's Dashboard",
        ),
        "licence keys missing": (
            without_key,
            f"Buyers who wait for a licence key: {', '.join(row.current_email for row in without_key)}. "
            f"Add keys: {settings.SITE_URL}/admin/ecommerce/licencekey/add/",
        ),
        "billed without account": (
            without_account,
            f"Subscriptions that are still charged although the account was deleted: "
            f"{_list_buyers(without_account)}. Cancel them in Stripe's Dashboard",
        ),
    }
    return {key: text if is_problem else "" for key, (is_problem, text) in problems.items()}


def unsent_mails() -> QuerySet[Mail]:
    late = Mail.objects.filter(sent_at=None, given_up_at=None, created_at__lt=timezone.now() - MAX_MAIL_DELAY)
    # E-mails about new versions are sent in turn, and may be many.
    return late.exclude(kind=Mail.Kind.UPDATED, attempts=0)


def given_up_mails() -> QuerySet[Mail]:
    return Mail.objects.filter(given_up_at__gt=timezone.now() - REPEAT_AFTER)


def describe_problem(problem: SalesProblem) -> str:
    request = (
        f" Request: https://dashboard.stripe.com/logs/{problem.request_id}." if problem.request_id else ""
    )
    advice = ADVICE.get(problem.code, DEFAULT_ADVICE)
    return f"Stripe refuses to sell anything: “{problem.message}” ({problem.code}).{request} {advice}"


def _list_buyers(purchases: list[Purchase]) -> str:
    return ", ".join(f"{row.email} ({row.product}, {row.subscription_id})" for row in purchases[:5])


def _describe_lost_events(report: Reconciliation) -> str:
    if report.after_restore:
        return ""  # they had arrived, after the backup was made
    is_quiet = report.last_event is None or timezone.now() - report.last_event > MIN_SILENCE
    if report.late_events or report.found or (report.repaired and is_quiet):
        return f"Some Stripe events did not arrive. {report} To find the reason, run: python manage.py stripe_doctor"
    return ""


def _mail_admins(alerts: dict[str, str]) -> None:
    lines = [*(f"- {text}" for text in alerts.values()), ""]
    lines += [settings.SITE_URL, "Each alert is sent at most once a day."]
    try:
        mail_admins(f"Action needed at {settings.SITE_NAME}: {', '.join(alerts)}", "\n".join(lines))
    except Exception as error:  # mail backends raise errors of many types
        logger.error("The alert could not be e-mailed to ALERT_EMAIL, the next run tries again: %s", error)
        return
    for key, text in alerts.items():
        values = {"message": text[:2000], "mailed_at": timezone.now()}
        Alert.objects.update_or_create(key=key, defaults=values)
