"""Repair what webhooks did not bring: `reconcile_purchases`, safe to run every ten minutes.

Stripe's lists are read a hundred rows at a time; only a purchase that differs is synced, by sync_purchase as always.
https://docs.stripe.com/webhooks/process-undelivered-events
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.models import Purchase, StatusChange, WebhookEvent
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations.lost_sessions import purchase_of_session, save_purchase_of_session
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases import emails
from apps.ecommerce.purchases.entitlements import GRANTS
from apps.ecommerce.purchases.foreign_subscriptions import adopt_subscription
from apps.ecommerce.purchases.fulfilment import (
    SUBSCRIPTION_STATUS,
    StripeState,
    derive_status,
    subscription_facts,
    sync_purchase,
)
from apps.ecommerce.stripe_api.client import StripeData, livemode, read_pages
from apps.ecommerce.stripe_api.expandable import expanded, object_id

logger = logging.getLogger(__name__)

# A Session is open for a day. Look a little further back than the oldest open purchase.
OVERLAP = timedelta(days=2)
DEFAULT_DAYS = 3
IN_TRANSIT_SECONDS = 60  # a younger event may just not have arrived yet
UNPAID = (Status.OPEN, Status.PROCESSING, Status.FAILED, Status.EXPIRED)
# A subscription's own status says nothing of refunds and disputes.
TAKEN_BACK = (Status.REFUNDED, Status.DISPUTED, Status.DISPUTE_LOST)


@dataclass
class Report:
    """What a run did; a dry run would do it."""

    looked_at: int = 0
    repaired: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    events: int = 0
    late_events: int = 0  # of these, those that can't be in transit any more
    unsent_mails: int = 0
    last_event: datetime | None = None  # before this run


def reconcile(
    since: datetime | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[str, int], None] = lambda what, count: None,
) -> Report:
    """Compare purchases since then (UTC) with Stripe; by default since the oldest open one, and at least three days.

    Subscriptions are compared whatever their age. Of events, those that Stripe could not deliver are processed; all of
    them if `since` is given (the database may be a restored backup) or if no event came in since then (the endpoint may
    be missing). Raise stripe.StripeError when Stripe can't be asked; what was repaired until then stays repaired.
    """
    start, last_event = since or _default_since(), webhook_health().last_event
    run = _Run(start, dry_run, progress, Report(last_event=last_event))
    run.sessions()
    run.subscriptions()
    run.events(undelivered=since is None and last_event is not None and last_event >= start)
    if not dry_run:
        _owe_trial_notices()
        run.report.unsent_mails = emails.send_unsent()
    return run.report


def _default_since() -> datetime:
    waiting = Purchase.objects.filter(status__in=[Status.OPEN, Status.PROCESSING], livemode=livemode())
    oldest = waiting.aggregate(oldest=Min("created_at"))["oldest"]
    recent = timezone.now() - timedelta(days=DEFAULT_DAYS)
    return min(recent, oldest - OVERLAP) if oldest else recent


def _owe_trial_notices() -> None:
    """Do what trial_will_end asks for, when that event never came."""
    soon = timezone.now() + emails.TRIAL_NOTICE
    for row in Purchase.objects.filter(status=Status.TRIALING, trial_end__lte=soon, livemode=livemode()):
        emails.queue_trial_ending_email(row)


@dataclass
class _Run:
    since: datetime
    dry_run: bool
    progress: Callable[[str, int], None]
    report: Report

    def sessions(self) -> None:
        """Compare Checkout Sessions: paid, failed, expired, or unknown to the store."""
        listed = self._list("checkout/sessions", created=self._created, expand=["data.payment_intent"])
        for page in listed:
            rows = Purchase.objects.in_bulk([session["id"] for session in page], field_name="session_id")
            for session in page:
                row = rows.get(session["id"]) or self._adopt(session)
                if row and _session_differs(row, session):
                    self._repair(row)

    def subscriptions(self) -> None:
        """Compare subscriptions of any age, and adopt those that were made outside the store."""
        for page in self._list("subscriptions", status="all"):
            ids = [subscription["id"] for subscription in page]
            known = Purchase.objects.filter(subscription_id__in=ids, livemode=livemode())
            rows = {row.subscription_id: row for row in known}
            for subscription in page:
                row = rows.get(subscription["id"])
                if row and _subscription_differs(row, subscription):
                    self._repair(row)
                elif (
                    not row
                    and not self.dry_run
                    and (adopted := adopt_subscription(subscription, "reconcile"))
                ):
                    self.report.found.append(f"{subscription['id']} was made outside the store: {adopted}")

    def events(self, *, undelivered: bool) -> None:
        """Process events as if they had just come, refunds and disputes among them."""
        params: dict[str, Any] = {"delivery_success": False} if undelivered else {}
        for page in self._list("events", created=self._created, **params):
            done = WebhookEvent.objects.filter(id__in=[event["id"] for event in page])
            processed = set(done.exclude(processed_at=None).values_list("id", flat=True))
            for event in reversed(page):
                if event["type"] in webhooks.HANDLERS and event["id"] not in processed:
                    self._receive(event)

    def _receive(self, event: StripeData) -> None:
        if not self.dry_run:
            try:
                webhooks.receive(event)
            except Exception:  # the error is recorded with the event; other events must not wait for this one
                logger.exception("Event %s (%s) could not be processed", event["id"], event["type"])
                return
        self.report.events += 1
        self.report.late_events += event["created"] < time.time() - IN_TRANSIT_SECONDS
        changes = StatusChange.objects.filter(cause=webhooks.cause_of(event)).select_related("purchase")
        for change in changes:
            self._note(change.purchase, change.from_status, change.to_status)

    def _repair(self, row: Purchase) -> None:
        if self.dry_run:
            self.report.repaired.append(f"{row.public_id} is {row.status} here, Stripe says otherwise")
            return
        after = sync_purchase(row, "reconcile")
        if after.version != row.version:
            self._note(row, row.status, after.status)

    def _note(self, row: Purchase, before: str, after: str) -> None:
        self.report.repaired.append(f"{row.public_id}: {before} ▶ {after}")

    def _adopt(self, session: StripeData) -> Purchase | None:
        """Adopt a Session of this shop that the store does not know."""
        if (row := purchase_of_session(session)) is None:
            return None
        self.report.found.append(f"{session['id']} is this shop's, but was unknown")
        return None if self.dry_run else save_purchase_of_session(row, session)

    @property
    def _created(self) -> dict[str, int]:
        return {"gte": int(self.since.timestamp())}

    def _list(self, path: str, **params: Any) -> Iterator[list[StripeData]]:
        count = 0
        pages: Iterable[list[StripeData]] = read_pages(path, **params)
        for page in pages:
            yield page
            count += len(page)
            self.report.looked_at += len(page)
            self.progress(path.rpartition("/")[2], count)


def _session_differs(row: Purchase, session: StripeData) -> bool:
    """Return whether the first payment stands otherwise than in the row. Events tell of refunds and disputes."""
    if session["mode"] == "subscription" and session["status"] == "complete":
        return row.subscription_id != object_id(session["subscription"])
    intent = expanded(session["payment_intent"])
    state = StripeState(
        session_status=session["status"],
        payment_status=session["payment_status"],
        intent_status=intent["status"] if intent else None,
    )
    return row.status in UNPAID and row.status != derive_status(state)


def _subscription_differs(row: Purchase, subscription: StripeData) -> bool:
    if any(getattr(row, name) != value for name, value in subscription_facts(subscription).items()):
        return True
    if row.price_id != subscription["items"]["data"][0]["price"]["id"]:
        return True
    status = SUBSCRIPTION_STATUS.get(subscription["status"], Status.INCOMPLETE)
    return row.status != status and not (status in GRANTS and row.status in TAKEN_BACK)
