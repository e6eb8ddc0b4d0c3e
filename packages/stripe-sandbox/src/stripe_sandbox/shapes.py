"""Build complete Stripe objects from the classes of the SDK.

Stripe sends all fields of an object, null if they have no value. Unknown and missing fields raise TypeError, so that
a new version of the SDK shows where the sandbox is out of date.
"""

from functools import cache
from types import NoneType
from typing import Any, get_args

import stripe
from stripe._object_classes import get_object_class

from . import clock, ids
from .storage import Obj

Shape = Any
"""A class of the SDK. Any, because mypy takes these classes for unhashable."""

# Fields that Stripe omits (instead of null) unless they are expanded or have a value.
_OMITTED: dict[type, set[str]] = {
    stripe.Balance: {"connect_reserved", "instant_available", "issuing", "refund_and_dispute_prefunding"},
    stripe.Charge: {"authorization_code", "level3", "presentment_details", "radar_options", "refunds", "transfer"},
    stripe.Charge.Outcome: {"rule"},
    stripe.Coupon: {"applies_to", "currency_options"},
    stripe.Customer: {"cash_balance", "invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids"},
    stripe.Dispute: {"intended_submission_method", "network_reason_code"},
    stripe.Dispute.Evidence: {"appeal"},
    stripe.Event: {"account", "context"},
    stripe.Event.Data: {"previous_attributes"},
    stripe.Invoice: {"amount_paid_off_stripe", "confirmation_secret", "payments", "status_details", "threshold_reason"},
    stripe.PaymentIntent: {"allowed_payment_method_types", "hooks", "payment_details", "presentment_details"},
    stripe.PaymentIntent.LastPaymentError: {"payment_intent", "setup_intent", "source"},
    stripe.PaymentMethod: set(stripe.PaymentMethod._inner_class_types) - {"billing_details"} | {"radar_options"},
    stripe.PaymentMethod.Card: {"description", "iin", "issuer"},
    stripe.Charge.PaymentMethodDetails: set(stripe.Charge.PaymentMethodDetails._inner_class_types),
    stripe.Charge.PaymentMethodDetails.Card: {
        "capture_before", "description", "electronic_commerce_indicator", "iin", "issuer", "moto",
        "setup_credential_usage", "stored_credential_usage", "transaction_link_id",
    },
    stripe.LineItem: {"discounts", "taxes"},
    stripe.PaymentRecord.PaymentMethodDetails: (
        set(stripe.PaymentRecord.PaymentMethodDetails._inner_class_types) - {"billing_details", "custom"}
    ),
    stripe.Plan: {"tiers"},
    stripe.Price: {"currency_options", "tiers"},
    stripe.Price.CurrencyOptions: {"tiers"},
    stripe.Product: {"tax_details"},
    stripe.PromotionCode.Restrictions: {"currency_options"},
    stripe.Refund: {
        "description", "failure_balance_transaction", "failure_reason", "instructions_email", "next_action",
        "pending_reason", "presentment_details",
    },
    stripe.SetupIntent: {"allowed_payment_method_types", "attach_to_self", "managed_payments"},
    stripe.SetupIntent.LastSetupError: {"payment_intent", "setup_intent", "source"},
    stripe.Subscription: {"presentment_details", "status_details"},
    stripe.SubscriptionItem: {"billed_until", "current_trial"},
    stripe.WebhookEndpoint: {"secret"},
    stripe.checkout.Session: {
        "allowed_payment_method_types", "excluded_payment_method_types", "line_items", "name_collection",
        "optional_items", "presentment_details", "return_url", "tax_id_collection",
    },
}  # fmt: skip


def fill(cls: Shape, **values: Any) -> Obj:
    """Return an object of this SDK class. Fields without a value are null.

    Raise TypeError for a field that the class does not have, and for a missing field that cannot be null.
    """
    required, nullable, absent = _fields(cls)
    if wrong := values.keys() - required - nullable.keys() - absent:
        raise TypeError(f"{cls.__qualname__} has no {', '.join(sorted(wrong))}")
    if missing := {name for name in required if values.get(name) is None}:
        raise TypeError(f"{cls.__qualname__} needs {', '.join(sorted(missing))}")
    return nullable | values


def new(cls: Shape, defaults: Obj, fields: Obj) -> Obj:
    """Return a new object with id and date. `fields` override `defaults`; all other fields are null."""
    kind = cls.OBJECT_NAME
    basics = {"id": ids.new(kind), "object": kind, "created": clock.now(), "livemode": False}
    known = {name: value for name, value in basics.items() if name in cls.__annotations__ or name == "object"}
    required = _fields(cls)[0]
    given = {name: value for name, value in fields.items() if value is not None or name not in required}
    return fill(cls, **(known | defaults | given))


def is_nullable(kind: str, name: str) -> bool:
    cls: Shape = get_object_class("V1", kind)
    return name == "metadata" or name not in _fields(cls)[0]


@cache
def _fields(cls: Shape) -> tuple[frozenset[str], Obj, frozenset[str]]:
    nullable: Obj = {}
    required = {"object"} if hasattr(cls, "OBJECT_NAME") else set()
    absent = _OMITTED.get(cls, set()) | {"deleted"}
    for name, hint in cls.__annotations__.items():
        if name.startswith("_") or name == "OBJECT_NAME" or name in absent:
            continue
        if NoneType in get_args(hint) or str(hint).startswith("Optional"):
            nullable[name] = None
        else:
            required.add(name)
    return frozenset(required), nullable, frozenset(absent)


def list_object(data: list[Obj], url: str, has_more: bool = False) -> Obj:
    """Return Stripe's list object. The SDK adds the base URL to `url`, so it starts with /v1/."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
