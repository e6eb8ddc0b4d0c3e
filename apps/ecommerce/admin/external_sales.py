from typing import Any

import stripe
from allauth.account.models import EmailAddress
from django import forms
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

from apps.ecommerce.models import ExternalSale
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.external_sales import assign_sale, find_verified_account
from apps.ecommerce.stripe_api.client import is_livemode
from apps.ecommerce.stripe_api.transport import stripe_deadline

from .read_only import ReadOnlyAdmin


class AssignForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address of the account"))

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        self.user = find_verified_account(email)
        if self.user is None:
            message = _(
                "No account has confirmed this e-mail address. "
                "Ask the buyer to sign up with it, or enter the address of their account."
            )
            raise forms.ValidationError(message)
        return email


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
        view = self.admin_site.admin_view(self.assign_view)
        route = path("<path:object_id>/assign/", view, name="ecommerce_externalsale_assign")
        return [route, *super().get_urls()]

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
        text = gettext("Assign to %(email)s") % {"email": sale.account_email}
        button = (
            '<button class="button" formaction="{}" formmethod="post" name="email" value="{}">{}</button>'
        )
        return format_html(button, url, sale.account_email, text)

    def assign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        sale = self.get_object(request, object_id)
        if sale is None or sale.livemode != is_livemode():  # the other mode needs its own key
            raise Http404
        form = AssignForm(request.POST or None, initial={"email": sale.email})
        if request.method == "POST" and form.is_valid() and self._assign(request, sale, form):
            return redirect("admin:ecommerce_externalsale_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Assign a sale to an account"),
            "form": form,
            "sale": sale,
            "total": self.total(sale),
        }
        return TemplateResponse(request, "ecommerce/admin/assign_sale.html", context)

    def _assign(self, request: HttpRequest, sale: ExternalSale, form: AssignForm) -> bool:
        assert form.user
        try:
            with stripe_deadline():
                purchase = assign_sale(sale, form.user, f"assigned by {request.user}")
        except stripe.StripeError as error:
            message = gettext("Stripe returned an error. Please try again in a minute. (%(error)s)")
            self.message_user(request, message % {"error": error}, messages.ERROR)
            return False
        self.log_change(request, sale, [{"changed": {"fields": ["purchase"]}}])
        self.message_user(request, f"{purchase}", messages.SUCCESS)
        return True

    @admin.action(description=_("Ignore: they need no account"), permissions=["change"])
    def ignore(self, request: HttpRequest, sales: QuerySet[ExternalSale]) -> None:
        sales.filter(purchase=None).update(ignored_at=timezone.now())

    @admin.action(description=_("Stop ignoring"), permissions=["change"])
    def stop_ignoring(self, request: HttpRequest, sales: QuerySet[ExternalSale]) -> None:
        sales.update(ignored_at=None)
