import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django_tasks_db.admin import DBTaskResultAdmin  # noqa: F401  registers the admin that is replaced below
from django_tasks_db.models import DBTaskResult

from apps.ecommerce.back_office.actions.events import process_event
from apps.ecommerce.back_office.actions.receivers import call_again
from apps.ecommerce.models import OperatorAction, ReceiverCall, SalesProblem, WebhookEvent

from .bulk import act_on_rows
from .columns import order_number
from .read_only import ReadOnlyAdmin


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "type", "id", "attempts", "processed_at", "error")
    exclude = ("payload",)
    readonly_fields = ("pretty_payload",)
    list_filter = ("type", ("processed_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "type")
    actions = ("process_again",)

    @admin.display(description=_("payload"))
    def pretty_payload(self, row: WebhookEvent) -> str:
        return format_html("<pre>{}</pre>", json.dumps(row.payload, indent=2, ensure_ascii=False))

    @admin.action(description=_("Process again"), permissions=["process"])
    def process_again(self, request: HttpRequest, rows: QuerySet[WebhookEvent]) -> HttpResponse | None:
        return act_on_rows(
            self,
            request,
            rows.defer("payload"),
            action="process-event",
            label=_("Process again"),
            consequence=_("The store fetches the current state from Stripe, so that nothing happens twice."),
            run=lambda event, entry: process_event(event),
        )

    def has_process_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ecommerce.process_event")


@admin.register(OperatorAction)
class OperatorActionAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "operator_name", "action", "subject", "outcome", "message")
    list_filter = ("outcome", "action")
    date_hierarchy = "started_at"
    search_fields = ("operator_name", "subject", "message")


@admin.register(SalesProblem)
class SalesProblemAdmin(ReadOnlyAdmin):
    list_display = ("code", "message", "count", "first_at", "last_at", "solved_at")
    list_filter = (("solved_at", admin.EmptyFieldListFilter),)


@admin.register(ReceiverCall)
class ReceiverCallAdmin(ReadOnlyAdmin):
    list_display = (
        *("created_at", "signal", "done_at", "attempts", "error"),
        *(order_number, "receiver"),
    )
    ordering = ("-created_at", "-pk")
    list_filter = ("signal", ("done_at", admin.EmptyFieldListFilter))
    list_select_related = ("purchase",)
    search_fields = ("purchase__order_number", "receiver", "event_id")
    actions = ("call_again",)

    @admin.action(description=_("Call again"), permissions=["process"])
    def call_again(self, request: HttpRequest, rows: QuerySet[ReceiverCall]) -> HttpResponse | None:
        return act_on_rows(
            self,
            request,
            rows.select_related("purchase"),
            action="call-receiver",
            label=_("Call again"),
            consequence=_("Each receiver that has not finished is called with the same event_id."),
            run=lambda call, entry: call_again(call),
            purchase=lambda call: call.purchase,
        )

    def has_process_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ecommerce.process_event")


admin.site.unregister(DBTaskResult)


@admin.register(DBTaskResult)
class TaskAdmin(ReadOnlyAdmin):
    """Hide the arguments of tasks, which may contain an e-mail with a password reset link."""

    list_display = ("enqueued_at", "task_path", "status", "finished_at")
    list_filter = ("status", "task_path")
    fields = ("task_path", "status", "enqueued_at", "started_at", "finished_at", "run_after", "traceback")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse filters like ?args_kwargs__args__1__contains=…, which would reveal an e-mail letter by letter."""
        return lookup.partition("__")[0] in self.list_filter
