"""Refund a payment of an order, in full or in part. https://docs.stripe.com/refunds"""

from typing import Any

import stripe
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stripe.params import RefundCreateParams

from apps.ecommerce.back_office.actions.base import ActionForm, OrderAction, sync_after
from apps.ecommerce.back_office.actions.cancellations import cancel_now
from apps.ecommerce.back_office.actions.refund_texts import (
    REFUSALS,
    describe_access,
    describe_subscription,
    failure_text,
    success_text,
)
from apps.ecommerce.back_office.audit import ActionRefused, describe_error
from apps.ecommerce.back_office.sentences import next_charge
from apps.ecommerce.catalogue.amounts import AmountError, format_amount, parse_amount
from apps.ecommerce.models import OperatorAction, Payment, Purchase, Refund
from apps.ecommerce.money import format_money, has_uncharged_fraction
from apps.ecommerce.purchases.entitlements import dispute_suspension
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.messages.values import format_day
from apps.ecommerce.purchases.stripe_errors import is_unclear
from apps.ecommerce.stripe_api.client import StripeData, fetch_pages, get_client
from apps.users.models import User

# https://docs.stripe.com/api/refunds/create#create_refund-reason
REASONS = [
    ("requested_by_customer", gettext_lazy("the buyer asked for it")),
    ("duplicate", gettext_lazy("paid twice")),
    ("fraudulent", gettext_lazy("fraud: Stripe blocks the card and the e-mail address from now on")),
]


def refundable_payments(purchase: Purchase) -> list[Payment]:
    """Return the payments that Stripe can refund, newest first."""
    return [payment for payment in purchase.payments.all() if is_refundable(payment)]


def is_refundable(payment: Payment) -> bool:
    is_at_stripe = bool(payment.payment_intent_id or payment.charge_id)
    is_taken_back = dispute_suspension(payment.dispute_status) is not None
    return payment.is_paid and is_at_stripe and payment.amount_after_refunds > 0 and not is_taken_back


