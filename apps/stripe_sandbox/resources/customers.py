"""https://docs.stripe.com/api/customers"""

from typing import Any

import stripe

from .. import events, ids, shapes, storage
from ..calls import Call, change, load, unset
from ..storage import Obj
from . import subscriptions

_HASHES = {
    "address": stripe.Customer.Address,
    "invoice_settings": stripe.Customer.InvoiceSettings,
    "shipping": stripe.Customer.Shipping,
}


def new(**fields: Any) -> Obj:
    """A stored customer; `fields` are Stripe's (email, name, address, metadata …)."""
    defaults = {
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": ids.letters(8).upper(),
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    return storage.put(shapes.new(stripe.Customer, defaults, _completed({"invoice_settings": {}} | fields)))


def create(call: Call) -> Obj:
    """POST /v1/customers"""
    customer = new(**unset(call.params))
    events.emit("customer.created", customer)
    return customer


def update(call: Call) -> Obj:
    """POST /v1/customers/{id}"""
    customer = _living(call)
    return change(customer, _completed(call.params), "customer")


def delete(call: Call) -> Obj:
    """DELETE /v1/customers/{id}: ends its subscriptions; the id stays readable as a deleted customer."""
    customer = _living(call)
    for subscription in storage.find("subscription", ("customer", "=", customer["id"])):
        if subscription["status"] not in subscriptions.ENDED:
            subscriptions.end(subscription)
    deleted = {"id": customer["id"], "object": "customer", "deleted": True}
    storage.delete(customer["id"])
    storage.put(deleted, parent="deleted")  # lists don't show it
    events.emit("customer.deleted", customer)
    return deleted


def _completed(fields: Obj) -> Obj:
    """With every key of the hashes among them."""
    given = {name: cls for name, cls in _HASHES.items() if isinstance(fields.get(name), dict)}
    return fields | {name: shapes.fill(cls, **fields[name]) for name, cls in given.items()}


def _living(call: Call) -> Obj:
    customer = load("customer", call.args["id"])
    if customer.get("deleted"):
        load("customer", "")
    return customer
