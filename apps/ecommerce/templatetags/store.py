import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django import template
from django.conf import settings
from django.core.cache import caches
from django.template.loader import get_template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from apps.core import page_cache
from apps.ecommerce.catalogue.markdown import render_markdown
from apps.ecommerce.models import Payment, Price, ProductConfiguration, Purchase, latest_consents
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases import billing_details
from apps.ecommerce.purchases.consent import consent_texts
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.free_purchases import is_free
from apps.ecommerce.purchases.messages.billing_notes import billing_note, renewal_note
from apps.ecommerce.purchases.messages.payment_labels import (
    can_pay_now,
    is_for_current_plan,
    payment_label,
    payment_note,
    payment_period,
)
from apps.ecommerce.storefront import pending_checkout as checkouts
from apps.ecommerce.storefront.other_products import other_products
from apps.ecommerce.storefront.price_options import PriceOption, bought_price_name, price_name, product_label
from apps.ecommerce.storefront.product_cards import ProductCard
from apps.ecommerce.stripe_api.client import is_livemode
from apps.users.guests import guests_can_buy

logger = logging.getLogger(__name__)

register = template.Library()


register.filter("markdown", render_markdown)  # {{ text|markdown:3 }}: the highest heading is an h3
register.filter(price_name)
register.filter(bought_price_name)
register.filter(billing_note)
register.filter(renewal_note)
register.filter(can_pay_now)
register.filter(is_for_current_plan)
register.filter(payment_label)
register.filter(payment_note)
register.filter(payment_period)
register.filter(latest_consents)


@register.simple_tag
def is_test_mode() -> bool:
    return not is_livemode()


@register.simple_tag(takes_context=True)
def pending_checkout(context: template.Context) -> checkouts.PendingCheckout | None:
    return checkouts.pending_checkout(context["request"])


@register.simple_tag(takes_context=True)
def wanted_product(context: template.Context) -> ProductConfiguration | None:
    return checkouts.wanted_product(context["request"])


@register.simple_tag
def billing_lines(purchase: Purchase) -> list[str]:
    """Return the buyer's name or company, address and tax id."""
    return billing_details.billing_lines(purchase.user, livemode=purchase.livemode) if purchase.user else []


@register.filter
def card_price(configuration: ProductConfiguration) -> str:
    return product_label(configuration.prices)


@register.filter
def by_currency(option: PriceOption, name: str) -> str:
    """`{{ option|by_currency:"label" }}`: one text for each currency; CSS shows that of the chosen one."""
    texts = [getattr(row, name) for row in option.in_currencies or (option,)]
    if len(set(texts)) == 1:
        return str(texts[0])
    rows = format_html_join("", "<span>{}</span>", ((text,) for text in texts))
    return format_html('<span class="by-currency">{}</span>', rows)


@register.filter
def cost_money(options: Sequence[PriceOption]) -> bool:
    """Return whether an option is not free in each currency."""
    return not all(option.price.costs_nothing for option in options)


@register.inclusion_tag("ecommerce/_consent.html")
def consent_boxes(*prices: Price) -> dict[str, object]:
    """`{% consent_boxes price %}`: the boxes that a buyer ticks before the checkout of one of the prices."""
    return {"texts": consent_texts(is_free=all(price.costs_nothing for price in prices))}


@register.inclusion_tag("ecommerce/_consent.html")
def consent_boxes_of(options: Sequence[PriceOption]) -> dict[str, object]:
    return consent_boxes(*(option.price for option in options))


@register.filter
def need_only_email(options: Sequence[PriceOption]) -> bool:
    """Return whether a visitor gets each option by entering an e-mail address."""
    return guests_can_buy() and all(is_free(option.price) for option in options)


@register.filter
def amount(row: Purchase | Payment, name: str = "total") -> str:
    """`{{ payment|amount:"tax" }}`; also subtotal, discount, total, refunded, paid, credit and after_refunds."""
    return format_money(getattr(row, f"amount_{name}"), row.currency)


@register.filter
def next_amount(purchase: Purchase) -> str:
    return format_money(purchase.next_amount or 0, purchase.currency)


