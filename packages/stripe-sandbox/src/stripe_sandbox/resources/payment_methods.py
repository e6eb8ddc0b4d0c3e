"""https://docs.stripe.com/api/payment_methods"""

from typing import Any

import stripe

from .. import cards, errors, events, shapes, storage
from ..calls import Call, change, empty_to_null, list_page, load
from ..storage import Filter, Obj


def new(card: Obj, billing_details: Obj, **fields: Any) -> Obj:
    """Store a card. `card` needs brand, last4, exp_month, exp_year and funding."""
    details = {
        "checks": shapes.fill(stripe.PaymentMethod.Card.Checks, cvc_check="pass"),
        "country": "US",
        "display_brand": card["brand"],
        "networks": {"available": [card["brand"]], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
    }
    defaults = {
        "allow_redisplay": "limited",
        "billing_details": _billing(billing_details),
        "card": shapes.fill(stripe.PaymentMethod.Card, **(details | card)),
        "metadata": {},
        "type": "card",
    }
    return storage.put(shapes.new(stripe.PaymentMethod, defaults, fields))


def new_card(card: cards.Card, month: int, year: int, billing_details: Obj, **fields: Any) -> Obj:
    details = {
        "brand": card.brand,
        "checks": shapes.fill(stripe.PaymentMethod.Card.Checks, **card.check_results),
        "country": card.country,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
    }
    return new(details, billing_details, **fields)


def new_bank_account(account: Obj, billing_details: Obj, **fields: Any) -> Obj:
    defaults = {
        "allow_redisplay": "limited",
        "billing_details": _billing(billing_details),
        "metadata": {},
        "sepa_debit": shapes.fill(stripe.PaymentMethod.SepaDebit, **account),
        "type": "sepa_debit",
    }
    return storage.put(shapes.new(stripe.PaymentMethod, defaults, fields))


def _billing(details: Obj) -> Obj:
    address = shapes.fill(stripe.PaymentMethod.BillingDetails.Address, **(details.get("address") or {}))
    return shapes.fill(stripe.PaymentMethod.BillingDetails, **(details | {"address": address}))


def attach(call: Call) -> Obj:
    """POST /v1/payment_methods/{id}/attach. A test token such as pm_card_visa becomes a new card."""
    customer = call.params.get("customer")
    if not customer:
        raise errors.missing("customer")
    load("customer", customer, "customer")
    token = call.args["id"]
    if card := cards.BY_TOKEN.get(token):
        if card.decline and not card.challenge:
            raise errors.Declined(
                card.decline.message, card.decline.code, decline_code=card.decline.decline_code
            )
        method = _new_from_token(card)
    else:
        method = load("payment_method", token)
        _check_attachable(method, customer)
    after = storage.put(method | {"customer": customer})
    events.emit("payment_method.attached", after)
    return after


def listing(call: Call) -> Obj:
    """GET /v1/payment_methods: those of one customer, or those of the account without a customer."""
    names = ("allow_redisplay", "type")
    filters: list[Filter] = [(name, "=", call.params[name]) for name in names if name in call.params]
    return list_page(call, "payment_method", ("customer", "IS", call.params.get("customer")), *filters)


def update(call: Call) -> Obj:
    """POST /v1/payment_methods/{id}, only of a payment method that is attached to a customer."""
    method = load("payment_method", call.args["id"])
    if method["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise errors.ApiError(message)
    params = dict(call.params)
    for name in ("billing_details", "card"):
        if name in params:
            params[name] = _merge(method[name], params[name])
    return change(method, params, "payment_method")


def _merge(details: Obj, changes: Obj) -> Obj:
    """Return the details with the changes, also in nested hashes, such as the address."""
    nested = {
        name: _merge(details[name], value) if isinstance(value, dict) and details[name] else value
        for name, value in changes.items()
    }
    return details | empty_to_null(nested)


def detach(call: Call) -> Obj:
    """POST /v1/payment_methods/{id}/detach."""
    return remove(load("payment_method", call.args["id"]))


def remove(method: Obj) -> Obj:
    """Detach the payment method. It is no longer the default of its customer or of a subscription."""
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise errors.ApiError(message)
    customer = storage.get(method["customer"], "customer") or {}
    settings = customer.get("invoice_settings") or {}
    if settings.get("default_payment_method") == method["id"]:
        cleared = settings | {"default_payment_method": None}
        events.emit_updated("customer", customer, storage.update(customer["id"], invoice_settings=cleared))
    for subscription in storage.find("subscription", ("default_payment_method", "=", method["id"])):
        storage.update(subscription["id"], default_payment_method=None)
    after = storage.update(method["id"], customer=None)
    storage.update_hidden(method["id"], attachable=False)
    events.emit("payment_method.detached", after, {"customer": method["customer"]})
    return after


def allow_attaching(method: Obj) -> None:
    """Let requests attach a payment method that a guest paid with, because the payment has `setup_future_usage`."""
    storage.update_hidden(method["id"], attachable=True)


def load_owned(method_id: str, customer: str, param: str) -> Obj:
    """Return the payment method. Raise ApiError unless it is attached to the customer."""
    method = load("payment_method", method_id, param)
    if method["customer"] != customer:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be attached"
            " to the customer."
        )
        raise errors.ApiError(message, code="resource_missing", param=param)
    return method


def resolve(token: str, customer: str | None, known: str | None = None) -> Obj:
    """Return the payment method of a payment: a new card for a test token such as pm_card_visa.

    Raise ApiError if it belongs to another customer, or to none and is not the `known` one of the payment.
    """
    if card := cards.BY_TOKEN.get(token):
        return _new_from_token(card)
    method = load("payment_method", token, "payment_method")
    if method["customer"] is None and method["id"] != known:
        raise _used_before()
    if method["customer"] not in (None, customer):
        message = (
            "The PaymentMethod you provided is attached to a customer. To use it, you must pass that customer in the"
            " request."
        )
        raise errors.ApiError(message, param="payment_method")
    return method


def _new_from_token(card: cards.Card) -> Obj:
    return new_card(card, 12, 2040, {}, allow_redisplay="unspecified")


def _check_attachable(method: Obj, customer: str) -> None:
    """Raise ApiError for a payment method of another customer, and for one of a payment that did not save it."""
    if method["customer"] is None and not storage.get_hidden(method["id"]).get("attachable"):
        raise _used_before()
    if method["customer"] not in (None, customer):
        raise errors.ApiError("The payment method you provided has already been attached to a customer.")


def _used_before() -> errors.ApiError:
    return errors.ApiError(
        "This PaymentMethod was previously used without being attached to a Customer or was detached from a"
        " Customer, and may not be used again."
    )
