"""Handlers of /v1/payment_intents and /v1/setup_intents. https://docs.stripe.com/api/payment_intents

The buyer confirms 3D Secure on the page of `next_action.redirect_to_url.url`.
"""

from dataclasses import replace
from typing import Any

from .. import account_state, amount_limits, cards, clock, currencies, errors, events, origin, storage
from ..calls import Call, empty_to_null, load
from ..resources import payment_intents, payment_methods, setup_intents
from ..storage import Obj
from . import charging

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CONFIRMATION = ("confirm", "off_session", "return_url")
_NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
AUTHENTICATION_FAILED = "The provided payment method has failed authentication."


def create_payment(call: Call) -> Obj:
    account_state.check_charges()
    params = empty_to_null(call.params)
    currency = currencies.check_currency(params.pop("currency"), "currency")
    amount = params.pop("amount")
    amount_limits.check_charge(amount, currency)
    return _create(params, lambda **fields: payment_intents.new(amount, currency, **fields))


def create_setup(call: Call) -> Obj:
    return _create(empty_to_null(call.params), setup_intents.new)


def confirm(call: Call) -> Obj:
    """POST /v1/payment_intents/{id}/confirm and the same of setup intents."""
    kind = "payment_intent" if "payment_intents" in call.path else "setup_intent"
    params = dict(call.params)
    intent = _check_state(load(kind, call.args["id"]), _CONFIRMABLE, "confirm")
    if token := params.pop("payment_method", None):
        method = payment_methods.resolve(token, intent["customer"], intent["payment_method"])
        intent = storage.update(intent["id"], payment_method=method["id"])
    if intent["payment_method"] is None:
        message = (
            f"You cannot confirm this {_NAMES[kind]} because it's missing a payment method. You can either update the"
            f" {_NAMES[kind]} with a payment method and then confirm it again, or confirm it again directly with a"
            " payment method."
        )
        raise errors.ApiError(message, code=f"{kind}_unexpected_state")
    fields = {name: params.pop(name) for name in ("receipt_email", "setup_future_usage") if name in params}
    return _confirm(storage.update(intent["id"], **fields), params)


def cancel(call: Call) -> Obj:
    kind = "payment_intent" if "payment_intents" in call.path else "setup_intent"
    intent = _check_state(load(kind, call.args["id"]), _CONFIRMABLE, "cancel")
    fields: Obj = {"cancellation_reason": call.params.get("cancellation_reason"), "next_action": None}
    if kind == "payment_intent":
        fields["canceled_at"] = clock.now()
    intent = storage.update(intent["id"], status="canceled", **fields)
    events.emit(f"{kind}.canceled", intent)
    return intent


def authenticate(intent: Obj, passed: bool) -> Obj:
    """Record the buyer's answer to 3D Secure. A declined payment raises no error: the store shows it to the buyer."""
    method = storage.get(intent["payment_method"]) or {}
    card = cards.find_by_fingerprint(method["card"]["fingerprint"])
    if intent["object"] == "payment_intent":
        after = charging.authenticate(intent, passed)
    elif passed and card.decline is None:
        after = _complete_setup(intent, method)
    else:
        code, message = f"{intent['object']}_authentication_failure", AUTHENTICATION_FAILED
        after = _fail_setup(intent, method, code, message, {"type": "invalid_request_error"})
    if after["status"] == "succeeded":
        _save_method(after, method)
    return after


def _create(params: Obj, new: Any) -> Obj:
    options = {name: params.pop(name) for name in _CONFIRMATION if name in params}
    methods = params.pop("automatic_payment_methods", None) or {"enabled": True}
    if options.get("off_session") and not options.get("confirm"):
        message = (
            "The parameter `off_session` cannot be passed when creating an intent unless `confirm` is `true`."
        )
        raise errors.ApiError(message, param="off_session")
    customer = params.get("customer")
    if customer:
        load("customer", customer, "customer")
    token = params.pop("payment_method", None)
    if token:
        method = payment_methods.resolve(token, customer)
        params |= {"payment_method": method["id"], "status": "requires_confirmation"}
    elif options.get("confirm"):
        raise errors.missing("payment_method")
    intent = new(automatic_payment_methods={"allow_redirects": "always"} | methods, **params)
    events.emit(f"{intent['object']}.created", intent)
    return _confirm(intent, options) if options.get("confirm") else intent


