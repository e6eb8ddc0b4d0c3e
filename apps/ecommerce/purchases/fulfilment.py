"""Copy the state of a purchase from Stripe. https://docs.stripe.com/checkout/fulfillment

Webhooks, the return page, the status poll, reconcile_purchases and the admin call `sync_purchase`. It fetches the
current state without holding a lock, computes the purchase's columns, and writes those that changed. Duplicate,
reordered and lost events therefore need no special handling.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.ecommerce.models import ACCESS_STATUSES, MISSING_SUBSCRIPTION, Mail, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.billing_details import store_checkout_details
from apps.ecommerce.purchases.emails.payment_news import announce_payments, payment_news
from apps.ecommerce.purchases.emails.queue import BEFORE_ACCESS, queue_status_email, queue_subscription_email
from apps.ecommerce.purchases.entitlements import inherited_suspension, suspension
from apps.ecommerce.purchases.licences import issue_licence_key
from apps.ecommerce.purchases.next_payment import next_payment_values
from apps.ecommerce.purchases.payments.reversals import queue_cancellation, queue_upgrade_closing
from apps.ecommerce.purchases.payments.stored_payments import compare_payments
from apps.ecommerce.purchases.payments.stripe_payments import (
    StripePayment,
    fetch_invoice_payment,
    fetch_payments,
)
from apps.ecommerce.purchases.recurring_revenue import end_if_not_running, monthly_amount, record_change
from apps.ecommerce.purchases.signals import queue_access_signal, queue_subscription_signal
from apps.ecommerce.purchases.stripe_state import (
    RUNNING_STATUSES,
    invoice_values,
    plan_item,
    purchase_values,
)
from apps.ecommerce.stripe_api.client import expanded, expire_session, fetch_or_none, is_livemode

logger = logging.getLogger(__name__)

MAX_TRIES = 10
EMAIL_OVERLAP = timedelta(hours=1)  # a payment may succeed during an earlier sync, and clocks differ
FIGURES = frozenset({"monthly_amount"})
SUBSCRIPTION_EXPAND = ["default_payment_method"]
SESSION_EXPAND = ["payment_intent.latest_charge.refunds", "invoice"]
SESSION_EXPAND += [f"subscription.{name}" for name in SUBSCRIPTION_EXPAND]


def sync_purchase(purchase: Purchase, cause: str) -> Purchase:
    """Copy the state of a purchase from Stripe, and return the current purchase.

    `cause` is stored with a change of status ("return page"). Safe to repeat. If a request fails, raise
    stripe.StripeError and write nothing.
    """
    snapshot = purchase if purchase.session_id else Purchase.objects.get(pk=purchase.pk)
    for _ in range(MAX_TRIES):
        stripe_id = snapshot.session_id or snapshot.subscription_id or snapshot.invoice_id
        if snapshot.livemode != is_livemode() or not stripe_id:
            return snapshot
        session = fetch_or_none("checkout/sessions", snapshot.session_id, expand=SESSION_EXPAND)
        if session and session["status"] == "open" and snapshot.status == Status.EXPIRED:
            expire_session(session["id"])  # another purchase may have replaced it
            session = fetch_or_none("checkout/sessions", snapshot.session_id, expand=SESSION_EXPAND)
        if session:
            subscription = expanded(session["subscription"])
        else:
            key = snapshot.subscription_id
            subscription = fetch_or_none("subscriptions", key, expand=SUBSCRIPTION_EXPAND)
        key = snapshot.invoice_id
        invoice = fetch_or_none("invoices", key, expand=["payments"]) if key else None
        plan = plan_item(snapshot, subscription) if subscription else None
        payments = fetch_payments(snapshot, session, subscription, plan)
        if invoice:
            payments = [fetch_invoice_payment(invoice)]
            values = invoice_values(payments[0])
        elif session or subscription:
            values = purchase_values(snapshot, session, subscription, plan, payments)
            if subscription:
                values |= next_payment_values(subscription)
                renewal = values.pop("monthly_amount")
                values["monthly_amount"] = monthly_amount(snapshot, values, subscription, renewal)
        else:
            values = _values_if_unknown(snapshot)
        if written := _write_if_current(snapshot, values, payments, cause):
            if session and written.status != snapshot.status:
                store_checkout_details(session)
            return written
        snapshot = Purchase.objects.get(pk=purchase.pk)
    raise RuntimeError(f"Purchase {purchase.public_id} was written {MAX_TRIES} times while it was synced.")


def change_purchase(purchase: Purchase, changes: dict[str, Any], cause: str) -> Mail.Kind | None:
    """Write changes to a locked purchase. Store a new status in its history and e-mail it to the buyer.

    Return the kind of the e-mail.
    """
    before, suspended_before = purchase.status, purchase.suspension
    had_access, had_end = purchase.opens_product, purchase.cancel_at is not None
    monthly_before = purchase.monthly_amount
    end_if_not_running(purchase, changes)
    if changes.get("status") in ACCESS_STATUSES and not purchase.paid_at:
        changes["paid_at"] = timezone.now()
    if "product_id" in changes:
        purchase.former_products.add(purchase.product)
    changes["version"] = purchase.version + 1
    for name, value in changes.items():
        setattr(purchase, name, value)
    purchase.save(update_fields=changes)
    record_change(purchase, monthly_before)
    if purchase.opens_product and (not had_access or "product_id" in changes):
        issue_licence_key(purchase)
    if queue_upgrade_closing(purchase, changes):
        _suspend_upgrades(purchase, cause)
    queue_subscription_signal(purchase, changes)
    queue_subscription_email(purchase, changes, had_end)
    if not {"status", "suspended_by"}.isdisjoint(changes):
        queue_cancellation(purchase)
    if (purchase.status, purchase.suspension) == (before, suspended_before):
        return None
    change = StatusChange.objects.create(
        purchase=purchase,
        from_status=before,
        to_status=purchase.status,
        suspended_by=purchase.suspension,
        version=purchase.version,
        cause=cause,
    )
    kind = queue_status_email(change, suspended_before)
    queue_access_signal(purchase, had_access)
    after = purchase.suspension or purchase.status
    extra = {
        "purchase": str(purchase.public_id),
        "from": suspended_before or before,
        "to": after,
        "cause": cause,
    }
    logger.info("purchase %(purchase)s: %(from)s ▶ %(to)s (%(cause)s)", extra, extra=extra)
    return kind


def _suspend_upgrades(purchase: Purchase, cause: str) -> None:
    """Suspend the paid upgrades together with the purchase, or open those whose own payment does not suspend them."""
    for upgrade in Purchase.objects.select_for_update().filter(upgrade_of=purchase):
        paid = [payment for payment in upgrade.payments.all() if payment.is_paid]
        suspended_by = suspension(paid, []) or purchase.suspended_by
        is_known = bool(paid) or not upgrade.amount_total  # without its payments, the next sync decides
        if upgrade.status == Status.PAID and is_known and upgrade.suspended_by != suspended_by:
            change_purchase(upgrade, {"suspended_by": suspended_by}, cause)


def _values_if_unknown(purchase: Purchase) -> dict[str, Any]:
    """Return the columns of a purchase that this Stripe account does not know: another account's key created it.

    This key can neither charge nor cancel the subscription, but access lasts until the end of the paid period. With the
    former key, the next sync writes the state at Stripe.
    """
    if purchase.is_open:
        return {"status": Status.EXPIRED, "checkout_url": ""}
    may_run = purchase.has_running_subscription or purchase.subscription_status == MISSING_SUBSCRIPTION
    if not may_run and purchase.payments.exists():
        return {}
    # reconcile_purchases does not ask for the payments of missing purchases again.
    values: dict[str, Any] = {"subscription_status": MISSING_SUBSCRIPTION}
    end = min(filter(None, (purchase.cancel_at, purchase.current_period_end)), default=None)
    if purchase.status in (Status.ACTIVE, Status.TRIALING) and end and end > timezone.now():
        values["cancel_at"] = end
    elif purchase.status in RUNNING_STATUSES:
        values["status"] = Status.CANCELED
    return values


def _write_if_current(
    snapshot: Purchase, values: dict[str, Any], payments: list[StripePayment], cause: str
) -> Purchase | None:
    """Write what was fetched for `snapshot`. Return None if another process has written or synced it since then."""
    with transaction.atomic():
        # No join: PostgreSQL would return no row if another process changes the price during the wait for the lock.
        purchase = Purchase.objects.select_for_update().get(pk=snapshot.pk)
        if "suspended_by" in values:
            values = {**values, "suspended_by": values["suspended_by"] or inherited_suspension(purchase)}
        changes = {name: value for name, value in values.items() if getattr(purchase, name) != value}
        paid = compare_payments(purchase, payments)
        if purchase.version != snapshot.version:
            return None
        if (changes or paid or paid.refunds) and purchase.synced_at != snapshot.synced_at:
            return None
        now, news = timezone.now(), payment_news(paid, _payments_known_since(purchase))
        times = {"synced_at": now, "payments_synced_at": now}
        if changes.keys() <= FIGURES and not paid:
            paid.save_refunds(purchase)
            _save_figures(purchase, changes | times)
            announce_payments(purchase, news)
            return purchase
        paid.save(purchase, changes.get("product_id", purchase.product_id))
        kind = change_purchase(purchase, changes | times, cause)
        announce_payments(purchase, news, kind)
    return purchase


def _save_figures(purchase: Purchase, changes: dict[str, Any]) -> None:
    """Write changes that only operators see, without a new version, because they do not mean that an event was lost."""
    before = purchase.monthly_amount
    for name, value in changes.items():
        setattr(purchase, name, value)
    Purchase.objects.filter(pk=purchase.pk).update(**changes)
    record_change(purchase, before)


def _payments_known_since(purchase: Purchase) -> datetime:
    """Return the time after which payments are e-mailed to the buyer. Older ones are not e-mailed again."""
    if purchase.payments_synced_at:
        return purchase.payments_synced_at - EMAIL_OVERLAP
    return purchase.created_at - EMAIL_OVERLAP if purchase.status in BEFORE_ACCESS else timezone.now()
