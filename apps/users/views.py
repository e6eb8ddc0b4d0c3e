"""A person's own account. Signing in and up, passwords and addresses are allauth's pages."""

from collections.abc import Callable
from functools import wraps

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.users import address_proof, personal_data
from apps.users.forms import DeleteAccountForm, NameForm
from apps.users.models import User

View = Callable[[HttpRequest], HttpResponse]


def asks_again(view: View) -> View:
    """Decorate a view that needs a recent reauthentication."""
    required: View = reauthentication_required(view)

    @wraps(view)
    def inner(request: HttpRequest) -> HttpResponse:
        try:
            return required(request)
        except ReauthenticationRequired:
            if request.method != "POST":
                raise
            return redirect(
                request.path
            )  # allauth would keep the form in the session, with the password in it

    return inner


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    user = _signed_in(request)
    form = NameForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        # Save the name only: another request may have changed the address or the password.
        form.save(commit=False).save(update_fields=["name"])
        messages.success(request, "Saved.")
        return redirect("account")
    context = {"form": form, "email_verified": address_proof.is_proven(user)}
    return render(request, "users/account.html", context)


@require_safe
@login_required
@never_cache
@asks_again
def export(request: HttpRequest) -> JsonResponse:
    """Everything the shop knows about the person, as a JSON file to keep."""
    response = JsonResponse(personal_data.collect(_signed_in(request)), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@sensitive_post_parameters("password")
@asks_again
def delete(request: HttpRequest) -> HttpResponse:
    """Forgets the person at once. Purchases stay in the books, without an owner."""
    user = _signed_in(request)
    reasons = personal_data.reasons_to_stay(user)
    form = DeleteAccountForm(user, request.POST or None)
    if request.method == "POST" and not reasons and form.is_valid():
        reasons = personal_data.delete_account(user)
        if not reasons:
            logout(request)
            messages.success(request, _("Your account is deleted. Thank you for having been here."))
            return redirect("home")
    return render(request, "users/delete.html", {"form": form, "reasons": reasons})


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Signs the person out of another browser. All others at once is allauth's button."""
    session = get_object_or_404(UserSession, pk=pk, user=_signed_in(request))
    session.end()
    messages.success(request, _("Signed out there."))
    return redirect("usersessions_list")


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # @login_required came first
    return request.user
