"""Remember what a visitor chose to buy, so that the sign-in pages can name it and continue with it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.account.utils import get_next_redirect_url
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse

from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.storefront.code_notes import LinkCode, add_code_notes
from apps.ecommerce.storefront.price_options import PriceOption, price_options

PENDING_CHECKOUT = "pending_checkout"  # session key: slug, price, currency and code


@dataclass(frozen=True, slots=True)
class PendingCheckout:
    configuration: ProductConfiguration
    options: list[PriceOption]  # only the chosen option


def pending_path(request: HttpRequest) -> str:
    """Return the URL that continues the pending checkout; "" if there is none, or if `next` leads elsewhere."""
    pending = request.session.get(PENDING_CHECKOUT)
    if not pending:
        return ""
    path = reverse("buy", args=[pending["slug"]])
    return path if _next_path(request) in ("", path) else ""


def pending_checkout(request: HttpRequest) -> PendingCheckout | None:
    if not pending_path(request):
        return None
    pending = request.session[PENDING_CHECKOUT]
    configuration = ProductConfiguration.objects.with_catalogue().filter(slug=pending["slug"]).first()
    prices = (
        [price for price in configuration.prices if price.id == pending["price"]] if configuration else []
    )
    if not configuration or not configuration.is_on_sale or not prices:
        return None  # the product page will say why
    currency = pending["currency"] if pending["currency"] in prices[0].amounts else ""
    code = LinkCode.find(pending["code"], None) if pending.get("code") else None
    return PendingCheckout(configuration, add_code_notes(price_options(prices, None, currency), code))


def wanted_product(request: HttpRequest) -> ProductConfiguration | None:
    """Return the product on sale that the page at `next` requires, if @product_required redirected the visitor."""
    try:
        match = resolve(_next_path(request))
    except Resolver404:
        return None
    view = getattr(match.func, "view_class", match.func)
    slug = match.kwargs.get("product_slug") or getattr(view, "product_slug", None)
    on_sale = ProductConfiguration.objects.on_sale().select_related("product")
    return on_sale.filter(slug=slug).first() if slug else None


@receiver(user_logged_in)
def forget_other_checkout(request: HttpRequest | None, **signal: Any) -> None:
    """Forget what a buyer did not continue, so that no later page opens its payment."""
    if request and not pending_path(request):
        request.session.pop(PENDING_CHECKOUT, None)


def _next_path(request: HttpRequest) -> str:
    # Between the steps of a sign-in, allauth keeps the URL in the session.
    stored = (request.session.get(LOGIN_SESSION_KEY) or {}).get("redirect_url")
    return urlsplit(get_next_redirect_url(request) or stored or "").path