def _confirm(intent: Obj, options: Obj) -> Obj:
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects") == "always"
    if redirects and not (options.get("return_url") or options.get("off_session")):
        message = (
            f"This {_NAMES[intent['object']]} is configured to accept payment methods enabled in your Dashboard."
            " Because some of these payment methods might redirect your customer off of your page, you must provide a"
            " `return_url`. If you don't want to accept redirect-based payment methods and don't want to provide a"
            " return URL, set `automatic_payment_methods[enabled]` to `true` and"
            " `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
        )
        raise errors.ApiError(message, param="return_url")
    method = storage.get(intent["payment_method"]) or {}
    card = cards.find_by_fingerprint(method["card"]["fingerprint"])
    if card.challenge and not options.get("off_session"):
        return _require_action(intent, options.get("return_url"))
    if intent["object"] == "setup_intent":
        if card.decline is None:
            return _save_method(_complete_setup(intent, method), method)
        error = {"decline_code": card.decline.decline_code}
        after = _fail_setup(intent, method, card.decline.code, card.decline.message, error)
        raise _declined(after, card.decline)
    reason = charging.find_decline(method, declined=None)
    # A copy, because charge() waits for the buyer if the reason is AUTHENTICATE itself.
    reason = replace(reason) if reason else None
    after = charging.charge(intent, method, reason)
    if reason:
        raise _declined(after, reason)
    return _save_method(after, method)


def _require_action(intent: Obj, return_url: str | None) -> Obj:
    url = f"{origin.current()}/stripe-sandbox/intents/{intent['id']}/authenticate"
    action = {
        "redirect_to_url": {"return_url": return_url, "url": url},
        "type": "redirect_to_url",
    }
    intent = storage.update(intent["id"], status="requires_action", next_action=action)
    events.emit(f"{intent['object']}.requires_action", intent)
    return intent


def _complete_setup(intent: Obj, method: Obj) -> Obj:
    after = storage.update(intent["id"], status="succeeded", next_action=None, last_setup_error=None)
    events.emit("setup_intent.succeeded", after)
    return after


def _fail_setup(intent: Obj, method: Obj, code: str, message: str, error: Obj) -> Obj:
    last_error = setup_intents.last_error(message, code, payment_method=method, **error)
    fields = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    after = storage.update(intent["id"], last_setup_error=last_error, **fields)
    events.emit("setup_intent.setup_failed", after)
    return after


def _save_method(intent: Obj, method: Obj) -> Obj:
    """Attach a new payment method to the customer, if it is saved for later payments."""
    saves = intent["object"] == "setup_intent" or intent["setup_future_usage"]
    if saves and intent["customer"] and method["customer"] is None:
        events.emit("payment_method.attached", storage.update(method["id"], customer=intent["customer"]))
    return intent


def _declined(intent: Obj, reason: cards.Decline) -> errors.Declined:
    fields = {intent["object"]: intent}
    if intent["object"] == "payment_intent":
        fields["charge"] = intent["latest_charge"]
    return errors.Declined(reason.message, reason.code, decline_code=reason.decline_code, **fields)


def _check_state(intent: Obj, states: tuple[str, ...], verb: str) -> Obj:
    if storage.find("checkout.session", ("payment_intent", "=", intent["id"])):
        message = f"You cannot {verb} this PaymentIntent because it was created by Checkout."
        raise errors.ApiError(message, param="intent")
    if storage.find("invoice_payment", ("payment.payment_intent", "=", intent["id"])):
        message = f"You cannot {verb} this PaymentIntent because it was created by an invoice. Pay the invoice instead."
        raise errors.ApiError(message, param="intent")
    if intent["status"] not in states:
        kind = intent["object"]
        message = f"You cannot {verb} this {_NAMES[kind]} because it has a status of {intent['status']}."
        error = errors.ApiError(message, code=f"{kind}_unexpected_state")
        error.error[kind] = intent
        raise error
    return intent
