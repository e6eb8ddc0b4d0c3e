"""Prices that were bought but are not for sale: archived at Stripe, or never listed as active."""

import logging

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.ecommerce.catalogue.report import InvalidObject
from apps.ecommerce.catalogue.rows import build_row
from apps.ecommerce.models import Price, Product
from apps.ecommerce.stripe_api.client import StripeData, object_id

logger = logging.getLogger(__name__)


def find_or_copy_price(item: StripeData) -> Price | None:
    """Return the row of a price, which is created if its product is known."""
    prices = Price.objects.filter(id=item["id"]).select_related("product")
    known = prices.first()
    if known or not Product.objects.filter(id=object_id(item["product"])).exists():
        return known
    try:
        build_row(Price, {**item, "active": False}, timezone.now()).save()
    except (InvalidObject, ValidationError) as error:
        logger.warning("Price %s could not be copied: %s", item["id"], error)
    return prices.first()
