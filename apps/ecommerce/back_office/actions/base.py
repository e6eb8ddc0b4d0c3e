"""The base class of all actions of operators on orders. The actions are in ORDER_ACTIONS (order_actions.py)."""

import hashlib
from typing import Any

import stripe
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User


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

    def get_form(
        self, purchase: Purchase, operator: User, data: Any = None, initial: Any = None
    ) -> ActionForm:
        return self.form_class(data, initial=initial, purchase=purchase)

    def is_possible(self, purchase: Purchase) -> bool:
        return True

    def describe(self, purchase: Purchase) -> list[str]:
        """Return what will happen, for the page that asks to confirm."""
        return []

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        """Perform the action, and return what was done. Raise ActionRefused or stripe.StripeError.

        It may be called again with the same `entry` after an error that leaves open whether Stripe has done it.
        """
        raise NotImplementedError

    def respond(self, request: HttpRequest, purchase: Purchase, entry: OperatorAction) -> HttpResponse | None:
        """Return where the operator goes after the action; None: back to the order."""
        return None


def order_state(purchase: Purchase) -> str:
    """Return a short text that changes with the order and its payments. A confirmation is only valid for this state."""
    payments = Purchase.objects.filter(pk=purchase.pk).order_by("payments__id")
    rows = payments.values_list("version", "email", *(f"payments__{name}" for name in STATE_FIELDS))
    return hashlib.sha256(repr(list(rows)).encode()).hexdigest()[:16]


STATE_FIELDS = ("stripe_id", "status", "amount_refunded", "dispute_status")


def sync_after(purchase: Purchase, cause: str, message: str) -> str:
    """Sync the order after a change at Stripe, which stays done if this fails. Return the message for the operator."""
    try:
        sync_purchase(purchase, cause)
    except stripe.StripeError:
        note = _("The order will show it as soon as Stripe responds again.")
        return f"{message} {note}"
    return message
