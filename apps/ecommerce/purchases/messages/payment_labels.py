"""Labels and notes about one payment, for its buyer."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Payment, Suspension
from apps.ecommerce.purchases.entitlements import dispute_suspension
from apps.ecommerce.purchases.messages.payment_failures import failure_text
from apps.ecommerce.purchases.messages.values import format_day

Status = Payment.Status


@dataclass(frozen=True, slots=True)
class PaymentLabel:
    text: str | Promise
    tone: str = "calm"  # colour of the badge: good, wait, bad, calm
    note: str | Promise = ""


LABELS: dict[str, PaymentLabel] = {
    Status.PAID: PaymentLabel(Status.PAID.label, "good"),
    "free": PaymentLabel(_("nothing to pay")),
    "credited": PaymentLabel(_("credited"), note=_("We'll deduct this credit from your next payments.")),
    "refunded": PaymentLabel(_("refunded")),
    "partially_refunded": PaymentLabel(_("partially refunded")),
    Suspension.DISPUTED: PaymentLabel(
        Suspension.DISPUTED.label, "bad", _("Your bank has opened a dispute about this payment.")
    ),
    Suspension.DISPUTE_LOST: PaymentLabel(
        Suspension.DISPUTE_LOST.label, note=_("Your bank returned the money to you.")
    ),
    Status.OPEN: PaymentLabel(Status.OPEN.label, "wait"),
    Status.PROCESSING: PaymentLabel(Status.PROCESSING.label, "wait"),
    Status.FAILED: PaymentLabel(Status.FAILED.label, "bad"),
    Status.VOID: PaymentLabel(Status.VOID.label),
    Status.UNCOLLECTIBLE: PaymentLabel(Status.UNCOLLECTIBLE.label, "bad"),
}


def payment_label(payment: Payment) -> PaymentLabel:
    return LABELS[payment_key(payment)]


def payment_key(payment: Payment) -> str:
    if not payment.is_paid:
        return payment.status
    if suspended_by := dispute_suspension(payment.dispute_status):
        return suspended_by
    if payment.is_refunded:
        return "refunded"
    if payment.amount_refunded:
        return "partially_refunded"
    if payment.amount_total <= 0:
        return "credited" if payment.amount_total else "free"
    return payment.status


def payment_note(payment: Payment) -> str:
    """Return why the payment failed or what happened to it; "" for most payments."""
    if payment.failure_code and not payment.is_paid:
        return failure_text(payment.failure_code)
    return str(payment_label(payment).note)


def payment_period(payment: Payment) -> str:
    """Return the period of a subscription that the payment is for: "Nov. 28, 2026 – Dec. 28, 2026"."""
    if not (payment.period_start and payment.period_end):
        return ""
    return f"{format_day(payment.period_start)} – {format_day(payment.period_end)}"


def can_pay_now(payment: Payment) -> bool:
    """Return whether the buyer can pay the invoice on its page at Stripe. An ended subscription needs no payment."""
    is_unpaid = payment.status in (Status.OPEN, Status.FAILED)
    return is_unpaid and bool(payment.invoice_url) and payment.purchase.has_running_subscription


def is_for_current_plan(payment: Payment) -> bool:
    """Return whether the payment is for the product, price and quantity of the purchase, which may have changed."""
    purchase = payment.purchase
    is_same_product = not payment.description or purchase.product_name in payment.description
    return is_same_product and (purchase.unit_amount or 0) * purchase.quantity == payment.amount_subtotal
