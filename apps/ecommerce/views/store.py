from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from apps.core.page_cache import cache_public_page
from apps.core.public_query import one_of
from apps.core.rate_limits import rate_limited
from apps.ecommerce.models import Category, ProductConfiguration, ProductConfigurationQuerySet, Purchase, Tag
from apps.ecommerce.purchases.live_updates import live_updates
from apps.ecommerce.purchases.previews import can_preview
from apps.ecommerce.storefront.code_notes import add_code_notes, upgrade_code_note
from apps.ecommerce.storefront.corrections import corrected
from apps.ecommerce.storefront.groups import known_slug, store_counts
from apps.ecommerce.storefront.other_products import related_products
from apps.ecommerce.storefront.pagination import MAX_CACHED_PAGE, PageRange, cacheable_page_number, paginate
from apps.ecommerce.storefront.price_options import (
    currency_choices,
    options_in_currencies,
    price_options,
    shared_currency,
    upgrade_options,
)
from apps.ecommerce.storefront.product_cards import CARD_FIELDS, UNUSED_BY_CARDS, grid_key, product_cards
from apps.ecommerce.storefront.product_page import product_page
from apps.ecommerce.storefront.store_filter import SORTS, TYPE_FILTERS, StoreFilter
from apps.ecommerce.views.discount_codes import find_link_code


@require_safe
@rate_limited("search", parameter="q")
@rate_limited("code", parameter="code")
@cache_public_page(
    type=one_of(TYPE_FILTERS),
    sort=one_of(SORTS),
    page=cacheable_page_number,
    category=known_slug(Category),
    tag=known_slug(Tag),
)
def store(request: HttpRequest) -> HttpResponse:
    store_filter = StoreFilter.from_query(request.GET)
    groups = {"category": known_slug(Category), "tag": known_slug(Tag)}
    known: dict[str, Any] = {name: check(getattr(store_filter, name)) for name, check in groups.items()}
    store_filter = replace(store_filter, **known)
    counts = store_counts(store_filter)
    correction = None
    if store_filter.q and not (counts.products or store_filter.exact):
        correction = corrected(store_filter)
    if correction:
        counts = store_counts(correction)
    pages = paginate((correction or store_filter).queryset(), request.GET.get("page", ""), counts.products)
    purchases = list(Purchase.objects.for_user(request.user).only(*CARD_FIELDS))
    context = {
        "filter": store_filter,
        "correction": correction,
        "pages": pages,
        "categories": counts.categories,
        "tags": counts.tags,
        "cards": SimpleLazyObject(
            lambda: product_cards(_configurations(pages), purchases, store_filter.first)
        ),
        "grid_key": _store_grid_key(store_filter, pages, purchases),
        "canonical": _canonical_path(store_filter, pages.first.number),
        "live_updates": live_updates(request.user, purchases),
        "link_code": find_link_code(request),
    }
    response = render(request, "ecommerce/store.html", context)
    if request.GET.get("page", "1") != str(pages.first.number):
        patch_cache_control(response, private=True)  # don't cache page numbers that do not exist
    return response


@require_safe
@rate_limited("code", parameter="code")
@cache_public_page()
def product(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        page = product_page(slug)
    except ProductConfiguration.DoesNotExist:
        raise Http404("There is no such product.") from None
    configuration = page.configuration
    is_preview = _is_preview(request, configuration)
    bought = Purchase.objects.for_user(request.user).only(*CARD_FIELDS, "currency")
    purchases = [] if is_preview else list(bought)
    product_purchases = _complete_purchases(purchases, configuration.product_id)
    [card] = product_cards([configuration], product_purchases)
    # Owners can open the page of a product that is no longer sold.
    is_shown = configuration.is_on_sale or card.owned or is_preview
    if configuration.status == ProductConfiguration.Status.DRAFT and not is_shown:
        raise Http404("This product is a draft.")
    user = request.user if request.user.is_authenticated else None
    prices = configuration.prices if configuration.is_on_sale or is_preview else []
    fixed_currency = shared_currency(prices, purchases)
    options = (
        price_options(prices, user, fixed_currency) if fixed_currency else options_in_currencies(prices, user)
    )
    upgrades = upgrade_options(configuration.prices, product_purchases) if options and card.owned else []
    link_code = find_link_code(request)
    options = add_code_notes(options, link_code)
    price_ids = [option.price.id for option in options]
    chosen, currency = request.GET.get("price", ""), request.GET.get("currency", "").lower()
    currencies = [] if fixed_currency else currency_choices(prices)
    context = {
        "card": card,
        "configuration": configuration,
        "json_ld": page.json_ld,
        "price_options": options,
        "upgrade_options": upgrades,
        "chosen": chosen if chosen in price_ids else next(iter(price_ids), ""),
        "link_code": link_code,
        "upgrade_code_note": upgrade_code_note(link_code, card.owned),
        "currencies": currencies,
        "fixed_currency": fixed_currency,
        "chosen_currency": currency if currency in dict(currencies) else "",
        "outline": page.outline if is_shown else None,
        "what_you_get": page.what_you_get if is_shown else None,
        "related": SimpleLazyObject(lambda: product_cards(related_products(configuration), purchases)),
        "related_key": grid_key(f"related to {slug}", purchases),
        "live_updates": live_updates(request.user, purchases),
    }
    return render(request, "ecommerce/product.html", context, status=200 if is_shown else 404)


def _complete_purchases(purchases: Sequence[Purchase], product_id: str) -> list[Purchase]:
    """Return the purchases of this product with all columns and their prices, newest first."""
    ids = [row.pk for row in purchases if row.product_id == product_id]
    rows = Purchase.objects.filter(pk__in=ids).select_related("price", "upgrade_of")
    return list(rows) if ids else []


def _is_preview(request: HttpRequest, configuration: ProductConfiguration) -> bool:
    """Return whether staff see the page of a shopper: before the sale, or with ?preview as if they owned nothing."""
    is_preview = (not configuration.is_on_sale or "preview" in request.GET) and can_preview(request)
    if is_preview:
        request.product_preview = "shopper"  # type: ignore[attr-defined]
    return is_preview


def _canonical_path(store_filter: StoreFilter, page: int) -> str:
    """Return the path for search engines, without the sort order; "" for a search, which is not indexed."""
    if store_filter.q or store_filter.first:
        return ""
    params = {
        "type": store_filter.kind,
        "category": store_filter.category,
        "tag": store_filter.tag,
        "page": page if page > 1 else "",
    }
    query = urlencode({name: value for name, value in params.items() if value})
    return f"{reverse('store')}?{query}" if query else reverse("store")


def _configurations(pages: PageRange) -> ProductConfigurationQuerySet:
    return pages.rows.on_sale().with_catalogue().defer(*UNUSED_BY_CARDS)


def _store_grid_key(store_filter: StoreFilter, pages: PageRange, purchases: Sequence[Purchase]) -> str:
    if store_filter.q or store_filter.first or pages.last.number > MAX_CACHED_PAGE:
        return ""
    return grid_key(f"store {store_filter} {pages.first.number}-{pages.last.number}", purchases)
