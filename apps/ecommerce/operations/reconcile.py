"""Repair purchases whose webhooks were lost: `manage.py reconcile_purchases`, every ten minutes.

Only purchases that differ from Stripe's lists are synced.
https://docs.stripe.com/webhooks/process-undelivered-events
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import stripe
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.models import ExternalSale, Purchase, PurchaseQuerySet, StatusChange, WebhookEvent
from apps.ecommerce.operations.differences import session_differs, subscription_differs
from apps.ecommerce.operations.lost_sessions import find_purchase, save_session
from apps.ecommerce.operations.reconcile_report import ReconcileReport
from apps.ecommerce.operations.reconcile_schedule import default_since, record_run
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases import signals
from apps.ecommerce.purchases.checkout_sessions import close_unopened_checkouts
from apps.ecommerce.purchases.customers import repeat_email_updates
from apps.ecommerce.purchases.discount_codes.sync import sync_codes
from apps.ecommerce.purchases.emails.queue import queue_missing_trial_notices, send_unsent
from apps.ecommerce.purchases.external_sales import adopt_sale
from apps.ecommerce.purchases.external_subscriptions import import_subscription
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.guest_orders import copy_missing_customers, repeat_corrections
from apps.ecommerce.purchases.licences import issue_missing_keys
from apps.ecommerce.purchases.manual_access import claim_all_waiting_access, end_given_access
from apps.ecommerce.purchases.payments.reversals import cancel_reversed_subscriptions, close_outdated_upgrades
from apps.ecommerce.purchases.withdrawals import send_missing_confirmations
from apps.ecommerce.stripe_api.client import StripeData, fetch_pages, is_livemode

logger = logging.getLogger(__name__)

IN_TRANSIT_SECONDS = 60  # newer events may still arrive
RECHECK_AFTER = timedelta(days=30)
RETRY_AFTER = timedelta(hours=1)
MAX_RECHECKS = 50  # purchases in each run


class Reconciliation(ReconcileReport):
    def compare_sessions(self) -> None:
        for page in self._pages("checkout/sessions", created=self._created, expand=["data.payment_intent"]):
            known = Purchase.objects.in_bulk([session["id"] for session in page], field_name="session_id")
            for session in page:
                self.attempt(session["id"], self._compare_session, session, known.get(session["id"]))

    def _compare_session(self, session: StripeData, known: Purchase | None) -> None:
        purchase = known or self._restore_session(session)
        if purchase and session_differs(purchase, session):
            self._repair(purchase)

    def _restore_session(self, session: StripeData) -> Purchase | None:
        if (purchase := find_purchase(session, dry_run=self.dry_run)) is None:
            return None
        self.add_found(session["id"], f"{session['id']} was missing from the database")
        return None if self.dry_run else save_session(purchase, session)

    def compare_subscriptions(self) -> None:
        for page in self._pages("subscriptions", status="all"):
            ids = [subscription["id"] for subscription in page]
            purchases = Purchase.objects.filter(subscription_id__in=ids, livemode=is_livemode())
            known = {purchase.subscription_id: purchase for purchase in purchases}
            for subscription in page:
                key = subscription["id"]
                self.attempt(key, self._compare_subscription, subscription, known.get(key))

    def _compare_subscription(self, subscription: StripeData, purchase: Purchase | None) -> None:
        if purchase and subscription_differs(purchase, subscription):
            self._repair(purchase)
        elif purchase or self.dry_run:
            return
        elif imported := import_subscription(subscription, "reconcile"):
            line = f"{subscription['id']} was created outside the store: {imported}"
            self.add_found(subscription["id"], line)

    def copy_missing_payments(self) -> None:
        """Sync purchases that must have payments and have none: bought before payments were stored, or deleted."""
        for purchase in Purchase.objects.without_payments():
            self.attempt(purchase.order_number, self._repair, purchase)

    def recheck_old_purchases(self) -> None:
        """Sync some purchases that were not synced for a long time, whose rows may have been changed or deleted."""
        due = Purchase.objects.due_for_sync(timezone.now() - RECHECK_AFTER)
        self._sync_oldest(due, self._repair)

    def copy_missing_figures(self) -> None:
        """Sync some of the purchases that an earlier version of the store has synced, without reporting a repair."""
        older = Purchase.objects.without_figures().filter(synced_at__lt=timezone.now() - RETRY_AFTER)
        self._sync_oldest(older, lambda purchase: sync_purchase(purchase, "reconcile"))

    def _sync_oldest(self, due: PurchaseQuerySet, sync: Callable[[Purchase], object]) -> None:
        now = timezone.now()
        for purchase in due.none() if self.dry_run else due.order_by("synced_at")[:MAX_RECHECKS]:
            self.attempt(purchase.order_number, sync, purchase)
            # A purchase that always fails must not be first in each run.
            Purchase.objects.filter(pk=purchase.pk, synced_at=purchase.synced_at).update(synced_at=now)

    def adopt_external_sales(self) -> None:
        """Assign the sales whose buyers have an account by now, first, so that they do not count as lost events."""
        for sale in ExternalSale.objects.none() if self.dry_run else ExternalSale.objects.unassigned():
            self.attempt(sale.id, adopt_sale, sale)

    def copy_codes(self) -> None:
        """Copy the discount codes, also how often they were used. A restricted key may not be allowed to read them."""
        if not self.dry_run:
            with suppress(stripe.PermissionError):
                sync_codes()

    def process_events(self, *, undelivered: bool) -> None:
        """Process events that no webhook has processed: all, or only those that Stripe could not deliver."""
        params: dict[str, Any] = {"delivery_success": False} if undelivered else {}
        for page in self._pages("events", created=self._created, **params):
            processed = WebhookEvent.objects.filter(id__in=[event["id"] for event in page])
            ids = set(processed.exclude(processed_at=None).values_list("id", flat=True))
            for event in reversed(page):
                if event["type"] in webhooks.HANDLERS and event["id"] not in ids:
                    self._process_event(event)

    def _process_event(self, event: StripeData) -> None:
        if not self.dry_run:
            try:
                webhooks.receive(event)
            except Exception:  # the WebhookEvent stores the error
                logger.exception("Event %s (%s) could not be processed", event["id"], event["type"])
                return
        self.events += 1
        is_late = event["created"] < time.time() - IN_TRANSIT_SECONDS
        self.late_events += is_late
        changes = StatusChange.objects.filter(cause=webhooks.event_cause(event)).select_related("purchase")
        for change in changes:
            self.add_repair(change.purchase.order_number, change.version, str(change))
        if is_late and not changes:
            self.repairs[event["id"]] = f"{event['type']} {event['id']}"

    def _repair(self, purchase: Purchase) -> None:
        if self.dry_run:
            self.repaired.append(f"{purchase.order_number} differs from Stripe")
            return
        after = sync_purchase(purchase, "reconcile")
        if after.version != purchase.version:
            change = f"{purchase.status_label} ▶ {after.status_label}"
            self.add_repair(purchase.order_number, after.version, change)

    @property
    def _created(self) -> dict[str, int]:
        return {"gte": int(self.since.timestamp())}

    def _pages(self, path: str, **params: Any) -> Iterator[list[StripeData]]:
        count = 0
        for page in fetch_pages(path, **params):
            yield page
            count += len(page)
            self.compared += len(page)
            self.progress(f"{count} {path.rpartition('/')[2]}")


def reconcile(
    since: datetime | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> Reconciliation:
    """Compare purchases since `since` (UTC) with Stripe. Default: see default_since.

    Subscriptions of any age are compared. Events that Stripe could not deliver are processed; all events, if `since` is
    given, after restoring a backup, or if none has arrived in that time (without a webhook endpoint).
    One failing purchase does not stop the run; see `failures`. If a list fails, the run is not complete, and the
    next one looks back as far. Raise stripe.StripeError if Stripe can't be reached.
    """
    started_at, last_event = timezone.now(), webhook_health().last_event
    run = Reconciliation(since or default_since(), dry_run, progress, last_event)
    has_events = last_event is not None and last_event >= run.since
    undelivered = since is None and has_events and not run.after_restore
    try:
        steps: dict[str, Callable[[], object]] = {
            "external sales": run.adopt_external_sales,
            "sessions": run.compare_sessions,
            "subscriptions": run.compare_subscriptions,
            "missing payments": run.copy_missing_payments,
            "old purchases": run.recheck_old_purchases,
            "missing figures": run.copy_missing_figures,
            "discount codes": run.copy_codes,
            "events": partial(run.process_events, undelivered=undelivered),
        }
        failed = [name for name, step in steps.items() if not run.attempt(name, step)]
        if run.server_errors and not run.compared:
            raise run.server_errors[-1]
        if not dry_run:
            for repeat in (
                cancel_reversed_subscriptions,
                close_outdated_upgrades,
                repeat_email_updates,
                copy_missing_customers,
                repeat_corrections,
                claim_all_waiting_access,
                end_given_access,
            ):
                run.attempt(repeat.__name__, repeat)
            if not failed:
                close_unopened_checkouts()
                record_run(run.since, started_at)
    finally:
        if not dry_run:
            run.attempt("trial notices", queue_missing_trial_notices)
            run.attempt("licence keys", issue_missing_keys)
            run.attempt("confirmations of withdrawals", send_missing_confirmations)
            run.unsent_mails = send_unsent()
            run.failed_receivers = signals.repeat_failed_calls()
    return run
