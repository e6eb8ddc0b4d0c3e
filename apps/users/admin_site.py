"""The door of the admin: the shop's own sign-in, with its rate limits, and a second factor where settings ask."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.users import second_factor


class ShopAdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        """Asked by every page of the admin, and by the sandbox's panel."""
        if not super().has_permission(request):
            return False
        return not settings.ADMIN_REQUIRES_MFA or second_factor.used(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where the admin sends those who may not see it: on to what they lack. It has no form of its own."""
        wanted = request.GET.get("next") or reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(wanted, reverse("account_login"))
        if not super().has_permission(request):
            raise PermissionDenied
        if self.has_permission(request):
            return redirect("admin:index")
        if proof := second_factor.proof_url(request.user):
            return redirect(f"{proof}?{urlencode({'next': wanted})}")
        words = _(
            "The admin opens with a second factor only. Add one of these two, then open the admin again."
        )
        messages.warning(request, words)
        return redirect("mfa_index")
