"""Let an operator see the shop as a buyer sees it, without changing anything.

The operator stays signed in as themselves. A cookie names the entry of the audit log, which says who may see what until
when: that is checked in each request. While it is valid, `request.user` is the buyer.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from apps.core.read_only import ReadOnly, read_only
from apps.ecommerce.models import OperatorAction
from apps.users.models import User

ACTION = "view_as_buyer"
PERMISSION = "ecommerce.view_as_buyer"
MAX_DURATION = timedelta(minutes=30)
Outcome = OperatorAction.Outcome
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ViewAsBuyerMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.VIEW_AS_COOKIE_NAME not in request.COOKIES or request.path == reverse(
            "stop_view_as_buyer"
        ):
            return self.get_response(request)
        entry = find_entry(request)
        if entry is None:  # the cookie is another operator's, or the operator has signed out
            return delete_cookie(self.get_response(request))
        buyer = find_buyer(request, entry)
        if buyer is None:
            return end_view(request, entry)
        request.viewed_by, request.user = request.user, buyer  # type: ignore[attr-defined]

        async def auser() -> User:
            return buyer

        request.auser = auser
        with read_only():
            response = refuse(request) if _is_refused(request) else self.get_response(request)
        patch_cache_control(response, private=True, no_store=True)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return refuse(request) if isinstance(exception, ReadOnly) else None


def can_be_viewed(user: User) -> bool:
    return user.is_active and not (user.is_staff or user.is_superuser)


def describe_view() -> list[str]:
    return [
        _("You see the shop as this buyer sees it, for at most 30 minutes. You can't change anything."),
        _("The audit log stores when you start and stop."),
    ]


def view_message() -> str:
    until = time_format(timezone.localtime(timezone.now() + MAX_DURATION))
    return _("Sees the shop as the buyer, until %(time)s at the latest.") % {"time": until}


def start_view(
    response: HttpResponse, request: HttpRequest, entry: OperatorAction, user: User
) -> HttpResponse:
    """Start the view of a new entry, and add its cookie to the response. Store when the view will end."""
    rows = OperatorAction.objects.filter(pk=entry.pk)
    details = {**entry.details, "user": str(user.pk)}
    until = entry.started_at + MAX_DURATION
    rows.exclude(details__has_key="user").set_outcome(Outcome.DONE, details=details, finished_at=until)
    rotate_token(request)  # a form of the buyer's pages can't be sent after the view
    response.set_cookie(
        settings.VIEW_AS_COOKIE_NAME,
        str(entry.token),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def find_entry(request: HttpRequest) -> OperatorAction | None:
    """Return the entry that the cookie names, if it is of the user who is signed in."""
    try:
        token = UUID(request.COOKIES.get(settings.VIEW_AS_COOKIE_NAME, ""))
    except ValueError:
        return None
    entries = OperatorAction.objects.filter(token=token, action=ACTION, details__has_key="user")
    return entries.filter(operator=request.user).first() if request.user.is_authenticated else None


def find_buyer(request: HttpRequest, entry: OperatorAction) -> User | None:
    """Return the buyer whose pages the operator sees; None if the time is over or the permission was taken away."""
    is_over = entry.finished_at is None or entry.finished_at <= timezone.now()
    if is_over or not (request.user.has_perm(PERMISSION) and admin.site.has_permission(request)):
        return None
    user = User.objects.filter(pk=entry.details["user"]).first()
    return user if user and can_be_viewed(user) else None


def end_view(request: HttpRequest, entry: OperatorAction) -> HttpResponse:
    """End the view, and answer with a redirect to the admin. The request itself is not processed."""
    now = timezone.now()
    if entry.finished_at is None or entry.finished_at > now:
        ended = _("The view of the buyer has ended.")
        OperatorAction.objects.filter(pk=entry.pk).set_outcome(Outcome.DONE, finished_at=now, message=ended)
    rotate_token(request)
    messages.info(request, _("You see the shop as yourself again."))
    url = back_url(request, entry)
    is_htmx = "HX-Request" in request.headers
    return delete_cookie(HttpResponseClientRedirect(url) if is_htmx else redirect(url))


def back_url(request: HttpRequest, entry: OperatorAction) -> str:
    if not admin.site.has_permission(request):
        return reverse("home")
    if entry.purchase_id and request.user.has_perm("ecommerce.view_purchase"):
        return reverse("admin:ecommerce_purchase_change", args=[entry.purchase_id])
    if request.user.has_perm("users.view_user"):
        return reverse("admin:users_user_change", args=[entry.details["user"]])
    return reverse("admin:index")


def delete_cookie(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(settings.VIEW_AS_COOKIE_NAME, samesite="Lax")
    patch_cache_control(response, private=True, no_store=True)
    return response


def refuse(request: HttpRequest) -> HttpResponse:
    text = _("You see the shop as a buyer, so you can't do this. Stop the view first.")
    if "HX-Request" in request.headers or not request.accepts("text/html"):
        return JsonResponse({"error": "read_only", "message": text}, status=403)
    return render(request, "ecommerce/read_only.html", {"text": text}, status=403)


def _is_refused(request: HttpRequest) -> bool:
    """Return whether the request may change something, or is about the account's security, data or sign-in."""
    private = (reverse("account"), reverse("admin:index"))
    return request.method not in SAFE_METHODS or request.path.startswith(private)
