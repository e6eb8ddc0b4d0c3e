"""The page in the admin that creates the store's products in the Stripe account of the current key."""

from __future__ import annotations

import stripe
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.ecommerce.catalogue.push import Push, push_catalogue


def push_products(model_admin: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show what would be created, and create it when that page is confirmed."""
    if not (model_admin.has_add_permission(request) and model_admin.has_change_permission(request)):
        raise PermissionDenied
    try:
        push = push_catalogue(dry_run=request.method != "POST")
    except stripe.StripeError as error:
        text = _("A request to Stripe failed: %(error)s Try again to continue where it stopped.")
        messages.error(request, text % {"error": error.user_message or error})
        return redirect("admin:ecommerce_productconfiguration_changelist")
    if request.method == "POST":
        _report(request, push)
        return redirect("admin:ecommerce_productconfiguration_changelist")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Create products at Stripe"),
        "opts": model_admin.opts,
        "push": push,
    }
    return TemplateResponse(request, "ecommerce/admin/push.html", context)


def _report(request: HttpRequest, push: Push) -> None:
    for line in push.failed:
        messages.error(request, line)
    count = len(push.created)
    text = ngettext(
        "%(count)s product was created at Stripe.", "%(count)s products were created at Stripe.", count
    )
    messages.success(request, text % {"count": count})
