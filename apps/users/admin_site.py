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
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.users import mfa

notices: list[Callable[[HttpRequest], list[str]]] = []
"""Functions whose texts are warnings on the admin's first page. Apps add theirs in ready()."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of setting up the shop. It checks whether it is done."""

    title: str
    is_done: bool
    advice: str
    url: str = ""


setup_steps: list[Callable[[HttpRequest], list[Step]]] = []
"""Functions whose steps are listed on the admin's first page until all are done. Apps add theirs in ready()."""


index_context: list[Callable[[HttpRequest], dict[str, Any]]] = []
"""Functions whose values the template of the admin's first page gets. Apps add theirs in ready()."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A link in the header of the admin, for operators with the permission."""

    group: str | Promise
    label: str | Promise
    url_name: str
    permission: str


menu: list[MenuItem] = []
"""What operators use often. Items of the same group follow one another. Apps add theirs in ready()."""


class ShopAdminSite(admin.AdminSite):
    """The admin with the shop's name and sign-in pages. It requires a second factor if ADMIN_REQUIRES_MFA is true."""

    index_template = "users/admin/index.html"
    index_title = gettext_lazy("Overview")
    enable_nav_sidebar = False  # the header has a menu

    site_title = site_header = gettext_lazy("Admin")  # the page's title ends with the shop's name

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {**context, "menu": menu_links(request) if context["has_permission"] else []}

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
        for find_values in index_context:
            context |= find_values(request)
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


def menu_links(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu without items for which a permission or a page is missing."""
    links = []
    for item in menu:
        if not request.user.has_perm(item.permission):
            continue
        try:
            url = reverse(item.url_name)
        except NoReverseMatch:  # apps/shop may have removed the page
            continue
        is_current = request.path.startswith(url)
        links.append({"group": item.group, "label": item.label, "url": url, "is_current": is_current})
    return links
