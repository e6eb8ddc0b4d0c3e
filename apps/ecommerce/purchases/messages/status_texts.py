"""Messages about a purchase's status: never "failed" while the result is unknown, "paid" only if Stripe reports it."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.models import Suspension


@dataclass(frozen=True, slots=True)
class StatusMessage:
    title: str | Promise
    text: str | Promise
    tone: str = "calm"  # colour and icon: good, wait, bad, calm
    action: str = "none"  # the first button: open, retry, pay, card, manage, support, none
    key: str = ""


MESSAGES: dict[str, StatusMessage] = {
    "confirming": StatusMessage(
        _("Confirming your payment"),
        _("We're confirming your payment with Stripe. This page updates automatically."),
        tone="wait",
    ),
    "slow": StatusMessage(
        _("This is taking longer than usual"),
        _(
            "You don't need to pay again. You can close this page: the result will appear under “My purchases”."
        ),
        tone="wait",
    ),
    "canceled_by_buyer": StatusMessage(
        _("Payment canceled"),
        _("You have not been charged.%(why)s You can continue whenever you like."),
        action="pay",
    ),
    "open": StatusMessage(
        _("Payment not completed"),
        _("You started to pay for %(product)s but did not finish. You have not been charged.%(why)s"),
        action="pay",
    ),
    Status.PROCESSING: StatusMessage(
        _("Your payment is being processed"),
        _(
            "We've received your order. Bank payments can take several business days. "
            "You'll get access automatically once the payment arrives."
        ),
        tone="wait",
    ),
    Status.PAID: StatusMessage(
        _("Thanks, your order is complete."),
        _("You paid %(amount)s for %(product)s. Your receipt is on this page."),
        tone="good",
        action="open",
    ),
    "free": StatusMessage(
        _("Thanks, your order is complete."),
        _("You now have access to %(product)s. No payment was required."),
        tone="good",
        action="open",
    ),
    "granted": StatusMessage(
        _("You have complimentary access"),
        _("You can open %(product)s at any time. There is nothing to pay."),
        tone="good",
        action="open",
    ),
    "granted_until": StatusMessage(
        _("You have complimentary access until %(granted_until)s"),
        _("You can open %(product)s until then. There is nothing to pay."),
        tone="good",
        action="open",
    ),
    "granted_ended": StatusMessage(
        _("Your complimentary access has ended"),
        _("You had access to %(product)s until %(granted_until)s. You have not been charged."),
        action="retry",
    ),
    Status.TRIALING: StatusMessage(
        _("Your free trial has started"),
        _("Your trial ends on %(trial_end)s. Then we'll charge %(next)s, unless you cancel before."),
        tone="good",
        action="open",
    ),
    Status.ACTIVE: StatusMessage(
        _("Your subscription is active"),
        _("%(product)s renews on %(period_end)s for %(next)s. You can cancel at any time."),
        tone="good",
        action="open",
    ),
    "collection_paused": StatusMessage(
        _("Payments for your subscription are paused"),
        _("You won't be charged while they are paused.%(resumes)s You have access until %(access_until)s."),
        action="open",
    ),
    "collection_paused_lapsed": StatusMessage(
        _("Payments for your subscription are paused"),
        _(
            "You won't be charged while they are paused.%(resumes)s Your access returns with the next payment."
        ),
        action="manage",
    ),
    "ending": StatusMessage(
        _("Your subscription ends on %(cancel_at)s"),
        _("It will not renew. You have access until then."),
        action="open",
    ),
    Status.PAST_DUE: StatusMessage(
        _("Your renewal payment failed"),
        _(
            "We couldn't charge you for the renewal of %(product)s. Update your payment method to keep access."
        ),
        tone="bad",
        action="card",
    ),
    "lapsed": StatusMessage(
        _("Your renewal payment failed"),
        _(
            "We couldn't charge you for the renewal of %(product)s, so your access is paused. "
            "You'll get it back as soon as the payment succeeds."
        ),
        tone="bad",
        action="card",
    ),
    Status.UNPAID: StatusMessage(
        _("Your subscription is unpaid"),
        _("We tried several times to charge you for the renewal. Your access is paused until it is paid."),
        tone="bad",
        action="card",
    ),
    Status.PAUSED: StatusMessage(
        _("Your subscription is paused"),
        _("You are not charged while it is paused, and you don't have access."),
        action="manage",
    ),
    Status.INCOMPLETE: StatusMessage(
        _("Your first payment is not complete"),
        _("You'll get access as soon as the payment succeeds."),
        tone="wait",
        action="card",
    ),
    Status.CANCELED: StatusMessage(
        _("Your subscription has ended"),
        _("Thanks for being a subscriber. You can subscribe again at any time."),
        action="retry",
    ),
    "partially_refunded": StatusMessage(
        _("Your payment was partially refunded"),
        _("We refunded %(refunded)s of %(amount)s. You still have access to %(product)s."),
        action="open",
    ),
    Suspension.REFUNDED: StatusMessage(
        _("Your payment was refunded"),
        _(
            "We refunded %(refunded)s. It can take 5 to 10 business days to appear on your statement. "
            "You no longer have access."
        ),
        action="retry",
    ),
    Suspension.DISPUTED: StatusMessage(
        _("Your payment is disputed"),
        _(
            "Your bank has opened a dispute about this payment. Your access is paused until it is resolved. "
            "If this is a mistake, please contact us."
        ),
        tone="bad",
        action="support",
    ),
    Suspension.DISPUTE_LOST: StatusMessage(
        _("Your payment was reversed"),
        _("Your bank returned the money to you, so you no longer have access."),
        action="retry",
    ),
    "refunded_running": StatusMessage(
        _("Your payment was refunded"),
        _(
            "We refunded %(refunded)s. It can take 5 to 10 business days to appear on your statement. "
            "Your access is paused."
        ),
        action="manage",
    ),
    "dispute_lost_running": StatusMessage(
        _("Your payment was reversed"),
        _("Your bank returned the money to you, so your access is paused."),
        action="manage",
    ),
    Suspension.REVOKED: StatusMessage(
        _("Your access was ended by the shop"),
        _("You no longer have access to %(product)s. If you have questions, please contact us."),
        tone="bad",
        action="support",
    ),
    Status.FAILED: StatusMessage(
        _("Your payment failed"),
        _("You have not been charged.%(why)s"),
        tone="bad",
        action="retry",
    ),
    Status.EXPIRED: StatusMessage(
        _("This checkout has expired"),
        _("You have not been charged. You can start a new one at any time."),
        action="retry",
    ),
}

# The texts without the next amount, which Stripe could not compute.
WITHOUT_AMOUNT: dict[str, str | Promise] = {
    Status.TRIALING: _("Your trial ends on %(trial_end)s. Then we'll charge you, unless you cancel before."),
    Status.ACTIVE: _("%(product)s renews on %(period_end)s. You can cancel at any time."),
}
