"""Sessions and configurations of the billing portal. https://docs.stripe.com/api/customer_portal"""

from typing import Any
from urllib.parse import urlsplit

import stripe

from .. import clock, errors, events, ids, shapes, storage
from ..calls import Call, change, empty_to_null, list_objects, load
from ..storage import Obj
from . import portal_flows
from .prices import load_recurring_price

Configuration = stripe.billing_portal.Configuration
_FEATURES: Obj = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": None,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}
_FIXED_QUANTITY = {"enabled": False, "maximum": None, "minimum": 1}
_ALL_FEATURES = {
    name: {"enabled": True} for name in ("invoice_history", "payment_method_update", "subscription_cancel")
}


def new_configuration(features: Obj, **fields: Any) -> Obj:
    """Store a configuration. Features that are not in `features` are off."""
    defaults = {
        "active": True,
        "business_profile": shapes.fill(
            Configuration.BusinessProfile, **empty_to_null(fields.pop("business_profile", {}))
        ),
        "features": _check_products(_merge(_FEATURES, features)),
        "is_default": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "updated": clock.now(),
    }
    return storage.put(shapes.new(Configuration, defaults, fields))


def create_configuration(call: Call) -> Obj:
    configuration = new_configuration(**empty_to_null(call.params))
    events.emit("billing_portal.configuration.created", configuration)
    return configuration


def update_configuration(call: Call) -> Obj:
    configuration, params = load("billing_portal.configuration", call.args["id"]), dict(call.params)
    for name in ("features", "business_profile"):
        if name in params:
            params[name] = _merge(configuration[name], params[name])
    if "features" in params:
        params["features"] = _check_products(params["features"])
    if params.get("active") is False and configuration["is_default"]:
        raise errors.ApiError("You cannot deactivate the default configuration.", param="active")
    return change(configuration, params, "billing_portal.configuration")


def list_configurations(call: Call) -> Obj:
    default_configuration()
    return list_objects("billing_portal.configuration")(call)


def default_configuration() -> Obj:
    """Return the default configuration, with all supported features. Create it if needed."""
    with storage.transaction():
        found = storage.find("billing_portal.configuration", ("is_default", "=", True))
        return found[0] if found else new_configuration(_ALL_FEATURES, is_default=True)


def create_session(call: Call) -> Obj:
    params = empty_to_null(call.params)
    if "customer" not in params:
        raise errors.missing("customer")
    load("customer", params["customer"], "customer")
    if "return_url" in params and urlsplit(params["return_url"]).scheme not in ("http", "https"):
        raise errors.ApiError("Not a valid URL", code="url_invalid", param="return_url")
    if "configuration" in params:
        configuration = load("billing_portal.configuration", params["configuration"], "configuration")
        if not configuration["active"]:
            message = (
                "The configuration specified is inactive. This field only accepts active configurations."
            )
            raise errors.ApiError(message, param="configuration")
    else:
        configuration = default_configuration()
    session_id = ids.new("billing_portal.session")
    fields = {
        "id": session_id,
        "configuration": configuration["id"],
        "flow": portal_flows.parse(params.pop("flow_data", None), params["customer"], configuration),
        "return_url": params.get("return_url") or configuration["default_return_url"],
        "url": f"{call.origin}/stripe-sandbox/portal/{session_id}",
    }
    session = storage.put(shapes.new(stripe.billing_portal.Session, {}, params | fields))
    events.emit("billing_portal.session.created", session)
    return session


def _check_products(features: Obj) -> Obj:
    """Return the features with complete products. Raise ApiError if plans cannot be switched with them."""
    update, at = features["subscription_update"], "features[subscription_update]"
    for name in ("default_allowed_updates", "products") if update["enabled"] else ():
        if not update[name]:
            raise errors.missing(f"{at}[{name}]")
    if update["enabled"] and not features["payment_method_update"]["enabled"]:
        message = "Cannot enable subscription updates while payment method update is disabled."
        raise errors.ApiError(message, param="features[payment_method_update][enabled]")
    if not update["products"]:
        return features
    for index, product in enumerate(update["products"]):
        load("product", product["product"], f"{at}[products][{index}][product]")
        intervals = set()
        for number, price_id in enumerate(product["prices"]):
            param = f"{at}[products][{index}][prices][{number}]"
            if load("price", price_id, param)["product"] != product["product"]:
                message = f"The price `{price_id}` does not belong to the product `{product['product']}`."
                raise errors.ApiError(message, param=param)
            recurring = load_recurring_price(price_id, param)["recurring"]
            intervals.add((recurring["interval"], recurring["interval_count"]))
        if len(intervals) < len(product["prices"]):
            message = "For each product, its price must have unique billing intervals."
            raise errors.ApiError(message, param=f"{at}[products][{index}][prices]")
    products = [{"adjustable_quantity": _FIXED_QUANTITY} | product for product in update["products"]]
    for index, product in enumerate(products):
        product["adjustable_quantity"] = limits = _FIXED_QUANTITY | product["adjustable_quantity"]
        if limits["maximum"] is not None and limits["maximum"] < limits["minimum"]:
            message = "The maximum quantity must not be less than the minimum."
            raise errors.ApiError(message, param=f"{at}[products][{index}][adjustable_quantity][maximum]")
    return features | {"subscription_update": update | {"products": products}}


def _merge(base: Obj, changes: Obj) -> Obj:
    merged = {
        name: _merge(base[name], value)
        if isinstance(value, dict) and isinstance(base.get(name), dict)
        else value
        for name, value in changes.items()
    }
    return base | empty_to_null(merged)
