"""Numbers for Prometheus. https://prometheus.io/docs/instrumenting/exposition_formats/"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hmac import compare_digest

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.webhook_health import webhook_health
from apps.queue import worker_is_silent


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What was counted in all web processes, and the store's own state. 404 without METRICS_TOKEN as bearer."""
    if not has_metrics_token(request):
        raise Http404("Metrics need METRICS_TOKEN as bearer token.")
    return HttpResponse(_counted() + generate_latest(_store()), content_type=CONTENT_TYPE_LATEST)


def has_metrics_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and compare_digest(given.encode(), expected.encode())


def _counted() -> bytes:
    """Several processes each count for themselves, into files of one folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _store() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Store())
    return registry


class Store(Collector):
    """What the database knows now: a handful of indexed queries a scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        purchases = GaugeMetricFamily("store_purchases", "Purchases by status.", labels=["status"])
        for row in Purchase.objects.order_by().values("status").annotate(count=Count("id")):
            purchases.add_metric([row["status"]], row["count"])
        yield purchases
        health = webhook_health()
        yield GaugeMetricFamily(
            "store_events_failing", "Events of Stripe's that failed.", value=health.failing
        )
        yield GaugeMetricFamily(
            "store_purchases_overdue",
            "Buyers who came back and whom no event has settled.",
            value=health.waiting,
        )
        if health.last_event:
            age = (timezone.now() - health.last_event).total_seconds()
            yield GaugeMetricFamily("store_last_event_age_seconds", "Since Stripe was last heard.", value=age)
        unsent = Mail.objects.filter(sent_at=None).count()
        yield GaugeMetricFamily("store_mails_unsent", "Mails that buyers are owed.", value=unsent)
        yield GaugeMetricFamily(
            "store_worker_silent", "1: tasks wait and nobody takes them.", value=worker_is_silent()
        )
