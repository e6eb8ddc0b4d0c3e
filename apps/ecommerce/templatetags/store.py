"""Template tags of the store: `{% load store %}`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from django import template
from django.conf import settings
from django.core.cache import caches
from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from apps.core import page_cache
from apps.ecommerce import money, offers
from apps.ecommerce.cards import Card
from apps.ecommerce.entitlements import owned
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase
from apps.ecommerce.prose import html_of
from apps.ecommerce.states import note_of
from apps.ecommerce.structured_data import product_data
from apps.web.structured_data import script

logger = logging.getLogger(__name__)

register = template.Library()


@register.filter
def markdown(text: str, top: int = 2) -> SafeString:
    """`{{ text|markdown:3 }}`: the founder's Markdown as safe HTML whose highest heading is an h3."""
    return html_of(text, top)


@register.filter
def price_label(price: Price) -> str:
    return money.price_label(price)


@register.filter
def price_name(price: Price) -> str:
    """What was chosen: "Team licence", "Monthly", "One-time payment"."""
    return offers.price_name(price)


@register.filter
def card_price(configuration: ProductConfiguration) -> str:
    """The line of a card: "$9", "From $9", "$9 / month"."""
    return money.product_label(configuration.prices)


@register.filter
def amount(purchase: Purchase, name: str = "total") -> str:
    """`{{ purchase|amount:"tax" }}`: one of its amounts (subtotal, discount, tax, total, refunded, kept) as money."""
    return money.format_money(getattr(purchase, f"amount_{name}"), purchase.currency)


@register.filter
def renewal_note(purchase: Purchase) -> str:
    """What comes next: "Renews on …", "Ends on …", "Trial ends on …", "Payment failed"; "" for what is paid once."""
    return note_of(purchase)


@register.simple_tag
def product_json_ld(configuration: ProductConfiguration) -> SafeString:
    return script(product_data(configuration))


@register.simple_tag
def product_cards(
    cards: Sequence[Card],
    *,
    key: str = "",
    template: str = "ecommerce/_product_card.html",
    level: int = 2,
    below: object = None,
    live: object = None,
) -> SafeString:
    """`{% product_cards cards level=3 %}`: the cards of a grid, with headings of this level.

    With `key` (cards.grid_key) they are cached until the catalogue changes, so the template gets what is passed here
    and nothing of the request. Lazy cards are not read if they are cached.
    `below` says that the grid is out of sight when the page opens, `live` that the page may be updated (live.py).
    """
    shared = {"level": level, "below": below, "live": bool(live)}
    # A visitor's page is cached as a whole.
    version = page_cache.current_version() if key and live and not settings.DEBUG else ""
    parts = (version, key, template, get_language(), *shared.values())
    cache_key = f"cards-{sha256(repr(parts).encode()).hexdigest()}"
    html: str | None = caches["pages"].get(cache_key) if version else None
    if html is None:
        shown = get_template(template)
        rendered = [_card(shown, {"card": card, "number": n, **shared}) for n, card in enumerate(cards, 1)]
        html = "".join(filter(None, rendered))
        if version and None not in rendered:
            caches["pages"].set(cache_key, html, page_cache.MAX_AGE_SECONDS)
    return mark_safe(html)  # noqa: S308  (rendered by templates)


def _card(template: Any, context: dict[str, Any]) -> str | None:
    """Return the card; None if the product can't be shown, which costs its own card only."""
    try:
        return str(template.render(context))
    except Exception:
        if settings.DEBUG:
            raise
        logger.exception("Product %s can't be shown", context["card"].configuration.product_id)
        return None


class IfOwned(template.Node):
    def __init__(
        self, product: template.base.FilterExpression, yes: template.NodeList, no: template.NodeList
    ) -> None:
        self.product, self.yes, self.no = product, yes, no

    def render(self, context: template.Context) -> SafeString:
        product: Product | ProductConfiguration | Any = self.product.resolve(context)
        if isinstance(product, ProductConfiguration):
            product = product.product
        return (self.yes if owned(context["request"].user, product) else self.no).render(context)


@register.tag
def if_owned(parser: template.base.Parser, token: template.base.Token) -> IfOwned:
    """`{% if_owned product %}…{% else %}…{% endif_owned %}`: what the gate would decide.

    Takes a product or its configuration.
    """
    try:
        _name, product = token.split_contents()
    except ValueError:
        raise template.TemplateSyntaxError("if_owned takes one product: {% if_owned product %}") from None
    yes = parser.parse(("else", "endif_owned"))
    no = template.NodeList()
    if parser.next_token().contents == "else":
        no = parser.parse(("endif_owned",))
        parser.delete_first_token()
    return IfOwned(parser.compile_filter(product), yes, no)
