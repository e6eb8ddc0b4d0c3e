from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.users import mfa

notices: list[Callable[[HttpRequest], list[str]]] = []
"""Functions whose texts are warnings on the admin's first page. Apps add theirs in ready()."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of setting up the shop, which checks itself."""

    title: str
    is_done: bool
    advice: str
    url: str = ""


setup_steps: list[Callable[[HttpRequest], list[Step]]] = []
"""Functions whose steps are listed on the admin's first page until all are done. Apps add theirs in ready()."""


index_context: list[Callable[[HttpRequest], dict[str, Any]]] = []
"""Functions whose values the template of the admin's first page gets. Apps add theirs in ready()."""


class ShopAdminSite(admin.AdminSite):
    """The admin with the shop's sign-in pages. It requires a second factor if ADMIN_REQUIRES_MFA is true."""

    index_template = "users/admin/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        return not settings.ADMIN_REQUIRES_MFA or mfa.has_used_second_factor(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        for notice in notices:
            for text in notice(request):
                messages.warning(request, text)
        steps = [step for find_steps in setup_steps for step in find_steps(request)]
        open_steps = [step for step in steps if not step.is_done]
        context = {"setup_steps": steps if open_steps else [], "done_steps": len(steps) - len(open_steps)}
        for more in index_context:
            context |= more(request)
        return super().index(request, context | (extra_context or {}))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the page with the missing step: sign in, use the second factor, or add one."""
        next_url = request.GET.get("next") or reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(next_url, reverse("account_login"))
        if not super().has_permission(request):
            raise PermissionDenied
        if self.has_permission(request):
            return redirect("admin:index")
        if url := mfa.second_factor_url(request.user):
            return redirect(f"{url}?{urlencode({'next': next_url})}")
        text = _(
            "The admin requires two-factor authentication. "
            "Add a passkey or an authenticator app, then open the admin again."
        )
        messages.warning(request, text)
        return redirect("mfa_index")
