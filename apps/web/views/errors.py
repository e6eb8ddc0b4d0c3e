import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core.standalone_page import render_standalone

DATABASE_RETRY_SECONDS = 10


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500, or 503 with Retry-After if the database is unreachable."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return render_standalone(request, "500.html", 503, retry_after=DATABASE_RETRY_SECONDS)
    return render_standalone(request, "500.html", 500)
