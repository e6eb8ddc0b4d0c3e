"""Alerts about disputes. https://docs.stripe.com/disputes/responding"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import Payment
from apps.ecommerce.money import format_money
from apps.ecommerce.operations.dashboard_links import dashboard_url
from apps.ecommerce.operations.problems import Problem, order_url
from apps.ecommerce.purchases.emails.payment_news import FIRST_PAYMENT_REASONS
from apps.ecommerce.stripe_api.client import is_livemode

# https://docs.stripe.com/api/disputes/object#dispute_object-status
UNANSWERED_DISPUTES = ("needs_response", "warning_needs_response", "appeal_needs_response")
NEW_FOR = timedelta(days=7)  # some are lost as soon as they are opened


def check_disputes(name: str) -> Iterator[Problem]:
    """Yield the disputes that wait for an answer, and all new ones. An alert about each is sent once."""
    is_new = Q(disputed_at__gt=timezone.now() - NEW_FOR, dispute_id__gt="")
    rows = Payment.objects.filter(livemode__in=[is_livemode()], dispute_status__gt="")
    for payment in rows.filter(
        Q(dispute_status__in=UNANSWERED_DISPUTES, dispute_id__gt="") | is_new
    ).select_related("purchase__user"):
        yield Problem(name, describe_dispute(payment), payment.dispute_id)


def describe_dispute(payment: Payment) -> str:
    purchase = payment.purchase
    amount = format_money(payment.dispute_amount or payment.amount_paid, payment.currency)
    is_inquiry = payment.dispute_status.startswith("warning_")
    begin = "A bank asks about a payment" if is_inquiry else "Dispute"
    reason = payment.dispute_reason.replace("_", " ") or "unknown"
    renewal = "" if payment.reason in FIRST_PAYMENT_REASONS else ", a renewal"
    at_stripe = dashboard_url(payment.dispute_id, livemode=payment.livemode)
    return (
        f"{begin}: {amount}, reason: {reason}. Order {purchase.order_number} ({purchase.product_name}{renewal}), "
        f"buyer {purchase.current_email}. {_deadline(payment)} Order: {order_url(purchase)} "
        f"Stripe: {f'{settings.SITE_URL}{at_stripe}' if at_stripe.startswith('/') else at_stripe}"
    )


def _deadline(payment: Payment) -> str:
    if payment.dispute_status not in UNANSWERED_DISPUTES:
        return f"Its status is “{payment.dispute_status.replace('_', ' ')}”."
    if payment.dispute_due_by is None:
        return "Respond at Stripe."
    due_by = timezone.localtime(payment.dispute_due_by, timezone.get_default_timezone())
    return f"Respond by {due_by:%Y-%m-%d %H:%M %Z}."
