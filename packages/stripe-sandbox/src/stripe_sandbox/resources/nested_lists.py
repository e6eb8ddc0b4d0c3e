"""Lists in other objects: subscription items, invoice lines, and what belongs to a customer or product."""

from .. import errors, storage
from ..calls import Call, list_page, load, page_rows, to_filters
from ..storage import Filter, Obj

_PREVIEW = "last_preview"


def invoice_lines(call: Call) -> Obj:
    """GET /v1/invoices/{id}/lines, also of the latest preview, which is not stored."""
    invoice_id = call.args["id"]
    preview = storage.get_setting(_PREVIEW, {})
    invoice = preview if preview.get("id") == invoice_id else load("invoice", invoice_id)
    return page_rows(call, invoice["lines"]["data"])


def keep_preview(invoice: Obj) -> Obj:
    """Keep the lines of a preview until the next one, because the preview names their URL."""
    storage.set_setting(_PREVIEW, {"id": invoice["id"], "lines": invoice["lines"]})
    return invoice


def subscription_items(call: Call) -> Obj:
    """GET /v1/subscription_items?subscription=sub_…"""
    if not call.params.get("subscription"):
        raise errors.missing("subscription")
    subscription = load("subscription", call.params["subscription"], "subscription")
    return page_rows(call, subscription["items"]["data"])


def subscription_item(call: Call) -> Obj:
    """GET /v1/subscription_items/{id}. Only the subscription has the item's current period."""
    item = load("subscription_item", call.args["id"])
    rows = load("subscription", item["subscription"])["items"]["data"]
    return next((row for row in rows if row["id"] == item["id"]), item)


def customer_subscriptions(call: Call) -> Obj:
    """GET /v1/customers/{id}/subscriptions: those that are not canceled."""
    owner = load("customer", call.args["id"])["id"]
    created = to_filters("created", call.params.get("created", {}))
    return list_page(call, "subscription", ("customer", "=", owner), ("status", "!=", "canceled"), *created)


def customer_payment_methods(call: Call) -> Obj:
    owner, names = load("customer", call.args["id"])["id"], ("allow_redisplay", "type")
    filters: list[Filter] = [(name, "=", call.params[name]) for name in names if name in call.params]
    return list_page(call, "payment_method", ("customer", "=", owner), *filters)


def customer_payment_method(call: Call) -> Obj:
    """GET /v1/customers/{id}/payment_methods/{child}."""
    method = load("payment_method", call.args["child"])
    if method["customer"] != call.args["id"]:
        raise errors.no_such("payment_method", method["id"])
    return method


def customer_sources(call: Call) -> Obj:
    """GET /v1/customers/{id}/sources: cards and bank accounts of Stripe's old API, of which the sandbox has none."""
    load("customer", call.args["id"])
    return page_rows(call, [])


def product_features(call: Call) -> Obj:
    """GET /v1/products/{id}/features: none, because entitlements are not supported."""
    load("product", call.args["id"])
    return page_rows(call, [])
