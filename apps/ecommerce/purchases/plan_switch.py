"""Switch a subscription to another price of its product, on Stripe's portal page, which shows the proration first.

https://docs.stripe.com/customer-management/portal-deep-links
"""

from collections.abc import Iterable
from typing import Any

from stripe.params.billing_portal import SessionCreateParams

from apps.ecommerce.models import Price, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.stripe_state import plan_item
from apps.ecommerce.stripe_api.client import fetch, fetch_pages, get_client, object_id

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


def switch_url(purchase: Purchase, price: Price, *, origin: str) -> str:
    """Return the URL of the portal page that confirms the new price. Raise stripe.StripeError."""
    subscription = fetch("subscriptions", purchase.subscription_id)
    item = plan_item(purchase, subscription)
    page = f"{origin}{purchase.get_absolute_url()}?from=portal"
    params: SessionCreateParams = {
        "customer": object_id(subscription["customer"]),
        "configuration": _find_or_create_configuration(price),
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


def _find_or_create_configuration(price: Price) -> str:
    """Return the id of a portal configuration in which buyers may choose this price."""
    configurations = get_client().v1.billing_portal.configurations
    wanted = set(
        price.product.prices.filter(active=True, type=Price.Type.RECURRING).values_list("id", flat=True)
    )
    features = _features(price, sorted(wanted))
    for page in fetch_pages("billing_portal/configurations", active=True):
        for known in page:
            if (known["metadata"] or {}).get(METADATA_KEY) != price.product_id:
                continue
            products = known["features"]["subscription_update"]["products"] or []
            if {key for product in products for key in product["prices"]} != wanted:
                configurations.update(known["id"], {"features": features})
            return str(known["id"])
    return configurations.create({"metadata": {METADATA_KEY: price.product_id}, "features": features}).id


def _features(price: Price, prices: list[str]) -> Any:
    return {
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "always_invoice",
            "products": [{"product": price.product_id, "prices": prices}],
        },
    }
