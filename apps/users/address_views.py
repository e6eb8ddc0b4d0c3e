"""The pages about the account's address: changing it, what to do before it is proven, undoing a change."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import EmailView
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.users import address_changes


class ChangeAddress(EmailView):  # type: ignore[misc]
    """allauth's page for one address per account. An unproven address never becomes the account's by a button."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        removes_own = "action_remove" in request.POST and request.POST.get("email") == request.user.email  # type: ignore[union-attr]
        if "action_add" not in request.POST and ("action_primary" in request.POST or removes_own):
            return redirect(self.success_url)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        rows = EmailAddress.objects.filter(user=self.request.user)
        email = self.request.user.email
        context["current_emailaddress"] = rows.filter(email=email).first()
        context["new_emailaddress"] = rows.filter(verified=False).exclude(email=email).last()
        return context


change = ChangeAddress.as_view()


@require_safe
@login_required
@never_cache
def confirm_first(request: HttpRequest) -> HttpResponse:
    """For who could not show that it is them: without a password, a second factor and a proven address."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    if any(method["url"] != reverse("account_confirm_first") for method in methods):
        return redirect(get_next_redirect_url(request) or "account")
    return render(request, "users/confirm_first.html")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def undo_change(request: HttpRequest, token: str) -> HttpResponse:
    """GET only asks: programs that look for viruses open the links of a mail, too."""
    found = address_changes.find(token)
    state = "asks" if found else "gone"
    if found and request.method == "POST":
        try:
            address_changes.undo(found)
            state = "done"
        except address_changes.AddressTaken:
            state = "taken"
        if state == "done" and request.user == found.user:
            get_adapter(request).logout(request)
    return render(request, "users/undo_address_change.html", {"change": found, "state": state})
