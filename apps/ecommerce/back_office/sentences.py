"""Sentences for operators: why an order has access now, and whether Stripe will charge its buyer again."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ecommerce.models import MISSING_SUBSCRIPTION, Purchase, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.entitlements import access_until, has_access
from apps.ecommerce.purchases.messages.values import format_day, message_values
from apps.ecommerce.purchases.upgrades import upgrade_note
from apps.ecommerce.stripe_api.client import is_livemode

NO_ACCESS: dict[str, str | Promise] = {
    Status.OPEN: gettext_lazy("the payment was not completed."),
    Status.EXPIRED: gettext_lazy("the checkout expired without a payment."),
    Status.PROCESSING: gettext_lazy(
        "the bank is still processing the payment, which can take several business days. Access starts automatically "
        "when it arrives."
    ),
    Status.FAILED: gettext_lazy("the payment failed%(code)s."),
    Status.INCOMPLETE: gettext_lazy("the first payment of the subscription is not complete%(code)s."),
    Status.UNPAID: gettext_lazy("the renewal is unpaid, and Stripe has stopped trying."),
    Status.PAUSED: gettext_lazy("the subscription is paused at Stripe."),
    Status.CANCELED: gettext_lazy("the subscription has ended."),
    Suspension.REFUNDED: gettext_lazy("%(refunded)s was refunded, which is everything that was paid."),
    Suspension.DISPUTED: gettext_lazy("the buyer's bank has opened a dispute about the payment."),
    Suspension.DISPUTE_LOST: gettext_lazy(
        "the dispute was lost, and the bank has returned the money to the buyer."
    ),
    Suspension.REVOKED: gettext_lazy("an operator has ended it. The reason is in the timeline."),
}


@dataclass(frozen=True, slots=True)
class AccessNow:
    is_open: bool
    reason: str


def access_now(purchase: Purchase) -> AccessNow:
    """Return whether the buyer can open the product now, and why."""
    if not has_access(purchase):
        return AccessNow(False, _why_closed(purchase))
    if purchase.user is None and purchase.granted_at and not purchase.claimed_at:
        return AccessNow(False, _("it waits until an account confirms this e-mail address."))
    if purchase.is_unclaimed:
        return AccessNow(
            True, _("bought without an account: the buyer's browser and the link in the e-mails open it.")
        )
    if purchase.user is None:
        return AccessNow(False, _("the buyer's account was deleted."))
    if not purchase.user.is_active:
        return AccessNow(False, _("the buyer's account is switched off."))
    return AccessNow(True, _why_open(purchase))


def _why_closed(purchase: Purchase) -> str:
    if purchase.livemode != is_livemode():
        return _("the order is from Stripe's live mode.") if purchase.livemode else _("the order is a test.")
    if purchase.revoked_at:
        return str(NO_ACCESS[Suspension.REVOKED])
    if purchase.granted_until and purchase.granted_until <= timezone.now():
        return _fill(_("it was granted without payment, until %(granted_until)s."), purchase)
    if purchase.is_suspended:
        if upgrade_note(purchase):
            text = _("it is an upgrade of %(order)s, whose payment was refunded or disputed.")
            return text % {"order": purchase.upgrade_of.order_number if purchase.upgrade_of else ""}
        return _fill(NO_ACCESS[purchase.suspended_by], purchase)
    if purchase.status in NO_ACCESS:
        return _fill(NO_ACCESS[purchase.status], purchase)
    if purchase.cancel_at and purchase.cancel_at <= timezone.now():
        return _fill(_("the subscription ended on %(cancel_at)s."), purchase)
    if purchase.collection_paused and purchase.paid_until:
        return _fill(
            _("its payments are paused at Stripe, and nothing has been paid since %(paid_until)s."), purchase
        )
    if not purchase.paid_until:
        return _("no period of the subscription is paid.")
    if not purchase.has_paid:
        return _fill(_("the free trial ended on %(paid_until)s, and nothing was paid."), purchase)
    return _fill(
        _("nothing has been paid since %(paid_until)s, and the grace period of %(grace)d days is over."),
        purchase,
    )


def _why_open(purchase: Purchase) -> str:
    now = timezone.now()
    if purchase.granted_until:
        return _fill(_("granted without payment, until %(granted_until)s."), purchase)
    if purchase.granted_at:
        return _("granted without payment.")
    if purchase.status == Status.PAID:
        if purchase.amount_refunded:
            return _fill(
                _("paid. %(refunded)s of %(amount)s was refunded, which does not end access."), purchase
            )
        return _("paid.") if purchase.amount_total else _("nothing had to be paid.")
    if purchase.paid_until and purchase.paid_until <= now:
        if purchase.status == Status.PAST_DUE:
            return _fill(
                _(
                    "the renewal payment failed, and the grace period of %(grace)d days lasts until %(access_until)s."
                ),
                purchase,
            )
        return _fill(
            _("paid until %(paid_until)s. The next payment is due, and access lasts until %(access_until)s."),
            purchase,
        )
    if purchase.cancel_at:
        return _fill(_("paid. The subscription ends on %(cancel_at)s."), purchase)
    if purchase.status == Status.PAST_DUE:
        return _fill(_("paid until %(paid_until)s, although a payment is overdue."), purchase)
    if purchase.status == Status.TRIALING:
        return _fill(_("free trial until %(paid_until)s."), purchase)
    return _fill(_("paid until %(paid_until)s."), purchase)


def next_charge(purchase: Purchase) -> str:
    """Return when Stripe charges the buyer again and how much; "" if it does not."""
    if not purchase.will_be_charged_again:
        return ""
    if purchase.subscription_status == "paused":
        return _("Stripe charges nothing while the subscription is paused.")
    if purchase.subscription_status == "unpaid":
        return _("Stripe has stopped trying to charge the buyer, but still creates invoices.")
    if purchase.subscription_status == "past_due":
        return _("A payment is overdue, and Stripe keeps trying to charge the buyer.")
    if purchase.skips_payments:
        return _fill(_("Payments are paused at Stripe.%(resumes)s"), purchase)
    if purchase.next_amount is not None and purchase.next_payment_at:
        amount = format_money(purchase.next_amount, purchase.currency)
        day = format_day(purchase.next_payment_at)
        return _("Stripe charges %(amount)s on %(day)s.") % {"amount": amount, "day": day}
    if purchase.current_period_end:
        return _fill(_("Stripe charges the buyer again on %(period_end)s."), purchase)
    return _("Stripe charges the buyer again.")


def describe_billing(purchase: Purchase) -> str:
    """Return whether Stripe will charge the buyer again, in one sentence."""
    if charge := next_charge(purchase):
        return charge
    if not purchase.is_recurring:
        return _("No. It is paid once.")
    if purchase.subscription_status == MISSING_SUBSCRIPTION:
        return _("Unknown. This Stripe account has no such subscription.")
    if purchase.has_running_subscription:
        return _fill(_("No. The subscription ends on %(cancel_at)s."), purchase)
    return _("No. The subscription has ended.") if purchase.subscription_id else _("No. It has not started.")


def format_time(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def _fill(text: str | Promise, purchase: Purchase) -> str:
    values = {
        **message_values(purchase),
        "paid_until": format_day(purchase.paid_until),
        "access_until": format_day(access_until(purchase)),
        "code": f" ({purchase.failure_code})" if purchase.failure_code else "",
        "granted_until": format_time(purchase.granted_until) if purchase.granted_until else "",
        "grace": settings.PAST_DUE_GRACE_DAYS,
    }
    return str(text) % values
