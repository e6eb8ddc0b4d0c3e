"""Sessions and configurations of the billing portal. https://docs.stripe.com/api/customer_portal"""

from typing import Any
from urllib.parse import urlsplit

import stripe

from .. import clock, errors, events, ids, shapes, storage
from ..calls import Call, change, empty_to_null, list_objects, load
from ..storage import Obj

Configuration = stripe.billing_portal.Configuration
Flow = stripe.billing_portal.Session.Flow
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
        "features": _merge(_FEATURES, features),
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
        "flow": _flow(params.pop("flow_data", None), params["customer"], configuration),
        "return_url": params.get("return_url") or configuration["default_return_url"],
        "url": f"{call.origin}/stripe-sandbox/portal/{session_id}",
    }
    session = storage.put(shapes.new(stripe.billing_portal.Session, {}, params | fields))
    events.emit("billing_portal.session.created", session)
    return session


def _flow(data: Obj | None, customer: str, configuration: Obj) -> Obj | None:
    if data is None:
        return None
    kind, cancel = data["type"], data.get("subscription_cancel")
    if not configuration["features"][kind]["enabled"]:
        message = f"This portal configuration has the feature `{kind}` turned off."
        raise errors.ApiError(message, param="flow_data[type]")
    if kind == "subscription_cancel":
        if not cancel:
            raise errors.missing("flow_data[subscription_cancel]")
        _check_cancel(cancel["subscription"], customer)
    after = data.get("after_completion", {"type": "portal_homepage"})
    if after["type"] == "redirect" and not after.get("redirect"):
        raise errors.missing("flow_data[after_completion][redirect]")
    confirmation = {"custom_message": None} | after.get("hosted_confirmation", {})
    return shapes.fill(
        Flow,
        after_completion=shapes.fill(
            Flow.AfterCompletion,
            type=after["type"],
            redirect=after.get("redirect"),
            hosted_confirmation=confirmation if after["type"] == "hosted_confirmation" else None,
        ),
        subscription_cancel={"retention": None, "subscription": cancel["subscription"]} if cancel else None,
        type=kind,
    )


def _check_cancel(subscription_id: str, customer: str) -> None:
    param = "flow_data[subscription_cancel][subscription]"
    subscription = load("subscription", subscription_id, param)
    if subscription["customer"] != customer:
        raise errors.ApiError("The subscription belongs to another customer.", param=param)
    if (
        subscription["cancel_at_period_end"]
        or subscription["cancel_at"]
        or subscription["status"] == "canceled"
    ):
        message = f"The subscription `{subscription_id}` is already set to be canceled."
        raise errors.ApiError(message, param=param)


def _merge(base: Obj, changes: Obj) -> Obj:
    merged = {
        name: _merge(base[name], value)
        if isinstance(value, dict) and isinstance(base.get(name), dict)
        else value
        for name, value in changes.items()
    }
    return base | empty_to_null(merged)
