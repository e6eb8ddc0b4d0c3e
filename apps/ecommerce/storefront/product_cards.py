from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import has_access, newest_with_access
from apps.ecommerce.purchases.live_updates import STAMP_FIELDS

# The columns of a purchase that a grid of cards uses.
CARD_FIELDS = (*STAMP_FIELDS, "public_id", "product_id", "subscription_id", "subscription_status")
# The long texts of a configuration, which no card shows.
UNUSED_BY_CARDS = ("content", "description", "specifications", "search_text")


@dataclass(slots=True)
class ProductCard:
    configuration: ProductConfiguration
    owned: Purchase | None = None
    pending: Purchase | None = None
    is_wanted: bool = False  # a page that the visitor requested needs this product

    @property
    def version(self) -> str:
        """Return a value that changes with the purchase on the card."""
        row = self.owned or self.pending
        return f"{row.public_id}.{row.version}" if row else "none"

    @property
    def subscribed(self) -> bool:
        return bool(self.owned and self.owned.subscription_id)

    @property
    def is_given(self) -> bool:
        """Return whether an operator gave the access, so that the user can still buy the product."""
        return bool(self.owned and self.owned.granted_at)


def product_cards(
    configurations: Iterable[ProductConfiguration], purchases: Sequence[Purchase], wanted: str = ""
) -> list[ProductCard]:
    """Return a card for each configuration. `purchases` are all purchases of the user, newest first.

    The product with the slug `wanted` is marked, unless the user owns it.
    """
    owned, pending = newest_with_access(purchases), _newest_pending(purchases)
    cards = [
        ProductCard(
            row,
            owned.get(row.product_id),
            pending.get(row.product_id),
            is_wanted=row.slug == wanted and row.product_id not in owned,
        )
        for row in configurations
    ]
    for card in cards:
        for purchase in filter(None, (card.owned, card.pending)):
            purchase.product = card.configuration.product  # saves a query
    return cards


def grid_key(name: str, purchases: Sequence[Purchase]) -> str:
    """Return a cache key for a grid of cards. `name` identifies its products in the current catalogue."""
    shown = [*newest_with_access(purchases).values(), *_newest_pending(purchases).values()]
    return repr((name, [(row.public_id, row.version, has_access(row)) for row in shown]))


def blocks_buying(purchase: Purchase) -> bool:
    """Return whether a purchase without access would be charged twice if the product were bought again."""
    return purchase.status == Status.PROCESSING or (
        purchase.has_running_subscription and not has_access(purchase)
    )


def _newest_pending(purchases: Sequence[Purchase]) -> dict[str, Purchase]:
    return {row.product_id: row for row in reversed(purchases) if blocks_buying(row)}
