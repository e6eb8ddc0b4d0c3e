"""https://docs.stripe.com/api/customers"""

from typing import Any

import stripe

from .. import events, ids, shapes, storage
from ..billing import clocks
from ..calls import Call, change, comparisons, listed, load, unset
from ..storage import Filter, Obj
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
    params = unset(call.params)
    customer = new(**params)
    if clock_id := params.get("test_clock"):
        load(clocks.KIND, clock_id, "test_clock")
        clocks.attach(customer["id"], clock_id)
    events.emit("customer.created", customer)
    return customer


def update(call: Call) -> Obj:
    """POST /v1/customers/{id}"""
    customer, params = _living(call), dict(call.params)
    if settings := params.get("invoice_settings"):
        params["invoice_settings"] = customer["invoice_settings"] | unset(settings)
    return change(customer, _completed(params), "customer")


def listing(call: Call) -> Obj:
    """GET /v1/customers: those of a test clock only if asked for."""
    asked = call.params.get("test_clock")
    filters: list[Filter] = [(name, "=", call.params[name]) for name in ("email",) if name in call.params]
    created = comparisons("created", call.params.get("created", {}))
    return listed(call, "customer", *filters, *created, ("test_clock", "IS", asked))


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
