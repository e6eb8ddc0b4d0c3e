from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.catalogue.slugs import validate_new_slug
from apps.ecommerce.models import Category, Price, Product, ProductConfiguration, Tag
from apps.ecommerce.money import format_money
from apps.ecommerce.storefront.price_options import amount_limits

from .product_editor import add_product, edit_product
from .product_order import order_products
from .product_previews import preview_text, start_owner_preview, stop_owner_preview
from .push import push_products
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

    def get_urls(self) -> list[URLPattern]:
        def route(path_: str, view: Any, name: str) -> Any:
            return path(
                path_, self.admin_site.admin_view(view), name=f"ecommerce_productconfiguration_{name}"
            )

        return [
            route("order/", self.order_view, "order"),
            route("push/", self.push_view, "push"),
            route("preview-text/", self.preview_text_view, "preview_text"),
            route("<int:pk>/settings/", self.settings_view, "settings"),
            route("<int:pk>/owner-preview/", self.owner_preview_view, "owner_preview"),
            route("<int:pk>/stop-preview/", self.stop_preview_view, "stop_preview"),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return add_product(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return edit_product(self, request, object_id)

    def settings_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show Django's form, with the inlines of apps/shop, which writes nothing to Stripe."""
        return self.changeform_view(request, str(pk))

    def view_on_site(self, row: ProductConfiguration) -> str:
        # Django's link takes the host from django.contrib.sites, if a shop has added that app.
        return row.get_absolute_url()

    def order_view(self, request: HttpRequest) -> HttpResponse:
        return order_products(self, request)

    def push_view(self, request: HttpRequest) -> HttpResponse:
        return push_products(self, request)

    def preview_text_view(self, request: HttpRequest) -> HttpResponse:
        return preview_text(self, request)

    def owner_preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return start_owner_preview(self, request, pk)

    def stop_preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return stop_owner_preview(self, request, pk)

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


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "position")
    list_editable = ("position",)
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}
