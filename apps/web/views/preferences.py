"""How this browser wants to see the shop. A preference is a cookie and nothing more, so no form token is needed."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.core.theme import THEMES

YEAR = 365 * 24 * 60 * 60


@csrf_exempt
@never_cache
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """POST `language` (one of settings.LANGUAGES) and `next`: back to that page, in that language."""
    response = _back(request)
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        _remember(response, settings.LANGUAGE_COOKIE_NAME, chosen, httponly=True)
    return response


@csrf_exempt
@never_cache
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """POST `theme` ("light", "dark", anything else for the system's) and `next`. chrome.js is quicker."""
    response = _back(request)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        _remember(response, settings.THEME_COOKIE_NAME, chosen)
    else:
        response.delete_cookie(settings.THEME_COOKIE_NAME, samesite="Lax")
    return response


def _remember(response: HttpResponse, name: str, value: str, *, httponly: bool = False) -> None:
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", secure=secure, httponly=httponly)


def _back(request: HttpRequest) -> HttpResponse:
    """To the page the form stood on, if it is one of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(target if ours else reverse("home"))
    response.status_code = 303
    return response
