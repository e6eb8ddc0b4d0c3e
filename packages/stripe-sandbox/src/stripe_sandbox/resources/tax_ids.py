"""https://docs.stripe.com/api/tax_ids"""

import stripe

from .. import errors, events, shapes, storage
from ..calls import Call, list_page, load
from ..storage import Obj


def create(call: Call) -> Obj:
    customer = load("customer", call.args["id"])
    if customer.get("deleted"):
        raise errors.no_such("customer", customer["id"])
    return _new(customer["id"], call.params)


def listing(call: Call) -> Obj:
    return list_page(call, "tax_id", ("customer", "=", load("customer", call.args["id"])["id"]))


def retrieve(call: Call) -> Obj:
    tax_id = load("tax_id", call.args["child"])
    if tax_id["customer"] != call.args["id"]:
        raise errors.no_such("tax_id", tax_id["id"])
    return tax_id


def delete(call: Call) -> Obj:
    tax_id = retrieve(call)
    storage.delete(tax_id["id"])
    events.emit("customer.tax_id.deleted", tax_id)
    return {"id": tax_id["id"], "object": "tax_id", "deleted": True}


def save(customer: str, rows: list[Obj]) -> None:
    """Store the tax ids that a buyer entered, unless the customer has them."""
    known = {tax_id["value"] for tax_id in storage.find("tax_id", ("customer", "=", customer))}
    for row in rows:
        if row["value"] not in known:
            _new(customer, row)


def _new(customer: str, params: Obj) -> Obj:
    defaults = {
        "country": params["value"][:2].upper() if params["type"] == "eu_vat" else None,
        "customer": customer,
        "owner": shapes.fill(stripe.TaxId.Owner, type="customer", customer=customer),
        "verification": shapes.fill(stripe.TaxId.Verification, status="unavailable"),
    }
    given = {name: params[name] for name in ("type", "value")}
    tax_id = storage.put(shapes.new(stripe.TaxId, defaults, given))
    events.emit("customer.tax_id.created", tax_id)
    return tax_id
