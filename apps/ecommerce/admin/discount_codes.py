"""The pages of discount codes in the admin: the list, a new code, and a code with its sales."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.back_office.discount_codes import change_code, code_use, create_code
from apps.ecommerce.models import DiscountCode, OperatorAction, ProductConfiguration
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.discount_codes.rules import code_refusal
from apps.ecommerce.purchases.discount_codes.texts import duration_text, refusal_text, terms
from apps.ecommerce.stripe_api.client import is_livemode

from .discount_code_forms import CodeForm, NewCodeForm
from .tokens import TokenForm, perform_form

MAX_PRODUCT_LINKS = 5
MAX_SUBJECT_LENGTH = 200  # length of the column OperatorAction.subject


@admin.register(DiscountCode)
class DiscountCodeAdmin(admin.ModelAdmin):
    list_display = ("code", "discount", "state", "uses", "expires_at", "note")
    list_filter = ("active", "livemode")
    search_fields = ("code", "name", "note", "id", "coupon_id")
    date_hierarchy = "created_at"

    def has_delete_permission(self, request: HttpRequest, obj: DiscountCode | None = None) -> bool:
        return False  # Stripe has no request that deletes a code

    @admin.display(description=_("discount"))
    def discount(self, code: DiscountCode) -> str:
        return terms(code)

    @admin.display(description=_("state"))
    def state(self, code: DiscountCode) -> str:
        refusal = code_refusal(code, None)
        return refusal_text(refusal) if refusal else gettext("Can be used.")

    @admin.display(description=_("used"), ordering="times_redeemed")
    def uses(self, code: DiscountCode) -> str:
        if not code.max_redemptions:
            return str(code.times_redeemed)
        numbers = {"used": code.times_redeemed, "most": code.max_redemptions}
        return gettext("%(used)d of %(most)d") % numbers

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form, confirm = NewCodeForm(request.POST or None), _token_form(request)
        if request.method == "POST" and confirm.is_valid() and (done := _find_done(confirm)):
            # The form was sent twice.
            return _redirect_to(DiscountCode.objects.find(done.details["promotion"]["code"]))
        if request.method == "POST" and confirm.is_valid() and form.is_valid():
            coupon, promotion = form.coupon_params(), form.promotion_params()
            entry, confirm = perform_form(
                request,
                "create_code",
                form,
                confirm,
                lambda entry: create_code(coupon, promotion, entry),
                find_error_field=lambda error: form.find_field(getattr(error, "param", None) or ""),
                subject=promotion["code"][:MAX_SUBJECT_LENGTH],
                details={"coupon": coupon, "promotion": promotion},
            )
            if entry:
                self.message_user(request, entry.message, messages.SUCCESS)
                code = DiscountCode.objects.find(promotion["code"])
                return _redirect_to(code)
        context = {**self._context(request, gettext("New code")), "form": form, "confirm": confirm}
        return TemplateResponse(request, "ecommerce/admin/new_code.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        code = self.get_object(request, object_id)
        if not self.has_view_or_change_permission(request, code):
            raise PermissionDenied
        if code is None:
            raise Http404
        can_change = self.has_change_permission(request, code) and code.livemode == is_livemode()
        if request.method == "POST" and not can_change:
            raise PermissionDenied
        form, confirm = CodeForm(request.POST or None, initial={"note": code.note}), _token_form(request)
        if request.method == "POST" and confirm.is_valid() and form.is_valid():
            changes = _changes(code, request.POST.get("act", ""), form.cleaned_data["note"])
            entry, confirm = perform_form(
                request,
                "change_code",
                form,
                confirm,
                lambda entry: change_code(code, changes, entry),
                subject=code.code[:MAX_SUBJECT_LENGTH],
                details=changes,
            )
            if entry:
                self.message_user(request, entry.message, messages.SUCCESS)
                return _redirect_to(code)
        context = {
            **self._context(request, code.code),
            "code": code,
            "form": form if can_change else None,
            "confirm": confirm,
            "facts": _facts(code),
            "state": self.state(code),
            "uses": self.uses(code),
            "currencies": [
                (use, format_money(use.revenue, use.currency), format_money(use.discount, use.currency))
                for use in code_use(code)
            ],
            "links": _links(code),
            "entries": OperatorAction.objects.filter(
                action__in=("create_code", "change_code"), subject=code.code[:MAX_SUBJECT_LENGTH]
            ),
        }
        return TemplateResponse(request, "ecommerce/admin/code.html", context)

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}


def _token_form(request: HttpRequest) -> TokenForm:
    if request.method == "POST":
        return TokenForm(request.POST)
    return TokenForm.new()


def _find_done(confirm: TokenForm) -> OperatorAction | None:
    done = OperatorAction.objects.filter(action="create_code", outcome=OperatorAction.Outcome.DONE)
    return done.filter(token=confirm.cleaned_data["token"]).first()


def _redirect_to(code: DiscountCode | None) -> HttpResponse:
    if code is None:  # the code exists at Stripe, but copying it failed
        return redirect("admin:ecommerce_discountcode_changelist")
    return redirect("admin:ecommerce_discountcode_change", code.pk)


def _changes(code: DiscountCode, act: str, note: str) -> dict[str, Any]:
    if act in ("on", "off"):
        return {"active": act == "on"}
    return {"note": note}


def _facts(code: DiscountCode) -> list[tuple[str, str]]:
    names = ProductConfiguration.objects.filter(product__in=code.product_ids).values_list("product__name")
    known = [name for (name,) in names]
    minimums = [format_money(amount, name, short=True) for name, amount in code.minimum_amounts.items()]
    facts = [
        (gettext("Discount"), terms(code)),
        (gettext("For subscriptions"), duration_text(code)),
        (gettext("Only for these products"), ", ".join(known or code.product_ids)),
        (gettext("Smallest order"), " / ".join(minimums)),
        (gettext("Only for a first purchase"), gettext("yes") if code.first_purchase_only else ""),
        (gettext("Only for this customer"), code.customer_id),
        (gettext("Name for buyers"), code.name),
    ]
    return [(label, value) for label, value in facts if value]


def _links(code: DiscountCode) -> list[tuple[str, str]]:
    """Return names and URLs of pages that apply the code at Checkout."""
    query = urlencode({"code": code.code})
    rows = ProductConfiguration.objects.filter(product__in=code.product_ids).select_related("product")
    links = [(row.product.name, row.get_absolute_url()) for row in rows[:MAX_PRODUCT_LINKS]]
    links = links or [(gettext("Store"), reverse("store"))]
    return [(name, f"{settings.SITE_URL}{path}?{query}") for name, path in links]
