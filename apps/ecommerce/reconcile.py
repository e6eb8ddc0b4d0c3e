"""Finds and repairs what events did not bring: `reconcile_purchases`, safe to run every ten minutes.

Stripe's lists are read a hundred at a time; only a purchase that differs from them is synced, by the same
sync_purchase as everything else. https://docs.stripe.com/webhooks/process-undelivered-events
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from apps.users.models import User

from . import emails, webhooks
from .entitlements import DISPUTES, GRANTS
from .expandable import expanded, object_id
from .foreign_subscriptions import adopt_subscription
from .fulfilment import SUBSCRIPTION_STATUS, StripeState, derive_status, subscription_facts, sync_purchase
from .models import Price, Purchase, StatusChange, StripeCustomer, WebhookEvent
from .models import PurchaseStatus as Status
from .payments import purchases_of_payment
from .stripe_client import StripeData, livemode, read, read_pages
from .webhook_health import webhook_health

logger = logging.getLogger(__name__)

OVERLAP = timedelta(days=2)  # a session lives a day; look a little further back than the oldest open purchase
DEFAULT_DAYS = 3
ON_ITS_WAY_SECONDS = 60  # an event this young may just not have arrived yet
# What a subscription's own status can't say.
TAKEN_BACK = (Status.REFUNDED, Status.DISPUTED, Status.DISPUTE_LOST)
NOTHING_YET = (Status.OPEN, Status.PROCESSING, Status.FAILED, Status.EXPIRED)


@dataclass
class Report:
    """What a run did (or, dry, would do)."""

    looked_at: int = 0
    repaired: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    events: int = 0
    late_events: int = 0  # of these, those that can't be on their way any more
    unsent_mails: int = 0
    last_event: datetime | None = None  # before this run; by itself it receives some


def reconcile(
    since: datetime | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[str, int], None] = lambda what, count: None,
) -> Report:
    """Compares every purchase since then (UTC; default: the oldest open one, at least three days) with Stripe.

    Subscriptions are compared whatever their age. Raises stripe.StripeError when Stripe can't be asked; what was
    repaired until then stays repaired.
    """
    run = _Run(since or _default_since(), dry_run, progress, Report(last_event=webhook_health().last_event))
    run.sessions()
    run.subscriptions()
    run.refunds()
    run.disputes()
    if not dry_run:
        run.events()
        run.trials()
        run.report.unsent_mails = emails.send_unsent()
    return run.report


def _default_since() -> datetime:
    waiting = Purchase.objects.filter(status__in=[Status.OPEN, Status.PROCESSING], livemode=livemode())
    oldest = waiting.aggregate(oldest=Min("created_at"))["oldest"]
    recent = timezone.now() - timedelta(days=DEFAULT_DAYS)
    return min(recent, oldest - OVERLAP) if oldest else recent


@dataclass
class _Run:
    since: datetime
    dry_run: bool
    progress: Callable[[str, int], None]
    report: Report

    @property
    def created(self) -> Any:
        return {"gte": int(self.since.timestamp())}

    def sessions(self) -> None:
        """Checkout Sessions: paid or not, expired, refunded; and those that the store has never heard of."""
        listed = read_pages(
            "checkout/sessions", created=self.created, expand=["data.payment_intent.latest_charge"]
        )
        for page in self._watched("sessions", listed):
            rows = Purchase.objects.in_bulk([session["id"] for session in page], field_name="session_id")
            for session in page:
                row = rows.get(session["id"]) or self._adopt(session)
                if row and _session_differs(row, session):
                    self._repair(row)

    def subscriptions(self) -> None:
        """Subscriptions of any age: renewed, failed, paused, ended."""
        for page in self._watched("subscriptions", read_pages("subscriptions", status="all")):
            rows = self._rows("subscription_id", [subscription["id"] for subscription in page])
            for subscription in page:
                row = rows.get(subscription["id"])
                if row is None and not self.dry_run:
                    self._adopt_subscription(subscription)
                elif row and _subscription_differs(row, subscription):
                    self._repair(row)

    def disputes(self) -> None:
        """Disputes of payments of any age."""
        for page in self._watched("disputes", read_pages("disputes")):
            rows = self._rows("payment_intent_id", [object_id(dispute["payment_intent"]) for dispute in page])
            for dispute in page:
                row = rows.get(object_id(dispute["payment_intent"]))
                if row and _dispute_differs(row, dispute):
                    self._repair(row)
                elif row is None and dispute["created"] >= self.since.timestamp():
                    self._repair_owner_of(object_id(dispute["payment_intent"]))

    def refunds(self) -> None:
        """Refunds since then, also of payments that are older: come, gone on, or failed."""
        listed = read_pages("refunds", created=self.created, expand=["data.charge"])
        for page in self._watched("refunds", listed):
            rows = self._rows("payment_intent_id", [object_id(refund["payment_intent"]) for refund in page])
            for refund in page:
                row = rows.get(object_id(refund["payment_intent"]))
                charge = expanded(refund["charge"])
                if row and charge and row.amount_refunded != charge["amount_refunded"]:
                    self._repair(row)
                elif row is None:
                    self._repair_owner_of(object_id(refund["payment_intent"]))

    def events(self) -> None:
        """Events that Stripe could not deliver, processed now as if they had just come."""
        lost = read_pages("events", delivery_success=False, created=self.created)
        for page in self._watched("undelivered events", lost):
            ids = [event["id"] for event in page]
            done = WebhookEvent.objects.filter(id__in=ids).exclude(processed_at=None)
            known = set(done.values_list("id", flat=True))
            for event in reversed(page):
                if event["id"] in known or event["type"] not in webhooks.HANDLERS:
                    continue
                try:
                    webhooks.receive(event)
                    self.report.events += 1
                    self.report.late_events += event["created"] < time.time() - ON_ITS_WAY_SECONDS
                except Exception:  # it is recorded with its error; the others must not wait for it
                    logger.exception(
                        "Undelivered event %s (%s) could not be processed", event["id"], event["type"]
                    )

    def trials(self) -> None:
        """The notice of a trial's end, when trial_will_end never came."""
        soon = timezone.now() + emails.TRIAL_NOTICE
        for row in Purchase.objects.filter(status=Status.TRIALING, trial_end__lte=soon, livemode=livemode()):
            emails.owe_trial_ending(row)

    def _rows(self, name: str, ids: list[str]) -> dict[str, Purchase]:
        found = Purchase.objects.filter(**{f"{name}__in": {pk for pk in ids if pk}}, livemode=livemode())
        return {getattr(row, name): row for row in found}

    def _repair(self, row: Purchase) -> None:
        if self.dry_run:
            self.report.repaired.append(f"{row.public_id} is {row.status} here, Stripe says otherwise")
            return
        after = sync_purchase(row, "reconcile")
        if after.version != row.version:
            self.report.repaired.append(f"{row.public_id}: {row.status} ▶ {after.status}")

    def _repair_owner_of(self, intent_id: str) -> None:
        """Of a payment that is not the last one that the store knows of a subscription."""
        for row in purchases_of_payment(intent_id) if intent_id else []:
            if row.livemode == livemode():
                self._repair(row)

    def _adopt_subscription(self, subscription: StripeData) -> None:
        """A subscription that the store has not sold, if it is charged to one of its customers."""
        if adopted := adopt_subscription(subscription, "reconcile"):
            self.report.found.append(f"{subscription['id']} was made outside the store: {adopted}")

    def _adopt(self, session: StripeData) -> Purchase | None:
        """The purchase of a Session of this shop that the store does not know: a backup was restored."""
        claimed = _claimed(session)
        if claimed is None or claimed.session_id not in (None, session["id"]):
            return None
        self.report.found.append(f"{session['id']} is this shop's, but was unknown")
        if self.dry_run:
            return None
        if claimed.pk is None:
            with transaction.atomic():
                claimed.save()
                if claimed.user:  # the customer, too, may have been made after the backup
                    StripeCustomer.objects.get_or_create(
                        user=claimed.user,
                        livemode=claimed.livemode,
                        defaults={"id": object_id(session["customer"])},
                    )
                StatusChange.objects.create(
                    purchase=claimed, to_status=claimed.status, version=0, cause="reconcile"
                )
        Purchase.objects.filter(pk=claimed.pk, session_id=None).update(session_id=session["id"])
        return Purchase.objects.get(pk=claimed.pk)

    def _watched(self, what: str, pages: Iterable[list[StripeData]]) -> Iterator[list[StripeData]]:
        count = 0
        for page in pages:
            yield page
            count += len(page)
            self.report.looked_at += len(page)
            self.progress(what, count)


