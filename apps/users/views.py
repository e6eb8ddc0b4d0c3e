from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.account.utils import get_next_redirect_url, passthrough_next_redirect_url
from allauth.account.views import EmailView
from allauth.core import ratelimit
from allauth.core.exceptions import ReauthenticationRequired
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core.rate_limits import too_many_requests
from apps.users import email_changes, email_verification, personal_data
from apps.users.emails import MAX_EMAIL_LENGTH
from apps.users.forms import DeleteAccountForm, NameForm
from apps.users.requests import SignedInRequest
from apps.users.sign_in import TYPED_EMAIL, login_required_to_post

CONFIRMATION_PAUSE_SECONDS = 180  # the period of RATE_LIMITS["confirm_email"]

View = Callable[[SignedInRequest], HttpResponse]


def reauthenticate_first(view: View) -> View:
    required: View = reauthentication_required(view)

    @wraps(view)
    def inner(request: SignedInRequest) -> HttpResponse:
        try:
            return required(request)
        except ReauthenticationRequired:
            if request.method != "POST":
                raise
            # allauth would store the submitted form with the password in the session.
            return redirect(request.path)

    return inner


@require_POST
@never_cache
@sensitive_post_parameters("password1")
def sign_in_instead(request: HttpRequest) -> HttpResponse:
    """Redirect from the sign-up form to the sign-in page, which shows the typed address. No URL contains it."""
    request.session[TYPED_EMAIL] = request.POST.get("email", "").strip()[:MAX_EMAIL_LENGTH]
    return redirect(passthrough_next_redirect_url(request, reverse("account_login"), REDIRECT_FIELD_NAME))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def account(request: SignedInRequest) -> HttpResponse:
    form = NameForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save(commit=False).save(update_fields=["name"])  # a concurrent request may change other fields
        messages.success(request, _("Your changes have been saved."))
        return redirect("account")
    context = {"form": form, "email_verified": email_verification.is_email_verified(request.user)}
    return render(request, "users/account.html", context)


@require_safe
@login_required
@never_cache
@reauthenticate_first
def export(request: SignedInRequest) -> JsonResponse:
    response = JsonResponse(personal_data.collect(request.user), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@sensitive_post_parameters("password")
@reauthenticate_first
def delete(request: SignedInRequest) -> HttpResponse:
    """Delete the account. Its purchases are kept without a user, for bookkeeping."""
    reasons = personal_data.shown_deletion_blockers(request.user)
    form = DeleteAccountForm(request.user, request.POST or None)
    if request.method == "POST" and not reasons and form.is_valid():
        reasons = personal_data.delete_account(request.user)
        if not reasons:
            logout(request)
            messages.success(request, _("Your account has been deleted."))
            return redirect("home")
    return render(request, "users/delete.html", {"form": form, "reasons": reasons})


@require_POST
@login_required_to_post
def end_session(request: SignedInRequest, pk: int) -> HttpResponse:
    get_object_or_404(UserSession, pk=pk, user=request.user).end()
    messages.success(request, _("The other browser has been signed out."))
    return redirect("usersessions_list")


# No button of this page may make an unverified address the account's address.
class ChangeEmailView(EmailView):  # type: ignore[misc]
    def post(self, request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        email = request.POST.get("email", "").strip().lower()
        removes_current = "action_remove" in request.POST and email == request.user.email
        if "action_add" not in request.POST and ("action_primary" in request.POST or removes_current):
            return redirect(self.success_url)
        sends_email = email and {"action_send", "action_add"} & request.POST.keys()
        if sends_email and not ratelimit.consume(request, action="confirm_email", key=email, dry_run=True):
            # allauth would show success and send no e-mail.
            return too_many_requests(request, CONFIRMATION_PAUSE_SECONDS)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        rows = EmailAddress.objects.filter(user=self.request.user)
        email = self.request.user.email
        context["current_emailaddress"] = rows.filter(email=email).first()
        context["new_emailaddress"] = rows.filter(verified=False).exclude(email=email).last()
        return context


@require_safe
@login_required
@never_cache
def confirm_first(request: SignedInRequest) -> HttpResponse:
    # This page is for users without password, second factor and verified address.
    methods = get_adapter().get_reauthentication_methods(request.user)
    if any(method["url"] != reverse("account_confirm_first") for method in methods):
        return redirect(get_next_redirect_url(request) or "account")
    return render(request, "users/confirm_first.html")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def undo_email_change(request: HttpRequest, token: str) -> HttpResponse:
    """Undo the change with POST only, because virus scanners open the links in e-mails."""
    change = email_changes.find_change(token)
    state = "asks" if change else "gone"
    if change and request.method == "POST":
        try:
            email_changes.undo(change)
            state = "done"
        except email_changes.EmailTaken:
            state = "taken"
        if state == "done" and request.user == change.user:
            get_adapter(request).logout(request)
    return render(request, "users/undo_email_change.html", {"change": change, "state": state})
