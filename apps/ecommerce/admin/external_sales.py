from datetime import datetime
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.back_office.actions.sales import AssignSale, CorrectSaleEmail, SaleAction
from apps.ecommerce.back_office.audit import perform
from apps.ecommerce.models import ExternalSale, OperatorAction
from apps.ecommerce.money import format_money
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.models import User

from .read_only import ReadOnlyAdmin
from .tokens import TokenForm, perform_form


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("waiting", _("waiting")), ("assigned", _("assigned")), ("ignored", _("ignored"))]

    def queryset(self, request: HttpRequest, sales: QuerySet[ExternalSale]) -> QuerySet[ExternalSale]:
        match self.value():
            case "waiting":
                return sales.filter(purchase=None, ignored_at=None)
            case "assigned":
                return sales.exclude(purchase=None)
            case "ignored":
                return sales.filter(purchase=None).exclude(ignored_at=None)
        return sales


@admin.register(ExternalSale)
class ExternalSaleAdmin(ReadOnlyAdmin):
    list_display = ("sold_at", "email", "product", "total", "account")
    list_filter = (StateFilter, "livemode")
    list_select_related = ("price__product", "purchase__user")
    date_hierarchy = "sold_at"
    search_fields = ("id", "email", "customer_id", "price__product__name", "purchase__order_number")
    actions = ("ignore", "stop_ignoring")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExternalSale]:
        accounts = EmailAddress.objects.filter(
            email=Lower(OuterRef("email")), verified=True, user__is_active=True
        )
        emails = Subquery(accounts.values("email")[:1])
        sales: QuerySet[ExternalSale] = super().get_queryset(request)
        return sales.annotate(account_email=emails)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        routes = [
            path("<path:object_id>/assign/", view(self.assign_view), name="ecommerce_externalsale_assign"),
            path("<path:object_id>/email/", view(self.email_view), name="ecommerce_externalsale_email"),
        ]
        return [*routes, *super().get_urls()]

    @admin.display(description=_("product"), ordering="price__product__name")
    def product(self, sale: ExternalSale) -> str:
        return sale.price.product.name

    @admin.display(description=_("amount"), ordering="amount")
    def total(self, sale: ExternalSale) -> str:
        return format_money(sale.amount, sale.currency)

    @admin.display(description=_("account"))
    def account(self, sale: Any) -> str:
        """Return the account of the sale, or a button or link that assigns one."""
        if sale.purchase:
            url = reverse("admin:ecommerce_purchase_change", args=[sale.purchase.pk])
            return format_html('<a href="{}">{}</a>', url, sale.purchase.current_email)
        if sale.ignored_at:
            return gettext("ignored")
        if sale.livemode != is_livemode():
            return "—"
        url = reverse("admin:ecommerce_externalsale_assign", args=[sale.pk])
        if not sale.account_email:
            return format_html('<a href="{}">{}</a>', url, gettext("Choose an account"))
        query = urlencode({"email": sale.account_email})
        text = gettext("Assign to %(email)s") % {"email": sale.account_email}
        return format_html('<a class="button" href="{}?{}">{}</a>', url, query, text)

    def assign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, AssignSale())

    def email_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, CorrectSaleEmail())

    def _act(self, request: HttpRequest, object_id: str, action: SaleAction) -> HttpResponse:
        """Show what the action will do, and perform it after the operator has confirmed."""
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        sale = self.get_object(request, object_id)
        # A test key can't read live objects, nor a live key test objects.
        if sale is None or sale.livemode != is_livemode():
            raise Http404
        token = TokenForm(request.POST)
        is_sent = request.method == "POST" and token.is_valid()
        email = request.GET.get("email", sale.email)
        if sale.purchase and not is_sent:
            self.message_user(request, _("This sale has an account already."), messages.WARNING)
            return redirect("admin:ecommerce_purchase_change", sale.purchase.pk)
        form = action.form_class(request.POST if is_sent else None, initial={"email": email})
        if not is_sent:
            token = TokenForm.new()
        elif form.is_valid():
            data = form.cleaned_data
            entry, token = perform_form(
                request,
                action.name,
                form,
                token,
                lambda entry: action.run(sale, entry, data),
                subject=sale.id,
                details=data,
            )
            if entry:
                self.message_user(request, entry.message, messages.SUCCESS)
                if entry.purchase:
                    return redirect("admin:ecommerce_purchase_change", entry.purchase.pk)
                return redirect("admin:ecommerce_externalsale_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.title,
            "action": action,
            "consequences": action.describe(sale),
            "form": form,
            "token": token,
            "sale": sale,
            "total": self.total(sale),
        }
        return TemplateResponse(request, "ecommerce/admin/sale_action.html", context)

    @admin.action(description=_("Ignore: no account needed"), permissions=["change"])
    def ignore(self, request: HttpRequest, sales: QuerySet[ExternalSale]) -> None:
        self._set_ignored(request, sales.filter(purchase=None, ignored_at=None), timezone.now())

    @admin.action(description=_("Stop ignoring"), permissions=["change"])
    def stop_ignoring(self, request: HttpRequest, sales: QuerySet[ExternalSale]) -> None:
        self._set_ignored(request, sales.exclude(ignored_at=None), None)

    def _set_ignored(
        self, request: HttpRequest, sales: QuerySet[ExternalSale], ignored_at: datetime | None
    ) -> None:
        name = "ignore-sale" if ignored_at else "stop-ignoring-sale"
        for key in sales.values_list("pk", flat=True):
            perform(
                name,
                cast(User, request.user),
                uuid4(),
                partial(_write_ignored, key, ignored_at),
                subject=key,
            )


def _write_ignored(key: str, ignored_at: datetime | None, entry: OperatorAction) -> str:
    ExternalSale.objects.filter(pk=key, purchase=None).update(ignored_at=ignored_at)
    return ""
