from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.catalogue.slugs import validate_new_slug
from apps.ecommerce.models import Price, Product, ProductConfiguration
from apps.ecommerce.money import format_money
from apps.ecommerce.storefront.price_options import amount_limits

from .read_only import ReadOnlyAdmin, ReadOnlyInline


class ProductConfigurationForm(forms.ModelForm):
    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if "slug" in self.changed_data:  # an existing slug remains valid
            validate_new_slug(slug, self.instance)
        return slug


@admin.register(ProductConfiguration)
class ProductConfigurationAdmin(admin.ModelAdmin):
    form = ProductConfigurationForm
    change_form_template = "ecommerce/admin/product.html"
    list_display = ("product", "slug", "status", "position", "sold_by_stripe", "not_sold")
    list_editable = ("status", "position")
    list_filter = ("status", "product__active")
    list_select_related = ("product",)
    search_fields = ("product__name", "slug", "tagline")
    readonly_fields = ("product", "stripe_description", "file_links")
    fields = (
        *("product", "slug", "status", "position", "tagline"),
        *("stripe_description", "description", "content", "file_links"),
    )

    @admin.display(description=_("description at Stripe"))
    def stripe_description(self, row: ProductConfiguration) -> str:
        return row.product.description or "—"

    @admin.display(description=_("files"))
    def file_links(self, row: ProductConfiguration) -> str:
        files = [
            (reverse("admin:ecommerce_productfile_change", args=[file.pk]), file) for file in row.files.all()
        ]
        add = f"{reverse('admin:ecommerce_productfile_add')}?configuration={row.pk}"
        return format_html_join(" · ", '<a href="{}">{}</a>', [*files, (add, gettext("Add a file"))])

    @admin.display(boolean=True, description=_("active at Stripe"))
    def sold_by_stripe(self, row: ProductConfiguration) -> bool:
        return row.product.active

    @admin.display(description=_("not sold"))
    def not_sold(self, row: ProductConfiguration) -> str:
        """Name the prices that are not sold, and the reasons."""
        prices = row.product.prices.all()
        if not any(price.active for price in prices):
            return gettext("no active price")
        return "; ".join(
            f"{price.id}: {price.unsellable_reason}"
            for price in prices
            if price.active and price.unsellable_reason
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductConfiguration]:
        return super().get_queryset(request).prefetch_related("product__prices")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a sync creates them

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # hide it instead, so that owners keep their access


class PriceInline(ReadOnlyInline):
    model = Price
    fields = readonly_fields = (
        *("id", "nickname", "unit_amount", "currency", "in_currencies", "limits", "type", "interval"),
        *("active", "not_sold"),
    )

    @admin.display(description=_("other currencies"))
    def in_currencies(self, price: Price) -> str:
        return ", ".join(
            format_money(amount, code) for code, amount in price.amounts.items() if code != price.currency
        )

    @admin.display(description=_("pay what you want"))
    def limits(self, price: Price) -> str:
        return amount_limits(price) if price.is_custom else ""

    @admin.display(description=_("not sold, because"))
    def not_sold(self, price: Price) -> str:
        return price.unsellable_reason


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ("name", "id", "active", "synced_at")
    list_filter = ("active",)
    search_fields = ("name", "id")
    inlines = (PriceInline,)
