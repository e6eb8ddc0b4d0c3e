"""/readyz: whether everything works that the shop needs."""

import logging
from collections.abc import Callable
from hmac import compare_digest
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.client_ip import client_address, hops
from apps.core.self_request import is_from_this_site
from apps.core.tasks import worker_is_silent
from apps.ecommerce.operations.webhook_health import webhook_health

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Is everything well? 200 when each of CHECKS says "ok", otherwise 503. The log says what is wrong.

    Staff, the metrics token and stripe_doctor see the details, each with what to do; a stranger sees yes or no.
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
    if not ready:
        logger.warning("Not ready: %s", {name: answer for name, answer in answers.items() if answer != "ok"})
    known = answers["database"] == answers["migrations"] == "ok"
    details = _details(request, answers, known) if _may_see_details(request) else {}
    return JsonResponse({"ready": ready, **details}, status=200 if ready else 503)


def has_metrics_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and compare_digest(given.encode(), expected.encode())


def _may_see_details(request: HttpRequest) -> bool:
    if has_metrics_token(request) or is_from_this_site(request):
        return True
    try:
        return admin.site.has_permission(request)
    except DatabaseError:  # sessions are in the database
        return False


def _details(request: HttpRequest, answers: dict[str, str], known: bool) -> dict[str, Any]:
    """The answers, and what the proxies in front say of this request."""
    asked = {
        "client_address": client_address(request),
        "hops": hops(request),
        "trusted_proxies": settings.TRUSTED_PROXIES,
        "client_ip_header": request.headers.get(settings.CLIENT_IP_HEADER, ""),
        "https": request.is_secure(),
    }
    return {**answers, **(_webhooks() if known else {}), **asked}


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
