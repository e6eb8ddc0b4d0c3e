"""Charge a saved card off-session.

https://docs.stripe.com/payments/save-during-payment and /billing/revenue-recovery/customer-emails
"""

from .. import cards, events, origin, storage
from ..resources import charges, payment_intents
from ..storage import Obj

AUTHENTICATE = cards.Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NO_METHOD = cards.Decline("missing", None, "This customer has no payment method to charge.")


def find_decline(method: Obj | None, declined: str | None) -> cards.Decline | None:
    """Return why a charge of this card fails, or None. `declined` is the id of a card that the panel made fail."""
    if method is None:
        return NO_METHOD
    card = cards.find_by_fingerprint((method.get("card") or {}).get("fingerprint") or "")
    if card.challenge and not card.is_set_up:
        return AUTHENTICATE
    if card.follow_up == "renewal_declined" or declined == method["id"]:
        return cards.GENERIC
    return card.decline


def charge(intent: Obj, method: Obj | None, reason: cards.Decline | None) -> Obj:
    """Attempt the payment and emit its events. It fails if there is a `reason`. Return the payment intent."""
    if method is None:
        return _record_failure(intent, None, None, "", "This invoice has no payment method.")
    if reason is AUTHENTICATE:
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        intent = storage.update(
            intent["id"], status="requires_action", next_action=action, payment_method=method["id"]
        )
        events.emit("payment_intent.requires_action", intent)
        return intent
    intent = storage.update(intent["id"], payment_method=method["id"], next_action=None)
    if reason is None:
        return _record_success(intent, method)
    failed = charges.new(
        intent, method, _OUTCOME | {"reason": reason.decline_code or reason.code},
        status="failed", failure_code=reason.code, failure_message=reason.message,
    )  # fmt: skip
    events.emit("charge.failed", failed)
    error = {"decline_code": reason.decline_code, "charge": failed["id"], "payment_method": method}
    return _record_failure(intent, failed, error, reason.code, reason.message)


def authenticate(intent: Obj, passed: bool) -> Obj:
    method = storage.get(intent["payment_method"]) or {}
    if passed:
        return charge(intent, method, cards.find_by_fingerprint(method["card"]["fingerprint"]).decline)
    message = "The provided payment method has failed authentication."
    error = {"payment_method": method, "type": "invalid_request_error"}
    return _record_failure(intent, None, error, "payment_intent_authentication_failure", message)


_OUTCOME = {
    "network_status": "declined_by_network",
    "seller_message": "The bank did not return any further details with this decline.",
    "type": "issuer_declined",
}


def _record_success(intent: Obj, method: Obj) -> Obj:
    new_charge = charges.new(intent, method)
    receipt = f"{origin.current()}/stripe-sandbox/receipts/{new_charge['id']}"
    new_charge = storage.update(new_charge["id"], receipt_url=receipt)
    events.emit("charge.succeeded", new_charge)
    fields = {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": new_charge["id"],
        "status": "succeeded",
    }
    intent = storage.update(intent["id"], **fields)
    events.emit("payment_intent.succeeded", intent)
    return intent


def _record_failure(intent: Obj, failed: Obj | None, error: Obj | None, code: str, message: str) -> Obj:
    fields: Obj = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    if error is not None:
        fields["last_payment_error"] = payment_intents.last_error(message, code, **error)
    if failed is not None:
        fields["latest_charge"] = failed["id"]
    intent = storage.update(intent["id"], **fields)
    events.emit("payment_intent.payment_failed", intent)
    return intent
