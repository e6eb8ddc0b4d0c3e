from collections.abc import Iterator

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from apps.core.tasks import is_worker_silent
from apps.core.views import has_metrics_token
from apps.ecommerce.models import Mail, Purchase
from apps.ecommerce.operations.webhook_health import webhook_health


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not has_metrics_token(request):
        raise Http404("Metrics require METRICS_TOKEN as a bearer token.")
    response: HttpResponse = ExportToDjangoView(request)
    response.content += generate_latest(StoreCollector())
    return response


class StoreCollector(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        purchases = GaugeMetricFamily("store_purchases", "Purchases by status.", labels=["status"])
        for row in Purchase.objects.order_by().values("status").annotate(count=Count("id")):
            purchases.add_metric([row["status"]], row["count"])
        yield purchases
        health = webhook_health()
        gauges = (
            ("events_failing", "Stripe events that could not be processed.", health.failing),
            ("purchases_overdue", "Purchases that wait for a Stripe event.", health.waiting),
            ("last_event_age_seconds", "Seconds since the last Stripe event.", health.age_seconds),
            (
                "mails_unsent",
                "E-mails not sent yet.",
                Mail.objects.filter(sent_at=None, given_up_at=None).count(),
            ),
            ("worker_silent", "1 if queued tasks wait and no worker runs them.", is_worker_silent()),
        )
        for name, help_text, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(f"store_{name}", help_text, value=value)