@register.filter
def presentment_amount(payment: Payment) -> str:
    return format_money(payment.presentment_amount, payment.presentment_currency)


@register.inclusion_tag("ecommerce/_other_products.html", takes_context=True)
def other_products_for(context: template.Context, purchase: Purchase) -> dict[str, object]:
    """`{% other_products_for purchase %}`: what the user may like next; the category of this purchase comes first."""
    category_id = purchase.product.configuration.category_id
    stamp = getattr(context.get("live_updates"), "stamp", "")
    others = other_products(context["request"].user, category_id)
    return {"others": others, "is_last": True, "stamp": stamp}


@register.simple_tag
def product_cards(
    cards: Sequence[ProductCard],
    *,
    key: str = "",
    template: str = "ecommerce/_product_card.html",
    level: int = 2,
    below_fold: object = None,
    live: object = None,
) -> SafeString:
    """`{% product_cards cards level=3 %}`: a grid of cards whose headings have this level.

    With `key` (storefront.product_cards.grid_key) the cards are cached until the catalogue changes. The template then
    receives only these arguments, nothing of the request. `below_fold` means that the grid is not visible when the page
    opens, `live` that live_updates.py updates the page.
    """
    shared = {"level": level, "below_fold": below_fold, "live": bool(live)}
    # Only for users: a visitor's whole page is cached by cache_public_page.
    version = page_cache.current_version() if key and live and not settings.DEBUG else ""
    parts = (version, key, template, get_language(), *shared.values())
    cache_key = f"cards-{sha256(repr(parts).encode()).hexdigest()}"
    html: str | None = caches["pages"].get(cache_key) if version else None
    if html is None:
        shown = get_template(template)
        rendered = [
            _render_card(shown, {"card": card, "number": n, **shared}) for n, card in enumerate(cards, 1)
        ]
        html = "".join(filter(None, rendered))
        if version and None not in rendered:
            caches["pages"].set(cache_key, html, page_cache.MAX_AGE_SECONDS)
    return mark_safe(html)  # noqa: S308  (rendered by templates)


def _render_card(template: Any, context: dict[str, Any]) -> str | None:
    """Return the card, or None if rendering fails: one broken product must not break the page."""
    try:
        return str(template.render(context))
    except Exception:
        if settings.DEBUG:
            raise
        logger.exception("Product %s can't be shown", context["card"].configuration.product_id)
        return None


@dataclass(eq=False)
class IfOwnedNode(template.Node):
    product: template.base.FilterExpression
    plan: template.base.FilterExpression | None
    if_nodes: template.NodeList
    else_nodes: template.NodeList

    def render(self, context: template.Context) -> SafeString:
        product = self.product.resolve(context)
        if product == "":  # a misspelled name would hide from buyers what they own
            raise ValueError(f"{{% if_owned {self.product} %}}: this template has no {self.product}")
        if isinstance(product, ProductConfiguration):
            product = product.product
        plans = [self.plan.resolve(context)] if self.plan else ()
        nodes = self.if_nodes if owned(context["request"].user, product, plans) else self.else_nodes
        return nodes.render(context)


@register.tag
def if_owned(parser: template.base.Parser, token: template.base.Token) -> IfOwnedNode:
    """`{% if_owned product %}…{% else %}…{% endif_owned %}`, for a product or its configuration.

    `{% if_owned product plan="pro" %}` is about the buyers of one plan.
    """
    arguments = token.split_contents()[1:]
    if len(arguments) not in (1, 2) or not all(argument.startswith("plan=") for argument in arguments[1:]):
        raise template.TemplateSyntaxError(
            'if_owned takes a product and perhaps a plan: {% if_owned product plan="pro" %}'
        )
    plan = parser.compile_filter(arguments[1].removeprefix("plan=")) if len(arguments) == 2 else None
    if_nodes = parser.parse(("else", "endif_owned"))
    else_nodes = template.NodeList()
    if parser.next_token().contents == "else":
        else_nodes = parser.parse(("endif_owned",))
        parser.delete_first_token()
    return IfOwnedNode(parser.compile_filter(arguments[0]), plan, if_nodes, else_nodes)
