"""Two questions: is the process alive (a load balancer's), and is everything well (a person's or a deployment's)."""

from collections.abc import Callable
from uuid import uuid4

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.ecommerce.webhook_health import webhook_health
from apps.queue import worker_is_silent


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Is the process alive? Asks nothing else, so a database outage never restarts every web server."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Is everything well? 200 when each of CHECKS says "ok", otherwise 503; each says in words what to do.

    For a monitor and for the gate of a deployment. A load balancer asks /healthz: the shop sells on without its
    cache or its worker.
    """
    answers: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            answers[name] = check()
        except DatabaseError:
            answers[name] = "unknown: the database does not answer"
    ready = set(answers.values()) == {"ok"}
    known = answers["database"] == answers["migrations"] == "ok"
    return JsonResponse({**answers, **(_webhooks() if known else {})}, status=200 if ready else 503)


def _database() -> str:
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "pending: run manage.py migrate" if pending else "ok"


def _cache() -> str:
    """What is put in must come out: a cache that is away answers like an empty one."""
    value = uuid4().hex
    cache.set("readyz", value, 60)
    return "ok" if cache.get("readyz") == value else "unreachable: pages are slower, rate limits are off"


def _worker() -> str:
    return "silent: is manage.py db_worker running?" if worker_is_silent() else "ok"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "cache": _cache,
    "worker": _worker,
}


def _webhooks() -> dict[str, str | int | None]:
    """What is known of Stripe's events. Silence is said, but the site stays in service: a buyer's page asks Stripe."""
    health = webhook_health()
    return {
        "webhooks": "silent: run manage.py stripe_doctor" if health.is_silent else "ok",
        "last_event": health.last_event.isoformat() if health.last_event else None,
        "last_event_seconds_ago": health.age_seconds,
        "failing_events": health.failing,
        "waiting_purchases": health.waiting,
    }