def _session_differs(row: Purchase, session: StripeData) -> bool:
    """Whether a listed Session says anything else than the row. Disputes and renewals have lists of their own."""
    if session["mode"] == "subscription" and session["status"] == "complete":
        return row.subscription_id != object_id(session["subscription"])
    intent = expanded(session["payment_intent"])
    charge = expanded(intent["latest_charge"]) if intent else None
    refunded = charge["amount_refunded"] if charge else 0
    if charge and charge["disputed"]:
        return row.status in NOTHING_YET or row.amount_refunded != refunded
    state = StripeState(
        session_status=session["status"],
        payment_status=session["payment_status"],
        intent_status=intent["status"] if intent else None,
        amount_charged=charge["amount_captured"] if charge else 0,
        amount_refunded=refunded,
    )
    return row.status != derive_status(state) or row.amount_refunded != refunded


def _subscription_differs(row: Purchase, subscription: StripeData) -> bool:
    if any(getattr(row, name) != value for name, value in subscription_facts(subscription).items()):
        return True
    if row.price_id != subscription["items"]["data"][0]["price"]["id"]:
        return True
    status = SUBSCRIPTION_STATUS.get(subscription["status"], Status.INCOMPLETE)
    return row.status != status and not (status in GRANTS and row.status in TAKEN_BACK)