class RefundForm(ActionForm):
    payment = forms.ChoiceField(label=gettext_lazy("Payment"), widget=forms.RadioSelect)
    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=30)
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=REASONS)
    cancel = forms.BooleanField(label=gettext_lazy("Cancel the subscription now, too"), required=False)

    def __init__(self, *args: Any, purchase: Purchase, **kwargs: Any) -> None:
        super().__init__(*args, purchase=purchase, **kwargs)
        self.payments = refundable_payments(purchase)
        choice: Any = self.fields["payment"]
        choice.choices = [(payment.stripe_id, _payment_label(payment)) for payment in self.payments]
        choice.initial = self.payments[0].stripe_id if self.payments else None
        amount = self.fields["amount"]
        amount.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}
        if len(self.payments) == 1:
            amount.initial = format_amount(self.payments[0].amount_after_refunds, self.payments[0].currency)
        else:
            amount.required = False
            amount.help_text = _("Empty: the rest of the payment.")
        if not purchase.will_be_charged_again:
            del self.fields["cancel"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        payment = next((row for row in self.payments if row.stripe_id == data.get("payment")), None)
        if payment and "amount" in data:
            try:
                data["amount"] = _read_amount(data["amount"], payment)
            except AmountError as error:
                self.add_error("amount", str(error))
        return data


class RefundPayment(OrderAction):
    name = "refund"
    permission = "ecommerce.refund_purchase"
    label = gettext_lazy("Refund")
    is_destructive = True
    form_class = RefundForm

    def get_form(
        self, purchase: Purchase, operator: User, data: Any = None, initial: Any = None
    ) -> ActionForm:
        form = super().get_form(purchase, operator, data, initial)
        if not operator.has_perm("ecommerce.cancel_purchase"):
            form.fields.pop("cancel", None)
        return form

    def is_possible(self, purchase: Purchase) -> bool:
        return bool(refundable_payments(purchase))

    def describe(self, purchase: Purchase) -> list[str]:
        texts = [describe_access(purchase, refundable_payments(purchase))]
        if purchase.upgrades.exists():
            texts.append(_("A full refund also ends access through the upgrade of this order."))
        if charge := next_charge(purchase):
            texts.append(describe_subscription(purchase, charge))
        if any(dispute_suspension(payment.dispute_status) for payment in purchase.payments.all()):
            texts.append(
                _(
                    "Disputed payments are not offered: the bank has taken the money back, or decides about it."
                )
            )
        texts.append(
            _(
                "The buyer gets an e-mail. The money arrives within 5 to 10 business days. Stripe keeps its fees."
            )
        )
        return texts

    def run(self, purchase: Purchase, entry: OperatorAction, data: dict[str, Any]) -> str:
        payment = purchase.payments.get(stripe_id=data["payment"])
        try:
            refund = _find_or_create(payment, entry, data)
        except stripe.InvalidRequestError as error:
            if is_unclear(error):
                raise
            sync_after(purchase, f"refund by {entry.operator_name}", "")  # the copy may be outdated
            refusal = REFUSALS.get(error.code or "") or describe_error(error)
            raise ActionRefused(str(refusal)) from error
        cause = f"refunded by {entry.operator_name}"
        if refund["status"] in Refund.UNSUCCESSFUL:
            sync_after(purchase, cause, "")
            raise ActionRefused(failure_text(refund))
        message = success_text(refund)
        if data.get("cancel"):
            message = f"{message} {_cancel(purchase)}"
        return sync_after(purchase, cause, message)


def _cancel(purchase: Purchase) -> str:
    try:
        return cancel_now(purchase)
    except stripe.StripeError as error:
        if is_unclear(error):
            raise  # sending the same form again finds the refund of this attempt
        text = _("The subscription could not be canceled: %(error)s")
        return text % {"error": error.user_message or error}


def _find_or_create(payment: Payment, entry: OperatorAction, data: dict[str, Any]) -> StripeData:
    """Return the refund of this entry, which an earlier try may have created without getting Stripe's answer."""
    source = {"payment_intent": payment.payment_intent_id} if payment.payment_intent_id else {}
    source = source or {"charge": payment.charge_id}
    known = [refund for page in fetch_pages("refunds", **source) for refund in page]
    for refund in known:
        if (refund["metadata"] or {}).get("operator_action") == str(entry.token):
            return refund
    refunded = sum(row["amount"] for row in known if row["status"] not in Refund.UNSUCCESSFUL)
    if refunded > payment.amount_refunded:
        sync_purchase(payment.purchase, f"refund by {entry.operator_name}")
        raise ActionRefused(
            _("%(amount)s of this payment has been refunded at Stripe. Check the order, and confirm again.")
            % {"amount": format_money(refunded, payment.currency)}
        )
    params: RefundCreateParams = {
        "amount": data["amount"],
        "reason": data["reason"],
        "metadata": {"operator_action": str(entry.token)},
        **source,  # type: ignore[typeddict-item]
    }
    options: stripe.RequestOptions = {"idempotency_key": f"operator-{entry.token}-refund"}
    return get_client().v1.refunds.create(params, options).to_dict()


def _read_amount(text: str, payment: Payment) -> int:
    left, currency = payment.amount_after_refunds, payment.currency
    amount = parse_amount(text, currency) if text else left
    if amount < 1:
        raise AmountError(_("Enter an amount above zero."))
    if amount > left:
        raise AmountError(_("At most %(amount)s can be refunded.") % {"amount": format_money(left, currency)})
    if amount != left and has_uncharged_fraction(amount, currency):
        raise AmountError(
            _("Stripe does not refund such a fraction of %(currency)s.") % {"currency": currency.upper()}
        )
    return amount


def _payment_label(payment: Payment) -> str:
    parts = [
        format_day(payment.paid_at or payment.created_at),
        format_money(payment.amount_paid, payment.currency),
        payment.payment_method,
    ]
    if payment.amount_refunded:
        left = format_money(payment.amount_after_refunds, payment.currency)
        parts.append(_("%(amount)s not refunded yet") % {"amount": left})
    return " · ".join(filter(None, parts))
