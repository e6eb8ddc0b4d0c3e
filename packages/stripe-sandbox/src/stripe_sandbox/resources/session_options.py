"""Optional parameters of a new Checkout Session, as the session shows them. Raise ApiError if they are invalid."""

import re
from collections.abc import Callable
from typing import Any

import stripe

from .. import errors, shapes
from ..calls import empty_to_null
from ..storage import Obj

Session = stripe.checkout.Session
MAX_QUANTITY, DEFAULT_MAX_QUANTITY = 999_999, 99
_SUBMIT_TYPES = {"payment": {"auto", "book", "donate", "pay"}, "subscription": {"auto", "subscribe"}}


def check_submit_type(params: Obj) -> None:
    allowed = _SUBMIT_TYPES[params["mode"]]
    if params.get("submit_type", "auto") not in allowed:
        message = f"`submit_type` must be one of {', '.join(sorted(allowed))} in `{params['mode']}` mode."
        raise errors.ApiError(message, param="submit_type")


def parse_quantity_limits(row: Obj, at: str) -> Obj | None:
    """Return `adjustable_quantity` with its defaults, or None if the buyer cannot change the quantity."""
    requested = row.get("adjustable_quantity")
    if not requested or not requested["enabled"]:
        return None
    least, most = requested.get("minimum", 0), requested.get("maximum", DEFAULT_MAX_QUANTITY)
    if not 0 <= least <= most <= MAX_QUANTITY:
        message = f"`minimum` and `maximum` must be between 0 and {MAX_QUANTITY}, and `minimum` must not be greater."
        raise errors.ApiError(message, param=f"{at}[adjustable_quantity]")
    if not least <= row.get("quantity", 1) <= most:
        message = "`quantity` must be between the minimum and the maximum of `adjustable_quantity`."
        raise errors.ApiError(message, param=f"{at}[quantity]")
    return {"enabled": True, "maximum": most, "minimum": least}


def _custom_field(row: Obj, at: str) -> Obj:
    kind = row["type"]
    if not re.fullmatch("[A-Za-z0-9]+", row["key"]):
        raise errors.ApiError("The key must be alphanumeric.", param=f"{at}[key]")
    if wrong := [name for name in ("dropdown", "numeric", "text") if name in row and name != kind]:
        message = f"`{wrong[0]}` can only be used if `type` is `{wrong[0]}`."
        raise errors.ApiError(message, param=f"{at}[{wrong[0]}]")
    settings: Obj = row.get(kind, {})
    if kind == "dropdown":
        values = [option["value"] for option in settings.get("options", [])]
        if not values:
            raise errors.missing(f"{at}[dropdown][options]")
        if len(set(values)) < len(values) or settings.get("default_value", values[0]) not in values:
            message = "The values of the options must differ, and `default_value` must be one of them."
            raise errors.ApiError(message, param=f"{at}[dropdown]")
    shape = {"dropdown": Session.CustomField.Dropdown, "numeric": Session.CustomField.Numeric,
             "text": Session.CustomField.Text}[kind]  # fmt: skip
    fields = {"key": row["key"], "label": row["label"], "optional": row.get("optional", False), "type": kind}
    return shapes.fill(Session.CustomField, **fields, **{kind: shapes.fill(shape, **settings)})


def _custom_fields(rows: list[Obj]) -> list[Obj]:
    fields = [_custom_field(row, f"custom_fields[{index}]") for index, row in enumerate(rows)]
    if len({field["key"] for field in fields}) < len(fields):
        raise errors.ApiError("The keys of custom fields must differ.", param="custom_fields")
    return fields


def _recovery(requested: Obj) -> Obj:
    recovery: Obj = requested.get("recovery") or {"enabled": False}
    values = {"allow_promotion_codes": False} | recovery
    return {"recovery": shapes.fill(Session.AfterExpiration.Recovery, **values)}


def _consent_collection(requested: Obj) -> Obj:
    return shapes.fill(Session.ConsentCollection, **requested)


def check_saved_methods(params: Obj) -> None:
    """Raise ApiError if the buyer could save a payment method without a customer.

    https://docs.stripe.com/payments/checkout/save-during-payment
    """
    if params.get("saved_payment_method_options", {}).get("payment_method_save") != "enabled":
        return
    if "customer" not in params and not creates_customer(params):
        message = (
            "Saving a payment method requires a customer: pass `customer` or `customer_creation=always`."
        )
        raise errors.ApiError(message, param="saved_payment_method_options[payment_method_save]")


def creates_customer(fields: Obj) -> bool:
    """Return whether a session without `customer` creates one. `fields` are those of the request or of the session.

    https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-customer_creation
    """
    invoices = fields.get("invoice_creation") or {"enabled": False}
    return bool(
        fields["mode"] == "subscription" or fields.get("customer_creation") == "always" or invoices["enabled"]
    )


def saved_methods(requested: Obj) -> Obj:
    defaults: Obj = {"allow_redisplay_filters": ["always"], "payment_method_remove": "disabled"}
    return shapes.fill(Session.SavedPaymentMethodOptions, **defaults | requested)


# parameter ▶ function that builds the session's field
BUILDERS: dict[str, Callable[[Any], Any]] = {
    "after_expiration": _recovery,
    "consent_collection": _consent_collection,
    "custom_fields": _custom_fields,
    "saved_payment_method_options": saved_methods,
    "custom_text": lambda requested: shapes.fill(Session.CustomText, **empty_to_null(requested)),
}
