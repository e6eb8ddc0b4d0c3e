"""Withdrawals from contracts. Marking one as done refunds nothing: that is done on the order's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.models import OperatorAction, Withdrawal
from apps.ecommerce.purchases.withdrawals import send_confirmation

from .bulk import act_on_rows
from .read_only import ReadOnlyAdmin


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", pgettext("withdrawal", "open")), ("done", pgettext("withdrawal", "done"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Withdrawal]) -> QuerySet[Withdrawal]:
        return queryset.filter(done_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "name", "email", "contract", "order", "confirmation", "done_at")
    list_filter = (StateFilter, "confirmation")
    list_select_related = ("purchase__user",)
    date_hierarchy = "received_at"
    search_fields = ("name", "email", "contract", "purchase__order_number")
    fields = (
        *("received_at", "name", "email", "contract", "order", "language"),
        *("confirmation", "confirmed_at", "error", "done_at"),
    )
    readonly_fields = ("order",)
    actions = ("mark_as_done", "send_again")

    @admin.display(description=gettext_lazy("order"))
    def order(self, row: Withdrawal) -> str:
        if row.purchase is None:
            return "—"
        url = reverse("admin:ecommerce_purchase_change", args=[row.purchase_id])
        note = _("bought with another e-mail address") if row.is_by_other_address else ""
        return format_html('<a href="{}">{}</a> {}', url, row.purchase.order_number, note)

    @admin.action(description=gettext_lazy("Mark as done"), permissions=["handle"])
    def mark_as_done(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        return act_on_rows(
            self,
            request,
            rows.select_related("purchase"),
            action="withdrawal-done",
            label=_("Mark as done"),
            consequence=_("This does not refund or cancel anything. Do that on the order's page first."),
            run=mark_as_done,
            purchase=lambda row: row.purchase,
        )

    @admin.action(description=gettext_lazy("Send the confirmation again"), permissions=["handle"])
    def send_again(self, request: HttpRequest, rows: QuerySet[Withdrawal]) -> HttpResponse | None:
        return act_on_rows(
            self,
            request,
            rows.select_related("purchase"),
            action="withdrawal-confirm",
            label=_("Send the confirmation again"),
            consequence=_("It is sent to the address in the form, and repeats what the buyer entered."),
            run=send_again,
            purchase=lambda row: row.purchase,
        )

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ecommerce.handle_withdrawal")


def mark_as_done(row: Withdrawal, entry: OperatorAction) -> str:
    Withdrawal.objects.filter(pk=row.pk, done_at=None).update(done_at=timezone.now())
    return _("The withdrawal of %(name)s is marked as done.") % {"name": row.name}


def send_again(row: Withdrawal, entry: OperatorAction) -> str:
    send_confirmation.func(row.pk)
    row.refresh_from_db()
    if row.error:
        raise ActionRefused(_("The e-mail could not be sent: %(error)s.") % {"error": row.error})
    return _("The confirmation was sent to %(email)s.") % {"email": row.email}
