from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, QueryDict

from apps.ecommerce.models import ProductConfiguration


def filtered_product(request: HttpRequest) -> dict[str, str]:
    """Return the initial product of a form that was opened from a list of one product's rows."""
    filters = QueryDict(request.GET.get("_changelist_filters", ""))
    product = filters.get("configuration__id__exact") or request.GET.get("configuration", "")
    return {"configuration": product} if product.isdecimal() else {}


class ProductFilter(admin.RelatedOnlyFieldListFilter):
    """Read the names of all products with one query."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        used = model_admin.model.objects.values(self.field_path)
        return list(ProductConfiguration.objects.filter(pk__in=used).values_list("pk", "product__name"))


class ProductContentsAdmin(admin.ModelAdmin):
    """A list that leads back to the product whose rows it shows."""

    change_list_template = "ecommerce/admin/product_contents.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        pk = request.GET.get("configuration__id__exact", "")
        rows = ProductConfiguration.objects.select_related("product")
        row = rows.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
        may_see = request.user.has_perm("ecommerce.view_productconfiguration")
        return super().changelist_view(
            request, {"product": row if may_see else None, **(extra_context or {})}
        )


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and bool(self.actions) and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
