"""Fields that an object only has if they are expanded. https://docs.stripe.com/expand"""

from collections.abc import Callable
from typing import Any

import stripe

from . import pricing, shapes, storage
from .resources import coupons, price_amounts, promotion_codes
from .storage import Filter, Obj

Session = stripe.checkout.Session


def _list_items(session: Obj) -> Obj:
    data, has_more = storage.page("item", parent=session["id"], limit=10)
    return shapes.list_object(data, f"/v1/checkout/sessions/{session['id']}/line_items", has_more)


def _list_related(kind: str, field: str, url: str, *filters: Filter) -> Callable[[Obj], Obj]:
    def include(owner: Obj) -> Obj:
        data, has_more = storage.page(kind, (field, "=", owner["id"]), *filters, limit=10)
        return shapes.list_object(data, url.format(id=owner["id"]), has_more)

    return include


def _customer_tax(customer: Obj) -> Obj:
    country = (customer.get("address") or {}).get("country")
    location = {"country": country, "source": "billing_address", "state": None} if country else None
    supported = "supported" if country else "unrecognized_location"
    return {"automatic_tax": supported, "ip_address": None, "location": location, "provider": "stripe"}


def _credit_balance(customer: Obj) -> Obj:
    return {customer["currency"]: customer["balance"]} if customer.get("currency") else {}


def _confirmation_secret(invoice: Obj) -> Obj | None:
    """Return the client secret of the payment intent that an open invoice waits for."""
    open_payment = ("invoice", "=", invoice.get("id")), ("status", "=", "open")
    for payment in storage.find("invoice_payment", *open_payment):
        intent = storage.get(payment["payment"]["payment_intent"], "payment_intent") or {}
        return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


def _breakdown(session: Obj) -> Obj:
    totals = session["total_details"]
    amount, discount = totals["amount_discount"], _discount(session)
    discounts = [{"amount": amount, "discount": discount}] if discount else []
    items = storage.find("item", parent=session["id"])
    return {"discounts": discounts, "taxes": [tax for item in items for tax in _taxes(item)]}


def _item_discounts(item: Obj) -> list[Obj]:
    (row,) = storage.query("SELECT parent FROM objects WHERE id = ?", item["id"])
    session = storage.get(row["parent"], "checkout.session") or {}
    discount = _discount(session) if item["amount_discount"] else None
    return [{"amount": item["amount_discount"], "discount": discount}] if discount else []


def _discount(session: Obj) -> Obj | None:
    """Return the session's discount. It is stored when the session is completed."""
    for stored in storage.find("discount", ("checkout_session", "=", session["id"])):
        return stored
    for applied in session["discounts"] or []:
        code = storage.get(applied["promotion_code"] or "", "promotion_code")
        coupon = code["promotion"]["coupon"] if code else applied["coupon"]
        return shapes.fill(
            stripe.Discount,
            id=f"di_1{session['id'][-23:]}",
            object="discount",
            checkout_session=session["id"],
            customer=session["customer"],
            promotion_code=applied["promotion_code"],
            source={"coupon": coupon, "type": "coupon"},
            start=session["created"],
        )
    return None


def _taxes(item: Obj) -> list[Obj]:
    if not item["amount_tax"]:
        return []
    inclusive = item["amount_total"] == item["amount_subtotal"] - item["amount_discount"]
    rate = shapes.fill(
        stripe.TaxRate,
        id="txr_1SandboxAutomaticTax" + ("Inclusive" if inclusive else "Exclusive"),
        object="tax_rate",
        active=False,
        created=item["price"]["created"],
        display_name="Tax",
        effective_percentage=pricing.TAX_PERCENT,
        inclusive=inclusive,
        livemode=False,
        metadata={},
        percentage=pricing.TAX_PERCENT,
        rate_type="percentage",
    )
    taxable = item["amount_total"] - item["amount_tax"]
    reason = {"taxability_reason": "standard_rated", "taxable_amount": taxable}
    return [{"amount": item["amount_tax"], "rate": rate, **reason}]


_Include = Callable[[Obj], Any]
# (object, field) ▶ its value
FIELDS: dict[tuple[str, str], _Include] = {
    ("charge", "refunds"): _list_related("refund", "charge", "/v1/charges/{id}/refunds"),
    ("checkout.session", "line_items"): _list_items,
    ("coupon", "applies_to"): coupons.include_products,
    ("coupon", "currency_options"): coupons.include_currency_options,
    ("customer", "cash_balance"): lambda customer: None,
    ("customer", "invoice_credit_balance"): _credit_balance,
    ("customer", "sources"): lambda customer: shapes.list_object(
        [], f"/v1/customers/{customer['id']}/sources"
    ),
    ("customer", "subscriptions"): _list_related(
        "subscription", "customer", "/v1/customers/{id}/subscriptions", ("status", "!=", "canceled")
    ),
    ("customer", "tax"): _customer_tax,
    ("customer", "tax_ids"): _list_related("tax_id", "customer", "/v1/customers/{id}/tax_ids"),
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("invoice", "payments"): _list_related("invoice_payment", "invoice", "/v1/invoice_payments?invoice={id}"),
    ("item", "discounts"): _item_discounts,
    ("item", "taxes"): _taxes,
    ("price", "currency_options"): price_amounts.include_currency_options,
    ("price", "tiers"): lambda price: None,
    ("subscription_item", "billed_until"): lambda item: item["current_period_end"],
}
# (object, path of a hash in it, field) ▶ its value, from the object
NESTED: dict[tuple[str, str, str], _Include] = {
    ("checkout.session", "total_details", "breakdown"): _breakdown,
    ("promotion_code", "restrictions", "currency_options"): promotion_codes.include_minimums,
}
