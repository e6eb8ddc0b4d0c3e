"""https://docs.stripe.com/api/customer_tax_ids"""

import re

import stripe

from .. import errors, events, shapes, storage
from ..calls import Call, list_page, load, page_rows
from ..storage import Obj

# What follows the country code of a VAT number. https://docs.stripe.com/billing/customer/tax-ids
_EU_VAT = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}(\d{3})?",
    "IE": r"\d[A-Z0-9]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"(\d{9}|\d{12})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"(\d{9}|\d{12})",
}
FORMATS = {
    "au_abn": r"\d{11}",
    "ca_bn": r"\d{9}",
    "ch_vat": r"CHE-\d{3}\.\d{3}\.\d{3} (MWST|TVA|IVA)",
    "eu_vat": "|".join(f"{country}{number}" for country, number in _EU_VAT.items()),
    "gb_vat": r"GB(\d{9}|\d{12})",
    "no_vat": r"\d{9}MVA",
    "us_ein": r"\d{2}-\d{7}",
}
_VERIFIED = {"eu_vat", "gb_vat"}  # against the databases of EU and UK
_COUNTRIES = {"EL": "GR", "XI": "GB"}


def create(call: Call) -> Obj:
    return new(_load_customer(call), call.params["type"], call.params["value"])


def new(customer: str, type: str, value: str) -> Obj:
    """Store a tax id. Formats that the sandbox does not know are accepted. Raise ApiError for an invalid value."""
    if not re.fullmatch(FORMATS.get(type, ".+"), value):
        raise errors.ApiError(f"Invalid value for {type}.", code="tax_id_invalid", param="value")
    code = value[:2] if type == "eu_vat" else type[:2].upper()
    fields = {
        "country": _COUNTRIES.get(code, code),
        "customer": customer,
        "owner": shapes.fill(stripe.TaxId.Owner, customer=customer, type="customer"),
        "type": type,
        "value": value,
        "verification": shapes.fill(
            stripe.TaxId.Verification, status="pending" if type in _VERIFIED else "unavailable"
        ),
    }
    tax_id = storage.put(shapes.new(stripe.TaxId, {}, fields))
    events.emit("customer.tax_id.created", tax_id)
    return tax_id


def listing(call: Call) -> Obj:
    return list_page(call, "tax_id", ("customer", "=", _load_customer(call)))


def list_by_owner(call: Call) -> Obj:
    """GET /v1/tax_ids: those of a customer, or of the account, which has none."""
    owner = call.params.get("owner", {"type": "self"})
    if owner["type"] != "customer":
        return page_rows(call, [])
    if "customer" not in owner:
        raise errors.missing("owner[customer]")
    customer = load("customer", owner["customer"], "owner[customer]")
    return list_page(call, "tax_id", ("customer", "=", customer["id"]))


def retrieve(call: Call) -> Obj:
    tax_id = load("tax_id", call.args["child"])
    if tax_id["customer"] != _load_customer(call):
        raise errors.no_such("tax_id", tax_id["id"])
    return tax_id


def delete(call: Call) -> Obj:
    tax_id = retrieve(call)
    storage.delete(tax_id["id"])
    events.emit("customer.tax_id.deleted", tax_id)
    return {"id": tax_id["id"], "object": "tax_id", "deleted": True}


def for_invoice(customer: str | None) -> list[Obj]:
    """Return the customer's tax ids as an invoice shows them, oldest first."""
    rows = storage.find("tax_id", ("customer", "=", customer or ""))
    return [{"type": row["type"], "value": row["value"]} for row in reversed(rows)]


def _load_customer(call: Call) -> str:
    customer = load("customer", call.args["id"])
    if customer.get("deleted"):
        raise errors.no_such("customer", customer["id"])
    return str(customer["id"])
