"""Two questions a load balancer asks."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.ecommerce.webhook_health import webhook_health


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Is the process alive? Asks nothing else, so a database outage never restarts every worker."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """May traffic come in? 200 when the database answers and every migration has run, otherwise 503."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            checks["migrations"] = "pending: run manage.py migrate"
    except DatabaseError:
        checks = {"database": "unreachable", "migrations": "unknown"}
    ready = set(checks.values()) == {"ok"}
    return JsonResponse({**checks, **(_webhooks() if ready else {})}, status=200 if ready else 503)


def _webhooks() -> dict[str, str | int | None]:
    """What is known of Stripe's events. Silence is said, but the site stays in service: a buyer's page asks Stripe."""
    health = webhook_health()
    return {
        "webhooks": "silent: run manage.py stripe_doctor" if health.is_silent else "ok",
        "last_event": health.last_event.isoformat() if health.last_event else None,
        "failing_events": health.failing,
        "waiting_purchases": health.waiting,
    }
