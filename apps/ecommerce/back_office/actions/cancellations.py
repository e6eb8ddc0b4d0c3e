"""Cancel a subscription, now or when its period ends, and undo that. https://docs.stripe.com/billing/subscriptions/cancel"""

from typing import Any

import stripe
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stripe.params import SubscriptionUpdateParams

from apps.ecommerce.back_office.actions.base import ActionForm, OrderAction, sync_after
from apps.ecommerce.back_office.audit import ActionRefused, describe_error
from apps.ecommerce.models import ENDED_SUBSCRIPTIONS, OperatorAction, Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.values import format_day
from apps.ecommerce.purchases.stripe_errors import is_unclear
from apps.ecommerce.purchases.subscriptions import ends_at_once, release_schedule
from apps.ecommerce.stripe_api.client import fetch, get_client, is_missing


class CancelForm(ActionForm):
    when = forms.ChoiceField(label=gettext_lazy("When"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, purchase: Purchase, **kwargs: Any) -> None:
        super().__init__(*args, purchase=purchase, **kwargs)
        choices = [("now", _("Now"))]
        if can_end_later(purchase):
            day = format_day(purchase.current_period_end)
            choices.insert(0, ("period_end", _("When the paid period ends, on %(day)s") % {"day": day}))
        field: Any = self.fields["when"]
        field.choices, field.initial = choices, choices[0][0]


class Cancel(OrderAction):
    name = "cancel"
    permission = "ecommerce.cancel_purchase"
    label = gettext_lazy("Cancel the subscription")
    is_destructive = True
    form_class = CancelForm

    def is_possible(self, purchase: Purchase) -> bool:
        return purchase.has_running_subscription

    def describe(self, purchase: Purchase) -> list[str]:
        texts = [
            _("Stripe does not charge the buyer again."),
            _("Nothing is refunded. Use “Refund” for that."),
        ]
        if can_end_later(purchase):
            texts.insert(
                0, _("At the end of the period: the buyer keeps access until then, and can undo it.")
            )
        if has_access(purchase):
            texts.insert(0, _("Now: the buyer's access ends at once, and that can't be undone."))
        return [*texts, _("The buyer gets an e-mail.")]

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        if data["when"] == "now":
            message = cancel_now(purchase)
        else:
            release_schedule(fetch("subscriptions", purchase.subscription_id))
            update(purchase, entry, {"cancel_at_period_end": True})
            day = format_day(purchase.current_period_end)
            message = _("The subscription ends on %(day)s.") % {"day": day}
        return sync_after(purchase, f"canceled by {entry.operator_name}", message)


class KeepSubscription(OrderAction):
    name = "keep"
    permission = "ecommerce.cancel_purchase"
    label = gettext_lazy("Undo the cancellation")

    def is_possible(self, purchase: Purchase) -> bool:
        return purchase.has_running_subscription and purchase.cancel_at is not None

    def describe(self, purchase: Purchase) -> list[str]:
        day = format_day(purchase.cancel_at)
        return [
            _("The subscription does not end on %(day)s. It renews, and Stripe charges the buyer again.")
            % {"day": day},
            _("Do this only if the buyer asks for it. They get no e-mail."),
        ]

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        current = fetch("subscriptions", purchase.subscription_id)
        if current["status"] in ENDED_SUBSCRIPTIONS:
            sync_after(purchase, f"{entry.action} by {entry.operator_name}", "")
            raise ActionRefused(_("The subscription has already ended. The buyer can subscribe again."))
        params: SubscriptionUpdateParams = {"cancel_at": ""}
        if current["cancel_at_period_end"]:
            params = {"cancel_at_period_end": False}
        if current["cancel_at_period_end"] or current["cancel_at"]:
            release_schedule(current)
            update(purchase, entry, params)
        cause = f"cancellation undone by {entry.operator_name}"
        return sync_after(purchase, cause, _("The subscription goes on."))


def can_end_later(purchase: Purchase) -> bool:
    """Return whether canceling for the end of the period differs from what is planned and from canceling now."""
    return purchase.will_be_charged_again and not ends_at_once(purchase)


def cancel_now(purchase: Purchase) -> str:
    """Cancel the subscription at Stripe. Safe to repeat."""
    try:
        get_client().v1.subscriptions.cancel(purchase.subscription_id)
    except stripe.InvalidRequestError as error:
        if not is_missing(error):  # a missing subscription has already ended
            raise
    return _("The subscription is canceled.")


def update(purchase: Purchase, entry: OperatorAction, params: SubscriptionUpdateParams) -> None:
    options: stripe.RequestOptions = {"idempotency_key": f"operator-{entry.token}-{entry.action}"}
    try:
        get_client().v1.subscriptions.update(purchase.subscription_id, params, options)
    except stripe.InvalidRequestError as error:
        if is_unclear(error):
            raise
        sync_after(purchase, f"{entry.action} by {entry.operator_name}", "")  # the copy may be outdated
        raise ActionRefused(describe_error(error)) from error
