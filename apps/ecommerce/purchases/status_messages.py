"""The truth page in words: each state of a purchase, what the buyer is told and what they can do next.

Never "failed" while the truth is unknown, never "paid" unless Stripe says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.entitlements import grants

LONG_WAIT = timedelta(seconds=20)  # after this, "confirming" says that it may take longer
BANK_SECONDS = 30  # between two requests of a page whose purchase waits for the buyer's bank
GIVE_UP = timedelta(hours=1)  # after this, an unpaid checkout is just that


# What was paid was taken back. Stripe cancels no subscription for that.
TAKEN_BACK = (Status.REFUNDED, Status.DISPUTED, Status.DISPUTE_LOST)


@dataclass(frozen=True, slots=True)
class Words:
    """One row of the table. `action` is what the first button does: open, retry, pay, card, manage, support, none."""

    title: str | Promise
    text: str | Promise
    tone: str  # good, wait, bad, calm: colour and icon
    action: str


@dataclass(frozen=True, slots=True)
class State:
    key: str
    title: str
    text: str
    tone: str
    action: str
    manages: bool  # there is a subscription to manage in Stripe's portal
    billing: str  # what Stripe will charge for a subscription that opens nothing now


STATES: dict[str, Words] = {
    "confirming": Words(
        _("Confirming your payment"),
        _("We are asking Stripe about it. This page changes by itself; you can safely leave it open."),
        "wait",
        "none",
    ),
    "slow": Words(
        _("This is taking longer than usual"),
        _(
            "Nothing is lost, and there is no need to pay again. "
            "It is safe to close this page: you will find the result in My purchases."
        ),
        "wait",
        "none",
    ),
    "canceled_by_buyer": Words(
        _("Nothing was charged"),
        _("You left the payment page. Your choice is still here if you want to go on.%(why)s"),
        "calm",
        "pay",
    ),
    "open": Words(
        _("Not paid yet"),
        _("You began to pay for %(product)s but did not finish. Nothing was charged.%(why)s"),
        "calm",
        "pay",
    ),
    Status.PROCESSING: Words(
        _("Waiting for the bank"),
        _(
            "Your order is in. Bank payments take up to five working days; "
            "access opens by itself the moment the money arrives."
        ),
        "wait",
        "none",
    ),
    Status.PAID: Words(
        _("Paid. It is yours."),
        _("Thank you! %(amount)s for %(product)s. Your receipt is below, for %(email)s."),
        "good",
        "open",
    ),
    "free": Words(
        _("It is yours."),
        _("%(product)s is in your purchases now. There was nothing to pay."),
        "good",
        "open",
    ),
    Status.TRIALING: Words(
        _("Your free trial has begun"),
        _("Trial ends on %(trial_end)s. After that it is %(price)s, until you cancel."),
        "good",
        "open",
    ),
    Status.ACTIVE: Words(
        _("You are subscribed"),
        _("%(product)s renews on %(period_end)s at %(price)s, until you cancel."),
        "good",
        "open",
    ),
    "ending": Words(
        _("Your subscription ends on %(cancel_at)s"),
        _("It will not renew. Everything stays open until then."),
        "calm",
        "open",
    ),
    Status.PAST_DUE: Words(
        _("Payment failed: update your card"),
        _("The last renewal of %(product)s could not be charged. Please update your card to keep access."),
        "bad",
        "card",
    ),
    "lapsed": Words(
        _("Payment failed: update your card"),
        _(
            "The last renewal of %(product)s could not be charged, so access is paused. "
            "It opens again the moment the payment goes through."
        ),
        "bad",
        "card",
    ),
    Status.UNPAID: Words(
        _("Your subscription is unpaid"),
        _("Several tries to charge the renewal failed, so access is paused until it is paid."),
        "bad",
        "card",
    ),
    Status.PAUSED: Words(
        _("Your subscription is paused"),
        _("Nothing is charged, and access is paused too."),
        "calm",
        "manage",
    ),
    Status.INCOMPLETE: Words(
        _("The first payment is not complete"),
        _("Your bank has not confirmed the first payment. Access opens the moment it does."),
        "wait",
        "card",
    ),
    Status.CANCELED: Words(
        _("Your subscription has ended"),
        _("Thank you for having been with us. You can subscribe again at any time."),
        "calm",
        "retry",
    ),
    Status.PARTIALLY_REFUNDED: Words(
        _("Partly refunded"),
        _("%(refunded)s of %(amount)s went back to you. %(product)s stays yours."),
        "calm",
        "open",
    ),
    Status.REFUNDED: Words(
        _("Refunded"),
        _("%(refunded)s went back to you. Banks take five to ten days to show it. Access has ended."),
        "calm",
        "retry",
    ),
    Status.DISPUTED: Words(
        _("This payment is disputed"),
        _(
            "Your bank asked us about this payment. Access is suspended until that is settled; "
            "write to us if it was a mistake."
        ),
        "bad",
        "support",
    ),
    Status.DISPUTE_LOST: Words(
        _("This payment was taken back"),
        _("Your bank returned the money to you, so access has ended."),
        "calm",
        "retry",
    ),
    "refunded_running": Words(
        _("Refunded"),
        _("%(refunded)s went back to you. Banks take five to ten days to show it. Access is paused."),
        "calm",
        "manage",
    ),
    "disputed_running": Words(
        _("This payment is disputed"),
        _(
            "Your bank asked us about this payment. Access is suspended until that is settled; "
            "write to us if it was a mistake."
        ),
        "bad",
        "support",
    ),
    "dispute_lost_running": Words(
        _("This payment was taken back"),
        _("Your bank returned the money to you, so access is paused."),
        "calm",
        "manage",
    ),
    Status.FAILED: Words(
        _("The payment did not go through"),
        _("Nothing was charged.%(why)s You can try again with the same choice."),
        "bad",
        "retry",
    ),
    Status.EXPIRED: Words(
        _("This checkout has expired"),
        _(
            "It was open for a day without a payment. Nothing was charged; you can start again with the same choice."
        ),
        "calm",
        "retry",
    ),
}

# What a subscriber should know before the next charge, in few words, wherever the product is shown.
NOTES: dict[str, str | Promise] = {
    Status.TRIALING: _("Trial ends on %(trial_end)s"),
    Status.ACTIVE: _("Renews on %(period_end)s"),
    "ending": _("Ends on %(cancel_at)s"),
    Status.PAST_DUE: _("Payment failed"),
}


def note_of(purchase: Purchase) -> str:
    """What comes next, "Renews on Dec. 23, 2026" or the like; "" for what is paid once."""
    note = NOTES.get(key_of(purchase, canceled=False, now=timezone.now()), "")
    return str(note) % values_of(purchase) if note else ""


def state_of(purchase: Purchase, *, canceled: bool = False, now: datetime | None = None) -> State:
    """What to tell this buyer now. `canceled`: they just came back by the payment page's back link."""
    key = key_of(purchase, canceled, now or timezone.now())
    words, values = STATES[key], values_of(purchase)
    return State(
        key=str(key),
        title=str(words.title) % values,
        text=str(words.text) % values,
        tone=words.tone,
        action=words.action,
        manages=purchase.has_running_subscription,
        billing=billing_note(purchase),
    )


