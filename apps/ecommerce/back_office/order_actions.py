"""What an operator can do with an order. The page of the order shows a button for each that is possible now.

Each action has a page that says what will happen and asks to confirm. Add one to ORDER_ACTIONS to get its button,
page, permission and entry in the audit log.
"""

import hashlib
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase


class ActionForm(forms.Form):
    """The fields of an action. `purchase` is the order."""

    def __init__(self, *args: Any, purchase: Purchase, **kwargs: Any) -> None:
        self.purchase = purchase
        super().__init__(*args, **kwargs)


class OrderAction:
    name: str  # in the URL and in the audit log
    permission: str
    label: str | Promise
    is_destructive = False
    form_class: type[ActionForm] = ActionForm

    def is_possible(self, purchase: Purchase) -> bool:
        return True

    def describe(self, purchase: Purchase) -> list[str]:
        """Return what will happen, for the page that asks to confirm."""
        return []

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        """Do it, and return what was done. Raise ActionRefused or stripe.StripeError."""
        raise NotImplementedError

    def respond(self, request: HttpRequest, purchase: Purchase, entry: OperatorAction) -> HttpResponse | None:
        """Return where the operator goes after the action; None: back to the order."""
        return None


class Refresh(OrderAction):
    name = "refresh"
    permission = "ecommerce.refresh_purchase"
    label = gettext_lazy("Refresh from Stripe")

    def is_possible(self, purchase: Purchase) -> bool:
        return bool(purchase.session_id or purchase.subscription_id or purchase.invoice_id)

    def describe(self, purchase: Purchase) -> list[str]:
        return [_("The store fetches the order's current state from Stripe. Nothing changes at Stripe.")]

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        after = sync_purchase(purchase, f"refreshed by {entry.operator_name}")
        if (after.status, after.suspended_by) == (purchase.status, purchase.suspended_by):
            return _("The order is up to date: %(status)s.") % {"status": after.status_label}
        change = {"before": purchase.status_label, "after": after.status_label}
        return _("The order has changed from “%(before)s” to “%(after)s”.") % change


ORDER_ACTIONS: list[OrderAction] = [Refresh()]


def find_action(name: str) -> OrderAction | None:
    return next((action for action in ORDER_ACTIONS if action.name == name), None)


def order_state(purchase: Purchase) -> str:
    """Return a short text that changes with the order and its payments. A page asks to confirm for this state only."""
    payments = purchase.payments.order_by("id").values_list("stripe_id", "status", "amount_refunded")
    state = repr((purchase.version, list(payments)))
    return hashlib.sha256(state.encode()).hexdigest()[:16]
