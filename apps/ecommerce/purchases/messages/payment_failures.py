"""Why a payment failed, in the shop's words. Stripe's codes: https://docs.stripe.com/declines/codes and /error-codes"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DECLINED = _("Your card was declined. Try another card or contact your bank.")
OTHER = _("Your payment was declined. Try another payment method or contact your bank.")

# Other codes get the text OTHER. Stripe asks shops not to say that a card is reported as lost or stolen.
TEXTS: dict[str, str | Promise] = {
    **dict.fromkeys(["card_declined", "generic_decline", "do_not_honor", "call_issuer"], DECLINED),
    **dict.fromkeys(["fraudulent", "lost_card", "stolen_card", "pickup_card", "restricted_card"], DECLINED),
    **dict.fromkeys(["do_not_try_again", "no_action_taken", "transaction_not_allowed"], DECLINED),
    "insufficient_funds": _("Your account has insufficient funds. Try another payment method."),
    **dict.fromkeys(
        ["card_velocity_exceeded", "withdrawal_count_limit_exceeded"],
        _("You have reached the limit of your card. Try another card or contact your bank."),
    ),
    "expired_card": _("Your card has expired. Try another card."),
    **dict.fromkeys(
        ["incorrect_number", "invalid_number", "invalid_expiry_month", "invalid_expiry_year"],
        _("The card number or expiry date is incorrect. Check it and try again."),
    ),
    **dict.fromkeys(
        ["incorrect_cvc", "invalid_cvc"],
        _("The security code of your card is incorrect. Check it and try again."),
    ),
    **dict.fromkeys(
        ["incorrect_address", "incorrect_zip"],
        _("The billing address does not match your card. Check it and try again."),
    ),
    **dict.fromkeys(
        ["authentication_required", "payment_intent_authentication_failure"],
        _("Your bank could not verify your payment. Try again or use another payment method."),
    ),
    **dict.fromkeys(
        ["card_not_supported", "currency_not_supported"],
        _("Your card cannot be used for this payment. Try another card."),
    ),
    **dict.fromkeys(
        ["processing_error", "issuer_not_available", "try_again_later", "reenter_transaction"],
        _("Your payment could not be processed. Wait a moment, then try again."),
    ),
    **dict.fromkeys(
        ["account_closed", "bank_account_closed", "debit_not_authorized", "generic_could_not_process"],
        _("Your bank declined the direct debit. Try another payment method or contact your bank."),
    ),
}


def failure_text(code: str) -> str:
    """Return the buyer's text for a decline code or an error code of Stripe."""
    return str(TEXTS.get(code, OTHER))
