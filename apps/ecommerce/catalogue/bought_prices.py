"""Prices that were bought but are not for sale: archived at Stripe, or never listed as active."""

from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.rows import build_rows
from apps.ecommerce.models import Price, Product
from apps.ecommerce.stripe_api.client import StripeData, object_id


def find_or_copy_price(item: StripeData) -> Price | None:
    """Return the row of a price, which is created if its product is known."""
    prices = Price.objects.filter(id=item["id"]).select_related("product")
    known = prices.first()
    if known or not Product.objects.filter(id=object_id(item["product"])).exists():
        return known
    for row in build_rows(Price, [{**item, "active": False}], Report()):
        row.save()
    return prices.first()
