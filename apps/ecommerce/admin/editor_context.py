"""The context of the product editor's page besides its forms: links, choices and conflicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.ecommerce.catalogue.product_values import Conflict, PriceValues
from apps.ecommerce.catalogue.rows import CURRENCIES
from apps.ecommerce.models import Category, ProductConfiguration

from .price_forms import describe_price
from .product_forms import ProductForm


def editor_context(
    model_admin: admin.ModelAdmin, request: HttpRequest, row: ProductConfiguration | None
) -> dict[str, Any]:
    title = str(row) if row else _("New product")
    return {
        "opts": model_admin.opts,
        "title": title,
        "row": row,
        "related": related_links(request, row) if row else [],
        "categories": Category.objects.values_list("name", flat=True),
        "currencies": sorted(CURRENCIES),
        "can_add": model_admin.has_add_permission(request),
    }


@dataclass(frozen=True, slots=True)
class ConflictRow:
    label: str
    current: str
    entered: str
    is_taken: bool


def conflict_rows(conflicts: Sequence[Conflict]) -> list[ConflictRow]:
    return [
        ConflictRow(
            _label(row.field),
            _describe(row.field, row.current),
            _describe(row.field, row.entered),
            row.is_taken,
        )
        for row in conflicts
    ]


def related_links(request: HttpRequest, row: ProductConfiguration) -> list[tuple[str, str]]:
    """Return names and URLs of the pages of the product's contents, and of Django's form with all fields."""
    query = f"?configuration__id__exact={row.pk}"
    links = [
        ("lesson", _("Sections and lessons"), reverse("admin:ecommerce_lesson_order", args=[row.pk])),
        ("productfile", _("Files"), reverse("admin:ecommerce_productfile_changelist") + query),
        ("licencekey", _("License keys"), reverse("admin:ecommerce_licencekey_changelist") + query),
    ]
    may_see = request.user.has_perm
    permitted = [(name, url) for model, name, url in links if may_see(f"ecommerce.view_{model}")]
    settings_url = reverse("admin:ecommerce_productconfiguration_settings", args=[row.pk])
    return [*permitted, (_("Position and other settings"), settings_url)]


def _label(field: str) -> str:
    others = {
        "prices": _("Price"),
        "default": _("Default price"),
        "pictures": _("Pictures"),
        "faq": _("Questions and answers"),
    }
    return others.get(field) or str(ProductForm.base_fields[field].label)


def _describe(field: str, value: Any) -> str:
    if isinstance(value, PriceValues):
        return describe_price(value)
    if field == "prices":
        return _("no longer sold") if value is None else ""
    if field == "default":
        return _("none") if not value else _("another price")
    if field == "status":
        return str(ProductConfiguration.Status(value).label)
    if field == "licence_keys":
        return str(ProductConfiguration.LicenceKeys(value).label)
    if field == "pictures":
        return str(len(value))
    if field == "faq":
        return "\n".join(question for question, _answer in value) or "—"
    return ("\n".join(value) if isinstance(value, list) else str(value)) or "—"
