"""Pages that grant access without payment, and show the shop as a customer sees it."""

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from apps.ecommerce.back_office import view_as_buyer
from apps.ecommerce.back_office.actions.access import GIVE_ACCESS, GIVE_PERMISSION, GiveAccessForm, give
from apps.ecommerce.back_office.audit import SENT_BEFORE, ActionRefused, perform
from apps.ecommerce.models import Price
from apps.users.models import User

from .read_only import ReadOnlyAdmin
from .tokens import TokenForm, perform_form


class ManualAccessAdmin(ReadOnlyAdmin):
    change_list_template = "ecommerce/admin/orders.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        give_route = path("give-access/", wrap(self.give_access_view), name="ecommerce_purchase_give_access")
        view_route = path(
            "view-as/<int:user_id>/", wrap(self.view_as_view), name="ecommerce_purchase_view_as"
        )
        return [give_route, view_route, *super().get_urls()]

    def give_access_view(self, request: HttpRequest) -> HttpResponse:
        """Grant access without payment. `?email=` and `?product=` (the product's id) fill in the form."""
        if not request.user.has_perm(GIVE_PERMISSION):
            raise PermissionDenied
        token = TokenForm(request.POST) if request.method == "POST" else TokenForm.new()
        form = GiveAccessForm(request.POST or None, initial=_initial(request))
        if request.method == "POST" and token.is_valid() and form.is_valid():
            data = form.cleaned_data
            details = {"price": data["price"].id, "until": data["until"], "reason": data["reason"]}
            entry, token = perform_form(
                request,
                GIVE_ACCESS,
                form,
                token,
                lambda entry: give(entry, data),
                subject=data["price"].product.name[:200],
                details=details,
            )
            # The audit log does not contain the address, so compare it with that of the order.
            if entry and entry.purchase and entry.purchase.email != data["email"]:
                form.add_error(None, SENT_BEFORE)
                token = TokenForm.new()
            elif entry:
                self.message_user(request, entry.message, messages.SUCCESS)
                if self.has_view_permission(request) and entry.purchase_id:
                    return redirect("admin:ecommerce_purchase_change", entry.purchase_id)
                return redirect("admin:index")
        context = {"title": _("Give access"), "form": form, "token": token, "button": _("Give access")}
        return self._render(request, context)

    def view_as_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """See the shop as a customer, who may have no order."""
        may_view = request.user.has_perm(view_as_buyer.PERMISSION) and request.user.has_perm(
            "users.view_user"
        )
        if not may_view:
            raise PermissionDenied
        user = get_object_or_404(User, pk=user_id)
        if not view_as_buyer.can_be_viewed(user):
            raise Http404("Operators and blocked accounts can't be seen.")
        token = TokenForm(request.POST) if request.method == "POST" else TokenForm.new()
        if request.method == "POST" and token.is_valid():
            try:
                entry = perform(
                    view_as_buyer.ACTION,
                    cast(User, request.user),
                    token.cleaned_data["token"],
                    lambda entry: view_as_buyer.view_message(),
                    subject=_("account %(number)s") % {"number": user.pk},
                )
            except ActionRefused as error:
                self.message_user(request, str(error), messages.WARNING)
                return redirect(request.path)
            return view_as_buyer.start_view(redirect("purchases"), request, entry, user)
        context = {
            "title": _("See the shop as %(email)s") % {"email": user.email},
            "texts": view_as_buyer.describe_view(),
            "token": token,
            "button": _("Start"),
        }
        return self._render(request, context)

    def _render(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, "ecommerce/admin/manual_access.html", shared | context)


def _initial(request: HttpRequest) -> dict[str, str]:
    product = request.GET.get("product", "")
    prices = Price.objects.filter(product=product).order_by("-active", "id")
    price = prices.values_list("id", flat=True).first() if product else None
    return {"email": request.GET.get("email", "")[:254], **({"price": price} if price else {})}
