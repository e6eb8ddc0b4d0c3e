"""The parameter `flow_data` of portal sessions. https://docs.stripe.com/customer-management/portal-deep-links"""

from collections.abc import Callable

import stripe

from .. import errors, shapes
from ..calls import load
from ..storage import Obj
from . import price_amounts
from .subscriptions import ENDED

MAX_QUANTITY = 999_999
Flow = stripe.billing_portal.Session.Flow


def parse(data: Obj | None, customer: str, configuration: Obj) -> Obj | None:
    if data is None:
        return None
    kind = data["type"]
    feature = "subscription_update" if kind == "subscription_update_confirm" else kind
    if not configuration["features"][feature]["enabled"]:
        message = f"This portal configuration has the feature `{feature}` turned off."
        raise errors.ApiError(message, param="flow_data[type]")
    details: Obj = data.get(kind) or {}
    if kind != "payment_method_update":
        at = f"flow_data[{kind}]"
        if not details:
            raise errors.missing(at)
        subscription = load("subscription", details["subscription"], f"{at}[subscription]")
        if subscription["customer"] != customer:
            raise errors.ApiError(
                "The subscription belongs to another customer.", param=f"{at}[subscription]"
            )
        _CHECKS[kind](subscription, details, configuration)
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
        type=kind,
        **({kind: _build(kind, details)} if details else {}),
    )


def is_switchable(subscription: Obj) -> bool:
    """Return whether the portal can change the plan: not of a subscription with several items."""
    return subscription["status"] not in ENDED and len(subscription["items"]["data"]) == 1


def allowed_prices(configuration: Obj) -> list[str]:
    products = configuration["features"]["subscription_update"]["products"] or []
    return [price for product in products for price in product["prices"]]


def is_allowed(configuration: Obj, subscription: Obj, price: str) -> bool:
    """Return whether the customer may choose the price, or keep it to change the quantity."""
    update, (item,) = configuration["features"]["subscription_update"], subscription["items"]["data"]
    unchanged = item["price"]["id"] == price
    return price in allowed_prices(configuration) and (
        unchanged or "price" in update["default_allowed_updates"]
    )


def find_quantity_limits(configuration: Obj, product: str) -> tuple[int, int] | None:
    """Return the minimum and maximum, or None if the customer cannot change the quantity of this product."""
    update = configuration["features"]["subscription_update"]
    if "quantity" not in update["default_allowed_updates"]:
        return None
    for row in update["products"] or []:
        if row["product"] == product and row["adjustable_quantity"]["enabled"]:
            return row["adjustable_quantity"]["minimum"], row["adjustable_quantity"][
                "maximum"
            ] or MAX_QUANTITY
    return None


def _build(kind: str, details: Obj) -> Obj:
    if kind == "subscription_cancel":
        return {"retention": None} | details
    if kind == "subscription_update_confirm":
        rows = [shapes.fill(Flow.SubscriptionUpdateConfirm.Item, **row) for row in details["items"]]
        return {"discounts": None} | details | {"items": rows}
    return details


def _check_cancel(subscription: Obj, details: Obj, configuration: Obj) -> None:
    if (
        subscription["cancel_at_period_end"]
        or subscription["cancel_at"]
        or subscription["status"] == "canceled"
    ):
        message = f"The subscription `{subscription['id']}` is already set to be canceled."
        raise errors.ApiError(message, param="flow_data[subscription_cancel][subscription]")


def _check_update(subscription: Obj, details: Obj, configuration: Obj) -> None:
    if not is_switchable(subscription):
        reason = "it has ended" if subscription["status"] in ENDED else "it has multiple items"
        message = f"The subscription `{subscription['id']}` cannot be updated in the portal because {reason}."
        raise errors.ApiError(message, param="flow_data[type]")


def _check_update_confirm(subscription: Obj, details: Obj, configuration: Obj) -> None:
    _check_update(subscription, details, configuration)
    at = "flow_data[subscription_update_confirm][items]"
    if len(details["items"]) != 1:
        raise errors.ApiError("You must specify exactly one item.", param=at)
    (row,) = details["items"]
    item = subscription["items"]["data"][0]
    if row["id"] != item["id"]:
        raise errors.no_such("subscription_item", row["id"], f"{at}[0][id]")
    price_id = row.get("price", item["price"]["id"])
    price, currency = load("price", price_id, f"{at}[0][price]"), subscription["currency"]
    if price_id not in allowed_prices(configuration) or not price_amounts.supports(price, currency):
        message = (
            f"The item `{item['id']}` cannot be updated to price `{price_id}` because the configuration"
            f" `{configuration['id']}` does not include the price in its `features[subscription_update][products]`."
        )
        raise errors.ApiError(message, param=f"{at}[0][price]")
    if row.get("quantity", 1) < 1:
        raise errors.ApiError("This value must be greater than or equal to 1.", param=f"{at}[0][quantity]")


_CHECKS: dict[str, Callable[[Obj, Obj, Obj], None]] = {
    "subscription_cancel": _check_cancel,
    "subscription_update": _check_update,
    "subscription_update_confirm": _check_update_confirm,
}
