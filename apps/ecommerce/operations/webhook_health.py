from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import Purchase, WebhookEvent
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import is_livemode


@dataclass(frozen=True, slots=True)
class Health:
    last_event: datetime | None
    failing: int  # events that could not be processed
    waiting: int  # purchases whose event is overdue
    is_silent: bool  # purchases wait, and no event has arrived for WEBHOOK_SILENCE_MINUTES

    @property
    def age_seconds(self) -> int | None:
        return int((timezone.now() - self.last_event).total_seconds()) if self.last_event else None


def webhook_health() -> Health:
    limit = timezone.now() - timedelta(minutes=settings.WEBHOOK_SILENCE_MINUTES)
    last = WebhookEvent.objects.order_by("-received_at").values_list("received_at", flat=True).first()
    failing = WebhookEvent.objects.filter(processed_at=None).exclude(error="").count()
    # A buyer who has returned from Stripe has probably paid, so an event should arrive. A bank needs days for the next.
    at_bank = Q(status=Status.PROCESSING, **({"created_at__gt": last} if last else {}))
    returned = Purchase.objects.filter(livemode=is_livemode(), returned_at__lt=limit)
    waiting = returned.filter(Q(status=Status.OPEN) | at_bank).count()
    return Health(last, failing, waiting, is_silent=waiting > 0 and (last is None or last < limit))


def webhook_details() -> dict[str, object]:
    """Return the details for /readyz. A silent webhook does not make the site unready: it can read from Stripe."""
    health = webhook_health()
    return {
        "webhooks": "silent: run manage.py stripe_doctor" if health.is_silent else "ok",
        "last_event": health.last_event.isoformat() if health.last_event else None,
        "last_event_seconds_ago": health.age_seconds,
        "failing_events": health.failing,
        "waiting_purchases": health.waiting,
    }
