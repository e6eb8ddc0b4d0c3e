"""Messages about a purchase's status: never "failed" while the result is unknown, "paid" only if Stripe reports it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.entitlements import has_access

SLOW_AFTER = timedelta(seconds=20)  # then the message "slow" replaces "confirming"
GIVE_UP_AFTER = timedelta(hours=1)  # then an open purchase counts as not paid


@dataclass(frozen=True, slots=True)
class StatusMessage:
    title: str | Promise
    text: str | Promise
    tone: str = "calm"  # colour and icon: good, wait, bad, calm
    action: str = "none"  # of the first button: open, retry, pay, card, manage, support, none
    key: str = ""


MESSAGES: dict[str, StatusMessage] = {
    "confirming": StatusMessage(
        _("Confirming your payment"),
        _("We are asking Stripe about it. This page changes by itself; you can safely leave it open."),
        tone="wait",
    ),
    "slow": StatusMessage(
        _("This is taking longer than usual"),
        _(
            "Nothing is lost, and there is no need to pay again. "
            "It is safe to close this page: you will find the result in My purchases."
        ),
        tone="wait",
    ),
    "canceled_by_buyer": StatusMessage(
        _("Nothing was charged"),
        _("You left the payment page. Your choice is still here if you want to go on.%(why)s"),
        action="pay",
    ),
    "open": StatusMessage(
        _("Not paid yet"),
        _("You began to pay for %(product)s but did not finish. Nothing was charged.%(why)s"),
        action="pay",
    ),
    Status.PROCESSING: StatusMessage(
        _("Waiting for the bank"),
        _(
            "Your order is in. Bank payments take up to five working days; "
            "access opens by itself the moment the money arrives."
        ),
        tone="wait",
    ),
    Status.PAID: StatusMessage(
        _("Paid. It is yours."),
        _("Thank you! %(amount)s for %(product)s. Your receipt is below, for %(email)s."),
        tone="good",
        action="open",
    ),
    "free": StatusMessage(
        _("It is yours."),
        _("%(product)s is in your purchases now. There was nothing to pay."),
        tone="good",
        action="open",
    ),
    Status.TRIALING: StatusMessage(
        _("Your free trial has begun"),
        _("Trial ends on %(trial_end)s. After that it is %(price)s, until you cancel."),
        tone="good",
        action="open",
    ),
    Status.ACTIVE: StatusMessage(
        _("You are subscribed"),
        _("%(product)s renews on %(period_end)s at %(price)s, until you cancel."),
        tone="good",
        action="open",
    ),
    "ending": StatusMessage(
        _("Your subscription ends on %(cancel_at)s"),
        _("It will not renew. Everything stays open until then."),
        action="open",
    ),
    Status.PAST_DUE: StatusMessage(
        _("Payment failed: update your card"),
        _("The last renewal of %(product)s could not be charged. Please update your card to keep access."),
        tone="bad",
        action="card",
    ),
    "lapsed": StatusMessage(
        _("Payment failed: update your card"),
        _(
            "The last renewal of %(product)s could not be charged, so access is paused. "
            "It opens again the moment the payment goes through."
        ),
        tone="bad",
        action="card",
    ),
    Status.UNPAID: StatusMessage(
        _("Your subscription is unpaid"),
        _("Several tries to charge the renewal failed, so access is paused until it is paid."),
        tone="bad",
        action="card",
    ),
    Status.PAUSED: StatusMessage(
        _("Your subscription is paused"),
        _("Nothing is charged, and access is paused too."),
        action="manage",
    ),
    Status.INCOMPLETE: StatusMessage(
        _("The first payment is not complete"),
        _("Your bank has not confirmed the first payment. Access opens the moment it does."),
        tone="wait",
        action="card",
    ),
    Status.CANCELED: StatusMessage(
        _("Your subscription has ended"),
        _("Thank you for having been with us. You can subscribe again at any time."),
        action="retry",
    ),
    Status.PARTIALLY_REFUNDED: StatusMessage(
        _("Partly refunded"),
        _("%(refunded)s of %(amount)s went back to you. %(product)s stays yours."),
        action="open",
    ),
    Status.REFUNDED: StatusMessage(
        _("Refunded"),
        _("%(refunded)s went back to you. Banks take five to ten days to show it. Access has ended."),
        action="retry",
    ),
    Status.DISPUTED: StatusMessage(
        _("This payment is disputed"),
        _(
            "Your bank asked us about this payment. Access is suspended until that is settled; "
            "write to us if it was a mistake."
        ),
        tone="bad",
        action="support",
    ),
    Status.DISPUTE_LOST: StatusMessage(
        _("This payment was taken back"),
        _("Your bank returned the money to you, so access has ended."),
        action="retry",
    ),
    "refunded_running": StatusMessage(
        _("Refunded"),
        _("%(refunded)s went back to you. Banks take five to ten days to show it. Access is paused."),
        action="manage",
    ),
    "dispute_lost_running": StatusMessage(
        _("This payment was taken back"),
        _("Your bank returned the money to you, so access is paused."),
        action="manage",
    ),
    Status.FAILED: StatusMessage(
        _("The payment did not go through"),
        _("Nothing was charged.%(why)s You can try again with the same choice."),
        tone="bad",
        action="retry",
    ),
    Status.EXPIRED: StatusMessage(
        _("This checkout has expired"),
        _(
            "It was open for a day without a payment. Nothing was charged; you can start again with the same choice."
        ),
        action="retry",
    ),
}


def status_message(purchase: Purchase, *, canceled: bool = False) -> StatusMessage:
    """Return the message for the buyer. `canceled`: the buyer has just left the payment page by its back link."""
    key = message_key(purchase, canceled=canceled)
    message, values = MESSAGES[key], message_values(purchase)
    return replace(message, title=str(message.title) % values, text=str(message.text) % values, key=str(key))


def message_key(purchase: Purchase, *, canceled: bool = False) -> str:
    if purchase.is_open:
        if canceled:
            return "canceled_by_buyer"
        waited = timezone.now() - purchase.returned_at if purchase.returned_at else GIVE_UP_AFTER
        return "open" if waited >= GIVE_UP_AFTER else "slow" if waited > SLOW_AFTER else "confirming"
    if purchase.status in (Status.ACTIVE, Status.TRIALING) and purchase.cancel_at:
        return "ending"
    if purchase.status in (Status.REFUNDED, Status.DISPUTE_LOST) and purchase.has_running_subscription:
        return f"{purchase.status}_running"
    if purchase.status == Status.PAST_DUE and not has_access(purchase):
        return "lapsed"  # after PAST_DUE_GRACE_DAYS
    if purchase.status == Status.PAID and not purchase.amount_total:
        return "free"
    return purchase.status


def message_values(purchase: Purchase) -> dict[str, str]:
    return {
        "product": purchase.product.name,
        "email": purchase.email,
        "amount": format_money(purchase.amount_total, purchase.currency),
        "refunded": format_money(purchase.amount_refunded, purchase.currency),
        "price": purchase.price.label,
        "trial_end": _format_day(purchase.trial_end),
        "period_end": _format_day(purchase.current_period_end),
        "cancel_at": _format_day(purchase.cancel_at),
        "why": f" {purchase.failure_message}" if purchase.failure_message else "",
    }


def _format_day(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT") if moment else "—"
