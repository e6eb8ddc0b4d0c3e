"""Has Stripe gone silent? Known before a buyer writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from .models import Purchase, WebhookEvent
from .models import PurchaseStatus as Status
from .stripe_client import livemode

WAITING = (Status.OPEN, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class Health:
    last_event: datetime | None
    failing: int  # events that came and could not be processed
    waiting: int  # purchases that an event should have settled by now

    @property
    def age_seconds(self) -> int | None:
        """Since the last event; None before the first."""
        return int((timezone.now() - self.last_event).total_seconds()) if self.last_event else None

    @property
    def is_silent(self) -> bool:
        """Purchases wait, and nothing was heard for the set time."""
        if not self.waiting:
            return False
        return self.last_event is None or timezone.now() - self.last_event > _patience()


def webhook_health() -> Health:
    """Three numbers, each from one indexed query."""
    last = WebhookEvent.objects.order_by("-received_at").values_list("received_at", flat=True).first()
    # Someone who came back from Stripe has paid or believes so: an event must be on its way.
    overdue = Purchase.objects.filter(
        status__in=WAITING, livemode=livemode(), returned_at__lt=timezone.now() - _patience()
    )
    failing = WebhookEvent.objects.filter(processed_at=None).exclude(error="")
    return Health(last_event=last, failing=failing.count(), waiting=overdue.count())


def _patience() -> timedelta:
    return timedelta(minutes=settings.WEBHOOK_SILENCE_MINUTES)
