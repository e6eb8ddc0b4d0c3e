"""The pages of config.urls.handler400 … handler500."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core.middleware.maintenance import alone


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Whatever broke may break again. A database that is away comes back: 503 tells Stripe and proxies so."""
    away = isinstance(sys.exception(), OperationalError | InterfaceError)
    response = alone(request, "500.html", 503 if away else 500)
    if away:
        response["Retry-After"] = "10"
    return response
