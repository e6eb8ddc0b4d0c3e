import sys

from django.contrib import messages
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import csrf

from apps.core.form_origin import form_page
from apps.core.public_request import PublicRequest
from apps.core.standalone_page import render_standalone

DATABASE_RETRY_SECONDS = 10
SIGN_IN_FORMS = {"account_login", "account_signup"}  # these views redirect signed-in users


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    # A wrong Host header is refused before the request has a user, which your context processors may need.
    page_request = request if hasattr(request, "user") else PublicRequest(request, {})
    return render(page_request, "400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500, or 503 with Retry-After if the database is unreachable."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return render_standalone(request, "500.html", 503, retry_after=DATABASE_RETRY_SECONDS)
    return render_standalone(request, "500.html", 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Show the page of the form again: its token ends when the user signs in in another tab.

    Return 403 if the form may be one of another site, if the browser accepts no cookies, or if the settings of a proxy
    are wrong: Django's reason is then the origin or the cookie.
    """
    page = form_page(request)
    if not page or not reason.startswith("CSRF token"):
        return csrf.csrf_failure(request, reason)
    if request.resolver_match and request.resolver_match.url_name not in SIGN_IN_FORMS:
        messages.warning(request, _("This page was out of date. Please try again."))
    return HttpResponseRedirect(page)
