"""The pages that ask an operator to confirm an action on an order, and do it."""

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
from django.utils.translation import gettext_lazy

from apps.ecommerce.back_office.actions.base import OrderAction, order_state
from apps.ecommerce.back_office.actions.order_actions import ORDER_ACTIONS, find_action
from apps.ecommerce.back_office.audit import ActionRefused, ActionRunning, describe_error, perform
from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.stripe_errors import is_unclear
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.models import User

from .read_only import ReadOnlyAdmin
from .tokens import TokenForm

CHANGED = gettext_lazy("The order has changed since you opened this page. Check it, and confirm again.")


class ConfirmForm(TokenForm):
    """The hidden fields of a page that asks to confirm an action. They contain the order's current state."""

    state = forms.CharField(widget=forms.HiddenInput)


class ActionPageAdmin(ReadOnlyAdmin):
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.action_view)
        route = path("<int:object_id>/actions/<slug:action_name>/", view, name="ecommerce_purchase_action")
        return [route, *super().get_urls()]

    def action_view(self, request: HttpRequest, object_id: int, action_name: str) -> HttpResponse:
        """Show what the action will do, and perform it after the operator has confirmed."""
        purchase, action = self.get_object(request, str(object_id)), find_action(action_name)
        if purchase is None or action is None:
            raise Http404
        if not request.user.has_perm(action.permission):
            raise PermissionDenied
        confirm = ConfirmForm(request.POST)
        is_sent = request.method == "POST" and confirm.is_valid()
        started = find_started(confirm.cleaned_data["token"], purchase, action) if is_sent else None
        if started and started.outcome == OperatorAction.Outcome.DONE:  # the form was sent twice
            return self._back(request, purchase, started.message)
        is_possible = purchase.livemode == is_livemode() and action.is_possible(purchase)
        if started and not is_possible:  # the first attempt may have succeeded without an answer from Stripe
            return self._confirmed(request, purchase, action, confirm, started.details, is_retry=True)
        if not is_possible:
            text = _("This is not possible for the order as it is now.")
            return self._back(request, purchase, text, messages.WARNING)
        data, chosen = request.POST if is_sent else None, request.GET.dict()
        form = action.get_form(purchase, cast(User, request.user), data, chosen)
        if not is_sent:
            confirm = new_confirm(purchase)
        elif form.is_valid():
            if started or confirm.cleaned_data["state"] == order_state(purchase):
                is_retry = started is not None
                return self._confirmed(
                    request, purchase, action, confirm, form.cleaned_data, form, is_retry=is_retry
                )
            confirm = new_confirm(purchase)
            form.add_error(None, CHANGED)
        return self._ask(request, purchase, action, confirm, form)

    def _confirmed(
        self,
        request: HttpRequest,
        purchase: Purchase,
        action: OrderAction,
        confirm: ConfirmForm,
        data: dict[str, Any],
        form: forms.Form | None = None,
        *,
        is_retry: bool,
    ) -> HttpResponse:
        operator, token = cast(User, request.user), confirm.cleaned_data["token"]

        def run(entry: OperatorAction) -> str:
            # Check again: another operator may have acted since the page was opened.
            if not is_retry and confirm.cleaned_data["state"] != order_state(purchase):
                raise ActionRefused(CHANGED)
            return action.run(purchase, entry, data)

        try:
            entry = perform(action.name, operator, token, run, purchase=purchase, details=data)
        except ActionRunning as running:
            return self._back(request, purchase, str(running), messages.WARNING)
        except (ActionRefused, stripe.StripeError) as error:
            text = describe_error(error)
            purchase = self.get_object(request, str(purchase.pk)) or purchase
            if form is None or not action.is_possible(purchase):
                return self._back(request, purchase, text, messages.ERROR)
            if not (isinstance(error, stripe.StripeError) and is_unclear(error)):
                # After an unclear error keep the token, so that a retry can't act twice.
                confirm = new_confirm(purchase)
            form.add_error(None, text)
            return self._ask(request, purchase, action, confirm, form)
        return action.respond(request, purchase, entry) or self._back(request, purchase, entry.message)

    def _ask(
        self,
        request: HttpRequest,
        purchase: Purchase,
        action: OrderAction,
        confirm: ConfirmForm,
        form: forms.Form,
    ) -> HttpResponse:
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

    def _back(
        self, request: HttpRequest, purchase: Purchase, message: str, level: int = messages.SUCCESS
    ) -> HttpResponse:
        self.message_user(request, message, level)
        return redirect("admin:ecommerce_purchase_change", purchase.pk)


def new_confirm(purchase: Purchase) -> ConfirmForm:
    return ConfirmForm(initial={"token": uuid4(), "state": order_state(purchase)})


def find_started(token: UUID, purchase: Purchase, action: OrderAction) -> OperatorAction | None:
    """Return the entry of a form that was sent before. A refused form has to be confirmed again."""
    entries = OperatorAction.objects.filter(token=token, purchase=purchase, action=action.name)
    return entries.exclude(outcome=OperatorAction.Outcome.FAILED).first()


def possible_actions(request: HttpRequest, purchase: Purchase) -> list[OrderAction]:
    if purchase.livemode != is_livemode():
        return []
    user = cast(User, request.user)
    may = [action for action in ORDER_ACTIONS if user.has_perm(action.permission)]
    return [action for action in may if action.is_possible(purchase)]
