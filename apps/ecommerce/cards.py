"""A product in a grid, as this visitor sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .entitlements import grants, opening
from .live import STAMP_FIELDS
from .models import ProductConfiguration, Purchase
from .models import PurchaseStatus as Status

PENDING = (Status.PROCESSING,)
# What the cards of a grid read of a purchase.
CARD_FIELDS = (*STAMP_FIELDS, "public_id", "product_id", "subscription_id", "subscription_status")


@dataclass(slots=True)
class Card:
    """One product as this visitor sees it in a grid."""

    configuration: ProductConfiguration
    owned: Purchase | None = None
    pending: Purchase | None = None

    @property
    def version(self) -> str:
        """Another one when the card looks another way because of a purchase."""
        row = self.owned or self.pending
        return f"{row.public_id}.{row.version}" if row else "none"

    @property
    def subscribed(self) -> bool:
        return bool(self.owned and self.owned.subscription_id)


def blocks_buying(purchase: Purchase) -> bool:
    """Return whether the purchase gives no access now, but buying the product again would charge the buyer twice."""
    return purchase.status in PENDING or (purchase.has_running_subscription and not grants(purchase))


def cards_for(configurations: Sequence[ProductConfiguration], mine: Sequence[Purchase]) -> list[Card]:
    """Return a card for each configuration. `mine` are all purchases of the visitor, newest first."""
    owned, pending = opening(mine), _pending(mine)
    cards = [Card(row, owned.get(row.product_id), pending.get(row.product_id)) for row in configurations]
    for card in cards:
        for purchase in filter(None, (card.owned, card.pending)):
            purchase.product = card.configuration.product  # read already
    return cards


def grid_key(name: str, mine: Sequence[Purchase]) -> str:
    """Return a cache key for the cards of a grid. `name` says which products it shows until the catalogue changes."""
    rows = [
        [(row.public_id, row.version) for row in found.values()] for found in (opening(mine), _pending(mine))
    ]
    return repr((name, rows))


def _pending(mine: Sequence[Purchase]) -> dict[str, Purchase]:
    return {row.product_id: row for row in reversed(mine) if blocks_buying(row)}
