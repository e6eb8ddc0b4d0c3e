"""The page of an order in the admin. Its actions are on pages of their own (action_page.py)."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.ecommerce.purchases.entitlements import has_access

from .action_page import ActionPageAdmin, possible_actions


class OrderPageAdmin(ActionPageAdmin):
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if "all" in request.GET or request.method == "POST":  # Django's page with all columns
            return super().change_view(request, object_id, form_url, extra_context)
        purchase = self.get_object(request, object_id)
        if not self.has_view_permission(request, purchase):
            raise PermissionDenied
        if purchase is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": purchase.order_number,
            "purchase": purchase,
            "has_access": has_access(purchase),
            "actions": possible_actions(request, purchase),
            "payments": purchase.payments.all(),
            "changes": purchase.changes.all(),
            "entries": purchase.operator_actions.all(),
            "mails": purchase.mails.all(),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "ecommerce/admin/order.html", context)