def _dispute_differs(row: Purchase, dispute: StripeData) -> bool:
    expected = DISPUTES.get(dispute["status"], Status.DISPUTED)
    if expected is None:
        return row.status in (Status.DISPUTED, Status.DISPUTE_LOST)
    return row.status not in (expected, Status.CANCELED)


def _claimed(session: StripeData) -> Purchase | None:
    """The row that a Session's metadata names, from the database or made anew; None for another shop's Session."""
    metadata = session["metadata"] or {}
    try:
        public_id = UUID(metadata.get("purchase", ""))
    except ValueError:
        return None
    known = Purchase.objects.filter(public_id=public_id).first()
    if known or session["status"] != "complete":
        return known
    price = Price.objects.filter(id=metadata.get("price", "")).first()
    if price is None:
        logger.warning("Session %s is ours, but its price is unknown here", session["id"])
        return None
    user, email = _buyer(session)
    return Purchase(
        public_id=public_id,
        user=user,
        email=email,
        product_id=price.product_id,
        price=price,
        is_recurring=price.is_recurring,
        currency=price.currency,
        livemode=session["livemode"],
        status=Status.EXPIRED,  # not open: the buyer may have begun again since; the sync that follows knows better
    )


def _buyer(session: StripeData) -> tuple[User | None, str]:
    """Who paid: by customer, or else by the address that the customer was made with. It may have no account here any
    more; the purchase is kept all the same, without one.
    """
    customer_id = object_id(session["customer"])
    known = StripeCustomer.objects.filter(id=customer_id).select_related("user").first()
    if known:
        return known.user, known.user.email
    customer = read("customers", customer_id) if customer_id else {}
    email = customer.get("email") or ""  # a deleted customer has none
    return User.objects.filter(email__iexact=email).first() if email else None, email
