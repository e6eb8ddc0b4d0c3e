"""Switch a subscription to another price of its product, on Stripe's portal page, which shows the proration first.

https://docs.stripe.com/customer-management/portal-deep-links
"""

from collections.abc import Iterable
from dataclasses import dataclass
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
SET_KEY = "plan_switch_set"


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
        and purchase.currency in price.amounts
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
        "configuration": _current_configuration(purchase, price),
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


@dataclass(frozen=True)
class PlanSet:
    """Prices of a product between which a portal configuration lets buyers choose."""

    product_id: str
    number: int
    prices: tuple[str, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """Return the set and a digest of its prices, because Stripe's responses may lack the prices."""
        digest = sha256(" ".join(self.prices).encode()).hexdigest()
        return {METADATA_KEY: self.product_id, SET_KEY: str(self.number), "prices": digest}

    @property
    def key(self) -> tuple[str, str]:
        return self.product_id, str(self.number)

    def is_current(self, configuration: StripeData | None) -> bool:
        """Return whether the configuration offers exactly these prices."""
        return configuration is not None and configuration["metadata"] == self.metadata


def plan_sets(product: Product) -> list[PlanSet]:
    """Return the product's recurring prices in sets with one price for each interval.

    Stripe refuses others: "For each product, its price must have unique billing intervals."
    """
    groups: dict[tuple[str, int], list[str]] = {}
    recurring = product.prices.filter(active=True, type=Price.Type.RECURRING)
    for price in recurring.order_by("plan", "currency", "unit_amount", "id"):
        groups.setdefault((price.interval, price.interval_count), []).append(price.id)
    return [
        PlanSet(
            product.id, number, tuple(sorted(group[min(number, len(group) - 1)] for group in groups.values()))
        )
        for number in range(max(map(len, groups.values()), default=0))
    ]


def fetch_configurations() -> dict[tuple[str, str], StripeData]:
    """Return the portal configurations for plan changes by product and number of their set."""
    pages = fetch_pages("billing_portal/configurations", active=True)
    listed = [(row["metadata"] or {}, row) for page in pages for row in page]
    return {(data[METADATA_KEY], data.get(SET_KEY, "0")): row for data, row in listed if METADATA_KEY in data}


def save_configuration(configuration: StripeData | None, plans: PlanSet) -> str:
    """Create or update the portal configuration of a set, and return its id."""
    configurations = get_client().v1.billing_portal.configurations
    features, metadata = _features(plans), plans.metadata
    if configuration:
        key = configuration["id"]
        return configurations.update(key, {"features": features, "metadata": metadata}).id
    return configurations.create({"features": features, "metadata": metadata}).id


def _current_configuration(purchase: Purchase, price: Price) -> str:
    """Return the id of a configuration with the price. Create or update it if stripe_doctor --fix has not done so."""
    sets = [row for row in plan_sets(price.product) if price.id in row.prices]
    plans = max(sets, key=lambda row: purchase.price_id in row.prices)
    known = fetch_configurations().get(plans.key)
    return str(known["id"]) if known and plans.is_current(known) else save_configuration(known, plans)


def _features(plans: PlanSet) -> Any:
    return {
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "proration_behavior": "always_invoice",
            "products": [{"product": plans.product_id, "prices": [*plans.prices]}],
        },
    }
