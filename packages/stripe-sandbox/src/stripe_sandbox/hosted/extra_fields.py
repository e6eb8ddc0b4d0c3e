"""Fields of the payment page that a session asks for: custom fields, consent, phone number and full address."""

import re
from collections.abc import Mapping

from ..storage import Obj
from . import saved_cards
from .payment_form import REQUIRED, PaymentForm
from .session_view import SessionView

STATE_COUNTRIES = {"AU", "BR", "CA", "IN", "MX", "US"}
_PHONE = re.compile(r"\+?[0-9 ()/.-]{6,20}")


def read(form: PaymentForm, posted: Mapping[str, str], order: SessionView) -> None:
    """Add the submitted values and their errors to the form."""
    session = order.session
    consent = session["consent_collection"] or {}
    form.accepts_terms = "termsOfServiceConsentCheckbox" in posted
    form.accepts_promotions = "promotionsConsentCheckbox" in posted
    if consent.get("terms_of_service") == "required" and not form.accepts_terms:
        form.errors["termsOfServiceConsentCheckbox"] = REQUIRED
    for field in session["custom_fields"]:
        name = input_name(field)
        form.custom[field["key"]] = posted.get(name, "").strip()[:500]
        if problem := _custom_error(field, form.custom[field["key"]]):
            form.errors[name] = problem
    if session["phone_number_collection"]["enabled"] and not _PHONE.fullmatch(form.phoneNumber):
        form.errors["phoneNumber"] = "Your phone number is invalid." if form.phoneNumber else REQUIRED
    if order.asks_address and not saved_cards.find_chosen(order, posted):
        required = ["billingAddressLine1", "billingLocality"]
        if form.billingCountry in STATE_COUNTRIES:
            required.append("billingAdministrativeArea")
        form.errors |= {name: REQUIRED for name in required if not getattr(form, name)}


def describe(field: Obj, form: PaymentForm) -> Obj:
    """Return a custom field as the page shows it."""
    settings, name = field[field["type"]], input_name(field)
    value = form.custom.get(field["key"], settings["default_value"] or "")
    return {
        "name": name,
        "type": field["type"],
        "label": field["label"]["custom"],
        "optional": field["optional"],
        "options": settings.get("options") or [],
        "value": value,
        "error": form.errors.get(name, ""),
    }


def input_name(field: Obj) -> str:
    return f"customField-{field['key']}"


def read_address(form: PaymentForm, order: SessionView) -> Obj:
    """Return all fields of the address; only country and postal code have a value unless the page asks for more."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    address |= {"country": form.billingCountry, "postal_code": form.postal_code}
    if order.asks_address:
        address |= {
            "city": form.billingLocality or None,
            "line1": form.billingAddressLine1 or None,
            "line2": form.billingAddressLine2 or None,
            "postal_code": form.billingPostalCode or None,
            "state": form.billingAdministrativeArea or None,
        }
    return address


def answers(form: PaymentForm) -> Obj:
    """Return the answers as JSON, until the payment completes."""
    return {
        "phone": form.phoneNumber or None,
        "custom": form.custom,
        "accepts_terms": form.accepts_terms,
        "accepts_promotions": form.accepts_promotions,
    }


def session_fields(session: Obj, buyer: Obj) -> Obj:
    """Return the fields of the completed session: consent and custom_fields with the buyer's values."""
    fields = [
        field | {field["type"]: field[field["type"]] | {"value": buyer["custom"].get(field["key"]) or None}}
        for field in session["custom_fields"]
    ]
    collection = session["consent_collection"]
    if not collection:
        return {"custom_fields": fields}
    accepted = collection["terms_of_service"] == "required" and buyer["accepts_terms"]
    asked = collection["promotions"] == "auto"
    promotions = ("opt_in" if buyer["accepts_promotions"] else "opt_out") if asked else None
    consent = {"promotions": promotions, "terms_of_service": "accepted" if accepted else None}
    return {"custom_fields": fields, "consent": consent}


def _custom_error(field: Obj, value: str) -> str:
    settings = field[field["type"]]
    if not value:
        return "" if field["optional"] else REQUIRED
    if field["type"] == "dropdown":
        return "" if value in [option["value"] for option in settings["options"]] else "The value is invalid."
    if field["type"] == "numeric" and not value.isdecimal():
        return "The value is invalid."
    least, most = settings["minimum_length"] or 0, settings["maximum_length"] or 255
    return "" if least <= len(value) <= most else "The value is invalid."
