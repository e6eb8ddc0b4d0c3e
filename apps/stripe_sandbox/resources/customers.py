"""https://docs.stripe.com/api/customers"""

from typing import Any

import stripe

from .. import events, ids, shapes, storage
from ..calls import Call, change, load, unset
from ..storage import Obj
from . import subscriptions


def new(**fields: Any) -> Obj:
    """A stored customer; `fields` are Stripe's (email, name, address, metadata …)."""
    for name, cls in (("address", stripe.Customer.Address), ("shipping", stripe.Customer.Shipping)):
        if fields.get(name):
            fields[name] = shapes.fill(cls, **fields[name])
    defaults = {
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": ids.letters(8).upper(),
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    settings = shapes.fill(stripe.Customer.InvoiceSettings, **(fields.pop("invoice_settings", None) or {}))
    return storage.put(shapes.new(stripe.Customer, defaults | {"invoice_settings": settings}, fields))


def create(call: Call) -> Obj:
    """POST /v1/customers"""
    customer = new(**unset(call.params))
    events.emit("customer.created", customer)
    return customer


def update(call: Call) -> Obj:
    """POST /v1/customers/{id}"""
    customer = _living(call)
    return change(customer, call.params, "customer")


def delete(call: Call) -> Obj:
    """DELETE /v1/customers/{id}: ends its subscriptions; the id stays readable as a deleted customer."""
    customer = _living(call)
    for subscription in storage.find("subscription", ("customer", "=", customer["id"])):
        if subscription["status"] not in subscriptions.ENDED:
            subscriptions.end(subscription)
    deleted = {"id": customer["id"], "object": "customer", "deleted": True}
    storage.put(deleted)
    events.emit("customer.deleted", customer)
    return deleted


def _living(call: Call) -> Obj:
    customer = load("customer", call.args["id"])
    if customer.get("deleted"):
        load("customer", "")
    return customer