def billing_note(purchase: Purchase) -> str:
    """What Stripe will charge although the product is closed; "" where that is no question."""
    if purchase.status not in TAKEN_BACK or not purchase.has_running_subscription:
        return ""
    if not purchase.will_be_charged_again:
        words = _("Your subscription ends on %(cancel_at)s and will not be charged again.")
    elif purchase.subscription_status == "past_due":
        words = _(
            "Your subscription continues at %(price)s. A payment is overdue and will be tried again; access opens "
            "again with it. You can cancel at any time."
        )
    elif purchase.current_period_end:
        words = _(
            "Your subscription continues at %(price)s. The next payment is due on %(period_end)s, and access opens "
            "again with it. You can cancel at any time."
        )
    else:
        words = _("Your subscription continues until you cancel it.")
    return str(words) % values_of(purchase)


def poll_delay(purchase: Purchase, view: str = "page", now: datetime | None = None) -> int:
    """Seconds until the fragment should ask again; 0 when nothing will change by itself soon."""
    if purchase.status == Status.PROCESSING:
        return BANK_SECONDS
    if not purchase.is_open or view == "canceled" or not purchase.returned_at:
        return 0
    age = (now or timezone.now()) - purchase.returned_at
    steps = (
        (timedelta(seconds=20), 1),
        (timedelta(minutes=2), 3),
        (timedelta(minutes=10), 10),
        (GIVE_UP, 30),
    )
    return next((delay for until, delay in steps if age < until), 0)


def key_of(purchase: Purchase, canceled: bool, now: datetime) -> str:
    """Which row of STATES a purchase is in."""
    if purchase.is_open:
        if canceled:
            return "canceled_by_buyer"
        if purchase.returned_at and now - purchase.returned_at < GIVE_UP:
            return "slow" if now - purchase.returned_at > LONG_WAIT else "confirming"
        return "open"
    if purchase.status in (Status.ACTIVE, Status.TRIALING) and purchase.cancel_at:
        return "ending"
    if purchase.status in TAKEN_BACK and purchase.has_running_subscription:
        return f"{purchase.status}_running"
    if purchase.status == Status.PAST_DUE and not grants(purchase, now):
        return "lapsed"  # the days of grace are over
    if purchase.status == Status.PAID and not purchase.amount_total:
        return "free"
    return purchase.status


def values_of(purchase: Purchase) -> dict[str, str]:
    """What the words of a state or a mail may name, in the language and time zone in use."""
    why = f" {purchase.failure_message}" if purchase.failure_message else ""
    return {
        "product": purchase.product.name,
        "email": purchase.email,
        "amount": format_money(purchase.amount_total, purchase.currency),
        "refunded": format_money(purchase.amount_refunded, purchase.currency),
        "price": purchase.price.label,
        "trial_end": _day(purchase.trial_end),
        "period_end": _day(purchase.current_period_end),
        "cancel_at": _day(purchase.cancel_at),
        "why": why,
    }


def _day(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT") if moment else "—"
