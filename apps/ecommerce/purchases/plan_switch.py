"""Switch a subscription to another price of its product, on Stripe's portal page, which shows the proration first.

https://docs.stripe.com/customer-management/portal-deep-links
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.db.models import Count, Q
from stripe.params.billing_portal import SessionCreateParams

from apps.ecommerce.models import Price, Product, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.stripe_state import plan_item
from apps.ecommerce.stripe_api.client import StripeData, fetch, fetch_pages, get_client, object_id

METADATA_KEY = "plan_switch_product"


def can_switch(purchase: Purchase) -> bool:
    """Return whether the plan can be changed. Stripe's portal does not change subscriptions with several items."""
    is_renewing = purchase.status in (Status.ACTIVE, Status.TRIALING) and not purchase.cancel_at
    return (
        is_renewing and has_access(purchase) and purchase.item_count == 1 and not purchase.collection_paused
    )


def other_prices(purchase: Purchase, prices: Iterable[Price]) -> list[Price]:
    """Return the prices to which the subscription can be switched."""
    return [
        price
        for price in prices
        if price.is_recurring
        and price.is_sellable
        and price.currency == purchase.currency
        and price.id != purchase.price_id
    ]


def products_with_plans() -> list[Product]:
    """Return the products with several recurring prices, between which subscribers can switch."""
    recurring = Q(prices__active=True, prices__type=Price.Type.RECURRING)
    plans = Count("prices", filter=recurring)
    return list(Product.objects.filter(active=True).annotate(plans=plans).filter(plans__gt=1))


def switch_url(purchase: Purchase, price: Price, *, origin: str) -> str:
    """Return the URL of the portal page that confirms the new price. Raise stripe.StripeError."""
    subscription = fetch("subscriptions", purchase.subscription_id)
    item = plan_item(purchase, subscription)
    page = f"{origin}{purchase.get_absolute_url()}?from=portal"
    params: SessionCreateParams = {
        "customer": object_id(subscription["customer"]),
        "configuration": _current_configuration(price.product),
        "return_url": page,
        "flow_data": {
            "type": "subscription_update_confirm",
            "subscription_update_confirm": {
                "subscription": purchase.subscription_id,
                "items": [{"id": item["id"], "price": price.id, "quantity": item.get("quantity") or 1}],
            },
            "after_completion": {"type": "redirect", "redirect": {"return_url": page}},
        },
    }
    return get_client().v1.billing_portal.sessions.create(params).url


def fetch_configurations() -> dict[str, StripeData]:
    """Return the portal configurations for plan changes by the id of their product."""
    pages = fetch_pages("billing_portal/configurations", active=True)
    listed = [row for page in pages for row in page]
    return {row["metadata"][METADATA_KEY]: row for row in listed if METADATA_KEY in (row["metadata"] or {})}


def is_current(configuration: StripeData | None, product: Product) -> bool:
    """Return whether buyers can choose the product's recurring prices in the portal."""
    return configuration is not None and configuration["metadata"] == _metadata(product)


def save_configuration(configuration: StripeData | None, product: Product) -> str:
    """Create or update the product's portal configuration, and return its id."""
    configurations = get_client().v1.billing_portal.configurations
    features, metadata = _features(product), _metadata(product)
    if configuration:
        key = configuration["id"]
        return configurations.update(key, {"features": features, "metadata": metadata}).id
    return configurations.create({"features": features, "metadata": metadata}).id


def _current_configuration(product: Product) -> str:
    """Return the id of the product's configuration. Create or update it if stripe_doctor --fix has not done so."""
    known = fetch_configurations().get(product.id)
    return str(known["id"]) if known and is_current(known, product) else save_configuration(known, product)


def _metadata(product: Product) -> dict[str, str]:
    """Return the product and a digest of its prices, because Stripe's responses may lack the prices."""
    digest = sha256(" ".join(_recurring_prices(product)).encode()).hexdigest()
    return {METADATA_KEY: product.id, "prices": digest}


def _recurring_prices(product: Product) -> list[str]:
    prices = product.prices.filter(active=True, type=Price.Type.RECURRING)
    return sorted(prices.values_list("id", flat=True))


def _features(product: Product) -> Any:
    return {
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "always_invoice",
            "products": [{"product": product.id, "prices": _recurring_prices(product)}],
        },
    }
