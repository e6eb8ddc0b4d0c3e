"""The actions of operators on orders. The page of the order shows a button for each that is possible now.

Each action has a page that says what will happen and asks to confirm. Add one to ORDER_ACTIONS to get its button,
page, permission and entry in the audit log.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.back_office.actions.access import RestoreAccess, RevokeAccess, ViewAsBuyer
from apps.ecommerce.back_office.actions.addresses import CorrectEmail
from apps.ecommerce.back_office.actions.base import OrderAction
from apps.ecommerce.back_office.actions.cancellations import Cancel, KeepSubscription
from apps.ecommerce.back_office.actions.emails import Resend
from apps.ecommerce.back_office.actions.events import ProcessEvents
from apps.ecommerce.back_office.actions.refunds import RefundPayment
from apps.ecommerce.models import OperatorAction, Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase


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


ORDER_ACTIONS: list[OrderAction] = [
    Refresh(),
    ProcessEvents(),
    Resend(),
    RefundPayment(),
    Cancel(),
    KeepSubscription(),
    CorrectEmail(),
    RevokeAccess(),
    RestoreAccess(),
    ViewAsBuyer(),
]


def find_action(name: str) -> OrderAction | None:
    return next((action for action in ORDER_ACTIONS if action.name == name), None)
