"""The order of products in the store, changed by drag, by buttons or by arrow keys."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import all_rows
from apps.ecommerce.models import ProductConfiguration


def order_products(model_admin: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Without JavaScript, each button sends the form. `order` are all primary keys, `move` is "12:-1"."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return _render(model_admin, request, "")
    keys = [int(key) for key in request.POST.getlist("order") if key.isdecimal() and len(key) < 19]
    moved, _colon, step = request.POST.get("move", "").partition(":")
    is_move = moved.isdecimal() and step in ("-1", "1")
    if is_move:
        keys = _move(keys, int(moved), int(step))
    save_order(keys)
    if is_move:
        return _render(model_admin, request, moved)
    messages.success(request, _("The order was saved."))
    return redirect("admin:ecommerce_productconfiguration_order")


def save_order(keys: Sequence[int]) -> None:
    """Store the order of the products. Products that are not in `keys`, because they are new, come last."""
    with transaction.atomic(using=router.db_for_write(ProductConfiguration)):
        rows = list(all_rows(ProductConfiguration).select_for_update().only("pk", "position"))
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        ordered = sorted(rows, key=lambda row: (places.get(row.pk, len(places)), row.position, row.pk))
        changed = []
        for position, row in enumerate(ordered, start=1):
            if row.position != position:
                row.position = position
                changed.append(row)
        ProductConfiguration.objects.bulk_update(changed, ["position"], batch_size=200)
    page_cache.invalidate()


def _move(keys: list[int], key: int, step: int) -> list[int]:
    if key not in keys:
        return keys
    place = keys.index(key)
    other = min(max(place + step, 0), len(keys) - 1)
    keys[place], keys[other] = keys[other], keys[place]
    return keys


def _render(model_admin: admin.ModelAdmin, request: HttpRequest, moved: str) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Order of products"),
        "rows": ProductConfiguration.objects.select_related("product").only(
            "pk", "slug", "status", "position", "pictures", "product__name"
        ),
        "moved": moved,
    }
    return TemplateResponse(request, "ecommerce/admin/product_order.html", context)
