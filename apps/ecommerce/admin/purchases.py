from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.back_office.actions.emails import Resend, send_again
from apps.ecommerce.back_office.actions.order_actions import Refresh
from apps.ecommerce.back_office.find import find_orders
from apps.ecommerce.models import Mail, Payment, Purchase, StatusChange, StripeCustomer
from apps.ecommerce.money import format_money

from .bulk import act_on_rows
from .columns import order_number
from .find import can_see_names, parse_query
from .manual_access import ManualAccessAdmin
from .order_page import OrderPageAdmin
from .read_only import ReadOnlyAdmin, ReadOnlyInline


class PaymentInline(ReadOnlyInline):
    model = Payment
    fields = readonly_fields = (
        *("created_at", "status", "currency", "amount_total", "amount_paid", "amount_refunded"),
        *("dispute_status", "payment_method", "period_end", "stripe_id"),
    )


class StatusChangeInline(ReadOnlyInline):
    model = StatusChange
    fields = readonly_fields = ("at", "from_status", "to_status", "suspended_by", "cause")


@admin.register(Purchase)
class PurchaseAdmin(ManualAccessAdmin, OrderPageAdmin):
    view_on_site = False  # the buyer's page is a 404 for operators
    list_display = (
        "order_number",
        "status",
        "suspended_by",
        "amount",
        "product",
        "email",
        "created_at",
        "synced_at",
    )
    list_filter = (
        *("status", "suspended_by", "subscription_status", "livemode", "product"),
        ("granted_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("product", "price__product")
    date_hierarchy = "created_at"
    search_fields = ("order_number",)  # shows the search box; get_search_results searches more fields
    inlines = (PaymentInline, StatusChangeInline)
    actions = ("refresh",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Purchase], search_term: str
    ) -> tuple[QuerySet[Purchase], bool]:
        """Find the same orders as the search in the header, by indexes."""
        if not search_term.strip():
            return queryset, False
        found = find_orders(parse_query(request, search_term), by_name=can_see_names(request))
        return queryset.filter(pk__in=found), False

    @admin.display(description=_("amount"))
    def amount(self, row: Purchase) -> str:
        has_label = row.is_recurring or row.granted_at
        return row.price_label if has_label else format_money(row.amount_total, row.currency)

    @admin.action(description=_("Refresh from Stripe"), permissions=["refresh"])
    def refresh(self, request: HttpRequest, rows: QuerySet[Purchase]) -> HttpResponse | None:
        action = Refresh()
        return act_on_rows(
            self,
            request,
            rows,
            action=action.name,
            label=action.label,
            consequence=_("The store fetches the current state from Stripe. Nothing changes at Stripe."),
            run=lambda purchase, entry: action.run(purchase, entry, {}),
            purchase=lambda purchase: purchase,
        )

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Refresh.permission)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    view_on_site = False  # the buyer's receipt is a 404 for operators
    list_display = (
        "created_at",
        order_number,
        "status",
        "total",
        "paid",
        "refunded",
        "dispute_status",
        "purchase__product_name",
        "purchase__email",
        "payment_method",
    )
    list_filter = ("status", "dispute_status", "currency")
    list_select_related = ("purchase",)
    date_hierarchy = "created_at"
    search_fields = (
        *("purchase__order_number", "purchase__email", "invoice_number"),
        *("stripe_id", "payment_intent_id", "charge_id"),
    )

    @admin.display(description=_("total"), ordering="amount_total")
    def total(self, row: Payment) -> str:
        return format_money(row.amount_total, row.currency)

    @admin.display(description=_("paid"), ordering="amount_paid")
    def paid(self, row: Payment) -> str:
        return format_money(row.amount_paid, row.currency)

    @admin.display(description=_("refunded"), ordering="amount_refunded")
    def refunded(self, row: Payment) -> str:
        return format_money(row.amount_refunded, row.currency) if row.amount_refunded else ""


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind_label", "purchase", "sent_at", "attempts", "given_up_at", "error")
    exclude = ("kind",)
    readonly_fields = ("kind_label",)
    list_filter = (
        "kind",
        ("sent_at", admin.EmptyFieldListFilter),
        ("given_up_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("purchase__product",)
    search_fields = ("purchase__email", "purchase__public_id")
    actions = ("send_now",)

    @admin.display(description=Mail._meta.get_field("kind").verbose_name, ordering="kind")
    def kind_label(self, mail: Mail) -> str:
        return mail.get_kind_display()  # Django shows "-" for a kind of apps/shop, which is not in Mail.Kind

    @admin.action(description=_("Send unsent e-mails"), permissions=["send"])
    def send_now(self, request: HttpRequest, rows: QuerySet[Mail]) -> HttpResponse | None:
        return act_on_rows(
            self,
            request,
            rows.filter(sent_at=None).select_related("purchase__product", "purchase__user"),
            action=Resend.name,
            label=_("Send unsent e-mails"),
            consequence=_("E-mails that were sent before are left out."),
            run=lambda mail, entry: send_again(mail),
            purchase=lambda mail: mail.purchase,
        )

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Resend.permission)


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "livemode", "created_at")
    list_select_related = ("user",)
    search_fields = ("id", "user__email")
