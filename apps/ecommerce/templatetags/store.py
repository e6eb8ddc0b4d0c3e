"""Template tags of the store: `{% load store %}`."""

from __future__ import annotations

import logging
from typing import Any

from django import template
from django.conf import settings
from django.utils.safestring import SafeString

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


@register.simple_tag(takes_context=True)
def product_card(
    context: template.Context, card: Card, name: str = "ecommerce/_product_card.html"
) -> SafeString:
    """{% product_card card %}: a product in a grid, or as the template `name` shows it.

    A product that can't be shown costs its own card only; while developing, the error is shown.
    """
    assert context.template is not None  # it is being rendered
    shown = context.template.engine.get_template(name)
    try:
        with context.push(card=card):
            return shown.render(context)
    except Exception:
        if settings.DEBUG:
            raise
        logger.exception("Product %s can't be shown", card.configuration.product_id)
        return SafeString("")


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
