"""Previews of the product editor: the page of owners, and Markdown while it is written."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect

from apps.ecommerce.catalogue.markdown import render_markdown
from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.purchases.previews import OWNER_PREVIEW

from .product_forms import MAX_TEXT_LENGTH


def start_owner_preview(model_admin: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Open the product's pages as an owner, until the preview is stopped."""
    row = get_object_or_404(ProductConfiguration, pk=pk)
    if not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    request.session[OWNER_PREVIEW] = row.pk
    return redirect("purchased_product", row.slug)


def stop_owner_preview(model_admin: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    request.session.pop(OWNER_PREVIEW, None)
    return redirect("admin:ecommerce_productconfiguration_change", pk)


def preview_text(model_admin: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    return HttpResponse(render_markdown(request.POST.get("text", "")[:MAX_TEXT_LENGTH], 3))
