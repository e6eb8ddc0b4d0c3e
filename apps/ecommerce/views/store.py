"""What is for sale: the store and a product's page."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from apps.core.page_cache import cache_public_page, one_of
from apps.ecommerce.cards import CARD_FIELDS, cards_for, grid_key
from apps.ecommerce.live import live
from apps.ecommerce.models import ProductConfiguration, ProductConfigurationQuerySet, Purchase
from apps.ecommerce.offers import offers_for
from apps.ecommerce.pagination import MAX_SHARED_PAGE, Pages, paginate, shared_page_number
from apps.ecommerce.store_filter import KINDS, SORTS, StoreFilter
from apps.web.rate_limits import limited

RELATED = 4


@require_safe
@limited("search", asks="q")
@cache_public_page(type=one_of(KINDS), sort=one_of(SORTS), page=shared_page_number)
def store(request: HttpRequest) -> HttpResponse:
    store_filter = StoreFilter.from_query(request.GET)
    pages = paginate(store_filter.queryset(), request.GET.get("page", ""))
    mine = list(Purchase.objects.for_user(request.user).only(*CARD_FIELDS))
    context = {
        "filter": store_filter,
        "pages": pages,
        "cards": SimpleLazyObject(lambda: cards_for(_on_sale(pages), mine)),
        "grid_key": _key(store_filter, pages, mine),
        "canonical": _canonical(store_filter, pages.first),
        "live": live(request.user, mine),
    }
    response = render(request, "ecommerce/store.html", context)
    if request.GET.get("page", "1") != str(pages.first):
        patch_cache_control(response, private=True)  # beyond the last page: made-up numbers fill no cache
    return response


@require_safe
@cache_public_page()
def product(request: HttpRequest, slug: str) -> HttpResponse:
    configuration = get_object_or_404(ProductConfiguration.objects.select_related("product"), slug=slug)
    mine = list(Purchase.objects.for_user(request.user))
    [card] = cards_for([configuration], mine)
    user = request.user if request.user.is_authenticated else None
    offers = offers_for(configuration.prices, user) if configuration.is_on_sale else []
    prices = [offer.price.id for offer in offers]
    asked = request.GET.get("price", "")
    context = {
        "card": card,
        "configuration": configuration,
        "offers": offers,
        "chosen": asked if asked in prices else next(iter(prices), ""),
        "related": SimpleLazyObject(lambda: cards_for(_next_on_the_shelf(configuration), mine)),
        "related_key": grid_key(f"after {slug}", mine),
        "live": live(request.user, mine),
    }
    # Gone from the store is not gone from the web: the page says so, and owners still find their way in.
    status = 200 if configuration.is_on_sale or card.owned else 404
    return render(request, "ecommerce/product.html", context, status=status)


def _canonical(store_filter: StoreFilter, page: int) -> str:
    """The address by which a shelf is listed: its type and page, in whatever order. A search is not: ""."""
    if store_filter.q or store_filter.first:
        return ""
    parts = {"type": store_filter.kind, "page": page if page > 1 else ""}
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"{reverse('store')}?{query}" if query else reverse("store")


def _on_sale(pages: Pages[ProductConfigurationQuerySet]) -> list[ProductConfiguration]:
    return list(pages.rows.on_sale().with_catalogue().defer("content", "description", "search_text"))


def _key(
    store_filter: StoreFilter, pages: Pages[ProductConfigurationQuerySet], mine: Sequence[Purchase]
) -> str:
    """Return the key of a grid that many people ask for; "" for a search or a late page."""
    if store_filter.q or store_filter.first or pages.last > MAX_SHARED_PAGE:
        return ""
    return grid_key(f"store {store_filter} {pages.first}-{pages.last}", mine)


def _next_on_the_shelf(here: ProductConfiguration) -> list[ProductConfiguration]:
    """Return the products after this one in the founder's order, then those from the beginning."""
    listed = ProductConfiguration.objects.on_sale().filter(listed=True).exclude(pk=here.pk)
    shelf = listed.select_related("product").defer("content", "description", "search_text")
    behind = shelf.filter(position__gte=here.position).exclude(position=here.position, id__lt=here.pk)
    found = list(behind[:RELATED])
    if len(found) < RELATED:
        found += shelf.exclude(pk__in=[row.pk for row in found])[: RELATED - len(found)]
    prefetch_related_objects(found, "product__prices")
    return found
