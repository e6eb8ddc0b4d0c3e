from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminFileWidget
from django.db.models import FileField, Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.catalogue.slugs import validate_new_slug
from apps.ecommerce.models import Price, Product, ProductConfiguration

from .read_only import ReadOnlyAdmin, ReadOnlyInline


class PrivateFileInput(AdminFileWidget):
    """Show the file's name without a link, because private files have no URL."""

    template_name = "ecommerce/admin/private_file_input.html"

    def is_initial(self, value: object) -> bool:
        return bool(value)


class ProductConfigurationForm(forms.ModelForm):
    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if "slug" in self.changed_data:  # an existing slug remains valid
            validate_new_slug(slug, self.instance)
        return slug


@admin.register(ProductConfiguration)
class ProductConfigurationAdmin(admin.ModelAdmin):
    form = ProductConfigurationForm
    list_display = ("product", "slug", "is_active", "position", "sold_by_stripe")
    list_editable = ("is_active", "position")
    list_filter = ("is_active", "product__active")
    list_select_related = ("product",)
    search_fields = ("product__name", "slug", "tagline")
    formfield_overrides = {FileField: {"widget": PrivateFileInput}}
    readonly_fields = ("product", "stripe_description")
    fields = (
        *("product", "slug", "is_active", "position", "tagline"),
        *("stripe_description", "description", "content", "download"),
    )

    @admin.display(description=_("description at Stripe"))
    def stripe_description(self, row: ProductConfiguration) -> str:
        return row.product.description or "—"

    @admin.display(boolean=True, description=_("active at Stripe"))
    def sold_by_stripe(self, row: ProductConfiguration) -> bool:
        return row.product.active

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a sync creates them

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # clear "is active" instead, so that owners keep their access


class PriceInline(ReadOnlyInline):
    model = Price
    fields = readonly_fields = ("id", "nickname", "unit_amount", "currency", "type", "interval", "active")


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "active", "synced_at")
    list_filter = ("active",)
    search_fields = ("name", "id")
    inlines = (PriceInline,)
