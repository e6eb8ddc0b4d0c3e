"""The operator's view. What Stripe decides is read-only here; what the store shows is edited here."""

from __future__ import annotations

import json
from typing import Any

import stripe
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminFileWidget
from django.db.models import FileField, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django_tasks_db.admin import DBTaskResultAdmin  # noqa: F401  it registers itself, and is replaced below
from django_tasks_db.models import DBTaskResult

from apps.ecommerce import webhooks
from apps.ecommerce.catalogue.slugs import validate_new_slug
from apps.ecommerce.models import (
    Mail,
    Price,
    Product,
    ProductConfiguration,
    Purchase,
    StatusChange,
    StripeCustomer,
    WebhookEvent,
)
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases import emails
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.transport import stripe_deadline


class ReadOnly(admin.ModelAdmin):
    """Shown, never edited: the row is a copy of Stripe's truth."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class PrivateFileInput(AdminFileWidget):
    """Names the file there is without a link: it has no address, only owners get it through the gate."""

    template_name = "ecommerce/admin/private_file_input.html"

    def is_initial(self, value: object) -> bool:
        return bool(value)


class ProductConfigurationForm(forms.ModelForm):
    """Says what is wrong with a slug that the operator has typed; one that was good once stays good."""

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if "slug" in self.changed_data:
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
    readonly_fields = ("product", "stripe_description")
    formfield_overrides = {FileField: {"widget": PrivateFileInput}}
    fields = (
        "product",
        "slug",
        "is_active",
        "position",
        "tagline",
        "stripe_description",
        "description",
        "content",
        "download",
    )

    @admin.display(description=_("description at Stripe"))
    def stripe_description(self, row: ProductConfiguration) -> str:
        return row.product.description or "—"

    @admin.display(boolean=True, description=_("active at Stripe"))
    def sold_by_stripe(self, row: ProductConfiguration) -> bool:
        return row.product.active

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # bootstrap_ecommerce and product.created make them

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # uncheck "is active" instead: owners keep their access


class PriceInline(admin.TabularInline):
    model = Price
    fields = readonly_fields = ("id", "nickname", "unit_amount", "currency", "type", "interval", "active")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Product)
class ProductAdmin(ReadOnly):
    list_display = ("name", "id", "active", "synced_at")
    list_filter = ("active",)
    search_fields = ("name", "id")
    inlines = (PriceInline,)


class StatusChangeInline(admin.TabularInline):
    model = StatusChange
    fields = readonly_fields = ("at", "from_status", "to_status", "cause")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Purchase)
class PurchaseAdmin(ReadOnly):
    list_display = ("created_at", "email", "product", "status", "subscription_status", "total", "synced_at")
    list_filter = ("status", "subscription_status", "livemode", "product")
    list_select_related = ("product", "price__product")
    date_hierarchy = "created_at"
    search_fields = ("email", "public_id", "session_id", "payment_intent_id", "subscription_id")
    inlines = (StatusChangeInline,)
    actions = ("refresh",)

    @admin.display(description=_("total"))
    def total(self, row: Purchase) -> str:
        return format_money(row.amount_total, row.currency)

    @admin.action(description=_("Refresh from Stripe"))
    def refresh(self, request: HttpRequest, rows: QuerySet[Purchase]) -> None:
        for row in rows:
            try:
                with stripe_deadline():
                    after = sync_purchase(row, f"refreshed by {request.user}")
            except stripe.StripeError as error:
                self.message_user(request, f"{row}: Stripe could not be asked ({error})", messages.ERROR)
            else:
                self.message_user(request, f"{after}", messages.SUCCESS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super(ReadOnly, self).has_change_permission(request)  # the list offers actions


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly):
    list_display = ("received_at", "type", "id", "attempts", "processed_at", "error")
    exclude = ("payload",)
    readonly_fields = ("pretty_payload",)
    list_filter = ("type", ("processed_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "type")
    actions = ("process_again",)

    @admin.display(description=_("payload"))
    def pretty_payload(self, row: WebhookEvent) -> str:
        return format_html("<pre>{}</pre>", json.dumps(row.payload, indent=2, ensure_ascii=False))

    @admin.action(description=_("Process again"))
    def process_again(self, request: HttpRequest, rows: QuerySet[WebhookEvent]) -> None:
        for row in rows:
            try:
                with stripe_deadline():
                    webhooks.process(row)
            except Exception as error:  # whatever went wrong is what the operator wants to read
                self.message_user(request, f"{row}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{row}: done", messages.SUCCESS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super(ReadOnly, self).has_change_permission(request)


@admin.register(Mail)
class MailAdmin(ReadOnly):
    list_display = ("created_at", "kind", "purchase", "sent_at", "attempts", "error")
    list_filter = ("kind", ("sent_at", admin.EmptyFieldListFilter))
    list_select_related = ("purchase__product",)
    search_fields = ("purchase__email", "purchase__public_id")
    actions = ("send_now",)

    @admin.action(description=_("Send what is unsent"))
    def send_now(self, request: HttpRequest, rows: QuerySet[Mail]) -> None:
        for pk in rows.filter(sent_at=None).values_list("pk", flat=True):
            emails.send.func(pk)
        left = rows.filter(sent_at=None).count()
        self.message_user(request, f"{left} still unsent", messages.ERROR if left else messages.SUCCESS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super(ReadOnly, self).has_change_permission(request)


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnly):
    list_display = ("id", "user", "livemode", "created_at")
    list_select_related = ("user",)
    search_fields = ("id", "user__email")


admin.site.unregister(DBTaskResult)


@admin.register(DBTaskResult)
class TaskAdmin(ReadOnly):
    """What the worker did. Not with which arguments: a mail that sets a new password may be among them."""

    list_display = ("enqueued_at", "task_path", "status", "finished_at")
    list_filter = ("status", "task_path")
    fields = ("task_path", "status", "enqueued_at", "started_at", "finished_at", "run_after", "traceback")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse ?args_kwargs__args__1__contains=…, which would reveal an e-mail letter by letter."""
        return lookup.partition("__")[0] in self.list_filter
