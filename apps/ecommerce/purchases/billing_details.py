"""The buyer's name or company, address and tax id, for receipts and Stripe's invoices.

StripeCustomer has a copy, so that no page asks Stripe. Stripe keeps the invoices that it has finalized as they are.
https://docs.stripe.com/billing/customer/tax-ids
"""

from typing import Any

import stripe
from django.utils.translation import gettext as _

from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.purchases.countries import country_name
from apps.ecommerce.purchases.customers import get_or_create_customer
from apps.ecommerce.stripe_api.client import StripeData, fetch_pages, get_client, is_missing, object_id
from apps.users.models import User

ADDRESS_FIELDS = ("line1", "line2", "postal_code", "city", "state", "country")
BILLING_FIELDS = ("name", *ADDRESS_FIELDS, "tax_id_type", "tax_id")

# country ▶ Stripe's type of its VAT or tax ids. To support another country, add a row:
# https://docs.stripe.com/billing/customer/tax-ids#supported-tax-id
EU = str.split("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK")
TAX_ID_TYPES = dict.fromkeys(EU, "eu_vat") | {
    "AU": "au_abn",
    "CA": "ca_bn",
    "CH": "ch_vat",
    "GB": "gb_vat",
    "IN": "in_gst",
    "IS": "is_vat",
    "LI": "li_vat",
    "NO": "no_vat",
    "NZ": "nz_gst",
    "SG": "sg_gst",
    "US": "us_ein",
    "ZA": "za_vat",
}


def tax_id_type(country: str, tax_id: str) -> str:
    """Return Stripe's type of a tax id; "" for a country that is not in the table."""
    if country == "GB" and tax_id.startswith("XI"):  # VAT ids of Northern Ireland begin with XI
        return "eu_vat"
    return TAX_ID_TYPES.get(country, "")


def save_billing_details(user: User, details: dict[str, str]) -> None:
    """Update the customer at Stripe, then the copy. `details` has all BILLING_FIELDS. Safe to repeat.

    Raise stripe.StripeError; its code is "tax_id_invalid" if Stripe refuses the tax id, and nothing has changed then.
    """
    customer = get_or_create_customer(user)
    service = get_client().v1.customers
    wanted = (details["tax_id_type"], details["tax_id"])
    tax_ids = _fetch_tax_ids(customer)
    if details["tax_id"] and wanted not in [(row["type"], row["value"]) for row in tax_ids]:
        service.tax_ids.create(customer.id, {"type": wanted[0], "value": wanted[1]})
    address: Any = {name: details[name] for name in ADDRESS_FIELDS}
    service.update(customer.id, {"name": details["name"], "address": address})
    # Without a tax id before and after, the form says nothing about those entered on Stripe's pages.
    for row in tax_ids if details["tax_id"] or customer.tax_id else []:
        if (row["type"], row["value"]) != wanted:
            service.tax_ids.delete(customer.id, row["id"])
    StripeCustomer.objects.filter(pk=customer.pk).update(**details)


def store_checkout_details(session: StripeData) -> None:
    """Store what the buyer entered on Stripe's payment page, unless there are details already."""
    given = session.get("customer_details") or {}
    address = given.get("address") or {}
    if not address.get("country"):
        return
    tax_id: StripeData = next(iter(given.get("tax_ids") or []), {})
    values = {name: address.get(name) for name in ADDRESS_FIELDS}
    values |= {"name": given.get("business_name") or given.get("name")}
    values |= {"tax_id_type": tax_id.get("type"), "tax_id": tax_id.get("value")}
    fields: dict[str, Any] = {name: StripeCustomer._meta.get_field(name) for name in BILLING_FIELDS}
    details = {name: (values[name] or "")[: field.max_length] for name, field in fields.items()}
    StripeCustomer.objects.filter(pk=object_id(session["customer"]), country="").update(**details)


def billing_lines(user: User, *, livemode: bool) -> list[str]:
    """Return the user's name, address and tax id without empty lines; [] if no details are stored."""
    row = StripeCustomer.objects.filter(user=user, livemode=livemode).exclude(country="").first()
    return customer_lines(row) if row else []


def customer_lines(row: StripeCustomer) -> list[str]:
    town = " ".join(filter(None, (row.postal_code, row.city)))
    tax_id = _("VAT or tax id: %(id)s") % {"id": row.tax_id} if row.tax_id else ""
    lines = (row.name, row.line1, row.line2, town, row.state, country_name(row.country), tax_id)
    return list(filter(None, lines))


def _fetch_tax_ids(customer: StripeCustomer) -> list[StripeData]:
    try:
        return [row for page in fetch_pages(f"customers/{customer.id}/tax_ids") for row in page]
    except stripe.InvalidRequestError as error:
        if is_missing(error):  # deleted at Stripe: the next try creates another customer
            customer.delete()
        raise
