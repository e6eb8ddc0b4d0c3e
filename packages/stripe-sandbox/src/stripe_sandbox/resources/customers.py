"""https://docs.stripe.com/api/customers"""

from typing import Any

import stripe

from .. import events, ids, shapes, storage
from ..billing import clocks
from ..calls import Call, change, empty_to_null, list_page, load, to_filters
from ..storage import Filter, Obj
from . import customer_billing, payment_methods, subscriptions

_HASH_TYPES = {
    "address": stripe.Customer.Address,
    "invoice_settings": stripe.Customer.InvoiceSettings,
    "shipping": stripe.Customer.Shipping,
}


def new(**fields: Any) -> Obj:
    defaults = {
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": ids.random_letters(8).upper(),
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    return storage.put(shapes.new(stripe.Customer, defaults, _fill_hashes({"invoice_settings": {}} | fields)))


def create(call: Call) -> Obj:
    params = empty_to_null(call.params)
    _check_default_payment_method(params.get("invoice_settings"), "")
    customer = new(**params)
    if clock_id := params.get("test_clock"):
        load(clocks.KIND, clock_id, "test_clock")
        clocks.attach(customer["id"], clock_id)
    if customer["balance"]:
        customer_billing.record_balance_change(customer, customer["balance"], "initial")
    events.emit("customer.created", customer)
    return customer


def update(call: Call) -> Obj:
    customer, params = _load_existing(call), dict(call.params)
    if settings := params.get("invoice_settings"):
        _check_default_payment_method(settings, customer["id"])
        params["invoice_settings"] = customer["invoice_settings"] | empty_to_null(settings)
    after = change(customer, _fill_hashes(params), "customer")
    if difference := after["balance"] - customer["balance"]:
        customer_billing.record_balance_change(after, difference, "adjustment")
    return after


def listing(call: Call) -> Obj:
    """GET /v1/customers: customers of a test clock only if the request names the clock."""
    clock_id = call.params.get("test_clock")
    filters: list[Filter] = [(name, "=", call.params[name]) for name in ("email",) if name in call.params]
    created = to_filters("created", call.params.get("created", {}))
    return list_page(call, "customer", *filters, *created, ("test_clock", "IS", clock_id))


def balance_transactions(call: Call) -> Obj:
    filters: list[Filter] = [("customer", "=", load("customer", call.args["id"])["id"])]
    if "invoice" in call.params:
        filters.append(("invoice", "=", call.params["invoice"]))
    filters += to_filters("created", call.params.get("created", {}))
    return list_page(call, "customer_balance_transaction", *filters)


def delete(call: Call) -> Obj:
    """DELETE /v1/customers/{id}: end the subscriptions. The id still returns a deleted customer."""
    customer = _load_existing(call)
    for subscription in storage.find("subscription", ("customer", "=", customer["id"])):
        if subscription["status"] not in subscriptions.ENDED:
            subscriptions.end(subscription)
    deleted = {"id": customer["id"], "object": "customer", "deleted": True}
    test_clock = clocks.get_clock_id(customer["id"])
    storage.delete(customer["id"])
    storage.put(deleted, parent="deleted")  # so that lists do not contain it
    clocks.attach(customer["id"], test_clock)  # later refunds and disputes use its time
    events.emit("customer.deleted", customer)
    return deleted


def _check_default_payment_method(settings: Obj | None, customer: str) -> None:
    """Raise ApiError for a payment method of another customer. A new customer (id "") has none."""
    if method := (settings or {}).get("default_payment_method"):
        payment_methods.load_owned(method, customer, "invoice_settings[default_payment_method]")


def _fill_hashes(fields: Obj) -> Obj:
    given = {name: cls for name, cls in _HASH_TYPES.items() if isinstance(fields.get(name), dict)}
    return fields | {name: shapes.fill(cls, **fields[name]) for name, cls in given.items()}


def _load_existing(call: Call) -> Obj:
    customer = load("customer", call.args["id"])
    if customer.get("deleted"):
        load("customer", "")
    return customer
