"""The page of an order in the admin, and the pages that ask to confirm an action."""

from typing import Any, cast
from uuid import UUID, uuid4

import stripe
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from apps.ecommerce.back_office.audit import ActionRefused, perform
from apps.ecommerce.back_office.order_actions import (
    ORDER_ACTIONS,
    ActionForm,
    OrderAction,
    find_action,
    order_state,
)
from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.models import User

from .read_only import ReadOnlyAdmin


class ConfirmForm(forms.Form):
    """The hidden fields of a page that asks to confirm."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    state = forms.CharField(widget=forms.HiddenInput)


class OrderPageAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.action_view)
        route = path("<int:object_id>/actions/<slug:action_name>/", view, name="ecommerce_purchase_action")
        return [route, *super().get_urls()]

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

    def action_view(self, request: HttpRequest, object_id: int, action_name: str) -> HttpResponse:
        """Say what the action will do, and do it after the operator has confirmed."""
        purchase, action = self.get_object(request, str(object_id)), find_action(action_name)
        if purchase is None or action is None:
            raise Http404
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        if purchase.livemode != is_livemode() or not action.is_possible(purchase):
            self.message_user(
                request, _("This is not possible for the order as it is now."), messages.WARNING
            )
            return redirect("admin:ecommerce_purchase_change", purchase.pk)
        state = order_state(purchase)
        new_confirm = ConfirmForm(initial={"token": uuid4(), "state": state})
        confirm = ConfirmForm(request.POST) if request.method == "POST" else new_confirm
        form = action.form_class(request.POST or None, purchase=purchase)
        if request.method == "POST" and confirm.is_valid() and form.is_valid():
            if confirm.cleaned_data["state"] != state:
                text = _("The order has changed since you opened this page. Check it, and confirm again.")
                self.message_user(request, text, messages.WARNING)
                confirm = new_confirm
            else:
                try:
                    entry = self._perform(request, purchase, action, form, confirm.cleaned_data["token"])
                except stripe.APIConnectionError:
                    # The token stays the same, so that trying again does nothing twice.
                    text = _(
                        "Stripe did not answer, so it is not known whether this was done. Try again in a minute."
                    )
                    form.add_error(None, text)
                except (ActionRefused, stripe.StripeError) as error:
                    form.add_error(None, describe_error(error))
                    confirm = new_confirm
                else:
                    if response := action.respond(request, purchase, entry):
                        return response
                    self.message_user(request, entry.message, messages.SUCCESS)
                    return redirect("admin:ecommerce_purchase_change", purchase.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.label,
            "purchase": purchase,
            "action": action,
            "consequences": action.describe(purchase),
            "form": form,
            "confirm": confirm,
        }
        return TemplateResponse(request, "ecommerce/admin/order_action.html", context)

    def _perform(
        self, request: HttpRequest, purchase: Purchase, action: OrderAction, form: ActionForm, token: UUID
    ) -> OperatorAction:
        return perform(
            action.name,
            cast(User, request.user),
            token,
            lambda entry: action.run(purchase, entry, form.cleaned_data),
            purchase=purchase,
            details=form.cleaned_data,
        )


def describe_error(error: Exception) -> str:
    if isinstance(error, stripe.StripeError):
        return _("Stripe refused: %(error)s") % {"error": error.user_message or error}
    return str(error)


def possible_actions(request: HttpRequest, purchase: Purchase) -> list[OrderAction]:
    if purchase.livemode != is_livemode():
        return []
    may = [action for action in ORDER_ACTIONS if request.user.has_perm(action.permission)]
    return [action for action in may if action.is_possible(purchase)]
