"""Metrics for Prometheus: django-prometheus's own and the store's."""

from collections.abc import Iterator

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from apps.core.tasks import is_worker_silent
from apps.core.views import has_metrics_token
from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.operations.webhook_health import webhook_health


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of all web processes. Raise Http404 without METRICS_TOKEN as bearer token."""
    if not has_metrics_token(request):
        raise Http404("Metrics need METRICS_TOKEN as bearer token.")
    response: HttpResponse = ExportToDjangoView(request)
    store = CollectorRegistry()
    store.register(StoreCollector())
    response.content += generate_latest(store)
    return response


class StoreCollector(Collector):
    """Read the store's gauges from the database: a few indexed queries for each scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        purchases = GaugeMetricFamily("store_purchases", "Purchases by status.", labels=["status"])
        for row in Purchase.objects.order_by().values("status").annotate(count=Count("id")):
            purchases.add_metric([row["status"]], row["count"])
        yield purchases
        health = webhook_health()
        yield _gauge("store_events_failing", "Stripe events that failed.", health.failing)
        yield _gauge("store_purchases_overdue", "Purchases that wait for an event.", health.waiting)
        if health.age_seconds is not None:
            help_text = "Seconds since the last Stripe event."
            yield _gauge("store_last_event_age_seconds", help_text, health.age_seconds)
        yield _gauge("store_mails_unsent", "E-mails not sent yet.", Mail.objects.filter(sent_at=None).count())
        yield _gauge("store_worker_silent", "1 if tasks wait and no worker takes them.", is_worker_silent())


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)
