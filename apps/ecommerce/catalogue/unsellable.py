"""Name what the store can't sell, and why."""

import logging
from collections.abc import Iterator

import stripe
from django.db.models import Prefetch

from apps.ecommerce.catalogue.report import NotSaved, Report, describe
from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import MAX_CURRENCIES, Price, Product, Purchase, offered_currencies

logger = logging.getLogger(__name__)


def unsellable_lines() -> list[str]:
    """Return a line for each price and product that is active at Stripe, but not sold by the store.

    Also for each price that is not sold in all its currencies.
    """
    lines: list[str] = []
    report = Report()
    active = Prefetch("prices", Price.objects.filter(active=True))
    for product in Product.objects.filter(active=True).prefetch_related(active):
        with report.isolate(product):
            lines += _unsellable_lines(product)
    return lines + report.not_saved


def _unsellable_lines(product: Product) -> Iterator[str]:
    prices = product.prices.all()
    for price in prices:
        if reason := price.unsellable_reason:
            yield f"{describe(price)} ({product}): {reason}"
    if not prices:
        yield f"{describe(product)}: it has no active price"
    if hidden := offered_currencies(product.sellable_prices(prices))[MAX_CURRENCIES:]:
        codes = ", ".join(hidden).upper()
        yield f"{describe(product)}: buyers can choose between {MAX_CURRENCIES} currencies, not {codes}"


def stop_selling(purchase: Purchase, refusal: str) -> bool:
    """Copy the product again, because it may have changed at Stripe. Stop selling the price if it is still for sale.

    If Stripe refused a currency other than the price's own, stop selling in this currency until the next sync. If it
    refused an upgrade, change nothing: only the difference was refused, and the price itself can be sold.
    Return whether the refusal was stored, so that the founder has to act.
    """
    copy_again(purchase.price.product_id)
    price, currency = Price.objects.get(pk=purchase.price_id), purchase.currency
    if purchase.upgrade_of:
        logger.error("Stripe refused to sell %s as an upgrade in %s: %s", describe(price), currency, refusal)
        return False
    if currency != price.currency and currency in price.amounts:
        price.currency_options[currency] = None
        price.save(update_fields=["currency_options"])
        logger.error("Stripe refused to sell %s in %s: %s", describe(price), currency, refusal)
        return False
    if currency != price.currency or not price.is_sellable:
        return False
    price.refusal = refusal
    price.save(update_fields=["refusal"])  # updates the search columns, too
    logger.error("Stripe refused to sell %s: %s", describe(price), refusal)
    return True


def copy_again(product_id: str) -> None:
    """Copy the product, whose prices differ at Stripe. A failure is logged only."""
    try:
        sync_product(product_id)
    except (NotSaved, stripe.StripeError):
        logger.exception(
            "Product %s could not be copied after Stripe changed or refused its price", product_id
        )
