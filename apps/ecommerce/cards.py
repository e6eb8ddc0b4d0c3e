"""A product in a grid, as this visitor sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from apps.web.pieces import HOLE, Own

from .entitlements import grants, opening
from .live import live
from .mine import purchases_of
from .models import ProductConfiguration, Purchase
from .models import PurchaseStatus as Status

PENDING = (Status.PROCESSING,)
LOOKS = ("owned", "subscribed")


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
        return version_of(row) if row else "none"

    @property
    def subscribed(self) -> bool:
        return bool(self.owned and self.owned.subscription_id)

    def seen_as(self, look: str) -> Card:
        """As anybody sees it who has bought the product, or subscribed to it; with a hole for their version."""
        subscription = "sub_" if look == "subscribed" else ""
        return Card(self.configuration, Purchase(public_id=HOLE, subscription_id=subscription))


def blocks_buying(purchase: Purchase) -> bool:
    """Whether it opens nothing yet, but buying the product beside it would be paying twice."""
    return purchase.status in PENDING or (purchase.has_running_subscription and not grants(purchase))


def version_of(purchase: Purchase) -> str:
    return HOLE if purchase.public_id == HOLE else f"{purchase.public_id}.{purchase.version}"


def cards_for(configurations: Sequence[ProductConfiguration], mine: Sequence[Purchase]) -> list[Card]:
    """Cards with what the visitor owns or is waiting for, of all that they have bought, newest first."""
    owned = opening(mine)
    pending = {row.product_id: row for row in reversed(mine) if blocks_buying(row)}
    cards = [Card(row, owned.get(row.product_id), pending.get(row.product_id)) for row in configurations]
    for card in cards:
        for purchase in filter(None, (card.owned, card.pending)):
            purchase.product = card.configuration.product  # read already
    return cards


def own_cards(request: HttpRequest, shown: list[str]) -> dict[str, Own]:
    """Of these products, the cards that look otherwise for this visitor. One query; three if something is pending."""
    mine = purchases_of(request.user)
    here = [row for row in mine if row.product_id in shown]
    asks = live(request.user, mine)
    own: dict[str, Own] = {"live": ("", asks.seen if asks else "")}
    owned = opening(here)
    for product, row in owned.items():
        own[product] = (LOOKS[bool(row.subscription_id)], version_of(row))
    if pending := {row.product_id for row in here if blocks_buying(row)} - owned.keys():
        waiting = ProductConfiguration.objects.filter(product__in=pending).with_catalogue()
        for card in cards_for(list(waiting), here):
            own[card.configuration.product_id] = {"card": card, "live": asks}
    return own
