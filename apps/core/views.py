import logging
from hmac import compare_digest

from django.conf import settings
from django.contrib import admin
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.client_ip import client_ip, forwarding_chain
from apps.core.readiness import DETAILS, run_checks
from apps.core.self_request import is_from_this_site

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200 if all checks return "ok", else 503. Only staff, METRICS_TOKEN and stripe_doctor get the details.

    For monitors and deployments. Load balancers use /healthz: the shop works without cache and worker.
    """
    checks = run_checks()
    failed = {name: result for name, result in checks.items() if result != "ok"}
    if failed:
        logger.warning("Not ready: %s", failed)
    content: dict[str, object] = {"ready": not failed}
    if _can_see_details(request):
        content |= checks
        if not {"database", "migrations"} & failed.keys():
            for details in DETAILS.values():
                content |= details()
        content |= _describe_proxies(request)
    return JsonResponse(content, status=503 if failed else 200)


def has_metrics_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and compare_digest(given.encode(), expected.encode())


def _can_see_details(request: HttpRequest) -> bool:
    if has_metrics_token(request) or is_from_this_site(request):
        return True
    try:
        return admin.site.has_permission(request)
    except DatabaseError:  # sessions are in the database
        return False


def _describe_proxies(request: HttpRequest) -> dict[str, object]:
    return {
        "client_address": client_ip(request),
        "hops": forwarding_chain(request),
        "trusted_proxies": settings.TRUSTED_PROXIES,
        "client_ip_header": request.headers.get(settings.CLIENT_IP_HEADER, ""),
        "https": request.is_secure(),
    }
